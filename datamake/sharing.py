"""The shared cache by hand: records and bytes to it and from it, and its upkeep.

Knows nothing of command lines; builds share by themselves.
"""

from __future__ import annotations

from datamake.errors import EnvironmentFailed, UsageError
from datamake.judge import Judge
from datamake.logical import VERSION
from datamake.plan import Planner
from datamake.request import NO_OPTIONS, chosen, requested
from datamake.values import value
from datamake.workspace import shared_place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    from datamake.project import Project
    from datamake.shared import Place, SharedCache
    from datamake.storage import Storage
    from datamake.sweep import Swept
    from datamake.workspace import Workspace

    T = TypeVar("T")


@value
class Moved:
    """What went to the shared cache, or came from it: targets by name."""

    names: tuple[str, ...]
    absent: tuple[str, ...]
    """Those whose bytes are not where they were to come from."""


SHARED_FACTS = (VERSION, "types-", "columns-", "checked-")
"""What keys of facts begin with that hold for everybody; others are this machine's own."""


def push(project: Project, select: Sequence[str] = ()) -> Moved:
    """Shares what the local cache has of the selected targets, or of all, as they were last built.

    Raises UsageError, and EnvironmentFailed where the shared cache fails.
    """
    cache = _shared(project.space)
    project.space.begin(write=False)
    names = _targets(project, select)
    records = [record for name in names if (record := project.space.record(name))]
    shared = {record.target for record in records if record.outputs and cache.share(record)}
    for key, text in project.space.state.facts.all().items():
        if key.startswith(SHARED_FACTS):
            cache.tell(key, text)
    _flush(project.space, cache)
    return _moved(names, shared)


def pull(project: Project, select: Sequence[str] = ()) -> Moved:
    """Brings the bytes of the selected targets, or of all, as a build would have them.

    They are kept in the local cache; no output is touched. Raises as `push` does.
    """
    space = project.space
    cache = _shared(space)
    space.begin(write=True)
    names = _targets(project, select)
    request = requested(space, names, NO_OPTIONS)
    judge = Judge(space, request.demands, space.variables)
    Planner(space, judge, request.taken).plan(request.needs, 1, lambda _: (0, 0.0))
    wanted = {
        name: [written.digest for written in judge.verdicts[name].outputs]
        for name in names
        if name in judge.verdicts
    }
    cache.ahead(digest for digests in wanted.values() for digest in digests)
    brought = {
        name for name, digests in wanted.items() if digests and all(map(cache.bring, digests))
    }
    _flush(space, cache)
    space.state.commit()
    return _moved(names, brought)


def gc(
    project: Project,
    *,
    max_size: int | None = None,
    older_than: float | None = None,
    grace: float = 0.0,
    dry: bool = False,
) -> Swept:
    """Shrinks the shared cache; see `sweep.swept`. Builds may go on, anywhere. Raises as `push`."""
    from datamake.sweep import Limits, swept

    limits = Limits(older_than, max_size, grace)
    return _asked(project.space, lambda storage, _: swept(storage, limits, dry=dry))


def verify(project: Project) -> list[str]:
    """Reads all of the shared cache; the keys of what was corrupt, and is dropped."""
    from datamake.sweep import verified

    return _asked(project.space, lambda storage, place: verified(storage, place.secret))


def stats(project: Project) -> dict[str, int]:
    """How many blobs and records the shared cache has, and their bytes."""
    from datamake.sweep import counted

    return _asked(project.space, lambda storage, _: counted(storage))


def reached(space: Workspace) -> str:
    """The name of the shared cache, which has answered. Raises UsageError, EnvironmentFailed."""

    def listed(storage: Storage, place: Place) -> str:
        next(iter(storage.entries("v1/clock/")), None)
        return place.name

    return _asked(space, listed)


def _place(space: Workspace) -> Place:
    if not space.spec.project.get("cache"):
        raise UsageError("there is no shared cache", hint="`cache` in `[project]` says where it is")
    if space.offline:
        raise UsageError("the shared cache is not asked while DATAMAKE_OFFLINE is set")
    return shared_place(space.root, space.spec, space.variables)


def _asked(space: Workspace, call: Callable[[Storage, Place], T]) -> T:
    place = _place(space)
    try:
        return call(place.storage(), place)
    except EnvironmentFailed:
        raise
    except OSError as error:
        text = str(error.strerror or error).lower()
        raise EnvironmentFailed(f"the shared cache `{place.name}`: {text}") from None


def _shared(space: Workspace) -> SharedCache:
    """The two caches of a project, opened for all that is done by hand."""
    from datamake.shared import SharedCache

    _place(space)
    space.open_cache("read-write")
    assert isinstance(space.cache, SharedCache)
    return space.cache


def _targets(project: Project, select: Sequence[str]) -> list[str]:
    """The selected targets, or all."""
    graph = project.space.graph
    names = chosen(project.space, select, project.states) if select else list(graph.targets)
    return [name for name in names if name in graph.targets]


def _moved(names: Sequence[str], moved: set[str]) -> Moved:
    return Moved(
        tuple(name for name in names if name in moved),
        tuple(name for name in names if name not in moved),
    )


def _flush(space: Workspace, cache: SharedCache) -> None:
    """Raises EnvironmentFailed where the shared cache was given up, with what was said of it."""
    if not cache.flush():
        facts = list(space.notices)
        space.notices.clear()
        raise EnvironmentFailed("not all could be moved", facts)
