"""What a caller asks for → what is to be judged, what runs in any case, what is taken as it is.

Knows nothing of how a build goes on from there.
"""

from __future__ import annotations

from datamake.ages import overdue
from datamake.datafile.positions import locate, setting
from datamake.errors import DatafileError, Problem, UsageError
from datamake.judge import Demands
from datamake.select import needs_states, select
from datamake.urls import shown
from datamake.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from datamake.select import States
    from datamake.workspace import Workspace


MOST_HINTS = 5
"""Problems among which stores are asked what may have been meant."""


@value
class Options:
    """How to build, beside what; the names are those of the command line."""

    jobs: int | None = None
    keep_going: bool = False
    always_make: bool = False
    force: bool = False
    only: bool = False
    exclude: Sequence[str] = ()
    since: str | None = None
    cache: str = "read-write"
    """`read-write`, `read`, `write` or `off`."""
    restore_all: bool = False
    offline: bool = False
    """No request leaves the machine: what is remote counts as last seen."""
    locked: bool = False
    """What is remote has to be as the lock file has it."""
    no_wait: bool = False


@value
class Request:
    """What a build is to do."""

    needs: Mapping[str, Sequence[str]]
    """Name → what it needs, for all that takes part; what is needed comes first."""
    taken: frozenset[str] = frozenset()
    demands: Demands = Demands()


def requested(
    space: Workspace,
    expressions: Sequence[str],
    options: Options,
    states: States | None = None,
) -> Request:
    """What to do for a selection.

    Raises UsageError for a wrong selection, DatafileError for all inputs that do not exist.
    """
    graph = space.graph
    selected = chosen(space, expressions, states)
    if options.since is not None:
        from datamake.since import affected

        changed = affected(space, options.since)
        selected = [name for name in selected if name in changed]
    closure = graph.closure(selected)
    taken: set[str] = set()
    if options.only:
        taken = set(closure) - set(selected)
    if options.exclude:
        taken |= set(_select(space, options.exclude, states)) & set(closure)
        selected = [name for name in selected if name not in taken]
    if taken:
        reached = set(selected) | {n for name in selected for n in _reached(space, name, taken)}
        closure = [name for name in closure if name in reached]
    needs = {name: () if name in taken else graph.needs[name] for name in closure}
    missing = [
        problem for name in closure if name not in taken for problem in graph.missing.get(name, ())
    ]
    missing += _not_there(space, [name for name in closure if name not in taken])
    if missing:
        raise DatafileError(_by_input(locate(missing, space.tree)))
    forced = frozenset(closure if options.always_make else selected if options.force else ())
    failed, warnings = overdue(space, [name for name in closure if name not in taken])
    space.notices += warnings
    demands = Demands(
        forced - taken,
        frozenset(selected),
        options.restore_all,
        failed,
        lambda: chosen(space, expressions, states),
    )
    return Request(needs, frozenset(taken), demands)


def sources_alone(space: Workspace, sources: Sequence[str]) -> Request:
    """To find out what these remote sources hold, and nothing else.

    Raises DatafileError for all that are not there, EnvironmentFailed.
    """
    askers = [asker for source in sources for asker in space.graph.remotes[source].askers]
    missing = _not_there(space, [*sources, *askers])
    if missing:
        raise DatafileError(_by_input(locate(missing, space.tree)))
    return Request(dict.fromkeys(sources, ()))


def _not_there(space: Workspace, names: Sequence[str]) -> list[Problem]:
    """Looks at all that is remote, at once; what is wrong where nothing is.

    Raises EnvironmentFailed where a store can't be asked.
    """
    graph = space.graph
    outputs = [
        output.path
        for name in names
        if name in graph.targets
        for output in graph.targets[name].outputs
        if output.remote
    ]
    sources = [name for name in names if name in graph.remotes and name not in graph.outputs.owners]
    if not (sources or outputs):
        return []
    space.sources.look(sources, outputs)
    wanted = set(names)
    found: list[Problem] = []
    for source in sources:
        if not space.sources.seen(source):
            askers = graph.remotes[source].askers.values()
            asking = [one for one in askers if one.target in wanted and not one.optional]
            hint = space.sources.hint(source) if asking and len(found) < MOST_HINTS else ""
            found += [
                Problem(
                    f"there is nothing at `{shown(source)}`",
                    asker.file,
                    asker.place,
                    (f"needed by `{asker.target}`",),
                    hint,
                )
                for asker in asking
            ]
    return found


def chosen(
    space: Workspace,
    expressions: Sequence[str],
    states: States | None,
) -> list[str]:
    """The targets that a selection, or the project's default, names.

    Raises UsageError for a wrong selection, DatafileError for a wrong default.
    """
    if expressions:
        return _select(space, expressions, states)
    default = space.spec.project.get("default", ())
    try:
        return _select(space, default, states)
    except UsageError:
        problems = _wrong(space, default, states)
    raise DatafileError(locate(problems, space.tree))


def _select(space: Workspace, expressions: Sequence[str], states: States | None) -> list[str]:
    asked = states if needs_states(expressions) else None
    return select(space.graph, expressions, states=asked)


def _wrong(space: Workspace, default: Sequence[str], states: States | None) -> list[Problem]:
    """What is wrong with each of the project's default."""
    spec, problems = space.spec, []
    for index, expression in enumerate(default):
        try:
            _select(space, [expression], states)
        except UsageError as error:
            keys = setting(spec, "default", index)
            problem = Problem(error.headline, spec.parts[0].file, keys, error.facts, error.hint)
            problems.append(problem)
    return problems


def _reached(space: Workspace, name: str, taken: Collection[str]) -> set[str]:
    """All that a target needs, not looking behind what is taken as it is."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for need in space.graph.needs[waiting.pop()]:
            if need not in found:
                found.add(need)
                if need not in taken:
                    waiting.append(need)
    return found


def _by_input(problems: Sequence[Problem]) -> list[Problem]:
    """The problems in the order of the Datafiles, each once."""
    ordered = sorted(problems, key=lambda problem: (problem.file, problem.line, problem.column))
    return list({(problem.place, problem.message): problem for problem in ordered}.values())


NO_OPTIONS = Options()
