"""Checks of tables: what each kind means, with DuckDB and without, and what is said of it."""

from __future__ import annotations

import datetime as dt
import math
import os
import sys
from collections import Counter
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tomli
from drawn_tables import PARQUET, tables
from hypothesis import given, settings
from hypothesis import strategies as st
from versions import told_by_duckdb_2

from datamake.datafile.checks import Check, checks_of, schema_of
from datamake.errors import EnvironmentFailed
from datamake.formats import Reading
from datamake.tables import TableError, checks
from datamake.tables.checked import Checked, canonical, documents, lines, parsed
from datamake.tables.checks import verify
from datamake.tables.checks.bound import Sights
from datamake.tables.reading import open_table
from datamake.tables.session import Limits
from datamake.tables.writing import Writer

RAW = os.path.join(os.path.dirname(os.path.dirname(__file__)), "examples", "flights", "raw")
ENGINES = {"arrow": 1 << 60, "duckdb": -1}
"""How few rows Arrow alone looks at, such that one or the other does all that it can."""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(params=ENGINES)
def engine(request, monkeypatch):
    """Each test with this runs with DuckDB and with Arrow alone."""
    monkeypatch.setattr(checks, "SMALL", ENGINES[request.param])
    return request.param


def opened(table, path="t.parquet"):
    """A table in a file."""
    table = table if isinstance(table, pa.Table) else pa.table(table)
    if path.endswith(".parquet"):
        pq.write_table(table, path)
    else:
        with Writer(path, table.schema) as out:
            for batch in table.to_batches():
                out.write(batch)
    return open_table(path)


def results(table, said, sights=None, schema=None):
    """What comes of checks as a Datafile has them."""
    table = table if hasattr(table, "batches") else opened(table)
    declared = tomli.loads(f"checks = [{said}]\n{schema or ''}")
    return verify(table, schema_of(declared), checks_of(declared), sights or Sights())


def result(table, said, sights=None):
    (found,) = results(table, said, sights)
    return found


def count(table, said, sights=None):
    """(violations, rows) of one check."""
    found = result(table, said, sights)
    return found.violations, found.rows


def fault(table, said, sights=None):
    with pytest.raises(TableError) as caught:
        results(table, said, sights)
    return str(caught.value)


# The kinds


def test_not_null(engine):
    """Rows with a null in any of the columns; NaN is none."""
    table = {"a": [1, None, None, 4], "b": ["x", None, "z", None], "c": [math.nan] * 4}
    found = result(table, '{ not_null = ["a", "b", "c"] }')
    assert found == Checked(
        "not_null(a, b, c)",
        "not_null",
        "error",
        3,
        4,
        (
            {"a": None, "b": None, "c": "nan"},
            {"a": None, "b": "z", "c": "nan"},
            {"a": 4, "b": None, "c": "nan"},
        ),
    )
    assert not found.passed


def test_unique(engine):
    """Rows beyond the first of each key; a key with a null in it is like no other."""
    table = {"a": [3, 1, 3, None, None, 3, 1], "b": ["x", "y", "x", "z", "z", None, "q"]}
    one, both = results(table, '{ unique = ["a", ["a", "b"]] }')
    assert (one.name, one.violations, one.rows) == ("unique(a)", 3, 7)
    assert one.sample == ({"a": 3, "count": 3}, {"a": 1, "count": 2})
    assert (both.name, both.violations) == ("unique(a, b)", 1)
    assert both.sample == ({"a": 3, "b": "x", "count": 2},)
    assert result({"count": [1, 1]}, '{ unique = ["count"] }').sample == (
        {"count": 1, "count of rows": 2},
    )


def test_unique_keys_that_rise(engine):
    """Keys in order are seen to be unique without counting; one that falls behind is counted."""
    rows = 300_000
    table = {"a": pa.array(range(rows)), "b": pa.array(range(rows)).cast(pa.string())}
    assert count(table, '{ unique = [["a", "b"]] }') == (0, rows)
    last = pa.array([*range(rows - 1), 7])
    found = result({"a": last}, '{ unique = ["a"] }')
    assert (found.violations, found.sample) == (1, ({"a": 7, "count": 2},))
    assert count({"a": [1, 2, None, 2]}, '{ unique = ["a"] }') == (1, 4)


