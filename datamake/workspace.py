"""The open parts of a project: its spec and graph, files, state, cache, locks and journal.

Knows nothing of building; it opens, holds and closes.
"""

from __future__ import annotations

import os
import sys
import time

from datamake import __version__
from datamake.cache import Cache
from datamake.datafile import load, locate, setting
from datamake.errors import DatafileError, EnvironmentFailed, Problem, UsageError
from datamake.expand import expand
from datamake.files import Files
from datamake.graph import link
from datamake.journal import Journal
from datamake.locks import Locks
from datamake.made import Made
from datamake.model import KEPT
from datamake.sources import Sources
from datamake.state import State
from datamake.storage import open_storage
from datamake.storage.local import LocalStorage
from datamake.tables.engine import installed, version
from datamake.tree import LocalTree
from datamake.urls import UrlError, check_cache, filled_in, is_url, options, shown
from datamake.values import undisturbed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping, Sequence
    from typing import Any

    from datamake.graph import Graph
    from datamake.model import Record, Spec, Written
    from datamake.recipes import Tables
    from datamake.shared import Place

STATE = f"{KEPT}/state.sqlite"
WRITTEN_AHEAD = f"{STATE}-wal"
"""What SQLite keeps beside the state while it is open."""
IGNORE_ITSELF = "*\n"
SHARE_OF_DISK = 10
"""The local cache may take one part in so many of its disk, if nothing else is said."""


class AsMade:
    """The paths of what datamake made and nobody has changed since; of a folder, changed or not."""

    def __init__(self, made: Mapping[str, str], files: Files) -> None:
        self.made = made
        self.files = files

    def __contains__(self, path: object) -> bool:
        digest = self.made.get(path) if isinstance(path, str) else None
        if digest is None or not isinstance(path, str):
            return False
        return digest.endswith("/") or self.files.digest(path) == digest


class Workspace:
    """The open parts of the project whose Datafile is at `file`; `root` is absolute."""

    def __init__(
        self, root: str, file: str, profile: str | None, params: Mapping[str, Any]
    ) -> None:
        self.root = root
        self.opened = self.began = time.time()
        """When it was opened, and when the last run began, in seconds since 1970."""
        self.notices: list[str] = []
        """Lines for people about what was found on the way."""
        self.go_on: Callable[[], None] = undisturbed  # `Interrupts.go_on` while a run judges
        self.folder = folder = os.path.join(root, KEPT)
        self.state = State(folder, readonly=not os.path.isdir(folder), notice=self.notices.append)
        self.files = Files(root, self.state.stamps, self.now)
        self.sources = Sources(
            folder,
            self.state.sightings,
            lambda url: options(self.spec.storage, url, self.variables, self.spec.params),
            self.now,
        )
        self.tree = LocalTree(self.files, self.sources.matching)
        try:
            self.spec = load(
                file,
                self.tree,
                profile=profile,
                overrides=params,
                env=os.environ,
                version=__version__,
            )
        except BaseException:
            self.state.close()
            raise
        self.variables = self._variables()
        self.offline = self.sources.offline = bool(self.variables.get("DATAMAKE_OFFLINE"))
        """Whether no request may be made, whatever is asked for."""
        self.locks = Locks(folder)
        self.journal = Journal(folder)
        self.made_file = Made(folder)
        self.made = self.made_file.load()
        self.open_cache("read-write", local=True)
        self._graph: Graph | None = None

    @property
    def graph(self) -> Graph:
        """The targets and how they hang together. Raises DatafileError."""
        if self._graph is None:
            try:
                made = AsMade(self.made, self.files)
                expansion = expand(
                    self.spec,
                    self.tree,
                    now=self._local_time(),
                    made=made,
                    variables=self.variables,
                    tables=tables_in(self.state.memo),
                )
                self._graph = link(expansion, self.tree, made=made, memo=self.state.memo)
                self.sources.written = self._graph.outputs.owners
            except DatafileError as error:
                raise DatafileError(locate(error.problems, self.tree)) from None
        return self._graph

    def begin(self, *, write: bool) -> None:
        """Begins a plan or a build: looks at all files anew, and makes room for what is to be kept.

        Raises EnvironmentFailed where that is needed and cannot be had.
        """
        self.began = time.time()
        if self._graph is not None:
            self._graph = None
            self.files.forget("")
            self.tree.forget("")
        if not write:
            return
        _make_folder(self.folder)
        if self.state.readonly:
            self.state.close()
            self.state = State(self.folder, notice=self.notices.append)
            self.files.stamps = self.state.stamps
            self.sources.sightings = self.state.sightings
        if self.state.readonly:
            raise EnvironmentFailed(f"cannot build: `{KEPT}` cannot be written", [self.root])

    @property
    def looked(self) -> set[str]:
        """All paths that a build with nothing to do depends on, whether anything is there or not."""
        venvs = {
            *(".venv", sys.prefix, os.environ.get("VIRTUAL_ENV"), self.spec.project.get("venv")),
            *(target.surroundings.venv for target in self.graph.targets.values()),
        }
        return {
            *self.tree.looked,
            *(part.file for part in self.spec.parts),
            self.spec.project.get("env_file", ".env"),
            *(STATE, f"{KEPT}/journal"),
            *(os.path.join(venv, "pyvenv.cfg") for venv in venvs if venv),
            *filter(None, map(installed, engines(self.graph))),
        }

    @property
    def timeless(self) -> bool:
        """Whether the targets are the same whatever the time is."""
        dated = all("to" in dates for dates in self._dates())
        return dated and not any(self.graph.expansion.limits())

    def _dates(self) -> list[Mapping[str, Any]]:
        """The foreach variables that are dates."""
        tables = (target.table.get("foreach") for target in self.spec.targets.values())
        return [
            variable
            for foreach in tables
            if isinstance(foreach, dict)
            for variable in foreach.values()
            if isinstance(variable, dict)
        ]

    def _variables(self) -> dict[str, str]:
        """The environment, over what `project.env_file` has."""
        path = self.spec.project.get("env_file")
        content = self.tree.read(path) if path else None
        if content is None:
            return dict(os.environ)
        return {**env_file(content.decode("utf-8", "replace")), **os.environ}

    def digest(self, path: str) -> str | None:
        """The digest of what is at a path or URL, or None."""
        return self.sources.digest(path) if is_url(path) else self.files.digest(path)

    def record(self, target: str) -> Record | None:
        """What was seen when a target last came up to date."""
        return self.state.records().get(target)

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def entries(self, folder: Written) -> Mapping[str, str]:
        """Relative path → digest of the files in a folder that a target made."""
        if self.files.digest(folder.path) == folder.digest:
            return self.files.listing(folder.path).files
        listing = self.cache.listing(folder.digest)
        return {} if listing is None else listing.files

    def close(self) -> None:
        """Writes what is to be remembered, and lets go of everything."""
        self.state.commit()
        self.state.close()
        self.locks.close()

    def cache_folder(self) -> str:
        """The folder of the local cache, absolute."""
        named = os.environ.get("DATAMAKE_LOCAL_CACHE") or self.spec.project.get("local_cache")
        return os.path.join(self.root, os.path.expanduser(named or f"{KEPT}/cache"))

    def open_cache(self, mode: str, *, local: bool = False) -> None:
        """Opens the caches for `read-write`, `read`, `write` or `off`, or the `local` one only.

        Raises UsageError where what the Datafile says of the shared one cannot be filled in.
        """
        project = self.spec.project
        path = self.cache_folder()
        size = _bytes(project.get("local_cache_size"), path)
        storage = LocalStorage(path, share=project.get("link") != "copy")
        if local or mode == "off" or not project.get("cache"):
            self.cache = self.sources.shared = Cache(storage, mode, size, self.notices.append)
            return
        from datamake.shared import SharedCache

        try:  # noqa: SIM105 - contextlib costs start-up time
            _make_folder(self.folder)
        except EnvironmentFailed:  # a tree that cannot be written
            pass
        place = shared_place(self.root, self.spec, self.variables)
        self.cache = self.sources.shared = SharedCache(
            storage, place, mode, size, self.notices.append
        )

    def _local_time(self) -> str:
        if not self._dates():
            return ""
        from datetime import datetime
        from zoneinfo import ZoneInfo

        name = self.spec.project.get("timezone", "UTC")
        try:
            zone = ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            raise DatafileError(
                [
                    Problem(
                        f"there is no time zone `{name}`",
                        self.spec.parts[0].file,
                        setting(self.spec, "timezone"),
                        hint="names are like `Europe/Berlin`",
                    )
                ]
            ) from None
        return datetime.fromtimestamp(self.now(), zone).isoformat()


