"""Calls carried out in threads that come when there is work and go when there is none; reading ahead.

Knows nothing of the calls. The threads are daemons: one that hangs keeps no process from ending,
which those of `concurrent.futures` do.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from threading import Lock, Thread

from datamake.errors import DatamakeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, TypeVar

    T = TypeVar("T")


class Threads:
    """At most `most` of them, named `name` for people who look at processes."""

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._most = most
        self._running = 0
        self._waiting: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._lock = Lock()

    def submit(self, call: Callable[[], T]) -> Future[T]:
        """What the call will come to. It must not wait for another call of the same threads."""
        future: Future[T] = Future()
        with self._lock:
            self._waiting.append((future, call))
            if self._running < self._most:
                self._running += 1
                Thread(target=self._work, name=self._name, daemon=True).start()
        return future

    def drop(self) -> None:
        """Forget what no thread has begun with."""
        with self._lock:
            self._waiting.clear()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._running -= 1
                    return
                future, call = self._waiting.popleft()
            try:
                result = call()
            except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
                future.set_exception(error)
            else:
                future.set_result(result)


class Ending:
    """What ends a call, even one that says only later how it is ended."""

    def __init__(self) -> None:
        self._asked = False
        self._ends: list[Callable[[], None]] = []
        self._lock = Lock()

    def interruptible(self, end: Callable[[], None]) -> None:
        """From now on this ends it, from another thread. Raises DatamakeError where it is to end by now."""
        with self._lock:
            self._ends.append(end)
        self.go_on()

    def go_on(self) -> None:
        """To be called now and then. Raises DatamakeError where it is to end."""
        if self._asked:
            raise DatamakeError("interrupted")

    def end(self) -> None:
        """End it, from another thread."""
        with self._lock:
            self._asked = True
            ends = list(self._ends)
        for end in ends:
            end()


def attended(call: Callable[[], T], end: Callable[[], object]) -> T:
    """What a call comes to; Ctrl-C, which reaches no library that is busy, ends it by `end`.

    That is called until it has: between two statements a library forgets it.
    """
    from concurrent.futures import wait

    future = Threads("datamake attended", 1).submit(call)
    try:
        while not future.done():  # a signal that another thread has taken wakes nobody
            wait([future], 0.1)
        return future.result()
    except KeyboardInterrupt:
        while not future.done():
            end()
            wait([future], 0.1)
        raise


def ahead(found: Iterator[T], count: int = 1) -> Iterator[T]:
    """The same, up to `count` of them made in a thread of its own before they are asked for."""
    threads = Threads("datamake ahead", 1)
    end: Any = object()
    waiting = deque(threads.submit(lambda: next(found, end)) for _ in range(count))
    try:
        while (each := waiting.popleft().result()) is not end:
            waiting.append(threads.submit(lambda: next(found, end)))
            yield each
    finally:
        threads.drop()