def test_numbers_that_are_equal(engine):
    """NaN equals itself, and zero has no sign."""
    table = {"a": [math.nan, math.nan, 0.0, -0.0, None]}
    assert count(table, '{ unique = ["a"] }') == (2, 5)
    assert count(table, "{ accepted = { a = [nan, 0] } }") == (0, 5)
    assert count(table, "{ accepted = { a = [0] } }") == (2, 5)
    assert count(table, "{ between = { a = [-inf, inf] } }") == (2, 5)


@pytest.mark.parametrize(
    ("values", "accepted", "wrong"),
    [
        (pa.array(["a", "b", None, "", "it's"]), "['a', '']", 2),
        (pa.array(["a\0b", "a", 'q"']), "['a\\u0000b'.]".replace(".]", "]").replace("'", '"'), 2),
        (pa.array([1, 2, None], pa.int8()), "[1, '2']", 0),
        (pa.array([1, 2, 1 << 63], pa.uint64()), "[1]", 2),
        (pa.array([0.1, 0.5], pa.float32()), "[0.1]", 1),
        (pa.array([True, False, None]), "[true]", 1),
        (pa.array([Decimal("1.50"), Decimal("2.00")], pa.decimal128(5, 2)), "[1.5, 3]", 1),
        (pa.array([dt.date(2013, 1, 1), dt.date(2014, 1, 1)]), "[2013-01-01, '2013-01-02']", 1),
        (pa.array([0, 86400_000_000], pa.timestamp("us")), "[1970-01-01, 1971-01-01T10:00:00]", 1),
        (
            pa.array([0, 3600_000_000], pa.timestamp("us", "Europe/Berlin")),
            "[1970-01-01T01:00:00+01:00]",
            1,
        ),
        (pa.array([0, 1], pa.timestamp("ns")), "['1970-01-01 00:00:00.000000001']", 1),
        (pa.array([0, 1], pa.timestamp("ms")), "['1970-01-01 00:00:00.001']", 1),
        (pa.array([dt.time(10), None]), "[10:00:00]", 0),
    ],
)
def test_accepted(engine, values, accepted, wrong):
    """One of the values, read as the type of the column; null passes."""
    for path in ("t.parquet", "t.arrow"):
        table = opened({"a": values, "b": values}, path)
        found = results(table, f"{{ accepted = {{ a = {accepted}, b = {accepted} }} }}")
        assert [each.violations for each in found] == [wrong, wrong]


@pytest.mark.parametrize(
    ("values", "limits", "wrong"),
    [
        (pa.array([1, 2, 3, None, 4]), "[2, 3]", 2),
        (pa.array([1, 2, 3]), "[1.5, 2.5]", 2),
        (pa.array([0, 255], pa.uint8()), "[-5, 1000]", 0),
        (pa.array([0, 255], pa.uint8()), "[300, 1000]", 2),
        (pa.array([0, 255], pa.uint8()), "[-10, -5]", 2),
        (pa.array([-(1 << 63), (1 << 63) - 1]), "[-inf, inf]", 0),
        (pa.array([0.1, 0.2, math.nan, math.inf], pa.float32()), "[0.1, 0.2]", 2),
        (pa.array([Decimal("1.23"), Decimal("9.99")], pa.decimal128(3, 2)), "[1.225, 1e300]", 0),
        (pa.array([Decimal("1.23"), Decimal("9.99")], pa.decimal128(3, 2)), "[1.235, 9.989]", 2),
        (pa.array(["a", "b", "ba", "c"]), "['b', 'bb']", 2),
        (pa.array([dt.date(2013, 1, 1), dt.date(2013, 3, 1)]), "[2013-01-01, '2013-02-28']", 1),
        (pa.array([0, 86400], pa.timestamp("s")), "[1970-01-01, 1970-01-01]", 1),
        (pa.array([0, 86400], pa.timestamp("s", "UTC")), "[1970-01-01T00:00:00Z, 1970-01-01]", 1),
        (pa.array([dt.time(9), dt.time(11)]), "[10:00:00, 11:00:00]", 1),
        (pa.array([b"a"]).cast(pa.binary()), "['a', 'b']", 0),
    ],
)
def test_between(engine, values, limits, wrong):
    """Both limits belong to it, also where the type of the column cannot say them exactly."""
    if "T00:00:00Z" in limits:
        limits = "['1970-01-01T00:00:00Z', '1970-01-01']"
    assert count({"a": values}, f"{{ between = {{ a = {limits} }} }}")[0] == wrong


