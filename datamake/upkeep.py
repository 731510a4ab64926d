"""Keeping a project in order: outputs that are to go, the local cache, the installation.

Knows nothing of command lines: who may be asked is an argument, and what is found is returned.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager, suppress

from datamake import __version__
from datamake.clone import reflinks
from datamake.errors import DatamakeError, EnvironmentFailed
from datamake.journal import Folders
from datamake.model import KEPT
from datamake.request import chosen
from datamake.surroundings import folder_of_programs, interpreter
from datamake.values import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from datamake.eviction import Freed
    from datamake.project import Project

    Document = dict[str, Any]


VERSION = 1
WAIT = 0.2
"""Seconds between two tries to have the tree for oneself."""
SKEW = 2.0
"""Seconds by which the clock of a file system may differ from the machine's."""
NEEDED = ("xxhash", "tomli", "fsspec", "pyarrow", "typer", "rich")


# Outputs


def clean(
    project: Project,
    select: Sequence[str] = (),
    *,
    orphans: bool = False,
    confirm: Callable[[Sequence[str]], bool] = lambda _: True,
) -> list[str]:
    """Removes the outputs of the selected targets, or of all, and returns their paths.

    `orphans`: of no target any more; of targets only where there is a selection too. Only what
    datamake made goes, and only as it made it; what was changed since stays, with a notice. Waits
    for all builds. `confirm` is asked with the paths. Raises UsageError.
    """
    space = project.space
    paths = [] if orphans and not select else _outputs(project, select)
    if orphans:
        paths += [path for path in space.made if path not in space.graph.outputs]
    going = [path for path in paths if _is_ours(project, path)]
    if not confirm(going):
        return []
    folders = Folders(os.path.join(project.root, KEPT))
    removed = []
    with _own_tree(project):
        try:
            for path in going:
                space.files.forget(path)
                if _is_ours(project, path):
                    folders.discard(folders.real(path))
                    space.tree.forget(path)
                    removed.append(path)
        finally:
            space.made_file.remove(removed)
    return removed


def _outputs(project: Project, select: Sequence[str]) -> list[str]:
    """The paths that datamake made for the selected targets, or for all."""
    space, graph = project.space, project.graph
    if not select:
        return [path for path in space.made if path in graph.outputs]
    names = chosen(space, select, project.states)
    return [
        output.path
        for name in names
        if name in graph.targets
        for output in graph.targets[name].outputs
        if output.path in space.made
    ]


def _is_ours(project: Project, path: str) -> bool:
    """Whether what is at a path is what datamake made there."""
    space = project.space
    digest = space.files.digest(path)
    if digest is not None and digest != space.made[path]:
        space.notices.append(f"left `{path}`: it was changed since datamake made it")
    return digest == space.made[path]


@contextmanager
def _own_tree(project: Project) -> Iterator[None]:
    """The tree without builds, which are waited for."""
    project.space.begin(write=True)
    while not project.space.locks.take_tree(exclusive=True):
        time.sleep(WAIT)
    try:
        yield
    finally:
        project.space.locks.release_tree()


# The cache


def cache_gc(
    project: Project,
    *,
    max_size: int | None = None,
    older_than: float | None = None,
    grace: float = 0.0,
    dry: bool = False,
) -> Freed:
    """Shrinks the local cache, to its own limit if nothing else is said; see `Cache.gc`.

    Waits for all builds of this tree, unless it only counts.
    """
    cache = project.space.cache
    limit = cache.max_size if max_size is None and older_than is None else max_size
    if dry:
        return cache.gc(limit, older_than, grace, dry=True)
    with _own_tree(project):
        return cache.gc(limit, older_than, grace)


def cache_verify(project: Project) -> list[str]:
    """Reads all of the local cache again; the keys of what was corrupt, and is dropped."""
    return project.space.cache.verify()


def cache_stats(project: Project) -> Document:
    """How large the local cache is, how often it helped in past runs, and why it did not."""
    cache, history = project.space.cache, project.space.state.history
    runs = [run.summary for run in history.runs(sys.maxsize)]
    built, cached = (sum(run.get(key, 0) for run in runs) for key in ("built", "cached"))
    return {
        **cache.stats(),
        "max_size": cache.max_size,
        "hits": cached,
        "built": built,
        "hit_rate": round(cached / (built + cached), 3) if built + cached else None,
        "misses": [f"{reason} {count:,}" for reason, count in history.reasons().items()],
    }


# The installation


@value
class Check:
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str
    hint: str = ""


