"""Parquet files as DuckDB reads them by itself: in several threads, what a query needs of them.

Knows nothing of what is asked. Only where it gives the same columns as reading them by Arrow.
"""

from __future__ import annotations

from datamake.datafile.sql import identifier, literal
from datamake.tables.columnar import Parquet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    import pyarrow as pa

    from datamake.tables.reading import Table

FEW = 32
"""Different values of the folders and variables of files, at most: each is a query of its own."""
PATTERN = frozenset("*?[")


def files_of(table: Table) -> list[str]:
    """The files of a table, if DuckDB can read all of them as they are; else none."""
    paths = [part.path for part in table.parts]
    for part in table.parts:
        if type(part) is not Parquet or not PATTERN.isdisjoint(part.path):
            return []
        names = part.stored.names
        if len({each.lower() for each in names}) < len(names):
            return []
    return paths


def selection(connection: Any, table: Table, schema: pa.Schema) -> str | None:
    """The query for the columns of a schema in the files of a table, None where it would differ."""
    if not files_of(table):
        return None
    groups: dict[tuple[tuple[str, str | None], ...], list[Any]] = {}
    for part, keys in zip(table.parts, table.keys, strict=True):
        groups.setdefault(tuple(keys.items()), []).append(part)
    if len(groups) > FEW:
        return None
    queries = [_of_group(parts, dict(keys), schema) for keys, parts in groups.items()]
    query = "\nUNION ALL ".join(queries)
    connection.register("__expected__", schema.empty_table())
    expected = connection.execute("DESCRIBE FROM __expected__").fetchall()
    connection.unregister("__expected__")
    return query if connection.execute(f"DESCRIBE {query}").fetchall() == expected else None


def _of_group(parts: Sequence[Any], keys: Mapping[str, str | None], schema: pa.Schema) -> str:
    """The rows of the files that have the same values of folders and variables."""
    stored = {each for part in parts for each in part.stored.names}

    def column(each: str) -> str:
        if each in keys:
            value = keys[each]
            return "NULL::VARCHAR" if value is None else f"{literal(value)}::VARCHAR"
        return identifier(each) if each in stored else "NULL"

    columns = ", ".join(f"{column(each)} AS {identifier(each)}" for each in schema.names)
    paths = ", ".join(literal(part.path) for part in parts)
    options = "union_by_name = true, hive_partitioning = false, binary_as_string = false"
    return f"FROM read_parquet([{paths}], {options}) SELECT {columns}"
