"""Bytes between a store and local files: in bounded memory, and again from where they were cut off.

Knows no version but the token that is to hold while an object is read.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from datamake.clone import unique
from datamake.storage import s3
from datamake.storage.failures import cut_off, unwritten
from datamake.storage.trying import BLOCK, BUDGET, PIECE, Changed, Cut, Tries, patiently

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from datamake.storage.opening import Store

    Progress = Callable[[int, int | None], None]
    Read = Callable[[int, int | None, Callable[[bytes], None]], None]
    """From where to where, and what takes the bytes as they come."""

LARGE = 64 << 20
"""Bytes from which on an object of S3 is read by several requests at once: one alone is slow."""
STRETCHES = 4
WHOLE = frozenset({"s3", "gs", "az", "memory"})
"""Schemes of stores in which an object appears whole, and which know a write that replaces none."""


def download(
    store: Store, url: str, path: str, size: int | None, token: str, progress: Progress
) -> None:
    """Make the new file `path` with the bytes of an object; a half is removed again.

    `size`, where it is known, is how many there have to be. Raises Changed where the object is no
    longer what token and size say, what the store raises, and StoreFailed where the file cannot be
    written.
    """
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        raise
    except OSError as error:
        raise unwritten(path, url, error) from None
    target = Target(file, path, url, size, progress)
    try:
        try:
            _fill(target, _reader(store, url, token), store.scheme)
        finally:
            os.close(file)
    except BaseException:
        os.unlink(path)
        raise


def upload(store: Store, url: str, path: str, progress: Progress) -> str:
    """Put the content of a local file at a URL, whole or not at all, in place of what is there.

    The tag that it has there, `""` where the store does not say.
    """
    place = store.path(url)
    if store.scheme == "s3":
        return s3.upload(store, place, path, progress)
    size = os.stat(path).st_size
    progress(0, size)
    if store.scheme in WHOLE:
        named = {"chunksize": BLOCK} if store.scheme == "gs" else {}
        put_file = partial(store.system.put_file, path, place, mode="overwrite", **named)
        BUDGET.within(
            min(size, BLOCK), lambda: patiently(lambda: store.call(put_file), store.tries)
        )
    else:
        _put_beside(store, place, lambda new: store.system.put_file(path, new), replace=True)
    progress(size, size)
    return ""


def put(store: Store, url: str, data: bytes, *, replace: bool) -> bool:
    """Put bytes at a URL; whether they were: without `replace`, what is there stays."""
    place = store.path(url)
    if store.scheme == "s3":
        return s3.put(store, place, data, replace=replace)
    pipe = store.system.pipe_file
    if store.scheme not in WHOLE:
        return _put_beside(store, place, lambda new: pipe(new, data), replace=replace)
    mode = "overwrite" if replace else "create"
    try:
        patiently(lambda: store.call(pipe, place, data, mode=mode), store.tries)
    except FileExistsError:
        return False
    return True


def _put_beside(store: Store, place: str, write: Callable[[str], None], *, replace: bool) -> bool:
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


class Target:
    """The file that is filled, from several threads. `size` is what there has to be in the end."""

    def __init__(
        self, file: int, path: str, url: str, size: int | None, progress: Progress
    ) -> None:
        self.size = size
        self.ended = False
        """Whether a thread has failed, so that the others need not go on."""
        self._file, self._path, self._url = file, path, url
        self._progress = progress
        self._done = 0
        self._lock = threading.Lock()
        progress(0, size)

    def write(self, data: bytes, position: int) -> None:
        """Write all of it at a position."""
        view = memoryview(data)
        try:
            while view:
                count = os.pwrite(self._file, view, position)
                view, position = view[count:], position + count
        except OSError as error:
            raise unwritten(self._path, self._url, error) from None
        with self._lock:
            self._done += len(data)
            self._progress(self._done, self.size)


def _fill(target: Target, read: Read, scheme: str) -> None:
    size = target.size
    if scheme != "s3" or size is None or size < LARGE:
        _fill_stretch(target, read, 0, size)
        return
    length = -(-size // STRETCHES)
    with ThreadPoolExecutor(STRETCHES) as pool:
        stretches = [(start, min(start + length, size)) for start in range(0, size, length)]
        filling = [pool.submit(_fill_stretch, target, read, *stretch) for stretch in stretches]
        try:
            for each in filling:
                each.result()
        except BaseException:
            target.ended = True
            raise


def _fill_stretch(target: Target, read: Read, start: int, end: int | None) -> None:
    """Write what `read` gives from `start` to `end`, asked again where it ends too early."""
    position, tries = start, Tries()

    def take(data: bytes) -> None:
        nonlocal position
        target.write(data, position)
        position += len(data)

    while not target.ended:
        begun = position
        try:
            read(position, None if end == target.size else end, take)
            if end is None or position == end:
                return
            if position > end or position == begun:
                raise Changed  # noqa: TRY301 - as where the store says so
            error: Exception = Cut(f"{position - start} of {end - start} bytes came")
        except Exception as raised:  # noqa: BLE001 - whatever a library raises
            error = raised
            if cut_off(error):
                error = Cut(
                    f"{position - start} of {'' if end is None else end - start} bytes came"
                )
        if position - begun >= PIECE:
            tries.began_anew()
        tries.after(error)


def _reader(store: Store, url: str, token: str) -> Read:
    """What reads an object from a position to another."""
    path = store.path(url)
    if store.scheme == "s3":
        return lambda start, end, take: s3.read(store, path, start, end, token, take)
    if store.scheme == "http":
        from datamake.storage.web import body

        return lambda start, _, take: _each(body(store, path, start, token), take)
    return lambda start, _, take: _each(_blocks(store, path, start), take)


def _each(pieces: Iterable[bytes], take: Callable[[bytes], None]) -> None:
    for data in pieces:
        take(data)


def _blocks(store: Store, path: str, start: int) -> Iterator[bytes]:
    """The bytes of an object from `start`, a request for each block."""
    system = store.system
    size = store.call(system.info, path)["size"]
    while start < size:
        end = min(start + BLOCK, size)
        data = BUDGET.within(
            end - start, partial(store.call, system.cat_file, path, start=start, end=end)
        )
        if not data:
            return
        yield data
        start += len(data)
