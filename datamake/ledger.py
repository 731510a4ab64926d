"""What a run has come to so far: results, lines for people, events, history.

Knows nothing of how it came to that.
"""

from __future__ import annotations

import time

from datamake.errors import EnvironmentFailed
from datamake.history import TargetRun
from datamake.model import Status
from datamake.outcome import BuildResult, Event, TargetResult
from datamake.urls import is_url, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from datamake.state import State

REMEMBERED = (Status.BUILT, Status.RESTORED, Status.FAILED, Status.BLOCKED)


class Ledger:
    """The ledger of one run."""

    def __init__(self, state: State, emit: Callable[[Event], None] | None, started: float) -> None:
        self.state = state
        self.emit = emit
        self.started = started
        """When it began, in seconds since 1970."""
        self.results: dict[str, TargetResult] = {}
        """In the order they ended."""
        self.notices: list[str] = []
        self.exit_code = 0
        """Set for what is worse than a failed target."""
        self._begun: dict[str, float] = {}
        self._run = 0

    @property
    def run(self) -> int:
        """The number of the run; it has one from when it first does something."""
        if not self._run:
            self._run = self.state.history.start_run(self.started)
        return self._run

    def say(self, kind: str, target: str | None = None, **data: Any) -> None:
        """Tell who listens, of a target or, by its URL, of a source."""
        if self.emit is not None:
            named = shown(target) if target and is_url(target) else target
            self.emit(Event(kind, time.time(), named, data))

    def note(self, message: str) -> None:
        """A line for people."""
        self.notices.append(message)
        self.say("notice", message=message)

    def warn(self, name: str, results: Sequence[Any]) -> None:
        """Lines about what is wrong with a table and does not fail it, by results of its checks."""
        from datamake.tables.checked import warnings

        for line in warnings(results):
            self.note(f"{name}: {line}")

    def begin(self, name: str, tries: int, reasons: Sequence[Any]) -> None:
        """A target is being run or restored."""
        self._begun.setdefault(name, time.time())
        self.say("target-started", name, attempt=tries, reasons=tuple(reasons))

    def end(self, result: TargetResult) -> None:
        """A target has ended; what it did earlier in this run outweighs that it is up to date now."""
        before = self.results.get(result.name)
        if before is not None and result.status is Status.UP_TO_DATE:
            return
        if before is not None:
            del self.results[result.name]
        self.results[result.name] = result
        if result.status in REMEMBERED:
            self.state.history.add(self._row(result))
        self.say("target-ended", result.name, result=result)

    def close(self) -> BuildResult:
        """The result of the run, which is over."""
        results = tuple(self.results.values())
        good = all(
            result.status in (Status.UP_TO_DATE, Status.BUILT, Status.RESTORED)
            for result in results
        )
        exit_code = self.exit_code or (0 if good else 1)
        duration = time.time() - self.started
        result = BuildResult(exit_code == 0, exit_code, duration, results, tuple(self.notices))
        if self._run:
            cached = sum(each.saved_s is not None for each in results)
            counts = {**result.summary, "cached": cached}
            self.state.history.end_run(self._run, duration, counts, exit_code)
        self.say("run-ended", result=result)
        return result

    def environment_failed(self) -> None:
        """The build ends with the exit status of a failed environment."""
        self.exit_code = self.exit_code or EnvironmentFailed.exit_code

    def _row(self, result: TargetResult) -> TargetRun:
        first = result.reasons[0] if result.reasons else None
        return TargetRun(
            self.run,
            result.name,
            result.status.value,
            self._begun.get(result.name, time.time()),
            result.duration_s,
            result.fingerprint,
            first.code.value if first else "",
            result.error or (first.detail if first else ""),
            result.facts,
            result.outputs,
        )
