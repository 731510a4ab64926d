"""Digests of local files and folders, spared by stamps.

Knows nothing of targets. Paths are relative to the root, or absolute. What was digested once is
remembered until it is forgotten: `forget` a path that was written, and `forget("")` for a new run.
"""

from __future__ import annotations

import os
from errno import ENAMETOOLONG, ENOENT, ENOTDIR
from stat import S_ISDIR, S_ISLNK, S_ISREG
from time import time

from datamake.content import digested, irregular, stamp_of
from datamake.errors import EnvironmentFailed
from datamake.listing import Listing, inside, parents

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    from datamake.content import Stamp

    class Stamps(Protocol):
        """Digests by path, each with the stamp that the file had."""

        def get(self, path: str) -> tuple[Stamp, str] | None:
            """What was put, or None."""

        def put(self, path: str, stamp: Stamp, digest: str) -> None:
            """Remember a digest."""

        def drop(self, path: str) -> None:
            """Remember nothing of a path."""


RACY_NS = 2_000_000_000
"""How coarse a file system's clock may be: a file that changed so lately may change again and keep
its times."""
ABSENT = frozenset({ENOENT, ENOTDIR, ENAMETOOLONG})
"""The errors of a path where nothing is or can be."""
UNSEEN = "unseen"


class Remembered:
    """Values by path, which are forgotten by folder."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self._inside: dict[str, set[str]] = {}

    def keep(self, path: str, found: Any) -> None:
        """Remember what was found at a path."""
        self.values[path] = found
        while path:
            folder = path[: max(path.rfind("/"), 0)]
            known = self._inside.get(folder)
            if known is not None:
                known.add(path)
                return
            self._inside[folder] = {path}
            path = folder

    def forget(self, path: str) -> None:
        """Forget a path and all below it."""
        below = [path]
        while below:
            path = below.pop()
            self.values.pop(path, None)
            below.extend(self._inside.pop(path, ()))


class Files:
    """Digests of what is under a root folder (absolute). Threads may share it.

    `stats` counts what the operating system was asked of, `bytes_read` what had to be read.
    """

    def __init__(self, root: str, stamps: Stamps, clock: Callable[[], float] = time) -> None:
        self.stamps = stamps
        self._prefix = root.rstrip("/") + "/"
        self._clock = clock
        self._seen = Remembered()
        self.stats = 0
        self.bytes_read = 0
        self.looked: set[str] = set()
        """Every path that was looked at, whether anything was there or not."""

    def absolute(self, path: str) -> str:
        """Where a path is for the operating system."""
        return path if path[:1] == "/" else self._prefix + path

    def digest(self, path: str) -> str | None:
        """The digest of a file or folder, None where nothing is.

        Raises EnvironmentFailed for what has no content (a FIFO), can't be read or never rests.
        """
        found: str | None = self._seen.values.get(path, UNSEEN)
        if found is UNSEEN:
            if path[-1:] == "/":
                return self.digest(path.rstrip("/"))
            found = self._digest(path)
            self._seen.keep(path, found)
        return found

    def listing(self, path: str) -> Listing:
        """What is in a folder now. Raises EnvironmentFailed as `digest` does."""
        path = path.rstrip("/")
        found = scanned(self.absolute(path), path, self._file)
        for name in (*found.files, *found.links, *found.folders):
            self.looked.update(f"{path}/{folder}" for folder in (name, *parents(name)))
        return found

    def forget(self, path: str) -> None:
        """Look again at a path, at all below it and at the folders that it is in."""
        path = path.rstrip("/")
        self._seen.forget(path)
        for folder in parents(path):
            self._seen.values.pop(folder, None)
        self._seen.values.pop("", None)

    def _digest(self, path: str) -> str | None:
        self.stats += 1
        self.looked.add(path)
        try:
            status = os.stat(self.absolute(path))
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno not in ABSENT:
                raise unreadable(path, error) from None
            if self.stamps.get(path) is not None:
                self.stamps.drop(path)
            return None
        if S_ISDIR(status.st_mode):
            return self.listing(path).digest
        return self._file(path, status)

    def _file(self, path: str, status: os.stat_result) -> str:
        """The digest of a file that was just looked at, from its stamp or its content."""
        saved = self.stamps.get(path)
        if saved is not None and saved[0] == stamp_of(status):
            return saved[1]
        if not S_ISREG(status.st_mode):
            raise irregular(path, status.st_mode)
        now = int(self._clock() * 1e9)
        try:
            stamp, digest = digested(self.absolute(path), path)
        except OSError as error:
            raise unreadable(path, error) from None
        self.stats += 1
        self.bytes_read += stamp[0]
        if max(stamp[1], stamp[2]) < now - RACY_NS:
            self.stamps.put(path, stamp, digest)
        elif saved is not None:
            self.stamps.drop(path)
        return digest


def fresh_digest(path: str) -> str | None:
    """The digest of what is at an absolute path, read now; None where nothing is."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    if S_ISDIR(status.st_mode):
        return fresh_listing(path).digest
    return _fresh(path, status)


def fresh_listing(path: str) -> Listing:
    """The listing of the folder at an absolute path, all of it read now."""
    return scanned(path, path, _fresh)


def _fresh(path: str, status: os.stat_result) -> str:
    if not S_ISREG(status.st_mode):
        raise irregular(path, status.st_mode)
    try:
        return digested(path, path)[1]
    except OSError as error:
        raise unreadable(path, error) from None


def scanned(folder: str, shown: str, digest: Callable[[str, os.stat_result], str]) -> Listing:
    """The listing of `folder` (absolute), where `digest` says the digest of each file.

    It is asked with paths below `shown`, which is also what messages call the folder.
    """
    files: dict[str, str] = {}
    links: dict[str, str] = {}
    folders: list[str] = []
    prefix = f"{shown}/" if shown else ""
    waiting = [""]
    while waiting:
        below = waiting.pop()
        try:
            entries = _entries(f"{folder}/{below}")
        except OSError as error:
            raise unreadable(prefix + below, error) from None
        for name, status in entries:
            path = below + name
            if S_ISLNK(status.st_mode):
                links[path] = _kept_link(f"{folder}/{path}", path, prefix)
            elif S_ISDIR(status.st_mode):
                waiting.append(path + "/")
            else:
                files[path] = digest(prefix + path, status)
        if below and not entries:
            folders.append(below[:-1])
    return Listing(files, links, tuple(folders))


def _entries(folder: str) -> list[tuple[str, os.stat_result]]:
    with os.scandir(folder) as entries:
        return [(entry.name, entry.stat(follow_symlinks=False)) for entry in entries]


def _kept_link(link: str, path: str, prefix: str) -> str:
    target = os.readlink(link)
    if inside(path, target):
        return target
    raise EnvironmentFailed(
        f"`{prefix}{path}` is a symbolic link that leads out of its folder",
        [f"it leads to `{target}`"],
        "make it relative and without `..` behind a name, or put a copy there",
    )


def unreadable(path: str, error: OSError) -> EnvironmentFailed:
    """What to raise where the operating system does not let us read."""
    return EnvironmentFailed(f"cannot read `{path}`", [error.strerror or str(error)])
