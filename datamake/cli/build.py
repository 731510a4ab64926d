"""`build` and `status`: what a build does, and what it would do.

Knows nothing of how either is found out.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

from datamake.cli.declared import (
    ExitCode,
    Json,
    Names,
    Verbose,
    command,
    option,
)
from datamake.cli.opening import as_commands, opened
from datamake.cli.options import (
    Build,
    Place,
    Running,
    Scope,
    Talk,
    with_environment,
)
from datamake.cli.running import run_build
from datamake.cli.statuses import ExitStatus
from datamake.cli.streams import out, say
from datamake.errors import UsageError
from datamake.render.json import json_text, plan_document
from datamake.render.plan import plan_text, status_text
from datamake.render.text import clean_lines

if TYPE_CHECKING:
    import typer

    from datamake.outcome import Plan

DryRun = Annotated[bool, option("-n", "--dry-run", text="Say what would run and why; run nothing.")]


def declare(app: typer.Typer) -> None:
    """Add the commands of this module."""
    command(app)(build)
    command(app)(status)


def build(
    scope: Scope,
    running: Running,
    talk: Talk,
    place: Place,
    *,
    dry_run: DryRun = False,
    exit_code: ExitCode = False,
) -> int:
    """Bring targets, and all they need, up to date.

    Without names it builds `project.default`, else every target.
    """
    whole = with_environment(Build(place, scope, running, talk), os.environ)
    if not dry_run:
        return run_build(whole)
    plan = planned(whole)
    show(plan, plan_text(plan, full=talk.verbose), json=talk.json)
    return verdict(plan, exit_code=exit_code)


def status(
    place: Place,
    names: Names = None,
    *,
    verbose: Verbose = False,
    json: Json = False,
    exit_code: ExitCode = False,
) -> int:
    """Say what is up to date, and what is stale and why."""
    asked = Build(place, Scope(names=tuple(names or ())))
    plan = planned(with_environment(asked, os.environ))
    show(plan, status_text(plan, full=verbose), json=json)
    return verdict(plan, exit_code=exit_code)


def planned(build: Build) -> Plan:
    """What a build would do."""
    project = opened(build.place)
    try:
        return project.plan(**build.scope.arguments, **build.running.arguments)
    except UsageError as error:
        raise as_commands(error, build.scope.names) from None
    finally:
        project.close()


def show(plan: Plan, text: str, *, json: bool) -> None:
    """Print a plan: the text of it, or a document, which has no place for what was noticed."""
    if json:
        say("".join(clean_lines(notice) + "\n" for notice in plan.notices))
    out(json_text(plan_document(plan)) if json else text)


def verdict(plan: Plan, *, exit_code: bool) -> int:
    """The exit status that a plan gives."""
    return ExitStatus.STALE if exit_code and plan.stale else ExitStatus.OK
