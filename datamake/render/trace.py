"""Events as they happen: one JSON object a line, or a Chrome trace.

Knows neither files nor the engine: it is given a function that takes text.
"""

from __future__ import annotations

from datamake.render.json import event_document

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from datamake.outcome import Event, TargetResult


class EventLines:
    """Writes each event as a line of JSON."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self.write = write

    def __call__(self, event: Event) -> None:
        """Write one event; ticks are no events."""
        if event.kind != "tick":
            import json

            self.write(json.dumps(event_document(event)) + "\n")


class Timings:
    """Writes a Chrome trace when the run ends: one bar a target, one row for each at a time."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self.write = write
        self.began: float | None = None
        self.rows: list[str | None] = []
        """The target that holds each row."""
        self.starts: dict[str, float] = {}
        self.bars: list[dict[str, Any]] = []

    def __call__(self, event: Event) -> None:
        """Take note of one event."""
        if self.began is None:
            self.began = event.time
        if event.kind == "target-started" and event.target is not None:
            self.started(event.target, event.time)
        elif event.kind == "target-ended":
            self.ended(event.data["result"], event.time)
        elif event.kind == "run-ended":
            import json

            self.write(json.dumps({"traceEvents": self.bars, "displayTimeUnit": "ms"}) + "\n")

    def started(self, name: str, time: float) -> None:
        """A target takes the first free row; a second try keeps its own."""
        if name in self.starts:
            return
        self.starts[name] = time
        if None in self.rows:
            self.rows[self.rows.index(None)] = name
        else:
            self.rows.append(name)

    def ended(self, result: TargetResult, time: float) -> None:
        """A bar for a target that was started; the others took no time."""
        start = self.starts.pop(result.name, None)
        if start is None:
            return
        row = self.rows.index(result.name)
        self.rows[row] = None
        self.bars.append(
            {
                "name": result.name,
                "cat": result.status.value,
                "ph": "X",
                "ts": self.microseconds(start),
                "dur": self.microseconds(time) - self.microseconds(start),
                "pid": 1,
                "tid": row + 1,
                "args": {"reasons": [reason.code.value for reason in result.reasons]},
            }
        )

    def microseconds(self, time: float) -> int:
        """Since the first event."""
        return round((time - (self.began or 0.0)) * 1e6)
