"""Which target writes which path or URL, and where the outputs of instances yet unknown may lie.

Knows nothing of inputs.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from posixpath import join

from datamake.patterns import below, exactly, fixed, meet
from datamake.urls import is_url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from datamake.patterns import Pattern

    Segments = tuple[str, ...]

NOBODY: frozenset[str] = frozenset()


def remote(segments: Segments) -> bool:
    """Whether the path that these segments match is a URL, `s3://...`."""
    return len(segments) > 1 and segments[1] == ""


class Templates:
    """Where the outputs of instances yet unknown may lie: globs, as their segments.

    They are looked up by the folder that all they match is in.
    """

    def __init__(self) -> None:
        self._shapes: dict[str, list[Segments]] = {}
        self._order: dict[str, int] = {}
        self._owners: dict[str, set[str]] = {}
        """Folder → the owners with a glob whose first special segment is in it."""
        self._folders: list[str] = []
        """The same folders, sorted."""

    def __contains__(self, owner: str) -> bool:
        return owner in self._shapes

    def __bool__(self) -> bool:
        return bool(self._shapes)

    def add(self, owner: str, shapes: Iterable[Segments]) -> None:
        """Take in all outputs of an owner."""
        self._shapes[owner] = list(shapes)
        self._order[owner] = len(self._order)
        for shape in self._shapes[owner]:
            folder = fixed(shape)
            if folder not in self._owners:
                self._owners[folder] = set()
                insort(self._folders, folder)
            self._owners[folder].add(owner)

    def drop(self, owner: str) -> None:
        """Its instances are known."""
        for shape in self._shapes.pop(owner):
            self._owners[fixed(shape)].discard(owner)

    def meeting(self, segments: Segments) -> list[str]:
        """The owners that may write what these segments match, in the order they were added."""
        if not self._shapes:
            return []
        near: set[str] = set()
        for folder in self._around(fixed(segments)):
            near |= self._owners.get(folder, NOBODY)
        found = [
            owner
            for owner in near
            if any(
                remote(each) == remote(segments) and meet(segments, each)
                for each in self._shapes[owner]
            )
        ]
        return sorted(found, key=self._order.__getitem__)

    def _around(self, folder: str) -> Iterator[str]:
        """A folder, those above it, and those of the templates below it."""
        above = folder
        while above:
            yield above
            above = above.rpartition("/")[0]
        yield ""
        start = f"{folder}/" if folder else ""
        for index in range(bisect_left(self._folders, start), len(self._folders)):
            if not self._folders[index].startswith(start):
                return
            yield self._folders[index]


class Outputs:
    """The declared outputs of all targets, by path; no path lies in another one."""

    def __init__(self, real: Callable[[str], str]) -> None:
        self._real = real
        self.owners: dict[str, str] = {}
        """Path → the target that writes it."""
        self.folders: set[str] = set()
        self.remote = False
        """Whether any is at a URL."""
        self.templates = Templates()
        self._above: dict[str, str] = {}
        """Every folder above an output → one output in it."""
        self._sorted: list[str] = []
        self._recent: list[str] = []

    def __contains__(self, path: object) -> bool:
        """Whether a target writes this path, or may, also by way of linked folders."""
        if path in self.owners:
            return True
        if not isinstance(path, str):
            return False
        path = self.followed(path, path.rpartition("/")[0])
        return path in self.owners or bool(self.around(path) or self.awaited(path))

    def followed(self, path: str, folder: str) -> str:
        """A path, or glob, in `folder`: where that is once links are followed, if targets write there.

        Where none does, a link is the user's affair, and may lead elsewhere tomorrow.
        """
        real = self._real(folder)
        if real == folder or real[:1] == "/" or not self._written(real):
            return path
        return join(real, path[len(folder) + 1 :])

    def _written(self, folder: str) -> bool:
        """Whether a target writes, or may write, into a folder."""
        if self.inside(folder) is not None or next(self.under(folder), None) is not None:
            return True
        return bool(self.templates.meeting(below(exactly(folder))))

    def add(self, path: str, owner: str, *, folder: bool) -> str | None:
        """Take in an output; or the path of another that it is, lies in or holds."""
        if path in self.owners:
            return path
        if path in self._above:
            return self._above[path]
        new = []
        parent = path.rpartition("/")[0]
        while parent and parent not in self._above:
            if parent in self.owners:
                return parent
            new.append(parent)
            parent = parent.rpartition("/")[0]
        self._above.update(dict.fromkeys(new, path))
        self.owners[path] = owner
        self.remote = self.remote or is_url(path)
        self._recent.append(path)
        if folder:
            self.folders.add(path)
        return None

    def around(self, path: str) -> str | None:
        """The folder output that `path` lies in."""
        if not self.folders:
            return None
        while path := path.rpartition("/")[0]:
            if path in self.folders:
                return path
        return None

    def inside(self, folder: str) -> str | None:
        """The folder output that a folder is, or lies in."""
        return folder if folder in self.folders else self.around(folder)

    def under(self, folder: str) -> Iterator[str]:
        """The outputs in a folder, sorted; `""` is the root."""
        if self._recent:
            self._sorted += self._recent
            self._sorted.sort()
            self._recent = []
        start = f"{folder}/" if folder else ""
        for index in range(bisect_left(self._sorted, start), len(self._sorted)):
            path = self._sorted[index]
            if not path.startswith(start):
                return
            yield path

    def matching(self, pattern: Pattern) -> list[str]:
        """The outputs that match; of a path's pattern no URLs."""
        away = is_url(pattern.text)
        return [
            path
            for path in self.under(pattern.prefix)
            if is_url(path) == away and pattern.matches(path)
        ]

    def reaching(self, pattern: Pattern) -> list[str]:
        """The folder outputs that don't match themselves, but in which something may."""
        if not self.folders:
            return []
        outer = self.inside(pattern.prefix)
        if outer is not None:
            return [outer]
        return [
            path
            for path in self.under(pattern.prefix)
            if path in self.folders
            and not pattern.matches(path)
            and meet(pattern.segments, below(exactly(path)))
        ]

    def awaited(self, path: str) -> list[str]:
        """Those of the targets with instances yet unknown that may write `path`, or what holds it."""
        return self.templates.meeting(exactly(path)) if path and self.templates else []
