"""Tables written: the same bytes for the same rows, and read again as they were."""

from __future__ import annotations

import os

import pyarrow as pa
import pytest
from drawn_tables import PARQUET, PLAIN, cut, tables
from hypothesis import given, settings
from hypothesis import strategies as st

from datamake.tables import TableError
from datamake.tables.reading import open_table
from datamake.tables.terms import counted_schema
from datamake.tables.writing import Writer

ORC = ("bool", "int8", "int64", "float32", "float64", "string", "binary", "date", "decimal(5, 2)")
CSV = ("bool", "int64", "uint8", "float64", "string", "date", "time", "timestamp[us, UTC]")
JSON = tuple(
    name for name in PLAIN if not any(each in name for each in ("binary", "float", "null"))
)
NAMES = ("t.parquet", "t.arrow", "t.orc", "t.csv", "t.tsv.gz", "t.jsonl.zst")
KEPT = {
    "t.parquet": tables(PARQUET),
    "t.arrow": tables(),
    "t.orc": tables(ORC, depth=0, unique=True),
    "t.csv": tables(CSV, depth=0, unique=True),
    "t.tsv.gz": tables(CSV, depth=0, unique=True),
    "t.jsonl.zst": tables(JSON, unique=True),
}


def written(table, path, rows=None):
    with Writer(path, table.schema) as writer:
        for batch in table.to_batches(rows):
            writer.write(batch)
    with open(path, "rb") as file:
        return file.read()


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return str(tmp_path_factory.mktemp("written"))


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None, max_examples=40)
@given(st.data(), st.integers(0, 6))
def test_bytes_do_not_depend_on_batches(folder, name, data, at):
    table = data.draw(KEPT[name])
    path = os.path.join(folder, name)
    assert written(cut(table, at=at), path, 1) == written(table.combine_chunks(), path)


@pytest.mark.parametrize("name", NAMES)
def test_what_lies_around_the_rows_is_not_written(folder, name):
    """Nor what lies under a null."""
    long = pa.table({"a": [1, 2, None, 4], "b": ["x", "y", None, "z"]})
    short = pa.table({"a": [2, None], "b": ["y", None]})
    path = os.path.join(folder, name)
    assert written(long.slice(1, 2), path) == written(short, path)


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow", "t.orc"])
@settings(deadline=None, max_examples=40)
@given(st.data())
def test_what_was_written_is_read(folder, name, data):
    table = data.draw(KEPT[name])
    path = os.path.join(folder, name)
    written(table, path)
    found = open_table(path)
    assert found.schema == counted_schema(table.schema)
    again = os.path.join(folder, f"again.{name}")
    with Writer(again, found.schema) as writer:
        for batch in found.batches():
            writer.write(batch)
    with open(again, "rb") as one, open(path, "rb") as other:
        assert one.read() == other.read()


def test_groups_have_a_fixed_number_of_rows(tmp_path):
    """Written in any batches, there are as many row groups."""
    table = pa.table({"a": range(300_000)})
    path = str(tmp_path / "a.parquet")
    one = written(table, path, 7_000)
    assert written(table, path) == one
    from pyarrow.parquet import read_metadata

    meta = read_metadata(path)
    assert [meta.row_group(at).num_rows for at in range(3)] == [131_072, 131_072, 37_856]


def test_json_says_what_it_can(tmp_path):
    """What JSON has no word for is a text, a map a list of keys and values."""
    table = pa.table(
        {
            "a": pa.array(["1.5", None]).cast(pa.decimal128(4, 2)),
            "b": pa.array(["2013-01-01", None]).cast(pa.date32()),
            "c": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int8())),
            "d": pa.array(["2013-01-01 10:00Z", None]).cast(pa.timestamp("us", "UTC")),
            "e": ["é", None],
        }
    )
    assert written(table, str(tmp_path / "a.jsonl")).decode().splitlines() == [
        (
            '{"a":"1.50","b":"2013-01-01","c":[{"key":"k","value":1}],'
            '"d":"2013-01-01 10:00:00.000000Z","e":"é"}'
        ),
        '{"a":null,"b":null,"c":null,"d":null,"e":null}',
    ]


@pytest.mark.parametrize(
    ("name", "column", "message"),
    [
        (
            "a.csv",
            [[1]],
            (
                "`a.csv`: CSV cannot hold the column `x`\n"
                "  it is `list<int64>`\n"
                "  hint: write Parquet, or choose other columns"
            ),
        ),
        (
            "a.jsonl",
            [b"a"],
            (
                "`a.jsonl`: JSON lines cannot hold the column `x`\n"
                "  it is `binary`\n"
                "  hint: write Parquet, or choose other columns"
            ),
        ),
        (
            "a.jsonl",
            [float("nan")],
            (
                "`a.jsonl`: row 1, column `x`: JSON has no word for NaN and infinity\n"
                "  hint: write Parquet, or make them null"
            ),
        ),
        (
            "a.txt",
            [1],
            (
                "`a.txt` is not a table by its ending\n"
                "  hint: a table is written as parquet, arrow, orc, csv, tsv, jsonl"
            ),
        ),
    ],
)
def test_what_a_format_cannot_hold(tmp_path, monkeypatch, name, column, message):
    """Nothing is left of the file."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TableError) as caught:
        written(pa.table([column], ["x"]), name)
    assert str(caught.value) == message
    assert os.listdir(".") == []


def test_after_an_error_there_is_no_file(tmp_path):
    path = str(tmp_path / "a.parquet")
    with pytest.raises(KeyError), Writer(path, pa.schema([("a", pa.int8())])):
        raise KeyError
    assert not os.path.exists(path)


def test_what_cannot_be_begun_leaves_no_file(tmp_path):
    """As a type that only Parquet itself refuses."""
    path = str(tmp_path / "a.parquet")
    with pytest.raises(TableError, match="cannot be written as Parquet"):
        Writer(path, pa.schema([("a", pa.struct([]))]))
    assert not os.path.exists(path)
