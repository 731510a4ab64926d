"""A build as plain lines: what it prints where there is no terminal, and when there is little to say.

Knows neither streams nor terminals: it is given a function that takes text.
"""

from __future__ import annotations

from datamake.errors import message
from datamake.model import Status
from datamake.render.text import (
    clean,
    clean_lines,
    duration,
    listed,
    nothing_to_do,
    reasons_text,
    size,
)
from datamake.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from datamake.outcome import BuildResult, Event, TargetResult

DID_SOMETHING = (Status.BUILT, Status.RESTORED, Status.FAILED)
SUMMARY_ORDER = (
    Status.FAILED,
    Status.BLOCKED,
    Status.SKIPPED,
    Status.BUILT,
    Status.RESTORED,
    Status.UP_TO_DATE,
)
UP_TO_DATE = "up to date"
TAIL = 20
"""Lines of a log that a failure shows where it happens; CI gets more, at the end."""
TAIL_IN_CI = 400


@value
class Manner:
    """How a build is talked about."""

    verbosity: int = 0
    """-1: errors only. 0: what did something. 1: every target, and all reasons."""
    ci: bool = False
    """Logs of failures come together at the end."""
    github: bool = False
    """Failures are `::error` lines as well."""


@value
class Tail:
    """The end of a log: where it is, its last lines, and whether there are more before them."""

    path: str
    lines: tuple[str, ...] = ()
    more: bool = False


if TYPE_CHECKING:
    Tails = Callable[[str, int], Tail]
    """(path of a log from the project root, most lines) → its end."""


class Plain:
    """Writes a line for each event that says something, and a summary at the end."""

    def __init__(self, write: Callable[[str], None], tails: Tails, manner: Manner) -> None:
        self.write = write
        self.tails = tails
        self.manner = manner
        self.failed: list[TargetResult] = []

    def __call__(self, event: Event) -> None:
        """Take note of one event."""
        if event.kind == "target-ended":
            self.target_ended(event.data["result"])
        elif event.kind == "run-ended":
            self.run_ended(event.data["result"])
        elif self.manner.verbosity >= 0:
            line = event_line(event)
            if line:
                self.write(line + "\n")

    def target_ended(self, result: TargetResult) -> None:
        """A line for a target, and the end of its log if it failed by itself."""
        verbosity = self.manner.verbosity
        if result.status is Status.FAILED and not result.interrupted:
            self.failed.append(result)
            lines = 0 if self.manner.ci else TAIL
            self.write(failure_text(result, self.tail(result, lines)))
        elif verbosity > 0 or (
            verbosity == 0 and (result.status in DID_SOMETHING or result.checked)
        ):
            self.write(target_line(result, full=verbosity > 0) + "\n")

    def run_ended(self, result: BuildResult) -> None:
        """The logs of what failed, where they are kept for the end, and the summary."""
        if self.manner.ci:
            for failed in self.failed:
                tail = self.tail(failed, TAIL_IN_CI)
                if tail and tail.lines:
                    self.write(f"\nlog of {clean(failed.name)}:\n{tail_text(tail)}")
        if self.manner.github:
            for failed in self.failed:
                self.write(github_error(failed) + "\n")
        if self.manner.verbosity >= 0:
            self.write(summary_line(result) + "\n")

    def tail(self, result: TargetResult, lines: int) -> Tail | None:
        """The end of the log of a target that has one."""
        return self.tails(result.log, lines) if result.log else None


def target_line(result: TargetResult, *, full: bool = False) -> str:
    """`built clean[01]  4.2 s  input-changed: raw/01.csv`."""
    word = "checked" if result.checked else result.status.value
    parts = [f"{word} {clean(result.name)}"]
    if result.checked or result.status in (Status.BUILT, Status.FAILED):
        parts.append(duration(result.duration_s))
    remark = remark_text(result, full=full)
    return "  ".join([*parts, remark]) if remark else "  ".join(parts)


