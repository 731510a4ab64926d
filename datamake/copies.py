"""Local copies of remote objects, in a folder of this run.

Knows nothing of stores, nor of what the objects are for.
"""

from __future__ import annotations

import os

from datamake.clone import unique
from datamake.moves import remove
from datamake.urls import WEB, parsed, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST = 255
"""Bytes that the name of a file may have."""
SHORT = 32


class Copies:
    """The copies of one run, in the folder `remote` of `folder`, that of what datamake keeps (absolute)."""

    def __init__(self, folder: str) -> None:
        self._root = os.path.dirname(folder)
        self.folder = os.path.join(folder, "remote", unique())
        self._made: dict[str, tuple[int, ...]] = {}
        """Copy → how it was when it was made."""
        self._urls: dict[str, str] = {}
        """Copy → what it is a copy of."""

    def place(self, url: str) -> str:
        """The absolute path of the copy of an object or a member, or of a folder of them.

        It ends in the same name, and what is in a folder is in its copy.
        """
        found = parsed(url)
        if found.archive:
            return os.path.join(self.members(url), *found.member.split("/"))
        path, mark, query = found.place, "", ""
        if found.scheme in WEB:
            path, mark, query = path.partition("?")
        segments = path.rstrip("/").split("/")
        user, at, host = segments[0].rpartition("@")
        if at:
            segments[:1] = [host, _hash(user)]
        if mark:
            segments.insert(-1, _hash(query))
        return os.path.join(self.folder, found.scheme, *map(_safe, segments))

    def members(self, url: str) -> str:
        """The folder of the copies of an archive's members."""
        found = parsed(url)
        return os.path.join(self.folder, found.archive, _hash(found.outer))

    def made(self, url: str) -> None:
        """Take note of a copy, if it is there."""
        path = self.place(url)
        if os.path.exists(path):
            self._made[path] = _stamp(path)
            self._urls[path] = url

    def named(self, text: str) -> str:
        """A message with URLs in place of the paths of copies, absolute or from the project's root."""
        parts = text.split("`")
        for at in range(1, len(parts), 2):
            url = self._urls.get(os.path.normpath(os.path.join(self._root, parts[at])))
            parts[at] = shown(url) if url is not None else parts[at]
        return "`".join(parts)

    def here(self, urls: Iterable[str]) -> bool:
        """Whether there are copies of all of these."""
        return all(self.place(url) in self._made for url in urls)

    def touched(self, url: str) -> bool:
        """Whether a copy is not as it was made."""
        path = self.place(url)
        try:
            return _stamp(path) != self._made.get(path)
        except OSError:
            return True

    def remove(self) -> None:
        """Remove all of them."""
        self._made.clear()
        self._urls.clear()
        remove(self.folder)


def _hash(text: str) -> str:
    from xxhash import xxh3_64_hexdigest

    return str(xxh3_64_hexdigest(text.encode("utf-8", "surrogateescape")))


def _safe(segment: str) -> str:
    """A segment of a URL as the name of a file; of one that is too long only the ending is left."""
    if segment.lstrip("%") in ("", ".", ".."):
        return f"%{segment}"
    name = segment.replace("\0", "%00")
    if len(os.fsencode(name)) <= LONGEST:
        return name
    ending = os.path.splitext(name)[1]
    return _hash(name) + (ending if len(ending) < SHORT else "")


def _stamp(path: str) -> tuple[int, ...]:
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino
