"""What a spec has expanded to so far, and how one more target is unfolded into its instances.

Knows nothing of the order in which that has to happen.
"""

from __future__ import annotations

from datamake.blueprint import Blueprint
from datamake.filling import Fault, Texts
from datamake.inputs import Names
from datamake.instances import Family
from datamake.patterns import found

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from datamake.errors import Problem
    from datamake.foreach import Row
    from datamake.model import Input, Pending, Spec, Target, Tree
    from datamake.origins import Origin
    from datamake.outputs import Outputs
    from datamake.patterns import Capture


class Expansion:
    """The targets of a spec, those yet unknown, and what it takes to unfold these later."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.targets: dict[str, Target] = {}
        """In the order of declaration."""
        self.pending: dict[str, Pending] = {}
        self.names = Names(spec)
        self.problems: list[Problem] = []
        self.families: dict[str, Family] = {}
        """The instances of each foreach target."""
        self.origins: dict[str, Origin] = {}
        self.blueprints: dict[str, Blueprint] = {}

    @property
    def sources(self) -> dict[str, Input]:
        """Declared source → its path, glob or folder."""
        return self.names.sources

    def draw(self, name: str, variables: Sequence[str], tree: Tree) -> bool:
        """Prepare the instances of a target; False if something is wrong with it."""
        declaration = self.spec.targets[name]
        texts = Texts(declaration, self.spec.params)
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


def _equal(blueprint: Blueprint, names: Sequence[str]) -> Problem:
    shown = [f"`{name}`" for name in names[:10]] + ["and more"] * (len(names) > 10)
    return blueprint.texts.problem(
        f"several instances of `{blueprint.name}` have the same name", "foreach", facts=shown
    )


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
        matches.update(found(pattern, tree, lambda path: path in owners or path in made))
    rows: dict[tuple[str, ...], Row] = {}
    for path in sorted(matches):
        row = capture.row(path)
        if row is not None:
            rows[tuple(row.values())] = row
    return list(rows.values())
