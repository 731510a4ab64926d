"""Checks carried out by DuckDB: one query for all that can share it, in a session of its own.

Knows no kind of check. Parquet is read where it lies; what DuckDB cannot read, or not as the same
values, is brought into a table of the session, which goes to disk where memory does not hold it.
"""

from __future__ import annotations

from contextlib import ExitStack
from tempfile import TemporaryDirectory

import pyarrow as pa

from datamake.datafile.sql import identifier
from datamake.errors import shortened
from datamake.tables import TableError
from datamake.tables.checked import SHOWN, Checked
from datamake.tables.checks.bound import KeyTest, QueryTest, RowTest, WholeTest
from datamake.tables.checks.keys import sample
from datamake.tables.checks.rows import References
from datamake.tables.checks.scalars import shown
from datamake.tables.checks.sources import load, view
from datamake.tables.checks.streaming import checked, row_of, rows_at, sampled
from datamake.tables.engine import duckdb
from datamake.tables.mistakes import condition, details, explained, message_of
from datamake.tables.queries import tables_in
from datamake.tables.scans import files_of
from datamake.tables.session import close, session
from datamake.tables.syntax import parsed
from datamake.tables.usage import mentioned
from datamake.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from datamake.tables.checks.bound import Sights, Test
    from datamake.tables.reading import Table

FIRST = 100_000
"""Rows that tell how best to look at all."""


def carried_out(table: Table, tests: Sequence[Test], sights: Sights) -> dict[Test, Checked]:
    """What came of the tests. Raises TableError."""
    used = _used(table, tests)
    with ExitStack() as stack:
        limits = sights.limits
        if limits.folder is not None:  # one of its own: a session may read all that is in it
            own = TemporaryDirectory(prefix="checks-", dir=limits.folder)
            limits = replace(limits, folder=stack.enter_context(own))
        connection = stack.enter_context(session(limits))
        try:
            return _Work(connection, table, tests, used).results()
        except duckdb().Error as error:
            raise TableError("DuckDB cannot carry out the checks", told(error)) from error


def _used(table: Table, tests: Sequence[Test]) -> frozenset[str]:
    """The columns that SQL of the Datafile depends on. Raises TableError for what it may not say."""
    used: set[str] = set()
    names = table.schema.names
    for test in tests:
        said = _said(test)
        if not said:
            continue
        try:
            query = parsed(said, ())
            for other in tables_in(said):
                if other.casefold() != "this":
                    raise test.fault(f"there is no table `{other}`: a check sees `this` alone")
        except TableError as error:
            if error.headline.startswith("check "):
                raise
            raise test.fault(error.headline, error.facts, error.hint) from error
        used.update(mentioned(query, {"this": names}).get("this") or names)
    return frozenset(used)


def _said(test: Test) -> str:
    """The SQL of a Datafile that is in a test, as a query."""
    if isinstance(test, QueryTest):
        return test.query
    return condition(test.check.where) if test.check.where else ""


