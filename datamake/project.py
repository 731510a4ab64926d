"""The Python API: a project that was loaded, to plan and to build.

Knows nothing of command lines and of how results are shown.
"""

from __future__ import annotations

import os
import time
from functools import partial

from datamake import __version__, image, pins
from datamake.conflicts import alike
from datamake.engine import Engine, Settings
from datamake.errors import EnvironmentFailed, TargetLocked, UsageError
from datamake.judge import Judge
from datamake.model import KEPT, Status
from datamake.plan import Planner, states, urgency
from datamake.request import Options, requested, sources_alone
from datamake.values import NOTHING
from datamake.workspace import WRITTEN_AHEAD, Workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType
    from typing import Any

    import duckdb
    import pyarrow as pa
    import pyarrow.dataset as ds
    from typing_extensions import Self

    from datamake.graph import Graph
    from datamake.lockfile import Locked
    from datamake.model import Spec
    from datamake.outcome import BuildResult, Event, Plan
    from datamake.request import Request

NAME = "Datafile.toml"
MODES = ("read-write", "read", "write", "off")
WAIT = 0.2
"""Seconds between two tries to share the tree."""


def load(
    path: str = "",
    *,
    profile: str | None = None,
    params: Mapping[str, Any] = NOTHING,
) -> Project:
    """The project of a Datafile, or of the folder `path` (the current one) and those above it.

    `params` override those of the Datafile and the profile. Raises DatafileError, UsageError where
    there is no Datafile or the nearest is no part of the project, and EnvironmentFailed.
    """
    root, file, nearest = located(path or os.getcwd())
    project = Project(
        Workspace(root, file, profile, params),
        as_written=not params and file == NAME and not os.path.isfile(path),
    )
    parts = (os.path.join(root, part.file) for part in project.spec.parts)
    if nearest != os.path.join(root, file) and not any(
        os.path.samefile(nearest, part) for part in parts
    ):
        project.close()
        raise UsageError(
            f"`{nearest}` is not a part of the project above it",
            [f"that is `{os.path.join(root, file)}`, which does not include it"],
            f"`include` it there, give it a `[project]` of its own, or say `-f {NAME}`",
        )
    return project


def located(path: str) -> tuple[str, str, str]:
    """The project root (absolute), its Datafile's name and the path of the nearest Datafile.

    A Datafile is itself the root's. From a folder on it is that of the nearest folder upwards whose
    Datafile has `[project]`, or the nearest with one. Raises UsageError.
    """
    path = os.path.abspath(path)
    if os.path.isfile(path):
        return (*os.path.split(path), path)
    if not os.path.isdir(path):
        raise UsageError(f"no such file or folder: `{path}`")
    folder, nearest = path, ""
    while True:
        file = os.path.join(folder, NAME)
        if os.path.isfile(file):
            nearest = nearest or file
            if _is_root(file):
                return folder, NAME, nearest
        if folder == os.path.dirname(folder):
            break
        folder = os.path.dirname(folder)
    if not nearest:
        raise UsageError(
            f"no {NAME} in `{path}` or above", hint="`datamake init` writes one to start from"
        )
    return os.path.dirname(nearest), NAME, nearest


def _is_root(file: str) -> bool:
    """Whether a Datafile has `[project]`; one that is broken counts, so that its errors are seen."""
    with open(file, "rb") as opened:
        text = opened.read()
    if b"project" not in text:
        return False
    import tomli

    try:
        return "project" in tomli.loads(text.decode())
    except (ValueError, RecursionError):
        return True


