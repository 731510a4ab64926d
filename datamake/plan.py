"""What a build would do, in the order of running: the build's own schedule, with nothing carried out.

Knows nothing of executors. Time passes as history says it did.
"""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush

from datamake.contents import InputGone, Known
from datamake.errors import DatamakeError
from datamake.judge import Judge, joined, remarks
from datamake.model import RESOURCES, Code, Reason, Status
from datamake.outcome import Plan, PlannedTarget
from datamake.request import NO_OPTIONS, requested
from datamake.schedule import Schedule, Verb
from datamake.slots import Capacity, Ready

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from datamake.model import Resources
    from datamake.schedule import Instruction
    from datamake.slots import Urgency
    from datamake.workspace import Workspace

TO_DO = (Status.RUN, Status.MAYBE)


class Planner:
    """Plays a build through."""

    def __init__(self, space: Workspace, judge: Judge, taken: Iterable[str]) -> None:
        self.space = space
        self.judge = judge
        self.taken = set(taken)
        self.durations: Mapping[str, float] = space.state.history.durations()
        self.planned: dict[str, PlannedTarget] = {}
        self._now = 0.0
        self._running: list[tuple[float, int, str]] = []

    def plan(self, needs: Mapping[str, Sequence[str]], jobs: int, urgency: Urgency) -> Plan:
        """The plan for `needs`: name → what it needs."""
        ready = Ready(Capacity(jobs, None, self.space.spec.pools), self._resources, urgency)
        self.schedule = Schedule(needs, ready, keep_going=True)
        waiting = deque(self.schedule.start())
        while waiting or self._running:
            while waiting:
                waiting.extend(self._carry_out(*waiting.popleft()))
            if self._running:
                self._now, _, name = heappop(self._running)
                waiting.extend(self.schedule.finished(name, ok=True))
        targets = tuple(self.planned.values())
        path, seconds = self._critical_path()
        total = sum(self._seconds(target) for target in targets)
        notices = (*self.space.notices, *remarks(self.space.graph))
        return Plan(targets, path, seconds, total, notices)

    def _carry_out(self, verb: Verb, name: str) -> Iterable[Instruction]:
        if verb is Verb.JUDGE:
            return self._judge(name)
        if verb in (Verb.RUN, Verb.RESTORE) and name in self.planned:
            target = self.planned.pop(name)
            self.planned[name] = target
            end = self._now + self._seconds(target)
            heappush(self._running, (end, len(self.planned), name))
        return ()

    def _judge(self, name: str) -> Iterable[Instruction]:
        graph = self.space.graph
        if name in graph.pending:
            return self._pending(name)
        if name in graph.asserted:
            return self._source(name)
        if name in graph.remotes:
            source = self.judge.source(name)
            if source is not None:
                self.judge.inputs.settle(name, source)
            return self.schedule.judged(name, None)
        if name in self.taken:
            known = self.judge.as_it_is(name)
            if known is not None:
                self.judge.inputs.settle(name, known)
            return self.schedule.judged(name, None)
        try:
            verdict = self.judge.verdict(name)
        except DatamakeError as error:
            gone = isinstance(error, InputGone)
            reason = Reason(Code.INPUT_REMOVED if gone else Code.INPUT_CHANGED, error.headline)
            return self._note(PlannedTarget(name, Status.RUN, (reason,)))
        if verdict.status in (Status.UP_TO_DATE, Status.RESTORE, Status.CHECK):
            self.judge.inputs.settle(
                name, Known(verdict.fingerprint, verdict.outputs, verdict.present)
            )
        return self._note(
            PlannedTarget(name, verdict.status, verdict.reasons, self.durations.get(name))
        )

    def _source(self, name: str) -> Iterable[Instruction]:
        """A source that is checked, where that was not done before."""
        self.judge.inputs.settle(name, Known(""))
        examiner = self.judge.examiner
        try:
            known, _, _ = examiner.source(name)
        except (DatamakeError, KeyError):  # what it holds, or what it refers to, is not known yet
            return self._note(PlannedTarget(name, Status.CHECK, (examiner.unchecked(name),)))
        if known.passed:
            return self.schedule.judged(name, None)
        return self._note(PlannedTarget(name, Status.CHECK, examiner.changed(name, known)))

    def _note(self, target: PlannedTarget) -> Iterable[Instruction]:
        self.planned[target.name] = target
        verbs = {Status.UP_TO_DATE: None, Status.RESTORE: Verb.RESTORE}
        return self.schedule.judged(target.name, verbs.get(target.status, Verb.RUN))

    def _pending(self, name: str) -> Iterable[Instruction]:
        """Its instances, where what it needs is up to date; else one entry for all of them."""
        graph = self.space.graph
        unknown = [need for need in graph.needs[name] if need not in self.judge.inputs.known]
        if unknown:
            reason = Reason(Code.UPSTREAM, ", ".join(unknown), unknown[0])
            return self._note(PlannedTarget(name, Status.MAYBE, (reason,)))
        growth = graph.grow(name, self.judge.inputs.made_paths(name), self.space.tree)
        wanted = self.judge.grown(name, growth.added)
        if name in self.taken:
            self.taken.update(growth.added)
        return self.schedule.grown(
            name, *joined(graph, self.schedule.life, wanted, growth.relinked)
        )

    def _seconds(self, target: PlannedTarget) -> float:
        return (target.estimate_s or 0.0) if target.status in TO_DO else 0.0

    def _critical_path(self) -> tuple[tuple[str, ...], float]:
        """The targets to do that follow on each other and take longest together."""
        ends: dict[str, float] = {}
        before: dict[str, str] = {}
        for name, target in self.planned.items():
            needs = [need for need in self.schedule.needs[name] if need in ends]
            last = max(needs, key=ends.__getitem__, default=None)
            ends[name] = self._seconds(target) + (ends[last] if last is not None else 0.0)
            if last is not None:
                before[name] = last
        at = max(ends, key=ends.__getitem__, default=None)
        if at is None or not ends[at]:
            return (), 0.0
        seconds, path = ends[at], []
        while at is not None:
            if self.planned[at].status in TO_DO:
                path.append(at)
            at = before.get(at)
        return tuple(reversed(path)), seconds

    def _resources(self, name: str) -> Resources:
        target = self.space.graph.targets.get(name)
        return RESOURCES if target is None else target.resources


