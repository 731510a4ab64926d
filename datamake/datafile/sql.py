"""The text of SQL queries: tokens, a layout that blanks and comments don't change, literals.

Knows nothing of what a query means: that takes DuckDB.
"""

from __future__ import annotations

import re

from datamake.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

PIECES = re.compile(
    r"""
    (?P<blank>   \s+ )
  | (?P<comment> --[^\n\r]* | /\* )
  | (?P<text>    [eE]'(?:[^'\\]|\\.|'')*(?:'|$) | [xXbB]?'(?:[^']|'')*(?:'|$)
               | \$(?P<tag>(?:[^\W\d]\w*)?)\$.*?(?:\$(?P=tag)\$|$(?![\s\S])) )
  | (?P<name>    "(?:[^"]|"")*(?:"|$) )
  | (?P<word>    [^\W\d][\w$]* )
  | (?P<number>  (?:\d[\d_]*(?:\.(?!\.)[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?\w* )
  | (?P<operator> (?:(?!--|/\*)[-+*/<>=~!@\#%^&|`?:])+ )
  | (?P<mark>    . )
    """,
    re.VERBOSE | re.DOTALL,
)
COMMENTS = re.compile(r"/\*|\*/")
STRONG = re.compile(r"[~!@#%^&|`?]")
"""An operator ends in `+` or `-` only if it has one of these; else they are signs of their own."""

CLAUSES = frozenset(
    (
        *("SELECT", "FROM", "WHERE", "GROUP", "HAVING", "WINDOW", "QUALIFY", "ORDER"),
        *("LIMIT", "OFFSET", "UNION", "INTERSECT", "EXCEPT", "WITH", "VALUES", "PIVOT"),
        *("UNPIVOT", "USING"),
    )
)
JOINS = frozenset(
    (
        *("JOIN", "NATURAL", "INNER", "LEFT", "RIGHT", "FULL", "OUTER", "CROSS", "SEMI"),
        *("ANTI", "ASOF", "POSITIONAL"),
    )
)
QUERIES = frozenset(["SELECT", "FROM", "WITH", "VALUES", "PIVOT", "UNPIVOT", "TABLE"])
"""Words that a query in parentheses begins with."""
SPACED = frozenset(
    (
        *("ALL", "AND", "ANTI", "AS", "ASOF", "BETWEEN", "BY", "CASE", "CROSS", "DISTINCT"),
        *("ELSE", "EXCEPT", "EXCLUDE", "EXISTS", "FILTER", "FROM", "HAVING", "IN"),
        *("INTERSECT", "JOIN", "LIMIT", "MATERIALIZED", "NOT", "OFFSET", "ON", "OR", "OVER"),
        *("QUALIFY", "REPLACE", "SELECT", "THEN", "UNION", "USING", "VALUES", "WHEN"),
        *("WHERE", "WITH"),
    )
)
"""Words that a parenthesis stands apart from: they are no functions."""


@value
class Token:
    """One token. `kind`: text (a string), name (in double quotes), word, number, operator, mark."""

    kind: str
    text: str
    start: int
    broken: bool = False
    """Whether a line ends before it: then two strings are one."""

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.start + len(self.text)

    @property
    def upper(self) -> str:
        """A word as a keyword; other tokens as they are."""
        return self.text.upper() if self.kind == "word" else self.text


def tokens(sql: str) -> tuple[Token, ...]:
    """What a query consists of, without blanks and comments. Any text has tokens."""
    found = []
    broken = False
    for kind, start, end in _pieces(sql):
        text = sql[start:end]
        if kind in ("blank", "comment"):
            broken = broken or "\n" in text or "\r" in text or text.startswith("--")
            continue
        found.append(Token(kind, text, start, broken))
        broken = False
    return tuple(found)


def statements(sql: str) -> list[list[Token]]:
    """The tokens of each statement of a text, without the semicolons."""
    found: list[list[Token]] = [[]]
    for token in tokens(sql):
        if token.text == ";":
            found.append([])
        else:
            found[-1].append(token)
    return [each for each in found if each]


def quoted_spans(sql: str) -> tuple[tuple[int, int, str], ...]:
    """Where strings, quoted names and comments begin and end, and which of the three it is.

    `text`, `name` or `comment`.
    """
    return tuple(
        (start, end, kind)
        for kind, start, end in _pieces(sql)
        if kind in ("text", "name", "comment")
    )


