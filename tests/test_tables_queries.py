"""Queries: the tables that they read, one result for one content, and messages."""

from __future__ import annotations

import datetime as dt
import decimal
import hashlib
import os
import subprocess
import sys
from threading import Timer

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from drawn_tables import PARQUET, cut, said, tables
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from versions import told_by_duckdb_2, whole_with_duckdb_2

from datamake.action import Piece, View
from datamake.errors import DatamakeError
from datamake.tables import TableError
from datamake.tables.ordering import ordered, steady
from datamake.tables.queries import run, tables_in
from datamake.tables.session import NONE, Limits
from datamake.tables.syntax import parsed
from datamake.threads import Ending

ROWS = {"id": [3, 1, 2, None], "kind": ["x", "y", "x", None], "fare": [1.5, 2.0, 3.0, 4.0]}


class Asker:
    """Runs queries on the table `t`, and `sales.t` of the same rows."""

    def __init__(self, folder):
        self.folder = folder
        self.out = str(folder / "out.parquet")
        self.path = str(folder / "t.parquet")
        pq.write_table(pa.table(ROWS), self.path)

    def views(self, *, columns=None):
        piece = (Piece((self.path,)),)
        return [View(name, piece, columns=columns) for name in ("t", "sales.t")]

    def __call__(self, sql, *prelude, limits=NONE, views=None):
        run(sql, views or self.views(), prelude, self.out, limits)
        return pq.read_table(self.out)

    def rows(self, sql, *prelude, **more):
        return [tuple(row.values()) for row in self(sql, *prelude, **more).to_pylist()]

    def message(self, sql, *prelude):
        with pytest.raises(TableError) as error:
            self(sql, *prelude)
        assert not os.path.exists(self.out)
        return str(error.value)


@pytest.fixture
def ask(tmp_path):
    return Asker(tmp_path)


# the tables that a query reads


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("select * from clean", ["clean"]),
        ("from Sales.Clean c, sales.clean d", ["Sales.Clean", "sales.clean"]),
        ('from "clean[01]", "clean.2"', ["clean[01]", "clean.2"]),
        ("from one a join two using (id) where id in (from three)", ["one", "two", "three"]),
        ("with a as (select * from b), c as (from a) select * from c", ["b"]),
        ("with b as (select * from b) select * from b", ["b"]),
        ("with recursive r as (select 1 n union all select n + 1 from r) from r", []),
        ("select (with x as (from y) select max(z) from x) from x", ["x", "y"]),
        ("from range(3) t, unnest([1, 2]), (values (1)) v", []),
        ("select 'from a' -- from b\n from c /* from d */", ["c"]),
        ("pivot t on kind in ('x') using sum(n)", ["t"]),
        ("from (unpivot u on a, b)", ["u"]),
        ("select 1", []),
    ],
)
def test_the_tables_of_a_query(sql, names):
    """Names of WITH, functions, strings and comments are no tables; each is there once."""
    assert sorted(tables_in(sql)) == sorted(names)


def test_the_tables_of_macros_count_where_they_are_called():
    """By themselves, and through other macros."""
    prelude = [
        "create macro top(n) as table select * from ranked where place <= n;",
        "create macro rate(k) as (select max(r) from rates where kind = k), (k, j) as half(k)",
        "create macro half(x) as x / 2 + (select min(h) from halves);; create macro o() as (from no)",
    ]
    assert tables_in("select rate(kind) from top(3)", prelude) == ("ranked", "rates", "halves")
    assert tables_in("select half(1)", prelude) == ("halves",)
    assert tables_in("select 1", prelude) == ()


# one result for one content


QUERIES = [
    "select * from t",
    "select kind, sum(id) n, count(*) from t group by kind",
    "select a.id, b.note from t a left join t b on a.kind = b.note",
    "select id, row_number() over (partition by kind order by day) n from t",
    "select kind, first(id), list(note), string_agg(note, ',') from t group by kind",
    "select id, note from t order by kind limit 7",
    "select * from (select id, day from t order by kind limit 9)",
    "select arg_max(id, kind), any_value(note), mode(id) from t group by day",
    "select distinct on (kind) kind, id from t",
    "select id from t tablesample reservoir(11 rows) repeatable (3)",
    "select kind, lag(id) over (order by day), ntile(3) over (order by kind) from t",
    "select row_number() over () n, id from t",
    "select a.id, b.id other from t a asof join t b on a.day >= b.day",
]


