"""DuckDB: the module where it is needed, and its version, without loading it.

Knows nothing of what it is used for.
"""

from __future__ import annotations

import os
import sys
from functools import lru_cache

from datamake.errors import EnvironmentFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ENDING = ".dist-info"


def duckdb() -> Any:
    """The module. Raises EnvironmentFailed where it is not installed."""
    try:
        import duckdb as module

        _ = module.connect  # which a folder of that name has not
    except (ImportError, AttributeError) as error:
        raise EnvironmentFailed(
            "this needs DuckDB", hint="install it: `pip install 'datamake[sql]'`"
        ) from error
    return module


def version(package: str = "duckdb") -> str | None:
    """`duckdb 2.0.0`, or None where it is not installed: what results depend on beside the query."""
    place = installed(package)
    return f"{package} {place[: -len(ENDING)].rpartition('-')[2]}" if place else None


@lru_cache
def installed(package: str) -> str | None:
    """The folder that says which version of a package is installed; None where it is not."""
    for folder in sys.path:
        try:
            names = os.listdir(folder or ".")
        except OSError:
            continue
        for name in names:
            if name.startswith(f"{package}-") and name.endswith(ENDING):
                return os.path.join(folder, name)
    return None
