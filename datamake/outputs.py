"""Which target writes which path, and where the outputs of instances yet unknown may lie.

Knows nothing of inputs.
"""

from __future__ import annotations

from bisect import bisect_left

from datamake.patterns import below, exactly, meet
from datamake.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from datamake.patterns import Pattern


@value
class Template:
    """An output of a target whose instances are not known yet, as the segments of a glob."""

    segments: tuple[str, ...]
    folder: bool


class Outputs:
    """The declared outputs of all targets, by path; no path lies in another one."""

    def __init__(self) -> None:
        self.owners: dict[str, str] = {}
        """Path → the target that writes it."""
        self.folders: set[str] = set()
        self.templates: dict[str, list[Template]] = {}
        """Owner → outputs of its instances, while these are not known."""
        self._above: dict[str, str] = {}
        """Every folder above an output → one output in it."""
        self._sorted: list[str] = []
        self._recent: list[str] = []

    def __contains__(self, path: object) -> bool:
        """Whether a target writes this path, or may."""
        if path in self.owners:
            return True
        return isinstance(path, str) and bool(self.around(path) or self.awaited(path))

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
        """The outputs that match."""
        return [path for path in self.under(pattern.prefix) if pattern.matches(path)]

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
        """Those of the targets with instances yet unknown that may write `path`, or what is in it."""
        return self.meeting(exactly(path)) if path and self.templates else []

    def meeting(self, segments: Sequence[str]) -> list[str]:
        """Those of the targets with instances yet unknown that may write what matches."""
        return [
            owner
            for owner, templates in self.templates.items()
            if any(
                meet(segments, each.segments)
                or (each.folder and meet(segments, below(each.segments)))
                for each in templates
            )
        ]