def stored(path, table, **options):
    pq.write_table(table, path, **options)
    return str(path)


@pytest.fixture(scope="module")
def ways(tmp_path_factory):
    """The same rows in several ways to store them."""
    folder = tmp_path_factory.mktemp("ways")
    count = 5000
    table = pa.table(
        {
            "id": pa.array([(i * 7919) % count for i in range(count)], pa.int64()),
            "kind": [None if i % 11 == 0 else f"k{i % 5}" for i in range(count)],
            "note": [f"n{i % 97}" for i in range(count)],
            "day": [dt.date(2013, 1, 1) + dt.timedelta(i % 30) for i in range(count)],
        }
    )
    coded = table.set_column(1, "kind", table["kind"].dictionary_encode())
    halves = [table.slice(0, 1234), table.slice(1234)]
    feather = str(folder / "a.arrow")
    with pa.ipc.new_file(feather, table.schema) as writer:
        writer.write_table(table, 100)
    return [
        [stored(folder / "1.parquet", table)],
        [stored(folder / "2.parquet", coded, row_group_size=100, compression="gzip")],
        [stored(folder / "3.parquet", table.replace_schema_metadata({"a": "b"}), version="1.0")],
        [
            stored(folder / f"4{i}.parquet", half, use_dictionary=False)
            for i, half in enumerate(halves)
        ],
        [feather],
    ]


@pytest.mark.parametrize("sql", QUERIES)
def test_one_content_gives_one_result(ways, sql, tmp_path):
    """The bytes are the same whatever the row groups, encodings, files, format and threads."""
    digests = set()
    for paths in ways:
        for threads in (1, 4):
            out = str(tmp_path / "out.parquet")
            run(sql, [View("t", (Piece(tuple(paths)),))], (), out, Limits(threads))
            with open(out, "rb") as file:
                digests.add(hashlib.sha256(file.read()).hexdigest())
    assert len(digests) == 1


def test_rows_without_an_order_are_put_in_order(ask):
    """Of all columns, nulls last; behind the order that the query gives, and before its limit."""
    assert ask.rows("select kind, id from t") == [("x", 2), ("x", 3), ("y", 1), (None, None)]
    assert ask.rows("select id from t order by kind desc limit 2;") == [(1,), (2,)]
    assert ask.rows("(select id from t order by fare desc) -- so") == [(None,), (2,), (1,), (3,)]
    assert ask.rows("values (2), (1)") == [(1,), (2,)]


@pytest.mark.parametrize(
    ("sql", "made"),
    [
        ("select a, b from t", "select a, b from t\nORDER BY 1, 2\n"),
        ("select a, b from t limit 3; -- x", "select a, b from t\nORDER BY 1, 2\n limit 3; -- x"),
        ("from t order by b desc offset 3", "from t order by b desc, 1, 2\n offset 3"),
        ("from t order by all desc limit 1", "from t order by all desc limit 1"),
        ('select a "limit", t.limit from t', 'select a "limit", t.limit from t\nORDER BY 1, 2\n'),
        ("(select a, b from t order by a)", "(select a, b from t order by a, 1, 2\n)"),
        ("(from t limit 1) union (from t)", "(from t limit 1) union (from t)\nORDER BY 1, 2\n"),
        (
            "select sum(a order by b) over (order by c), d from t",
            "select sum(a order by b) over (order by c), d from t\nORDER BY 1, 2\n",
        ),
    ],
)
def test_the_order_of_all_columns_is_put_in(sql, made):
    assert ordered(sql, 2) == made


