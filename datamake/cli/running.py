"""One build: the project is opened, built and reported, with neither Typer nor Rich.

Knows nothing of how options are written. Rich is loaded when something runs on a terminal.
"""

from __future__ import annotations

import os
import sys
from functools import partial

from datamake.cli.logs import tail
from datamake.cli.opening import as_commands, opened
from datamake.cli.streams import is_terminal, out, say
from datamake.errors import UsageError
from datamake.render.plain import Manner, Plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import IO, Any

    from datamake.cli.options import Build, Talk
    from datamake.outcome import Event
    from datamake.render.live import Live
    from datamake.render.plain import Tails

PATIENCE = 2.0
"""Seconds after which there is a picture even if nothing was started."""


def run_build(build: Build) -> int:
    """Build, report, and answer the exit status."""
    project = opened(build.place)
    try:
        sinks = Sinks(build.talk)
        tails = partial(tail, project.root)
        for path, appended in summaries(build.talk.summary, os.environ):
            sinks.add_summary(path, tails, appended=appended)
        reporter = Reporter(build.talk, os.environ, tails)
        try:
            result = project.build(
                **build.scope.arguments,
                **build.running.arguments,
                on_event=sinks.before(reporter),
            )
        except UsageError as error:
            raise as_commands(error, build.scope.names) from None
        finally:
            reporter.close()
            sinks.close()
    finally:
        project.close()
    if build.talk.json:
        from datamake.render.json import build_document, json_text

        out(json_text(build_document(result)))
    return result.exit_code


STARTS = ("target-started", "fetch-started")


class Reporter:
    """Plain lines, or on a terminal a picture as soon as something runs."""

    def __init__(self, talk: Talk, environment: Mapping[str, str], tails: Tails) -> None:
        verbosity = -1 if talk.quiet else int(talk.verbose)
        ci = bool(environment.get("CI"))
        github = environment.get("GITHUB_ACTIONS") == "true"
        self.manner = Manner(verbosity, ci, github)
        self.tails = tails
        self.subscriber: Plain | Live = Plain(say, tails, self.manner)
        self.pictures = not (talk.quiet or talk.no_progress or ci) and is_terminal(sys.stderr)
        self.started: Event | None = None
        self.ended: set[str] = set()

    def __call__(self, event: Event) -> None:
        """Pass an event on."""
        if self.pictures:
            if event.kind == "run-started":
                self.started = event
            elif self.started and (
                event.kind in STARTS or event.time - self.started.time > PATIENCE
            ):
                self.show_picture(self.started)
            elif event.kind == "target-ended":
                self.ended.add(str(event.target))
        self.subscriber(event)

    def show_picture(self, started: Event) -> None:
        """From here on by Rich, which takes up what has happened so far."""
        from rich.console import Console

        from datamake.render.live import Live

        live = Live(Console(stderr=True), self.tails, self.manner)
        live(started)
        live.forecast.names |= self.ended
        self.subscriber = live
        self.pictures = False

    def close(self) -> None:
        """Leave the terminal as it was, however the build ended."""
        if not isinstance(self.subscriber, Plain):
            self.subscriber.close()


def summaries(asked: str | None, environment: Mapping[str, str]) -> list[tuple[str, bool]]:
    """The files that get a summary, each with whether it is appended: `--summary`, and GitHub's."""
    own = environment.get("GITHUB_STEP_SUMMARY")
    found = [(own, True)] if own and os.access(own, os.W_OK) else []
    if asked and not (found and os.path.realpath(asked) == os.path.realpath(found[0][0])):
        found.append((asked, False))
    return found


class Sinks:
    """The files of `--events`, `--timings` and `--summary`."""

    def __init__(self, talk: Talk) -> None:
        self.files: list[IO[Any]] = []
        self.subscribers: list[Callable[[Event], None]] = []
        self.failed: str | None = None
        if talk.events or talk.timings:
            from datamake.render.trace import EventLines, Timings

            if talk.events:
                self.subscribers.append(EventLines(self.opened(talk.events)))
            if talk.timings:
                self.subscribers.append(Timings(self.opened(talk.timings)))

    def add_summary(self, path: str, tails: Tails, *, appended: bool) -> None:
        """A file for the summary. What is in it and stays counts for how much it may hold."""
        from datamake.render.markdown import LIMIT, Summary

        write = self.opened(path, "a" if appended else "w")
        self.subscribers.append(Summary(write, tails, LIMIT - os.path.getsize(path)))

    def opened(self, path: str, mode: str = "w") -> Callable[[str], None]:
        """A function that writes to a file; that it fails later doesn't stop the build."""
        try:
            file = open(path, mode, 1, "utf-8", "replace")  # noqa: SIM115 - closed by close
        except OSError as error:
            raise UsageError(f"{path}: {str(error.strerror).lower()}") from error
        self.files.append(file)

        def write(text: str) -> None:
            try:
                file.write(text)
            except OSError as error:
                self.failed = f"{path}: {str(error.strerror).lower()}"

        return write

    def before(self, reporter: Callable[[Event], None]) -> Callable[[Event], None]:
        """A subscriber that tells the files, then `reporter`."""
        if not self.subscribers:
            return reporter
        subscribers = [*self.subscribers, reporter]

        def tell(event: Event) -> None:
            for subscriber in subscribers:
                subscriber(event)

        return tell

    def close(self) -> None:
        """Close the files, and say if one is not whole."""
        for file in self.files:
            try:
                file.close()
            except OSError as error:
                self.failed = f"{file.name}: {str(error.strerror).lower()}"
        if self.failed:
            say(f"not all was written to {self.failed}\n")
