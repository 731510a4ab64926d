"""What two tables differ in: columns, statistics, and rows by key or as wholes."""

from __future__ import annotations

import os
import sys
import tempfile
from collections import Counter
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datamake.errors import EnvironmentFailed
from datamake.render import difference as rendered
from datamake.tables import TableError
from datamake.tables.difference import difference
from datamake.tables.reading import open_table

NAN = float("nan")


def table(folder, name, columns):
    path = str(folder / f"{name}.parquet")
    pq.write_table(pa.table(columns), path)
    return open_table(path)


@pytest.fixture
def compared(tmp_path):
    """The difference of two tables, given by their columns."""

    def compared(old, new, key=None):
        tables = table(tmp_path, "old", old), table(tmp_path, "new", new)
        return difference(*tables, key, str(tmp_path / "spilt"))

    return compared


def counts(document):
    return [document["changes"][kind] for kind in ("added", "removed", "changed", "reordered")]


def test_the_same_table(compared):
    """NaN is the same as NaN, and null as null."""
    columns = {"id": [1, 2, None], "x": [NAN, None, 1.0], "l": [[1], None, []]}
    for key in (None, ["id"]):
        found = compared(columns, columns, key)
        assert found["same"] is True
        assert counts(found)[:2] == [0, 0]
        assert all(column["same"] for column in found["columns"])


def test_columns(compared):
    """Those that were added, removed, have another type, and their order."""
    found = compared({"a": [1], "b": ["x"], "c": [1]}, {"c": [1.5], "a": [1], "d": [True]})
    assert found["same"] is False
    assert found["schema"] == {
        "added": [{"name": "d", "type": "bool"}],
        "removed": [{"name": "b", "type": "string"}],
        "changed": [{"name": "c", "old": "int64", "new": "float64"}],
        "order": True,
    }


def test_statistics(compared):
    """Nulls, ends and, of numbers, the mean; those that are as they were say so."""
    old = {"n": [1, None, 3], "s": ["a", "b", None], "d": [Decimal("1.50"), None, None]}
    new = {"n": [1, None, 4], "s": ["a", "b", None], "d": [Decimal("1.50"), None, None]}
    number, text, decimal = compared(old, new)["columns"]
    assert number["old"] == {"nulls": 1, "min": "1", "max": "3", "mean": "2"}
    assert number["new"] == {"nulls": 1, "min": "1", "max": "4", "mean": "2.5"}
    assert [column["same"] for column in (number, text, decimal)] == [False, True, True]
    assert text["new"] == {"nulls": 1, "min": "a", "max": "b", "mean": None}
    assert decimal["new"]["mean"] == "1.5"


def test_rows_by_key(compared):
    """Added, removed and changed, how often each column, and the first of each."""
    old = {"k": ["a", "b", "c"], "x": [1, 2, 3], "y": [None, 1.5, 2.5]}
    new = {"k": ["d", "c", "b"], "x": [4, 3, 9], "y": [None, None, 2.0]}
    found = compared(old, new, ["k"])
    assert counts(found) == [1, 1, 2, False]
    assert found["changes"]["columns"] == [{"name": "x", "rows": 1}, {"name": "y", "rows": 2}]
    assert found["changes"]["examples"] == {
        "added": [{"k": "d", "x": "4", "y": None}],
        "removed": [{"k": "a", "x": "1", "y": None}],
        "changed": [
            {"key": {"k": "c"}, "columns": {"y": ["2.5", None]}},
            {"key": {"k": "b"}, "columns": {"x": ["2", "9"], "y": ["1.5", "2.0"]}},
        ],
    }


def test_rows_as_wholes(compared):
    """How much oftener a row is in one of both, whichever of the same it is."""
    found = compared({"a": [1, 1, 2, None]}, {"a": [1, 2, 2, 3, None]})
    assert counts(found) == [2, 1, None, False]
    assert found["changes"]["examples"]["removed"] == [{"a": "1"}, {"a": "1"}]


def test_another_order_is_told(compared):
    """The same rows are not the same table where they stand elsewhere."""
    for key in (None, ["a"]):
        found = compared({"a": [1, 2]}, {"a": [2, 1]}, key)
        assert (found["same"], *counts(found)[:2], counts(found)[3]) == (False, 0, 0, True)