@pytest.mark.parametrize(
    ("sql", "holds"),
    [
        ("select kind, sum(id), count(*), max(fare) from t group by all", True),
        ("select id from t order by kind limit 3", True),
        ("select sum(id) over (partition by kind), rank() over (order by id) from t", True),
        ("select sum(id) over (order by id) from t", True),
        ("select sum(id) over (order by id rows 3 preceding) from t", False),
        ("select lead(id) over (order by id) from t", False),
        ("select array_agg(id order by id) from t", False),
        ("select * from (from t limit 3)", False),
        ("(from t limit 3)", True),
        ("select * from (select distinct on (kind) * from t)", False),
        ("from t positional join t u", False),
        ("select m(id) from t", False),
    ],
)
def test_which_queries_depend_on_the_order_of_rows(sql, holds):
    """Those run in one thread."""
    assert steady(parsed(sql, ("create macro m(x) as first(x)",))) is holds


# types, views, macros


def test_types_of_a_result(ask):
    """A sum of integers is an int64, and what Arrow has no word for a string."""
    table = ask(
        "select sum(id) n, 'a'::enum('a') e, [sum(id)] l, {'s': sum(id)} st, map {1: sum(id)} m, "
        "'550e8400-e29b-41d4-a716-446655440000'::uuid u, 1.5 d, avg(id) a from t"
    )
    assert table.to_pylist() == [
        {
            "n": 6,
            "e": "a",
            "l": [6],
            "st": {"s": 6},
            "m": [(1, 6)],
            "u": "550e8400-e29b-41d4-a716-446655440000",
            "d": decimal.Decimal("1.5"),
            "a": 2.0,
        }
    ]
    assert table.schema.field("n").type == pa.int64()
    assert table.schema.field("l").type.value_type == pa.int64()


def test_a_view_has_no_other_columns(ask):
    """Those that don't count can't be read, and with none there are still the rows."""
    some = ask.views(columns=frozenset({"id"}))
    assert ask("select * from t", views=some).schema.names == ["id"]
    assert ask.rows("select count(*) from t", views=ask.views(columns=frozenset())) == [(4,)]


def test_names_of_two_and_three_parts(ask):
    """`sales.t` is a table of its own, as is `a.sales.t`; upper case is lower case."""
    views = [*ask.views(), View("a.sales.t", (Piece((ask.path,)),))]
    sql = "select count(*) from t join Sales.T s using (id) join a.sales.t u on u.id = s.id"
    assert ask.rows(sql, views=views) == [(3,)]


def test_several_pieces_are_one_view(ask, tmp_path):
    """With their variables as columns, whether DuckDB reads them by itself or not."""
    other = stored(tmp_path / "u.parquet", pa.table({"id": [9], "extra": [True]}))
    pieces = (Piece((ask.path,), {"month": "01"}), Piece((other,), {"month": "it's 02"}))
    sql = "select month, count(*) n, sum(id) s, count(extra) e from t group by month"
    for threads in (1, 4):
        rows = ask.rows(sql, views=[View("t", pieces)], limits=Limits(threads))
        assert rows == [("01", 4, 6, 0), ("it's 02", 1, 9, 1)]


@pytest.mark.parametrize("dtype", [pa.float32(), pa.float64()])
@pytest.mark.parametrize("threads", [1, 4])
def test_what_a_file_does_not_say_of_nan(ask, tmp_path, dtype, threads):
    """It is above all numbers, also inside of lists, though no file has it as its greatest value."""
    numbers = pa.array([1, float("nan"), 5], dtype)
    table = pa.table({"x": numbers, "s": pa.StructArray.from_arrays([numbers], ["x"])})
    views = [View("t", (Piece((stored(tmp_path / "n.parquet", table),)),))]
    sql = "select x from t where x > 100 union all select s.x from t where s.x > 100"
    for (found,) in ask.rows(sql, views=views, limits=Limits(threads)):
        assert found != found
    assert len(ask.rows(sql, views=views, limits=Limits(threads))) == 2


def test_macros(ask):
    """Scalars and tables, with other macros in them; those that nothing calls do no harm."""
    prelude = (
        "create macro twice(x) as x * 2, (x, y) as x * y;"
        "create or replace macro top(n) as table select id, twice(id) two from t where id >= n;"
        "create macro broken() as (select nothing from nowhere)"
    )
    assert ask.rows("select *, twice(id, 10) from top(2)", prelude) == [(2, 4, 20), (3, 6, 30)]


