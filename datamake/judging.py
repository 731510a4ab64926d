"""Judging in the course of a build: what a verdict means for the schedule.

Knows nothing of running. A part of the engine.
"""

from __future__ import annotations

from datamake.contents import Known
from datamake.judge import joined
from datamake.model import Status
from datamake.outcome import TargetResult
from datamake.schedule import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from datamake.claims import Claims
    from datamake.judge import Judge
    from datamake.ledger import Ledger
    from datamake.model import Verdict
    from datamake.running import Runner
    from datamake.schedule import Instruction, Schedule
    from datamake.workspace import Workspace


class Judging:
    """Judges the targets of one run."""

    def __init__(
        self,
        space: Workspace,
        judge: Judge,
        runner: Runner,
        claims: Claims,
        schedule: Schedule,
        taken: Iterable[str],
    ) -> None:
        self.space = space
        self.judge = judge
        self.runner = runner
        self.claims = claims
        self.schedule = schedule
        self.taken = set(taken)
        """What is neither judged nor run but taken as it is."""
        self.ledger: Ledger = runner.ledger

    @property
    def total(self) -> int:
        """How many targets take part; sources are none."""
        graph, life = self.space.graph, self.schedule.life
        return len(life) - sum(name in life for name in (*graph.remotes, *graph.asserted))

    def judged(self, name: str) -> Sequence[Instruction]:
        """What follows from a target's verdict."""
        graph = self.space.graph
        if name in graph.pending:
            return self._grow(name)
        if name in graph.remotes:
            return self._source(name)
        if name in graph.asserted:
            return self._asserted(name)
        if name in self.taken:
            return self._take(name)
        if not self.claims.take(name):
            self.claims.hold(name)
            return self.schedule.rests(name)
        if name in graph.missing:
            return self.fail(name, graph.missing[name][0].message)
        if name in self.claims.left_open:
            self.claims.left_open.discard(name)
            self.runner.publisher.recover(graph.targets[name])
        verdict = self.judge.verdict(name)
        if verdict.status is Status.UP_TO_DATE:
            return self._up_to_date(name, verdict)
        self.claims.drop(name)
        if verdict.status is Status.CHECK and verdict.results is not None:
            return self._fail_checks(name, verdict.results)
        if verdict.status is Status.RESTORE:
            return self.schedule.judged(name, Verb.RESTORE)
        absent = [need for need in graph.needs[name] if not self.judge.inputs.known[need].present]
        return self.schedule.judged(name, Verb.RUN, absent)

    def fail(
        self,
        name: str,
        error: str,
        facts: Sequence[str] = (),
        duration: float = 0.0,
        checks: Sequence[Any] = (),
    ) -> list[Instruction]:
        """A target has failed for good."""
        self.runner.give_up(name, error, facts, duration, checks)
        self.claims.end(name)
        return self.schedule.finished(name, ok=False)

    def _fail_checks(self, name: str, results: Sequence[Any]) -> list[Instruction]:
        from datamake.tables.checked import told

        return self.fail(name, *told(results), checks=results)

    def _up_to_date(self, name: str, verdict: Verdict) -> list[Instruction]:
        record, saved = self.space.record(name), None
        if record is None or record.fingerprint != verdict.fingerprint:
            target = self.space.graph.targets[name]
            adopted = self.runner.publisher.adopted(target, verdict)
            self.space.state.write(adopted)
            saved = adopted.duration
            self.claims.end(name)
        else:
            self.claims.drop(name)
        known = Known(verdict.fingerprint, verdict.outputs, verdict.present)
        differs = self.judge.inputs.settle(name, known)
        self.ledger.end(
            TargetResult(
                name,
                Status.UP_TO_DATE,
                verdict.present,
                fingerprint=verdict.fingerprint,
                saved_s=saved,
                outputs=verdict.outputs,
                checks=verdict.results or (),
            )
        )
        return self.schedule.judged(name, None, differs=differs)

    def _source(self, name: str) -> list[Instruction]:
        """A remote source is fetched where its content is unknown."""
        known = self.judge.source(name)
        if known is None:
            return self.schedule.judged(name, Verb.RUN)
        differs = self.judge.inputs.settle(name, known)
        return self.schedule.judged(name, None, differs=differs)

    def _asserted(self, name: str) -> list[Instruction]:
        """A source that was not checked as it is now is to be."""
        known, _, _ = self.judge.examiner.source(name)
        if known.passed:
            self.judge.inputs.settle(name, Known(""))
            return self.schedule.judged(name, None)
        if known.results is not None:
            return self._fail_checks(name, known.results)
        needs = self.space.graph.needs[name]
        absent = [need for need in needs if not self.judge.inputs.known[need].present]
        return self.schedule.judged(name, Verb.RUN, absent)

    def _take(self, name: str) -> list[Instruction]:
        known = self.judge.as_it_is(name)
        if known is None:
            return self.schedule.finished(name, ok=False, stops=False)
        self.judge.inputs.settle(name, known)
        return self.schedule.judged(name, None)

    def _grow(self, name: str) -> list[Instruction]:
        """Adds the instances that what a foreach needs has made possible."""
        graph = self.space.graph
        growth = graph.grow(name, self.judge.inputs.made_paths(name), self.space.tree)
        wanted = self.judge.grown(name, growth.added)
        news = joined(graph, self.schedule.life, wanted, growth.relinked)
        out = self.schedule.grown(name, *news)
        if name in self.taken:
            self.taken.update(growth.added)
        self.ledger.say("grown", total=self.total)
        for target, message in growth.problems.items():
            if target in self.schedule.life:
                out += self.fail(target, message)
        return out
