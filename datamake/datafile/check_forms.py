"""The shapes of `schema`, `schema_mode` and `checks`: what must hold of a table.

Knows no columns: whether a table has one, and whether its values can be compared, is found out
with the table.
"""

from __future__ import annotations

import re

from datamake.datafile.forms import (
    COUNT,
    DURATION,
    SINGLE,
    TEXT,
    TRUE,
    choice,
    text_like,
    type_reason,
)
from datamake.datafile.shapes import Either, Key, ListOf, Record, Scalar, TableOf
from datamake.errors import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from datamake.datafile.shapes import Keys

OTHER_REGEX = re.compile(r"\\[1-9]|\(\?(?:<?[=!]|P=)")
"""What regular expressions have elsewhere, and RE2, which looks at no text twice, has not."""
SET = re.compile(r"\\\\|\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]")
"""A set of characters, or a backslash that is one: what looks like something else is not there."""


# Single values


def regex_reason(found: Any) -> str:
    """What is wrong with a regular expression, as far as can be told without RE2."""
    if type(found) is not str:
        return ""
    other = OTHER_REGEX.search(SET.sub("", found))
    if other is not None:
        return f" has `{other[0]}`, which regular expressions do not have here"
    try:
        re.compile(SET.sub(_plain_set, found))
    except re.error as error:
        if not error.msg.startswith("bad escape"):  # RE2 has further ones, as `\\pL`
            return f" is not a regular expression: {error.msg}"
    return ""


def _plain_set(found: re.Match[str]) -> str:
    """A set that means nothing more to Python: `[[:alpha:]]`, `[a[b]`."""
    inner = re.sub(r"\[:\^?\w+:\]", "a", found[0][1:-1])
    return found[0][0] + re.sub(r"(?<!\\)[\[&~|]", r"\\\g<0>", inner) + found[0][-1]


def reference_reason(found: Any) -> str:
    """What is wrong with `target.column`."""
    if type(found) is not str:
        return ""
    name, _, column = found.rpartition(".")
    return (
        "" if name and column else " must name a target or source and its column, as in `orders.id`"
    )


def between_reason(found: Any) -> str:
    """What is wrong with two limits."""
    if type(found) is not list or len(found) != 2 or not all(map(SINGLE.fits, found)):
        return ""
    low, high = found
    if any(isinstance(limit, bool) or limit != limit for limit in found):  # noqa: PLR0124 - NaN
        return " has a limit that is not in any order"
    if any(isinstance(limit, str) and "{" in limit for limit in found):
        return ""
    try:
        wrong = low > high
    except TypeError:
        return " has limits of two kinds"
    return " holds nothing: the first limit is above the second" if wrong else ""


def percent(text: str) -> float:
    """`"30%"` as 0.3."""
    return float(text.rstrip("%")) / 100


def is_percent(found: Any) -> bool:
    """A number of at most 9 digits before the point, and `%`."""
    return type(found) is str and re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?%", found) is not None


TYPE = text_like("a type like `int64 not null`", type_reason)
REGEX = text_like("a regular expression", regex_reason)
REFERENCE = text_like(
    "a text like `orders.id`", reference_reason, {"type": "string", "pattern": r".\.."}
)
LIMITS = Scalar(
    "a list of two values, the least and the greatest",
    lambda found: (
        type(found) is list
        and len(found) == 2
        and all(map(SINGLE.fits, found))
        and not between_reason(found)
    ),
    {"type": "array", "items": SINGLE.schema(), "minItems": 2, "maxItems": 2},
    between_reason,
)
PERCENT = Scalar(
    'a share like `"30%"`',
    is_percent,
    {"type": "string", "pattern": r"^[0-9]{1,9}(\.[0-9]{1,9})?%$"},
)
SQL = Scalar(
    "SQL",
    lambda found: type(found) is str and found.strip() != "",
    {"type": "string", "pattern": r"\S"},
)
SEVERITY = choice("error", "warn")
MODE = choice("exact", "subset")
COLUMNS = ListOf("a list of columns", TEXT, least=1)
VALUES = ListOf("a list of values", SINGLE, least=1)
UNIQUE = ListOf(
    "a list of columns, or of lists of them",
    Either("a column, or a list of them", TEXT, COLUMNS),
    1,
)
ROWS = Record(
    "a table with `min` or `max`",
    [Key("min", COUNT, "the least number of rows"), Key("max", COUNT, "the greatest")],
    extra={"minProperties": 1},
)


