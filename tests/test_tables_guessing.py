"""The types of text columns, from all of their values."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamake.tables import guessing
from datamake.tables.conversion import converted
from datamake.tables.guessing import TextGuess
from datamake.tables.types import text_of

TEXTS = (
    *("", " ", "0", "1", "-7", "+7", "007", " 42 ", "9007199254740993", "12345678901234567890"),
    *("0x1F", "1.5", "-1e300", "1e5", "nan", "inf", "Infinity", "1,5", "true", "False", " TRUE"),
    *("2013-01-01", "2013-1-1", "2013-01-01 10:00", "2013-01-01T10:00:00.123456", "9999-12-31"),
    *("2013-01-01 10:00:00.123456789", "2013-01-01T10:00:00Z", "2013-01-01 10:00:00+01:00"),
    *("10:00", "10:00:00.5", "24:00", "x", "é", "2013", "1-2", "12:00Z"),
)


def guessed(*arrays, decimal="."):
    guess = TextGuess(decimal)
    for texts in arrays:
        guess.look(pa.array(texts, pa.string()))
    return guess.type


@pytest.mark.parametrize(
    ("texts", "type_"),
    [
        ([], "string"),
        ([None], "string"),
        (["1", " 2", None], "int64"),
        (["1", "2.5", "1e3", "nan"], "float64"),
        (["true", "False"], "bool"),
        (["0", "true"], "string"),
        (["2013-01-01"], "date"),
        (["2013-01-01", "2013-01-01 10:00"], "timestamp[us]"),
        (["2013-01-01T10:00:00Z", "2013-01-01 10:00+01:00"], "timestamp[us, UTC]"),
        (["2013-01-01T10:00:00Z", "2013-01-01 10:00"], "string"),
        (["10:00", "10:00:00.5"], "time"),
        (["1", "x"], "string"),
        (["0x1F"], "string"),
        (["9007199254740993"], "int64"),
        (["9007199254740993", "1.5"], "string"),
        (["12345678901234567890"], "string"),
        (["1e300"], "float64"),
    ],
)
def test_types_are_those_of_all_values(texts, type_):
    """No digit is lost: whole numbers that a float cannot hold make no float."""
    assert text_of(guessed(texts)) == type_


@given(st.lists(st.none() | st.sampled_from(TEXTS), max_size=6), st.integers(0, 6))
def test_types_do_not_depend_on_blocks(texts, at):
    """However the rows are cut, and in whatever order, the type is the same."""
    assert guessed(texts[:at], texts[at:]) == guessed(texts)
    assert guessed(*([text] for text in reversed(texts))) == guessed(texts)


@given(st.lists(st.none() | st.sampled_from(TEXTS), max_size=6))
def test_all_values_are_of_the_type_that_was_found(texts):
    values = converted(pa.array(texts, pa.string()), guessed(texts))
    assert values.null_count == texts.count(None)


def test_a_decimal_comma():
    assert guessed(["1,5", "2"], decimal=",") == pa.float64()
    assert guessed(["1.5"], decimal=",") == pa.string()
    texts = pa.array(["1,50", None])
    assert converted(texts, pa.decimal128(4, 2), ",") == pa.array(["1.50", None]).cast(
        pa.decimal128(4, 2)
    )


@pytest.mark.parametrize(
    ("text", "type_", "value"),
    [
        ("7", pa.uint8(), 7),
        ("1.5", pa.float16(), 1.5),
        ("5", pa.duration("s"), 5),
        ("10:00", pa.time32("s"), 36000),
        ("10:00:00.5", pa.time64("ns"), 36000_500_000_000),
        ("2013-01-01", pa.date64(), 1356998400000),
        ("2013-01-01 10:00+01:00", pa.timestamp("s", "UTC"), 1357030800),
    ],
)
def test_texts_of_given_types(text, type_, value):
    found = converted(pa.array([text, None]), type_)
    assert found == pa.array([value, None], type_)


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("300", pa.uint8()),
        ("1.5", pa.int64()),
        ("1.234", pa.decimal128(5, 2)),
        ("2013-02-30", pa.date32()),
        ("10:00:00.5", pa.time32("s")),
        ("2013-01-01 10:00", pa.timestamp("us", "UTC")),
        ("yes", pa.bool_()),
    ],
)
def test_texts_that_are_not_of_a_type(text, type_):
    with pytest.raises(pa.ArrowInvalid):
        converted(pa.array([text]), type_)


def test_a_text_that_does_not_fit_is_seen_early(monkeypatch):
    """No kind is tried with all values that does not hold the first ones."""
    tried = []

    def counted(texts, *more):
        tried.append(len(texts))
        return converted(texts, *more)

    monkeypatch.setattr(guessing, "converted", counted)
    assert guessed(["x"] * 10_000) == pa.string()
    assert sum(tried) == guessing.FEW * len(tried)
    tried.clear()
    assert guessed(["1"] * 9_999 + ["x"]) == pa.string()
    assert len([count for count in tried if count > guessing.FEW]) == 2
