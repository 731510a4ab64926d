"""Views of files as tables of a DuckDB session, which may read Parquet by itself, in several threads.

Knows nothing of what is asked of them.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.types as kinds

from datamake.datafile.sql import identifier, literal
from datamake.tables import TableError
from datamake.tables.columnar import Parquet
from datamake.tables.engine import duckdb
from datamake.tables.session import Handed
from datamake.tables.types import arrow, replaced, text_of
from datamake.tables.views import opened
from datamake.values import undisturbed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from datamake.action import View
    from datamake.tables.reading import Table

ROWS = 1 << 16
"""Rows of a batch: another number could give rows that are alike another order."""
NO_COLUMNS = "__rows__"
FEW = 32
"""Different values of the folders and variables of files, at most: each is a query of its own."""
PATTERN = frozenset("*?[")
UNITS = {pa.timestamp("s"): "TIMESTAMP_S", pa.timestamp("ms"): "TIMESTAMP_MS"}


class Scan(Handed):
    """A view that is read from its beginning as often as it is asked for. Raises TableError."""

    def __init__(self, view: View, go_on: Callable[[], None] = undisturbed) -> None:
        super().__init__()
        self.table = opened(view, go_on)
        self.schema = shaped(self.table.schema)
        _apart(view.name, self.schema.names)

    def __arrow_c_schema__(self) -> Any:
        return self.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        reader = pa.RecordBatchReader.from_batches(self.schema, self.batches())
        return reader.__arrow_c_stream__(requested_schema)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All rows, in batches that don't depend on how they are stored."""
        return self.watched(self._batches())

    def _batches(self) -> Iterator[pa.RecordBatch]:
        pending: list[pa.RecordBatch] = []
        rows = 0
        for batch in self.table.batches():
            pending.append(self._shown(batch))
            rows += batch.num_rows
            if rows >= ROWS:
                whole = pa.Table.from_batches(pending, self.schema).combine_chunks()
                *full, last = whole.to_batches(ROWS)
                yield from full
                pending, rows = [last], last.num_rows
        if rows:
            yield from pa.Table.from_batches(pending, self.schema).combine_chunks().to_batches()

    def _shown(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        if not batch.num_columns:
            return pa.record_batch([pa.nulls(batch.num_rows, pa.bool_())], schema=self.schema)
        return batch if batch.schema.equals(self.schema) else batch.cast(self.schema)


def shaped(schema: pa.Schema) -> pa.Schema:
    """A schema as DuckDB can have it: with a column, and types that it knows. Raises TableError."""
    if not len(schema):
        return pa.schema({NO_COLUMNS: pa.bool_()})
    return pa.schema([(field.name, _known(field)) for field in schema])


def _known(field: pa.Field) -> pa.DataType:
    def leaf(dtype: pa.DataType) -> pa.DataType:
        if kinds.is_decimal256(dtype):
            raise TableError(
                f"SQL has no column `{field.name}`, which is `{text_of(dtype)}`",
                hint="bring it to 38 digits or fewer, or to `float64`, with `standardize`",
            )
        if kinds.is_map(dtype):
            return pa.map_(replaced(dtype.key_type, leaf), replaced(dtype.item_type, leaf))
        return pa.float32() if kinds.is_float16(dtype) else dtype

    return replaced(field.type, leaf)


def empty(columns: Iterable[tuple[str, str]]) -> pa.Table:
    """A table without rows, of columns with these names and types."""
    fields = [pa.field(name, arrow(text)[0]) for name, text in columns]
    return pa.Table.from_batches([], shaped(pa.schema(fields)))


def _apart(table: str, names: Sequence[str]) -> None:
    """Raises TableError for columns that SQL takes for one, or for another."""
    known: dict[str, str] = {}
    for each in names:
        if "\0" in each:
            raise TableError(
                f"SQL cannot say the name of a column of `{table}`",
                [f"there is a NUL in {each!r}"],
                "give it another one, as `standardize` does",
            )
        other = known.setdefault(each.lower(), each)
        if other is not each:
            two = f"two columns `{each}`" if other == each else f"`{other}` and `{each}`"
            raise TableError(
                f"SQL cannot tell the columns of `{table}` apart",
                [f"it has {two}"],
                "give each a name of its own, as `standardize` does",
            )


def place(connection: Any, path: tuple[str, ...], source: Any, query: str | None = None) -> None:
    """Gives a session a table under a name of up to three parts.

    It is what can be read as a stream of Arrow, or what a query gives. Raises TableError.
    """
    if query is None:
        own = "__input__" + ".".join(path)
        connection.register(own, source)
        query = f"FROM temp.main.{identifier(own)}"
        floats = [each for each in source.schema if each.name and _has_floats(each.type)]
        if floats:
            query += f" SELECT * REPLACE ({', '.join(map(_exact, floats))})"
    names = [identifier(each) for each in path]
    try:
        if len(path) == 3:
            connection.execute(f"ATTACH IF NOT EXISTS ':memory:' AS {names[0]}")
        if len(path) > 1:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {'.'.join(names[:-1])}")
        connection.execute(f"CREATE OR REPLACE VIEW {'.'.join(names)} AS {query}")
    except duckdb().Error as error:
        raise TableError(
            f"SQL has no place for a table `{'.'.join(path)}`",
            hint=f'give the table another name: `inputs = {{ NAME = "{".".join(path)}" }}`',
        ) from error


# Parquet, where DuckDB gives the same columns as Arrow


def files_of(table: Table) -> list[str]:
    """The files of a table, if DuckDB can read all of them as they are; else none."""
    known: dict[str, str] = {}
    for part in table.parts:
        if type(part) is not Parquet or not PATTERN.isdisjoint(part.path):
            return []
        names = part.stored.names
        if len(set(names)) < len(names):
            return []
        if any(known.setdefault(each.lower(), each) != each for each in names):
            return []
    return [part.path for part in table.parts]


def selection(connection: Any, table: Table, schema: pa.Schema) -> str | None:
    """The query for the columns of a schema in the files of a table, None where it would differ."""
    if not files_of(table) or any(
        kinds.is_nested(each) and _has_floats(each) for each in schema.types
    ):
        return None
    groups: dict[tuple[tuple[str, str | None], ...], list[Any]] = {}
    for part, keys in zip(table.parts, table.keys, strict=True):
        groups.setdefault(tuple(keys.items()), []).append(part)
    if len(groups) > FEW:
        return None
    queries = [_of_group(parts, dict(keys), schema) for keys, parts in groups.items()]
    query = "\nUNION ALL ".join(queries)
    connection.register("__expected__", pa.Table.from_batches([], schema))
    expected = connection.execute("DESCRIBE FROM __expected__").fetchall()
    connection.unregister("__expected__")
    return query if connection.execute(f"DESCRIBE {query}").fetchall() == expected else None


def _has_floats(dtype: pa.DataType) -> bool:
    if kinds.is_nested(dtype):
        return any(_has_floats(dtype.field(at).type) for at in range(dtype.num_fields))
    return bool(kinds.is_floating(dtype))


def _of_group(parts: Sequence[Any], keys: Mapping[str, str | None], schema: pa.Schema) -> str:
    """The rows of the files that have the same values of folders and variables."""
    stored = {each for part in parts for each in part.stored.names}

    def column(field: pa.Field) -> str:
        each = field.name
        if each in keys:
            value = "NULL" if keys[each] is None else literal(keys[each])
            return f"{value}::VARCHAR AS {identifier(each)}"
        return _exact(field) if each in stored else f"NULL AS {identifier(each)}"

    columns = ", ".join(map(column, schema))
    paths = ", ".join(literal(part.path) for part in parts)
    options = "union_by_name = true, hive_partitioning = false, binary_as_string = false"
    return f"FROM read_parquet([{paths}], {options}) SELECT {columns}"


def _exact(field: pa.Field) -> str:
    """A column as Arrow has it, where it is compared too.

    What a file says of its least and greatest value leaves NaN out, and DuckDB goes by it; before
    version 2 it lets Arrow compare, to which NaN is no number. Neither is done with an expression.
    Of the units of time in a file it makes microseconds.
    """
    said = name = identifier(field.name)
    if field.type in UNITS:
        said = f"{name}::{UNITS[field.type]}"
    elif kinds.is_floating(field.type):
        nan = "'nan'::DOUBLE" if kinds.is_float64(field.type) else "'nan'::FLOAT"
        said = f"CASE WHEN isnan({name}) THEN {nan} ELSE {name} END"
    elif _has_floats(field.type):
        said = f"CASE WHEN {name} IS NULL THEN NULL ELSE {name} END"
    return f"{said} AS {name}"
