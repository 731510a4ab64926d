"""Batches → the rows that a filter lets through, the first of those that are alike, sorted.

Knows no files. DuckDB does it, in bounded memory: what it cannot hold spills. Values come out as
they went in: those of types that DuckDB has not exactly are carried past it as whole numbers.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.types as kinds

from datamake.datafile.shapes import did_you_mean
from datamake.datafile.sql import identifier
from datamake.datafile.standard import sorting
from datamake.tables import TableError
from datamake.tables.columnar import rows_at_once
from datamake.tables.engine import duckdb
from datamake.tables.mistakes import condition, explained, mistake
from datamake.tables.refusals import refuse
from datamake.tables.scans import place
from datamake.tables.session import Handed, close, session
from datamake.tables.syntax import located, parsed, tables
from datamake.tables.types import text_of
from datamake.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from datamake.datafile.standard import Standard
    from datamake.tables.session import Limits

THIS = "this"
EXPLAIN = "EXPLAIN "
WHOLE = pa.int64()


class Arrangement:
    """What a standard says of whole rows, for a table of this schema. Raises TableError."""

    def __init__(self, standard: Standard, schema: pa.Schema) -> None:
        self.standard = standard
        self.schema = schema
        self.filter = condition(standard.filter) if standard.filter else ""
        names = schema.names
        folded = {each.lower() for each in names}
        if len(folded) < len(names):
            raise TableError("columns that differ only in case cannot be told apart by SQL")
        self.row = "row#"
        while self.row in folded:
            self.row += "#"
        self.carriers = {
            field.name: f"{field.name}#{self.row}" for field in schema if carried(field.type)
        }
        self.said = {
            each: f"{at}#{self.row}" for at, each in enumerate(names) if not each or "\0" in each
        }
        """Instead of names that SQL cannot say."""
        self.held = pa.schema(
            {
                **{self.said.get(field.name, field.name): held(field) for field in schema},
                **dict.fromkeys([*self.carriers.values(), self.row], WHOLE),
            }
        )
        self.keys = list(standard.distinct or (names if standard.all_distinct else ()))
        self.order = [
            (each, "ASC") if each in names else (each.removeprefix("-"), "DESC")
            for each in standard.sort_by
        ]
        for key, found in (("drop_duplicates", self.keys), ("sort_by", [n for n, _ in self.order])):
            for each in found:
                _known(key, each, names)
        if self.filter:
            self._closed()

    def _closed(self) -> None:
        """Refuses a filter of more than the row that it is about."""
        query = parsed(self.filter)
        refuse(query)
        for _, source, node in tables(query)[1:]:
            at, length = located(node)
            raise mistake("a filter sees the columns of one row alone", source.text, at, length)

    def query(self) -> str:
        """The SQL that arranges them."""
        chosen = ", ".join(map(self._key, self.schema.names))
        parts = [f"SELECT {chosen}", self.filter or f"FROM {THIS}"]
        if self.keys:
            keys = ", ".join(map(self._key, self.keys))
            number = f"row_number() OVER (PARTITION BY {keys} ORDER BY {identifier(self.row)})"
            parts.append(f"QUALIFY {number} = 1")
        if self.keys or self.order:
            order = [f"{self._key(each)} {way} NULLS LAST" for each, way in self.order]
            parts.append(f"ORDER BY {', '.join([*order, identifier(self.row)])}")
        return " ".join(parts)

    def _key(self, each: str) -> str:
        """The column that has the values of one: itself, or what carries them."""
        return identifier(self.carriers.get(each) or self.said.get(each, each))

    def batches(self, found: Iterable[pa.RecordBatch], limits: Limits) -> Iterator[pa.RecordBatch]:
        """The rows of some batches, arranged. Raises TableError, and what `found` raises."""
        handed = Handed()
        if not (self.keys or self.order):
            limits = replace(limits, threads=1)  # rows stay in their order
        with session(limits) as connection:
            reader = pa.RecordBatchReader.from_batches(self.held, handed.watched(self._held(found)))
            place(connection, (THIS,), reader)
            close(connection)
            shift = len(EXPLAIN.encode())
            try:
                if self.filter:
                    connection.execute(EXPLAIN + self.filter)
                query = self.query()
                shift = len(query[: query.rfind(self.filter)].encode())
                rows = connection.sql(query).to_arrow_reader(rows_at_once(len(self.schema)))
                yield from self._restored(rows)
            except (duckdb().Error, pa.ArrowException, OSError) as error:
                handed.told(error)
                raise explained(error, self.filter, shift, connection=connection) from error

    def _held(self, found: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        first = 0
        for batch in found:
            columns = [
                values if values.type == field.type else values.cast(field.type)
                for values, field in zip(batch.columns, self.held, strict=False)
            ]
            columns += [batch.column(each).cast(WHOLE) for each in self.carriers]
            columns.append(pa.array(range(first, first + batch.num_rows), WHOLE))
            first += batch.num_rows
            yield pa.RecordBatch.from_arrays(columns, schema=self.held)

    def _restored(self, reader: Any) -> Iterator[pa.RecordBatch]:
        for batch in reader:
            columns = [
                values if values.type == dtype else values.cast(dtype)
                for values, dtype in zip(batch.columns, self.schema.types, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=self.schema)


def _known(key: str, each: str, names: Sequence[str]) -> None:
    if each not in names:
        raise TableError(
            f"`{key}` has `{each}`, which is no output column",
            hint=sorting(each, names) or did_you_mean(each, names),
        )


def carried(dtype: pa.DataType) -> bool:
    """Whether values go past DuckDB as whole numbers, beside what it makes of them."""
    zoned = kinds.is_timestamp(dtype) and dtype.tz is not None and dtype.unit == "ns"
    time = kinds.is_time(dtype) and dtype.unit == "ns"
    return bool(kinds.is_duration(dtype) or zoned or time)


def held(field: pa.Field) -> pa.DataType:
    """The type that DuckDB is shown the values of a column in. Raises TableError."""
    dtype = field.type
    if kinds.is_float16(dtype):
        return pa.float32()
    if not exact(dtype):
        raise TableError(
            f"column `{field.name}`: SQL has no values of the type `{text_of(dtype)}`",
            hint="leave out `filter`, `drop_duplicates` and `sort_by`, or choose another type",
        )
    return dtype


def exact(dtype: pa.DataType, *, inside: bool = False) -> bool:
    """Whether DuckDB has all values of a type, by themselves or carried."""
    if kinds.is_nested(dtype):
        parts = [dtype.field(at).type for at in range(dtype.num_fields)]
        return all(exact(part, inside=True) for part in parts)
    if kinds.is_decimal(dtype):
        return bool(dtype.precision <= 38 and dtype.scale >= 0)
    if inside and (carried(dtype) or kinds.is_float16(dtype)):
        return False
    return not kinds.is_interval(dtype)
