"""A query → what DuckDB's parser makes of it, with the macros that it uses.

Knows nothing of what tables there are, and runs nothing.
"""

from __future__ import annotations

import atexit
import json
from functools import lru_cache
from itertools import zip_longest
from threading import Lock

from datamake.datafile.sql import Token, statements, tokens
from datamake.tables import TableError
from datamake.tables.engine import duckdb
from datamake.tables.mistakes import NOWHERE, explained, mistake
from datamake.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

READS = "a query begins with SELECT, FROM, WITH, VALUES or PIVOT, and changes nothing"
PREFIX = "SELECT "
MACRO = "`prelude` has CREATE MACRO and CREATE TYPE"


@value
class Source:
    """A part of a text that is parsed: `offset` is what to add to a place to find it in `text`."""

    node: dict[str, Any]
    text: str
    offset: int = 0


@value
class Macro:
    """A macro, or a type: a statement of the prelude `text`, from a place in it, in bytes.

    `bodies` are what its overloads consist of, and what their parameters are if nothing is given.
    `table`: it stands for a table.
    """

    name: str
    statement: str
    text: str
    place: int
    bodies: tuple[Source, ...] = ()
    table: bool = False


@value
class Query:
    """One statement that reads, and what of the prelude counts for it, in the order of the prelude."""

    sql: str
    source: Source
    macros: dict[str, Macro]
    types: tuple[Macro, ...] = ()

    @property
    def sources(self) -> list[Source]:
        """The query, and the bodies of its macros."""
        return [self.source, *(body for each in self.macros.values() for body in each.bodies)]


@lru_cache(1)
def _parser() -> tuple[Any, Lock]:
    """A connection that nothing but the parser is used of: opening one takes longer than parsing."""
    connection = duckdb().connect(":memory:", config={"threads": 1})
    atexit.register(connection.close)
    return connection, Lock()


def _asked(sql: str, *values: str) -> list[tuple[Any, ...]]:
    connection, lock = _parser()
    with lock:
        found: list[tuple[Any, ...]] = connection.execute(sql, values).fetchall()
        return found


@lru_cache(1)
def functions() -> dict[str, str]:
    """The functions that DuckDB has → what they are: `aggregate`, `scalar`, `volatile` ..."""
    rows = _asked(
        "SELECT DISTINCT function_name, CASE WHEN stability <> 'CONSISTENT' THEN 'volatile' "
        "ELSE function_type END FROM duckdb_functions() ORDER BY ALL"
    )
    return {name.lower(): kind for name, kind in rows}


@lru_cache(64)
def parsed(sql: str, prelude: tuple[str, ...] = ()) -> Query:
    """A query with its macros. Raises TableError where it is none."""
    source = Source(_select(sql), sql)
    known: dict[str, Macro] = {}
    for each in (each for text in prelude for each in _prelude(text)):
        other = known.setdefault(each.name, each)
        if other.table != each.table:
            said = f"`{each.name}` is a macro for a table, and one for a value"
            raise mistake(said, each.text, each.place, 0, "give each a name of its own")
        known[each.name] = each
    used: set[str] = set()
    waiting = [source]
    while waiting:
        for name in called(waiting.pop().node):
            if name in known and name not in used:
                used.add(name)
                waiting += known[name].bodies
    macros = {name: each for name, each in known.items() if name in used}
    return Query(sql, source, macros, tuple(each for each in known.values() if not each.bodies))


def called(node: Any) -> Iterator[str]:
    """The functions that are called somewhere in a tree."""
    for each in inside(node):
        if "function_name" in each and not each.get("schema"):
            yield each["function_name"].lower()