@pytest.mark.parametrize(
    ("pattern", "wrong"),
    [
        ("^[A-Z]{3}$", 4),
        ("b", 3),
        ("", 0),
        ("a.b", 5),
        ("(?s)a.b", 4),
        (r"^\pL+$", 3),
        ("'", 4),
        ("(?i)jfk", 3),
    ],
)
def test_matches(engine, pattern, wrong):
    """It is found anywhere in the value; `^` and `$` are its ends, a dot is no line end."""
    values = ["JFK", "jfk", "a\nb", "'b", None, ""]
    found = result({"a": values}, f"{{ matches = {{ a = '''{pattern}''' }} }}")
    assert (found.violations, found.rows) == (wrong, 6)
    many = result({"a": values * 100_000}, f"{{ matches = {{ a = '''{pattern}''' }} }}")
    assert (many.violations, many.rows) == (wrong * 100_000, 600_000)
    assert many.sample[: len(found.sample)] == found.sample[:5]


def test_references(engine):
    """Values that the other column has not; a null refers to nothing, and is nothing to refer to."""
    other = opened({"id": ["x", None, "y", "x"]}, "other.parquet")
    sights = Sights({"sales.shops": other})
    table = {"shop": ["x", "z", None, "y", "z", "w"], "n": range(6)}
    found = result(table, '{ references = { shop = "sales.shops.id" } }', sights)
    assert (found.violations, found.rows) == (3, 6)
    assert found.sample == ({"shop": "z", "count": 2}, {"shop": "w", "count": 1})
    none = Sights({"o": opened({"id": pa.array([], pa.string())}, "none.arrow")})
    assert count(table, '{ references = { shop = "o.id" } }', none) == (5, 6)
    numbers = Sights({"o": opened({"id": pa.array([1, 2], pa.uint64())}, "numbers.parquet")})
    assert count(
        {"n": pa.array([-1, 2], pa.int8())}, '{ references = { n = "o.id" } }', numbers
    ) == (1, 2)
    itself = Sights({"o": opened({"a": [math.nan, 0.0]}, "floats.parquet")})
    assert count({"a": [math.nan, -0.0, 1.0]}, '{ references = { a = "o.a" } }', itself) == (1, 3)


def test_fresh(engine):
    """The newest value is too old, or there is none."""
    day = 86400.0
    sights = Sights(now=100 * day)
    for dtype in (pa.timestamp("s"), pa.timestamp("ns", "UTC"), pa.timestamp("ms", "Asia/Tokyo")):
        times = pa.array([97, None, 98], pa.int64())
        table = {
            "at": pa.array([each and each * 86400 for each in times.to_pylist()])
            .cast(pa.timestamp("s"))
            .cast(dtype)
        }
        assert count(table, "{ fresh = { at = '2d' } }", sights) == (0, 3)
        old = result(table, "{ fresh = { at = '1.5d' } }", sights)
        assert (old.violations, old.rows) == (1, 3)
        assert old.sample[0]["limit"] == "36h"
        assert old.sample[0]["newest"].startswith("1970-04-09 00:00:00")
    dates = {"at": pa.array([97, 98], pa.date32())}
    assert count(dates, "{ fresh = { at = '2d' } }", sights) == (0, 2)
    empty = result({"at": pa.array([None], pa.date32())}, "{ fresh = { at = '2d' } }", sights)
    assert (empty.violations, empty.rows, empty.sample) == (
        1,
        1,
        ({"newest": None, "limit": "2d"},),
    )


def test_rows_and_volume():
    """Limits of a number, and of how far it is from the median of the last ones."""
    table = opened({"a": range(10)})
    assert result(table, "{ rows = { min = 10, max = 10 } }") == Checked(
        "rows", "rows", "error", 0, 10
    )
    assert result(table, "{ rows = { min = 11 } }").sample == ({"rows": 10, "min": 11},)
    assert result(table, "{ rows = { max = 9 } }").sample == ({"rows": 10, "max": 9},)
    assert count(table, "{ volume = '30%' }") == (0, 10)
    assert count(table, "{ volume = '30%' }", Sights(volumes=[14, 13, 1000])) == (0, 10)
    assert result(table, "{ volume = '30%' }", Sights(volumes=(15, 1, 100))) == Checked(
        "volume", "volume", "error", 1, 10, ({"rows": 10, "median": 15, "limit": "30%"},)
    )


