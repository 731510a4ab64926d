"""The one loop of a build: carry out the schedule's instructions, feed back what came of them.

Knows nothing of how a target is judged, made into an action or published, nor of how it is shown.
"""

from __future__ import annotations

import os
import time
from collections import deque

from datamake.claims import Claims
from datamake.errors import DatamakeError, EnvironmentFailed, TargetLocked
from datamake.judge import remarks
from datamake.judging import Judging
from datamake.ledger import Ledger
from datamake.model import RESOURCES, Status
from datamake.outcome import INTERRUPTED, TargetResult
from datamake.running import Runner, has_outputs
from datamake.schedule import ENDED, Life, Schedule, Verb
from datamake.slots import AT_ONCE, TRANSFER, Capacity, Ready
from datamake.values import undisturbed, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import FrameType
    from typing import Any

    from datamake.judge import Judge
    from datamake.model import Resources
    from datamake.outcome import BuildResult, Event
    from datamake.publication import End
    from datamake.schedule import Instruction
    from datamake.slots import Urgency
    from datamake.workspace import Workspace

TICK = 0.1
"""Seconds between two looks at what is no event: locks, retries, signals."""


@value
class Settings:
    """How a build goes about it."""

    jobs: int
    keep_going: bool = False
    no_wait: bool = False
    taken: frozenset[str] = frozenset()
    """These are neither judged nor run but taken as they are."""