class Project:
    """An open project; `close` it, or use it in a `with` statement."""

    def __init__(self, space: Workspace, *, as_written: bool = True) -> None:
        self.space = space
        self.states = partial(states, space)
        """The targets that `state:` selects."""
        self._as_written = as_written
        """Whether it is the usual Datafile, with the params that it and the profile have."""
        self._rest: tuple[Sequence[str], str, Mapping[str, Any]] | None = None
        """What to write into the image of a build that had nothing to do."""

    @property
    def root(self) -> str:
        """The project root, absolute."""
        return self.space.root

    @property
    def spec(self) -> Spec:
        """What its Datafiles say."""
        return self.space.spec

    @property
    def graph(self) -> Graph:
        """Its targets and how they hang together. Raises DatafileError."""
        return self.space.graph

    def plan(self, select: Sequence[str] = (), **options: Any) -> Plan:
        """What `build` with the same arguments would do, and why. Runs and changes nothing.

        Raises UsageError for a wrong selection or option, DatafileError for missing inputs.
        """
        wanted = _options(self.space, options)
        self.space.begin(write=False)
        request = requested(self.space, select, wanted, self.states)
        if wanted.locked:
            pins.refuse_moved(self.space, request.needs)
        plan = _planner(self.space, request).plan(
            request.needs, wanted.jobs or jobs(), urgency(self.space, request.needs)
        )
        self.space.state.commit()
        return plan

    def build(
        self,
        select: Sequence[str] = (),
        *,
        on_event: Callable[[Event], None] | None = None,
        **options: Any,
    ) -> BuildResult:
        """Brings the selected targets, or the default ones, and all they need up to date.

        `options` are the fields of `request.Options`; `on_event` is told what happens, as it
        happens. A failed target is a result that is not `ok`. Raises UsageError for a wrong
        selection, DatafileError for missing inputs, EnvironmentFailed, TargetLocked; with `locked`
        SourceMoved, and then nothing has run, or what is remote has moved meanwhile.
        """
        wanted = _options(self.space, options)
        self._rest = None
        _refuse_nesting(self.root)
        self.space.begin(write=True)
        request = requested(self.space, select, wanted, self.states)
        if wanted.locked:
            pins.refuse_moved(self.space, request.needs)
        result = _carried_out(self.space, request, wanted, on_event)
        if wanted.locked and result.ok:
            pins.refuse_moved(self.space, _asked_for(self.graph, result))
        usual = Options(wanted.jobs, wanted.keep_going, cache=wanted.cache)
        seen = _seen(self.space, request, result) if wanted == usual else None
        if seen is not None and self._as_written:
            key = (self.spec.profile or "", *select)
            self._rest = (key, __version__, seen)
        return result

    def lock(
        self,
        update: Sequence[str] = (),
        *,
        on_event: Callable[[Event], None] | None = None,
    ) -> Mapping[str, tuple[Locked | None, Locked | None]]:
        """Writes the lock file: all remote sources as they are now, or only those of `update`.

        What has changed in it: URL → what it was, and is now; None for what is not in it. Fetches
        what nobody has seen yet. Raises UsageError for an unknown source, DatafileError for one
        that is not there, EnvironmentFailed.
        """
        wanted = _options(self.space, {})
        _refuse_nesting(self.root)
        self.space.begin(write=True)
        before = pins.read(self.space) or {} if update else {}
        sources = pins.chosen_sources(self.space, update)
        result = _carried_out(self.space, sources_alone(self.space, sources), wanted, on_event)
        if not result.ok:
            failed = [f"{each.name}: {each.error}" for each in result.targets]
            raise EnvironmentFailed("nothing was locked", failed)
        return pins.write(self.space, {**before, **pins.present(self.space, sources)})

    def table(self, name: str) -> pa.Table:
        """The data of a target, of all instances of a foreach target, or of a source.

        Raises UsageError where there is no such name, or nothing there, and TableError.
        """
        from datamake import data

        return data.table(self.space, name)

    def dataset(self, name: str) -> ds.Dataset:
        """The same as a dataset, which reads only what it is asked for; what is remote is refused.

        Raises UsageError and TableError.
        """
        from datamake import data

        return data.dataset(self.space, name)

    def diff(
        self, name: str, against: str | None = None, *, key: Sequence[str] = ()
    ) -> dict[str, Any]:
        """What has changed in the table of a target, as the document of `datamake diff`.

        `against` is a file or folder, the number of a run, or a revision of git; without, what
        there was before its last build. `key` names the columns that tell rows apart. Raises
        UsageError where one of both is not there or not known, and TableError.
        """
        from datamake import comparison

        return comparison.diff(self.space, name, against, key)

    def duckdb(self) -> duckdb.DuckDBPyConnection:
        """A connection of DuckDB with each source and target that is there, and not remote, as a
        view. It is yours to close.

        Raises EnvironmentFailed where DuckDB is not installed.
        """
        from datamake import data

        connection: duckdb.DuckDBPyConnection = data.connection(self.space)
        return connection

    def check(self, select: Sequence[str] = ()) -> dict[str, Any]:
        """Checks what is there, sources included, as the document of `datamake check`.

        Raises UsageError for a wrong selection, and EnvironmentFailed.
        """
        from contextlib import suppress

        from datamake import assurance
        from datamake.errors import DatafileError

        self.space.begin(write=False)
        if self.space.graph.pending:
            with suppress(DatafileError):  # an input is missing: instances stay unknown
                self.plan([*self.space.graph.pending])
        return assurance.check(self.space, select)

    def close(self) -> None:
        """Writes what is to be remembered, and lets go of files and locks."""
        state = self.space.state
        try:
            if self._rest is not None:
                state.commit()
                state.settle()
                opened = self.space.opened
                image.write(self.root, opened, *self._rest, holds=lambda: not state.disturbed)
        finally:
            self.space.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _options(space: Workspace, options: Mapping[str, Any]) -> Options:
    unknown = [name for name in options if name not in Options.__match_args__]
    if unknown:
        known = ", ".join(Options.__match_args__)
        raise UsageError(f"no option `{unknown[0]}`", [f"there are: {known}"])
    wanted = Options(**options)
    if wanted.jobs is not None and wanted.jobs < 1:
        raise UsageError(f"`jobs` is a whole number from 1, not `{wanted.jobs}`")
    if wanted.cache not in MODES:
        raise UsageError(f"no cache mode `{wanted.cache}`", [f"there are: {', '.join(MODES)}"])
    offline = wanted.offline or space.offline
    space.open_cache(wanted.cache, local=offline)
    space.sources.begin(offline=offline)
    return wanted