def test_where():
    """Only the rows for which it is true are looked at, and counted."""
    table = {
        "a": [1, 1, None, 2],
        "b": ["x", "x", "y", None],
        "at": pa.array([0, 1, 2, 3], pa.date32()),
    }
    said = """{ not_null = ["a"], where = "b = 'y' -- so" },
        { unique = ["a"], where = "b = 'x'" }, { rows = { min = 3 }, where = "b = 'x'" },
        { accepted = { b = ["x"] }, where = "a IS NULL" }, { matches = { b = "y" }, where = "a = 1" },
        { fresh = { at = "1d" }, where = "a = 1" }"""
    for path in ("t.parquet", "t.arrow", "t.csv"):
        found = results(opened(table, path), said, Sights(now=2.5 * 86400))
        assert [(each.violations, each.rows) for each in found] == [
            (1, 1),
            (1, 2),
            (1, 2),
            (1, 1),
            (2, 2),
            (1, 2),
        ]
        assert found[4].sample == (
            {"b": "x", "a": 1, "at": "1970-01-01"},
            {"b": "x", "a": 1, "at": "1970-01-02"},
        )


def test_sql():
    """The rows that a query returns are wrong: of `this`, and of nothing else."""
    table = {"a": [1, 2, 3], "b": [[1], None, [3]]}
    for path in ("t.parquet", "t.arrow"):
        found = result(opened(table, path), '{ sql = "SELECT a, b FROM this WHERE a > 1; " }')
        assert (found.violations, found.rows) == (2, 3)
        assert [row["a"] for row in found.sample] == [2, 3]
    assert count(table, '{ sql = "FROM this WHERE a > 3 -- none" }') == (0, 3)


@pytest.mark.parametrize(
    "said", ["SELECT getenv('HOME')", "FROM read_csv('t.csv')", "FROM 'other.parquet'"]
)
def test_sql_sees_nothing_else(said):
    """No files but through `this`, and no variables."""
    opened({"a": [1]}, "t.csv")
    opened({"a": [1]}, "other.parquet")
    message = fault({"a": [1]}, f'{{ sql = "{said}" }}', Sights(limits=Limits(folder=".")))
    assert message.startswith("check `sql(")


# Mistakes


def test_mistakes_name_the_check(engine):
    """A column that is not there, a type that cannot be compared, a value that is none of it."""
    other = opened({"id": [1]}, "other.parquet")
    table = opened(
        {
            "origin": ["x"],
            "n": [1],
            "f": [True],
            "t": pa.array([0], pa.timestamp("us")),
            "l": [[1]],
            "x": [0.5],
        }
    )
    assert fault(table, '{ not_null = ["orign"], name = "no nulls" }') == (
        "check `no nulls`: there is no column `orign`\n"
        "  it has `origin`, `n`, `f`, `t`, `l`, `x`\n  hint: did you mean `origin`?"
    )
    told = {
        "{ accepted = { n = ['x'] } }": "check `accepted(n)`: `x` is no `int64`",
        "{ accepted = { n = [1.5] } }": "check `accepted(n)`: `1.5` is no `int64`",
        "{ between = { n = [nan, 1] } }": "check `between(n)`: `nan` is no limit",
        "{ between = { x = [0, nan] } }": "check `between(x)`: `nan` is no limit",
        "{ between = { x = ['0', '-NaN'] } }": "check `between(x)`: `nan` is no limit",
        "{ accepted = { n = [true] } }": "check `accepted(n)`: `True` is no `int64`",
        "{ accepted = { origin = [1] } }": "check `accepted(origin)`: `1` is no `string`",
        "{ accepted = { t = [1970-01-01T00:00:00Z] } }": "check `accepted(t)`: `1970-01-01 00:00:00+00:00` is no `timestamp[us]`",
        "{ between = { f = [1, 2] } }": "check `between(f)`: `f` is `bool`, which has no order",
        "{ between = { l = [1, 2] } }": "check `between(l)`: `l` is `list<int64>`, which cannot be compared",
        "{ unique = ['l'] }": "check `unique(l)`: `l` is `list<int64>`, which cannot be compared",
        "{ matches = { n = 'x' } }": "check `matches(n)`: `n` is `int64`, and only a `string` can match",
        "{ fresh = { n = '1d' } }": "check `fresh(n)`: `n` is `int64`, and only dates and timestamps are new or old",
        "{ references = { origin = 'o.id' } }": "check `references(origin)`: `origin` is `string`, and `o.id` is `int64`",
    }
    for said, message in told.items():
        assert fault(table, said, Sights({"o": other})) == message
    assert fault(table, "{ references = { n = 'o.ide' } }", Sights({"o": other})) == (
        "check `references(n)`: `o` has no column `ide`\n  it has `id`\n  hint: did you mean `id`?"
    )
    double = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    assert fault(opened(double, "d.arrow"), '{ unique = ["a"] }') == (
        "check `unique(a)`: there are 2 columns `a`"
    )


