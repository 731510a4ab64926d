"""The instances of a foreach that only another target's outputs tell, added to a graph.

Knows nothing of how these outputs came about.
"""

from __future__ import annotations

from datamake.expansion import awaited, captured
from datamake.values import NOTHING, replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from datamake.errors import Problem
    from datamake.foreach import Row
    from datamake.graph import Graph
    from datamake.model import Pending, Target, Tree


@value
class Growth:
    """What the instances of a foreach have changed."""

    added: tuple[str, ...] = ()
    """The new targets."""
    relinked: tuple[str, ...] = ()
    """The targets, and instances yet unknown, that waited for them: what they need has changed."""
    problems: Mapping[str, str] = NOTHING
    """Target → what is wrong with it."""


def grown(graph: Graph, name: str, paths: Sequence[str], tree: Tree) -> Growth:
    """Add the instances that `name` stands for, and link them and all that waited for them."""
    pending = graph.pending.pop(name)
    graph.need(name, ())
    waiting = list(graph.users.pop(name, ()))
    graph.outputs.templates.pop(name, None)
    graph.resolver.tree = tree
    targets, unfit = instances(graph, pending, paths)
    wrong: dict[str, list[Problem]] = {name: unfit}
    for target in targets:
        graph.targets[target.name] = target
        wrong[target.name] = graph.register(target)
    for owner, problem in graph.written_sources():
        if owner in wrong:
            wrong[owner].append(problem)
    graph.forget()
    fresh = [target.name for target in targets]
    fresh += [user for user in waiting if user in graph.targets]
    for each in fresh:
        linked = graph.relink(each)
        wrong.setdefault(each, []).extend((*linked.missing, *linked.wrong))
    for each in waiting:
        if each in graph.pending:
            _await_others(graph, each)
    for circle in graph.circles(waiting + fresh):
        for each in set(circle).intersection(fresh):
            wrong[each].append(graph.circle_problem(circle))
            graph.need(each, ())
    problems = {each: _told(problems) for each, problems in wrong.items() if problems}
    return Growth(tuple(target.name for target in targets), tuple(waiting), problems)


def instances(
    graph: Graph, pending: Pending, paths: Sequence[str]
) -> tuple[list[Target], list[Problem]]:
    """The instances of a target, now that they can be known."""
    expansion = graph.expansion
    origin = expansion.origins[pending.family]
    resolver = graph.resolver
    if origin.capture is None:
        rows: Iterable[Row] = list(expansion.families[origin.like].rows.values())
    else:
        rows = captured(origin.capture, graph.outputs, resolver.tree, resolver.made, paths)
    return expansion.unfold(pending.family, rows)


def _await_others(graph: Graph, name: str) -> None:
    """Note what is left to wait for, of a target whose instances may depend on the new ones."""
    pending = graph.pending[name]
    capture = graph.expansion.origins[pending.family].capture
    needs = awaited(capture, graph.outputs, name) if capture else ()
    graph.pending[name] = replace(pending, needs=needs)
    graph.need(name, needs)


def _told(problems: Sequence[Problem]) -> str:
    more = f", and {len(problems) - 1} more problems" if len(problems) > 1 else ""
    return problems[0].message + more