def test_no_more_than_the_first_rows_are_shown(compared):
    """In the order in which they stand."""
    last = 400_000
    found = compared({"a": [0]}, {"a": list(range(last, -1, -1))}, ["a"])
    assert found["changes"]["added"] == last
    assert [row["a"] for row in found["changes"]["examples"]["added"]] == (
        [str(last - at) for at in range(5)]
    )


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        (pa.array([1, 2]), pa.array([1.0, 2.5]), 1),
        (pa.array([1, 2], pa.int32()), pa.array([1, 2], pa.uint64()), 0),
        (pa.array([Decimal("1.5"), None]), pa.array([1.5, 2.0]), 1),
        (pa.array(["1", "2"]), pa.array([1, 2]), 0),
        (pa.array([[1], [2]]), pa.array(["x", "y"]), 2),
    ],
)
def test_a_column_with_another_type_is_compared_by_its_values(compared, old, new, changed):
    """Numbers as numbers, all else as text."""
    found = compared({"k": [1, 2], "v": old}, {"k": [1, 2], "v": new}, ["k"])
    assert found["changes"]["changed"] == changed


def test_types_that_duckdb_does_not_have(compared):
    """They are compared all the same."""
    columns = {
        "k": [1, 2],
        "wide": pa.array([Decimal("1e60"), None], pa.decimal256(76, 2)),
        "half": pa.array([1.5, None], pa.float32()).cast(pa.float16()),
        "span": pa.array([1, None], pa.duration("us")),
        "list": pa.array([[Decimal("1e60")], None], pa.list_(pa.decimal256(76, 2))),
        "none": pa.nulls(2),
    }
    assert compared(columns, columns, ["k"])["same"] is True
    other = {**columns, "wide": pa.array([Decimal("1e60"), Decimal(1)], pa.decimal256(76, 2))}
    assert compared(columns, other, ["k"])["changes"]["columns"] == [{"name": "wide", "rows": 1}]


def test_what_duckdb_cannot_do_is_told(compared):
    """In a map there is no other type for it."""
    wide = pa.map_(pa.string(), pa.decimal256(76, 2))
    columns = {"a": pa.array([[("x", Decimal(1))]], wide)}
    with pytest.raises(TableError, match=r"[Uu]nsupported"):
        compared(columns, columns)


def test_a_key_of_several_columns_and_nulls(compared):
    """Null is a value of a key like others."""
    old = {"a": [1, 1, None], "b": ["x", None, None], "v": [1, 2, 3]}
    found = compared(old, {**old, "v": [1, 2, 4]}, ["a", "b"])
    assert counts(found) == [0, 0, 1, False]
    assert found["changes"]["examples"]["changed"][0]["key"] == {"a": None, "b": None}


def test_a_key_that_is_none(compared):
    """Two rows with it, or no such column."""
    with pytest.raises(TableError) as caught:
        compared({"a": [1, 2], "b": ["x", "y"]}, {"a": [3, 3], "b": ["x", None]}, ["a"])
    assert str(caught.value) == (
        "the key tells no rows apart: 2 rows of the new table have `a` = `3`\n"
        "  hint: name more columns: `--key a,b`"
    )
    with pytest.raises(TableError, match="has no column `c`"):
        compared({"a": [1]}, {"a": [1]}, ["c"])


def test_names_of_columns_are_hostile(compared):
    """Quotes, names of our own, and names that differ only in case."""
    columns = {'"': [1], "c0": [2], "h": [3], "A": [4], "a": [5], "": [6], "rowid": [7]}
    other = {**columns, "A": [9]}
    found = compared(columns, other, ['"', "rowid"])
    assert found["changes"]["columns"] == [{"name": "A", "rows": 1}]


def test_empty_tables_and_tables_without_anything_in_common(compared):
    """There is nothing to compare rows by."""
    assert compared({"a": pa.array([], pa.int64())}, {"a": pa.array([], pa.int64())})["same"]
    found = compared({"a": [1]}, {"b": [1]})
    assert (found["same"], found["changes"]) == (False, None)