@told_by_duckdb_2
def test_mistakes_in_sql_name_the_check():
    """What DuckDB says stands below."""
    table = {"a": [1]}
    assert fault(table, '{ rows = { min = 1 }, where = "b > 1" }') == (
        "check `rows where b > 1`: DuckDB cannot read its `where`\n  there is no column `b`"
    )
    assert fault({"name": ["x"]}, '{ rows = { min = 1 }, where = "nme = 1", name = "odd" }') == (
        "check `odd`: DuckDB cannot read its `where`\n"
        "  there is no column `nme`\n  hint: did you mean `name`?"
    )
    assert fault({"name": ["x"]}, '{ sql = "FROM this WHERE this.nme = 1", name = "odd" }') == (
        "check `odd`: DuckDB cannot read its query\n"
        "  there is no column `nme`\n  hint: did you mean `name`?"
    )
    assert fault(table, '{ sql = "SELEC 1", name = "odd" }') == (
        "check `odd`: syntax error at or near `SELEC`\n  1 | SELEC 1\n    | ^^^^^"
    )
    assert fault(table, '{ rows = { min = 1 }, where = "a > now()", name = "odd" }') == (
        "check `odd`: `now()` is another time at each run\n"
        "  1 | a > now()\n    |     ^^^^^\n"
        "  hint: take it from a param, as `{params.today}`, and give it with `--set today=...`"
    )
    assert fault(table, '{ sql = "FROM this JOIN shops USING (a)", name = "odd" }') == (
        "check `odd`: there is no table `shops`: a check sees `this` alone"
    )
    assert fault({"a": ["x"]}, '{ sql = "SELECT a::INT AS a FROM this", name = "odd" }').startswith(
        "check `odd`: DuckDB cannot run its query\n  Could not convert"
    )
    later = '{ rows = { min = 1 } }, { rows = { min = 1 }, where = "a::INT > 1", name = "odd" }'
    assert fault({"a": ["x"]}, later).startswith(
        "check `odd`: DuckDB cannot run its `where`\n  Could not convert"
    )


def test_without_duckdb(monkeypatch):
    """Only `where` and `sql` need it, and say so."""
    monkeypatch.setitem(sys.modules, "duckdb", None)
    monkeypatch.setattr(checks, "SMALL", -1)
    assert count({"a": [1, 1]}, '{ unique = ["a"] }') == (1, 2)
    for said, needs in {
        '{ rows = { min = 1 }, where = "a > 1", name = "x" }': "check `x`: `where` needs DuckDB",
        '{ sql = "FROM this", name = "x" }': "check `x`: `sql` needs DuckDB",
    }.items():
        with pytest.raises(EnvironmentFailed) as caught:
            results({"a": [1]}, said)
        assert str(caught.value) == f"{needs}\n  hint: install it: `pip install 'datamake[sql]'`"


# Schemas


def test_the_schema_comes_first(engine):
    """Where columns are not as they should be, nothing else is looked at."""
    schema = '[schema]\na = "int64 not null"\nb = { type = "string", unique = true }'
    said = '{ not_null = ["z"] }'
    (found,) = results({"a": [1.0], "c": [1]}, said, schema=schema)
    assert found.sample == (
        {"column": "a", "expected": "int64 not null", "found": "`float64`"},
        {"column": "b", "expected": "string", "found": None},
        {"column": "c", "expected": None, "found": "int64"},
    )
    assert (found.kind, found.violations, found.rows) == ("schema", 3, 1)
    table = {"a": [1, None, None], "b": ["x", "x", None]}
    whole, unique = results(table, "", schema=schema)
    assert whole.sample == ({"column": "a", "expected": "int64 not null", "found": "2 nulls"},)
    assert (whole.violations, whole.rows, unique.violations) == (1, 3, 1)
    fine = results({"a": [1], "b": ["x"]}, "", schema=schema)
    assert [(each.name, each.passed) for each in fine] == [("schema", True), ("unique(b)", True)]


