"""A DuckDB session that sees what it is handed and nothing else, and is the same everywhere.

Knows nothing of what is asked of it. Its time zone is UTC; it has no files, network, variables of
the environment, extensions or settings.
"""

from __future__ import annotations

from contextlib import contextmanager

from datamake.datafile.sql import literal
from datamake.tables.engine import duckdb
from datamake.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any


@value
class Limits:
    """What a query may use. `memory` is in bytes; `folder` is where it may spill (None: nowhere)."""

    threads: int = 1
    memory: int | None = None
    folder: str | None = None


NONE = Limits()

SETTINGS: dict[str, Any] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "preserve_insertion_order": True,
    "python_enable_replacements": False,
}


@contextmanager
def session(limits: Limits = NONE) -> Iterator[Any]:
    """A connection to a database of its own, in memory. It is open until `close` has been called."""
    settings: dict[str, Any] = {"threads": max(limits.threads, 1)}
    settings["temp_directory"] = limits.folder or ""
    if limits.memory is not None:
        settings["memory_limit"] = f"{limits.memory}B"
    connection = duckdb().connect(":memory:", config={**SETTINGS, **settings})
    try:
        connection.execute(
            "SET TimeZone = 'UTC'; SET Calendar = 'gregorian'; SET errors_as_json = true"
        )
        yield connection
    finally:
        connection.close()


def close(connection: Any, paths: Sequence[str] = ()) -> None:
    """From now on there are only these files, for views that are there already."""
    listed = ", ".join(map(literal, paths))
    connection.execute(
        f"SET allowed_paths = [{listed}]; SET enable_external_access = false; "
        "SET lock_configuration = true"
    )
