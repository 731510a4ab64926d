"""A storage in this process's memory, for tests.

Knows nothing of what it keeps.
"""

from __future__ import annotations

from time import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class MemoryStorage:
    """A storage that is gone with its process; `place` is for people."""

    def __init__(self, place: str = "", clock: Callable[[], float] = time) -> None:
        self.place = place
        self._clock = clock
        self._kept: dict[str, tuple[bytes, float]] = {}

    def read(self, key: str, start: int = 0, count: int | None = None) -> bytes:
        """`count` bytes (fewer at the end) from `start`, or all that follows."""
        if key not in self._kept:
            raise FileNotFoundError(key)
        return self._kept[key][0][start : None if count is None else start + count]

    def fetch(self, key: str, path: str) -> None:
        """Make a new local file of it."""
        data = self.read(key)
        with open(path, "xb") as file:
            file.write(data)

    def write(self, key: str, data: bytes, *, replace: bool = False) -> bool:
        """Put bytes there; whether they were: without `replace`, what is there stays."""
        new = (data, self._clock())
        if replace:
            self._kept[key] = new
        return self._kept.setdefault(key, new) is new

    def store(self, key: str, path: str) -> None:
        """Put the content of a local file there, in place of what is there."""
        with open(path, "rb") as file:
            self._kept[key] = (file.read(), self._clock())

    def size(self, key: str) -> int | None:
        """How many bytes are there, None where nothing is."""
        kept = self._kept.get(key)
        return None if kept is None else len(kept[0])

    def touch(self, key: str) -> bool:
        """Note that it was used now; False where nothing is."""
        kept = self._kept.get(key)
        if kept is None:
            return False
        self._kept[key] = (kept[0], self._clock())
        return True

    def delete(self, key: str) -> None:
        """Remove it, if it is there."""
        self._kept.pop(key, None)

    def entries(self, prefix: str = "") -> Iterator[tuple[str, int, float]]:
        """Key, size and time of last use of all below a prefix."""
        for key, (data, used) in list(self._kept.items()):
            if key.startswith(prefix):
                yield key, len(data), used
