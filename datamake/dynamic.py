"""The targets whose foreach takes files, or another target's instances: unfolded, or left pending.

Knows nothing of inputs.
"""

from __future__ import annotations

from datamake.expansion import awaited, captured
from datamake.filling import Texts
from datamake.model import Pending
from datamake.order import ordered
from datamake.outputs import Outputs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from datamake.expansion import Expansion
    from datamake.model import Target, Tree
    from datamake.patterns import Capture

    Settled = dict[str, list[Target]]


class Unfolding:
    """One pass over these targets. `settled` has the instances of all that are known."""

    def __init__(
        self, expansion: Expansion, settled: Settled, tree: Tree, made: Container[str]
    ) -> None:
        self.expansion = expansion
        self.settled = settled
        self.tree = tree
        self.made = made
        self.outputs = Outputs()
        for targets in settled.values():
            self._register(targets)

    def unfold(self, names: Mapping[str, None]) -> None:
        """Settle these targets, each after what its instances depend on, or leave it pending."""
        origins = self.expansion.origins
        order, circles = ordered(names, lambda name: self._like(name, names))
        drawn = [name for name in order if not circles and self._draw(name)]
        for name in drawn:
            self.outputs.templates.add(f"{name}[*]", self.expansion.blueprints[name].templates())
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
        return self.expansion.draw(name, variables, self.tree)

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