def doctor(project: Project | None) -> Document:
    """What was looked at, of the installation and of a project: name, whether ok, detail, hint."""
    checks = [_python(), _sqlite(), *map(_library, NEEDED), _bash()]
    if project is not None:
        folder = os.path.join(project.root, KEPT)
        with suppress(EnvironmentFailed):  # what fails is among the checks
            project.space.begin(write=True)
        checks += [
            _interpreter(project),
            _writable("project", folder),
            _state(project),
            _locks(project),
            _clock(folder),
            _reflink(folder),
            _writable("cache", project.space.cache_folder()),
        ]
        kinds = {target.kind for target in project.graph.targets.values()}
        checks += [_extra("duckdb", "sql")] if "sql" in kinds else []
        checks += [_extra("adbc-driver-manager", "db")] if "query" in kinds else []
        if project.spec.project.get("cache") and not project.space.offline:
            checks.append(_shared_cache(project))
    return {
        "version": VERSION,
        "checks": [
            {"name": check.name, "ok": check.ok, "detail": check.detail, "hint": check.hint}
            for check in checks
        ],
    }


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return Check("datamake", True, f"{__version__}, on Python {version} ({sys.executable})")


def _sqlite() -> Check:
    import sqlite3

    return Check("sqlite", True, sqlite3.sqlite_version)


def _library(name: str) -> Check:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return Check(name, True, version(name))
    except PackageNotFoundError:
        return Check(name, False, "not installed", f"`pip install {name}`")


def _extra(name: str, extra: str) -> Check:
    found = _library(name)
    return found if found.ok else replace(found, hint=f"`pip install 'datamake[{extra}]'`")


def _bash() -> Check:
    from shutil import which

    bash = which("bash")
    if bash:
        return Check("bash", True, bash)
    return Check("bash", False, "not found, `sh` runs the scripts", "install bash")


def _interpreter(project: Project) -> Check:
    from datamake.model import SURROUNDINGS

    python = interpreter(folder_of_programs(project.root, SURROUNDINGS, project.spec.project))
    there = os.access(python, os.X_OK)
    return Check(
        "python of targets",
        there,
        python if there else f"{python} is not there",
        "" if there else "make the venv, or set `project.venv`",
    )


def _state(project: Project) -> Check:
    state = project.space.state
    try:
        records = state.records()
    except EnvironmentFailed as error:
        return Check("state", False, error.headline, error.hint)
    more = "; ".join(line for line in project.space.notices if line.startswith("state "))
    detail = f"{len(records):,} records" + (", only read" if state.readonly else "")
    return Check("state", not more, more or detail)


def _locks(project: Project) -> Check:
    locks, probe = project.space.locks, "?"  # no target's name
    try:
        if locks.take(probe):
            locks.release(probe)
    except EnvironmentFailed as error:
        return Check("locks", False, "; ".join((error.headline, *error.facts)), error.hint)
    return Check("locks", True, "the system keeps them")


def _writable(name: str, folder: str) -> Check:
    try:
        _probe(folder)
    except OSError as error:
        return Check(name, False, f"{folder}: {error.strerror}", "the folder must be writable")
    return Check(name, True, folder)


def _shared_cache(project: Project) -> Check:
    from datamake.sharing import reached

    try:
        return Check("shared cache", True, reached(project.space))
    except DatamakeError as error:
        detail = "; ".join((error.headline, *error.facts))
        return Check("shared cache", False, detail, error.hint)


def _clock(folder: str) -> Check:
    try:
        skew = _probe(folder) - time.time()
    except OSError as error:
        return Check("clock", False, f"{folder}: {error.strerror}")
    if abs(skew) <= SKEW:
        return Check("clock", True, "that of the file system agrees")
    when = "ahead of" if skew > 0 else "behind"
    return Check(
        "clock",
        False,
        f"that of the file system is {abs(skew):,.0f} s {when} this machine's",
        "files count as just changed and are hashed more often than needed; set the clocks",
    )


def _reflink(folder: str) -> Check:
    try:
        shared = reflinks(folder)
    except OSError as error:
        return Check("reflink", False, f"{folder}: {error.strerror}")
    return Check("reflink", True, "files share their blocks" if shared else "files are copied")


def _probe(folder: str) -> float:
    """The time, by the file system, at which a file was made in a folder. Raises OSError."""
    while not os.path.exists(folder):
        folder = os.path.dirname(folder)
    path = os.path.join(folder, f".datamake-{os.urandom(8).hex()}")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        return os.fstat(descriptor).st_mtime
    finally:
        os.close(descriptor)
        os.unlink(path)