def test_nulls_inside_of_columns(engine):
    """A list with a null in it, where its type allows none."""
    schema = '[schema]\na = "list<int64 not null>"\nb = "binary not null"'
    (found,) = results({"a": [[1, None], [None]], "b": [b"", None]}, "", schema=schema)
    assert [row["column"] for row in found.sample] == ["a[]", "b"]


# What is said


def test_results_as_json_and_for_people():
    """Documents, lines without control characters, and text to be remembered."""
    table = {"id": [1, 1, 2], "t\nx": ["a\x1b[31m", "b" * 300, None]}
    found = results(
        table,
        '{ unique = ["id"], severity = "warn" }, { not_null = ["t\\nx"] }, { rows = { min = 9 } }, { rows = { max = 9 } }',
    )
    assert documents(found)[0] == {
        "name": "unique(id)",
        "kind": "unique",
        "severity": "warn",
        "violations": 1,
        "rows": 3,
        "sample": [{"id": 1, "count": 2}],
    }
    assert lines(found) == [
        "`not_null(t\N{REPLACEMENT CHARACTER}x)`: 1 of 3 rows",
        "  t\N{REPLACEMENT CHARACTER}x: null, id: 2",
        "`rows`: rows: 3, min: 9",
        "warning: `unique(id)`: 1 of 3 rows",
        "  id: 1, count: 2",
    ]
    assert parsed(canonical(found)) == tuple(found)
    assert parsed("") is parsed("{}") is parsed('["checked-0", []]') is None
    said = result(table, "{ accepted = { \"t\\nx\" = ['c'] } }")
    shown = lines([said])
    assert shown[1] == "  t\N{REPLACEMENT CHARACTER}x: a\N{REPLACEMENT CHARACTER}[31m, count: 1"
    assert len(shown[2]) < 100
    assert len(said.sample[1]["t\nx"]) == 200
    wrong = Checked(
        "schema", "schema", "error", 1, 0, ({"column": "a", "expected": None, "found": "int8"},)
    )
    assert lines([wrong]) == ["`schema`: 1 difference", "  `a` is not in the schema: `int8`"]


def test_a_sample_shows_the_row(engine):
    """The columns of the check first, then others as far as there is room; the first five rows."""
    table = {f"c{at}": range(100) for at in range(20)}
    for path in ("t.parquet", "t.arrow"):
        found = result(opened(table, path), "{ between = { c7 = [50, 60] } }")
        assert [row["c7"] for row in found.sample] == [0, 1, 2, 3, 4]
        assert list(found.sample[0])[:3] == ["c7", "c0", "c1"]
        assert len(found.sample[0]) == 12


@pytest.mark.parametrize("dtype", [pa.float32(), pa.float64()])
def test_a_file_says_nothing_of_its_nan(dtype):
    """Its least and greatest value leave NaN out: what is above all numbers is found all the same."""
    table = opened({"x": pa.array([1, math.nan, 5], dtype)})
    found = results(
        table,
        """{ between = { x = [0, 100] } }, { rows = { max = 0 }, where = "x > 100" },
        { sql = "SELECT x FROM this WHERE x > 100" }""",
    )
    assert [each.violations for each in found] == [1] * 3
    assert [each.rows for each in found] == [3, 1, 3]
    assert found[0].sample == found[2].sample == ({"x": "nan"},)


def test_what_a_file_rules_out_is_not_read(monkeypatch):
    """Here what is between its two ends is gone."""
    monkeypatch.setattr(checks, "SMALL", -1)
    opened({"a": range(100_000), "b": pa.array([None] * 100_000, pa.int64())})
    with open("t.parquet", "r+b") as file:
        file.seek(4)
        file.write(bytes(100_000))
    table = open_table("t.parquet")
    fine = "{ between = { a = [0, 99999] } }, { not_null = ['a'] }, { between = { b = [1, 2] } }"
    assert [each.violations for each in results(table, fine)] == [0] * 3
    with pytest.raises(TableError):
        results(table, "{ between = { a = [1, 99999] } }")


