"""A build on a terminal: what is running, a bar, and a line for each target that ended (Rich).

Knows nothing of the engine: it draws again when an event comes and a tenth of a second has passed.
Nothing it draws wraps: a row that is too long ends in `…`.
"""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size
from rich.live import Live as Screen
from rich.progress_bar import ProgressBar
from rich.text import Text

from datamake.model import Status
from datamake.render.plain import (
    DID_SOMETHING,
    TAIL,
    below,
    event_line,
    remark_text,
    summary_line,
)
from datamake.render.text import clean, duration, size
from datamake.values import NOTHING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import Console, ConsoleOptions, RenderableType

    from datamake.outcome import BuildResult, Event, TargetResult
    from datamake.render.plain import Manner, Tails

INTERVAL = 0.1
"""Seconds between two drawings."""
STYLES = {
    Status.BUILT: "green",
    Status.RESTORED: "cyan",
    Status.FAILED: "bold red",
    Status.BLOCKED: "yellow",
    Status.SKIPPED: "yellow",
    Status.UP_TO_DATE: "dim",
}
STATUS_WIDTH = 10
LONGEST_NAME = 60
"""Cells; two fifths of the width where that is less."""
NARROW = 60
"""Below so many columns there is no room for reasons and the time left."""


class Live:
    """Draws a build from its events."""

    def __init__(self, console: Console, tails: Tails, manner: Manner) -> None:
        self.console = console
        self.tails = tails
        self.manner = manner
        self.forecast = Forecast()
        self.running: dict[str, float] = {}
        """Target, or remote source → when it started."""
        self.transfers: Mapping[str, tuple[int, int | None]] = {}
        """Which of them are transferred: how many bytes of how many have come."""
        self.lines: list[Text] = []
        """What ended since the last drawing."""
        self.name_width = 12
        self.now = 0.0
        """When it was drawn last."""
        self.closed = False
        self.screen = Screen(
            self,
            console=console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __call__(self, event: Event) -> None:
        """Take note of one event, and draw if it is time."""
        if event.kind == "run-started":
            self.forecast.begin(event.data["total"], event.data.get("estimates") or {})
        elif event.kind == "grown":
            self.forecast.total = event.data["total"]
        elif event.kind == "target-started" and event.target is not None:
            self.running.setdefault(event.target, event.time)
            self.forecast.started(event.time)
        elif event.kind == "target-ended":
            self.ended(event.data["result"])
        elif event.kind == "run-ended":
            self.close(event.data["result"])
            return
        elif event.kind == "fetch-started" and event.target is not None:
            self.running[event.target] = event.time
        elif event.kind == "tick":
            self.transfers = event.data.get("progress", NOTHING)
        else:
            if event.kind == "fetch-ended":
                self.running.pop(event.target or "", None)
            line = event_line(event)
            self.lines += [Text(part, style="yellow") for part in line.splitlines()]
        if event.time - self.now >= INTERVAL:
            self.now = event.time
            self.draw()

    def ended(self, result: TargetResult) -> None:
        """A line for a target that did something, and the end of its log if it failed by itself."""
        self.running.pop(result.name, None)
        self.forecast.ended(result)
        if result.status in DID_SOMETHING or self.manner.verbosity > 0:
            self.lines.append(self.target_row(result))
        if result.status is Status.FAILED and not result.interrupted:
            tail = self.tails(result.log, TAIL) if result.log else None
            for line in below(result, tail):
                self.lines.append(Text(line, style="" if "|" in line else "red"))

    def target_row(self, result: TargetResult) -> Text:
        """`built     clean[01]      4.2 s  input-changed: raw/01.csv`, no longer than the screen."""
        name = clean(result.name)
        most = min(LONGEST_NAME, self.console.width * 2 // 5)
        self.name_width = max(self.name_width, min(cell_len(name), most))
        took = result.status in (Status.BUILT, Status.FAILED)
        time = duration(result.duration_s) if took else ""
        failed = result.status is Status.FAILED
        row = Text()
        row.append(result.status.value.ljust(STATUS_WIDTH), STYLES[result.status])
        row.append(fitted(name, self.name_width))
        row.append(f"  {time:>8}", "dim")
        if failed or self.console.width >= NARROW:
            remark = remark_text(result, full=self.manner.verbosity > 0)
            row.append(f"  {remark}", "red" if failed else "dim")
        if not failed:
            row.rstrip()
            row.truncate(self.console.width, overflow="ellipsis")
        return row

    def draw(self) -> None:
        """Print what ended since the last time above the picture of what is running."""
        if not self.screen.is_started:
            self.screen.start()
        if self.lines:
            self.print_lines()
        else:
            self.screen.refresh()

    def print_lines(self) -> None:
        """The lines so far, at once: one write keeps the screen from flickering."""
        self.console.print(Text("\n").join(self.lines), soft_wrap=True)
        self.lines = []

    def __rich_console__(self, console: Console, _: ConsoleOptions) -> Iterator[RenderableType]:
        """What is running, as far as the screen is high, and the bar."""
        if self.closed:
            return
        most = max(1, console.height // 2 - 2)
        listed = list(self.running.items())
        hidden = len(listed) - most
        if hidden > 0:
            listed = listed[: most - 1]
        for name, start in listed:
            row = running_row(name, self.now - start, console.width)
            if name in self.transfers:
                row.append(self.transfer(*self.transfers[name], console.width - len(row)))
            yield row
        if hidden > 0:
            yield Text(fitted(f"  and {hidden + 1:,} more", console.width - 1), style="dim")
        yield self.bar(console.width)

    def transfer(self, done: int, total: int | None, room: int) -> Text:
        """How much of a download or upload is done, if there is room for it."""
        row = Text(f"  {size(done)}" + (f" of {size(total)}" if total else ""), no_wrap=True)
        width = min(20, room - cell_len(row.plain) - 3)
        if total and width >= 8:
            row.append("  ")
            bar = ProgressBar(total=total, completed=done, width=width)
            for segment in self.console.render(bar):
                row.append(segment.text, segment.style)
        return row if cell_len(row.plain) < room else Text()

    def bar(self, width: int) -> Text:
        """How many of all targets have ended, and how long the rest may take."""
        forecast = self.forecast
        label = f" {forecast.done:,}/{forecast.total:,}"
        left = forecast.left(self.now, self.running)
        if left and width >= NARROW:  # none either once the estimate is used up
            label += f"  about {whole_seconds(left + 0.99)} left"
        room = max(8, min(40, width - cell_len(label) - 1))
        row = Text(no_wrap=True)
        bar = ProgressBar(total=max(forecast.total, 1), completed=forecast.done, width=room)
        for segment in self.console.render(bar):
            row.append(segment.text, segment.style)
        row.append(label)
        row.truncate(width - 1, overflow="ellipsis")
        return row

    def close(self, result: BuildResult | None = None) -> None:
        """Take the picture away and leave the last lines and the summary."""
        self.closed = True
        self.screen.stop()
        if self.lines:
            self.print_lines()
        if result is not None:
            style = "green" if result.ok else "bold red"
            self.console.print(Text(summary_line(result), style=style))


class Forecast:
    """How much of a build is done, and how long the rest may take, going by earlier runs."""

    def __init__(self) -> None:
        self.total = 0
        self.names: set[str] = set()
        """What has ended; a target may do so twice, restored after it was up to date."""
        self.estimates: Mapping[str, float] = {}
        self.waiting = 0.0
        """Seconds of work, by the estimates, of what has not ended."""
        self.known_done = 0
        self.worked = 0.0
        """Seconds of work that were done."""
        self.runs = 0
        self.began: float | None = None
        """When the first target started."""

    @property
    def done(self) -> int:
        """How many targets have ended."""
        return len(self.names)

    def begin(self, total: int, estimates: Mapping[str, float]) -> None:
        """The targets of the build, and how long some of them took before, in seconds."""
        self.total = total
        self.estimates = estimates
        self.waiting = sum(estimates.values())

    def started(self, now: float) -> None:
        """A target has started."""
        if self.began is None:
            self.began = now

    def ended(self, result: TargetResult) -> None:
        """A target has ended, and leaves what is to be done."""
        if result.name in self.estimates and result.name not in self.names:
            self.known_done += 1
            self.waiting -= self.estimates[result.name]
        self.names.add(result.name)
        if result.status in (Status.BUILT, Status.FAILED):
            self.worked += result.duration_s
            self.runs += 1

    def left(self, now: float, running: Mapping[str, float]) -> float | None:
        """Seconds until all is done, or None as long as too little is known."""
        if self.began is None or now - self.began < 1:
            return None
        under_way = 0.0
        for name, start in running.items():
            under_way += min(now - start, self.estimates.get(name, now - start))
        worked = self.worked + under_way
        if not worked or not (self.runs or self.estimates):
            return None
        unknown = self.total - self.done - (len(self.estimates) - self.known_done)
        typical = self.worked / self.runs if self.runs else 0.0
        work = max(0.0, self.waiting + unknown * typical - under_way)
        return work * (now - self.began) / worked


def running_row(name: str, seconds: float, width: int) -> Text:
    """`  clean[13]            12 s`, one cell short of the width."""
    room = max(4, min(LONGEST_NAME, width * 2 // 5, width - 14))
    row = Text("  " + fitted(clean(name), room), no_wrap=True)
    row.append(f"  {whole_seconds(seconds):>9}", "dim")
    row.truncate(width - 1, overflow="ellipsis")
    return row


def fitted(text: str, width: int) -> str:
    """Text in exactly so many cells: filled with spaces, or cut with `…` at the end."""
    if cell_len(text) > width:
        return set_cell_size(text, width - 1) + "…"
    return set_cell_size(text, width)


def whole_seconds(seconds: float) -> str:
    """`0 s`, `42 s`, `5 min 3 s`: for what changes all the time."""
    return f"{int(seconds)} s" if seconds < 60 else duration(seconds)
