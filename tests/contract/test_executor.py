"""What every executor must do. A new one adds a factory."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest
from processes import soon

from datamake.action import Action, Slot
from datamake.errors import EnvironmentFailed, UsageError
from datamake.executors import open_executor
from datamake.model import Output, Written

FACTORIES = {"local": lambda jobs: open_executor("local", jobs, grace=1)}


@pytest.fixture(params=FACTORIES)
def executor(request):
    """For two actions at once."""
    opened = FACTORIES[request.param](2)
    yield opened
    opened.close()


@pytest.fixture
def action(tmp_path):
    """Makes the action of a script."""

    def made(name, script, **fields):
        env = {**os.environ, "DATAMAKE_ROOT": str(tmp_path)}
        log = str(tmp_path / "logs" / name)
        return Action(
            name,
            **{"kind": "run", "argv": ("bash", "-euc", script), "cwd": str(tmp_path), "env": env}
            | {"log": log}
            | fields,
        )

    return made


def ended(executor, count):
    """Target → error of the next so many actions that end."""
    found, until = {}, time.monotonic() + 60
    while len(found) < count and time.monotonic() < until:
        found.update({result.target: result.error for result in executor.wait(0.1)})
    return found


def there(path):
    """Waits for a file."""
    return soon(path.exists)


def test_results(executor, action, tmp_path):
    """One for each action, with what it wrote."""
    slots = (Slot(Output("x"), str(tmp_path / "x")),)
    executor.submit(action("good", "printf '' > x", slots=slots))
    executor.submit(action("bad", "exit 3"))
    results = {}
    while len(results) < 2:
        results.update({result.target: result for result in executor.wait()})
    assert results["good"].outputs == (Written("x", "99aa06d3014798d86001c324468d497f-0"),)
    assert results["good"].duration > 0
    assert results["bad"].error == "exit status 3"


def test_more_actions_than_room(executor, action):
    """All are carried out."""
    for number in range(20):
        executor.submit(action(str(number), "true"))
    assert ended(executor, 20) == {str(number): None for number in range(20)}


def test_actions_at_the_same_time(executor, action):
    """As many as there is room for: here each waits for the other."""
    meet = "touch {0}; for _ in {{1..6000}}; do [ -e {1} ] && exit 0; sleep 0.01; done; exit 1"
    executor.submit(action("a", meet.format("a", "b")))
    executor.submit(action("b", meet.format("b", "a")))
    assert ended(executor, 2) == {"a": None, "b": None}


def test_waiting(executor, action, tmp_path):
    """Ends when the time is over, or when nothing is open."""
    assert executor.wait() == []
    executor.submit(action("a", "while ! [ -e go ]; do sleep 0.01; done"))
    assert executor.wait(0.01) == []
    (tmp_path / "go").touch()
    assert [result.target for result in executor.wait()] == ["a"]
    assert executor.wait() == []


def test_cancelling(executor, action, tmp_path):
    """What runs is asked to end, what waits never starts; each has a result."""
    executor.submit(action("polite", "trap ': > asked; exit' TERM; touch p; sleep 60 & wait"))
    executor.submit(action("stubborn", "trap '' TERM; touch s; while true; do sleep 0.1; done"))
    executor.submit(action("late", "touch late"))
    assert there(tmp_path / "p")
    assert there(tmp_path / "s")
    executor.cancel(signal.SIGTERM)
    assert ended(executor, 3) == dict.fromkeys(("polite", "stubborn", "late"), "interrupted")
    assert (tmp_path / "asked").exists()
    assert not (tmp_path / "late").exists()


@pytest.mark.parametrize("signals", [(signal.SIGKILL,), (signal.SIGINT, signal.SIGINT)])
def test_cancelling_at_once(action, tmp_path, signals):
    """With SIGKILL, or by asking again."""
    executor = open_executor("local", 1, grace=600)
    executor.submit(action("a", "trap '' TERM; touch a; while true; do sleep 0.1; done"))
    assert there(tmp_path / "a")
    for number in signals:
        executor.cancel(number)
    assert ended(executor, 1) == {"a": "interrupted"}
    executor.close()


def test_closing_ends_what_runs(action, tmp_path):
    """And waits for that."""
    executor = open_executor("local", 2)
    executor.submit(action("a", "echo $$ > pid; sleep 60"))
    assert there(tmp_path / "pid")
    executor.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text() or "0") or 2**22 + 1, 0)
    executor.close()


def test_what_no_target_is_at_fault_for_is_raised(executor, action, tmp_path):
    """In the thread that waits: a failed environment, and a bug."""
    (tmp_path / "file").write_text("")
    executor.submit(action("a", "true", log=str(tmp_path / "file" / "log")))
    with pytest.raises(EnvironmentFailed):
        ended(executor, 1)
    executor.submit(action("b", "true", kind="nonsense"))
    with pytest.raises(KeyError):
        ended(executor, 1)
    executor.submit(action("c", "true"))
    assert ended(executor, 1) == {"c": None}


def test_a_result_is_not_lost_to_what_is_raised(action, tmp_path):
    """It comes first."""
    executor = open_executor("local", 1)
    executor.submit(action("good", "true"))
    executor.submit(action("b", "touch begun", kind="nonsense"))
    executor.submit(action("last", "touch last"))
    assert there(tmp_path / "last")
    assert [result.target for result in executor.wait()] == ["good"]
    with pytest.raises(KeyError):
        executor.wait()
    assert ended(executor, 1) == {"last": None}
    executor.close()


def test_a_signal_ends_waiting(executor, action, tmp_path):
    """Its handler runs at once, and what it raises comes out."""

    def stop(number, frame):
        raise InterruptedError

    def waiting():
        timer.start()
        executor.wait()

    before = signal.signal(signal.SIGUSR1, stop)
    main = threading.main_thread().ident
    timer = threading.Timer(0.2, signal.pthread_kill, (main, signal.SIGUSR1))
    try:
        executor.submit(action("a", "sleep 60; touch late"))
        with pytest.raises(InterruptedError):
            waiting()
        assert not (tmp_path / "late").exists()
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, before)


def test_an_executor_that_is_not_there():
    """Those that are, are named."""
    with pytest.raises(UsageError) as caught:
        open_executor("moon", 1)
    assert str(caught.value) == "there is no executor `moon`\n  there is `local`"
