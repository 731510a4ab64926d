"""Queries: SQLite and PostgreSQL, what becomes of their types, and what is said when they fail."""

from __future__ import annotations

import sqlite3
import threading
from datetime import date, datetime, time, timezone
from decimal import Decimal

import pytest

from datamake.errors import EnvironmentFailed
from datamake.tables import TableError
from datamake.tables.databases import fetch, statement, version
from datamake.tables.reading import open_table

driver = pytest.importorskip("adbc_driver_sqlite")
VERSION = tuple(map(int, driver.__version__.split(".")[:2]))
BOUNDED = pytest.mark.skipif(VERSION < (1, 13), reason="the driver does not tell of bounds")


class Lite:
    """A SQLite file and what a query of it comes to."""

    def __init__(self, folder):
        self.folder = folder
        self.path = folder / "a b%.db"

    def execute(self, script):
        with sqlite3.connect(self.path) as connection:
            connection.executescript(script)
        connection.close()

    def fetch(self, sql, uri="sqlite:a b%.db"):
        out = str(self.folder / "out.parquet")
        fetch(uri, sql, out, str(self.folder))
        return open_table(out).to_arrow()

    def column(self, sql):
        """The type and the values of the one column of a query."""
        table = self.fetch(sql)
        assert table.num_columns == 1
        return str(table.schema.types[0]), table.column(0).to_pylist()

    def failure(self, sql, uri="sqlite:a b%.db", kind=TableError):
        with pytest.raises(kind) as caught:
            self.fetch(sql, uri)
        assert not (self.folder / "out.parquet").exists()
        return str(caught.value)


@pytest.fixture
def lite(tmp_path):
    made = Lite(tmp_path)
    made.execute("CREATE TABLE t (a INT, b TEXT); INSERT INTO t VALUES (1, 'x'), (NULL, NULL)")
    return made


def counted_to(last):
    return f"WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < {last})"


# SQLite


def test_rows_come_as_they_are_in_their_order(lite):
    """Numbers, texts, bytes and nulls of SQLite are those of the file, in the query's order."""
    lite.execute("CREATE TABLE u (a, b, c, d); INSERT INTO u VALUES (1, 1.5, 'ä', x'00ff')")
    table = lite.fetch("SELECT * FROM u UNION ALL SELECT NULL, 2.5, '', NULL ORDER BY 2 DESC;")
    assert [str(dtype) for dtype in table.schema.types] == ["int64", "double", "string", "binary"]
    assert table.to_pylist() == [
        {"a": None, "b": 2.5, "c": "", "d": None},
        {"a": 1, "b": 1.5, "c": "ä", "d": b"\x00\xff"},
    ]


@pytest.mark.parametrize(
    ("last", "dtype", "read"),
    [
        ("'x'", "string", "x"),
        ("1.5", "double", 1.5),
        ("NULL", "int64", None),
        ("x'00'", "binary", b"\x00"),
    ],
)
def test_the_type_of_a_column_is_that_of_all_its_rows(lite, last, dtype, read):
    """A value far down decides as one at the top does, where the driver goes by the first rows."""
    found, values = lite.column(f"{counted_to(5000)} SELECT i FROM r UNION ALL SELECT {last}")
    assert (found, len(values), values[-1]) == (dtype, 5001, read)


def test_a_column_that_begins_with_nulls_has_the_type_of_its_values(lite):
    """Thousands of nulls say nothing of a column's type."""
    sql = f"{counted_to(5000)} SELECT CASE WHEN i = 5000 THEN 'x' END FROM r"
    dtype, values = lite.column(sql)
    assert (dtype, values[0], values[-1]) == ("string", None, "x")


def test_no_digit_is_lost_in_a_column_of_mixed_values(lite):
    """The driver would round a large number between others, and write six digits in a text."""
    assert lite.column("SELECT 0.5 AS v UNION ALL SELECT 9007199254740993") == (
        "string",
        ["0.5", "9007199254740993"],
    )
    assert lite.column("SELECT 'a' UNION ALL SELECT 3.14159265358979") == (
        "string",
        ["a", "3.14159265358979"],
    )


