"""Batches → one file. The bytes depend on what the rows hold, not on how they come in batches.

Knows nothing of who reads it. Rows are put together to groups of a number that the schema decides,
each in one piece, whatever came.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress

import pyarrow as pa
import pyarrow.types as kinds

from datamake.formats import FORMATS, TEXT, compression_of, format_of
from datamake.tables import TableError
from datamake.tables.conversion import sayable
from datamake.tables.failures import SHOWN, explaining
from datamake.tables.terms import counted, counted_schema
from datamake.tables.types import replaced, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any

    from typing_extensions import Self

ROWS = 1 << 17
"""Rows of a group, at most."""
VALUES = 1 << 24
"""Values of a group, at most, where there are no more columns than that."""


class Writer:
    """Writes one file, anew. After an exception, here or inside, there is none.

    Raises TableError for what the format cannot hold.
    """

    def __init__(self, path: str, schema: pa.Schema, format: str | None = None) -> None:
        found = format or format_of(path)
        if found is None:
            raise TableError(
                f"`{path}` is not a table by its ending",
                hint=f"a table is written as {', '.join(FORMATS)}",
            )
        self.path = path
        self.format = found
        self.schema = counted_schema(schema)
        self.rows = 0
        self.group = max(min(ROWS, VALUES // max(len(schema), 1)), 1024)
        self.pending: list[pa.RecordBatch] = []
        self.waiting = 0
        _refuse(path, found, self.schema)
        try:
            with explaining(path, found, "written"):
                self.sink: Any = SINKS[found](path, self.schema, found)
        except BaseException:
            with suppress(OSError):
                os.unlink(path)
            raise

    def __enter__(self) -> Self:
        return self

    def write(self, batch: pa.RecordBatch) -> None:
        """Further rows, with the columns of the schema in their order."""
        for part in counted(batch, self.schema):
            self.rows += part.num_rows
            self.waiting += part.num_rows
            self.pending.append(part)
        while self.waiting >= self.group:
            self._flush(self.group)

    def _flush(self, rows: int) -> None:
        table = pa.Table.from_batches(self.pending, self.schema)
        with explaining(self.path, self.format, "written"):
            self.sink.write(table.slice(0, rows).combine_chunks())
        self.pending = table.slice(rows).to_batches()
        self.waiting -= rows

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                if self.waiting:
                    self._flush(self.waiting)
                with explaining(self.path, self.format, "written"):
                    self.sink.close()
                return
        except BaseException:
            self._abandon()
            raise
        self._abandon()

    def _abandon(self) -> None:
        self.pending = []
        with suppress(pa.ArrowException, OSError, ValueError):
            self.sink.close()
        os.unlink(self.path)


class _Arrow:
    """An Arrow file, each group one batch.

    It holds arrays as they are in memory, with what lies under nulls and behind the last bit, which
    depends on how they were cut: so they are made anew.
    """

    def __init__(self, path: str, schema: pa.Schema, _: str) -> None:
        self.file = pa.OSFile(path, "wb")
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        self.writer = pa.ipc.new_file(self.file, schema, options=options)

    def write(self, table: pa.Table) -> None:
        anew = table.take(pa.array(range(len(table)), pa.int64())) if table.columns else table
        self.writer.write_table(anew.combine_chunks())

    def close(self) -> None:
        self.writer.close()
        self.file.close()


class _Csv:
    """CSV or TSV, with a header."""

    def __init__(self, path: str, schema: pa.Schema, format: str) -> None:
        from pyarrow.csv import CSVWriter, WriteOptions

        self.file = pa.output_stream(path, compression=compression_of(path))
        options = WriteOptions(delimiter="\t" if format == "tsv" else ",")
        self.writer = CSVWriter(self.file, schema, write_options=options)

    def write(self, table: pa.Table) -> None:
        self.writer.write_table(table)

    def close(self) -> None:
        self.writer.close()
        self.file.close()


class _Lines:
    """JSON lines. What JSON has no word for is a text; a map is a list of keys and values."""

    def __init__(self, path: str, schema: pa.Schema, _: str) -> None:
        self.path = path
        self.file = pa.output_stream(path, compression=compression_of(path))
        self.schema = pa.schema([(each.name, spoken(each.type)) for each in schema])
        self.rows = 0

    def write(self, table: pa.Table) -> None:
        for batch in table.to_batches(1 << 13):
            pairs = zip(batch.columns, self.schema.types, strict=True)
            columns = [column.cast(dtype).to_pylist() for column, dtype in pairs]
            for row in zip(*columns, strict=True):
                self.rows += 1
                self.file.write(self.line(row))

    def line(self, row: tuple[Any, ...]) -> bytes:
        """One row, as an object."""
        try:
            return _json(dict(zip(self.schema.names, row, strict=True)))
        except ValueError as error:
            named = zip(self.schema.names, row, strict=True)
            name = next(name for name, each in named if not _finite(each))
            raise TableError(
                f"`{self.path}`: row {self.rows:,}, column `{name}`: "
                "JSON has no word for NaN and infinity",
                hint="write Parquet, or make them null",
            ) from error

    def close(self) -> None:
        self.file.close()


def _json(content: object) -> bytes:
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode() + b"\n"


def _finite(content: object) -> bool:
    try:
        return bool(_json(content))
    except ValueError:
        return False


def spoken(dtype: pa.DataType) -> pa.DataType:
    """The type whose values JSON has words for. Raises TypeError where it has none: binary."""

    def leaf(each: pa.DataType) -> pa.DataType:
        if kinds.is_duration(each):
            return pa.int64()
        if kinds.is_temporal(each) or kinds.is_decimal(each):
            return pa.string()
        if kinds.is_float16(each):
            return pa.float32()
        if kinds.is_map(each):
            pair = [("key", spoken(each.key_type)), ("value", spoken(each.item_type))]
            return pa.list_(pa.struct(pair))
        if kinds.is_binary(each) or kinds.is_fixed_size_binary(each):
            raise TypeError
        return each

    return replaced(dtype, leaf)


class _Orc:
    """An ORC file. One that nothing is written to has no schema.

    ORC's own end of a file that cannot be written ends the process: so it is not told of that.
    """

    def __init__(self, path: str, schema: pa.Schema, _: str) -> None:
        from pyarrow.orc import ORCWriter

        self.file = _Silent(path)
        self.writer = ORCWriter(pa.PythonFile(self.file, "w"), compression="zstd")
        self.none: pa.Table | None = schema.empty_table()

    def write(self, table: pa.Table) -> None:
        self.none = None
        self.writer.write(table)
        self.file.check()

    def close(self) -> None:
        if self.none is not None:
            self.writer.write(self.none)
        self.writer.close()
        self.file.close()
        self.file.check()


class _Silent:
    """A file to write to that keeps to itself what goes wrong, until it is asked."""

    closed = False

    def __init__(self, path: str) -> None:
        self.file = open(path, "wb")  # noqa: SIM115 - closed by whoever writes
        self.number: int | None = None

    def write(self, data: Any) -> None:
        if self.number is None:
            self._tried(lambda: self.file.write(data))

    def flush(self) -> None:
        """Nothing: closing does."""

    def close(self) -> None:
        self._tried(self.file.close)

    def check(self) -> None:
        """Raises OSError for what has gone wrong."""
        if self.number is not None:
            raise OSError(self.number, os.strerror(self.number))

    def _tried(self, call: Callable[[], object]) -> None:
        try:
            call()
        except OSError as error:
            self.number = self.number or error.errno


def _parquet(path: str, schema: pa.Schema, _: str) -> Any:
    from pyarrow.parquet import ParquetWriter

    return ParquetWriter(path, schema, compression="zstd")


SINKS: dict[str, Any] = {
    "parquet": _parquet,
    "arrow": _Arrow,
    "orc": _Orc,
    "csv": _Csv,
    "tsv": _Csv,
    "jsonl": _Lines,
}


def _refuse(path: str, format: str, schema: pa.Schema) -> None:
    """Raises TableError for columns that a text format cannot hold."""
    if format not in TEXT:
        return
    seen: set[str] = set()
    for field in schema:
        if field.name in seen:
            raise TableError(
                f"`{path}`: {SHOWN[format]} cannot hold more than one column `{field.name}`"
            )
        seen.add(field.name)
        if not _holds(format, field.type):
            raise TableError(
                f"`{path}`: {SHOWN[format]} cannot hold the column `{field.name}`",
                [f"it is `{text_of(field.type)}`"],
                "write Parquet, or choose other columns",
            )


def _holds(format: str, dtype: pa.DataType) -> bool:
    if format != "jsonl":
        return sayable(dtype)
    try:
        spoken(dtype)
    except TypeError:
        return False
    return True
