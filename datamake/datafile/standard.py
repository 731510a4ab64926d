"""`standardize`: what a table is brought to, its shape in a Datafile and its value.

Knows no data. Placeholders are filled in before a `Standard` is made.
"""

from __future__ import annotations

import re

from datamake.datafile.forms import (
    ENCODING,
    FLAG,
    LOCATION,
    SINGLE,
    TEXT,
    TEXTS,
    ZONE,
    choice,
    text_like,
    type_reason,
)
from datamake.datafile.shapes import Either, Key, ListOf, Record, Scalar, TableOf, did_you_mean
from datamake.datafile.types import Type, parsed
from datamake.errors import Problem
from datamake.formats import FORMATS
from datamake.values import NOTHING, replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping
    from typing import Any

# Shapes


def directive_reason(found: Any) -> str:
    """The rest of a message for a text that is no format of dates and times."""
    if type(found) is not str or "{" in found:
        return ""
    for known in re.findall("(?s)%(.?)", found):
        if known not in DIRECTIVES:
            known_ones = " ".join(f"%{each}" for each in DIRECTIVES)
            return f" has `%{known}`, which is none of {known_ones}"
    return ""


DIRECTIVES = {
    "Y": "year, four digits",
    "y": "year, two digits: 69 is 1969, 68 is 2068",
    "m": "month",
    "b": "month in English, `Jan`",
    "B": "month in English, `January`",
    "d": "day",
    "a": "day of the week in English, `Mon`; passed over",
    "A": "day of the week in English, `Monday`; passed over",
    "H": "hour, 0 to 23",
    "I": "hour, 1 to 12, with `%p`",
    "p": "`AM` or `PM`",
    "M": "minute",
    "S": "second",
    "f": "fraction of a second, up to nine digits",
    "z": "offset from UTC: `+0100`, `+01:00`, `Z`",
    "F": "`%Y-%m-%d`",
    "T": "`%H:%M:%S`",
    "%": "a percent sign",
}
"""What may follow a `%` in the format of a date or time → what it is."""

TYPE = text_like('a type like `"int64"`', type_reason)
TIME_FORMAT = text_like('a format like `"%d.%m.%Y %H:%M"`', directive_reason)
MARK = Scalar(
    "one character",
    lambda found: type(found) is str and len(found) == 1 and found.isascii(),
    {"type": "string", "minLength": 1, "maxLength": 1},
)
QUOTE = Scalar(
    'one character, or `""` for none',
    lambda found: type(found) is str and len(found) <= 1 and found.isascii(),
    {"type": "string", "maxLength": 1},
)
FORMAT = choice(*FORMATS)
NULL = TEXTS
READ = Record(
    "a table with `delimiter`, `quote`, `encoding`, `decimal`, `header`",
    [
        Key("delimiter", MARK, "what is between the columns of CSV", '`","`, of TSV a tab', True),
        Key("quote", QUOTE, "what values may be put in", '`"\\""`', True),
        Key("encoding", ENCODING, "how the text is encoded", '`"utf-8"`', True),
        Key("decimal", MARK, "the decimal sign of numbers", '`"."`', True),
        Key("header", FLAG, "whether the first row has the names", "`true`, else `f0`, `f1` ..."),
    ],
)
COLUMN_TABLE = Record(
    'a type like `"int64"`, or a table',
    [
        Key("from", TEXT, "the column that it is made of", "its own name", True),
        Key(
            "type",
            TYPE,
            "what it is brought to",
            "as it is read; with `map` a string; of a `value` its own",
            True,
        ),
        Key("fill", SINGLE, "what takes the place of null", "", True),
        Key("trim", FLAG, "whether blanks around texts are cut off", "`false`"),
        Key(
            "map",
            TableOf("a table of texts and values", SINGLE, pattern=""),
            "texts → what they become; others stay",
            "",
            True,
        ),
        Key("format", TIME_FORMAT, "how the texts say dates and times", "ISO 8601", True),
        Key("tz", ZONE, "the time zone of times that say none", "", True),
        Key("value", SINGLE, "what it holds in all rows", "", True),
    ],
)
COLUMN = Either('a type like `"int64"`, or a table', TYPE, COLUMN_TABLE)
STANDARDIZE = Record(
    "a table",
    [
        Key(
            "columns",
            TableOf("a table of columns", COLUMN, pattern=r"[\s\S]", rule="a column has a name"),
            "the output columns: a type, or a table",
            "`{}`",
            True,
        ),
        Key(
            "others",
            choice("keep", "drop", "fail"),
            "columns that are not named there: kept as they are read, after the named ones, "
            "dropped, or an error",
            '`"keep"`',
        ),
        Key("null", NULL, "texts that mean null", 'of CSV and TSV `[""]`, of others none', True),
        Key("read", READ, "how text files are read", "", True),
        Key("filter", TEXT, "SQL over the output columns: the rows that stay", "all", True),
        Key(
            "drop_duplicates",
            Either("`true`, `false` or a list of columns", FLAG, ListOf("a list", TEXT, least=1)),
            "columns of which only the first row of each value stays; `true`: all",
            "`false`",
            True,
        ),
        Key(
            "sort_by", TEXTS, "columns to sort by, `-` before one: downwards, nulls last", "", True
        ),
        Key(
            "on_error",
            choice("fail", "quarantine"),
            "what becomes of a row with a value that is wrong: an error, or it goes to `rejects`",
            '`"fail"`',
        ),
        Key(
            "rejects",
            LOCATION,
            "where rows in quarantine go",
            "`build/rejects/NAME.parquet`",
            True,
        ),
    ],
)


