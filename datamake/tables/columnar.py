"""Parquet, Arrow and ORC: one file → its schema, the number of its rows, its batches.

Knows no other file. All is in counted terms; columns are chosen by their place, since nothing
forbids that two have one name.
"""

from __future__ import annotations

import os

import pyarrow as pa

from datamake.tables import TableError
from datamake.tables.failures import SHOWN, explaining
from datamake.tables.terms import counted, counted_schema

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from typing import Any

ROWS = 1 << 16
"""Rows of a batch, at most."""
VALUES = 1 << 22
"""Values of a batch, at most, where there are no more columns than that."""


class Columnar:
    """What the three formats have in common."""

    format = ""
    apart = True
    """Whether columns are stored apart, so that it costs nothing to read them one after the other."""

    def __init__(self, path: str) -> None:
        self.path = path
        with explaining(path, self.format):
            self.stored, self.count = self._opened()
            self.plain = plain(self.stored.names)
            try:
                self.schema = counted_schema(self.stored)
            except TableError as error:
                raise TableError(f"`{path}`: {error.headline}") from error

    def _opened(self) -> tuple[pa.Schema, int | None]:
        """The schema of the file, and the number of its rows where it says that."""
        raise NotImplementedError

    def _raw(self, places: Sequence[int]) -> Iterator[pa.RecordBatch]:
        """The columns at these places as they are stored."""
        raise NotImplementedError

    def _names(self, places: Sequence[int]) -> list[str] | None:
        """The names that bring the columns at these places, None where only all columns do."""
        names = self.stored.names
        return [names[at] for at in places] if self.plain else None

    def rows(self) -> int | None:
        """How many rows the file says that it has."""
        return self.count

    def batches(self, columns: Collection[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The columns with one of these names (None: all), in their order in the file."""
        chosen = None if columns is None else frozenset(columns)
        names = self.schema.names
        places = [at for at, name in enumerate(names) if chosen is None or name in chosen]
        schema = pa.schema([self.schema.field(at) for at in places])
        total = 0
        with explaining(self.path, self.format):
            for batch in self._raw(places):
                total += batch.num_rows
                yield from counted(batch, schema)
        if self.count is not None and total != self.count:
            raise TableError(
                f"`{self.path}` has {total:,} rows, where it says that it has {self.count:,}",
                hint=f"it is broken: make or fetch the {SHOWN[self.format]} file again",
            )


def rows_at_once(columns: int) -> int:
    """Rows of a batch with so many columns."""
    return max(min(ROWS, VALUES // max(columns, 1)), 1024)


class Parquet(Columnar):
    """A Parquet file."""

    format = "parquet"

    def _opened(self) -> tuple[pa.Schema, int | None]:
        with self._file() as file:
            return file.schema_arrow, file.metadata.num_rows

    def _file(self) -> Any:
        from pyarrow.parquet import ParquetFile

        return ParquetFile(self.path, pre_buffer=False, buffer_size=1 << 16)

    def _raw(self, places: Sequence[int]) -> Iterator[pa.RecordBatch]:
        if not places:
            yield from empty(self.count or 0)
            return
        names = self._names(places)
        with self._file() as file:
            for batch in file.iter_batches(rows_at_once(len(places)), columns=names):
                yield batch if names else batch.select(places)


class Arrow(Columnar):
    """An Arrow file, or an Arrow stream in a file."""

    format = "arrow"
    apart = False

    def _opened(self) -> tuple[pa.Schema, int | None]:
        return self._file().schema, None

    def _file(self) -> Any:
        if not os.stat(self.path).st_size:
            raise ValueError("the file is empty")
        source = pa.memory_map(self.path)
        stream = source.read(6) != b"ARROW1"
        source.seek(0)
        return pa.ipc.open_stream(source) if stream else pa.ipc.open_file(source)

    def _raw(self, places: Sequence[int]) -> Iterator[pa.RecordBatch]:
        at_once = rows_at_once(len(places))
        for batch in self._stored_batches():
            part = batch.select(places)
            part.validate(full=True)  # offsets that lead out of the file end the process
            for first in range(0, part.num_rows, at_once):
                yield part.slice(first, at_once)

    def _stored_batches(self) -> Iterator[pa.RecordBatch]:
        """As they were written, of whatever size."""
        file = self._file()
        if isinstance(file, pa.RecordBatchStreamReader):
            yield from file
        else:
            for at in range(file.num_record_batches):
                yield file.get_batch(at)


class Orc(Columnar):
    """An ORC file."""

    format = "orc"

    def _opened(self) -> tuple[pa.Schema, int | None]:
        file = self._file()
        return file.schema, file.nrows

    def _file(self) -> Any:
        from pyarrow.orc import ORCFile

        return ORCFile(
            pa.OSFile(self.path)
        )  # not mapped: one that gets shorter would end the process

    def _raw(self, places: Sequence[int]) -> Iterator[pa.RecordBatch]:
        if not places:
            yield from empty(self.count or 0)
            return
        names, at_once = self._names(places), rows_at_once(len(places))
        file = self._file()
        for at in range(file.nstripes):
            read = file.read_stripe(at, columns=names)
            stripe = read if names else read.select(places)
            for first in range(0, stripe.num_rows, at_once):
                yield stripe.slice(first, at_once)


COLUMNAR = {"parquet": Parquet, "arrow": Arrow, "orc": Orc}


def plain(names: Sequence[str]) -> bool:
    """Whether each name is one column: of two with one name, or of `a` and `a.b`, readers make one.

    They take `a.b` for a field of `a`.
    """
    known = set(names)
    if len(known) < len(names):
        return False
    dotted = (name.split(".") for name in names if "." in name)
    return not any(
        ".".join(steps[:count]) in known for steps in dotted for count in range(1, len(steps))
    )


def empty(rows: int) -> Iterator[pa.RecordBatch]:
    """So many rows without columns."""
    some = pa.record_batch([pa.nulls(min(rows, ROWS))], ["rows"])
    for first in range(0, rows, ROWS):
        yield some.slice(0, min(ROWS, rows - first)).select([])
