"""Requests that are repeated where that may help, and how much of bodies may be in memory.

Knows no store.
"""

from __future__ import annotations

import threading
import time
from random import uniform

from datamake.storage.failures import retry_after, transient

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    T = TypeVar("T")

TRIES = 7
SECONDS = 20
"""How long after the first try another is begun: a host that does not answer is not waited for."""
LONGEST = 4.0
"""Seconds between two tries, unless the store asks for more."""
PIECE = 1 << 19
"""Bytes that are read of a stream at once: larger writes take the system twice as long."""
SLOW = 1.0
"""Seconds after which what has come is taken, so that somebody sees it come."""
BLOCK = 8 << 20
"""Bytes that are asked for at once where there is no stream; parts of an upload."""


class Cut(Exception):
    """A body ended before its end."""


class Changed(Exception):
    """An object is no longer the version that was to be read."""


class Tries:
    """The tries of one thing: `after` an error waits, or raises it where another is of no use."""

    def __init__(self, tries: int = TRIES) -> None:
        self._tries = tries
        self._begun = time.monotonic()
        self._number = 0

    def after(self, error: BaseException) -> None:
        """Wait until another try may succeed: longer each time, and never as long as others do."""
        self._number += 1
        late = time.monotonic() - self._begun > SECONDS
        if late or self._number >= self._tries or not transient(error):
            raise error
        time.sleep(retry_after(error) or uniform(0, min(LONGEST, 0.1 * 3**self._number)))  # noqa: S311 - jitter

    def began_anew(self) -> None:
        """Something came of the last try."""
        self._begun, self._number = time.monotonic(), 0


def patiently(call: Callable[[], T], tries: int = TRIES) -> T:
    """What a call gives, called again after errors that may go away. Raises what the last did."""
    left = Tries(tries)
    while True:
        try:
            return call()
        except Exception as error:  # noqa: BLE001 - whatever a library raises
            left.after(error)


class Budget:
    """A number of bytes that may be in memory at once, whatever the number of threads."""

    def __init__(self, size: int) -> None:
        self._all = self._free = size
        self._changed = threading.Condition()

    def within(self, size: int, call: Callable[[], T]) -> T:
        """What a call gives that has so many bytes in memory; of more than all it gets all."""
        size = min(size, self._all)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= size)
            self._free -= size
        try:
            return call()
        finally:
            with self._changed:
                self._free += size
                self._changed.notify_all()


BUDGET = Budget(6 * BLOCK)
"""Of bodies as they are sent, or come as a whole; libraries make copies of them."""


async def piece(read: Callable[[int], Any], count: int = PIECE) -> bytes:
    """So many bytes of a stream, fewer at its end, of a slow one, or before an error, which then
    comes next.
    """
    parts: list[bytes] = []
    until = time.monotonic() + SLOW
    while count and (not parts or time.monotonic() < until):
        try:
            data = await read(count)
        except Exception:
            if not parts:
                raise
            break
        if not data:
            break
        parts.append(data)
        count -= len(data)
    return b"".join(parts)