# Any table


def test_many_files_are_one_table(engine):
    """Also such as lack a column, and folders that are columns."""
    os.makedirs("d/k=1")
    os.makedirs("d/k=2")
    pq.write_table(pa.table({"a": [1, 2]}), "d/k=1/x.parquet")
    pq.write_table(pa.table({"a": [2], "b": ["x"]}), "d/k=2/[y].parquet")
    found = results(
        open_table("d"),
        '{ unique = ["a", ["a", "k"]] }, { not_null = ["b"] }, { accepted = { k = ["1"] } }',
    )
    assert [each.violations for each in found] == [1, 0, 2, 1]
    assert found[3].sample == ({"k": "2", "count": 1},)


def test_a_table_without_rows_or_columns(engine):
    """Nothing is wrong with what is not there."""
    said = '{ unique = ["a"] }, { not_null = ["a"] }, { accepted = { a = [1] } }, { between = { a = [1, 2] } }'
    found = results({"a": pa.array([], pa.int64())}, said)
    assert [(each.violations, each.rows) for each in found] == [(0, 0)] * 4
    nothing = pa.table({"a": [1, 2, 3]}).select([])
    assert count(nothing, "{ rows = { min = 1 } }") == (1, 0)
    assert count(opened(nothing, "t.arrow"), "{ rows = { min = 1 } }") == (0, 3)


@pytest.mark.parametrize(
    "name",
    [
        'a"b',
        "a'b",
        "a\nb",
        "a]b",
        "[0]",
        "a.b",
        "",
        "*",
        "a\0b",
        "é",
        "select",
        "rowid",
        "n",
        "this",
    ],
)
def test_hostile_names(engine, name):
    """Of columns, in every kind, next to one that differs in its case."""
    key = tomli_text(name)
    table = pa.table({name: ["x", None, "x"], "Aa": ["x", "x", "x"], "aA": ["y", "y", "y"]})
    said = f"""{{ unique = [{key}, "aA"] }}, {{ not_null = [{key}] }}, {{ accepted = {{ {key} = ["y"], Aa = ["x"] }} }},
        {{ matches = {{ {key} = "y" }} }}, {{ references = {{ {key} = "o.Aa" }} }}"""
    for path in ("t.parquet", "t.arrow"):
        other = opened(table, path)
        for each in (other, opened(table.select([name]), "one.parquet")):
            kinds = (
                said if each is other else said.replace(', "aA"', "").replace(', Aa = ["x"]', "")
            )
            found = results(each, kinds, Sights({"o": other}))
            assert [
                one.violations for one in found if "Aa" not in one.name and "aA" not in one.name
            ] == [1, 1, 2, 2, 0]


def tomli_text(text):
    return '"' + "".join(f"\\u{ord(each):04x}" for each in text) + '"'


def limits_of(values):
    present = [each for each in values if each is not None]
    return (present[0], present[-1]) if present else None


@st.composite
def cases(draw):
    """A table with checks of each kind that its columns allow."""
    table = draw(tables(PARQUET, depth=1, unique=True))
    table = pa.concat_tables([table] * draw(st.integers(1, 3)))
    found = [Check("not_null", "nulls", tuple(table.schema.names))]
    for field in table.schema:
        name, one = field.name, (field.name,)
        if pa.types.is_nested(field.type):
            continue
        found += [
            Check("unique", f"unique {name}", one),
            Check("references", f"refers {name}", one, ("other", name)),
        ]
        values = [each for each in texts(table.column(name)) if each is not None]
        if pa.types.is_null(field.type) or pa.types.is_duration(field.type):
            continue
        if values:
            found.append(
                Check(
                    "accepted",
                    f"accepted {name}",
                    one,
                    tuple(draw(st.lists(st.sampled_from(values), max_size=2, min_size=1))),
                )
            )
            if not pa.types.is_boolean(field.type):
                ends = [each for each in values if each == each]
                if ends:
                    low, high = draw(st.sampled_from(ends)), draw(st.sampled_from(ends))
                    found.append(Check("between", f"between {name}", one, (low, high)))
        if pa.types.is_string(field.type):
            found.append(
                Check(
                    "matches",
                    f"matches {name}",
                    one,
                    (draw(st.sampled_from(["a", "^.$", "b|é", "^$"])),),
                )
            )
    return table, found


