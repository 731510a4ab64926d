"""A table → a view or table of a DuckDB session.

Knows no checks. Parquet is read where it lies, if DuckDB finds the same values in it as Arrow does.
"""

from __future__ import annotations

import pyarrow as pa

from datamake.datafile.sql import literal
from datamake.tables import TableError
from datamake.tables.checks.scalars import sql_type
from datamake.tables.engine import duckdb
from datamake.tables.scans import files_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from typing import Any

    from datamake.tables.reading import Table

READ_AS = {"TIMESTAMP_S": "TIMESTAMP", "TIMESTAMP_MS": "TIMESTAMP"}
"""Types that DuckDB may find in a Parquet file for those that Arrow finds: as exact, and more."""


def native(table: Table) -> bool:
    """Whether DuckDB can read the files by itself: Parquet, and no columns but theirs."""
    names = table.schema.names
    if any(table.keys) or not names or not all(map(_sayable, names)):
        return False
    return len({name.casefold() for name in names}) == len(names) and bool(files_of(table))


def _sayable(name: str) -> bool:
    """Whether SQL has a word for a column of this name."""
    return name != "" and "\0" not in name


def view(
    connection: Any, name: str, table: Table, columns: Collection[str], said: str = "*"
) -> list[str]:
    """Makes a view of the files of a table, and returns their paths.

    None of both where DuckDB would not find the same values in these columns. `said` is what is
    selected: all, or one of the columns under another name.
    """
    if not native(table):
        return []
    paths = [part.path for part in table.parts]
    files = f"[{', '.join(map(literal, paths))}]"
    options = f"hive_partitioning = false, union_by_name = {len(paths) > 1}"
    connection.execute(f"CREATE VIEW {name} AS SELECT {said} FROM read_parquet({files}, {options})")
    found = connection.execute(f"DESCRIBE {name}").fetchall()
    types = {column: type_ for column, type_, *_ in found}
    for field in table.chosen(columns):
        wanted = sql_type(field.type)
        type_ = types.get(field.name) if said == "*" else found[0][1]
        if type_ not in (wanted, READ_AS.get(wanted or "")):
            connection.execute(f"DROP VIEW {name}")
            return []
    return paths


def load(
    connection: Any, name: str, table: Table, columns: Collection[str], names: Sequence[str]
) -> None:
    """Brings columns into a table of the session, under other names. Raises TableError."""
    caught: list[TableError] = []

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            yield from table.batches(columns)
        except TableError as error:
            caught.append(error)
            raise

    reader = pa.RecordBatchReader.from_batches(table.chosen(columns), batches())
    connection.register("incoming", reader)
    try:
        said = f"({', '.join(names)})"
        connection.execute(f"CREATE TABLE {name} {said} AS SELECT * FROM incoming")
    except duckdb().Error:
        if caught:
            raise caught[0] from None
        raise
    connection.unregister("incoming")
