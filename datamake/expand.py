"""`Spec` → targets: foreach unfolded, params filled in, paths made relative to the project root.

Knows nothing of what depends on what, but for a foreach over files that other targets write.
"""

from __future__ import annotations

from datamake.dynamic import Unfolding
from datamake.expansion import Expansion
from datamake.filling import Fault, Texts
from datamake.inputs import source
from datamake.origins import Reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from datamake.model import Declaration, Spec, Target, Tree

__all__ = ["Expansion", "expand"]


def expand(spec: Spec, tree: Tree, *, now: str, made: Container[str] = ()) -> Expansion:
    """All targets of a spec, and the names of those that cannot be known yet.

    `now` is the time in the project's time zone, in ISO format; `made` has the paths of the files
    that datamake made. What is wrong is in `problems`.
    """
    result = Expansion(spec)

    def attempt(declaration: Declaration, step: Callable[[Texts], None]) -> None:
        try:
            step(Texts(declaration, spec.params))
        except Fault as fault:
            result.problems.append(fault.problem)

    def enable(texts: Texts) -> None:
        given = texts.declaration.table.get("enabled", True)
        if isinstance(given, str):
            given = Reader(texts, result.names, now).flag(given, "enabled")
        if not given:
            result.names.disabled.add(texts.declaration.name)

    def locate(texts: Texts) -> None:
        result.sources[texts.declaration.name] = source(texts, tree)

    def originate(texts: Texts) -> None:
        if texts.declaration.name not in result.names.disabled:
            origin = Reader(texts, result.names, now).origin()
            result.origins[texts.declaration.name] = origin

    for declaration in spec.targets.values():
        attempt(declaration, enable)
    for declaration in spec.sources.values():
        attempt(declaration, locate)
    for declaration in spec.targets.values():
        attempt(declaration, originate)
    unfold(result, tree, made)
    return result


def unfold(result: Expansion, tree: Tree, made: Container[str]) -> None:
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