# Values


@value
class Column:
    """One output column. `type` is None where it is as read; `source` is None for a `constant`.

    The texts of `map` are what values become before they are of the type; `fill` and `constant`
    are values of TOML.
    """

    name: str
    source: str | None = None
    type: Type | None = None
    fill: Any = None
    trim: bool = False
    map: Mapping[str, Any] = NOTHING
    format: str = ""
    tz: str = ""
    constant: Any = None


@value
class Standard:
    """What several files are brought to. `null` is None for what the formats have by themselves.

    `distinct` are the columns of `drop_duplicates`, `all_distinct` says that it is all of them.
    """

    columns: tuple[Column, ...] = ()
    others: str = "keep"
    null: tuple[str, ...] | None = None
    read: Mapping[str, Any] = NOTHING
    filter: str = ""
    distinct: tuple[str, ...] = ()
    all_distinct: bool = False
    sort_by: tuple[str, ...] = ()
    quarantine: bool = False

    @property
    def reads(self) -> frozenset[str] | None:
        """The input columns that count, None: all."""
        if self.others != "drop":
            return None
        return frozenset(each.source for each in self.columns if each.source is not None)

    @property
    def engine(self) -> bool:
        """Whether it takes DuckDB."""
        return bool(self.filter or self.distinct or self.all_distinct or self.sort_by)


def standard(table: Mapping[str, Any]) -> Standard:
    """What a table that has no faults says, its placeholders filled. Raises ValueError."""
    distinct = table.get("drop_duplicates", False)
    null = table.get("null")
    return Standard(
        tuple(column(name, found) for name, found in table.get("columns", {}).items()),
        table.get("others", "keep"),
        None if null is None else tuple(null),
        dict(table.get("read", {})),
        table.get("filter", "").strip(),
        tuple(distinct) if isinstance(distinct, list) else (),
        distinct is True,
        tuple(table.get("sort_by", ())),
        table.get("on_error") == "quarantine",
    )


def column(name: str, found: str | Mapping[str, Any]) -> Column:
    """One column of `columns`. Raises ValueError for a type that is none."""
    if isinstance(found, str):
        return Column(name, name, parsed(found))
    return Column(
        name,
        None if "value" in found else found.get("from", name),
        parsed(found["type"]) if "type" in found else None,
        found.get("fill"),
        found.get("trim", False),
        dict(found.get("map", {})),
        found.get("format", ""),
        found.get("tz", ""),
        found.get("value"),
    )


def text_of(found: Standard) -> str:
    """What counts of it, a line for each thing: equal texts are one and the same standard."""
    lines = [f"column {each.name!r}: {_column_text(each)}" for each in found.columns]
    if found.others != "keep":
        lines.append(f"others: {found.others}")
    if found.null is not None:
        lines.append(f"null: {_said(sorted(set(found.null)))}")
    lines += [f"read.{key}: {found.read[key]!r}" for key in sorted(found.read)]
    if found.filter:
        lines.append(f"filter: {found.filter}")
    if found.all_distinct:
        lines.append("drop_duplicates: all columns")
    elif found.distinct:
        lines.append(f"drop_duplicates: {_said(sorted(set(found.distinct)))}")
    if found.sort_by:
        lines.append(f"sort_by: {_said(found.sort_by)}")
    if found.quarantine:
        lines.append("on_error: quarantine")
    return "\n".join(lines)


def _column_text(each: Column) -> str:
    parts = ["as read" if each.type is None else str(each.type)]
    if each.constant is not None:
        parts = [*([] if each.type is None else parts), f"value {spoken(each.constant)}"]
    elif each.source != each.name:
        parts.append(f"from {each.source!r}")
    parts += ["trim"] if each.trim else []
    parts += [f"map {key!r} {spoken(each.map[key])}" for key in sorted(each.map)]
    parts += [f"format {each.format!r}"] if each.format else []
    parts += [f"tz {each.tz}"] if each.tz else []
    parts += [f"fill {spoken(each.fill)}"] if each.fill is not None else []
    return ", ".join(parts)