def _pieces(sql: str) -> Iterator[tuple[str, int, int]]:
    at = 0
    while match := PIECES.match(sql, at):
        kind = match.lastgroup or "mark"
        end = match.end()
        if kind == "tag":
            kind = "text"
        if match[0] == "/*":
            end = _comment_end(sql, end)
        elif kind == "operator" and not STRONG.search(match[0]):
            end = at + (len(match[0].rstrip("+-")) or 1)
        yield kind, at, end
        at = end


def _comment_end(sql: str, at: int) -> int:
    """Where a comment ends that has begun before: comments may be in comments."""
    depth = 1
    for match in COMMENTS.finditer(sql, at):
        depth += 1 if match[0] == "/*" else -1
        if not depth:
            return match.end()
    return len(sql)


def plain(sql: str) -> str:
    """The same query without comments, in a layout of its own: one line for each clause.

    Two texts that are laid out alike mean the same. One with blanks that are no ASCII stays as it
    is: to DuckDB some of them are names.
    """
    if any(kind == "blank" and not sql[at:end].isascii() for kind, at, end in _pieces(sql)):
        return sql
    found = list(tokens(sql))
    while found and found[-1].text == ";":
        found.pop()
    parts: list[str] = []
    queries = [True]  # for each parenthesis that is open: whether it holds a query
    for at, token in enumerate(found):
        before = found[at - 1] if at else None
        after = found[at + 1] if at + 1 < len(found) else None
        if token.text in (")", "]", "}") and len(queries) > 1:
            queries.pop()
        if before is not None:
            depth = sum(queries) - 1
            clause = queries[-1] and _clause(found, at)
            parts.append("\n" + "  " * depth if clause else _between(before, token))
        parts.append(token.text)
        if token.text in ("(", "[", "{"):
            queries.append(token.text == "(" and after is not None and after.upper in QUERIES)
    return "".join(parts)


def _clause(found: Sequence[Token], at: int) -> bool:
    """Whether a clause begins at a token."""
    word, before = found[at].upper, found[at - 1].upper
    following = [token.upper for token in found[at + 1 : at + 4]]
    if found[at].kind != "word" or before in (".", "(", "AS"):
        return False
    if word in ("GROUP", "ORDER"):
        return following[:1] == ["BY"]
    if word in JOINS:
        chain = next(
            (each for each in [word, *following] if each == "JOIN" or each not in JOINS), ""
        )
        return chain == "JOIN" and before not in JOINS
    return word in CLAUSES and (word != "USING" or following[:1] != ["("])


def _between(before: Token, token: Token) -> str:
    if before.kind == token.kind == "text":
        return "\n" if token.broken else " "
    if token.text in (",", ";", ")", "]", "}") or before.text in ("(", "[", "{"):
        return ""
    named = ("word", "name")
    if token.text == "." or before.text == ".":
        other = before if token.text == "." else token
        return "" if other.kind in named or other.text == "*" else " "
    if "::" in (before.text, token.text):
        return " " if before.kind == token.kind else ""
    if token.text in ("(", "[") and before.kind in named and before.upper not in SPACED:
        return ""
    return " "


def identifier(name: str) -> str:
    """A name of a table or column as SQL has it, whatever it is."""
    return '"' + name.replace('"', '""') + '"'


def literal(content: Any) -> str:
    """A value of a param as SQL has it; a list is what `IN` takes. Raises ValueError for a table."""
    if content is None:
        return "NULL"
    if isinstance(content, bool):
        return "true" if content else "false"
    if isinstance(content, str):
        return _text(content)
    if isinstance(content, (int, float)):
        return _number(content)
    if hasattr(content, "isoformat"):
        return _moment(content)
    if isinstance(content, (list, tuple)):
        items = ", ".join(literal(item) for item in content)
        return f"({items})" if items else "(SELECT NULL WHERE false)"
    raise ValueError(f"SQL has no literal for a {type(content).__name__}")


def _text(content: str) -> str:
    """A string. SQL cannot hold a NUL, and is told to make it."""
    parts = ["'" + each.replace("'", "''") + "'" for each in content.split("\0")]
    return parts[0] if len(parts) == 1 else f"({' || chr(0) || '.join(parts)})"


def _number(content: float) -> str:
    text = repr(content)
    if text.lstrip("-") in ("inf", "nan"):
        return f"'{text}'::DOUBLE"
    return f"({text})" if text.startswith("-") else text  # after a minus it would be a comment


def _moment(content: Any) -> str:
    if not hasattr(content, "hour"):
        return f"DATE '{content.isoformat()}'"
    if not hasattr(content, "year"):
        return f"TIME '{content.isoformat()}'"
    kind = "TIMESTAMP" if content.tzinfo is None else "TIMESTAMPTZ"
    return f"{kind} '{content.isoformat(sep=' ')}'"
