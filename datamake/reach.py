"""The storage of a shared cache, asked only as long as it answers.

Knows nothing of what is kept there. A store that is gone must not hold up a build: it is given up
for the rest of the run, with one line.
"""

from __future__ import annotations

import os
from concurrent.futures import TimeoutError as TooLate
from functools import partial
from threading import RLock
from time import monotonic

from datamake.clone import FULL
from datamake.errors import DatamakeError
from datamake.threads import Threads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from datamake.storage import Storage

    T = TypeVar("T")

FAILURES = 3
"""Requests that may fail one after the other, each having been tried again by the storage."""
PATIENCE = 30.0
"""Seconds that failing requests may take, in all."""
SHARE = PATIENCE / FAILURES
"""Seconds of these that a transfer may take which was answered, and then failed."""
SLOWEST = 20_000
"""Bytes per second of a transfer that is not taken for one that hangs."""
AT_ONCE = 80


class Unreachable(OSError):
    """There was no answer, or nothing is asked any more."""


class Reach:
    """A storage, opened when it is first asked and called `place` in lines. Threads share it.

    All methods raise FileNotFoundError for what is not there, Unreachable, and what the local disk
    raises.
    """

    def __init__(
        self, opened: Callable[[], Storage], place: str, notice: Callable[[str], None]
    ) -> None:
        self.place = place
        self.reads = True
        self.writes = True
        self._opened = opened
        self._open: Storage | None = None
        self._notice = notice
        self._threads = Threads("datamake shared cache", AT_ONCE)
        self._lock = RLock()
        self._failures = 0
        self._lost = 0.0
        self._told = False

    @property
    def _storage(self) -> Storage:
        with self._lock:
            if self._open is None:
                self._open = self._opened()
            return self._open

    def entries(self, prefix: str) -> list[tuple[str, int, float]]:
        """Key, size and time of all below a prefix. If that can't be had, nothing else can."""
        return self._asked(lambda: list(self._storage.entries(prefix)), vital=True)

    def read(self, key: str, size: int) -> bytes:
        """All of it, about so many bytes."""
        return self._asked(lambda: self._storage.read(key), size=size)

    def fetch(self, key: str, path: str, size: int) -> None:
        """Make a new local file of it, which has about so many bytes."""
        self._asked(lambda: self._storage.fetch(key, path), size=size)

    def write(self, key: str, data: bytes) -> None:
        """Put bytes there, as written now."""
        put = partial(self._storage.write, key, data, replace=True)
        self._asked(put, writing=True, size=len(data))

    def store(self, key: str, path: str) -> None:
        """Put the content of a local file there."""
        size = os.stat(path).st_size
        self._asked(lambda: self._storage.store(key, path), writing=True, size=size)

    def delete(self, key: str) -> None:
        """Remove it, if it is there."""
        self._asked(lambda: self._storage.delete(key), writing=True)

    def _asked(
        self, call: Callable[[], T], *, size: int = 0, writing: bool = False, vital: bool = False
    ) -> T:
        """What a call gives that moves so many bytes. One that hangs is left alone."""
        if not (self.writes if writing else self.reads):
            raise Unreachable
        began = monotonic()
        future = self._threads.submit(call)
        try:
            answer = future.result(PATIENCE - min(self._lost, PATIENCE) + size / SLOWEST)
        except FileNotFoundError:
            self._failures = 0
            raise
        except (OSError, DatamakeError, TooLate) as error:
            if not writing and isinstance(error, OSError) and error.errno in FULL:
                raise  # it is the local disk that failed, and not the store
            self._count(error, monotonic() - began, writing=writing, vital=vital)
            raise Unreachable from None
        self._failures = 0
        return answer

    def _count(self, error: Exception, seconds: float, *, writing: bool, vital: bool) -> None:
        """Take note of a failed request; who is not let write may still be let read."""
        with self._lock:
            self._failures += 1
            self._lost += seconds if isinstance(error, TooLate) else min(seconds, SHARE)
            if vital or self._failures >= FAILURES or self._lost >= PATIENCE:
                self._failures = 0
                self.writes = False
                self.reads = self.reads and writing and self._lost < PATIENCE
            told, self._told = self._told, True
        if told:
            return
        place, why = self.place, _why(error)
        if not self.reads:
            line = f"cannot reach the shared cache `{place}`, going on without it: {why}"
        elif writing:
            line = f"cannot write to the shared cache `{place}`, so not all is shared: {why}"
        else:
            line = f"cannot read all of the shared cache `{place}`: {why}"
        self._notice(line)


def _why(error: Exception) -> str:
    if isinstance(error, DatamakeError):
        return "; ".join(filter(None, (error.headline, error.hint)))
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return str(error) or "no answer in time"