def engines(graph: Graph) -> set[str]:
    """The packages whose versions count."""
    kinds = {target.kind for target in graph.targets.values()}
    return {"duckdb", "pyarrow"} if kinds & {"sql", "standardize"} else set()


def tables_in(memo: MutableMapping[str, tuple[str, ...]]) -> Tables:
    """What says which tables a query reads, and remembers it."""

    def found(query: str, prelude: Sequence[str]) -> Sequence[str]:
        key = "\0".join(("tables-1", version() or "", query, *prelude))
        if key not in memo:
            from datamake.tables import queries

            memo[key] = tuple(queries.tables_in(query, prelude))
        return memo[key]

    return found


def shared_place(root: str, spec: Spec, variables: Mapping[str, str]) -> Place:
    """Where the shared cache of a project is.

    Raises UsageError for a variable that is not set, and where none can be.
    """
    from functools import partial

    from datamake.shared import Place

    url = filled_in(spec.project["cache"], variables, spec.params, "`project.cache`")
    try:
        check_cache(url)
    except UrlError as error:
        raise UsageError(f"`project.cache`: {error}", hint=error.hint) from None
    if is_url(url):
        opened = partial(open_storage, url, **options(spec.storage, url, variables, spec.params))
    else:
        opened = partial(open_storage, os.path.join(root, os.path.expanduser(url)))
    return Place(opened, shown(url), variables.get("DATAMAKE_CACHE_KEY", ""))


def env_file(text: str) -> dict[str, str]:
    """The variables of lines `NAME=value`, `export` before and quotes around allowed."""
    found = {}
    for line in text.splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not name.startswith("#"):
            value = value.strip()
            quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
            found[name.strip()] = value[1:-1] if quoted else value
    return found


def _make_folder(folder: str) -> None:
    """Makes the folder of all that datamake keeps, which ignores itself in git."""
    try:
        os.makedirs(folder, exist_ok=True)
        ignore = os.path.join(folder, ".gitignore")
        if not os.path.exists(ignore):
            with open(ignore, "w", encoding="utf-8") as file:
                file.write(IGNORE_ITSELF)
    except OSError as error:
        raise EnvironmentFailed(
            f"cannot build: `{KEPT}` cannot be written", [f"{folder}: {error.strerror}"]
        ) from None


def _bytes(size: str | int | None, path: str) -> int:
    if isinstance(size, int):
        return size
    if size is not None:
        from datamake.datafile.units import size as parsed

        return parsed(size)
    while not os.path.exists(path):
        path = os.path.dirname(path)
    disk = os.statvfs(path)
    return disk.f_frsize * disk.f_blocks // SHARE_OF_DISK
