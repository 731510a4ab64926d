"""What Arrow says of files that it cannot read or write → `TableError`.

Knows nothing of what is in them.
"""

from __future__ import annotations

from contextlib import contextmanager

import pyarrow as pa

from datamake.errors import shortened
from datamake.tables import TableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

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
def explaining(path: str, format: str, what: str = "read") -> Iterator[None]:  # noqa: A002
    """Raises TableError for what goes wrong inside, but for what the operating system refuses."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, LookupError, MemoryError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise TableError(f"`{path}` cannot be {what} as {SHOWN[format]}", [brief(error)]) from error


def brief(error: BaseException) -> str:
    """The first line of a message, and no more of it than fits on a screen."""
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    return shortened(first, LONG)
