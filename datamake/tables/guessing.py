"""The type of a column of texts, from all of its values.

Knows no files. What is found does not depend on how the values are cut into arrays: each array adds
the kinds of text that it has, and kinds once seen stay.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from datamake.tables.conversion import converted

TYPES = {
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "zoned": pa.timestamp("us", "UTC"),
    "time": pa.time64("us"),
}
"""Kinds of text, in the order in which they are tried."""

UNIONS = (
    ({"int", "wide"}, "int"),
    ({"int", "float"}, "float"),
    ({"bool"}, "bool"),
    ({"date"}, "date"),
    ({"date", "timestamp"}, "timestamp"),
    ({"zoned"}, "zoned"),
    ({"time"}, "time"),
)
"""Kinds that go together, and as what."""

FEW = 100
"""Values that are tried before all are."""

EXACT = 1 << 53
"""Below it every whole number is a float64."""


class TextGuess:
    """What the texts of one column have been so far."""

    def __init__(self, decimal: str = ".") -> None:
        self.decimal = decimal
        self.seen: set[str] = set()
        self.last = "int"

    @property
    def settled(self) -> bool:
        """Whether it is a string, whatever comes."""
        return bool(self.seen) and not any(self.seen <= kinds for kinds, _ in UNIONS)

    @property
    def type(self) -> pa.DataType:
        """The narrowest type of all texts: a string where there are none."""
        for kinds, kind in UNIONS:
            if self.seen and self.seen <= kinds:
                return TYPES[kind]
        return pa.string()

    def look(self, texts: pa.Array) -> None:
        """Take in the kinds of an array of strings."""
        if self.settled or texts.null_count == len(texts):
            return
        for kind in dict.fromkeys((self.last, *TYPES)):
            found = self.kinds(texts, kind)
            if found:
                self.last = kind
                self.seen |= found
                return
        self.seen.add("text")

    def kinds(self, texts: pa.Array, kind: str) -> set[str]:
        """`kind`, with "wide" for whole numbers that a float cannot hold; nothing if it is not."""
        if kind == "bool" and not _all(pc.match_substring_regex(_words(texts), BOOL), texts):
            return set()
        try:
            for some in (texts.slice(0, FEW), texts):  # Arrow words an error for each wrong value
                values = converted(some, TYPES[kind], self.decimal)
        except pa.ArrowInvalid:
            return set()
        if kind == "int":
            if any(pc.any(pc.match_substring(texts, mark)).as_py() for mark in "xX"):
                return set()  # `0x1F` is a number to Arrow, and to nobody who reads a table
            ends = pc.min_max(values)
            wide = ends["min"].as_py() <= -EXACT or ends["max"].as_py() >= EXACT
            return {kind, "wide"} if wide else {kind}
        if kind == "float":
            return {kind, "wide"} if self.wide(texts, values) else {kind}
        return {kind}

    def wide(self, texts: pa.Array, values: pa.Array) -> bool:
        """Whether some of the texts are whole numbers that lose digits as floats."""
        large = pc.greater_equal(pc.abs(values), pa.scalar(float(EXACT)))
        if not pc.any(large).as_py():
            return False
        whole = pc.match_substring_regex(texts, r"^\s*[+-]?[0-9]+\s*$")
        return bool(pc.any(pc.and_(large, whole)).as_py())


BOOL = "^(true|false)$"


def _words(texts: pa.Array) -> pa.Array:
    return pc.utf8_lower(pc.utf8_trim_whitespace(texts))


def _all(true: pa.Array, texts: pa.Array) -> bool:
    return bool(pc.all(pc.or_(true, pc.is_null(texts))).as_py())
