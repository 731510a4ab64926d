"""The files that datamake made, in a plain file: `.datamake/made`.

Knows nothing of who made them. A line is a digest, a space and a quoted path; the last line of a
path wins, and `-` for a digest means that it is no longer there, or no longer datamake's. Lines are
only appended, each batch in one write, so that several builds can do so at once.
"""

from __future__ import annotations

import os
from fcntl import LOCK_EX, LOCK_SH, flock

from datamake.errors import EnvironmentFailed
from datamake.quoting import quoted, unquoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

GONE = "-"
TORN = b"\0\n"
"""Ends a line that was not written to its end, for good: no whole line holds a NUL."""
SMALL = 1_000
"""Lines that are never worth rewriting."""


class Made:
    """The list of the tree whose folder `.datamake` is given."""

    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, "made")
        self._digests: dict[str, str] | None = None
        self._lines = 0

    def load(self) -> dict[str, str]:
        """Path → digest of what was made there last; read once."""
        if self._digests is None:
            try:
                with open(self._path, "rb") as file:
                    content = file.read()
            except FileNotFoundError:
                content = b""
            self._digests = _parsed(content)
            self._lines = content.count(b"\n")
        return self._digests

    def add(self, path: str, digest: str) -> None:
        """Note that datamake made what is at a path."""
        if self.load().get(path) != digest:
            self._append([f"{digest} {quoted(path)}\n"])
            self.load()[path] = digest

    def remove(self, paths: Iterable[str]) -> None:
        """Note that datamake's files at these paths are gone."""
        known = [path for path in paths if path in self.load()]
        if known:
            self._append([f"{GONE} {quoted(path)}\n" for path in known])
            for path in known:
                del self.load()[path]

    def _append(self, lines: list[str]) -> None:
        try:
            descriptor = _locked(self._path, LOCK_SH)
            try:
                size = os.fstat(descriptor).st_size
                torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
                _write_all(descriptor, (TORN if torn else b"") + "".join(lines).encode())
            finally:
                os.close(descriptor)
            self._lines += len(lines)
            if self._lines > max(SMALL, 2 * len(self.load())):
                self._compact()
        except OSError as error:
            raise EnvironmentFailed(
                "the list of files made cannot be written: `.datamake/made`",
                [error.strerror or str(error)],
            ) from error

    def _compact(self) -> None:
        """Write the list anew, with one line a path, while nobody appends to it."""
        descriptor = _locked(self._path, LOCK_EX)
        try:
            with open(self._path, "rb") as file:
                digests = _parsed(file.read())
            lines = [f"{digest} {quoted(path)}\n" for path, digest in digests.items()]
            with open(f"{self._path}.new", "wb") as file:
                file.write("".join(lines).encode())
            os.replace(f"{self._path}.new", self._path)
            self._lines = len(lines)
        finally:
            os.close(descriptor)


def _parsed(content: bytes) -> dict[str, str]:
    whole, _, _ = content.rpartition(b"\n")
    digests: dict[str, str] = {}
    for line in whole.decode("utf-8", "replace").split("\n"):
        digest, _, path = line.partition(" ")
        if digest == GONE:
            digests.pop(path, None)
        elif path and path[-1] != "\0":
            digests[path] = digest
    if b"%" in whole:
        return {unquoted(path): digest for path, digest in digests.items()}
    return digests


def _locked(path: str, kind: int) -> int:
    """A descriptor of the file that is at `path` while its lock is held, which goes with it."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        flock(descriptor, kind)
        if os.path.exists(path) and os.path.samestat(os.stat(path), os.fstat(descriptor)):
            return descriptor
        os.close(descriptor)  # written anew by another process meanwhile


def _write_all(descriptor: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]
