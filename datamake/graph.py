"""Targets → the graph of what each needs: outputs linked to inputs, circles and overlaps refused.

Knows nothing of what has been built, but for the list of files that datamake made.
"""

from __future__ import annotations

from itertools import pairwise

from datamake.datafile.positions import place
from datamake.errors import DatafileError, Problem
from datamake.linking import Linker
from datamake.order import ordered
from datamake.outputs import Outputs, Template
from datamake.patterns import EVERYTHING, glob
from datamake.reading import Reader
from datamake.resolve import Resolver

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, MutableMapping, Sequence

    from datamake.expansion import Expansion
    from datamake.growth import Growth
    from datamake.linking import Linked
    from datamake.model import Input, Link, Pending, Target, Tree

IMPLICIT = (
    "a word of a command that is another target's output is an input; "
    "`implicit = false` turns that off"
)


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
        self.needs: dict[str, tuple[str, ...]] = {}
        """Target, or pending name → the same that it needs, in order."""
        self.users: dict[str, dict[str, None]] = {}
        """The reverse, in order."""
        self.links: dict[str, tuple[Link, ...]] = {}
        """Target → its inputs, resolved."""
        self.code: dict[str, tuple[str, ...]] = {}
        """Target → the files that count as its code, sorted."""
        self.missing: dict[str, list[Problem]] = {}
        """Target → its inputs that are not there and that nobody makes."""
        self.outputs = Outputs()
        self.resolver = Resolver(
            self.targets, expansion.families, self.pending, self.outputs, tree, made
        )
        self._reader = Reader(expansion.spec, self.resolver, memo)
        self._linker = Linker(expansion, self.resolver, self._reader)

    @property
    def sources(self) -> Mapping[str, Input]:
        """Declared source → its path, glob or folder."""
        return self.expansion.sources

    @property
    def orphans(self) -> Mapping[str, str]:
        """File that no target makes any more → a target one of whose inputs would match it."""
        return self.resolver.orphans

    def closure(self, names: Iterable[str]) -> list[str]:
        """These names and all that they need, each behind what it needs."""
        return ordered(names, self.needs.__getitem__)[0]

    def register(self, target: Target) -> list[Problem]:
        """Take in the outputs of a target; what is wrong with them."""
        problems = []
        for index, output in enumerate(target.outputs):
            other = self.outputs.add(output.path, target.name, folder=output.folder)
            if other is not None:
                problems.append(self._overlap(target, index, other))
        return problems

    def _overlap(self, target: Target, index: int, other: str) -> Problem:
        output, owner = target.outputs[index], self.outputs.owners[other]
        declaration = self.expansion.spec.targets[target.family]
        keys: tuple[str | int, ...] = ("output",)
        if "outputs" in declaration.table:
            keys = ("outputs", output.name or index)
        hint = ""
        if output.path == other:
            message = f"`{other}` is an output of both `{owner}` and `{target.name}`"
            if owner == target.name:
                message = f"`{other}` is an output of `{owner}` twice"
            elif self.targets[owner].family == target.family:
                variables = " ".join(f"`{{{name}}}`" for name in target.each)
                hint = f"a foreach variable tells the outputs of instances apart: {variables}"
        elif output.path.startswith(f"{other}/"):
            message = f"`{output.path}`, an output of `{target.name}`, lies in `{other}`, one of `{owner}`"
        else:
            message = f"`{other}`, an output of `{owner}`, lies in `{output.path}`, one of `{target.name}`"
        return Problem(message, target.part.file, place(declaration, *keys), hint=hint)

    def relink(self, name: str) -> Linked:
        """Work out what a target needs, from anew if need be."""
        linked = self._linker.linked(self.targets[name])
        self.links[name] = linked.links
        self.code[name] = linked.code
        if linked.missing:
            self.missing[name] = list(linked.missing)
        else:
            self.missing.pop(name, None)
        self.need(name, linked.needs)
        return linked

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
        self.outputs.templates[pending.name] = [
            Template(tuple(text.split("/")), folder) for text, folder in blueprint.templates()
        ]
        self.need(pending.name, pending.needs)

    def circles(self, names: Iterable[str]) -> list[list[str]]:
        """The circles, like `[a, b, a]`, among these names and what they need."""
        return ordered(names, self.needs.__getitem__)[1]

    def circle_problem(self, circle: Sequence[str]) -> Problem:
        """What to say of a circle."""
        first = circle[0].removesuffix("[*]")
        family = self.targets[first].family if first in self.targets else first
        declaration = self.expansion.spec.targets[family]
        between = [
            next(link for link in self.links[user] if _through(link, needed))
            for user, needed in pairwise(circle)
            if user in self.links and needed in self.links
        ]
        return Problem(
            f"targets need each other in a circle: {' -> '.join(circle)}",
            declaration.part.file,
            place(declaration),
            hint="" if all(link.input.place for link in between) else IMPLICIT,
        )

    def written_sources(self) -> Iterator[tuple[str, Problem]]:
        """The targets that write a source, and what to say of that."""
        outputs = self.outputs
        for name, source in self.sources.items():
            if source.kind == "path":
                path = source.text if source.text in outputs.owners else outputs.around(source.text)
                written = [path] if path else []
            else:
                pattern = EVERYTHING if source.text == "./" else glob(source.text)
                written = [*outputs.matching(pattern), *outputs.reaching(pattern)]
            declaration = self.expansion.spec.sources[name]
            for path in written[:1]:
                owner = outputs.owners[path]
                message = f"the source `{name}` is written by `{owner}`, as `{path}`"
                keys = place(declaration, "path")
                yield owner, Problem(message, declaration.part.file, keys)

    def forget(self) -> None:
        """Forget what was resolved: there are more targets now."""
        self.resolver.forget()
        self._reader.forget()

    def grow(self, pending_name: str, paths: Sequence[str], tree: Tree) -> Growth:
        """Add the instances of a foreach, now that all it needs is up to date.

        `paths` are the files that are in the folder outputs it takes its instances from.
        """
        from datamake.growth import grown

        return grown(self, pending_name, paths, tree)


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
    found = [problem for target in graph.targets.values() for problem in graph.register(target)]
    for pending in graph.pending.values():
        graph.await_instances(pending)
    found += [problem for _, problem in graph.written_sources()]
    for name in graph.targets:
        found += graph.relink(name).wrong
    found += [graph.circle_problem(circle) for circle in graph.circles(graph.needs)]
    first: dict[object, Problem] = {}
    for problem in found:
        first.setdefault((problem.file, problem.keys), problem)
    problems = [*expansion.problems, *first.values()]
    if problems:
        raise DatafileError(problems)
    return graph


def _through(link: Link, needed: str) -> bool:
    return any(item.producer == needed for item in link.items)
