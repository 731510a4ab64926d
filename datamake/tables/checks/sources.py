"""A table → a view or table of a DuckDB session.

Knows no checks. Parquet is read where it lies, if DuckDB finds the same values in it as Arrow does.
"""

from __future__ import annotations

import pyarrow as pa

from datamake.tables.checks.scalars import sql_type
from datamake.tables.engine import duckdb
from datamake.tables.scans import files_of, selection
from datamake.tables.session import Handed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import Any

    from datamake.tables.reading import Table


def native(table: Table) -> bool:
    """Whether DuckDB can read the files by itself: Parquet, and no columns but theirs."""
    names = table.schema.names
    if any(table.keys) or not names or not all(map(_sayable, names)):
        return False
    return len({name.casefold() for name in names}) == len(names) and bool(files_of(table))


def _sayable(name: str) -> bool:
    """Whether SQL has a word for a column of this name."""
    return name != "" and "\0" not in name


def view(connection: Any, name: str, table: Table, columns: Collection[str], said: str) -> bool:
    """Makes a view of these columns in the files of a table, if that has the same values.

    `said` is what is selected from it.
    """
    schema = table.chosen(columns)
    if not native(table) or not all(map(sql_type, schema.types)):
        return False
    query = selection(connection, table, schema)
    if query is not None:
        connection.execute(f"CREATE VIEW {name} AS SELECT {said} FROM ({query})")
    return query is not None


def load(
    connection: Any, name: str, table: Table, columns: Collection[str], names: Sequence[str]
) -> None:
    """Brings columns into a table of the session, under other names. Raises TableError."""
    handed = Handed()
    batches = handed.watched(table.batches(columns))
    reader = pa.RecordBatchReader.from_batches(table.chosen(columns), batches)
    connection.register("incoming", reader)
    try:
        said = f"({', '.join(names)})"
        connection.execute(f"CREATE TABLE {name} {said} AS SELECT * FROM incoming")
    except duckdb().Error as error:
        handed.told(error)
        raise
    connection.unregister("incoming")