# what a query may not do, and messages


MESSAGES = """
select a
fro t where
---
syntax error at or near `t`
  2 | fro t where
    |     ^
===
select id,
  kin from t
---
there is no column `kin`
  2 |   kin from t
    |   ^^^
  hint: did you mean `kind`?
===
select 'é', x.id from t
---
referenced table `x` not found
  1 | select 'é', x.id from t
    |             ^^^^
===
select * from tt
---
there is no table `tt`
  1 | select * from tt
    |               ^^
  hint: did you mean `t`?
===
from nothing
---
there is no table `nothing`
  1 | from nothing
    |      ^^^^^^^
  hint: a query sees its inputs alone
===
select lenght(kind) from t
---
there is no function `lenght`
  1 | select lenght(kind) from t
    |        ^^^^^^^^^^^^
  hint: did you mean `length`?
===
select id
from t order by kind::int
---
could not convert string 'x' to INT32 when casting from source column kind
  2 | from t order by kind::int
    |                     ^^^^^
===
select id, kind as id from t
---
the result has two columns `id`
  hint: give one of them another name, as `id AS other`
===
select sum(id::hugeint * 10000000000000000000) n from t
---
the column `n` of the result has an integer that is no int64
  hint: cast it to what it needs, as `sum(n)::DECIMAL(38, 0)` or `sum(n)::DOUBLE`
===
select '101'::bit b
---
the column `b` of the result is of type BIT, which no table has
  hint: cast it, as `b::VARCHAR`
===
select [interval 1 day] took
---
the column `took` of the result is of type INTERVAL, which no table has
  hint: make it a number of seconds, as `epoch(took)`, or a text
===
select error('what a pity') from t
---
what a pity
===
select 1;
select 2
---
there is more than one statement
  2 | select 2
    | ^^^^^^
===
copy t to 'x'
---
`COPY` is no query
  1 | copy t to 'x'
    | ^^^^
  hint: a query begins with SELECT, FROM, WITH, VALUES or PIVOT, and changes nothing
===
-- nothing
---
there is no query
  hint: a query begins with SELECT, FROM, WITH, VALUES or PIVOT, and changes nothing
===
pivot t on kind using sum(id)
---
a PIVOT here needs its values
  1 | pivot t on kind using sum(id)
    | ^^^^^
  hint: say which columns there are to be: `PIVOT t ON month IN ('01', '02') USING sum(n)`
===
select id from t where id = $1
---
a query has no parameters
  1 | select id from t where id = $1
    |                             ^^
  hint: write `{params.name}`, or what is in a foreach
===
select now() from t
---
`now()` is another time at each run
  1 | select now() from t
    |        ^^^^^
  hint: PARAM
===
select Current_Date
---
`Current_Date` is another time at each run
  1 | select Current_Date
    |        ^^^^^^^^^^^^
  hint: PARAM; a column of that name: `t.Current_Date`
===
select age(timestamp '2013-01-01')
---
`age()` of one moment is counted from today
  1 | select age(timestamp '2013-01-01')
    |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^
  hint: PARAM
===
select random()
---
`random()` is left to chance
  1 | select random()
    |        ^^^^^^^^
  hint: take it from a column, as `hash(id)` does
===
from t using sample 10%
---
a sample is left to chance
  hint: give it a seed: `TABLESAMPLE reservoir(10%) REPEATABLE (1)`
===
from t tablesample system(10%) repeatable (1)
---
a sample of blocks depends on the file
  1 | from t tablesample system(10%) repeatable (1)
    |      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  hint: sample with `bernoulli` or `reservoir`
===
from read_csv('a.csv')
---
`read_csv()` reads what is no input
  1 | from read_csv('a.csv')
    |      ^^^^^^^^^^^^^^^^^
  hint: declare it as a source, and name that in the query
===
from query_table('t')
---
`query_table()` reads what is no input
  1 | from query_table('t')
    |      ^^^^^^^^^^^^^^^^
  hint: declare it as a source, and name that in the query
===
select getvariable('a')
---
`getvariable()` depends on the session
  1 | select getvariable('a')
    |        ^^^^^^^^^^^^^^^^
  hint: a query sees its inputs and params alone
===
describe t
---
DESCRIBE, SHOW and SUMMARIZE are no queries
  hint: `datamake sql` has them
===
with x as (delete from t returning *) from x
---
a query changes nothing
  hint: it begins with SELECT, FROM, WITH, VALUES or PIVOT
"""
PRELUDES = """
create macro g(x) as x;
create macro f(x) as x + kind
---
there is no column `kind`
  2 | create macro f(x) as x + kind
    |                          ^^^^
===
create macro f(x) as
  (select x frm t)
---
syntax error at or near `t`
  2 |   (select x frm t)
    |                 ^
===
create macro f(x) as x;
set threads = 1
---
`SET` does more than define something
  2 | set threads = 1
    | ^^^
  hint: `prelude` has CREATE MACRO and CREATE TYPE
===
create macro f(x) as x + now()
---
`now()` is another time at each run
  1 | create macro f(x) as x + now()
    |                          ^^^^^
  hint: PARAM
"""
PARAM = "take it from a param, as `{params.today}`, and give it with `--set today=...`"


