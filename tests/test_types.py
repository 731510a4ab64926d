"""The types of columns as people write them."""

from __future__ import annotations

import pytest
from drawn_tables import types as drawn_types
from hypothesis import given

from datamake.datafile.types import DEPTH, Type, parsed


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("int64", "int64"),
        (" double ", "float64"),
        ("float not  null", "float32 not null"),
        ("timestamp[ us ]", "timestamp[us]"),
        ("timestamp[us,UTC]", "timestamp[us, UTC]"),
        ("timestamp[ns, +02:00]", "timestamp[ns, +02:00]"),
        ("timestamp[s, America/Port-au-Prince]", "timestamp[s, America/Port-au-Prince]"),
        ("decimal(12,2)", "decimal(12, 2)"),
        ("decimal(5, -2)", "decimal(5, -2)"),
        ("time[us]", "time"),
        ("time[s]", "time[s]"),
        ("binary[16]", "binary[16]"),
        ("list<string not null>[3] not null", "list<string not null>[3] not null"),
        ("struct< a :int8,\nb_1: list<date>>", "struct<a: int8, b_1: list<date>>"),
        ('struct<"a b": int8, "say ""x""": bool>', 'struct<"a b": int8, "say ""x""": bool>'),
        ('struct<"a": int8, größe: bool>', "struct<a: int8, größe: bool>"),
        ("struct<>", "struct<>"),
        ("map<string not null, int64 not null>", "map<string, int64 not null>"),
    ],
)
def test_types_have_one_canonical_text(text, canonical):
    """What means the same is written the same, and read again."""
    assert str(parsed(text)) == canonical
    assert parsed(canonical) == parsed(text)


def test_a_type_is_a_tree():
    assert parsed("list<decimal(12, 2) not null>") == Type(
        "list", (), (("", Type("decimal", (12, 2), (), nullable=False)),)
    )


@given(drawn_types(depth=3))
def test_every_type_can_be_written_and_read(text):
    assert parsed(str(parsed(text))) == parsed(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "`` ends before a type"),
        ("int46", "`int46` is not a type; did you mean `int64`?"),
        ("INT64", "`INT64` is not a type; did you mean `int64`?"),
        ("varchar", "`varchar` is not a type; did you mean `string`?"),
        ("datetime", "`datetime` is not a type; did you mean `timestamp[us]`?"),
        ("integr", "`integr` is not a type; did you mean `int64`?"),
        ("elephant", "`elephant` is not a type"),
        ("timestamp", "`timestamp` needs a unit, as in `timestamp[us]`"),
        ("timestamp[m]", "`timestamp[m]` needs a unit: `s`, `ms`, `us` or `ns`"),
        (
            "timestamp[us, ]",
            "`timestamp[us, ]` needs a time zone after the comma, as in `timestamp[us, UTC]`",
        ),
        (
            "timestamp[us, tz=UTC]",
            "`timestamp[us, tz=UTC]` needs a `]` after the zone, and has `=UTC]`",
        ),
        ("decimal", "`decimal` needs precision and scale, as in `decimal(12, 2)`"),
        ("decimal(99, 2)", "`decimal(99, 2)` has a precision that is not between 1 and 76"),
        ("list", "`list` needs the types in it, as in `list<int64>`"),
        ("list<int64", "`list<int64` needs a `>` after the type of the items, and has the end"),
        ("list<>", "`list<>` needs a type before `>`"),
        (
            "list<txet>",
            "`list<txet>` has `txet`, which is not a type; did you mean `string`?",
        ),
        (
            "map<string>",
            "`map<string>` needs a `,` between the types of keys and values, and has `>`",
        ),
        (
            "struct<a int64>",
            "`struct<a int64>` needs a `:` after the field `a`, and has `int64>`",
        ),
        (
            "struct<a: int64 b>",
            "`struct<a: int64 b>` needs a `,` or a `>` after a field, and has `b>`",
        ),
        ("list<null not null>", "`list<null not null>` has `null not null`, which nothing is"),
        ("int64 null", "`int64 null` goes on after the type, with `null`"),
        ("int64 not nullable", "`int64 not nullable` goes on after the type, with `not nullable`"),
    ],
)
def test_what_is_no_type(text, message):
    """The message says what is wrong, and what was probably meant."""
    with pytest.raises(ValueError, match=r".") as caught:
        parsed(text)
    assert str(caught.value) == message


def test_types_are_not_nested_without_end():
    text = "list<" * DEPTH + "int8" + ">" * DEPTH
    with pytest.raises(ValueError, match="is nested more than 64 deep"):
        parsed(text)
