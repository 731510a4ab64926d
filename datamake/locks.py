"""Locks of targets, and of the tree, that the operating system keeps and drops with the process.

Knows nothing of what they guard. They are byte ranges of one file, `.datamake/locks`: byte 0 is the
tree's, a target's byte follows from its name. No lock is ever left behind, and none is waited for.
"""

from __future__ import annotations

import os
from _thread import allocate_lock
from errno import EACCES, EAGAIN
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, LOCK_UN, lockf

from xxhash import xxh3_64_intdigest

from datamake.errors import EnvironmentFailed

TREE = 0
FIRST = 16
"""The first byte that may be a target's."""
MASK = (1 << 62) - 1


class Held:
    """What this process holds of one lock file.

    The system does not keep the threads of a process apart, and drops all that the process holds
    when any descriptor of the file is closed: hence one descriptor, and a count of its users.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.users = 0
        self.exclusive: set[int] = set()
        self.tree_shared = 0


_guard = allocate_lock()
_held: dict[tuple[int, int], Held] = {}
"""By device and inode of the lock file."""


class Locks:
    """The locks that one build holds in a tree whose folder `.datamake` is given."""

    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, "locks")
        self._file: Held | None = None
        self._key = (0, 0)
        self._own: set[int] = set()
        self._shares_tree = False

    def take(self, name: str) -> bool:
        """Take the lock of a target; False if anyone holds it, this build included."""
        return self._take(offset(name))

    def release(self, name: str) -> None:
        """Let go of a target."""
        self._release(offset(name))

    def take_tree(self, *, exclusive: bool) -> bool:
        """Take the tree, to share it with other builds or for oneself; False if that cannot be."""
        if exclusive:
            return self._take(TREE)
        file = self._opened()
        with _guard:
            if TREE in file.exclusive:
                return False
            if not file.tree_shared and not self._locked(file, LOCK_SH, TREE):
                return False
            file.tree_shared += 1
            self._shares_tree = True
            return True

    def release_tree(self) -> None:
        """Let go of the tree."""
        if not self._shares_tree:
            self._release(TREE)
            return
        file = self._opened()
        with _guard:
            self._shares_tree = False
            file.tree_shared -= 1
            if not file.tree_shared:
                lockf(file.descriptor, LOCK_UN, 1, TREE)

    def close(self) -> None:
        """Let go of everything."""
        if self._file is None:
            return
        if self._shares_tree:
            self.release_tree()
        for byte in list(self._own):
            self._release(byte)
        with _guard:
            self._file.users -= 1
            if not self._file.users:
                os.close(self._file.descriptor)
                del _held[self._key]
        self._file = None

    def _take(self, byte: int) -> bool:
        file = self._file or self._opened()
        with _guard:
            if byte in file.exclusive or (byte == TREE and file.tree_shared):
                return False
            if not self._locked(file, LOCK_EX, byte):
                return False
            file.exclusive.add(byte)
        self._own.add(byte)
        return True

    def _release(self, byte: int) -> None:
        file = self._opened()
        self._own.remove(byte)
        with _guard:
            file.exclusive.remove(byte)
            lockf(file.descriptor, LOCK_UN, 1, byte)

    def _locked(self, file: Held, kind: int, byte: int) -> bool:
        try:
            lockf(file.descriptor, kind | LOCK_NB, 1, byte)
        except OSError as error:
            if error.errno in (EACCES, EAGAIN):
                return False
            raise self._failure(error) from error
        return True

    def _opened(self) -> Held:
        if self._file is None:
            with _guard:
                try:
                    self._key, self._file = _shared(self._path)
                except OSError as error:
                    raise self._failure(error) from error
                self._file.users += 1
        return self._file

    def _failure(self, error: OSError) -> EnvironmentFailed:
        return EnvironmentFailed(
            "the tree cannot be locked: `.datamake/locks`",
            [error.strerror or str(error)],
            "the folder must be writable, on a file system that has locks",
        )


def offset(name: str) -> int:
    """The byte of a target."""
    return FIRST + (xxh3_64_intdigest(name.encode("utf-8", "surrogatepass")) & MASK)


def _shared(path: str) -> tuple[tuple[int, int], Held]:
    """The open lock file; a second descriptor of it is never opened, since it could not be closed."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        status = None
    key = (status.st_dev, status.st_ino) if status else None
    if key is None or key not in _held:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        status = os.fstat(descriptor)
        key = status.st_dev, status.st_ino
        _held[key] = Held(descriptor)
    return key, _held[key]
