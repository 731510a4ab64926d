"""The columns that a query uses: each that could matter, and for common queries no other."""

from __future__ import annotations

from functools import cache

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from versions import read_by_duckdb_2

from datamake.tables import TableError
from datamake.tables.queries import tables_in, used_columns

SCHEMAS = {
    "t": [("id", "int64"), ("a", "int64"), ("b", "int64"), ("s", "struct<id: int64, x: int64>")],
    "u": [("id", "int64"), ("a", "int64"), ("c", "int64")],
    "sales.w": [("id", "int64"), ("q", "int64"), ("Big", "int64")],
}


def used(sql, *prelude):
    """Table → its columns as one text, `*` for all."""
    names = tables_in(sql, prelude)
    found = used_columns(sql, {name: SCHEMAS[name] for name in names}, prelude)
    return {
        table: "*" if columns is None else " ".join(sorted(columns))
        for table, columns in found.items()
    }


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("select count(*) from t", {"t": ""}),
        ("select 1", {}),
        ("select a from t where b > 1", {"t": "a b"}),
        ("select a from t order by b", {"t": "a b"}),
        ("select a from t group by a, b having max(id) > 1", {"t": "a b id"}),
        (
            "select a from t qualify row_number() over (partition by b order by id) = 1",
            {"t": "a b id"},
        ),
        ("select sum(a) over w from t window w as (order by b)", {"t": "a b"}),
        ("select sum(a) filter (where b > 1) from t", {"t": "a b"}),
        ("select t.a, c from t join u on t.id = u.id", {"t": "a id", "u": "c id"}),
        ("select t.a, c from t join u using (id)", {"t": "a id", "u": "c id"}),
        ("select b, c from t natural join u", {"t": "*", "u": "*"}),
        ("select b, c from t positional join u", {"t": "b", "u": "c"}),
        ("select * from t", {"t": "*"}),
        ("from t", {"t": "*"}),
        ("select t.*, u.c from t, u", {"t": "*", "u": "c"}),
        ("select * exclude (a) from t", {"t": "*"}),
        ("select columns('a|b') from t", {"t": "*"}),
        ("select max(columns(*)) from u", {"u": "*"}),
        ("select t from t", {"t": "*"}),
        ("select x from t x", {"t": "*"}),
        ("select #2 from t", {"t": "*"}),
        ("select x.q from t x(p, q)", {"t": "*"}),
        ("select s.x from t", {"t": "s"}),
        ("select t.s.x from t", {"t": "s"}),
        ("select s.* from t", {"t": "s"}),
        ("select W.big from sales.w w", {"sales.w": "Big"}),
        ("select sales.w.q from sales.w", {"sales.w": "q"}),
        pytest.param("select a from t order by all", {"t": "a"}, marks=read_by_duckdb_2),
        ("select a, count(*) from t group by all", {"t": "a"}),
        ("pivot t on a in (1, 2) using sum(b)", {"t": "*"}),
        ("select v from (unpivot t on a, b into name n value v)", {"t": "*"}),
        ("select a from t union all by name select c from u", {"t": "a", "u": "c"}),
        ("select * from t union all select * from t", {"t": "*"}),
        (
            "select a from t where id in (select id from u where u.c = t.b)",
            {"t": "a b id", "u": "c id"},
        ),
        ("select a from t where exists (from u where c = b)", {"t": "a b", "u": "*"}),
        ("select (select max(c) from u where u.id = t.id) from t", {"t": "id", "u": "c id"}),
        ("select a, x.m from t, lateral (select max(c) + b as m from u) x", {"t": "a b", "u": "c"}),
        ("with x as (select * from t) select a from x where b = 1", {"t": "a b"}),
        ("with x as (select * from t), y as (from x) select y.a from y", {"t": "a"}),
        ("with x as (select * from t where b > 1) select a from x", {"t": "a b"}),
        ("with x as (select distinct * from t) select a from x", {"t": "*"}),
        ("with x as (select * from t order by all) select a from x", {"t": "*"}),
        ("with x(p) as (select * from t) select p from x", {"t": "*"}),
        ("with x as (select * from t) select * from x", {"t": "*"}),
        ("with x as (select * from t, u) select c from x", {"t": "*", "u": "*"}),
        ("select y.a from (select * from t) y join u using (id)", {"t": "a id", "u": "id"}),
        ("with t as (select 1 as a) select a from t join u using (a)", {"u": "a"}),
        (
            "with recursive r as (select id from t union select a from u join r using (id)) from r",
            {"t": "id", "u": "a id"},
        ),
        ("select unnest([a, b]) from t", {"t": "a b"}),
        ("select list_transform([a], lambda e: e + b) from t", {"t": "a b"}),
        ("select case when a > 1 then b end, a::varchar || id from t", {"t": "a b id"}),
        ("select q from sales.w asof join t on q >= t.a", {"sales.w": "q", "t": "a"}),
    ],
)
def test_the_columns_of_a_query(sql, columns):
    assert used(sql) == columns


