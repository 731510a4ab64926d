"""Targets → the graph of what each needs: outputs linked to inputs, circles and overlaps refused.

Knows nothing of what has been built, but for the list of files that datamake made.
"""

from __future__ import annotations

from datamake.conflicts import (
    circular,
    overlaps,
    undeclared_pools,
    written_datafiles,
    written_queries,
    written_sources,
)
from datamake.errors import DatafileError, Problem
from datamake.expand import awaited, captured
from datamake.linking import CodeReader, Linker
from datamake.order import ordered
from datamake.outputs import Outputs
from datamake.remote import Remote
from datamake.resolve import Resolver
from datamake.urls import is_url, shown
from datamake.values import NOTHING, replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, MutableMapping, Sequence

    from datamake.expand import Expansion
    from datamake.linking import Linked
    from datamake.model import Input, Link, Pending, Target, Tree
    from datamake.remote import Asker


@value
class Growth:
    """What the instances of a foreach have changed."""

    added: tuple[str, ...] = ()
    """The new targets."""
    relinked: tuple[str, ...] = ()
    """The targets, and instances yet unknown, that waited for them: what they need has changed."""
    problems: Mapping[str, str] = NOTHING
    """Target → what is wrong with it."""


class Graph:
    """All targets, and what each needs."""

    def __init__(
        self,
        expansion: Expansion,
        tree: Tree,
        made: Container[str],
        memo: MutableMapping[str, tuple[str, ...]],
    ) -> None:
        self.expansion = expansion
        self.targets = expansion.targets
        self.pending = expansion.pending
        self.asserted = expansion.assertions
        """Declared source → what must hold of it. `needs` has it too, before who reads it."""
        self.needs: dict[str, tuple[str, ...]] = {}
        """Target, or pending name → the same that it needs, in order."""
        self.users: dict[str, dict[str, None]] = {}
        """The reverse, in order."""
        self.links: dict[str, tuple[Link, ...]] = {}
        """Target → its inputs, resolved."""
        self.code: dict[str, tuple[str, ...]] = {}
        """Target → the files that count as its code, sorted."""
        self.given: dict[str, Mapping[str, str]] = {}
        """Target → what its function is given; see `annotations.kinds`."""
        self.as_tables: set[str] = set()
        """The targets that others get tables of."""
        self.referred: dict[str, tuple[Link, ...]] = {}
        """Target → what its checks refer to."""
        self.remotes: dict[str, Remote] = {}
        """URL, URL glob or URL folder → who asks for it. `needs` has it too, and it the target that
        writes it, if one does."""
        self.missing: dict[str, list[Problem]] = {}
        """Target → its inputs that are not there and that nobody makes."""
        self.outputs = Outputs(tree.real)
        self.resolver = Resolver(
            self.targets, expansion.families, self.pending, self.outputs, tree, made
        )
        self._reader = CodeReader(expansion.spec, self.resolver, memo)
        self._linker = Linker(expansion, self.resolver, self._reader)

    @property
    def sources(self) -> Mapping[str, Input]:
        """Declared source → its path or URL, glob or folder."""
        return self.expansion.sources

    def is_source(self, name: str) -> bool:
        """Whether what is needed is a source: a remote one, or one that is checked."""
        return name in self.remotes or name in self.asserted

    @property
    def remote(self) -> bool:
        """Whether any input or output is at a URL."""
        return bool(self.remotes) or any(map(is_url, self.outputs.owners))

    @property
    def orphans(self) -> Mapping[str, str]:
        """File that no target makes any more → a target one of whose inputs would match it."""
        return self.resolver.orphans

    @property
    def empty(self) -> dict[str, str]:
        """Foreach target that no file gives an instance → a line that says so."""
        return {
            name: f"`{name}` has no instances: "
            f"nothing{' that `exclude` leaves' if origin.excluded else ''} "
            f"matches `{shown(origin.capture.text)}`"
            for name, origin in self.expansion.origins.items()
            if origin.capture is not None
            and not self.expansion.families[name].rows
            and f"{name}[*]" not in self.pending
        }

    def closure(self, names: Iterable[str]) -> list[str]:
        """These names and all that they need, each behind what it needs."""
        return ordered(names, self.needs.__getitem__)[0]

    def relink(self, name: str) -> Linked:
        """Work out what a target needs, or the check of a source, from anew if need be."""
        if name in self.targets:
            linked = self._linker.linked(self.targets[name])
        else:
            linked = self._linker.linked_source(name, self.asserted[name])
        self.links[name] = linked.links
        self.code[name] = linked.code
        self.given[name] = linked.given
        self.as_tables.update(
            item.producer
            for link in linked.links
            if link.table
            for item in link.items
            if item.producer
        )
        self.referred[name] = linked.referred
        if linked.missing:
            self.missing[name] = list(linked.missing)
        else:
            self.missing.pop(name, None)
        if linked.remote or self.remotes:
            self._ask(name, linked.remote)
        self.need(name, linked.needs)
        return linked

    def _ask(self, name: str, asked: Sequence[tuple[str, Asker]]) -> None:
        """Note what a target asks of remote sources."""
        gone = [old for old in self.needs.get(name, ()) if old in self.remotes]
        for text in gone:
            self.remotes[text].askers.pop(name, None)
        for text, asker in asked:
            remote = self.remotes.setdefault(text, Remote(text, {}))
            if text not in self.needs:
                maker = self.outputs.owners.get(text)
                self.need(text, () if maker is None else (maker,))
            known = remote.askers.get(name)
            remote.askers[name] = asker if known is None else _both(known, asker)
        for text in gone:
            if not self.remotes[text].askers:
                del self.remotes[text]

    def need(self, name: str, needs: tuple[str, ...]) -> None:
        """Note what a name needs."""
        for old in self.needs.get(name, ()):
            self.users[old].pop(name, None)
        self.needs[name] = needs
        for needed in needs:
            self.users.setdefault(needed, {})[name] = None

    def await_instances(self, pending: Pending) -> None:
        """Take in a target whose instances are not known yet."""
        blueprint = self.expansion.blueprints[pending.family]
        self.outputs.templates.add(pending.name, blueprint.places.templates())
        self.need(pending.name, pending.needs)

    def circles(self, names: Iterable[str]) -> list[list[str]]:
        """The circles, like `[a, b, a]`, among these names and what they need, URLs left out."""
        if not self.remotes:
            return ordered(names, self.needs.__getitem__)[1]

        def local(names: Iterable[str]) -> list[str]:
            return [name for name in names if name not in self.remotes]

        return ordered(local(names), lambda name: local(self.needs[name]))[1]

    def grow(self, pending_name: str, paths: Sequence[str], tree: Tree) -> Growth:
        """Add the instances of a foreach, now that all it needs is up to date.

        `paths` are the files in the folder outputs that its instances may come from. The name is
        pending no more; those that waited for it are linked anew.
        """
        waiting = list(self.users.get(pending_name, ()))
        self.resolver.tree = tree
        targets, wrong = self._unfold(pending_name, paths)
        fresh = [target.name for target in targets]
        fresh += [user for user in waiting if user in self.targets]
        for name in fresh:
            linked = self.relink(name)
            wrong.setdefault(name, []).extend((*linked.missing, *linked.wrong))
        for name in waiting:
            if name in self.pending:
                self._await_others(name)
        for circle in self.circles(waiting + fresh):
            for name in set(circle).intersection(fresh):
                wrong[name].append(circular(self.expansion, self.links, self.referred, circle))
                self.need(name, ())
        self.users.pop(pending_name, None)
        problems = {name: _told(found) for name, found in wrong.items() if found}
        return Growth(tuple(target.name for target in targets), tuple(waiting), problems)

    def _unfold(
        self, pending_name: str, paths: Sequence[str]
    ) -> tuple[list[Target], dict[str, list[Problem]]]:
        """Take in the instances of a pending name; name → what is wrong with it."""
        pending = self.pending.pop(pending_name)
        self.need(pending_name, ())
        self.outputs.templates.drop(pending_name)
        expansion, resolver = self.expansion, self.resolver
        origin = expansion.origins[pending.family]
        if origin.capture is None:
            rows = list(expansion.families[origin.like].rows.values())
        else:
            rows = captured(origin.capture, self.outputs, resolver.tree, resolver.made, paths)
        targets, unfit = expansion.unfold(pending.family, rows)
        wrong = {pending_name: unfit}
        for target in targets:
            self.targets[target.name] = target
            wrong[target.name] = overlaps(expansion, self.outputs, target)
        for owner, problem in written_sources(expansion, self.outputs):
            if owner in wrong:
                wrong[owner].append(problem)
        resolver.forget()
        self._reader.forget()
        return targets, wrong

    def _await_others(self, name: str) -> None:
        """Note what is left to wait for, where new instances were part of it."""
        pending = self.pending[name]
        capture = self.expansion.origins[pending.family].capture
        needs = awaited(capture, self.outputs, name) if capture else ()
        self.pending[name] = replace(pending, needs=needs)
        self.need(name, needs)


