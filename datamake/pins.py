"""A project's remote sources as they are now, and as its lock file has them: compared, written down.

Knows nothing of how what is unknown is found out: that was seen to before.
"""

from __future__ import annotations

import os

from datamake import lockfile
from datamake.errors import DatafileError, EnvironmentFailed, Problem, SourceMoved, UsageError
from datamake.listing import Listing
from datamake.lockfile import Locked
from datamake.moves import beside
from datamake.urls import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from datamake.workspace import Workspace

    Changes = Mapping[str, tuple[Locked | None, Locked | None]]
    """URL → what it was, and is now; None for what is not in the lock file."""


def remote_sources(space: Workspace, names: Iterable[str] | None = None) -> list[str]:
    """What no target makes, of these names or of all that is asked for."""
    graph = space.graph
    found = graph.remotes if names is None else (name for name in names if name in graph.remotes)
    return [name for name in found if name not in graph.outputs.owners]


def chosen_sources(space: Workspace, asked: Sequence[str]) -> list[str]:
    """The remote sources that are meant by names or by URLs; all, where nothing is said.

    Raises UsageError.
    """
    everything = remote_sources(space)
    if not asked:
        return everything
    by_text = {name: name for name in everything}
    by_text.update((shown(name), name) for name in everything)
    declared = {name: source.text for name, source in space.graph.sources.items()}
    found = []
    for word in asked:
        text = by_text.get(declared.get(word, word))
        if text is None:
            raise UsageError(
                f"no remote source `{shown(word)}`",
                hint="write the name of a source, or its URL as it is in Datafile.lock",
            )
        found.append(text)
    return list(dict.fromkeys(found))


def present(space: Workspace, names: Iterable[str]) -> dict[str, Locked]:
    """What these sources are now, by the URLs that people see; without those that are not there.

    Sources that people see as one, for only what is hidden tells them apart, are locked as one.
    """
    alike: dict[str, list[str]] = {}
    for name in remote_sources(space):
        alike.setdefault(shown(name), []).append(name)
    found = {}
    for url in dict.fromkeys(map(shown, names)):
        several = [_present(space, name) for name in alike[url] if space.sources.seen(name)]
        if several:
            found[url] = several[0] if len(several) == 1 else _together(several)
    return found


def _present(space: Workspace, name: str) -> Locked:
    seen = space.sources.seen(name)
    alone = len(seen) == 1 and seen[0].url == name
    tokens = ((shown(each.url), each.token) for each in seen)
    token = seen[0].token if alone else lockfile.token_of_all(tokens)
    return Locked(token, _digest(space, name) if space.graph.remotes[name].fetch else "")


def _together(several: Sequence[Locked]) -> Locked:
    """What stands for several sources, in this order."""
    token = lockfile.token_of_all((str(n), each.token) for n, each in enumerate(several))
    digests = {str(n): each.digest for n, each in enumerate(several)}
    return Locked(token, Listing(digests, {}, ()).digest if all(digests.values()) else "")


def refuse_moved(space: Workspace, names: Iterable[str]) -> None:
    """Raises SourceMoved for what is not as the lock file has it, DatafileError if that is broken."""
    sources = remote_sources(space, names)
    if not sources:
        return
    locked = read(space)
    if locked is None:
        hint = "`datamake lock` writes it"
        raise SourceMoved([Problem("there is no lock file", lockfile.FILE, hint=hint)])
    problems = lockfile.moved(locked, present(space, sources))
    if problems:
        raise SourceMoved(problems)


def read(space: Workspace) -> Mapping[str, Locked] | None:
    """What the lock file has; None where there is none. Raises DatafileError."""
    try:
        with open(_path(space), encoding="utf-8", errors="surrogateescape", newline="") as file:
            return lockfile.parsed(file.read())
    except FileNotFoundError:
        return None


def write(space: Workspace, entries: Mapping[str, Locked]) -> Changes:
    """Puts a lock file in the place of the last one, at once; what has changed in it.

    Raises EnvironmentFailed.
    """
    try:
        before = read(space) or {}
    except DatafileError:  # written anew
        before = {}
    path = _path(space)
    new = beside(path)
    try:
        with open(new, "w", encoding="utf-8", newline="") as file:
            file.write(lockfile.text_of(entries))
        os.replace(new, path)
    except OSError as error:
        raise EnvironmentFailed(f"cannot write `{lockfile.FILE}`", [str(error.strerror)]) from None
    return {
        name: (before.get(name), entries.get(name))
        for name in sorted({*before, *entries})
        if before.get(name) != entries.get(name)
    }


def _path(space: Workspace) -> str:
    return os.path.join(space.root, lockfile.FILE)


def _digest(space: Workspace, name: str) -> str:
    """The digest of an object, or one that stands for all that a source has; `""` if unknown."""
    contents = space.sources.contents(name)
    if contents is None:
        return ""
    if [each.path for each in contents] == [name]:
        return contents[0].digest
    return Listing({shown(each.path): each.digest for each in contents}, {}, ()).digest
