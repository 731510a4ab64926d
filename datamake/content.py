"""Bytes on the local disk → digests and stamps.

Knows no project: paths are whatever the operating system takes. Symbolic links are followed.
"""

from __future__ import annotations

import os
from errno import ENXIO
from stat import S_ISBLK, S_ISCHR, S_ISFIFO, S_ISREG, S_ISSOCK

from xxhash import xxh3_128, xxh3_128_hexdigest

from datamake.errors import EnvironmentFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    Stamp = tuple[int, ...]

PIECE = 1 << 20
"""Bytes that are read at once: more is no faster, and this much stays in the processor's cache."""
TRIES = 3
SPARSE = 16 << 20
"""Bytes from which on a file is asked for its holes."""

_buffers: list[memoryview] = []
"""Buffers that no thread uses now. Making one anew for each file takes half of the speed."""


def digest_of(data: bytes) -> str:
    """The digest of a file that has these bytes and is not executable."""
    return f"{xxh3_128_hexdigest(data)}-{len(data)}"


def stamp_of(status: os.stat_result) -> Stamp:
    """Size, modified and changed (ns), inode, user's executable bit: the same while untouched.

    An edit that puts the modification time back still moves the time of change, which nothing sets.
    """
    return (
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_ino,
        status.st_mode & 0o100,
    )


def digested(path: str, shown: str) -> tuple[Stamp, str]:
    """The stamp and the digest of a file, which belong together although others may write to it.

    One write that began before and ends after the reading leaves no trace in the times; it is why
    stamps of what changed lately are not to be trusted.
    Raises OSError where it cannot be read, EnvironmentFailed (it calls the file `shown`) where it
    is none or never rests.
    """
    for _ in range(TRIES):
        file = opened(path, shown)
        try:
            before = os.fstat(file)
            text, size = _hash(file, before)
            stamp = stamp_of(before)
            if size == before.st_size and stamp == stamp_of(os.fstat(file)):
                mark = "x" if before.st_mode & 0o100 else ""
                return stamp, f"{text}-{size}{mark}"
        finally:
            os.close(file)
    raise EnvironmentFailed(
        f"`{shown}` changed while it was read",
        [f"tried {TRIES} times"],
        "wait until whatever writes to it is done",
    )


def opened(path: str, shown: str) -> int:
    """A descriptor for reading a file. Never waits, as a FIFO would make it."""
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    mode = os.fstat(file).st_mode
    if not S_ISREG(mode):
        os.close(file)
        raise irregular(shown, mode)
    return file


def irregular(shown: str, mode: int) -> EnvironmentFailed:
    """What to raise for something that has no content to digest."""
    kinds = ((S_ISFIFO, "a FIFO"), (S_ISSOCK, "a socket"), (S_ISCHR, "a device"))
    kind = next((name for test, name in kinds if test(mode)), "")
    if S_ISBLK(mode):
        kind = "a device"
    return EnvironmentFailed(
        f"`{shown}` is neither a file nor a folder", [f"it is {kind}"] if kind else ()
    )


def spans(file: int, status: os.stat_result) -> Iterator[tuple[int, int]]:
    """Start and end of each stretch of a file that is not a hole; the last one may be empty."""
    size = status.st_size
    if size < SPARSE or status.st_blocks * 512 >= size:
        yield 0, size
        return
    end = 0
    while end < size:
        try:
            start = os.lseek(file, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno != ENXIO:
                raise
            start = end = size  # only a hole is left
        else:
            end = os.lseek(file, start, os.SEEK_HOLE)
        yield start, end


def _hash(file: int, status: os.stat_result) -> tuple[str, int]:
    """Hash and number of the bytes of a file, up to the size that it had."""
    try:
        buffer = _buffers.pop()
    except IndexError:
        buffer = memoryview(bytearray(PIECE))
    state = xxh3_128()
    size = 0
    for start, end in spans(file, status):
        _update_with_zeros(state, start - size)
        size = os.lseek(file, start, os.SEEK_SET)
        while size < end:
            count = os.readv(file, [buffer[: end - size]])
            if not count:
                break
            state.update(buffer[:count])
            size += count
    _buffers.append(buffer)
    return state.hexdigest(), size


def _update_with_zeros(state: xxh3_128, count: int) -> None:
    """What reading a hole would do, without filling the system's memory with zeros."""
    if count > 0:
        zeros = bytes(min(count, PIECE))
        for _ in range(count // PIECE):
            state.update(zeros)
        state.update(zeros[: count % PIECE])