def remark_text(result: TargetResult, *, full: bool = False) -> str:
    """What is worth saying of a target: its error, else its reasons."""
    if result.error is not None:
        return clean(result.error)
    remarks = [reasons_text(result.reasons, full=full), *map(clean, result.facts)]
    return "; ".join(remark for remark in remarks if remark)


def failure_text(result: TargetResult, tail: Tail | None) -> str:
    """The line of a target that failed, its facts, the end of its log and where the rest is."""
    return "\n".join([target_line(result), *below(result, tail)]) + "\n"


def below(result: TargetResult, tail: Tail | None) -> list[str]:
    """What stands below the line of a target that failed: its facts, the end of its log."""
    lines = facts_beside(result, tail)
    return lines + tail_text(tail).splitlines() if tail else lines


def facts_beside(result: TargetResult, tail: Tail | None) -> list[str]:
    """The facts of a target that failed, but for what the end of its log shows."""
    shown = tail.lines if tail else ()
    return [f"  {clean_lines(fact)}" for fact in result.facts if fact not in shown]


def tail_text(tail: Tail) -> str:
    """The end of a log, each line behind a bar, and its path."""
    lines = [f"  | {clean_lines(line)}" for line in tail.lines]
    if tail.more and lines:
        lines.insert(0, "  | ...")
    lines.append(f"  log: {clean(tail.path)}")
    return "\n".join(lines) + "\n"


def event_line(event: Event) -> str:
    """A line for an event that is no target's end, or `""` for what needs none."""
    name = clean(event.target or "")
    if event.kind == "notice":
        return clean_lines(str(event.data["message"]))
    if event.kind == "waiting":
        return f"waiting for {name}: held by another build"
    if event.kind == "retry":
        delay = duration(float(event.data["delay"]))
        return (
            f"retry {name}  in {delay}, try {event.data['attempt']}: {clean(event.data['error'])}"
        )
    if event.kind == "fetch-ended" and "size" in event.data:
        time = duration(event.data["duration"])
        return f"fetched {name}  {time}  {size(event.data['size'])}"
    return ""


def summary_line(result: BuildResult) -> str:
    """`up to date: 10,000 targets (0.2 s)`, or how many came to what."""
    time = duration(result.duration_s)
    counts = counts_of(result)
    if result.ok and counts.get(UP_TO_DATE, 0) == len(result.targets):
        return nothing_to_do(len(result.targets), result.duration_s)
    parts = [
        f"{word} {number:,}{failed_names(result) if word == Status.FAILED.value else ''}"
        for word, number in counts.items()
    ]
    stopped = "interrupted: " if result.exit_code >= 128 else ""
    return f"{stopped}{', '.join(parts) or 'nothing started'} ({time})"


def counts_of(result: BuildResult) -> dict[str, int]:
    """How many targets came to what, in words; those that were checked are not up to date, too."""
    counts = {each.value.replace("-", " "): result.summary[each.value] for each in SUMMARY_ORDER}
    checked = sum(target.checked for target in result.targets)
    fresh = counts.pop(UP_TO_DATE) - checked
    found = {**counts, "checked": checked, UP_TO_DATE: fresh}
    return {word: number for word, number in found.items() if number}


def failed_names(result: BuildResult) -> str:
    """` (clean[01], delays)` behind the number of failures; the lines may be far above."""
    names = [clean(target.name) for target in result.targets if target.status is Status.FAILED]
    return f" ({listed(names, 3)})"


def github_error(result: TargetResult) -> str:
    """A workflow command that GitHub shows on the summary page of a run."""
    text = message(result.error or "failed", result.facts)
    return f"::error title={escaped(result.name, ',:')}::{escaped(text, '')}"


def escaped(text: str, more: Sequence[str]) -> str:
    """Text for a workflow command: what would end it is percent-encoded."""
    for character in ("%", "\r", "\n", *more):
        text = text.replace(character, f"%{ord(character):02X}")
    return clean_lines(text)
