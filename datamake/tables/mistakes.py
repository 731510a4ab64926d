"""What DuckDB says of a query → `TableError`, with the line of the query that it is about.

Knows nothing of what the query is for.
"""

from __future__ import annotations

import json
import re

from datamake.datafile.shapes import did_you_mean
from datamake.errors import EnvironmentFailed, shortened
from datamake.tables import TableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

WIDTH = 96
"""Characters of a line that are shown, at most."""
NOWHERE = 1 << 63
"""Places of a query from here on are none: DuckDB does not know where it was."""
MISSING = re.compile(r'(?:Values list|Table) ".*" does not have a column named "(.*)"')
"""What DuckDB says of `table.column`."""
COLUMNS = "SELECT DISTINCT column_name FROM duckdb_columns() WHERE NOT internal ORDER BY ALL"
ROWS, END = "FROM this WHERE (\n", "\n)"
"""What stands around a condition of the Datafile, where it is asked as a query."""
FULL = ("max_temp_directory_size", "No space left on device", "Disk quota exceeded")
"""What DuckDB says where what does not fit into memory does not fit on the disk either."""


def mistake(headline: str, sql: str, at: int, length: int = 0, hint: str = "") -> TableError:
    """An error at a place of a query: `at` and `length` are in bytes, as DuckDB counts.

    Length 0 is the word there.
    """
    return _about(sql, TableError(headline, shown(sql, at, length), hint))


def _about(sql: str, error: TableError) -> TableError:
    error.text = sql
    return error


def condition(text: str) -> str:
    """The query for the rows of `this` that a condition is true of; it may end in a comment."""
    return f"{ROWS}{text}{END}"


def shown(sql: str, at: int, length: int = 0) -> list[str]:
    """The line of a query that a place is in, with its number, and a line that points at it.

    Of a `condition` only what the Datafile has of it.
    """
    if sql.startswith(ROWS) and sql.endswith(END):
        sql, at = sql[len(ROWS) : -len(END)], at - len(ROWS)
        at = min(at, len(sql.encode()))
    data = sql.encode()
    if not 0 <= at <= len(data):
        return []
    start = len(data[:at].decode(errors="ignore"))
    wide = len(data[at : at + length].decode(errors="ignore")) or len(_word(sql[start:]))
    if start and start == len(sql.rstrip()):
        start, wide = start - 1, 1
    first = sql.rfind("\n", 0, start) + 1
    line = sql[first:].split("\n", 1)[0].rstrip().expandtabs(1)
    number = str(sql.count("\n", 0, start) + 1)
    left = max(start - first - WIDTH * 2 // 3, 0)
    if left:
        line = "..." + line[left + 3 :]
    wide = max(min(wide, len(line) - (start - first - left), WIDTH), 1)
    pointer = " " * (start - first - left) + "^" * wide
    bar = " " * len(number)
    return [f"{number} | {shortened(line, WIDTH)}", f"{bar} | {pointer[:WIDTH]}"]


def explained(
    error: BaseException,
    sql: str,
    shift: int = 0,
    *,
    place: bool = True,
    connection: Any = None,
) -> TableError:
    """What DuckDB says, in words of datamake. `shift`: bytes that it had before the query.

    `place`: whether it can be believed where it says that it is. The `connection` is asked which
    columns there are, where DuckDB does not say it. Raises as `message_of` does.
    """
    said = details(error, connection)
    message = message_of(error)
    kind = said.get("exception_type", "")
    if kind == "INTERRUPT":
        return TableError("interrupted")
    if kind == "Out of Memory":
        return TableError(
            "the query needs more memory than it may have",
            [shortened(message.splitlines()[0], 200)],
            "give the target more with `memory`, or ask for less at once",
        )
    at, length = _location(said)
    name = said.get("name", "")
    at -= shift
    here = sql.encode()[max(at, 0) :].decode(errors="ignore")
    here = here[:length] if length else _word(here)
    believed = place if not name else name.lower() in here.lower()
    facts = shown(sql, at, length) if believed and at >= 0 else []
    headline, hint = _worded(message, said)
    if name and believed and here.startswith('"') and not hint:
        hint = f"a text stands in single quotes: `'{name}'`"
    return _about(sql, TableError(headline, facts, hint))


def message_of(error: BaseException) -> str:
    """What DuckDB says. Raises EnvironmentFailed where it says that the disk is full."""
    message: str = details(error).get("exception_message") or str(error)
    if any(sign in message for sign in FULL):
        raise EnvironmentFailed(
            "the disk is full",
            [shortened(message.splitlines()[0], 200)],
            "make room for what does not fit into `memory`, or give the target more of that",
        ) from error
    return re.sub(r"^[\w ]+ Error: ", "", message)


def details(error: BaseException, connection: Any = None) -> dict[str, Any]:
    """What is in an error as JSON; of a column that is missing always which, and which there are."""
    _, brace, rest = str(error).partition("{")
    try:
        found = json.loads(brace + rest)
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    missing = MISSING.match(found.get("exception_message", ""))
    if missing is None:
        return found
    columns = [] if connection is None else connection.execute(COLUMNS).fetchall()
    there = ",".join(column for (column,) in columns)
    return {**found, "error_subtype": "COLUMN_NOT_FOUND", "name": missing[1], "candidates": there}


def _location(said: dict[str, Any]) -> tuple[int, int]:
    numbers = re.findall(r"\d+", said.get("location", "")) or [said.get("position", "")]
    if not numbers[0]:
        return -NOWHERE, 0
    return int(numbers[0]), int(numbers[1]) if len(numbers) > 1 else 0


def _word(text: str) -> str:
    """What a text begins with: a word, what is in quotes, or one character of another kind."""
    found = re.match(r"""'[^']*'|"[^"]*"|\w+|.""", text)
    return found[0] if found else " "


def _worded(message: str, said: dict[str, Any]) -> tuple[str, str]:
    """Headline and hint."""
    name = said.get("name", "")
    candidates = [each.strip() for each in said.get("candidates", "").split(",") if each.strip()]
    if said.get("error_subtype") == "COLUMN_NOT_FOUND" and name:
        columns = [each.rpartition(".")[2] for each in candidates]
        return f"there is no column `{name}`", did_you_mean(name.rpartition(".")[2], columns)
    if said.get("error_subtype") == "MISSING_ENTRY" and name:
        what = said.get("type", "entry").lower().removeprefix("scalar ")
        return f"there is no {what} `{name}`", did_you_mean(name, candidates)
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return worded(lines[0] if lines else message), ""


def worded(line: str) -> str:
    """A sentence of DuckDB as a headline: lower case, no full stop, backticks round literals."""
    line = re.sub(r"\"([^\"`]+)\"", r"`\1`", line.rstrip(".!"))
    first = line.split(" ", 1)[0]
    return line if first.isupper() and len(first) > 1 else line[:1].lower() + line[1:]
