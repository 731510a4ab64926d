"""Copies of local files that share their blocks where the file system can do that.

Knows nothing of digests. A copy never shares its inode, so writing to it leaves the original alone.
"""

from __future__ import annotations

import os
import sys
from errno import EDQUOT, EFBIG, ENOSPC
from fcntl import ioctl
from itertools import count

from datamake.content import PIECE, spans
from datamake.moves import remove

FICLONE = 0x40049409
"""The request of Linux that makes one file share the blocks of another (`linux/fs.h`)."""
AT_FDCWD = -2
"""On macOS (`sys/fcntl.h`)."""
FULL = frozenset({ENOSPC, EDQUOT, EFBIG})
"""The errors of a disk with no room left."""

_numbers = count()
_process = os.urandom(4).hex()


def unique() -> str:
    """A short name that no other call gives, in this process or another."""
    return f"{os.getpid()}-{_process}-{next(_numbers)}"


def sibling(path: str) -> str:
    """A path in the same folder as `path`, for what is going to replace it."""
    return f"{path[: path.rfind('/') + 1]}.datamake-{unique()}"


def clone(source: str, target: str) -> None:
    """Make `target` a copy of the file `source`, at once: it is the old one or all of the new.

    Of its mode it keeps whether it is executable. Raises OSError.
    """
    staged = sibling(target)
    try:
        copy(source, staged)
        os.replace(staged, target)
    except BaseException:
        remove(staged)
        raise


def copy(source: str, target: str, *, plain: bool = False, share: bool = True) -> None:
    """Make the new file `target` with the content of `source`, not executable if it is `plain`.

    They `share` their blocks where the file system can. Raises OSError, and leaves a half.
    """
    reader = os.open(source, os.O_RDONLY)
    try:
        status = os.fstat(reader)
        mode = 0o777 if status.st_mode & 0o100 and not plain else 0o666
        writer = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            if not (share and _shared(reader, writer, target)):
                for start, end in spans(reader, status):
                    _copy_span(reader, writer, start, end)
                if os.fstat(writer).st_size < status.st_size:
                    os.ftruncate(writer, status.st_size)
        finally:
            os.close(writer)
    finally:
        os.close(reader)


def write(path: str, data: bytes) -> None:
    """Make the new file `path` with this content. Raises OSError, and leaves a half."""
    writer = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        _write(writer, memoryview(data), 0)
    finally:
        os.close(writer)


def reflinks(folder: str) -> bool:
    """Whether files in this folder can share their blocks. Raises OSError if it can't be written."""
    first, second = (f"{folder}/.datamake-{unique()}" for _ in range(2))
    try:
        write(first, b"datamake")
        reader = os.open(first, os.O_RDONLY)
        writer = os.open(second, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            return _shared(reader, writer, second)
        finally:
            os.close(reader)
            os.close(writer)
    finally:
        remove(first)
        remove(second)


if sys.platform == "darwin":

    def _shared(reader: int, writer: int, target: str) -> bool:
        """Whether `target`, open as `writer`, could be made to share the blocks of `reader`.

        macOS shares with a new file only, which then takes the place of `target`.
        """
        import ctypes

        other = sibling(target)
        if ctypes.CDLL(None).fclonefileat(reader, AT_FDCWD, os.fsencode(other), 0):
            return False
        os.chmod(other, os.fstat(writer).st_mode & 0o777)
        os.replace(other, target)
        return True

else:

    def _shared(reader: int, writer: int, target: str) -> bool:  # noqa: ARG001 - as on macOS
        """Whether `target`, open as `writer`, could be made to share the blocks of `reader`."""
        try:
            ioctl(writer, FICLONE, reader)
        except OSError:
            return False
        return True


def _copy_span(reader: int, writer: int, start: int, end: int) -> None:
    """Copy some bytes to the same place, in the kernel as far as it can do that."""
    try:
        while start < end:
            copied = os.copy_file_range(reader, writer, end - start, start, start)
            if not copied:
                break
            start += copied
    except (AttributeError, OSError):  # not between these two; a full disk, writing will tell
        pass
    while start < end:
        data = os.pread(reader, min(PIECE, end - start), start)
        if not data:
            return
        _write(writer, memoryview(data), start)
        start += len(data)


def _write(writer: int, data: memoryview, start: int) -> None:
    """Write all of it: on a disk that gets full, a single write is short without an error."""
    while data:
        count = os.pwrite(writer, data, start)
        data = data[count:]
        start += count