class _Work:
    """One table in a session, under the name `this`. `used` are columns that SQL there names."""

    def __init__(
        self, connection: Any, table: Table, tests: Sequence[Test], used: frozenset[str]
    ) -> None:
        self.connection = connection
        self.table = table
        self.tests = tests
        own = {name for test in tests for name in test.columns}
        beside = {
            name
            for test in tests
            if isinstance(test, RowTest) and not test.by_value
            for name in sampled(test.columns, table.schema)
        }
        self.in_files = view(connection, "this", table, own | used | beside, "*")
        columns = table.chosen(own | used).names
        self.names = {name: identifier(name) for name in columns}
        paths = files_of(table) if self.in_files else []
        if not self.in_files:
            if not any(map(_said, tests)):
                self.names = {name: f"c{at}" for at, name in enumerate(columns)}
            load(connection, "stored", table, columns, list(self.names.values()))
            connection.execute("CREATE VIEW this AS FROM stored")  # which has no `rowid`
        for at, test in enumerate(tests):
            if isinstance(test, References):
                test.view = f"held_{at}"
                held = f"{identifier(test.column)} AS held"
                if view(connection, test.view, test.other, {test.column}, held):
                    paths += files_of(test.other)
                else:
                    load(connection, test.view, test.other, [test.column], ["held"])
        close(connection, paths)

    def query(self, text: str) -> list[tuple[Any, ...]]:
        """All rows of a result."""
        found: list[tuple[Any, ...]] = self.connection.execute(text).fetchall()
        return found

    def results(self) -> dict[Test, Checked]:
        """What came of each test: first what can be worked out in one pass."""
        for test in self.tests:
            self._tried(test, "read")
        passes = [*self._by_value(), *self._by_columns()]
        apart = {test for _, cells in passes for test in cells}
        cells = {test: self._cells(test) for test in self.tests if test not in apart}
        values = self._values(
            "this", ["count(*)", *(cell for some in cells.values() for cell in some)]
        )
        found = {test: [values[cell] for cell in some] for test, some in cells.items()}
        for source, each in passes:
            wrong = self._values(source, each.values())
            found |= {test: [values["count(*)"], wrong[cell]] for test, cell in each.items()}
        return {test: self._result(test, *found[test]) for test in self.tests}

    def _values(self, source: str, cells: Iterable[str]) -> dict[str, pa.Scalar]:
        """Cell → its value, each worked out once, in one pass."""
        different = list(dict.fromkeys(cells))
        try:
            text = f"SELECT {', '.join(different)} FROM {source}"
            found = self.connection.sql(text).to_arrow_table()
        except duckdb().Error:
            for test in self.tests:
                self._tried(test, "run")
            raise
        return dict(zip(different, (column[0] for column in found.columns), strict=True))

    def _by_value(self) -> Iterator[tuple[str, dict[Test, str]]]:
        """Columns of few values, of which each is better judged once: (source, test → cell)."""
        for names, tests in self._together(dear=True).items():
            (name,) = names
            if _few(self.connection, name):
                each = (
                    f"(SELECT {name}, count(*) FROM this GROUP BY {name}) AS counted(value, number)"
                )
                sums = [f"sum(number) FILTER ({test.condition(['value'])})" for test in tests]
                cells = [f"coalesce({sum_}, 0)::BIGINT" for sum_ in sums]
                yield each, dict(zip(tests, cells, strict=True))

    def _by_columns(self) -> Iterator[tuple[str, dict[Test, str]]]:
        """Wrong rows, of which the statistics of a file may say that there are none."""
        for names, tests in self._together(dear=False).items():
            wrong = [test.condition(names) for test in tests]
            cells = [f"count(*) FILTER ({each})" for each in wrong]
            yield f"this WHERE {' OR '.join(wrong)}", dict(zip(tests, cells, strict=True))

    def _together(self, *, dear: bool) -> dict[tuple[str, ...], list[RowTest]]:
        """Identifiers → the tests of all rows of these columns."""
        found: dict[tuple[str, ...], list[RowTest]] = {}
        for test in self.tests:
            if isinstance(test, RowTest) and test.dear == dear and not test.check.where:
                names = tuple(self.names[name] for name in test.columns)
                found.setdefault(names, []).append(test)
        return found

    def _tried(self, test: Test, how: str) -> None:
        """Raises TableError for SQL of the Datafile that cannot be read, or runs into an error."""
        if not _said(test):
            return
        what = "query" if isinstance(test, QueryTest) else "`where`"
        text = f"SELECT count(*) FROM ({NEW}{_said(test)}{NEW})"
        try:
            self.query(f"EXPLAIN {text}" if how == "read" else text)
        except duckdb().Error as error:
            facts = told(error, self.connection)
            raise test.fault(f"DuckDB cannot {how} its {what}", facts) from error

    def _cells(self, test: Test) -> list[str]:
        """What the one query works out for a test: rows, then violations or the greatest value."""
        names = [self.names[name] for name in test.columns]
        limit = f" FILTER ({_where(test)})" if test.check.where else ""
        rows = f"count(*){limit}"
        if isinstance(test, RowTest):
            return [rows, f"count(*) FILTER ({self._broken(test)})"]
        return (
            [rows, f"max({names[0]}){limit}"] if names and isinstance(test, WholeTest) else [rows]
        )

    def _broken(self, test: RowTest) -> str:
        """The condition of a wrong row."""
        condition = test.condition([self.names[name] for name in test.columns])
        return f"{_where(test)} AND {condition}" if test.check.where else condition

    def _result(self, test: Test, counted: pa.Scalar, cell: pa.Scalar | None = None) -> Checked:
        rows: int = counted.as_py()
        if isinstance(test, RowTest) and cell is not None:
            return checked(test, cell.as_py(), rows, self._sample(test) if cell.as_py() else ())
        if isinstance(test, WholeTest):
            wrong = test.judged(rows, None if cell is None else cell.cast(test.types[0]))
            return checked(test, int(bool(wrong)), rows, [wrong] if wrong else ())
        if isinstance(test, KeyTest):
            return self._keys(test, rows)
        assert isinstance(test, QueryTest)
        try:
            return self._returned(test, rows)
        except duckdb().Error as error:
            raise test.fault("DuckDB cannot run its query", told(error)) from error

    def _sample(self, test: RowTest) -> Sequence[Mapping[str, Any]]:
        """The first wrong rows, or the wrong values that there are most of."""
        if test.by_value:
            return self._most(test, f"FROM this WHERE {self._broken(test)}")
        limit = f"WHERE {self._broken(test)} LIMIT {SHOWN}"
        if not self.in_files:
            places = [place for (place,) in self.query(f"SELECT rowid FROM stored {limit}")]
            return rows_at(self.table, {test: sorted(places)})[test]
        schema = self.table.schema
        names = sampled(test.columns, schema)
        columns = ", ".join(map(identifier, names))
        found = self.connection.sql(f"SELECT {columns} FROM this {limit}").to_arrow_table()
        typed = [
            column
            if column.type == schema.field(name).type
            else column.cast(schema.field(name).type)
            for name, column in zip(names, found.columns, strict=True)
        ]
        same = pa.table(typed, names=names)
        return [row_of(same, at, names) for at in range(len(same))]

    def _keys(self, test: KeyTest, rows: int) -> Checked:
        names = [self.names[name] for name in test.columns]
        present = " AND ".join(f"{name} IS NOT NULL" for name in names)
        if test.check.where:
            present += f" AND {_where(test)}"
        keys = ", ".join(names)
        rest = f"FROM this WHERE {present}"
        if _ascending(self.connection, names, present):
            return checked(test, 0, rows, ())
        different = f"SELECT count(*) FROM (SELECT DISTINCT {keys} {rest})"
        ((beyond,),) = self.query(f"SELECT (SELECT count(*) {rest}) - ({different})")
        most = self._most(test, rest, "HAVING count(*) > 1") if beyond else ()
        return checked(test, beyond, rows, most)

    def _most(self, test: Test, rest: str, having: str = "") -> list[Mapping[str, Any]]:
        """Keys and the number of their rows, most first."""
        keys = ", ".join(self.names[name] for name in test.columns)
        order = f"ORDER BY count(*) DESC, {keys} LIMIT {SHOWN}"
        text = f"SELECT {keys}, count(*) {rest} GROUP BY {keys} {having} {order}"
        *columns, counts = self.connection.sql(text).to_arrow_table().columns
        typed = [column.cast(dtype) for column, dtype in zip(columns, test.types, strict=True)]
        return [
            sample(test.columns, [column[at] for column in typed], counts[at].as_py())
            for at in range(len(counts))
        ]

    def _returned(self, test: QueryTest, rows: int) -> Checked:
        """Rows of a query, of which the first are those that sort first: it may leave them unordered."""
        query = f"({NEW}{test.query}{NEW})"
        first = f"SELECT * FROM {query} ORDER BY ALL LIMIT {SHOWN}"
        found = self.connection.sql(first).to_arrow_table()
        if not len(found):
            return checked(test, 0, rows, ())
        ((count,),) = self.query(f"SELECT count(*) FROM {query}")
        names = found.column_names
        some = [
            dict(zip(names, (shown(column[at]) for column in found.columns), strict=True))
            for at in range(len(found))
        ]
        return checked(test, count, rows, some)


