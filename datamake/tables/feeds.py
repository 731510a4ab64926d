"""One file → its raw columns, and the number of each row in the file.

Knows no types but those that the file states. Of a text file the columns are texts; rows that
cannot be taken apart are errors, or refused one by one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque

import pyarrow as pa

from datamake.tables import TableError
from datamake.tables.columnar import COLUMNAR
from datamake.tables.delimited import Delimited
from datamake.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    import pyarrow.csv as pc

    from datamake.formats import Reading

    Types = Mapping[str, pa.DataType]


@value
class Refused:
    """A row that goes no further. `row` counts from 1; `column` is None where it is all of it."""

    row: int
    column: str | None
    value: str | None
    reason: str


@value
class Chunk:
    """Some rows of a file. The first of `batch` is row `first`, but for those before it in `gaps`.

    `gaps` has, for each row that was left out, the index in `batch` of the row after it.
    """

    batch: pa.RecordBatch
    first: int
    gaps: Sequence[int] = ()
    refused: Sequence[Refused] = ()

    def number(self, at: int) -> int:
        """The number in the file of the row at an index of `batch`."""
        return self.first + at + bisect_right(self.gaps, at)


class ColumnarFeed:
    """A Parquet, Arrow or ORC file."""

    strict = True
    """Whether it knows all of its columns, so that one that it has not is a mistake."""
    decimal = "."

    def __init__(self, path: str, format: str) -> None:
        self.path = path
        self.part = COLUMNAR[format](path)
        self.types: Types = dict(zip(self.part.schema.names, self.part.schema.types, strict=True))
        for name in self.types:
            if self.part.schema.get_field_index(name) < 0:
                raise TableError(
                    f"`{path}` has more than one column `{name}`",
                    hint="columns are told apart by their names",
                )

    def chunks(self, wanted: Types) -> Iterator[Chunk]:
        """All rows, of the columns that are wanted."""
        first = 1
        for batch in self.part.batches(wanted.keys()):
            yield Chunk(batch, first)
            first += batch.num_rows


class DelimitedFeed:
    """A CSV or TSV file; `tolerant` of rows with more or fewer values than columns."""

    strict = True

    def __init__(self, path: str, format: str, reading: Reading, *, tolerant: bool) -> None:
        self.path = path
        self.tolerant = tolerant
        self.part = Delimited(path, format, reading)
        self.types: dict[str, pa.DataType | None] = dict.fromkeys(self.part.names)
        self.decimal = self.part.decimal

    def looking(self, guesses: dict[str, Any], known: set[str]) -> Iterator[int]:
        """Take in the kinds of text in the columns that are not known, some rows at a time."""
        return self.part.looking(guesses, known, (lambda _: "skip") if self.tolerant else None)

    def chunks(self, wanted: Types) -> Iterator[Chunk]:
        """All rows, of the columns that are wanted, as binary."""
        ragged: deque[Refused] = deque()

        def skip(row: pc.InvalidRow) -> str:
            reason = (
                f"has {row.actual_columns:,} values, "
                f"where there are {row.expected_columns:,} columns"
            )
            ragged.append(Refused(row.number - self.part.header, None, row.text, reason))
            return "skip"

        first = 1
        for batch in self.part.texts(list(wanted), skip if self.tolerant else None):
            gaps: list[int] = []
            refused: list[Refused] = []
            while ragged and ragged[0].row - first - len(gaps) < batch.num_rows:
                gaps.append(ragged[0].row - first - len(gaps))
                refused.append(ragged.popleft())
            yield Chunk(batch, first, gaps, refused)
            first += batch.num_rows + len(gaps)
        if ragged:
            none = pa.RecordBatch.from_pylist([], pa.schema(list(wanted.items())))
            yield Chunk(none, first, (), tuple(ragged))