def test_without_a_value_a_column_has_its_declared_type(lite):
    """An empty table of SQLite has the types that it was made with; else text."""
    lite.execute(
        "CREATE TABLE e (a INTEGER, b VARCHAR(3), c REAL, d BLOB, e DECIMAL(5, 2), f DATE)"
    )
    table = lite.fetch("SELECT *, 1 + a AS g FROM e")
    assert table.num_rows == 0
    assert [str(dtype) for dtype in table.schema.types] == (
        ["int64", "string", "double", "binary", "double", "string", "string"]
    )


def test_a_database_is_only_read(lite):
    """Whatever is not a query is refused, and the file stays as it is."""
    before = lite.path.read_bytes()
    for sql in ("INSERT INTO t VALUES (2, 'y')", "DROP TABLE t", "ATTACH 'other.db' AS o"):
        assert "syntax error" in lite.failure(sql)
    assert lite.path.read_bytes() == before
    assert [path.name for path in lite.folder.iterdir()] == ["a b%.db"]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (
            "SELECT a,\n\tnope FROM t -- why",
            "the query fails: no such column: nope\n  2 |  nope FROM t\n    |  ^^^^",
        ),
        (
            "SELECT a FRM t",
            'the query fails: near "t": syntax error\n  1 | SELECT a FRM t\n    |              ^',
        ),
        ("SELECT a FROM nope, nope AS b", "the query fails: no such table: nope"),
        ("", "the query is empty"),
        ("-- nothing\n;", "the query is empty"),
        (
            "SELECT 1; SELECT 2",
            (
                "there is more than one query\n  1 | SELECT 1; SELECT 2\n    |           ^^^^^^\n"
                "  hint: one can be run"
            ),
        ),
        (
            "SELECT a, b AS a FROM t",
            "the query has more than one column `a`\n  hint: give each a name of its own, with `as`",
        ),
        (
            "SELECT CAST(x'ff' AS TEXT) AS a",
            "the column `a` has text that is not UTF-8\n  hint: take its bytes: `cast(a as blob)`",
        ),
    ],
)
def test_a_wrong_query_is_shown_with_its_place(lite, sql, said):
    """The message of SQLite, and where it names something that stands there once, a caret."""
    assert lite.failure(sql) == said


def test_a_file_that_is_not_there_is_no_database(lite):
    """Nothing is made; three slashes are a relative path, and a fourth one makes it absolute."""
    path = str(lite.path)
    assert lite.failure("SELECT 1", "sqlite:nope.db", EnvironmentFailed) == (
        f"`sqlite:nope.db` is not there\n  it is the file {lite.folder}/nope.db"
    )
    assert lite.failure("SELECT 1", f"sqlite://{path}", EnvironmentFailed).endswith(
        f"hint: an absolute path has four slashes: `sqlite:///{path}`"
    )
    assert lite.fetch("SELECT 1 AS a", f"sqlite:///{path}").to_pylist() == [{"a": 1}]
    assert lite.fetch("SELECT 1 AS a", "sqlite:///a b%.db").to_pylist() == [{"a": 1}]
    (lite.folder / "text.db").write_text("no database at all" * 100)
    (lite.folder / "out.parquet").unlink()
    assert lite.failure("SELECT 1", "sqlite:text.db") == "the query fails: file is not a database"
    assert lite.failure("SELECT 1", "mysql://u:secret@h/x") == (
        "`mysql://h/x` leads to no database: it begins with `sqlite:` or `postgresql://`"
    )


def test_a_version_is_the_text_of_all_its_rows(lite):
    """Rows are lines, values apart by tabs; what could be mistaken for either is encoded."""
    folder = str(lite.folder)

    def told(sql):
        return version("sqlite:a b%.db", sql, folder)

    assert told("SELECT max(a) FROM t") == "1"
    assert told("SELECT a, b FROM t") == "1\tx\nnull\tnull"
    assert told("SELECT 'null', 'a\tb' || char(10), 'a' AS a, 'b' AS a") == "null\ta%09b%0A\ta\tb"
    assert told("SELECT a FROM t WHERE a > 1") == ""
    with pytest.raises(TableError, match="more than 1,000"):
        told(f"{counted_to(2000)} SELECT i FROM r")


