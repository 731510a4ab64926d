"""A table against its schema: columns, types in counted terms, nulls at every level."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from drawn_tables import tables
from hypothesis import given, settings
from hypothesis import strategies as st

from datamake.datafile.checks import schema_of
from datamake.tables.reading import open_table
from datamake.tables.schemas import violations
from datamake.tables.types import arrow, text_of


def differing(table, columns, mode="exact", folder="."):
    """The differences of a table from a schema, as people are told."""
    path = f"{folder}/t.arrow"
    with pa.ipc.new_file(path, table.schema) as out:
        out.write_table(table)
    schema = schema_of({"schema": columns, "schema_mode": mode})
    return [str(each) for each in violations(schema, open_table(path))]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_exact_in_any_order():
    """All columns of the schema and no others; with `subset` others too."""
    table = pa.table({"a": [1], "b": ["x"]})
    assert differing(table, {"b": "string", "a": "int64"}) == []
    assert differing(table, {"b": "string"}) == ["`a` is not in the schema: `int64`"]
    assert differing(table, {"b": "string"}, "subset") == []
    assert differing(table, {"c": "date", "a": "int32", "b": "string"}, "subset") == [
        "`c` is missing: `date`",
        "`a` is `int32`, and has `int64`",
    ]


def test_types_are_compared_in_counted_terms():
    """How strings and lists are laid out, dictionaries and non-null flags are no other type."""
    field = pa.field("item", pa.large_string(), nullable=False)
    table = pa.table(
        {
            "a": pa.array(["x"], pa.large_string()),
            "b": pa.array(["x"]).dictionary_encode(),
            "c": pa.array([["x"]], pa.large_list(field)),
            "d": pa.array([1.0], pa.float32()),
            "e": pa.array([1], pa.timestamp("us", "UTC")),
        }
    )
    columns = {
        "a": "string",
        "b": "string",
        "c": "list<string>",
        "d": "float",
        "e": "timestamp[us, UTC]",
    }
    assert differing(table, columns) == []
    assert differing(table, {**columns, "e": "timestamp[us]"}) == [
        "`e` is `timestamp[us]`, and has `timestamp[us, UTC]`"
    ]


def test_two_columns_of_one_name():
    """None of them is the column of the schema."""
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    assert differing(table, {"a": "int64"}) == ["`a` is `int64`, and has 2 columns of that name"]


def test_not_null_is_of_the_values():
    """A flag of the file proves nothing, and its absence neither."""
    flagged = pa.schema([pa.field("a", pa.int64(), nullable=False)])
    table = pa.table({"a": [1, 2]})
    assert differing(table, {"a": "int64 not null"}) == []
    assert differing(pa.table({"a": [1, 2]}, flagged), {"a": "int64"}) == []
    assert differing(pa.table({"a": [1, None, None]}), {"a": "int64 not null"}) == [
        "`a` is `int64 not null`, and has 2 nulls"
    ]


@pytest.mark.parametrize(
    ("type_", "values", "found"),
    [
        ("list<int64 not null>", [[1, None], None, [], [None]], "`a[]` is {}, and has 2 nulls"),
        ("list<int64 not null>[2]", [[1, None], None], "`a[]` is {}, and has 1 null"),
        (
            "list<list<int8 not null> not null> not null",
            [[[1]], [None]],
            "`a[]` is {}, and has 1 null",
        ),
        ("struct<b: int64 not null>", [{"b": None}, None, {"b": 1}], "`a.b` is {}, and has 1 null"),
        (
            "map<string, int8 not null>",
            [[("k", None)], None, [("k", 1)]],
            "`a[]` is {}, and has 1 null",
        ),
        ("list<struct<b: date not null>>", [[{"b": None}, None]], "`a[].b` is {}, and has 1 null"),
    ],
)
def test_not_null_inside(type_, values, found):
    """Of what lies in a null nothing is asked."""
    plain = type_.replace(" not null", "")
    table = pa.table({"a": pa.array(values, arrow(plain)[0])})
    assert differing(table, {"a": type_}) == [found.format(f"`{type_}`")]


def test_a_table_without_columns_or_rows():
    """It has what it has."""
    assert differing(pa.table({"a": pa.array([], pa.int64())}), {"a": "int64 not null"}) == []
    assert differing(pa.table({}), {"a": "int64"}) == ["`a` is missing: `int64`"]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_table_is_as_its_own_schema_says(tmp_path_factory, data):
    """The types that a table shows are a schema that it has; with ` not null`, where it has none."""
    table = data.draw(tables(unique=True))
    folder = tmp_path_factory.mktemp("drawn")
    columns = {field.name: text_of(field.type).replace(" not null", "") for field in table.schema}
    assert differing(table, columns, folder=folder) == []
    firm = {name: f"{text} not null" if text != "null" else text for name, text in columns.items()}
    nulls = {name for name in columns if "not null" in firm[name] and table.column(name).null_count}
    assert len(differing(table, firm, folder=folder)) == len(nulls)


def test_only_guarded_columns_are_read(tmp_path):
    """A file that is broken in a column that nothing is asked of is not read there."""
    pq.write_table(pa.table({"a": [1] * 1000, "b": range(1000)}), "t.parquet")
    with open("t.parquet", "r+b") as file:
        at = pq.ParquetFile("t.parquet").metadata.row_group(0).column(1).data_page_offset
        file.seek(at)
        file.write(b"\xff" * 64)
    schema = schema_of({"schema": {"a": "int64 not null", "b": "int64"}})
    assert violations(schema, open_table("t.parquet")) == []