def texts(column):
    """The values such that a Datafile can say them."""
    if pa.types.is_boolean(column.type):
        return column.to_pylist()
    if pa.types.is_floating(column.type):
        return [each if each is None else float(each) for each in column.to_pylist()]
    if pa.types.is_binary(column.type) or pa.types.is_fixed_size_binary(column.type):
        return []
    if pa.types.is_timestamp(column.type) and column.type.tz:
        column = column.cast(pa.timestamp(column.type.unit))
    return column.cast(pa.string()).to_pylist()


@settings(max_examples=150, deadline=None)
@given(cases(), st.sampled_from(["t.parquet", "t.arrow"]))
def test_both_ways_agree(tmp_path_factory, case, path):
    """Whatever the types and values, DuckDB and Arrow alone find the same, samples included."""
    table, asked = case
    folder = tmp_path_factory.mktemp("drawn")
    there = opened(table, f"{folder}/{path}")
    other = opened(table.slice(len(table) // 2), f"{folder}/other.parquet")
    sights = Sights({"other": other}, limits=Limits(folder=str(folder)))
    found = {}
    for name, small in ENGINES.items():
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(checks, "SMALL", small)
            found[name] = verify(there, None, asked, sights)
    assert found["arrow"] == found["duckdb"]
    for check, one in zip(asked, found["arrow"], strict=True):
        assert one.violations == naive(check, table, other), check
        assert parsed(canonical([one])) == (one,)


def naive(check, table, other):
    """The number of violations by plain Python, as far as that can tell."""
    columns = [plain(table.column(name)) for name in check.columns]
    rows = list(zip(*columns, strict=True))
    if check.kind == "not_null":
        return sum(None in row for row in rows)
    if check.kind == "unique":
        return sum(each - 1 for row, each in Counter(rows).items() if None not in row)
    held = set(plain(other.to_arrow().column(check.columns[0])))
    if check.kind == "references":
        return sum(value is not None and value not in held for (value,) in rows)
    said = dict(zip(texts(table.column(check.columns[0])), columns[0], strict=True))
    if check.kind == "accepted":
        known = {said[each] for each in check.arguments if each in said}
        known |= {"nan" for each in check.arguments if each != each}
        return sum(value is not None and value not in known for (value,) in rows)
    return sum_of(check, rows, said)


def sum_of(check, rows, said):
    import re

    if check.kind == "matches":
        return sum(
            value is not None and not re.search(check.arguments[0].replace("$", r"\Z"), value)
            for (value,) in rows
        )
    low, high = (said[each] for each in check.arguments)
    return sum(
        value is not None and (value == "nan" or not low <= value <= high) for (value,) in rows
    )


def plain(column):
    """Values that compare as they should."""
    if pa.types.is_floating(column.type):
        return [
            "nan" if each is not None and each != each else each
            for each in (None if v is None else float(v) for v in column.to_pylist())
        ]
    if pa.types.is_temporal(column.type) and not pa.types.is_interval(column.type):
        width = pa.int32() if column.type.bit_width == 32 else pa.int64()
        return column.cast(width).to_pylist()
    if pa.types.is_nested(column.type):
        return [None if not each.is_valid else "x" for each in column]
    return column.to_pylist()


# The flights


def test_destinations_that_airports_lacks(engine):
    """Four of them, in the three months of the example, with their exact numbers."""
    months = [os.path.join(RAW, f"flights-2013-0{month}.csv.gz") for month in (1, 2, 3)]
    reading = Reading(null=("", "NA"))
    flights = open_table(months, reading)
    sights = Sights({"airports": open_table(os.path.join(RAW, "airports.csv"), reading)})
    (found,) = results(flights, '{ references = { dest = "airports.faa" } }', sights)
    dest = Counter(flights.to_arrow(["dest"]).column("dest").to_pylist())
    lacking = {name: dest[name] for name in ("BQN", "PSE", "SJU", "STT")}
    assert lacking == {"BQN": 268, "PSE": 90, "SJU": 1472, "STT": 198}
    assert (found.violations, found.rows) == (sum(lacking.values()), sum(dest.values()))
    assert lines([found]) == [
        "`references(dest)`: 2,028 of 80,789 rows",
        "  dest: SJU, count: 1472",
        "  dest: BQN, count: 268",
        "  dest: STT, count: 198",
        "  dest: PSE, count: 90",
    ]