def _said(texts: Iterable[str]) -> str:
    return ", ".join(map(repr, texts))


def spoken(found: Any) -> str:
    """A value of TOML, such that equal texts are equal values."""
    if isinstance(found, bool):
        return "true" if found else "false"
    return repr(found) if isinstance(found, (str, int, float)) else found.isoformat()


# Faults beyond the shape of each key


def sorting(text: str, columns: Container[str]) -> str:
    """The hint where `sort_by` says a direction as SQL does, or `""`."""
    column, _, direction = text.partition(" ")
    sign = {"asc": "", "desc": "-"}.get(direction.strip().lower())
    return f"`{sign}{column}` says that" if sign is not None and column in columns else ""


def faults(table: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with a table of the right shape; texts with placeholders are passed over.

    Keys of the problems are relative to the table.
    """
    columns = table.get("columns", {})
    for name, found in columns.items():
        if isinstance(found, dict):
            for problem in _column_faults(name, found):
                yield replace(problem, keys=("columns", name, *problem.keys))
    if table.get("others", "keep") != "keep":
        for key in ("drop_duplicates", "sort_by"):
            named = table.get(key)
            for at, text in enumerate(named if isinstance(named, list) else ()):
                name = text.removeprefix("-") if key == "sort_by" else text
                if "{" not in text and name not in columns and text not in columns:
                    yield Problem(
                        f"`{key}` has `{name}`, which is no output column",
                        keys=(key, at),
                        hint=sorting(name, columns) or did_you_mean(name, columns),
                    )
    if "rejects" in table and table.get("on_error") != "quarantine":
        hint = 'say `on_error = "quarantine"`'
        yield Problem("`rejects` takes rows only in quarantine", keys=("rejects",), hint=hint)


def _column_faults(name: str, found: Mapping[str, Any]) -> Iterator[Problem]:
    if "value" in found:
        for key in ("from", "fill", "trim", "map", "format", "tz"):
            if key in found:
                message = f"column `{name}` has both `value` and `{key}`"
                yield Problem(message, keys=(key,))
    text = found.get("type", "")
    if "{" in text:
        return
    type_ = parsed(text) if text else None
    family = type_.name if type_ else ""
    if "tz" in found and not (family == "timestamp" and type_ and len(type_.arguments) == 2):
        hint = "as in `timestamp[us, UTC]`"
        yield Problem(f"column `{name}`: `tz` needs a type with a zone", keys=("tz",), hint=hint)
    if "format" in found:
        yield from _format_faults(name, found, type_)


def _format_faults(name: str, found: Mapping[str, Any], type_: Type | None) -> Iterator[Problem]:
    family = type_.name if type_ else ""
    if family not in ("date", "timestamp", "time"):
        message = f"column `{name}`: `format` needs a type of dates or times"
        yield Problem(message, keys=("format",), hint="as in `date` or `timestamp[us]`")
        return
    text = found["format"]
    if "{" in text:
        return
    said = directives(text)
    twice = [each for each in said if said.count(each) > 1]
    if twice:
        message = f"column `{name}`: `format` has `%{twice[0]}` more than once"
        yield Problem(message, keys=("format",))
    for wanted in (("H", "I"),) if family == "time" else (("Y", "y"),):
        if not {*wanted} & {*said}:
            message = f"column `{name}`: `format` has no `%{wanted[0]}`"
            yield Problem(message, keys=("format",), facts=(f"the type is `{type_}`",))
    if "I" in said and "p" not in said:
        yield Problem(f"column `{name}`: `format` has `%I` and no `%p`", keys=("format",))
    zoned = family == "timestamp" and type_ is not None and len(type_.arguments) == 2
    if zoned and "z" not in said and "tz" not in found:
        message = f"column `{name}`: nothing says the time zone of its texts"
        yield Problem(message, keys=("format",), hint='say it, as in `tz = "UTC"`')
    if "z" in said and ("tz" in found or not zoned):
        what = "`tz`" if "tz" in found else f"the type `{type_}`"
        message = f"column `{name}`: `%z` in `format` does not go with {what}"
        yield Problem(message, keys=("format",))


def directives(text: str) -> list[str]:
    """The letters after `%` in a format, those that stand for several taken apart."""
    whole = text.replace("%%", "").replace("%F", "%Y-%m-%d").replace("%T", "%H:%M:%S")
    return re.findall("%(.)", whole)
