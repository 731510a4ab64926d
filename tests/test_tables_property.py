"""Random tables, queries and edits: what an incremental build has is what a clean one would have.

And it runs nothing where only changed what is not read. `EXAMPLES=2000` draws more of them.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from conftest import HERE, Project
from drawn_tables import arrays
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stored import arrow, as_orc, parquet

from datamake.tables.types import arrow as type_of

EXAMPLES = int(os.environ.get("EXAMPLES", "12"))
TYPES = {
    "t": {"a": "int8", "b": "string", "c": "int8", "d": "timestamp[us, UTC]"},
    "u": {"a": "int8", "e": "string", "f": "int8", "g": "decimal(5, 2)"},
}
FURTHER = (
    "bool",
    "int64",
    "float64",
    "string",
    "binary",
    "date",
    "list<int8>",
    "struct<x: string>",
)
STORED = {
    "parquet": [
        {},
        {"compression": "zstd"},
        {"row_group_size": 1},
        {"use_dictionary": False},
        {"version": "1.0"},
        {"data_page_version": "2.0"},
        {"store_schema": False},
    ],
    "arrow": [{}, {"rows": 1}, {"compression": "lz4"}],
    "orc": [{}, {"compression": "zstd"}, {"file_version": "0.11"}],
}
WRITERS = {"parquet": parquet, "arrow": arrow, "orc": as_orc}
KINDS = (
    *("where", "group", "window", "qualify", "join", "using", "in", "exists", "scalar"),
    *("cte", "union", "order", "count", "star", "natural", "derived"),
)


@st.composite
def queries(draw):
    """A query, and what it reads of each table: names, None for all."""
    t, e = st.sampled_from("abcd"), st.sampled_from("efg")
    one, two, key = draw(t), draw(t), draw(st.sampled_from("ac"))
    other, value = draw(e), draw(st.integers(0, 2))
    found = {
        "where": (f"select {one} as x from t where {key} > {value}", one + key, ""),
        "group": (f"select {one} as x, count({two}) as n from t group by all", one + two, ""),
        "window": (f"select {one} as x, count(*) over (partition by {two}) as n from t", one + two, ""),
        "qualify": (f"select {one} as x from t qualify dense_rank() over (order by {two}) = 1", one + two, ""),
        "join": (f"select t.{one} as x, {other} as y from t join u on t.{key} = u.f", one + key, other + "f"),
        "using": (f"select {one} as x, {other} as y from t left join u using (a)", one + "a", other + "a"),
        "in": (f"select {one} as x from t where c not in (select f from u where f is not null)", one + "c", "f"),
        "exists": (f"select {one} as x from t where exists (select 1 from u where u.a = t.{key})", one + key, "a"),
        "scalar": (f"select {one} as x, (select max({other}) from u) as m from t", one, other),
        "cte": (f"with w as (select {one} as x, {key} as k from t) select x from w where k <> {value}", one + key, ""),
        "union": (f"select {key} as x from t union select f from u", key, "f"),
        "order": (f"select {one} as x, {two} as y from t order by {two} desc, {one} limit 2", one + two, ""),
        "count": ("select count(*) as n from t, u", "", ""),
        "star": (f"select *, {value} as v from t", None, ""),
        "natural": ("select b, e from t natural join u", None, None),
        "derived": (f"select x from (select {one} as x, {two} as y from t) where y is not null", one + two, ""),
    }  # fmt: skip
    sql, of_t, of_u = found[draw(st.sampled_from(KINDS))]
    return sql, {"t": of_t if of_t is None else set(of_t), "u": of_u if of_u is None else set(of_u)}


class World:
    """Two tables in files, a query and a standard of them, edited and built."""

    def __init__(self, folder, draw):
        self.draw = draw
        self.project = Project(Path(folder), {"PYTHONPATH": HERE})
        self.ending = draw(st.sampled_from(sorted(STORED)), label="format")
        self.sql, self.read = draw(queries(), label="query")
        self.tables = {}
        for name, types in TYPES.items():
            rows = draw(st.integers(0, 4), label="rows")
            self.tables[name] = pa.table(
                {column: self.column(type_, rows) for column, type_ in types.items()}
            )
        self.seen = {}
        self.project.datafile(f"""
            [sources]
            t = {{ path = "t.{self.ending}" }}
            u = {{ path = "u.{self.ending}" }}
            [targets.asked]
            sql = "{self.sql}"
            [targets.all]
            sql = "select * from asked"
            [targets.brought]
            inputs = ["t"]
            standardize = {{ others = "drop", columns = {{ c = "int8", z = {{ from = "a", type = "int64" }} }} }}
        """)  # fmt: skip

    def column(self, type_, rows):
        dtype, _ = type_of(type_)
        if type_ == "int8":
            values = st.none() | st.integers(0, 2)
            return pa.array(self.draw(st.lists(values, min_size=rows, max_size=rows)), dtype)
        return self.draw(arrays(dtype, rows))

    def write(self):
        for name, table in self.tables.items():
            options = self.draw(st.sampled_from(STORED[self.ending]), label="stored")
            path = f"{name}.{self.ending}"
            self.project.write(path, WRITERS[self.ending](table, **options))

    def edit(self):
        """One change, of a table that is drawn."""
        name = self.draw(st.sampled_from("tu"), label="table")
        table = self.tables[name]
        kind = self.draw(
            st.sampled_from(["none", "cell", "cell", "add", "drop", "row", "order"]), label="edit"
        )
        if kind == "cell" and table.num_rows:
            column = self.draw(st.sampled_from(table.column_names), label="column")
            at = table.column_names.index(column)
            type_ = TYPES[name].get(column)
            if type_ is not None:
                table = table.set_column(at, column, self.column(type_, table.num_rows))
        elif kind == "add":
            further = f"more{len(table.column_names)}"
            type_ = self.draw(st.sampled_from(FURTHER), label="type")
            if further not in table.column_names and self.ending != "orc":
                table = table.append_column(further, self.column(type_, table.num_rows))
        elif kind == "drop":
            free = set(table.column_names) - (self.read[name] or {*"abcdefg"}) - {*"ac"}
            if free:
                table = table.drop_columns(self.draw(st.sampled_from(sorted(free)), label="column"))
        elif kind == "row":
            table = (
                table.slice(1)
                if self.draw(st.booleans())
                else pa.concat_tables([table, table.slice(0, 1)])
            )
        elif kind == "order" and table.num_rows:
            order = self.draw(st.permutations(range(table.num_rows)), label="order")
            table = table.take(pa.array(order, pa.int64()))
        self.tables[name] = table

    def counted(self, target):
        """What a target reads, as text."""
        read = self.read if target == "asked" else {"t": set("ac"), "u": set()}
        names = ["t"] if target == "brought" else [n for n in "tu" if f" {n}" in self.sql]
        found = []
        for name in names:
            table = self.tables[name]
            if read[name] is not None:
                table = table.select([each for each in table.column_names if each in read[name]])
            types = [(field.name, str(field.type)) for field in table.schema]
            found.append(repr((self.tables[name].num_rows, types, table.to_pylist())))
        return found

    def build(self):
        """Builds: what has to, and no more, and what a clean one would have; then nothing."""
        self.write()
        built = self.project.build()
        assert built.errors == {}, built
        for target in ("asked", "brought"):
            counted = self.counted(target)
            if self.seen.get(target) == counted:
                assert target not in built.ran, target
            self.seen[target] = counted
        self.compare()
        assert self.project.build().ran == []

    def compare(self):
        with duckdb.connect(config={"threads": 1}) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            for name, table in self.tables.items():
                connection.register(name, table)
            cells = connection.sql(self.sql).to_arrow_table()
        for name in ("asked", "all"):
            found = pq.read_table(self.project.path(f"build/{name}.parquet"))
            assert rows(found.cast(cells.schema)) == rows(cells), name  # ORC has nanoseconds
        table = self.tables["t"].select(["c", "a"]).rename_columns(["c", "z"])
        assert (
            pq.read_table(self.project.path("build/brought.parquet")).to_pylist()
            == table.to_pylist()
        )


def rows(table):
    """The rows, in an order of their own."""
    return sorted(map(repr, table.to_pylist()))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_builds_of_tables_are_right_and_minimal(data):
    """Whatever changes in the tables and in how they are stored."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(folder, data.draw)
        world.build()
        for _ in range(4):
            for _ in range(data.draw(st.integers(1, 2), label="edits")):
                world.edit()
            world.build()
