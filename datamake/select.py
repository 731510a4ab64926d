"""The selection grammar: what a person names → targets of the graph.

Knows nothing of states but for the names that an argument gives them.
"""

from __future__ import annotations

import re

from datamake.datafile.shapes import did_you_mean
from datamake.errors import UsageError
from datamake.filling import joined
from datamake.instances import named, parts
from datamake.urls import is_url
from datamake.values import NOTHING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from datamake.graph import Graph

    States = Callable[[], Mapping[str, Collection[str]]]

AROUND = r"(?s)(?:([0-9]*)(\+))?(.*?)(?:(\+)([0-9]*))?"
STATES = ("stale", "failed", "missing")
EVERYTHING = 1 << 62
"""More steps than there can be."""
SHOWN = 5
"""Instances that are named where one is not there, at most."""
LISTED = "`datamake ls` lists what there is"


def needs_states(expressions: Sequence[str]) -> bool:
    """Whether a selection asks for what is up to date."""
    return any("state:" in expression for expression in expressions)


def select(
    graph: Graph,
    expressions: Sequence[str],
    *,
    states: States | None = None,
    readers: Mapping[str, Collection[str]] = NOTHING,
) -> list[str]:
    """The targets, and pending names, that the expressions select, each once, as they are named.

    Without expressions all. `states` has the targets in each state. A pending name stands for
    instances yet unknown: select again when the graph has grown. `readers` are sources that may be
    selected too, with the targets that read them. Raises UsageError.
    """
    if not expressions:
        return [*graph.targets, *graph.pending]
    selection = Selection(graph, states() if states else {}, readers)
    selected: dict[str, None] = {}
    for expression in expressions:
        selected.update(dict.fromkeys(selection.names(expression)))
    if not selected:
        shown = ", ".join(f"`{expression}`" for expression in expressions)
        raise UsageError(f"nothing is selected by {shown}", selection.empty, LISTED)
    return list(selected)


class Selection:
    """Evaluates expressions over one graph."""

    def __init__(
        self,
        graph: Graph,
        states: Mapping[str, Collection[str]],
        readers: Mapping[str, Collection[str]] = NOTHING,
    ) -> None:
        self.graph = graph
        self.states = states
        self.readers = readers
        self.read: dict[str, list[str]] = {}
        """The reverse: target → the sources that it reads."""
        for source, targets in readers.items():
            for target in targets:
                self.read.setdefault(target, []).append(source)
        self.empty: list[str] = []
        """Lines about what was named and has no instances."""

    def names(self, expression: str) -> list[str]:
        """What one expression selects."""
        if expression in self.graph.targets or expression in self.graph.outputs.owners:
            return self.plain(expression)
        first, *others = [self.widened(part) for part in parts(expression, ",")]
        return [name for name in first if all(name in other for other in others)]

    def widened(self, part: str) -> dict[str, None]:
        """What one part of an intersection selects, with what is above and below."""
        match = re.fullmatch(AROUND, part)
        assert match is not None
        above, plus, text, more, below = match.groups()
        found = dict.fromkeys(self.plain(text))
        result = dict(found)
        if plus:
            needs = (self.graph.needs, self.read)
            result.update(self._reached(found, needs, int(above or EVERYTHING)))
        if more:
            users = (self.graph.users, self.readers)
            result.update(self._reached(found, users, int(below or EVERYTHING)))
        return result

    def _reached(
        self, start: Iterable[str], edges: Sequence[Mapping[str, Iterable[str]]], steps: int
    ) -> dict[str, None]:
        """All that at most so many steps along these edges lead to."""
        seen = dict.fromkeys(start)
        frontier = list(seen)
        while frontier and steps:
            steps -= 1
            further = {
                new: None for name in frontier for some in edges for new in some.get(name, ())
            }
            frontier = [
                name
                for name in further
                if name not in seen and (name in self.readers or not self.graph.is_source(name))
            ]
            seen.update(dict.fromkeys(frontier))
        return seen

    def plain(self, text: str) -> list[str]:
        """What a name, path or property selects."""
        if not text:
            raise UsageError("a selection without a name")
        method, colon, wanted = text.partition(":")
        if colon and method in ("tag", "owner", "kind", "state"):
            return self.having(method, wanted)
        if text in self.readers:
            return [text]
        if text in self.graph.targets or text in self.graph.pending:
            return [text]
        found = named(text)
        if found is not None and found[0] in self.graph.expansion.families:
            return self.instances(text, *found)
        return self.writing(text)

    def having(self, method: str, wanted: str) -> list[str]:
        """The targets with a tag, owner, kind or state."""
        targets = self.graph.targets
        if not wanted:
            raise UsageError(f"`{method}:` selects nothing without a value behind it")
        if method == "state":
            if wanted not in STATES:
                shown = ", ".join(f"`state:{each}`" for each in STATES)
                raise UsageError(f"unknown state `{wanted}`", hint=f"there are {shown}")
            return [name for name in targets if name in self.states.get(wanted, ())]
        if method == "tag":
            return [name for name, target in targets.items() if wanted in target.tags]
        return [name for name, target in targets.items() if getattr(target, method) == wanted]

    def instances(self, text: str, family: str, brackets: str | None) -> list[str]:
        """Instances of a foreach target; its pending name while they are not known."""
        if f"{family}[*]" in self.graph.pending:
            return [f"{family}[*]"]
        try:
            known = self.graph.expansion.families[family]
            found = known.chosen("*" if brackets is None else brackets)
        except ValueError as error:
            raise UsageError(str(error)) from None
        if not found and known.rows:
            some = ", ".join(f"`{name}`" for name in list(known.rows)[:SHOWN])
            more = f" and {len(known.rows) - SHOWN:,} more" if len(known.rows) > SHOWN else ""
            raise UsageError(
                f"no instance of `{family}` is like `{text}`",
                [f"there is {some}{more}"],
                did_you_mean(text, known.rows) or f"`datamake ls {family}` lists what there is",
            )
        if not found:
            self.empty += self._cause(family)
        return found

    def _cause(self, family: str) -> list[str]:
        """Why a foreach target has no instances, as far as that is for lack of files."""
        origins = self.graph.expansion.origins
        while origins[family].like:
            family = origins[family].like
        return [line for name, line in self.graph.empty.items() if name == family]

    def writing(self, text: str) -> list[str]:
        """What makes a path. Raises UsageError if nothing does."""
        outputs = self.graph.outputs
        path = text if is_url(text) else joined("", text)
        folder = outputs.inside(path)
        if path in outputs.owners:
            return [outputs.owners[path]]
        if folder is not None:
            return [outputs.owners[folder]]
        awaited = outputs.awaited(path)
        if awaited:
            return awaited
        raise self.unknown(text)

    def unknown(self, text: str) -> UsageError:
        """What to say where nothing is meant."""
        expansion = self.graph.expansion
        if text in expansion.names.disabled:
            return UsageError(f"`{text}` is disabled")
        if text in expansion.sources or text in self.graph.remotes:
            return UsageError(f"`{text}` is a source, which no target makes")
        known = [*expansion.spec.targets, *self.graph.outputs.owners]
        return UsageError(
            f"`{text}` is no target, and no target makes such a file",
            hint=did_you_mean(text, known) or LISTED,
        )
