"""Checks of what is there: of sources, and of outputs whose checks are others than when they were made.

Knows nothing of how checks go. A part of the engine.
"""

from __future__ import annotations

from datamake.action import Action
from datamake.contents import Known
from datamake.fingerprint import Content
from datamake.formats import DEFAULT, Reading
from datamake.model import Input, Link, Status
from datamake.outcome import TargetResult
from datamake.publication import End, failed
from datamake.values import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datamake.action import Result
    from datamake.judge import Judge
    from datamake.ledger import Ledger
    from datamake.model import Target, Verdict
    from datamake.workspace import Workspace


@value
class Examined:
    """What is being checked: a target by its verdict, or a source."""

    fingerprint: str
    digest: str
    verdict: Verdict | None = None


class Checkups:
    """The checks of one build that are on their way."""

    def __init__(self, space: Workspace, judge: Judge, ledger: Ledger) -> None:
        self.space = space
        self.judge = judge
        self.ledger = ledger
        self.open: dict[str, Examined] = {}

    def action(self, name: str) -> Action | None:
        """The action that checks a source, or a target that is only to be checked; else None."""
        assertions = self.space.graph.asserted.get(name)
        examiner = self.judge.examiner
        if assertions is not None:
            known, digest, contents = examiner.source(name)
            self.open[name] = Examined(known.fingerprint, digest)
            kept = tuple(check for check in assertions.checks if not check.of_age)
            assertions = replace(assertions, checks=kept)
        else:
            target, verdict = self.space.graph.targets[name], self.judge.verdicts[name]
            assertions = target.assertions
            if verdict.status is not Status.CHECK or assertions is None:
                return None
            self.open[name] = Examined(verdict.checked, verdict.outputs[0].digest, verdict)
            self.ledger.begin(name, 1, verdict.reasons)
            contents = [output_of(target, verdict.outputs[0].digest)]
        checking = examiner.checking(name, assertions, contents)
        return Action(target=name, kind="check", checking=checking)

    def ended(self, result: Result) -> End:
        """What came of it; it is remembered."""
        name = result.target
        examined = self.open.pop(name)
        if result.checked or result.error is None:
            self.judge.examiner.note(name, examined.fingerprint, examined.digest, result.checked)
        if result.error is not None:
            if result.environment:
                self.ledger.environment_failed()
            return failed(result, self.space.sources.copies)
        for line in result.notices:
            self.ledger.note(f"{name}: {line}")
        verdict = examined.verdict
        if verdict is None:
            return End(name, known=Known(""))
        known = Known(verdict.fingerprint, verdict.outputs)
        return End(
            name,
            TargetResult(
                name,
                Status.UP_TO_DATE,
                reasons=verdict.reasons,
                fingerprint=verdict.fingerprint,
                duration_s=result.duration,
                outputs=verdict.outputs,
                checks=result.checked,
            ),
            known,
        )


def output_of(target: Target, digest: str) -> Content:
    """The output of a target as if it were an input."""
    schema = target.assertions.schema if target.assertions else None
    reading = Reading(schema=schema.types) if schema else DEFAULT
    asked = Input("path", target.outputs[0].path, name="this", reading=reading)
    return Content(Link(asked, table=True), target.outputs[0].path, digest)
