"""What a change since a revision of git affects.

Knows nothing of staleness: a target is affected if what it reads, or its own text, differs from
what it was then, or if it needs what is affected.
"""

from __future__ import annotations

import os

from datamake.datafile import load
from datamake.errors import DatamakeError
from datamake.git import Git, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from datamake.model import Spec
    from datamake.workspace import Workspace


def affected(space: Workspace, revision: str) -> set[str]:
    """The targets that the changes since `revision`, committed or not, affect.

    Raises UsageError where there is no such revision.
    """
    changed = _changed_files(space.root, revision)
    families = _changed_families(space, revision, changed)
    graph = space.graph
    found: set[str] = set()
    for name in graph.closure([*graph.targets, *graph.pending]):
        target = graph.targets.get(name)
        if (
            any(need in found for need in graph.needs[name])
            or (target is not None and target.family in families)
            or not changed.isdisjoint(graph.code.get(name, ()))
            or any(
                item.path in changed
                for link in graph.links.get(name, ())
                for item in link.items
                if item.producer is None
            )
        ):
            found.add(name)
    return found


def _changed_families(space: Workspace, revision: str, changed: set[str]) -> set[str]:
    """The declared names whose text is not what it was."""
    if not any(part.file in changed for part in space.spec.parts):
        return set()
    now = space.spec
    try:
        then = load(now.parts[0].file, _Revision(space.root, revision), profile=now.profile)
    except DatamakeError:
        return set(now.targets)  # there was no Datafile, or one that this version cannot read
    if (then.params, then.project) != (now.params, now.project):
        return set(now.targets)
    return {name for name in now.targets if _text(now, name) != _text(then, name)}


def _text(spec: Spec, name: str) -> object:
    declared = spec.targets.get(name)
    return declared and (declared.kind, declared.table)


def _changed_files(root: str, revision: str) -> set[str]:
    """The files, from the root, that differ from the revision or are new."""
    git = Git(root, "--since", "leave it out: what is stale is found without git")
    differing = git.of(revision, "diff", "--name-only", "--relative", "-z", revision, "--")
    new = git("ls-files", "--others", "--exclude-standard", "-z")
    return {os.fsdecode(path) for path in (differing + new).split(b"\0") if path}


class _Revision:
    """The files of a project as they were at a revision of git: a `model.Tree` for Datafiles."""

    def __init__(self, root: str, revision: str) -> None:
        self.git = Git(root, "--since")
        self.revision = revision

    def kind(self, path: str) -> str | None:
        """What was at a path."""
        if not path:
            return "folder"
        parent, _, name = path.rpartition("/")
        return self.entries(parent).get(name)

    def entries(self, folder: str) -> Mapping[str, str]:
        """What was in a folder."""
        spec = f"{self.revision}:./{folder}"
        try:
            listed = self.git("ls-tree", "-z", spec.rstrip("/") if folder else spec)
        except Refused:
            return {}
        found = {}
        for line in filter(None, listed.split(b"\0")):
            about, _, name = line.partition(b"\t")
            found[os.fsdecode(name)] = "folder" if b" tree " in about else "file"
        return found

    def real(self, folder: str) -> str:
        """No Datafile needs it."""
        raise AssertionError(folder)

    def read(self, path: str) -> bytes | None:
        """The content that a file had."""
        try:
            return self.git("show", f"{self.revision}:./{path}")
        except Refused:
            return None

    def digest(self, path: str) -> str | None:
        """No Datafile needs it."""
        raise AssertionError(path)

    def matching(self, pattern: str) -> list[str]:
        """No Datafile needs it."""
        raise AssertionError(pattern)
