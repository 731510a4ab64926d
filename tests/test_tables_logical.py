"""Logical digests: what a table says, not how it is stored."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.orc
import pyarrow.parquet as pq
import pytest
from drawn_tables import PARQUET, cut, held, made, said, tables, types
from hypothesis import given, settings
from hypothesis import strategies as st

from datamake.tables import TableError
from datamake.tables.logical import Logical, digest
from datamake.tables.types import arrow as arrow_of


def parquet(table, path, **options):
    pq.write_table(table, path, **options)
    return digest(path)


def arrow(table, path, *, stream=False):
    make = pa.ipc.new_stream if stream else pa.ipc.new_file
    with pa.OSFile(path, "wb") as file, make(file, table.schema) as writer:
        for batch in table.to_batches():
            writer.write_batch(batch)
    return digest(path)


@pytest.fixture(scope="session")
def path(tmp_path_factory):
    return f"{tmp_path_factory.mktemp('tables')}/t"


@settings(deadline=None)
@given(tables(PARQUET), st.integers(0, 6))
def test_storage_is_no_content(path, table, at):
    """Formats, compression, row groups, encodings, versions, chunks and metadata do not count."""
    expected = arrow(table, f"{path}.arrow")
    other = cut(table, at=at).replace_schema_metadata({"pandas": "{}"})
    assert arrow(other, f"{path}.arrow") == expected
    assert arrow(other, f"{path}.arrow", stream=True) == expected
    assert parquet(table, f"{path}.parquet") == expected
    options = {"compression": "zstd", "row_group_size": 2, "use_dictionary": False}
    assert parquet(other, f"{path}.parquet", **options) == expected
    assert parquet(other, f"{path}.parquet", data_page_version="2.0") == expected


@settings(deadline=None)
@given(st.data())
def test_the_digest_is_the_content(path, data):
    """Two columns of one type have one digest just when they hold the same values."""
    dtype, _ = arrow_of(data.draw(types()))
    one, other = (data.draw(st.lists(held(dtype), max_size=4)) for _ in range(2))
    found = [arrow(pa.table([made(each, dtype)], ["a"]), f"{path}.arrow") for each in (one, other)]
    assert (found[0] == found[1]) == (said(one) == said(other))


@settings(deadline=None)
@given(tables(most=1), st.integers(0, 5))
def test_what_lies_under_a_null_struct_is_no_content(path, table, at):
    mask = pa.array([row == at for row in range(len(table))], pa.bool_())
    column = table.column(0).combine_chunks()
    seen = column.take(pa.array([None if row == at else row for row in range(len(table))], "int8"))
    hiding, plain = (
        pa.table([pa.StructArray.from_arrays([each], ["x"], mask=mask)], ["a"])
        for each in (column, seen)
    )
    assert arrow(hiding, f"{path}.arrow") == arrow(plain, f"{path}.arrow")


def test_what_lies_under_a_null_is_no_content(path):
    """Of text, of lists and of maps."""
    present = pa.py_buffer(b"\x05")
    texts = pa.array(["a", "hidden", "c"])
    hiding = pa.Array.from_buffers(pa.string(), 3, [present, *texts.buffers()[1:]])
    same(hiding, pa.array(["a", None, "c"]), path)
    mask = pa.array([False, True, False])
    ends, items = pa.array([0, 1, 3, 4], pa.int32()), pa.array([1, 2, 3, 4])
    hiding = pa.ListArray.from_arrays(ends, items, mask=mask)
    same(hiding, pa.array([[1], None, [4]]), path)
    hiding = pa.MapArray.from_arrays(ends, items, items, mask=mask)
    same(hiding, pa.array([[(1, 1)], None, [(4, 4)]], pa.map_(pa.int64(), pa.int64())), path)


def same(one, other, path):
    """Two arrays have one digest, and one that was changed another."""
    one, other = (arrow(pa.table([each], ["a"]), f"{path}.arrow") for each in (one, other))
    assert one == other


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pa.array(["a", "b", None, "a"]), pa.array(["a", "b", None, "a"], pa.large_string())),
        (pa.array(["a", "b", None, "a"]), pa.array(["a", "b", None, "a"], pa.string_view())),
        (pa.array(["a", "b", None, "a"]), pa.array(["a", "b", None, "a"]).dictionary_encode()),
        (pa.array([[1], None, []]), pa.array([[1], None, []], pa.large_list(pa.int64()))),
        (
            pa.array([["a"], None, ["b", "a"]]),
            pa.ListArray.from_arrays(
                pa.array([0, None, 1, 3], pa.int32()),
                pa.array(["a", "b", "a"]).dictionary_encode(),
            ),
        ),
        (pa.array([b"0" * 16], pa.binary(16)), pa.array([b"0" * 16], pa.uuid())),
        (pa.array([float("nan")]), pa.array([-float("nan")])),
        (pa.array([float("nan")], pa.float16()), pa.array([-float("nan")], pa.float16())),
        (pa.array([1], pa.decimal128(9, 2)), pa.array([1], pa.decimal32(9, 2))),
        (
            pa.array([{"a": 1}]),
            pa.array([{"a": 1}], pa.struct([pa.field("a", pa.int64(), False, {"k": "v"})])),
        ),
    ],
)
def test_layouts_in_memory_are_no_content(one, other, path):
    same(one, other, path)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pa.array([0.0]), pa.array([-0.0])),
        (pa.array([1]), pa.array([1], pa.int32())),
        (pa.array([""]), pa.array([None], pa.string())),
        (pa.array([0]), pa.array([None], pa.int64())),
        (pa.array([[]], pa.list_(pa.int8())), pa.array([None], pa.list_(pa.int8()))),
        (pa.array([[1], [2]]), pa.array([[1, 2], []])),
        (pa.array(["a", "bc"]), pa.array(["ab", "c"])),
        (pa.array([None, 1]), pa.array([1, None])),
        (pa.nulls(2), pa.nulls(3)),
        (pa.array([0], pa.timestamp("us")), pa.array([0], pa.timestamp("us", "UTC"))),
        (pa.array([0], pa.timestamp("us")), pa.array([0], pa.timestamp("ms"))),
        (pa.array(["a"]), pa.array([b"a"])),
        (
            pa.array([{"a": None}], pa.struct([("a", pa.int8())])),
            pa.array([None], pa.struct([("a", pa.int8())])),
        ),
        (
            pa.array([{"a": 1}], pa.struct([("a", pa.int8())])),
            pa.array([{"b": 1}], pa.struct([("b", pa.int8())])),
        ),
    ],
)
def test_what_is_content(one, other, path):
    one, other = (arrow(pa.table([each], ["a"]), f"{path}.arrow") for each in (one, other))
    assert one.columns != other.columns
    assert one.whole != other.whole


def test_a_digest_of_columns_is_of_these_alone(path):
    """Another column changed, added or removed leaves it; another number of rows does not."""
    table = pa.table({"a": [1, 2], "b": [3, 4], "c": [5, 6]})
    one = arrow(table, f"{path}.arrow")
    other = arrow(table.drop(["c"]).set_column(1, "b", [["x", "y"]]), f"{path}.arrow")
    assert one.part(["a"]).whole == other.part(["a"]).whole
    assert one.part([]).whole == other.part([]).whole
    assert one.part(["b"]).whole != other.part(["b"]).whole
    assert one.part(["a", "b", "c"]).whole == one.whole != other.whole
    assert arrow(table.slice(1), f"{path}.arrow").part([]).whole != one.part([]).whole
    assert other.part(["a", "c"]) == other.part(["a"])


def test_names_and_order_of_columns_are_content(path):
    digests = [
        arrow(pa.table([[1], [1]], names), f"{path}.arrow").whole
        for names in (["a", "b"], ["b", "a"], ["a", "a"], ["ab", ""])
    ]
    assert len(set(digests)) == 4


def test_columns_of_one_name_count_together(path):
    table = pa.table([[1], [2], [3]], ["a", "b", "a"])
    one = parquet(table, f"{path}.parquet")
    other = parquet(pa.table([[1], [4]], ["a", "a"]), f"{path}.parquet")
    assert [name for name, _, _ in one.columns] == ["a", "b", "a"]
    assert one.part(["a"]).whole != other.part(["a"]).whole
    assert (
        one.part(["a"]).whole == parquet(table.select([0, 2]), f"{path}.parquet").part(["a"]).whole
    )


@settings(deadline=None)
@given(tables())
def test_a_digest_can_be_kept_as_text(path, table):
    found = arrow(table, f"{path}.arrow")
    assert Logical.parsed(str(found)) == found


@pytest.mark.parametrize("text", ["", "table-0 3", "table-1", "table-1 x", "table-1 1\na\tint8"])
def test_what_is_no_digest_is_none(text):
    assert Logical.parsed(text) is None


def test_a_table_may_have_no_rows_or_no_columns(path):
    none = arrow(pa.table({"a": pa.array([], pa.int8())}), f"{path}.arrow")
    assert (none.rows, [each[:2] for each in none.columns]) == (0, [("a", "int8")])
    bare = arrow(pa.table({"a": [1, 2]}).select([]), f"{path}.arrow")
    assert (bare.rows, bare.columns) == (2, ())


def test_orc_is_a_table(path):
    """What it does not keep as it was, it has made another type; values of the same count alike."""
    table = pa.table({"a": [1, None], "b": ["x", None], "c": [[1], None]})
    pyarrow.orc.write_table(table, f"{path}.orc")
    assert digest(f"{path}.orc") == arrow(table, f"{path}.arrow")


def test_a_folder_is_a_table(tmp_path):
    """Its files in order, and its `key=value` folders."""
    for month in ("01", "02"):
        (tmp_path / f"month={month}").mkdir()
        pq.write_table(pa.table({"a": [int(month)]}), tmp_path / f"month={month}" / "x.parquet")
    expected = pa.table({"a": [1, 2], "month": ["01", "02"]})
    assert digest(str(tmp_path)) == arrow(expected, f"{tmp_path}/x.arrow")


def test_text_has_no_logical_digest(tmp_path):
    (tmp_path / "a.csv").write_text("a\n1\n")
    with pytest.raises(TableError) as caught:
        digest(f"{tmp_path}/a.csv")
    assert str(caught.value) == f"`{tmp_path}/a.csv` is text, which counts by its bytes"


def test_digests_stay_what_they_are(path):
    """Caches hold them: where one of these changes, `VERSION` has to."""
    table = pa.table(
        {
            "a": [1, None],
            "b": ["x", None],
            "c": [[1.5], None],
            "d": [{"x": True}, None],
            "e": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int8())),
        }
    )
    assert arrow(table, f"{path}.arrow").whole == "cd34cb7fdadc878a416f0233eeeb482e"
