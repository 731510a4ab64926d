"""`lock`: what remote data is now, written down.

Knows nothing of how that is found out.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from datamake.cli.declared import Json, command, option
from datamake.cli.inspection import open_project, report
from datamake.cli.logs import tail
from datamake.cli.options import Place, Talk
from datamake.cli.running import Reporter
from datamake.cli.statuses import ExitStatus
from datamake.lockfile import Locked, identity
from datamake.render.text import clean, counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    import typer

NOTHING = Locked("")
Updated = Annotated[
    list[str] | None,
    option("--update", metavar="SOURCE", text="Only this source, by name or URL; others stay."),
]


def declare(app: typer.Typer) -> None:
    """Add the command of this module."""
    command(app)(lock)


def lock(place: Place, *, update: Updated = None, json: Json = False) -> int:
    """Write down in Datafile.lock what remote data is now.

    `build --locked` fails where it is no longer that.
    """
    with open_project(place) as project:
        reporter = Reporter(Talk(quiet=True), os.environ, partial(tail, project.root))
        try:
            changes = project.lock(tuple(update or ()), on_event=reporter)
        finally:
            reporter.close()
    report({"changes": [document(*change) for change in changes.items()]}, text(changes), json=json)
    return ExitStatus.OK


def document(url: str, change: tuple[Locked | None, Locked | None]) -> dict[str, Any]:
    """A change of the lock file, as JSON has it."""
    before, now = (each and {"token": each.token, "digest": each.digest or None} for each in change)
    return {"source": url, "old": before, "new": now}


def text(changes: Mapping[str, tuple[Locked | None, Locked | None]]) -> str:
    """A line for each change, and how many there are."""
    lines = [line(url, *change) for url, change in changes.items()]
    return "".join([*lines, f"Datafile.lock: {counted(len(changes), 'change')}\n"])


def line(url: str, before: Locked | None, now: Locked | None) -> str:
    """`locked s3://...  etag:1`, `moved s3://...  etag:1 -> etag:2`, `dropped s3://...`."""
    if now is None:
        return f"dropped {clean(url)}\n"
    if before is None:
        return f"locked {clean(url)}  {clean(identity(now, NOTHING))}\n"
    old = identity(before, now)
    return f"moved {clean(url)}  {clean(old)} -> {clean(identity(now, before))}\n"
