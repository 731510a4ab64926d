"""A storage below a URL, in any store that fsspec has a package for.

Knows nothing of what it keeps. Nothing is asked before it is needed: what is not there is found out
by reading it.
"""

from __future__ import annotations

from datamake.storage import s3
from datamake.storage.failures import NO_BUCKET, code_of
from datamake.storage.listing import infos
from datamake.storage.opening import Stores
from datamake.storage.transfer import download, put, upload
from datamake.storage.trying import patiently
from datamake.tokens import modified

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, TypeVar

    from datamake.storage.opening import Store

    T = TypeVar("T")


class RemoteStorage:
    """A storage below `url`, with the options of its store.

    A use is not noted: the times of its entries are those of writing. What goes wrong, but for a
    key that is not there, is an EnvironmentFailed, or a UsageError if it is the options.
    """

    def __init__(self, url: str, **options: Any) -> None:
        self.url = url.rstrip("/") + "/"
        self._stores = Stores(lambda _: options)

    @property
    def _store(self) -> Store:
        """The store, opened when it is first needed."""
        return self._stores.at(self.url)[0]

    def read(self, key: str, start: int = 0, count: int | None = None) -> bytes:
        """`count` bytes (fewer at the end) from `start`, or all that follows."""
        end = None if count is None else start + count
        return self._tried(key, lambda: patiently(lambda: self._read(key, start, end)))

    def fetch(self, key: str, path: str) -> None:
        """Make a new local file of it."""
        url = self.url + key
        self._tried(key, lambda: download(self._store, url, path, None, "", _unwatched))

    def write(self, key: str, data: bytes, *, replace: bool = False) -> bool:
        """Put bytes there; whether they were: without `replace`, what is there stays.

        Where its store has no such request of its own, another machine may come between.
        """
        return self._tried(key, lambda: put(self._store, self.url + key, data, replace=replace))

    def store(self, key: str, path: str) -> None:
        """Put the content of a local file there, in place of what is there."""
        with open(path, "rb"):
            pass
        self._tried(key, lambda: upload(self._store, self.url + key, path, _unwatched))

    def size(self, key: str) -> int | None:
        """How many bytes are there, None where nothing is."""
        try:
            info = self._tried(key, lambda: patiently(lambda: self._called("info", key)))
        except FileNotFoundError:
            return None
        return int(info["size"]) if info["type"] == "file" else None

    def touch(self, key: str) -> bool:
        """Whether it is there."""
        return self.size(key) is not None

    def delete(self, key: str) -> None:
        """Remove it, if it is there."""
        try:
            self._tried(key, lambda: patiently(lambda: self._called("rm_file", key)))
        except FileNotFoundError:
            return

    def entries(self, prefix: str = "") -> Iterator[tuple[str, int, float]]:
        """Key, size and time of writing of all below a prefix."""
        base = self.url + prefix
        found = infos(self._store, base)
        while (each := self._tried(prefix, lambda: next(found, None))) is not None:
            url, info = each
            yield url[len(self.url) :], int(info["size"]), modified(info) or 0.0

    def _called(self, method: str, key: str) -> Any:
        path = self._store.path(self.url + key)
        return self._store.call(getattr(self._store.system, method), path)

    def _read(self, key: str, start: int, end: int | None) -> bytes:
        path = self._store.path(self.url + key)
        if self._store.scheme == "s3":
            return s3.whole(self._store, path, start, end)
        system = self._store.system
        if start:
            size = self._store.call(system.info, path)["size"]
            if start >= size:
                return b""
        data: bytes = self._store.call(system.cat_file, path, start=start or None, end=end)
        return data

    def _tried(self, key: str, call: Callable[[], T]) -> T:
        """What a call gives. Its errors but those of a key that is not there become messages."""
        try:
            return call()
        except FileExistsError:
            raise
        except Exception as error:
            if isinstance(error, FileNotFoundError) and code_of(error) != NO_BUCKET:
                raise
            raise self._store.failure(self.url + key, error) from None


def _unwatched(done: int, size: int | None) -> None:
    """Nobody looks at the progress."""