class Engine:
    """One run over `needs`: name → what it needs."""

    def __init__(
        self,
        space: Workspace,
        judge: Judge,
        settings: Settings,
        needs: Mapping[str, Sequence[str]],
        urgency: Urgency,
        emit: Callable[[Event], None] | None = None,
    ) -> None:
        self.space = space
        self.judge = judge
        self.ledger = Ledger(space.state, emit, space.began)
        transfers = (
            max(AT_ONCE, settings.jobs)
            if space.graph.remote or "cache" in space.spec.project
            else settings.jobs
        )
        self.runner = Runner(space, judge, self.ledger, settings.jobs + transfers)
        self.claims = Claims(space, self.ledger, self.runner.publisher, no_wait=settings.no_wait)
        self.ready = Ready(
            Capacity(settings.jobs, _memory(), space.spec.pools, transfers),
            self._resources,
            urgency,
        )
        self.schedule = Schedule(needs, self.ready, keep_going=settings.keep_going)
        self.judging = Judging(
            space, judge, self.runner, self.claims, self.schedule, settings.taken
        )
        self.interrupts = Interrupts()
        self.interrupted = False
        self.resting: list[tuple[float, str]] = []
        """When the next try of what is due."""

    def build(self) -> BuildResult:
        """Brings all of it up to date.

        Raises TargetLocked, and EnvironmentFailed where the state cannot be written.
        """
        self.ledger.say("run-started", total=self.judging.total)
        self.claims.sweep()
        self.space.go_on = self.interrupts.go_on
        try:
            self._loop()
        finally:
            self.runner.close()
            self.interrupts.release()
            self.space.go_on = undisturbed
            self.claims.write()
            self.space.cache.flush()
            self.space.sources.copies.remove()
            self._pass_on()
        for line in remarks(self.space.graph):
            self.ledger.note(line)
        result = self.ledger.close()
        self.space.state.commit()
        return result

    def _loop(self) -> None:
        waiting = deque(self.schedule.start())
        while True:
            while waiting and not self.interrupts.count:
                waiting.extend(self._carry_out(*waiting.popleft()))
            if self.interrupts.count:
                waiting.extend(self._interrupt())
            elif self.schedule.open:
                waiting.extend(self._wait())
            else:
                return

    def _carry_out(self, verb: Verb, name: str) -> Iterable[Instruction]:
        try:
            if verb is Verb.JUDGE:
                judging = self.schedule.life[name] is Life.JUDGING
                return self.judging.judged(name) if judging else ()
            if verb in (Verb.RUN, Verb.RESTORE):
                return self._start(verb, name)
        except TargetLocked:
            raise
        except OSError as error:
            self.ledger.environment_failed()
            return self.judging.fail(name, str(error))
        except DatamakeError as error:
            if verb is Verb.JUDGE and self.interrupts.count:
                self.claims.drop(name)
                return ()
            if isinstance(error, EnvironmentFailed):
                self.ledger.environment_failed()
            return self.judging.fail(name, error.headline, error.below)
        if name in self.space.graph.targets and name not in self.judging.taken:
            status = Status.BLOCKED if verb is Verb.BLOCK else Status.SKIPPED
            self.ledger.end(TargetResult(name, status, has_outputs(self.space, name)))
        return ()

    def _start(self, verb: Verb, name: str) -> Iterable[Instruction]:
        """Begins to run or restore a target, if no other run has done so meanwhile."""
        source = name in self.space.graph.remotes
        if not source and not (self.claims.take(name) and self.claims.unchanged(name)):
            self.claims.drop(name)
            return self.schedule.again(name)
        self.interrupts.watch()
        if source:
            self.runner.fetch(name)
        elif verb is Verb.RUN:
            self.runner.run(name, self.ready.numbers(name))
        else:
            self.runner.restore(name)
        return ()

    def _wait(self) -> Iterable[Instruction]:
        """What has come of time, and of what is running."""
        held = self.claims.held
        assert self.runner.busy or held or self.resting, "something is open, nothing runs"
        self._pass_on()
        self.ledger.say("tick", progress=self.runner.progress)
        out: list[Instruction] = []
        if self.runner.busy:
            for end in self.runner.wait(TICK):
                out += self._ended(end)
        else:
            time.sleep(TICK)
        if not out:
            self.claims.write()
        now = time.monotonic()
        for rest in [rest for rest in self.resting if rest[0] <= now]:
            self.resting.remove(rest)
            out += self.schedule.again(rest[1])
        for name in self.claims.freed() if held else ():
            out += self.schedule.again(name)
            if self.schedule.life[name] in ENDED:
                self.claims.drop(name)
        return out

    def _ended(self, end: End) -> Iterable[Instruction]:
        name = end.name
        if end.known is not None and end.result is not None:
            differs = self.judge.inputs.settle(name, end.known)
            self.ledger.end(end.result)
            self.claims.end(name)
            return self.schedule.finished(name, ok=True, differs=differs)
        if end.known is not None:
            differs = self.judge.inputs.settle(name, end.known)
            return self.schedule.finished(name, ok=True, differs=differs)
        if end.lost:
            self.claims.drop(name)
            return self.schedule.again(name)
        if end.delay is not None and not self.interrupted:
            self.claims.drop(name)
            self.resting.append((time.monotonic() + end.delay, name))
            return self.schedule.rests(name)
        error = INTERRUPTED if self.interrupted else end.error or ""
        return self.judging.fail(name, error, end.facts, end.duration, end.checks)

    def _interrupt(self) -> list[Instruction]:
        """Starts nothing more and asks what runs to end; at the second signal makes it end."""
        again = self.interrupted or self.interrupts.count > 1
        self.interrupts.count = 0
        self.ledger.exit_code = 128 + self.interrupts.signal
        self.runner.cancel(gently=not again)
        self.resting.clear()
        self.interrupted = True
        return self.schedule.stop()

    def _pass_on(self) -> None:
        """Lines that files, state and cache have for people; some come from other threads."""
        while self.space.notices:
            self.ledger.note(self.space.notices.pop(0))

    def _resources(self, name: str) -> Resources:
        if name in self.space.graph.remotes:
            return TRANSFER
        target = self.space.graph.targets.get(name)
        return RESOURCES if target is None else target.resources


PATIENCE = 1.0
"""Seconds that a step may take once the build is to end."""


class Interrupts:
    """Takes SIGINT, SIGTERM and SIGHUP from `watch` to `release`; outside the main thread none.

    They are counted instead of raised, and looked at between two steps, so that no signal ever cuts
    a publication in two. Where a step takes longer than `PATIENCE`, another signal ends the process.
    """

    def __init__(self) -> None:
        self.count = 0
        self.signal = 0
        """The number of the first one."""
        self._before: dict[int, Any] = {}
        self._since = 0.0

    def watch(self) -> None:
        """Take signals from now on."""
        import signal
        import threading

        if self._before or threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._take)

    def go_on(self) -> None:
        """To be called now and then by what takes long. Raises DatamakeError once there was one."""
        if self.count:
            raise DatamakeError(INTERRUPTED)

    def release(self) -> None:
        """Let signals do again what they did before."""
        if self._before:
            import signal

            for number, action in self._before.items():
                signal.signal(number, action)
            self._before.clear()

    def _take(self, number: int, _: FrameType | None) -> None:
        now = time.monotonic()
        if not self.count:
            self._since = now
        elif now - self._since > PATIENCE:
            import signal

            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self.count += 1
        self.signal = self.signal or number


def _memory() -> int:
    """Bytes of memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