def _carried_out(
    space: Workspace,
    request: Request,
    wanted: Options,
    on_event: Callable[[Event], None] | None,
) -> BuildResult:
    _share_tree(space, wanted)
    settings = Settings(wanted.jobs or jobs(), wanted.keep_going, wanted.no_wait, request.taken)
    engine = Engine(
        space,
        _judge(space, request),
        settings,
        request.needs,
        urgency(space, request.needs),
        on_event,
    )
    try:
        result = engine.build()
        space.journal.expire(now=space.now())
        space.cache.trim()
        return result
    finally:
        space.locks.release_tree()


def _refuse_nesting(root: str) -> None:
    if os.environ.get("DATAMAKE_ROOT") == root:
        raise UsageError(
            "a build of a tree cannot run inside an action of the same tree",
            [f"`{os.environ.get('DATAMAKE_TARGET', '')}` of {root} is running this"],
            "make it an input of the target instead: a name under `inputs` is enough",
        )


def _share_tree(space: Workspace, options: Options) -> None:
    """Waits until no `clean` or `cache gc` has the tree for itself."""
    while not space.locks.take_tree(exclusive=False):
        if options.no_wait:
            raise TargetLocked("the tree is being cleaned by another datamake")
        time.sleep(WAIT)


def jobs() -> int:
    """How much runs at a time if nothing else is said: the processors we may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1


def _judge(space: Workspace, request: Request) -> Judge:
    return Judge(space, request.demands, space.variables)


def _planner(space: Workspace, request: Request) -> Planner:
    return Planner(space, _judge(space, request), request.taken)


def _asked_for(graph: Graph, result: BuildResult) -> list[str]:
    """The remote sources of all that took part in a build."""
    names = {target.name for target in result.targets}
    return [text for text, remote in graph.remotes.items() if not names.isdisjoint(remote.askers)]


def _seen(space: Workspace, request: Request, result: BuildResult) -> Mapping[str, Any] | None:
    """What the image of a build holds that had nothing to do and nothing to say; else None."""
    at_rest = all(
        target.status is Status.UP_TO_DATE and target.present for target in result.targets
    )
    if not (result.ok and at_rest and space.timeless) or space.graph.remote:
        return None
    if result.notices and set(result.notices) != set(alike(space.graph.outputs)):
        return None
    targets = [space.graph.targets[name] for name in request.needs if name in space.graph.targets]
    if any(target.kind == "query" for target in targets):  # a database is asked at every build
        return None
    ages = [
        record.time + target.policy.max_age
        for target in targets
        if target.policy.max_age is not None and (record := space.record(target.name))
    ]
    return {
        "count": len(result.targets),
        "paths": space.looked,
        "gone": [WRITTEN_AHEAD],
        "own": KEPT,
        "env": {name for target in targets for name in target.surroundings.env},
        "expires": min(ages, default=None),
    }
