"""A query → the tables that it reads, and its result in a file.

Knows nothing of targets. A result depends on what its inputs hold, on the query and on DuckDB's
version, and on nothing else: not on threads, nor on how the inputs are stored.
"""

from __future__ import annotations

from contextlib import contextmanager

import pyarrow as pa

from datamake.datafile.shapes import did_you_mean
from datamake.tables import TableError
from datamake.tables.engine import duckdb
from datamake.tables.mistakes import explained, mistake
from datamake.tables.ordering import ordered, steady
from datamake.tables.refusals import refuse
from datamake.tables.results import brought, result_schema
from datamake.tables.scans import Scan, empty, files_of, place, selection
from datamake.tables.session import NONE, Limits, close, meaning, session
from datamake.tables.syntax import Query, located, parsed, tables
from datamake.tables.usage import mentioned
from datamake.tables.writing import Writer
from datamake.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from typing import Any

    from datamake.action import View

ROWS = 1 << 16
"""Rows of a batch."""
DESCRIBE = "DESCRIBE "


def tables_in(sql: str, prelude: Sequence[str] = ()) -> tuple[str, ...]:
    """The tables that a query reads, by itself and in the macros that it calls, as it writes them.

    `schema.table` for a name of several parts. Raises TableError where it is no query.
    """
    query = parsed(sql, tuple(prelude))
    refuse(query)
    return tuple(dict.fromkeys(".".join(path) for path, _, _ in tables(query)))


def run(
    sql: str,
    views: Sequence[View],
    prelude: Sequence[str],
    out: str,
    limits: Limits = NONE,
) -> int:
    """The number of rows that the query has written into the file `out`, in its format.

    Raises TableError for what is wrong with the query or with its inputs.
    """
    query = parsed(sql, tuple(prelude))
    refuse(query)
    known = {view.name: view for view in views}
    paths = resolved(query, known)
    calm = steady(query)
    scans = {table: Scan(known[table], limits.go_on) for table in dict.fromkeys(paths.values())}
    own = limits if calm else replace(limits, threads=1)
    with session(own) as connection:
        with explaining(query, connection, list(scans.values())):
            files = furnish(connection, query, paths, scans, fast=own.threads > 1)
            close(connection, files)
        columns = described(connection, query)
        return _written(connection, query, list(scans.values()), len(columns), out)


def described(connection: Any, query: Query) -> list[Any]:
    """Names and types of the columns of a result."""
    with explaining(query, connection, (), len(DESCRIBE)):
        rows: list[Any] = connection.execute(DESCRIBE + query.sql).fetchall()
        return rows


def _written(connection: Any, query: Query, scans: Sequence[Scan], columns: int, out: str) -> int:
    with explaining(query, connection, scans):
        result = connection.sql(ordered(query.sql, columns))
        types = result.types
        reader = result.to_arrow_reader(ROWS)
        del result
    with reader:  # what is left of it after the connection is closed could end the process
        schema = result_schema(reader.schema, types)
        with Writer(out, schema) as writer:
            while (batch := _next(reader, query, connection, scans)) is not None:
                writer.write(brought(batch, schema))
            return writer.rows


def _next(
    reader: Any, query: Query, connection: Any, scans: Sequence[Scan]
) -> pa.RecordBatch | None:
    with explaining(query, connection, scans):
        return next(reader, None)


def resolved(query: Query, names: Collection[str]) -> dict[tuple[str, ...], str]:
    """How the query writes its tables → which of the names that is. Raises TableError for none."""
    found: dict[tuple[str, ...], str] = {}
    folded = {name.lower(): name for name in names}
    for path, source, node in tables(query):
        written = ".".join(path)
        name = written if written in names else folded.get(written.lower())
        if name is None:
            at, length = located(node)
            hint = did_you_mean(written, names) or "a query sees its inputs alone"
            headline = f"there is no table `{written}`"
            raise mistake(headline, source.text, at + source.offset, length, hint)
        found.setdefault(tuple(map(str.lower, path)), name)
    return found


def furnish(
    connection: Any,
    query: Query,
    paths: Mapping[tuple[str, ...], str],
    contents: Mapping[str, Any],
    *,
    fast: bool = False,
) -> list[str]:
    """Gives a session its tables, and what the query uses of its prelude.

    The result is the files that it needs for that. `fast`: DuckDB may read files by itself, in whatever order.
    """
    files: list[str] = []
    for path, table in paths.items():
        content = contents[table]
        own = selection(connection, content.table, content.schema) if fast else None
        files += files_of(content.table) if own is not None else []
        place(connection, path, content, own)
    for macro in (*query.types, *query.macros.values()):
        try:
            connection.execute(macro.statement)
        except duckdb().Error as error:
            raise explained(error, macro.text, -macro.place) from error
    return files


@contextmanager
def explaining(
    query: Query, connection: Any, scans: Sequence[Scan], shift: int = 0
) -> Iterator[None]:
    """Raises TableError for what DuckDB says inside, or for what an input had to say by then."""
    try:
        yield
    except (duckdb().Error, pa.ArrowException, OSError) as error:
        for scan in scans:
            scan.told(error)
        place = not query.macros
        raise explained(error, query.sql, shift, place=place, connection=connection) from error


def used_columns(
    sql: str,
    schemas: Mapping[str, Sequence[tuple[str, str]]],
    prelude: Sequence[str] = (),
) -> dict[str, frozenset[str] | None]:
    """Table → the columns of it that the result can depend on, None: all. Rows always count.

    `schemas` has (name, type) of the columns of each table that the query reads. Raises TableError
    where the query means nothing with these.
    """
    query = parsed(sql, tuple(prelude))
    refuse(query)
    paths = resolved(query, schemas)
    names = {table: [name for name, _ in columns] for table, columns in schemas.items()}
    found = mentioned(query, names)
    with meaning() as connection:
        contents = {table: empty(columns) for table, columns in schemas.items()}
        furnish(connection, query, paths, contents)
        whole = described(connection, query)
        for path, table in paths.items():
            columns = found[table]
            chosen = [pair for pair in schemas[table] if columns is None or pair[0] in columns]
            place(connection, path, empty(chosen))
        try:
            same = described(connection, query) == whole
        except TableError:
            same = False
    return found if same else dict.fromkeys(found)
