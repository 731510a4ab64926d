"""`Spec` → targets: foreach unfolded, params filled in, paths made relative to the project root.

Knows nothing of what depends on what, but for a foreach over files that other targets write, or
over another target's instances: such a target is unfolded after those, or left pending.
"""

from __future__ import annotations

from posixpath import join

from datamake.assertions import assertions
from datamake.blueprint import Blueprint
from datamake.filling import Fault, Texts
from datamake.foreach import ForeachReader
from datamake.inputs import Names, freshness, source
from datamake.instances import Family
from datamake.model import Input, Pending
from datamake.order import ordered
from datamake.outputs import Outputs
from datamake.patterns import DEEP, capture, found
from datamake.remote import Freshness
from datamake.urls import is_url
from datamake.values import NOTHING, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence

    from datamake.errors import Problem
    from datamake.foreach import Origin, Row
    from datamake.model import Assertions, Declaration, Spec, Target, Tree
    from datamake.patterns import Capture, Pattern
    from datamake.recipes import Tables

    Settled = dict[str, list[Target]]


def no_tables(query: str, prelude: Sequence[str]) -> Sequence[str]:  # noqa: ARG001
    """Where nothing can tell what a query reads: nothing."""
    return ()


def expand(
    spec: Spec,
    tree: Tree,
    *,
    now: str,
    made: Container[str] = (),
    variables: Mapping[str, str] = NOTHING,
    tables: Tables = no_tables,
) -> Expansion:
    """All targets of a spec, and the names of those that cannot be known yet.

    `now` is the time in the project's time zone, in ISO format; `made` has the paths of the files
    that datamake made; `variables` are those of the environment; `tables` says what a query reads.
    What is wrong is in `problems`.
    Raises EnvironmentFailed where a foreach goes over URLs that cannot be listed.
    """
    result = Expansion(spec, variables, tables)

    def attempt(declaration: Declaration, step: Callable[[Texts], None]) -> None:
        try:
            step(Texts(declaration, result.params, variables))
        except Fault as fault:
            result.problems.append(fault.problem)

    def enable(texts: Texts) -> None:
        given = texts.declaration.table.get("enabled", True)
        if isinstance(given, str):
            given = ForeachReader(texts, result.names, now).flag(given, "enabled")
        if not given:
            result.names.disabled.add(texts.declaration.name)

    def locate(texts: Texts) -> None:
        result.locate(texts, tree)

    def originate(texts: Texts) -> None:
        if texts.declaration.name not in result.names.disabled:
            origin = ForeachReader(texts, result.names, now).origin()
            result.origins[texts.declaration.name] = _followed(origin, tree)

    for declaration in spec.targets.values():
        attempt(declaration, enable)
    for declaration in spec.sources.values():
        attempt(declaration, locate)
    for declaration in spec.targets.values():
        attempt(declaration, originate)
    _unfold_all(result, tree, made)
    return result


def _unfold_all(result: Expansion, tree: Tree, made: Container[str]) -> None:
    """Make the targets, in the order of declaration, or leave them pending."""
    settled: dict[str, list[Target]] = {}
    dynamic: dict[str, None] = {}
    for name, origin in result.origins.items():
        if origin.rows is None:
            dynamic[name] = None
        elif result.draw(name, origin.variables, tree):
            settled[name], problems = result.unfold(name, origin.rows)
            result.problems += problems
    if dynamic:
        Unfolding(result, settled, tree, made).unfold(dynamic)
    for name in result.origins:
        for target in settled.get(name, ()):
            result.targets[target.name] = target