def cases(text):
    """Pairs of what is written and what is said of it."""
    parts = [part.partition("\n---\n") for part in text.strip("\n").split("\n===\n")]
    return [(written, said.replace("PARAM", PARAM)) for written, _, said in parts]


@told_by_duckdb_2
@pytest.mark.parametrize(("sql", "message"), cases(MESSAGES))
def test_messages(ask, sql, message):
    """They say what is wrong, show where, and say what to do."""
    assert ask.message(sql) == message


@told_by_duckdb_2
@pytest.mark.parametrize(("prelude", "message"), cases(PRELUDES))
def test_messages_of_a_prelude(ask, prelude, message):
    """They show the prelude."""
    assert ask.message("select f(id) from t", prelude) == message


def test_a_long_line_is_cut(ask):
    """What is shown has the place in it."""
    sql = f"select {', '.join(['id + 1'] * 40)}, nosuch, {', '.join(['id'] * 40)} from t"
    line, pointer = ask.message(sql).split("\n")[1:3]
    assert len(line) < 110
    assert line[pointer.index("^") : pointer.index("^") + 6] == "nosuch"


def test_a_name_that_sql_cuts_off(ask, tmp_path):
    """Is not that of another column."""
    path = stored(tmp_path / "nul.parquet", pa.table({"n\0l": [1], "b": [2]}))
    with pytest.raises(TableError) as error:
        ask("from t", views=[View("t", (Piece((path,)),))])
    assert str(error.value) == (
        "SQL cannot say the name of a column of `t`\n  there is a NUL in 'n\\x00l'\n"
        "  hint: give it another one, as `standardize` does"
    )


def test_columns_that_sql_cannot_tell_apart(ask, tmp_path):
    """A table with `a` and `A` is an error, if both count."""
    path = stored(tmp_path / "two.parquet", pa.table({"a": [1], "A": [2]}))
    with pytest.raises(TableError) as error:
        ask("from t", views=[View("t", (Piece((path,)),))])
    assert str(error.value) == (
        "SQL cannot tell the columns of `t` apart\n  it has `a` and `A`\n"
        "  hint: give each a name of its own, as `standardize` does"
    )
    view = View("t", (Piece((path,)),), columns=frozenset({"A"}))
    for threads in (1, 2):
        assert ask.rows("select a from t", views=[view], limits=Limits(threads)) == [(2,)]


def in_arrow(path, table):
    with pa.ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table)
    return str(path)