NEW = "\n"
"""Around SQL of a Datafile, which may end in a comment."""


def _where(test: Test) -> str:
    return f"coalesce(({NEW}{test.check.where}{NEW}), false)"


def told(error: BaseException, connection: Any = None) -> list[str]:
    """What DuckDB says of an error, as the facts of a message. Raises as `message_of` does."""
    if details(error).get("error_subtype"):
        found = explained(error, "", place=False, connection=connection)
        return [found.headline, *found.below]
    return [shortened(line, 200) for line in message_of(error).splitlines() if line.strip()][:4]


def _few(connection: Any, name: str) -> bool:
    """Whether a column seems to have few different values: among its first ones it has."""
    some = f"SELECT {name} AS v FROM this LIMIT {FIRST}"
    few = f"SELECT count(DISTINCT v) * 10 < count(*) FROM ({some})"
    return bool(connection.execute(few).fetchall()[0][0])


def _ascending(connection: Any, names: list[str], present: str) -> bool:
    """Whether each key is above the one before it, so that there is none twice.

    That is so of many tables, can be seen from the first rows, and takes a fraction of the time.
    """
    now, before = (
        ", ".join(f"{side}{at}" for at in range(len(names))) for side in ("now", "before")
    )
    said = [f"{name} AS now{at}" for at, name in enumerate(names)]
    past = [f"lag({name}) OVER () AS before{at}" for at, name in enumerate(names)]
    for limit in (f"LIMIT {FIRST}", ""):
        keys = f"SELECT {', '.join(names)} FROM this WHERE {present} {limit}"
        pairs = f"SELECT {', '.join(said + past)} FROM ({keys})"
        falling = f"SELECT count(*) FROM ({pairs}) WHERE ({now}) <= ({before})"
        if connection.execute(falling).fetchall()[0][0]:
            return False
    return True
