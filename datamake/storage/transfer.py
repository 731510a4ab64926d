"""Bytes between a store and local files: in bounded memory, and again from where they were cut off.

Knows no version but the token that is to hold while an object is read.
"""

from __future__ import annotations

import os
import threading
import time
from functools import partial
from random import uniform

from datamake.clone import unique
from datamake.storage.failures import retry_after, status_of, transient, unwritten

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, TypeVar

    from datamake.storage.opening import Store

    Progress = Callable[[int, int | None], None]
    T = TypeVar("T")

TRIES = 5
"""How often in a row something is begun that brings nothing."""
PIECE = 1 << 20
BLOCK = 8 << 20
"""Bytes that are asked for at once of a store that is not read as a stream; parts of an upload."""
PARTS = 4
"""Parts of an upload that are under way at once."""
MOST_PARTS = 9_000
SLOWEST = 4.0
WHOLE = frozenset({"s3", "gs", "az", "memory"})
"""Schemes of stores in which an object appears whole, and create-only writing is their own."""


class Budget:
    """A number of blocks that may be in memory at once, whatever the number of threads."""

    def __init__(self, blocks: int) -> None:
        self._free = blocks
        self._changed = threading.Condition()

    def within(self, blocks: int, call: Callable[[], T]) -> T:
        """What a call gives that has so many blocks in memory."""
        with self._changed:
            self._changed.wait_for(lambda: self._free >= blocks)
            self._free -= blocks
        try:
            return call()
        finally:
            with self._changed:
                self._free += blocks
                self._changed.notify_all()


BUDGET = Budget(12)


class Cut(Exception):
    """A body ended before its end."""


class Changed(Exception):
    """An object is no longer the version that was to be read."""


def patiently(call: Callable[[], T], tries: int = 3) -> T:
    """What a call gives, called again after errors that may go away. Raises what the last did."""
    for number in range(tries - 1):
        try:
            return call()
        except Exception as error:
            if not transient(error):
                raise
            pause(number, error)
    return call()


def pause(number: int, error: BaseException) -> None:
    """Wait before trying again: longer each time, never as long as others, or as the store says."""
    time.sleep(retry_after(error) or uniform(0, min(SLOWEST, 0.1 * 3**number)))  # noqa: S311 - jitter


def download(
    store: Store, url: str, path: str, size: int | None, token: str, progress: Progress
) -> None:
    """Make the new file `path` with the bytes of an object; a half is removed again.

    `size`, where it is known, is how many there have to be. Raises Changed where the store can tell
    that the object is no longer what the token says, what the store raises, and EnvironmentFailed
    where the file cannot be written.
    """
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        raise
    except OSError as error:
        raise unwritten(path, url, error) from None
    try:
        try:
            _fill(file, _reader(store, url, token), path, url, size, progress)
        finally:
            os.close(file)
    except BaseException:
        os.unlink(path)
        raise


def upload(store: Store, url: str, path: str, progress: Progress) -> None:
    """Put the content of a local file at a URL, whole or not at all, in place of what is there."""
    size = os.stat(path).st_size
    place = store.path(url)
    progress(0, size)
    patiently(lambda: _put_file(store, place, path, size))
    progress(size, size)


def put(store: Store, url: str, data: bytes, *, replace: bool) -> bool:
    """Put bytes at a URL; whether they were: without `replace`, what is there stays."""
    place = store.path(url)
    mode = "overwrite" if replace else "create"
    if store.scheme not in WHOLE:
        return _put_beside(store, place, lambda new: store.system.pipe_file(new, data), replace)
    try:
        patiently(lambda: store.call(store.system.pipe_file, place, data, mode=mode))
    except FileExistsError:
        return False
    return True