def test_a_query_of_sqlite_can_be_interrupted(lite):
    """Also where the driver is far from its first row."""
    timers = []

    def later(stop):
        timers.append(threading.Timer(0.2, stop))
        timers[0].start()

    out = str(lite.folder / "out.parquet")
    sql = f"{counted_to(30_000_000)} SELECT count(*) FROM r"
    with pytest.raises(TableError, match="the query was interrupted"):
        fetch("sqlite:a b%.db", sql, out, str(lite.folder), later)
    timers[0].join()
    assert [path.name for path in lite.folder.iterdir()] == ["a b%.db"]


def test_what_is_to_end_before_it_begins_does_not_run(lite):
    """What the interrupt is handed to may refuse."""

    def refuse(_):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        fetch(
            "sqlite:a b%.db", "SELECT 1", str(lite.folder / "o.parquet"), str(lite.folder), refuse
        )


# PostgreSQL


@pytest.fixture
def server(postgresql, tmp_path):
    class Asked(Lite):
        def fetch(self, sql, uri=postgresql.uri):
            return super().fetch(sql, uri)

        def failure(self, sql, uri=postgresql.uri, kind=TableError):
            return super().failure(sql, uri, kind)

    return Asked(tmp_path)


def test_types_of_postgresql(server):
    """What Arrow has is that; dates and times are in UTC, whatever the server's zone is."""
    (row,) = server.fetch(
        """SELECT 1::int2 AS a, 2::int4 AS b, 3::int8 AS c, 1.5::float4 AS d, true AS e, 'ä' AS f,
             'z'::char(3) AS g, '\\x00ff'::bytea AS h, date '2013-02-28' AS i, time '12:30' AS j,
             timestamp '2013-02-28 12:30:00.000001' AS k, timestamptz '2013-02-28 12:30+02' AS l,
             ARRAY[1, NULL] AS m, '{"a": 1}'::jsonb AS n, NULL::int AS o, 3000000000::oid AS p,
             timestamptz '2013-02-28 12:30+02'::text AS q -- the end"""
    ).to_pylist()
    assert list(row.values()) == [
        *(1, 2, 3, 1.5, True, "ä", "z  ", b"\x00\xff", date(2013, 2, 28), time(12, 30)),
        datetime(2013, 2, 28, 12, 30, 0, 1),  # noqa: DTZ001 - it has no zone
        datetime(2013, 2, 28, 10, 30, tzinfo=timezone.utc),
        *([1, None], '{"a": 1}', None, 3_000_000_000, "2013-02-28 10:30:00+00"),
    ]


