"""Tables asked by hand: everything that DuckDB has, with the tables that are named."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from versions import read_by_duckdb_2, told_by_duckdb_2

from datamake.action import Piece, View
from datamake.tables import TableError
from datamake.tables.adhoc import answer, connection, named


@pytest.fixture
def views(tmp_path):
    """The same rows as `t`, `sales.t` and `clean[01]`."""
    path = str(tmp_path / "t.parquet")
    pq.write_table(pa.table({"id": [3, 1], "kind": ["x", "y"]}), path)
    pieces = (Piece((path,), {"month": "01"}),)
    return [View(name, pieces) for name in ("t", "sales.t", "clean[01]")]


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("from t", [{"id": 3, "kind": "x", "month": "01"}, {"id": 1, "kind": "y", "month": "01"}]),
        ('select max(id) m from sales.t join "clean[01]" using (id)', [{"m": 3}]),
        pytest.param(
            "pivot t on kind using count(*) order by id",
            [{"id": 1, "month": "01", "x": 0, "y": 1}],
            marks=read_by_duckdb_2,
        ),
        ("select column_name from (describe t)", [{"column_name": "id"}]),
        ("select now() > '2020-01-01' as n", [{"n": True}]),
    ],
)
def test_any_question_has_an_answer(views, sql, rows):
    """In the order of the tables, with what a build may not call."""
    with answer(sql, views) as found:
        assert found.read_all().to_pylist()[: len(rows)] == rows


MISSING = """
there is no column `kin`
  1 | select kin from t
    |        ^^^
  hint: did you mean `kind`?
"""
QUOTED = """
there is no column `x`
  1 | from t where kind = "x"
    |                     ^^^
  hint: a text stands in single quotes: `'x'`
"""
CONVERSION = """
could not convert string 'x' to INT32 when casting from source column kind
  1 | select kind::int from t
    |            ^^^^^
"""


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("fro t", "syntax error at or near `fro`\n  1 | fro t\n    | ^^^"),
        ("select kin from t", MISSING.strip()),
        ('from t where kind = "x"', QUOTED.strip()),
        pytest.param("select kind::int from t", CONVERSION.strip(), marks=told_by_duckdb_2),
    ],
)
def test_messages(views, sql, message):
    with pytest.raises(TableError) as error, answer(sql, views) as found:
        found.read_all()
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("select t.id as u from T", ["t"]),
        ("from memory.sales.t", ["t", "Sales.t"]),
        ('with w as (from u) from w, "clean[01]" where id in (from u)', ["u", "clean[01]"]),
        ("from read_csv('t'), 'u', range(3) w", ["u"]),
        ("explain select u from t", ["t", "u", "from"]),
    ],
)
def test_the_tables_of_a_query_are_those_that_it_reads(sql, found):
    """Of what is no plain query, all that it could."""
    assert named(sql, ["t", "u", "Sales.t", "clean[01]", "from", "w"]) == found


def test_names_are_looked_for_in_the_text():
    """Whatever kind of statement it is; strings and comments name nothing."""
    names = ["t", "u", "Sales.t", "clean[01]", "from", "w"]
    sql = "pivot T on a; summarize sales.t.b -- u\n; select 'w', \"clean[01]\".x"
    assert named(sql, names) == ["t", "Sales.t", "clean[01]"]


def test_a_connection_is_open(views):
    """It may read and write what it likes, and the tables are in it."""
    with connection(views) as made:
        made.execute("CREATE TABLE own AS FROM sales.t")
        assert made.execute("SELECT count(*) FROM own JOIN t USING (id)").fetchone() == (2,)