def test_without_duckdb_there_are_columns_and_statistics(compared, monkeypatch):
    """With a key it is asked for."""
    monkeypatch.setitem(sys.modules, "duckdb", None)
    found = compared({"a": [1, 2]}, {"a": [1, 2]})
    assert (found["same"], found["changes"]) == (None, None)
    assert compared({"a": [1]}, {"a": [1, 2]})["same"] is False
    with pytest.raises(EnvironmentFailed, match="DuckDB"):
        compared({"a": [1]}, {"a": [1]}, ["a"])
    text = rendered.text({"name": "t", "against": "run 1", **found})
    assert text == (
        "t: no difference seen from run 1\n\n"
        "Rows: 2; not compared: that needs DuckDB, `pip install 'datamake[sql]'`\n"
    )


ROWS = st.lists(
    st.tuples(st.integers(0, 3) | st.none(), st.sampled_from(["", "x", None])), max_size=8
)


@settings(deadline=None, max_examples=50)
@given(ROWS, ROWS)
def test_rows_are_counted_as_python_counts_them(old, new):
    """Multisets of rows against those of the standard library."""
    schema = pa.schema({"a": pa.int64(), "b": pa.string()})

    def made(folder, name, rows):
        path = os.path.join(folder, name)
        columns = [[row[at] for row in rows] for at in range(2)]
        pq.write_table(pa.table(columns, schema=schema), path)
        return open_table(path)

    with tempfile.TemporaryDirectory() as folder:
        found = difference(made(folder, "o.parquet", old), made(folder, "n.parquet", new))
    added, removed = Counter(new) - Counter(old), Counter(old) - Counter(new)
    assert counts(found)[:2] == [added.total(), removed.total()]
    assert found["same"] is (old == new)


def test_a_file_that_breaks_while_rows_are_compared(tmp_path):
    """Is told as it is where it breaks at once."""
    old, new = (table(tmp_path, name, {"a": [1]}) for name in ("old", "new"))
    os.rename(tmp_path / "old.parquet", tmp_path / "gone")
    read, missing = old.part_batches, FileNotFoundError
    old.part_batches = lambda *given: pq.ParquetFile(tmp_path / "gone").iter_batches()
    columns = old.batches

    def batches():
        old.batches = broken
        return columns()

    def broken():
        yield from read(old.parts[0], {"a"})

    old.batches = batches
    with pytest.raises(missing):
        difference(old, new)


# As it is shown


def test_nothing_in_a_page_is_markup(compared):
    """Names and values come from outside."""
    evil = "<script>alert('|')</script>`*"
    found = compared({"k": [1], evil: ["a"]}, {"k": [1], evil: [evil]}, ["k"])
    document = {"name": evil, "against": "run 1", **found}
    page = rendered.html(document)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert page.startswith("<!doctype html>\n")
    assert page.endswith("</html>\n")
    shown = rendered.markdown(document)
    assert not {"<", "`", "*"} & set(shown)
    assert all(line.count("|") == 5 for line in shown.splitlines() if line.startswith("| 1"))


def test_a_difference_as_text(compared):
    """What differs, and nothing else."""
    old = {"k": [1, 2], "gone": [1, 2], "v": [1, 2], "same": ["x", "x"]}
    new = {"v": [1.0, 2.5], "k": [1, 2], "same": ["x", "x"], "more": [None, True]}
    document = {"name": "t", "against": "`old.csv`", **compared(old, new, ["k"])}
    assert rendered.text(document) == (
        "t: differs from `old.csv`\n\n"
        "Rows: 2; 1 changed (v in 1)\n\n"
        "Columns: they are in another order\n"
        "           column  before  after\n"
        "  added    more            bool\n"
        "  removed  gone    int64\n"
        "  changed  v       int64   float64\n\n"
        "Statistics\n"
        "  column        before  after\n"
        "  v       min   1       1.0\n"
        "  v       max   2       2.5\n"
        "  v       mean  1.5     1.75\n\n"
        "Rows changed\n"
        "  k  column  before  after\n"
        "  2  v       2.0     2.5\n"
    )
    same = {"name": "t", "against": "run 2", **compared(old, old, ["k"])}
    assert rendered.text(same) == "t: no difference from run 2\n\nRows: 2; all the same\n"
