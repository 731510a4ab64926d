"""The shapes of the values that a Datafile's keys take.

Knows syntax, not meanings: whether an input exists is found out later.
"""

from __future__ import annotations

import re

from datamake.datafile.known import encoding_reason, zone_reason
from datamake.datafile.placeholders import BUILT_IN
from datamake.datafile.shapes import (
    Either,
    Key,
    ListOf,
    Record,
    Scalar,
    TableOf,
)
from datamake.datafile.units import seconds, size
from datamake.values import NOTHING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

VARIABLE_NAME = "^[A-Za-z_][A-Za-z0-9_]*$"
VARIABLE_RULE = "names of variables are letters, digits and `_`, and begin with no digit"


# Single values


def is_text(found: Any) -> bool:
    """Any string."""
    return type(found) is str


def is_location(found: Any) -> bool:
    """A path or URL as far as can be told without looking."""
    return type(found) is str and found != "" and "\0" not in found


def is_path(found: Any) -> bool:
    """The same without URLs."""
    return is_location(found) and "://" not in found


def path_reason(found: Any) -> str:
    """The rest of a message for a string that is no path."""
    if not isinstance(found, str):
        return ""
    if "\0" in found:
        return " holds a NUL character"
    return " is a URL, and only a path works here" if found else " is empty"


def whole_number(words: str, least: int | None = None) -> Scalar:
    """The shape of an int, at least `least`."""
    limit = {} if least is None else {"minimum": least}
    return Scalar(
        words,
        lambda found: type(found) is int and (least is None or found >= least),
        {"type": "integer", **limit},
    )


def measured(words: str, amount: Callable[[Any], float], example: str) -> Scalar:
    """The shape of a duration or size: a number, or a text that `amount` reads."""

    def reason(found: Any) -> str:
        if type(found) not in (str, int, float):
            return ""
        try:
            amount(found)
        except ValueError as error:
            return "" if isinstance(found, str) and "{" in found else f": {error}"
        return ""

    return Scalar(
        words,
        lambda found: type(found) in (str, int, float) and not reason(found),
        {"type": ["string", "number"], "minimum": 0, "examples": [example]},
        reason,
    )


def text_like(
    words: str, reason: Callable[[Any], str], schema: Mapping[str, Any] | None = None
) -> Scalar:
    """The shape of a text that `reason` finds nothing wrong with: the rest of a message, or `""`."""

    def right(found: Any) -> bool:
        return type(found) is str and not reason(found)

    return Scalar(words, right, STRING if schema is None else schema, reason)


def type_reason(found: Any) -> str:
    """What is wrong with the text of a type; what has placeholders is not known yet."""
    from datamake.datafile.types import parsed

    if type(found) is not str or "{" in found:
        return ""
    try:
        zones = parsed(found).zones()
    except ValueError as error:
        return f": {error}"
    return next(filter(None, map(zone_reason, zones)), "")


def choice(*words: str) -> Scalar:
    """The shape of one of a few words."""
    *others, last = (f"`{word}`" for word in words)
    return Scalar(
        f"{', '.join(others)} or {last}" if others else last,
        lambda found: type(found) is str and found in words,
        {"enum": list(words)},
    )


def is_function(found: Any) -> bool:
    """`module:function`, or what placeholders make of it."""
    if type(found) is not str:
        return False
    module, colon, function = found.partition(":")
    if "{" in found:
        return True
    names = [*module.split("."), *function.split(".")]
    return bool(colon) and all(name.isidentifier() for name in names)


def is_variable_name(found: Any) -> bool:
    """What a shell takes for the name of a variable."""
    return type(found) is str and re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", found) is not None


def is_single(found: Any) -> bool:
    """Neither a list nor a table."""
    return not isinstance(found, (dict, list))


def is_param(found: Any) -> bool:
    """`{params.NAME}`, and nothing else."""
    return type(found) is str and re.fullmatch(r"\{params\.[^{}:]+\}", found) is not None


def is_date(found: Any) -> bool:
    """A date of TOML, or a text that begins like an ISO date."""
    if hasattr(found, "year"):
        return True
    dated = r"\d{4}(-\d\d(-\d\d([T ]\d\d\S*)?)?)?|.*\{.*"
    return type(found) is str and re.fullmatch(dated, found) is not None


STRING = {"type": "string"}
TEXT = Scalar("a string", is_text, STRING)
FLAG = Scalar("`true` or `false`", lambda found: type(found) is bool, {"type": "boolean"})
PATH = Scalar("a path", is_path, {"type": "string", "minLength": 1}, path_reason)
LOCATION = Scalar("a path or URL", is_location, {"type": "string", "minLength": 1}, path_reason)
TEXTS = ListOf("a list of strings", TEXT)
PATHS = ListOf("a list of paths", PATH)
DURATION = measured('a duration like `"30m"`, or a number of seconds', seconds, "30m")
SIZE = measured('a size like `"8GB"`, or a number of bytes', size, "8GB")
SINGLE = Scalar(
    "a string, number, boolean or date", is_single, {"type": ["string", "number", "boolean"]}
)
DEEPEST = 100
"""How deep params may be nested: what goes through them calls itself."""