def test_what_arrow_has_no_type_for_comes_as_text(server):
    """UUIDs, intervals, ranges, addresses, records: as PostgreSQL writes them, in arrays too."""
    table = server.fetch(
        """SELECT 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid AS a, interval '1 mon 2 d 3 s' AS b,
             '[1,5)'::int4range AS c, inet '1.2.3.4' AS d, point '(1,2)' AS e, B'101' AS f,
             timetz '12:00+02' AS g, row(1, 'x') AS h, ARRAY[interval '1 s'] AS i, xml '<a/>' AS j"""
    )
    assert {str(dtype) for dtype in table.schema.types} == {"string", "list<item: string>"}
    assert list(table.to_pylist()[0].values()) == [
        *("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "P1M2DT3S", "[1,5)", "1.2.3.4/32", "(1,2)"),
        *("101", "12:00:00+02", "(1,x)", ["PT1S"], "<a/>"),
    ]


def test_money_is_exact(server):
    """The driver would give its cents."""
    (row,) = server.fetch("SELECT 12.34::money AS a, ARRAY[1::money] AS b").to_pylist()
    assert row == {"a": Decimal("12.34"), "b": ["$1.00"]}


@BOUNDED
def test_numerics_are_exact(server):
    """With bounds a numeric is a decimal; without, the text that loses no digit."""
    table = server.fetch(
        """SELECT 1.5::numeric(12, 2) AS a, 1.5::numeric AS b, 0::numeric(3, 3) AS c,
             0.001::numeric(40, 3) AS d, 1200::numeric(5, -2) AS e, NULL::numeric(3, 1) AS f"""
    )
    assert [str(dtype) for dtype in table.schema.types] == [
        *("decimal128(12, 2)", "string", "decimal128(3, 3)"),
        *("decimal256(40, 3)", "decimal128(7, 0)", "decimal128(3, 1)"),
    ]
    assert list(table.to_pylist()[0].values()) == [
        *(Decimal("1.50"), "1.5", Decimal(0)),
        *(Decimal("0.001"), Decimal(1200), None),
    ]


@pytest.mark.parametrize(
    ("sql", "what", "example"),
    [
        ("SELECT 'infinity'::date AS a", "infinity", "infinity"),
        ("SELECT '-infinity'::date AS a", "infinity", "infinity"),
        ("SELECT 'infinity'::timestamptz AS a", "infinity", "infinity"),
        ("SELECT '-infinity'::timestamp AS a", "infinity", "infinity"),
        pytest.param("SELECT 'NaN'::numeric(3, 1) AS a", "NaN or infinity", "NaN", marks=BOUNDED),
    ],
)
def test_what_a_table_cannot_hold_is_an_error(server, sql, what, example):
    """PostgreSQL's infinity comes from the driver as some day long ago."""
    assert server.failure(sql) == (
        f"the column `a` has {what}, which tables have no word for\n"
        f"  hint: make it null, as in `nullif(a, '{example}')`"
    )


def test_types_of_a_users_own(server, postgresql):
    """Enums are text; rows of a named type are structs, and text where a part of one has to be."""
    postgresql.execute(
        "CREATE TYPE mood AS ENUM ('sad', 'glad')",
        "CREATE TYPE pair AS (a int, m mood)",
        "CREATE TYPE known AS (a int, u uuid)",
        "CREATE TABLE own (m mood, p pair, k known, ms mood[], ps pair[], ks known[])",
        """INSERT INTO own SELECT 'glad', (1, 'sad'::mood)::pair, k, '{glad}', '{"(1,sad)"}', ARRAY[k]
             FROM (SELECT (2, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11')::known AS k) AS x""",
    )
    (row,) = server.fetch("SELECT * FROM own").to_pylist()
    known = "(2,a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11)"
    pair = {"a": 1, "m": "sad"}
    assert list(row.values()) == ["glad", pair, known, ["glad"], [pair], f'{{"{known}"}}']


def test_many_rows_keep_their_order(server):
    """What is ordered in the query is so in the file, also where a column is asked for as text."""
    sql = "SELECT x, interval '1 s' * x AS i FROM generate_series(1, 200000) AS x ORDER BY x DESC"
    table = server.fetch(sql)
    assert table.column("x").to_pylist() == list(range(200_000, 0, -1))
    assert table.column("i")[0].as_py() == "PT55H33M20S"


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (
            "SELECT *\n  FROM nope",
            (
                'the query fails: relation "nope" does not exist\n'
                "  2 |   FROM nope\n    |        ^^^^"
            ),
        ),
        (
            "SELECT pad FROM (SELECT 1 AS paid) AS x",
            (
                'the query fails: column "pad" does not exist\n'
                "  1 | SELECT pad FROM (SELECT 1 AS paid) AS x\n    |        ^^^\n"
                '  hint: Perhaps you meant to reference the column "x.paid".'
            ),
        ),
        (
            "SELECT 1 / (x - 50000) FROM generate_series(1, 100000) AS x",
            "the query fails: division by zero",
        ),
        (
            "CREATE TABLE x (a int)",
            "the query fails: cannot execute CREATE TABLE in a read-only transaction",
        ),
        (
            "SELECT 1 AS a, 2 AS a",
            "the query has more than one column `a`\n  hint: give each a name of its own, with `as`",
        ),
    ],
)
def test_a_wrong_query_is_shown_as_postgresql_says_it(server, sql, said):
    """The primary message, the line with a caret where the server says the place, its hint."""
    assert server.failure(sql) == said


