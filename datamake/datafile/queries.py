"""Placeholders in SQL: found, and filled in as literals.

Knows nothing of what a query means. In comments anything may stand; inside quotes nothing can be
filled in.
"""

from __future__ import annotations

from bisect import bisect

from datamake.datafile.placeholders import (
    Placeholder,
    PlaceholderError,
    faults,
    formatted,
    looked_up,
    pieces,
    unknown_name,
)
from datamake.datafile.sql import literal, quoted_spans
from datamake.errors import Problem
from datamake.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from typing import Any


def names(sql: str) -> tuple[str, ...]:
    """The names of the placeholders of a query, each once."""
    return tuple(dict.fromkeys(each.name for each in _placeholders(sql)))


def problems(sql: str, known: Collection[str]) -> list[Problem]:
    """What is wrong with the placeholders of a query, where those of `known` may be used."""
    found = []
    for each in _placeholders(sql):
        found += faults(each.text, known)
        if each.quote and not each.raw:
            found.append(_misplaced(each))
    return found


def filled(sql: str, values: Mapping[str, Any]) -> str:
    """The query with each placeholder as a literal, a list as `('a', 'b')`. Raises PlaceholderError."""
    known = {each.start: each for each in _placeholders(sql)}
    parts = []
    for piece in pieces(sql):
        if isinstance(piece, str):
            parts.append(piece)
        else:
            parts.append(
                _filling(known[piece.start], values) if piece.start in known else piece.text
            )
    return "".join(parts)


def _placeholders(sql: str) -> Iterator[Placeholder]:
    """The placeholders outside of comments, with what they stand in: `text`, `name` or `""`."""
    found = [each for each in pieces(sql) if isinstance(each, Placeholder) and each.proper]
    spans = quoted_spans(sql) if found else ()
    starts = [start for start, _, _ in spans]
    for each in found:
        at = bisect(starts, each.start) - 1
        kind = spans[at][2] if at >= 0 and each.start < spans[at][1] else ""
        if kind != "comment":
            yield replace(each, quote=kind)


def _filling(piece: Placeholder, values: Mapping[str, Any]) -> str:
    try:
        found = looked_up(piece.name, values)
    except KeyError:
        raise PlaceholderError(unknown_name(piece, list(values))) from None
    if piece.format:
        found = formatted(piece, found)
    if piece.raw:
        return str(found)
    if piece.quote:
        raise PlaceholderError(_misplaced(piece))
    try:
        return literal(found)
    except ValueError as error:
        raise PlaceholderError(Problem(f"`{piece.text}`: {error}")) from None


def _misplaced(piece: Placeholder) -> Problem:
    return Problem(
        f"`{piece.text}` stands inside quotes",
        hint="remove the quotes, since each value is a literal by itself; "
        f"`{{{piece.name}:raw}}` is put in as it is",
    )