def test_the_columns_that_macros_use():
    """Those of their own queries, and those of the query that calls them."""
    prelude = (
        "create macro best(n) as table select id, c from u where a > n;"
        "create macro more(x) as x + (select max(q) from sales.w)"
    )
    sql = "select more(t.a) from t join best(1) using (id)"
    assert used(sql, prelude) == {"t": "a id", "u": "a c id", "sales.w": "q"}


def test_a_query_that_means_nothing_is_an_error():
    with pytest.raises(TableError) as error:
        used("select nosuch from t")
    assert str(error.value) == (
        "there is no column `nosuch`\n  1 | select nosuch from t\n    |        ^^^^^^"
    )


COLUMNS = {"t": ("a", "b", "c"), "u": ("a", "c", "d"), "v": ("b", "d", "e")}
OUT = ("x", "y")


@st.composite
def queries(draw, depth=2, outer=()):
    """A query with the columns `x` and `y`; `outer` are columns of what is around it."""
    kind = draw(st.sampled_from(["select", "group", "window", "join", "union", "with", "star"]))
    if not depth:
        kind = "select"
    below = queries(depth - 1) if depth else None
    if kind == "union":
        one, other = draw(below), draw(below)
        return (
            f"({one}) {draw(st.sampled_from(['union all', 'except', 'union by name']))} ({other})"
        )
    if kind == "with":
        name = draw(st.sampled_from(["t", "w"]))
        return f"with {name} as ({draw(below)}) select x, y from {name} where x >= 0 or y >= 0"
    table, names = draw(sources(depth))
    if kind == "star":
        inner = draw(st.sampled_from(sorted(COLUMNS)))
        one, two = draw(st.tuples(*[st.sampled_from(COLUMNS[inner])] * 2))
        return f"with s as (select * from {inner}) select s.{one} x, {two} y from s"
    names = (*names, *outer)
    expressions = st.sampled_from(names) | st.sampled_from(names).map("{} + 1".format)
    one, two, three = draw(st.tuples(expressions, expressions, expressions))
    if kind == "group":
        return f"select {one} x, sum({two}) y from {table} group by {one} having max({three}) > 1"
    if kind == "window":
        return f"select {one} x, sum({two}) over (partition by {three}) y from {table}"
    condition = f"{three} > 1"
    if depth and draw(st.booleans()):
        inner = draw(queries(depth - 1, names))
        condition = f"{three} in (select x from ({inner}) where y <> 2)"
    if kind == "join":
        other, more = draw(sources(depth))
        two = draw(
            st.sampled_from([each.replace("p.", "q.") for each in more if "." in each] or ["1"])
        )
        other = other.replace(" p", " q")
        return f"select p.{one.split('.')[-1].split()[0]} x, {two} y from {table} join {other} on {two} = 1"
    return f"select {one} x, {two} y from {table} where {condition}"


@st.composite
def sources(draw, depth):
    """What stands behind FROM, and the names that its columns have."""
    if depth and draw(st.booleans()):
        return f"({draw(queries(depth - 1))}) p", ("x", "y", "p.x", "p.y")
    table = draw(st.sampled_from(sorted(COLUMNS)))
    if draw(st.booleans()):
        return f"{table} p", tuple(f"p.{name}" for name in COLUMNS[table])
    return f"{table} p", (*COLUMNS[table], *(f"p.{name}" for name in COLUMNS[table]))


def made(seed, skipped=()):
    """Small tables; columns that are skipped have values of their own."""
    return {
        table: pa.table(
            {
                name: pa.array(
                    [
                        (row * (at + 2) + (seed if (table, name) in skipped else 0)) % 4
                        for row in range(7)
                    ],
                    pa.int64(),
                )
                for at, name in enumerate(names)
            }
        )
        for table, names in COLUMNS.items()
    }


@cache
def database():
    return duckdb.connect(config={"threads": 1})


def answer(sql, tables):
    for name, table in tables.items():
        database().register(name, table)
    return sorted(database().execute(sql).fetchall(), key=repr)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(queries(), st.integers(1, 3))
def test_other_columns_never_matter(sql, seed):
    """They may hold anything, or not be there at all: the result is the same."""
    schemas = {table: [(name, "int64") for name in COLUMNS[table]] for table in tables_in(sql)}
    try:
        found = used_columns(sql, schemas)
    except TableError:
        assume(False)
    tables = made(0)
    expected = answer(sql, tables)
    unused = {
        (table, name)
        for table, columns in found.items()
        if columns is not None
        for name in COLUMNS[table]
        if name not in columns
    }
    assert answer(sql, made(seed, unused)) == expected
    gone = {
        name: table.select(
            [each for each in table.column_names if (name, each) not in unused] or [0]
        )
        for name, table in tables.items()
    }
    assert answer(sql, gone) == expected
