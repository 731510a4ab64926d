"""The storage of a shared cache, asked only as long as it answers.

Knows nothing of what is kept there. A store that is gone must not hold up a build: it is given up
for the rest of the run, with one line.
"""

from __future__ import annotations

import os
from threading import Lock
from time import monotonic

from datamake.clone import FULL

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


class Unreachable(OSError):
    """Not asked any more."""


class Reach:
    """A storage, called `place` in lines for people. Threads share it. All methods raise OSError."""

    def __init__(self, storage: Storage, place: str, notice: Callable[[str], None]) -> None:
        self._storage = storage
        self.place = place
        self._notice = notice
        self._lock = Lock()
        self._failures = 0
        self._lost = 0.0
        self.reads = True
        self.writes = True

    def entries(self, prefix: str) -> list[tuple[str, int, float]]:
        """Key, size and time of all below a prefix. If that can't be had, nothing else can."""
        try:
            return self._asked(lambda: list(self._storage.entries(prefix)))
        except OSError as error:
            self._give_up(error)
            raise

    def read(self, key: str) -> bytes:
        """All of it."""
        return self._asked(lambda: self._storage.read(key))

    def fetch(self, key: str, path: str) -> None:
        """Make a new local file of it."""
        self._asked(lambda: self._storage.fetch(key, path))

    def write(self, key: str, data: bytes) -> None:
        """Put bytes there, unless something is."""
        self._asked(lambda: self._storage.write(key, data), writing=True)

    def store(self, key: str, path: str) -> None:
        """Put the content of a local file there."""
        self._asked(lambda: self._storage.store(key, path), writing=True)

    def delete(self, key: str) -> None:
        """Remove it, if it is there."""
        self._asked(lambda: self._storage.delete(key), writing=True)

    def _asked(self, call: Callable[[], T], *, writing: bool = False) -> T:
        if not (self.writes if writing else self.reads):
            raise Unreachable
        began = monotonic()
        try:
            answer = call()
        except FileNotFoundError:
            self._failures = 0
            raise
        except PermissionError as error:
            self._give_up(error, writing=writing)
            raise
        except OSError as error:
            if error.errno not in FULL:
                self._count(error, monotonic() - began)
            raise
        self._failures = 0
        return answer

    def _count(self, error: OSError, seconds: float) -> None:
        with self._lock:
            self._failures += 1
            self._lost += seconds
            hopeless = self._failures >= FAILURES or self._lost >= PATIENCE
        if hopeless:
            self._give_up(error)

    def _give_up(self, error: OSError, *, writing: bool = False) -> None:
        """Says why nothing is asked any more, or nothing written."""
        with self._lock:
            told = not (self.writes if writing else self.reads)
            self.writes = False
            self.reads = self.reads and writing
        if told:
            return
        why = os.strerror(error.errno) if error.errno else str(error)
        if writing:
            line = f"cannot write to the shared cache `{self.place}`, going on without sharing"
        else:
            line = f"cannot reach the shared cache `{self.place}`, going on without it"
        self._notice(f"{line}: {why}")