class Expansion:
    """The targets of a spec, those yet unknown, and what it takes to unfold these later."""

    def __init__(self, spec: Spec, variables: Mapping[str, str], tables: Tables) -> None:
        self.spec = spec
        self.variables = variables
        self.tables = tables
        self.params = {f"params.{name}": item for name, item in spec.params.items()}
        self.targets: dict[str, Target] = {}
        """In the order of declaration."""
        self.pending: dict[str, Pending] = {}
        self.names = Names(spec)
        self.freshness: dict[str, Freshness] = {}
        """Declared source → how old its data may be."""
        self.assertions: dict[str, Assertions] = {}
        """Declared source → what must hold of it."""
        self.problems: list[Problem] = []
        self.families: dict[str, Family] = {}
        """The instances of each foreach target."""
        self.origins: dict[str, Origin] = {}
        self.blueprints: dict[str, Blueprint] = {}

    @property
    def sources(self) -> dict[str, Input]:
        """Declared source → its path or URL, glob or folder."""
        return self.names.sources

    def limits(self) -> Iterator[tuple[str, Freshness]]:
        """How old sources may be: by their `freshness`, and by checks that say `fresh`."""
        yield from self.freshness.items()
        for name, asserted in self.assertions.items():
            for check in asserted.checks:
                if check.of_age:
                    age, column = check.arguments[0], check.columns[0]
                    warns = check.severity == "warn"
                    yield name, Freshness(age if warns else None, None if warns else age, column)

    def locate(self, texts: Texts, tree: Tree) -> None:
        """Take in a source. Raises Fault."""
        name = texts.declaration.name
        self.sources[name] = Input("path", name)  # for who reads it, if it turns out to be wrong
        self.sources[name] = source(texts, tree)
        limits = freshness(texts)
        if limits is not None:
            self.freshness[name] = limits
        asserted = assertions(texts, self.names)
        if asserted is not None:
            self.assertions[name] = asserted

    def draw(self, name: str, variables: Sequence[str], tree: Tree) -> bool:
        """Prepare the instances of a target; False if something is wrong with it."""
        declaration = self.spec.targets[name]
        texts = Texts(declaration, self.params, self.variables)
        try:
            for row in self.origins[name].excluded:
                for variable in row:
                    if variable not in variables:
                        message = f"`{variable}` in `exclude` is no foreach variable"
                        raise texts.fault(message, "exclude")
            blueprint = Blueprint(texts, tuple(variables), self.names, tree)
        except Fault as fault:
            self.problems.append(fault.problem)
            return False
        problems = list(blueprint.problems())
        self.problems += problems
        if problems:
            return False
        try:
            blueprint.read(self.tables)
        except Fault as fault:
            self.problems.append(fault.problem)
            return False
        self.blueprints[name] = blueprint
        if blueprint.foreach:
            self.families[name] = Family(name, variables)
        return True

    def unfold(self, name: str, rows: Iterable[Row]) -> tuple[list[Target], list[Problem]]:
        """The instances of a target for these rows, less those that are excluded."""
        blueprint = self.blueprints[name]
        targets: dict[str, Target] = {}
        twice: dict[str, None] = {}
        try:
            for row in self.origins[name].remaining(rows):
                target = blueprint.target(row)
                if target.name in targets:
                    twice[target.name] = None
                targets[target.name] = target
        except Fault as fault:
            return [], [fault.problem]
        if twice:
            return [], [_equal(blueprint, list(twice))]
        if blueprint.foreach:
            self.families[name].add(targets.values())
        return list(targets.values()), []


