"""Past runs, what became of a target in them, and logs, as plain documents.

Knows nothing of how a document is shown, and of what targets are now.
"""

from __future__ import annotations

import os

from datamake.actions import log_path as log_of
from datamake.errors import UsageError
from datamake.ledger import REMEMBERED
from datamake.model import Status
from datamake.outcome import TargetResult
from datamake.request import chosen
from datamake.urls import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from datamake.history import Run, TargetRun
    from datamake.project import Project

    Document = dict[str, Any]

VERSION = 1
RUNS = 100
"""How many past runs are listed."""
SHOWN = 5
"""How many names are listed."""


def history(project: Project, name: str | None = None) -> Document:
    """The last runs, newest first, with the first of the targets that they did something about.

    Of one target, or the instances of one, what became of it in the last runs that came to it.
    """
    past = project.space.state.history
    if name is None:
        listed = [{**_run(run), "targets": _names(project, run)} for run in past.runs(RUNS)]
        return {"version": VERSION, "runs": listed}
    is_family = name in project.graph.expansion.families
    results = past.results(name if is_family else _past(project, name), RUNS)
    runs = [{"target": each.target, **target_run(each)} for each in results]
    return {"version": VERSION, "runs": runs}


def log_path(project: Project, name: str) -> str | None:
    """The log of a target's last run, from the project root, or None."""
    path = log_of(_past(project, name))
    return path if os.path.exists(os.path.join(project.root, path)) else None


def failure(project: Project, name: str) -> TargetResult | None:
    """What became of a target in the last run that did something about it, if it failed."""
    runs = project.space.state.history.target_runs(_past(project, name), 1)
    if not runs or runs[0].status != Status.FAILED.value:
        return None
    run = runs[0]
    return TargetResult(
        run.target, Status.FAILED, duration_s=run.duration, error=run.detail, facts=run.facts
    )


def blockers(project: Project, name: str) -> list[str]:
    """What had failed that a target needs, if it was blocked in the last run that came to it."""
    past = project.space.state.history
    target = _past(project, name)
    last = past.results(target, 1)
    if not last or last[0].status != Status.BLOCKED.value:
        return []
    failed = set(past.names(last[0].run, Status.FAILED.value))
    return [need for need in map(shown, project.graph.closure([target])) if need in failed]


# Names


def _past(project: Project, name: str) -> str:
    """The same for what was: also a source, an instance that is yet unknown now and has run before."""
    if name in project.graph.asserted:
        return name
    target = one(project, name)
    if target in project.graph.pending and project.space.state.history.target_runs(name, 1):
        return name
    return target


def one(project: Project, name: str) -> str:
    """The one target that a person means. Raises UsageError."""
    names = chosen(project.space, [name], project.states)
    if len(names) > 1:
        some = ", ".join(f"`{each}`" for each in names[:SHOWN])
        more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
        raise UsageError(f"`{name}` is {len(names):,} targets: {some}{more}", hint="name one")
    return names[0]


# Parts of documents


def _run(run: Run) -> Document:
    return {
        "run": run.run,
        "time": _time(run.time),
        "duration_s": run.duration,
        "exit_code": run.exit_code,
        **{status.replace("-", "_"): count for status, count in run.summary.items()},
    }


def _names(project: Project, run: Run) -> dict[str, list[str]]:
    """Status → the first targets of a run with it."""
    names = project.space.state.history.names
    return {
        status.value: names(run.run, status.value, SHOWN)
        for status in REMEMBERED
        if run.summary.get(status.value)
    }


def target_run(run: TargetRun) -> Document:
    """What became of a target in a run."""
    return {
        "run": run.run,
        "time": _time(run.started),
        "status": run.status,
        "duration_s": run.duration,
        "fingerprint": run.fingerprint,
        "reason": run.reason,
        "detail": run.detail,
    }


def _time(seconds: float) -> str:
    """`2026-01-31T12:00:00Z`."""
    from datetime import datetime, timezone

    at = datetime.fromtimestamp(seconds, timezone.utc)
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
