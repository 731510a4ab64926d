"""Types as people write them and types of Arrow."""

from __future__ import annotations

import pyarrow as pa
import pytest
from drawn_tables import types
from hypothesis import given

from datamake.tables import TableError
from datamake.tables.terms import counted_type
from datamake.tables.types import arrow, text_of


@given(types(depth=3))
def test_a_text_becomes_an_arrow_type_and_back(text):
    dtype, _ = arrow(text)
    assert arrow(text_of(dtype)) == (dtype, True)


@given(types(depth=3))
def test_the_counted_type_of_a_counted_type_is_itself(text):
    once = counted_type(arrow(text)[0])
    assert counted_type(once).equals(once, check_metadata=True)
    assert "not null" not in text_of(once)


def test_not_null_is_beside_the_type():
    assert arrow("int64 not null") == (pa.int64(), False)


@pytest.mark.parametrize(
    ("dtype", "text"),
    [
        (pa.large_string(), "string"),
        (pa.string_view(), "string"),
        (pa.large_binary(), "binary"),
        (pa.binary_view(), "binary"),
        (pa.large_list(pa.field("x", pa.int8(), nullable=False)), "list<int8>"),
        (pa.dictionary(pa.int8(), pa.large_string()), "string"),
        (pa.list_(pa.dictionary(pa.int8(), pa.string())), "list<string>"),
        (pa.uuid(), "binary[16]"),
        (pa.decimal32(5, 2), "decimal(5, 2)"),
        (pa.decimal256(5, 2), "decimal(5, 2)"),
        (pa.decimal256(50, 2), "decimal(50, 2)"),
        (pa.map_(pa.string(), pa.int8(), keys_sorted=True), "map<string, int8>"),
        (pa.time64("us"), "time"),
        (pa.time32("s"), "time[s]"),
        (pa.date64(), "date64"),
        (pa.month_day_nano_interval(), "interval"),
        (pa.timestamp("us", "a ]zone"), 'timestamp[us, "a ]zone"]'),
    ],
)
def test_what_holds_the_same_values_is_the_same_type(dtype, text):
    """Layouts in memory, metadata and flags are no part of a counted type."""
    found = counted_type(dtype)
    assert text_of(found) == text
    assert found.equals(arrow(text)[0], check_metadata=True)


@pytest.mark.parametrize(
    "dtype",
    [
        pa.dense_union([pa.field("a", pa.int8())]),
        pa.list_view(pa.int8()),
        pa.run_end_encoded(pa.int32(), pa.int8()),
    ],
)
def test_types_that_columns_cannot_have(dtype):
    with pytest.raises(TableError) as caught:
        text_of(pa.struct([("x", dtype)]))
    assert str(caught.value) == f"there are no columns of the Arrow type `{dtype}`"