class Unfolding:
    """One pass over these targets. `settled` has the instances of all that are known."""

    def __init__(
        self, expansion: Expansion, settled: Settled, tree: Tree, made: Container[str]
    ) -> None:
        self.expansion = expansion
        self.settled = settled
        self.tree = tree
        self.made = made
        self.outputs = Outputs(tree.real)
        for targets in settled.values():
            self._register(targets)

    def unfold(self, names: Mapping[str, None]) -> None:
        """Settle these targets, each after what its instances depend on, or leave it pending."""
        origins = self.expansion.origins
        order, circles = ordered(names, lambda name: self._like(name, names))
        drawn = [name for name in order if not circles and self._draw(name)]
        if not circles:
            order, circles = ordered(drawn, self._before)
        for circle in circles:
            texts = Texts(self.expansion.spec.targets[circle[0]], {})
            message = f"foreach goes round in a circle: {' -> '.join(circle)}"
            self.expansion.problems.append(texts.problem(message, "foreach"))
        for name in order if not circles else ():
            capture = origins[name].capture
            if capture is None:
                self._same(name)
            else:
                self._captured(name, capture)

    def _like(self, name: str, names: Mapping[str, None]) -> list[str]:
        like = self.expansion.origins[name].like
        return [like] if like in names else []

    def _draw(self, name: str) -> bool:
        origin, blueprints = self.expansion.origins[name], self.expansion.blueprints
        variables = origin.variables
        if origin.like:
            if origin.like not in blueprints:
                return False
            variables = blueprints[origin.like].variables
        if not self.expansion.draw(name, variables, self.tree):
            return False
        try:
            shapes = list(blueprints[name].places.templates())
        except Fault as fault:
            self.expansion.problems.append(fault.problem)
            return False
        self.outputs.templates.add(f"{name}[*]", shapes)
        return True

    def _before(self, name: str) -> list[str]:
        """The targets yet to be settled whose instances, or their outputs, this one's may be from."""
        origin = self.expansion.origins[name]
        if origin.capture is None:
            return [origin.like] if f"{origin.like}[*]" in self.outputs.templates else []
        owners = self.outputs.templates.meeting(origin.capture.pattern.segments)
        return [owner[:-3] for owner in owners if owner != f"{name}[*]"]

    def _same(self, name: str) -> None:
        """Settle a target that has the instances of another."""
        like = self.expansion.origins[name].like
        if f"{like}[*]" in self.expansion.pending:
            self._leave(name, "", [f"{like}[*]"])
        else:
            self._settle(name, self.expansion.families[like].rows.values())

    def _captured(self, name: str, capture: Capture) -> None:
        """Settle a target that has an instance for each match of a pattern."""
        needs = awaited(capture, self.outputs, f"{name}[*]")
        if needs:
            self._leave(name, capture.text, needs)
        else:
            self._settle(name, captured(capture, self.outputs, self.tree, self.made))

    def _leave(self, name: str, pattern: str, needs: Iterable[str]) -> None:
        pending = Pending(f"{name}[*]", name, pattern, tuple(needs))
        self.expansion.pending[pending.name] = pending

    def _settle(self, name: str, rows: Iterable[Mapping[str, str]]) -> None:
        self.outputs.templates.drop(f"{name}[*]")
        targets, problems = self.expansion.unfold(name, rows)
        self.settled[name] = targets
        self.expansion.problems += problems
        self._register(targets)

    def _register(self, targets: Iterable[Target]) -> None:
        for target in targets:
            for output in target.outputs:
                self.outputs.add(output.path, target.name, folder=output.folder)


def awaited(capture: Capture, outputs: Outputs, name: str) -> tuple[str, ...]:
    """The targets, and instances yet unknown but those of `name`, that may write what matches."""
    owners = [outputs.owners[folder] for folder in outputs.reaching(capture.pattern)]
    owners += outputs.templates.meeting(capture.pattern.segments)
    return tuple(dict.fromkeys(owner for owner in owners if owner != name))


def captured(
    capture: Capture,
    outputs: Outputs,
    tree: Tree,
    made: Container[str],
    paths: Iterable[str] = (),
) -> list[Row]:
    """A row for each match: of declared outputs, of files that datamake didn't make, of `paths`."""
    pattern = capture.pattern
    matches = {p for p in outputs.matching(pattern) if (p in outputs.folders) == pattern.folder}
    matches.update(paths)
    if outputs.inside(pattern.prefix) is None:
        owners = outputs.owners
        if is_url(pattern.text):
            matches.update(_listed(pattern, outputs, tree))
        else:
            matches.update(found(pattern, tree, lambda path: path in owners or path in made))
    rows: dict[tuple[str, ...], Row] = {}
    for path in sorted(matches):
        row = capture.row(path)
        if row is not None:
            rows[tuple(row.values())] = row
    return list(rows.values())


def _listed(pattern: Pattern, outputs: Outputs, tree: Tree) -> Iterator[str]:
    """The objects of a store, or folders of them, that match and that no target writes."""
    depth = len(pattern.segments)
    for url in tree.matching(pattern.text + DEEP * pattern.folder):
        if url not in outputs.owners:
            yield "/".join(url.split("/")[:depth]) if pattern.folder else url


def _followed(origin: Origin, tree: Tree) -> Origin:
    """An origin whose files are sought where their folder is once links are followed."""
    if origin.capture is None:
        return origin
    folder, text = origin.capture.pattern.prefix, origin.capture.text
    real = tree.real(folder)
    if real == folder or real[:1] == "/" or not text.startswith(f"{folder}/"):
        return origin
    return replace(origin, capture=capture(join(real, text[len(folder) + 1 :])))


def _equal(blueprint: Blueprint, names: Sequence[str]) -> Problem:
    shown = [f"`{name}`" for name in names[:10]] + ["and more"] * (len(names) > 10)
    return blueprint.texts.problem(
        f"several instances of `{blueprint.name}` have the same name", "foreach", facts=shown
    )