def inside(node: Any) -> Iterator[dict[str, Any]]:
    """All objects in a tree, each before those in it, in the order of the text."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting.extend(reversed(one.values()))
        elif isinstance(one, list):
            waiting.extend(reversed(one))


def located(node: dict[str, Any]) -> tuple[int, int]:
    """Where something is in the text, in bytes, and how long; (-1, 0) where that isn't known.

    Length 0: that isn't known.
    """
    at = node.get("query_location")
    if not isinstance(at, int) or at >= NOWHERE:
        return -1, 0
    return at, node.get("query_location_length") or 0


def _select(sql: str, text: str = "", offset: int = 0) -> dict[str, Any]:
    """The tree of one statement that reads. `text` is what it was taken out of, at `offset`."""
    text = text or sql
    try:
        found = json.loads(_asked("SELECT json_serialize_sql(?::VARCHAR)", sql)[0][0])
    except RecursionError as error:
        raise TableError("the query is nested too deep") from error
    if found["error"]:
        if found.get("error_type") != "parser":
            raise _no_query(text)
        raise _unparsable(found, text, offset)
    trees = found["statements"]
    if not trees:
        raise TableError("there is no query", hint=READS)
    if len(trees) > 1:
        place = statements(text)[1][0]
        at = len(text[: place.start].encode())
        raise mistake("there is more than one statement", text, at, len(place.text.encode()))
    if trees[0].get("named_param_map"):
        for each in inside(trees[0]):
            if each.get("class") == "PARAMETER":
                at, length = located(each)
                hint = "write `{params.name}`, or what is in a foreach"
                raise mistake("a query has no parameters", text, at + offset, length, hint)
    tree: dict[str, Any] = trees[0]["node"]
    return tree


def _no_query(text: str) -> TableError:
    found = tokens(text)
    for token in found:
        if token.upper == "PIVOT":
            return mistake(
                "a PIVOT here needs its values",
                text,
                len(text[: token.start].encode()),
                len(token.text),
                "say which columns there are to be: `PIVOT t ON month IN ('01', '02') USING sum(n)`",
            )
    first = found[0]
    at = len(text[: first.start].encode())
    return mistake(f"`{first.upper}` is no query", text, at, len(first.text.encode()), READS)


def _unparsable(found: dict[str, Any], text: str, offset: int) -> TableError:
    said = {**found, "exception_message": found["error_message"]}
    return explained(ValueError(json.dumps(said)), text, -offset)


@lru_cache(64)
def _prelude(text: str) -> tuple[Macro, ...]:
    return tuple(_macro(text, statement) for statement in statements(text))


def _macro(text: str, statement: list[Token]) -> Macro:
    """A statement of the prelude. Raises TableError for one that does more than define."""
    words = [token.upper for token in statement]
    at = 1
    at += 2 if words[at : at + 2] == ["OR", "REPLACE"] else 0
    at += 1 if words[at : at + 1] in (["TEMP"], ["TEMPORARY"]) else 0
    kind = words[at] if words[0] == "CREATE" and at < len(words) else ""
    at += 1
    at += 3 if words[at : at + 3] == ["IF", "NOT", "EXISTS"] else 0
    written = text[statement[0].start : statement[-1].end]
    first = statement[0]
    place = len(text[: first.start].encode())
    if kind not in ("MACRO", "FUNCTION", "TYPE") or at >= len(words):
        length = len(first.text.encode())
        raise mistake(
            f"`{first.upper}` does more than define something", text, place, length, MACRO
        )
    name = statement[at]
    if kind == "TYPE":
        if "SELECT" in words or "FROM" in words:
            raise mistake("a type is no query", text, place, len(first.text), MACRO)
        return Macro(bare(name), written, text, place)
    if at + 1 < len(words) and words[at + 1] == ".":
        raise mistake("a macro is in no schema", text, place, len(first.text), "leave that out")
    further = statement[at + 1 :]
    heads = list(_heads(further))
    bodies = tuple(_bodies(text, further, heads))
    if not bodies:
        raise mistake("a macro needs `(parameters) AS`, and what it means", text, place, 0, MACRO)
    given = (each for head in heads for each in _defaults(text, further, head))
    table = further[heads[0]].upper == "TABLE"
    return Macro(bare(name), written, text, place, (*bodies, *given), table)


def bare(name: Token) -> str:
    """A name without its quotes, in lower case."""
    text = name.text[1:-1].replace('""', '"') if name.kind == "name" else name.text
    return text.lower()


def _bodies(text: str, found: Sequence[Token], heads: Sequence[int]) -> Iterator[Source]:
    """What comes after each `(parameters) AS` of a macro."""
    for head, following in zip_longest(heads, heads[1:]):
        words = [token.upper for token in found[head : head + 1]]
        table = words == ["TABLE"]
        inner = found[head + table : None if following is None else _opening(found, following) - 1]
        if not inner:
            continue
        body = text[inner[0].start : inner[-1].end]
        start = len(text[: inner[0].start].encode())
        prefix = "" if table else PREFIX
        offset = start - len(prefix)
        yield Source(_select(prefix + body, text, offset), text, offset)


def _heads(found: Sequence[Token]) -> Iterator[int]:
    """Where bodies begin: after a list of parameters and AS, at the beginning or after a comma."""
    depth, opened = 0, -1
    table = False
    for at, token in enumerate(found):
        if token.text in ("(", "[", "{"):
            if not depth:
                opened = at
            depth += 1
        elif token.text in (")", "]", "}"):
            depth -= 1
            begins = opened == 0 or (opened > 0 and found[opened - 1].text == ",")
            words = [each.upper for each in found[at + 1 : at + 3]]
            if not depth and begins and words[:1] == ["AS"]:
                own = words[1:] == ["TABLE"]
                if opened == 0 or own == table:
                    table = own
                    yield at + 2


def _defaults(text: str, found: Sequence[Token], head: int) -> Iterator[Source]:
    """What the parameters before a body are if nothing is given: `(a, b := 1)`."""
    depth, began = 0, None
    for token in found[_opening(found, head) + 1 : head - 1]:
        ends = not depth and token.text in (",", ")")
        if ends and began is not None:
            start = len(text[:began].encode()) - len(PREFIX)
            yield Source(_select(PREFIX + text[began : token.start], text, start), text, start)
            began = None
        elif not depth and began is None and token.text[:2] in (":=", "=>"):
            began = token.start + 2
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(token.text, 0)


def _opening(found: Sequence[Token], head: int) -> int:
    """Where the parameters before a body begin."""
    at, depth = head - 2, 0
    while True:
        depth += {")": 1, "(": -1}.get(found[at].text, 0)
        if not depth:
            return at
        at -= 1


def tables(query: Query) -> list[tuple[tuple[str, ...], Source, dict[str, Any]]]:
    """The tables that are read: catalog, schema and name as far as they are written, and where."""
    return [found for source in query.sources for found in _tables(source)]


def _tables(source: Source) -> Iterator[tuple[tuple[str, ...], Source, dict[str, Any]]]:
    waiting: list[tuple[Any, frozenset[str]]] = [(source.node, frozenset())]
    while waiting:
        node, hidden = waiting.pop()
        if isinstance(node, list):
            waiting.extend((each, hidden) for each in reversed(node))
        if not isinstance(node, dict):
            continue
        bodies = []
        for name, body in ctes(node):
            own = hidden | {name} if recursive(body) else hidden
            bodies.append((body, own))
            hidden |= {name}
        if node.get("type") == "BASE_TABLE":
            path = path_of(node)
            if len(path) > 1 or path[0].lower() not in hidden:
                yield path, source, node
        rest = [each for key, each in node.items() if key != "cte_map"]
        waiting.extend((each, hidden) for each in reversed(rest))
        waiting.extend(reversed(bodies))


def path_of(node: dict[str, Any]) -> tuple[str, ...]:
    """Catalog, schema and name of a table, as far as they are written."""
    parts = (node.get("catalog_name"), node.get("schema_name"), node["table_name"])
    return tuple(filter(None, parts))


def ctes(node: dict[str, Any]) -> Iterable[tuple[str, dict[str, Any]]]:
    """The queries that a node names with WITH, in their order."""
    for entry in (node.get("cte_map") or {}).get("map", ()):
        body = entry["value"]
        yield entry["key"].lower(), body.get("query_node") or body["query"]["node"]


def recursive(node: dict[str, Any]) -> bool:
    """Whether what WITH names is what it reads itself."""
    return node.get("type") == "RECURSIVE_CTE_NODE"