def test_what_is_no_query_is_refused(server):
    """It would have to be part of one."""
    assert server.failure("SHOW timezone").startswith("the query fails: syntax error at or near")


def test_a_query_cannot_write(server, postgresql):
    """Neither by a function, nor by what it calls."""
    postgresql.execute("CREATE SEQUENCE counted")
    assert "read-only transaction" in server.failure("SELECT nextval('counted')")


def test_a_server_that_cannot_be_asked_is_the_environments_failure(server, postgresql):
    """Wrong passwords, unknown databases and hosts; never a password, nor a part of one."""
    wrong = postgresql.uri.replace("hunter2hunter2", "s3cret:2")
    port = postgresql.port
    assert server.failure("SELECT 1", wrong, EnvironmentFailed) == (
        f"`postgresql://127.0.0.1:{port}/postgres` cannot be read\n"
        f'  connection to server at "127.0.0.1", port {port} failed: '
        'FATAL:  password authentication failed for user "tester"'
    )
    unknown = postgresql.uri.replace("/postgres", "/nope")
    assert 'database "nope" does not exist' in server.failure(
        "SELECT 1", unknown, EnvironmentFailed
    )
    for uri in ("postgresql://me:s3c@ret@127.0.0.1:1/x", "postgresql://h/x?password=s3c%zret"):
        said = server.failure("SELECT 1", uri, EnvironmentFailed)
        assert "s3c" not in said
        assert "ret" not in said


def test_a_server_that_goes_away_is_the_environments_failure(server, postgresql):
    """What fails on the way is no fault of the query."""
    sql = """SELECT CASE WHEN x = 90000 THEN pg_terminate_backend(pg_backend_pid()) END AS a
               FROM generate_series(1, 100000) AS x"""
    said = server.failure(sql, kind=EnvironmentFailed)
    assert said.startswith(f"`postgresql://127.0.0.1:{postgresql.port}/postgres` cannot be read\n")


def test_a_query_can_be_interrupted(postgresql, tmp_path):
    """What is handed out ends it from another thread."""
    timers = []

    def later(stop):
        timers.append(threading.Timer(0.2, stop))
        timers[0].start()

    with pytest.raises(TableError, match="the query was interrupted"):
        fetch(postgresql.uri, "SELECT pg_sleep(60)::text", str(tmp_path / "o.parquet"), "/", later)
    timers[0].join()
    assert list(tmp_path.iterdir()) == []


def test_a_version_sees_what_was_committed(postgresql):
    """The version of a table changes with it."""
    postgresql.execute("CREATE TABLE versioned (t timestamptz, n numeric(5, 2))")
    sql = "SELECT max(t), sum(n), count(*) FROM versioned"
    assert version(postgresql.uri, sql, "/") == "null\tnull\t0"
    postgresql.execute("INSERT INTO versioned VALUES ('2013-02-28 12:30+02', 1.50)")
    assert version(postgresql.uri, sql, "/") == "2013-02-28 10:30:00+00:00\t1.50\t1"


# Queries


@pytest.mark.parametrize(
    ("sql", "bare"),
    [
        ("SELECT 1", "SELECT 1"),
        ("SELECT 1 ; ;\n-- end; or not\n", "SELECT 1"),
        ("SELECT 1 /* ; */ + 1; /* more; */", "SELECT 1 /* ; */ + 1"),
        ("SELECT ';' AS \"a;b\" -- x", "SELECT ';' AS \"a;b\""),
        ("SELECT $x$ ; ' $x$, 'it''s;' ;", "SELECT $x$ ; ' $x$, 'it''s;'"),
    ],
)
def test_what_stands_behind_a_query_is_cut_off(sql, bare):
    """Semicolons and comments at its end; in texts and names they are part of it."""
    assert statement(sql) == bare