def states(space: Workspace) -> Mapping[str, Collection[str]]:
    """The targets that `state:` selects: `stale`, `missing` and `failed`."""
    graph = space.graph
    request = requested(space, ["*"] if not graph.targets else list(graph.targets), NO_OPTIONS)
    plan = Planner(space, Judge(space, request.demands, space.variables), request.taken).plan(
        request.needs, 1, lambda _: (0, 0.0)
    )
    history = space.state.history
    return {
        "stale": {t.name for t in plan.targets if t.status is not Status.UP_TO_DATE},
        "missing": {
            name
            for name, target in graph.targets.items()
            if any(space.digest(output.path) is None for output in target.outputs)
        },
        "failed": {
            name
            for name in graph.targets
            if any(run.status == "failed" for run in history.target_runs(name, 1))
        },
    }


def urgency(space: Workspace, needs: Mapping[str, Sequence[str]]) -> Urgency:
    """Name → its priority, and the seconds of the longest way from it to the end of the build.

    What something more urgent needs has that one's priority. Worked out when first asked for; a
    target that never ran counts as a second.
    """
    targets = space.graph.targets
    found: dict[str, tuple[int, float]] = {}

    def own(name: str) -> int:
        return targets[name].resources.priority if name in targets else 0

    def measure() -> None:
        durations = space.state.history.durations()
        for name in reversed(list(needs)):
            priority, below = found.get(name, (own(name), 0.0))
            seconds = below + durations.get(name, 1.0)
            found[name] = priority, seconds
            for need in needs[name]:
                higher, longer = found.get(need, (own(need), 0.0))
                found[need] = max(higher, priority), max(longer, seconds)

    def asked(name: str) -> tuple[int, float]:
        if not found:
            measure()
        return found.get(name) or (own(name), 0.0)

    return asked
