"""`accept`, `reproduce`, `clean`, `doctor`: commands that keep a project in order.

Knows nothing of how; it asks before anything is removed.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

from datamake.cli.declared import Json, Name, Names, Yes, argument, command, option
from datamake.cli.inspection import answer, open_project, report
from datamake.cli.opening import entered, has_datafile
from datamake.cli.options import Place
from datamake.cli.statuses import ExitStatus
from datamake.cli.streams import is_terminal, say
from datamake.errors import UsageError
from datamake.render import details
from datamake.render.text import clean as cleaned
from datamake.render.text import counted
from datamake.values import replace

if TYPE_CHECKING:
    from collections.abc import Sequence

    import typer

Accepted = Annotated[list[str], argument("TARGET", "What is to count as up to date.")]
Orphans = Annotated[bool, option("--orphans", text="Files made by targets that are no more.")]
SHOWN = 20
"""Paths that are listed before a question."""


def declare(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for function in (accept, reproduce, clean, doctor):
        command(app)(function)


def accept(place: Place, names: Accepted, *, json: Json = False) -> int:
    """Take the outputs that are there as up to date.

    Nothing runs; what is accepted stays in this working copy.
    """
    from datamake import acceptance

    with open_project(place) as project:
        accepted = acceptance.accept(project, tuple(names))
    text = "".join(f"accepted {cleaned(name)}\n" for name in accepted)
    report({"accepted": accepted}, text, json=json)
    return ExitStatus.OK


def reproduce(place: Place, name: Name, *, json: Json = False) -> int:
    """Run a target again in a clean folder, and compare: the same bytes, or at least tables."""
    from datamake import reproduction
    from datamake.render.difference import reproduced_text

    with open_project(place) as project:
        document = reproduction.reproduce(project, name)
    answer(document, reproduced_text, json=json)
    alike = all(out["old"] == out["new"] or out["same_table"] for out in document["outputs"])
    return ExitStatus.OK if alike and document["error"] is None else ExitStatus.FAILED


def clean(
    place: Place,
    names: Names = None,
    *,
    orphans: Orphans = False,
    yes: Yes = False,
    json: Json = False,
) -> int:
    """Remove outputs that datamake made, and nothing else."""
    from datamake import upkeep

    with open_project(place) as project:
        removed = upkeep.clean(
            project,
            tuple(names or ()),
            orphans=orphans,
            confirm=lambda paths: yes or agreed(paths),
        )
    report({"removed": removed}, f"removed {counted(len(removed), 'output')}\n", json=json)
    return ExitStatus.OK


def agreed(paths: Sequence[str]) -> bool:
    """Whether somebody at a terminal says that `paths` may go. Raises UsageError without one."""
    if not paths:
        return True
    say("".join(f"  {cleaned(path)}\n" for path in paths[:SHOWN]))
    if len(paths) > SHOWN:
        say(f"  and {len(paths) - SHOWN:,} more\n")
    if not asks():
        raise UsageError("nothing was removed, there is nobody to ask", hint="`--yes` removes")
    say(f"remove {counted(len(paths), 'output')}? [y/N] ")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def asks() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty() and is_terminal(sys.stderr)


def doctor(place: Place, *, json: Json = False) -> int:
    """Check the installation and, in a project, its folder.

    Looks at the state, the cache, the file system and its clock.
    """
    from datamake import upkeep

    entered(place)
    if place.file is None and not has_datafile(os.getcwd()):
        document = upkeep.doctor(None)
    else:
        with open_project(replace(place, directory=None)) as project:
            document = upkeep.doctor(project)
    answer(document, details.doctor_text, json=json)
    fine = all(check["ok"] for check in document["checks"])
    return ExitStatus.OK if fine else ExitStatus.ENVIRONMENT