def is_shallow(found: object) -> bool:
    """Nested no deeper than it may be."""
    level = [found]
    for _ in range(DEEPEST):
        tables = [inner for outer in level if isinstance(outer, dict) for inner in outer.values()]
        lists = [inner for outer in level if isinstance(outer, list) for inner in outer]
        level = tables + lists
        if not level:
            return True
    return False


ANYTHING = Scalar(f"a value, nested at most {DEEPEST} deep", is_shallow, {})
VARIABLE = Scalar(
    "the name of an environment variable",
    is_variable_name,
    {"type": "string", "pattern": VARIABLE_NAME},
)
VARIABLES = ListOf("a list of names of environment variables", VARIABLE)


COUNT = whole_number("a whole number, at least 0", 0)
SHARE = whole_number("a whole number, at least 1", 1)
ZONE = text_like("a time zone", zone_reason)
ENCODING = text_like("an encoding", encoding_reason)
NUMBER = whole_number("a whole number")
SCRIPT = Scalar(
    "a shell script",
    lambda found: type(found) is str and found.strip() != "",
    {"type": "string", "pattern": r"\S"},
)
QUERY = Scalar(
    "a query",
    lambda found: type(found) is str and found.strip() != "",
    {"type": "string", "pattern": r"\S"},
)
FUNCTION = Scalar("`module:function`", is_function, {"type": "string", "pattern": ":"})
TRUE = Scalar("`true`", lambda found: found is True, {"const": True})


# Lists and tables


COMMAND = ListOf("a list of strings", TEXT, least=1)

DATABASE = Record(
    "a table with `uri` and `sql`",
    [
        Key("uri", LOCATION, "the database: `postgresql://...` or `sqlite:...`", "", True, True),
        Key("sql", QUERY, "the query", "", True, True),
        Key("version", QUERY, "a query whose answer tells whether the data has changed", "", True),
    ],
)
FRESHNESS = Record(
    "a table with `warn_after` or `error_after`",
    [
        Key("warn_after", DURATION, "older data is warned of", placeholders=True),
        Key("error_after", DURATION, "older data is an error", placeholders=True),
        Key("column", TEXT, "whose greatest value is the age of the data", "when it was modified"),
    ],
    NOTHING,
    {"minProperties": 1},
)

STEP = Scalar(
    "a step like `1h`, `1d`, `1w`, `1mo` or `1y`",
    lambda found: (
        type(found) is str and re.fullmatch("[1-9][0-9]{0,5}(h|d|w|mo|y)", found) is not None
    ),
    {"type": "string", "pattern": "^[1-9][0-9]{0,5}(h|d|w|mo|y)$"},
)

DATE = Scalar("a date", is_date, STRING)
DATES = Record(
    "a table with `from`, `to` and `every`",
    [
        Key("from", DATE, "the first", required=True),
        Key("to", DATE, "the last", "the last complete period"),
        Key("every", STEP, "the step", "`1d`"),
    ],
)

PARAM = Scalar(
    '`"{params.NAME}"`', is_param, {"type": "string", "pattern": r"^\{params\.[^{}:]+\}$"}
)

ROW = TableOf("a table of variables", SINGLE, taken=BUILT_IN, least=1)

FOREACH = Either(
    "a table of variables, a list of tables, or a string",
    LOCATION,
    TableOf(
        "a table of variables",
        Either(
            'a list, `"{params.NAME}"` or a table with `from`, `to`, `every`',
            PARAM,
            ListOf("a list of single values", SINGLE),
            DATES,
        ),
        taken=BUILT_IN,
        least=1,
    ),
    ListOf("a list of tables", ROW),
)

OUTPUTS = Either(
    "a list of paths and URLs, or a table that names them",
    ListOf("a list of paths and URLs", LOCATION, least=1),
    TableOf("a table of paths and URLs", LOCATION, least=1),
)
EXCLUDE = ListOf("a list of tables", TableOf("a table of variables", SINGLE, least=1))
STORAGE = TableOf(
    "a table of the beginnings of URLs",
    TableOf("a table of options", ANYTHING, pattern="."),
    pattern=r"^[A-Za-z][A-Za-z0-9+.-]*://",
    rule="it is the beginning of URLs, with `://`",
)
ENV = Either(
    "a list of names, or a table of strings",
    VARIABLES,
    TableOf("a table of strings", TEXT, pattern=VARIABLE_NAME, rule=VARIABLE_RULE),
)
POOL = Either(
    "the name of a pool, or a table of numbers",
    TEXT,
    TableOf("a table of numbers", SHARE, least=1),
)
SWITCH = Either('`true`, `false` or `"{params.NAME}"`', FLAG, PARAM)
INCLUDE = Either(
    "a list of folders, Datafiles and globs, or a table from name space to folder",
    PATHS,
    TableOf("a table from name space to folder", PATH),
)
LINK = choice("reflink", "copy")
LOCAL = choice("local")