def _put_file(store: Store, place: str, path: str, size: int) -> None:
    system = store.system
    if store.scheme not in WHOLE:
        _put_beside(store, place, lambda new: system.put_file(path, new), replace=True)
    elif store.scheme == "s3":
        part = max(BLOCK, -(-size // MOST_PARTS))
        many = max(1, min(PARTS, PARTS * BLOCK // part))
        named = {"chunksize": part, "max_concurrency": many}
        held = min(PARTS, -(-size // BLOCK))
        BUDGET.within(held, lambda: system.put_file(path, place, mode="overwrite", **named))
    else:
        named = {"chunksize": BLOCK} if store.scheme == "gs" else {}
        BUDGET.within(1, lambda: store.call(system.put_file, path, place, **named))


def _put_beside(store: Store, place: str, write: Callable[[str], None], replace: bool) -> bool:
    """Write something new beside `place` and rename it, for stores where a half can be seen."""
    system = store.system
    folder = system._parent(place)  # noqa: SLF001 - as fsspec's own put_file does
    staged = f"{folder}/.datamake-{unique()}"
    with store.guard:
        if not replace and system.exists(place):
            return False
        system.makedirs(folder, exist_ok=True)
        try:
            write(staged)
            system.mv(staged, place)
        except BaseException:
            if system.exists(staged):
                system.rm_file(staged)
            raise
    return True


def _fill(
    file: int,
    read: Callable[[int], Iterator[bytes]],
    path: str,
    url: str,
    size: int | None,
    progress: Progress,
) -> None:
    """Write all that `read` gives from a position on, asked again where it ends too early."""
    position = number = 0
    progress(0, size)
    while True:
        begun = position
        try:
            for data in read(position):
                _write(file, data, position, path, url)
                position += len(data)
                progress(position, size)
            if size is None or position == size:
                return
            if position > size or position == begun:
                raise Changed  # noqa: TRY301 - as the store would
            error: Exception = Cut(f"{position} of {size} bytes came")
        except Exception as raised:
            if not transient(raised):
                raise
            error = raised
        number = 0 if position - begun >= PIECE else number + 1
        if number == TRIES:
            raise error
        pause(number, error)


def _write(file: int, data: bytes, position: int, path: str, url: str) -> None:
    view = memoryview(data)
    try:
        while view:
            count = os.pwrite(file, view, position)
            view, position = view[count:], position + count
    except OSError as error:
        raise unwritten(path, url, error) from None


def _reader(store: Store, url: str, token: str) -> Callable[[int], Iterator[bytes]]:
    """A function that gives the bytes of an object from a position on, in pieces."""
    path = store.path(url)
    if store.scheme == "s3":
        return lambda start: s3_body(store, path, start, None, token)
    if store.scheme == "http":
        from datamake.storage.web import body

        return lambda start: body(store, path, start, token)
    return lambda start: blocks(store, path, start)


def s3_body(
    store: Store, path: str, start: int, end: int | None, token: str = ""
) -> Iterator[bytes]:
    """The bytes of an object of S3 from `start`, in one request, by pieces.

    Raises Changed where its tag is not that of the token.
    """
    from fsspec.asyn import sync

    system = store.system
    bucket, key, _ = system.split_path(path)
    asked: dict[str, Any] = {"Bucket": bucket, "Key": key}
    if start or end is not None:
        asked["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
    if token:
        asked["IfMatch"] = '"' + token.partition(":")[2].rpartition(":")[0] + '"'
    try:
        answer = system.call_s3("get_object", **asked)
    except OSError as error:
        if status_of(error) == 412:
            raise Changed from None
        if status_of(error) == 416:
            return
        raise
    content = answer["Body"]
    try:
        while data := sync(system.loop, piece, content.read):
            yield data
    finally:
        content.close()


async def piece(read: Callable[[int], Any], count: int = PIECE) -> bytes:
    """So many bytes of a stream, fewer at its end."""
    parts = []
    while count:
        data = await read(count)
        if not data:
            break
        parts.append(data)
        count -= len(data)
    return b"".join(parts)


def blocks(store: Store, path: str, start: int) -> Iterator[bytes]:
    """The bytes of an object from `start`, a request for each block."""
    system = store.system
    size = store.call(system.info, path)["size"]
    while start < size:
        end = min(start + BLOCK, size)
        data = BUDGET.within(1, partial(store.call, system.cat_file, path, start=start, end=end))
        if not data:
            return
        yield data
        start += len(data)
