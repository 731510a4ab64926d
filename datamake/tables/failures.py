"""What Arrow says of files that it cannot read or write → `TableError`.

Knows nothing of what is in them.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager

import pyarrow as pa

from datamake.errors import shortened
from datamake.tables import TableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SHOWN = {
    "parquet": "Parquet",
    "arrow": "Arrow",
    "orc": "ORC",
    "csv": "CSV",
    "tsv": "TSV",
    "jsonl": "JSON lines",
}
LONG = 200


@contextmanager
def explaining(path: str, format: str, what: str = "read") -> Iterator[None]:
    """Raises TableError for what goes wrong inside, but for what the operating system refuses."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, LookupError, MemoryError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # Arrow's names no file
            raise OSError(error.errno, os.strerror(error.errno), error.filename or path) from error
        raise TableError(f"`{path}` cannot be {what} as {SHOWN[format]}", [brief(error)]) from error


@contextmanager
def named(paths: Sequence[str], shown: Callable[[str], str]) -> Iterator[None]:
    """Errors inside name files as they are shown. Raises TableError."""
    roots = tuple(paths)

    def changed(text: str) -> str:
        return re.sub("`([^`]*)`", one, text)

    def one(found: re.Match[str]) -> str:
        return f"`{shown(found[1])}`" if found[1].startswith(roots) else found[0]

    try:
        yield
    except TableError as error:
        raise TableError(
            changed(error.headline), [changed(fact) for fact in error.facts], error.hint
        ) from error


def brief(error: BaseException) -> str:
    """The first line of a message, and no more of it than fits on a screen."""
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    return shortened(first, LONG)