def _both(one: Asker, other: Asker) -> Asker:
    """A target that has a remote source as an input twice."""
    return replace(one, fetch=one.fetch or other.fetch, optional=one.optional and other.optional)


def link(
    expansion: Expansion,
    tree: Tree,
    *,
    made: Container[str] = (),
    memo: MutableMapping[str, tuple[str, ...]],
) -> Graph:
    """The graph of all targets.

    `made` has the paths of the files that datamake made; `memo` is that of `code.Code`. Raises
    DatafileError with all that is wrong, what expanding found included; inputs that are missing
    are noted in the graph.
    """
    graph = Graph(expansion, tree, made, memo)
    found: list[Problem] = []
    for target in graph.targets.values():
        found += overlaps(expansion, graph.outputs, target)
    for pending in graph.pending.values():
        graph.await_instances(pending)
    found += [problem for _, problem in written_sources(expansion, graph.outputs)]
    found += [problem for _, problem in written_datafiles(expansion, graph.outputs)]
    found += written_queries(expansion, graph.outputs)
    found += undeclared_pools(expansion)
    for name in (*graph.targets, *graph.asserted):
        found += graph.relink(name).wrong
    found += [
        circular(expansion, graph.links, graph.referred, each)
        for each in graph.circles(graph.needs)
    ]
    first: dict[object, Problem] = {}
    for problem in found:
        first.setdefault((problem.file, problem.keys), problem)
    problems = [*expansion.problems, *first.values()]
    if problems:
        raise DatafileError(problems)
    return graph


def _told(problems: Sequence[Problem]) -> str:
    more = f", and {len(problems) - 1} more problems" if len(problems) > 1 else ""
    return problems[0].message + more
