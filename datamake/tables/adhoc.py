"""Tables looked at by hand: any question to DuckDB, with the tables that it names as views.

Knows nothing of targets. Nothing that is asked here decides what a build does: it may call what it
likes.
"""

from __future__ import annotations

from contextlib import contextmanager

import pyarrow as pa

from datamake.datafile.shapes import did_you_mean
from datamake.datafile.sql import tokens
from datamake.tables import NAMED, TableError
from datamake.tables.engine import duckdb
from datamake.tables.mistakes import explained
from datamake.tables.scans import Scan, place, selection
from datamake.tables.session import SETTINGS
from datamake.tables.syntax import bare, parsed, tables
from datamake.threads import attended

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

    from datamake.action import View

ROWS = 1 << 14
"""Rows of a batch."""
EXPLAIN = "EXPLAIN "
LISTING = (["show", "tables"], ["show", "all", "tables"], ["describe"])
NO_TABLE = "there is no table `"
LOOKING = frozenset(["SELECT", "EXPLAIN", "MULTI"])
"""Kinds of statements that change nothing; `PIVOT` is several in one."""


def connection(views: Iterable[View], folder: str = "") -> Any:
    """A connection of DuckDB in which each view is a table, `schema.table` in its schema.

    What does not fit into memory goes to `folder`, if there is one. It is the caller's to close.
    Raises TableError for a view that is no table.
    """
    return _opened(views, folder)[0]


def _opened(views: Iterable[View], folder: str) -> tuple[Any, list[Scan]]:
    made = duckdb().connect(":memory:", config={**SETTINGS, "temp_directory": folder})
    scans = []
    try:
        made.execute("SET TimeZone = 'UTC'")
        for view in views:
            scan = Scan(view)
            path = tuple(view.name.split(".", 2))
            place(made, path, scan, selection(made, scan.table, scan.schema))
            scans.append(scan)
    except BaseException:
        made.close()
        raise
    return made, scans


def named(sql: str, names: Iterable[str]) -> list[str]:
    """Those of the names that a query reads.

    Of a statement that is no plain query, as PIVOT or SHOW, those that are written somewhere in it.
    """
    try:
        paths = [path for path, _, _ in tables(parsed(sql))]
    except TableError:
        paths = []
    runs = {".".join(path[at:]).lower() for path in paths for at in range(len(path))}
    runs = runs or _written(sql)
    return [name for name in names if name.lower() in runs]


def _written(sql: str) -> set[str]:
    runs: set[str] = set()
    path: list[str] = []
    found = tokens(sql)
    for before, token in zip((None, *found), found, strict=False):
        if token.kind in ("word", "name"):
            path = (
                [*path, bare(token)] if before is not None and before.text == "." else [bare(token)]
            )
            runs.update(".".join(path[at:]) for at in range(len(path)))
            runs.update(".".join(path[:at]) for at in range(len(path)))
    return runs


def asks_for_tables(sql: str) -> bool:
    """Whether a query asks which tables there are."""
    return [token.text.lower() for token in tokens(sql) if token.text != ";"] in LISTING


def listed(names: Sequence[str]) -> pa.RecordBatchReader:
    """The answer to that."""
    return pa.table({"name": pa.array(names, pa.string())}).to_reader()


def unknown(
    error: TableError, known: Callable[[], Sequence[str]], declared: Sequence[str]
) -> TableError:
    """The same error and, where it is of an unknown table, which there are: `known` says it then.

    `declared` are all that there may be; it may be a slip of one that is not there yet.
    """
    if not error.headline.startswith(NO_TABLE):
        return error
    names = known()
    name = error.headline[len(NO_TABLE) : -1]
    hint = did_you_mean(name, names) or did_you_mean(name, declared)
    shown = ", ".join(f"`{name}`" for name in names[:NAMED])
    more = f" and {len(names) - NAMED:,} more: `show tables`" if len(names) > NAMED else ""
    there = [] if hint else [f"there is {shown}{more}" if names else "nothing is there yet"]
    return TableError(error.headline, [*error.facts, *there], hint)


@contextmanager
def answer(
    sql: str, views: Iterable[View], folder: str = ""
) -> Iterator[pa.RecordBatchReader | None]:
    """The rows of a query, while it is open; None where there are none, as after SET.

    `folder` is as for `connection`. Raises TableError for what is wrong with the query.
    """
    made, scans = _opened(views, folder)
    try:
        made.execute("SET errors_as_json = true")
        _refuse(made, sql)
        result = attended(lambda: made.sql(sql), made.interrupt)
        yield None if result is None else _attended(made, result)
    except (duckdb().Error, pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the caller, who cannot write
        for scan in scans:
            scan.told(error)
        raise _placed(made, sql, error) from error
    finally:
        made.close()


def _attended(made: Any, result: Any) -> pa.RecordBatchReader:
    """The rows of a result, whose making Ctrl-C ends."""
    reader = attended(lambda: result.to_arrow_reader(ROWS), made.interrupt)
    batches = iter(lambda: attended(lambda: next(reader, None), made.interrupt), None)
    return pa.RecordBatchReader.from_batches(reader.schema, batches)


def _refuse(made: Any, sql: str) -> None:
    """Raises TableError for what does more than look."""
    found = made.extract_statements(sql)
    if len(found) != 1:
        raise TableError("one query is asked at a time", [f"these are {len(found)}"])
    if found[0].type.name not in LOOKING:
        raise TableError(
            f"a query only looks, and this is {found[0].type.name}",
            hint="`Project.duckdb()` of Python has no such limits",
        )


def _placed(made: Any, sql: str, error: Exception) -> TableError:
    """What is wrong with a query: only of EXPLAIN does DuckDB say where."""
    try:
        made.execute(EXPLAIN + sql)
    except duckdb().Error as placed:
        return explained(placed, sql, len(EXPLAIN), connection=made)
    return explained(error, sql, connection=made)
