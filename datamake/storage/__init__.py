"""Storages: places that keep bytes by key, and how to open one by URL.

Knows nothing of what the bytes are. Keys are relative paths with `/`. A new kind of storage is one
module with a class that has these methods, and one line in `KINDS`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Protocol

    class Storage(Protocol):
        """Bytes by key. What is written is there as a whole or not at all.

        A key that is not there raises FileNotFoundError; anything else that goes wrong, OSError.
        Threads may share a storage, and processes the place that it is in.
        """

        def read(self, key: str, start: int = 0, count: int | None = None) -> bytes:
            """`count` bytes (fewer at the end) from `start`, or all that follows."""

        def fetch(self, key: str, path: str) -> None:
            """Make a new local file of it, not executable. An error may leave half a file."""

        def write(self, key: str, data: bytes, *, replace: bool = False) -> bool:
            """Put bytes there; whether they were: without `replace`, what is there stays."""

        def store(self, key: str, path: str) -> None:
            """Put the content of a local file there, in place of what is there."""

        def size(self, key: str) -> int | None:
            """How many bytes are there, None where nothing is."""

        def touch(self, key: str) -> bool:
            """Note that it was used now; False where nothing is."""

        def delete(self, key: str) -> None:
            """Remove it, if it is there."""

        def entries(self, prefix: str = "") -> Iterator[tuple[str, int, float]]:
            """Key, size and time of last use (seconds since 1970) of all below a prefix.

            The prefix is `""` or ends in `/`. In no order; what comes or goes meanwhile may or may
            not be among them.
            """


KINDS = {
    "file": ("datamake.storage.local", "LocalStorage"),
    "memory": ("datamake.storage.memory", "MemoryStorage"),
}
"""Scheme of a URL → module and class, imported when one is opened; of all others, `REMOTE`."""

REMOTE = ("datamake.storage.remote", "RemoteStorage")


def open_storage(url: str, **options: Any) -> Storage:
    """The storage at a URL or local path, with the options of its kind.

    A remote one is not asked for anything yet, so that it is there turns out when it is used.
    """
    scheme, colon, place = url.partition("://")
    if not colon:
        scheme, place = "file", url
    module, name = KINDS.get(scheme, REMOTE)
    kind = getattr(__import__(module, fromlist=[name]), name)
    opened: Storage = kind(place if scheme in KINDS else url, **options)
    return opened