def test_types_that_duckdb_has_not(ask, tmp_path):
    """A float16 is a float32; a decimal of more than 38 digits is an error, if it counts."""
    wide = pa.array([decimal.Decimal("1.5")], pa.decimal256(40, 1))
    table = pa.table({"half": pa.array([1.5], pa.float16()), "wide": pa.array([[wide[0]]])})
    path = in_arrow(tmp_path / "odd.arrow", table)
    view = View("t", (Piece((path,)),), columns=frozenset({"half"}))
    assert ask.rows("select * from t", views=[view]) == [(1.5,)]
    with pytest.raises(TableError) as error:
        ask("select * from t", views=[View("t", (Piece((path,)),))])
    assert str(error.value) == (
        "SQL has no column `wide`, which is `decimal(40, 1)`\n"
        "  hint: bring it to 38 digits or fewer, or to `float64`, with `standardize`"
    )


ODD = ("float16", "decimal(40, 3)", "duration[us]", "timestamp[ns, +02:00]")
"""Types that are none of DuckDB's, or another one of them: there is one zone, UTC."""
leaves = [leaf for leaf in PARQUET if leaf not in ODD]


@whole_with_duckdb_2
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(tables(leaves, unique=True), st.integers(0, 6))
def test_any_table_comes_out_as_it_went_in(tmp_path_factory, table, at):
    """All rows, in one order, whether DuckDB reads Parquet by itself or not, and as Arrow."""
    folder = tmp_path_factory.mktemp("any")
    made = {}
    for name, path, threads in (
        ("alone", stored(folder / "a.parquet", table), 2),
        ("streamed", stored(folder / "b.parquet", table, row_group_size=2), 1),
        ("arrow", in_arrow(folder / "c.arrow", cut(table, at=at)), 1),
    ):
        out = str(folder / "out.parquet")
        rows = run("select * from t", [View("t", (Piece((path,)),))], (), out, Limits(threads))
        assert rows == len(table)
        with open(out, "rb") as file:
            made[name] = file.read()
    assert made["alone"] == made["streamed"] == made["arrow"]
    result = pq.read_table(folder / "out.parquet")
    assert sorted(map(repr, rows_of(result))) == sorted(map(repr, rows_of(table)))


def rows_of(table):
    return [said(unnamed(row)) for row in table.to_pylist()]


def unnamed(value):
    """Structs without the names of their fields: DuckDB gives one to those that have none."""
    if isinstance(value, dict):
        return [unnamed(each) for each in value.values()]
    return [unnamed(each) for each in value] if isinstance(value, (list, tuple)) else value


def test_an_input_that_is_broken(ask, tmp_path):
    """Its own message is the query's, also if it is only found while reading."""
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n3\n")
    with pytest.raises(TableError) as error:
        ask("select sum(a) from t", views=[View("t", (Piece((str(tmp_path / "bad.csv"),)),))])
    assert str(error.value).startswith(f"`{tmp_path}/bad.csv`")


LONG = "select count(*) from t a, range(100000000000) b"


@pytest.mark.parametrize("after", [0, 0.2])
def test_a_query_can_be_interrupted(ask, after):
    """From another thread, and also before it has begun."""
    ending = Ending()
    timer = Timer(after, ending.end)
    timer.start()
    if not after:
        timer.join()
    with pytest.raises(DatamakeError, match=r"^interrupted$"):
        run(LONG, ask.views(), (), ask.out, Limits(ending=ending))
    assert not os.path.exists(ask.out)
    timer.join()


def test_a_query_that_has_ended_cannot_be_interrupted(ask):
    """Nothing happens."""
    ending = Ending()
    assert run("from t", ask.views(), (), ask.out, Limits(ending=ending)) == 4
    ending.end()


def test_memory_that_is_not_enough(ask):
    """The message says which key gives more."""
    sql = "select list(range) from range(20_000_000)"
    with pytest.raises(TableError) as error:
        run(sql, [], (), ask.out, Limits(1, 32 << 20))
    assert error.value.headline == "the query needs more memory than it may have"
    assert error.value.hint == "give the target more with `memory`, or ask for less at once"


def test_nothing_is_said_at_the_end_of_the_process(ask):
    """No library complains that something was not closed."""
    code = (
        "from datamake.tables.queries import run, tables_in\n"
        "from datamake.action import Piece, View\n"
        f"run('select * from t', [View('t', (Piece(({ask.path!r},)),))], (), {ask.out!r})\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
