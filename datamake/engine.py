"""The one loop of a build: carry out the schedule's instructions, feed back what came of them.

Knows nothing of how a target is judged, made into an action or published, nor of how it is shown.
"""

from __future__ import annotations

import os
import time
from collections import deque

from datamake.actions import log_path
from datamake.errors import DatamakeError, EnvironmentFailed, TargetLocked
from datamake.interrupts import Interrupts
from datamake.judge import Judge, Known, joined, orphans
from datamake.ledger import Ledger
from datamake.model import RESOURCES, Event, Resources, Status, TargetResult
from datamake.running import Runner
from datamake.schedule import Capacity, Life, Schedule, Slots, Verb
from datamake.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from datamake.model import BuildResult, Verdict
    from datamake.running import End
    from datamake.schedule import Instruction
    from datamake.workspace import Workspace

TICK = 0.1
"""Seconds between two looks at what is no event: locks, retries, signals."""
WRITE_AFTER = 64
"""Targets that may end before the state is written."""


@value
class Settings:
    """How a build goes about it."""

    jobs: int
    keep_going: bool = False
    no_wait: bool = False
    taken: frozenset[str] = frozenset()
    """These are neither judged nor run but taken as they are."""


class Engine:
    """One run."""

    def __init__(
        self,
        space: Workspace,
        judge: Judge,
        settings: Settings,
        emit: Callable[[Event], None] | None = None,
    ) -> None:
        self.space = space
        self.judge = judge
        self.settings = settings
        self.ledger = Ledger(space.state, emit)
        self.runner = Runner(space, judge, self.ledger, settings.jobs)
        self.taken = set(settings.taken)
        self.interrupts = Interrupts()
        self.interrupted = False
        self.open_entries = space.journal.open_entries()
        """What an earlier build left open."""
        self.resting: list[tuple[float, str]] = []
        """When the next try of what is due."""
        self.locked: set[str] = set()
        self.held: dict[str, None] = {}
        """What another build holds."""
        self.unwritten: list[str] = []
        """What ended, and stays locked until the state is written."""

    def build(
        self, needs: Mapping[str, Sequence[str]], urgency: Callable[[str], float]
    ) -> BuildResult:
        """Brings all of `needs` (name → what it needs) up to date, the most urgent first.

        Raises TargetLocked, and EnvironmentFailed where the state cannot be written.
        """
        slots = Slots(Capacity(self.settings.jobs, _memory(), self.space.spec.pools))
        self.schedule = Schedule(
            needs, self._resources, slots, urgency=urgency, keep_going=self.settings.keep_going
        )
        self.ledger.say("run-started", total=len(needs))
        try:
            self._loop()
        finally:
            self.runner.close()
            self.interrupts.release()
            self._write()
            self._pass_on()
        for line in orphans(self.space.graph.orphans):
            self.ledger.note(line)
        result = self.ledger.close()
        self.space.state.commit()
        return result

    # The loop

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
                return self._judge(name) if self.schedule.life[name] is Life.JUDGING else ()
            if verb is Verb.RUN:
                self.interrupts.watch()
                self.runner.run(name, self.schedule.slots.numbers(name))
                return ()
            if verb is Verb.RESTORE:
                return self._restore(name)
        except TargetLocked:
            raise
        except OSError as error:
            self.ledger.environment_failed()
            return self._fail(name, str(error))
        except DatamakeError as error:
            if isinstance(error, EnvironmentFailed):
                self.ledger.environment_failed()
            return self._fail(name, error.headline, error.facts)
        if name not in self.taken and name not in self.space.graph.pending:
            status = Status.BLOCKED if verb is Verb.BLOCK else Status.SKIPPED
            self.ledger.end(TargetResult(name, status))
            self._unlock(name)
        return ()

    def _wait(self) -> Iterable[Instruction]:
        """What has come of time, and of what is running."""
        assert self.runner.works or self.held or self.resting, "something is open, nothing runs"
        if len(self.unwritten) >= WRITE_AFTER:
            self._write()
        self._pass_on()
        self.ledger.say("tick")
        out: list[Instruction] = []
        if self.runner.works:
            for end in self.runner.wait(TICK):
                out += self._ended(end)
        else:
            time.sleep(TICK)
        if not out:
            self._write()
        now = time.monotonic()
        for rest in [rest for rest in self.resting if rest[0] <= now]:
            self.resting.remove(rest)
            out += self.schedule.rested(rest[1])
        for name in list(self.held):
            if self._lock(name):
                del self.held[name]
                self.space.state.refresh(name)
                self.space.files.forget("")
                out.append((Verb.JUDGE, name))
        return out

    def _interrupt(self) -> list[Instruction]:
        """Starts nothing more and asks what runs to end; at the second signal makes it end."""
        again = self.interrupted or self.interrupts.count > 1
        self.interrupts.count = 0
        self.ledger.exit_code = 128 + self.interrupts.signal
        self.runner.cancel(gently=not again)
        self.resting.clear()
        self.interrupted = True
        return self.schedule.stop()

    def _write(self) -> None:
        """Writes the state; only then journals are closed and others may see what ended."""
        self.space.state.commit()
        for name in self.unwritten:
            self.runner.publisher.finish(name)
            self._unlock(name)
        self.unwritten.clear()

    def _pass_on(self) -> None:
        """Lines that files, state and cache have for people; some come from other threads."""
        while self.space.notices:
            self.ledger.note(self.space.notices.pop(0))

    def _lock(self, name: str) -> bool:
        if name not in self.locked and self.space.locks.take(name):
            self.locked.add(name)
        return name in self.locked

    def _unlock(self, name: str) -> None:
        if name in self.locked:
            self.locked.discard(name)
            self.space.locks.release(name)

    # Judging

    def _judge(self, name: str) -> Iterable[Instruction]:
        graph = self.space.graph
        if name in graph.pending:
            return self._grow(name)
        if name in self.taken:
            return self._take(name)
        if not self._lock(name):
            return self._hold(name)
        if name in graph.missing:
            return self._fail(name, graph.missing[name][0].message)
        if name in self.open_entries:
            self.runner.publisher.recover(graph.targets[name])
            self.open_entries.discard(name)
        verdict = self.judge.verdict(name)
        if verdict.status is Status.UP_TO_DATE:
            return self._up_to_date(name, verdict)
        if verdict.status is Status.RESTORE:
            return self.schedule.judged(name, Verb.RESTORE)
        absent = [need for need in graph.needs[name] if not self._present(need)]
        if absent:
            self._unlock(name)
        return self.schedule.judged(name, Verb.RUN, absent)

    def _present(self, need: str) -> bool:
        known = self.judge.known.get(need)
        return known is None or known.present

    def _hold(self, name: str) -> Iterable[Instruction]:
        if self.settings.no_wait:
            raise TargetLocked(
                f"`{name}` is being built by another datamake",
                hint="leave out --no-wait to wait for it",
            )
        if not self.held:
            self.ledger.note(f"waiting for another build, which holds `{name}`")
        self.held[name] = None
        self.ledger.say("waiting", name)
        return ()

    def _up_to_date(self, name: str, verdict: Verdict) -> list[Instruction]:
        record = self.space.record(name)
        if record is None or record.fingerprint != verdict.fingerprint:
            target = self.space.graph.targets[name]
            self.space.state.write(self.runner.publisher.adopted(target, verdict))
            self.unwritten.append(name)
        else:
            self._unlock(name)
        known = Known(verdict.fingerprint, verdict.outputs, verdict.present)
        differs = self.judge.settle(name, known)
        self.ledger.end(
            TargetResult(
                name,
                Status.UP_TO_DATE,
                verdict.present,
                fingerprint=verdict.fingerprint,
                outputs=verdict.outputs,
            )
        )
        return self.schedule.judged(name, None, differs=differs)

    def _take(self, name: str) -> list[Instruction]:
        known = self.judge.as_it_is(name)
        if known is None:
            return self.schedule.missing(name)
        self.judge.settle(name, known)
        return self.schedule.judged(name, None)

    def _grow(self, name: str) -> list[Instruction]:
        """Adds the instances that what a foreach needs has made possible."""
        graph = self.space.graph
        growth = graph.grow(name, self.judge.made_paths(name), self.space.tree)
        out = self.schedule.grown(name, *joined(graph, self.schedule.life, growth))
        self.judge.grown(name, growth.added)
        if name in self.taken:
            self.taken.update(growth.added)
        self.ledger.say("grown", total=len(self.schedule.life))
        for target, message in growth.problems.items():
            if target in self.schedule.life:
                out += self._fail(target, message)
        return out

    # Ending

    def _restore(self, name: str) -> Iterable[Instruction]:
        if not self._lock(name):
            return self.schedule.lost(name)
        self.interrupts.watch()
        self.runner.restore(name)
        return ()

    def _ended(self, end: End) -> Iterable[Instruction]:
        name = end.name
        if end.known is not None and end.result is not None:
            self.unwritten.append(name)
            differs = self.judge.settle(name, end.known)
            self.ledger.end(end.result)
            return self.schedule.finished(name, ok=True, differs=differs)
        if end.lost:
            return self.schedule.lost(name)
        if end.delay is not None and not self.interrupted:
            self.resting.append((time.monotonic() + end.delay, name))
            return self.schedule.rests(name)
        error = "interrupted" if self.interrupted else end.error or ""
        return self._fail(name, error, end.facts, end.duration)

    def _fail(
        self, name: str, error: str, facts: Sequence[str] = (), duration: float = 0.0
    ) -> list[Instruction]:
        verdict = self.judge.verdicts.get(name)
        if name in self.space.graph.targets:
            self.runner.publisher.failed(self.space.graph.targets[name])
            self.unwritten.append(name)
        self.ledger.end(
            TargetResult(
                name,
                Status.FAILED,
                reasons=verdict.reasons if verdict else (),
                fingerprint=verdict.fingerprint if verdict else "",
                duration_s=duration,
                error=error,
                facts=tuple(fact for fact in facts if fact),
                log=log_path(name) if name in self.runner.tries else None,
            )
        )
        return self.schedule.finished(name, ok=False)

    def _resources(self, name: str) -> Resources:
        target = self.space.graph.targets.get(name)
        return RESOURCES if target is None else target.resources


def _memory() -> int:
    """Bytes of memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
