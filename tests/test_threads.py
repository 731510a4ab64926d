"""Threads: calls are carried out, a number of them at once, and what they come to is told."""

from __future__ import annotations

import threading
from _thread import interrupt_main

import pytest

from datamake.errors import DatamakeError
from datamake.threads import Ending, Threads, ahead, attended


def test_calls_come_to_what_they_come_to():
    """A result, or what was raised."""
    threads = Threads("test", 4)
    results = [threads.submit(lambda n=n: n * n) for n in range(100)]
    broken = threads.submit(lambda: 1 // 0)
    assert [each.result(10) for each in results] == [n * n for n in range(100)]
    with pytest.raises(ZeroDivisionError):
        broken.result(10)


def test_there_are_so_many_at_once_and_no_more():
    """All of them wait here for each other."""
    threads = Threads("test", 3)
    barrier = threading.Barrier(3)
    running, most, lock = set(), [], threading.Lock()

    def call():
        with lock:
            running.add(threading.get_ident())
            most.append(len(running))
        barrier.wait(10)
        with lock:
            running.discard(threading.get_ident())

    for each in [threads.submit(call) for _ in range(9)]:
        each.result(10)
    assert max(most) == 3


def test_what_no_thread_has_begun_with_can_be_dropped():
    """What one has begun with goes on."""
    threads = Threads("test", 1)
    begun, go_on = threading.Event(), threading.Event()
    first = threads.submit(lambda: (begun.set(), go_on.wait(10)))
    second = threads.submit(lambda: pytest.fail("called"))
    assert begun.wait(10)
    threads.drop()
    go_on.set()
    assert first.result(10) == (None, True)
    assert threads.submit(lambda: 3).result(10) == 3
    assert not second.done()


def test_threads_go_when_there_is_nothing_to_do():
    """And come again; none keeps a process from ending."""
    threads = Threads("test of going", 2)
    for _ in range(2):
        thread = threads.submit(threading.current_thread).result(10)
        assert thread.daemon
        thread.join(10)
        assert not thread.is_alive()


@pytest.mark.parametrize("count", [1, 3])
def test_ahead(count):
    """All in their order: no more of them made early than may be, errors where they belong."""
    made = []

    def numbers():
        for number in range(10):
            made.append(number)
            yield number
        raise ValueError("the end")

    found = ahead(numbers(), count)
    for number in range(10):
        assert next(found) == number
        assert len(made) <= number + 1 + count
    with pytest.raises(ValueError, match="the end"):
        next(found)


def test_what_is_to_end():
    """Is told so, by all that it has said by then; what says it later is refused."""
    ending, said = Ending(), []
    ending.interruptible(lambda: said.append(1))
    ending.interruptible(lambda: said.append(2))
    ending.go_on()
    ending.end()
    assert said == [1, 2]
    for late in (ending.go_on, lambda: ending.interruptible(lambda: None)):
        with pytest.raises(DatamakeError, match=r"^interrupted$"):
            late()


def test_what_forgets_that_it_was_ended_is_ended_again():
    """As a library does between two statements."""
    asked, over = [], threading.Event()

    def end():
        asked.append("end")
        if len(asked) == 3:
            over.set()

    def call():
        interrupt_main()
        over.wait(30)

    with pytest.raises(KeyboardInterrupt):
        attended(call, end)
    assert asked == ["end"] * 3