# What may be said of one column, and of a table


OF_VALUES = (
    Key("accepted", VALUES, "the values that there may be; null may always be", "", True),
    Key("between", LIMITS, "least and greatest value, both included; null may be", "", True),
    Key("matches", REGEX, "what is found in each value; null may be", "", True),
    Key(
        "references", REFERENCE, "the column that has each value; null refers to nothing", "", True
    ),
    Key("fresh", DURATION, "how old the newest value may be", "", True),
)
COLUMN = Record(
    "a type, or a table with `type`",
    [
        Key("type", TYPE, "what its values are", "", True, required=True),
        Key("description", TEXT, "for people"),
        Key("unique", TRUE, "no value is there twice; null may be"),
        Key("not_null", TRUE, "as ` not null` in the type, but as a check of its own"),
        *OF_VALUES,
    ],
)


def _by_column(key: Key) -> Key:
    shape = TableOf(f"a table from column to {key.shape.words}", key.shape, pattern="", least=1)
    return Key(key.name, shape, f"by column: {key.doc}", "", True)


KINDS = (
    Key("rows", ROWS, "how many rows there are"),
    Key("not_null", COLUMNS, "columns: the rows with a null in any of them are wrong", "", True),
    Key(
        "unique",
        UNIQUE,
        "keys: rows beyond the first of each are wrong; with a null, none",
        "",
        True,
    ),
    *map(_by_column, OF_VALUES),
    Key("volume", PERCENT, "how far the number of rows may be from the median of the last builds"),
    Key("sql", SQL, "a query on the view `this`: the rows that it returns are wrong", "", True),
)
KIND_NAMES = tuple(key.name for key in KINDS)
WITHOUT_WHERE = ("volume", "sql")


class OneKind(Record):
    """One check: a table with exactly one of the kinds."""

    def fits(self, found: Any) -> bool:
        """Whether it is of one kind, and right."""
        return super().fits(found) and not any(self.odd(found, ()))

    def faults(self, found: Any, keys: Keys) -> Iterator[Problem]:
        """Those of the keys, and of their number."""
        yield from super().faults(found, keys)
        if isinstance(found, dict):
            yield from self.odd(found, keys)

    def odd(self, found: Mapping[str, Any], keys: Keys) -> Iterator[Problem]:
        """What is wrong with the keys together; unknown ones are told of already."""
        kinds = [name for name in KIND_NAMES if name in found]
        if len(kinds) > 1:
            both = " and ".join(f"`{kind}`" for kind in kinds)
            fact = "each table of `checks` is one check"
            yield Problem(f"a check has {both}", keys=(*keys, kinds[-1]), facts=(fact,))
        elif not kinds and found.keys() <= self.shapes.keys():
            known = ", ".join(f"`{kind}`" for kind in KIND_NAMES)
            yield Problem(
                "a check needs to say what it checks", keys=keys, facts=(f"one of: {known}",)
            )
        elif kinds and "where" in found and kinds[0] in WITHOUT_WHERE:
            hint = "write it into the query" if kinds[0] == "sql" else ""
            message = f"`where` does not work with `{kinds[0]}`"
            yield Problem(message, keys=(*keys, "where"), hint=hint)


CHECK = OneKind(
    "a table",
    [
        *KINDS,
        Key("name", TEXT, "what it is called in messages", "kind and columns"),
        Key("severity", SEVERITY, "whether it fails the target, or is told", "`error`"),
        Key("where", SQL, "SQL: only the rows for which it is true are checked", "all rows", True),
    ],
    extra={"oneOf": [{"required": [kind]} for kind in KIND_NAMES]},
)
SCHEMA = TableOf(
    "a table of columns", Either("a type, or a table with `type`", TYPE, COLUMN), "", least=1
)
CHECKS = ListOf("a list of tables, each one check", CHECK)
KEYS = (
    Key("schema", SCHEMA, "its columns: the type of each, or a table", "", True),
    Key("schema_mode", MODE, "`subset` allows further columns", "`exact`"),
    Key("checks", CHECKS, "what must hold of its rows", "`[]`", True),
)
