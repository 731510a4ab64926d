"""`why`, `ls`, `show`, `graph`, `log`, `history`: commands that only look.

Knows nothing of where the answers come from; each is a document, shown as text or as JSON.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from datamake.cli.declared import Json, Name, Names, argument, command, option
from datamake.cli.failures import told
from datamake.cli.logs import tail
from datamake.cli.opening import opened
from datamake.cli.options import Place, placed
from datamake.cli.statuses import ExitStatus
from datamake.cli.streams import fitted, out, say
from datamake.errors import Problem, UsageError
from datamake.render import details, plain
from datamake.render.json import VERSION, json_text
from datamake.render.text import clean_lines, listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from datamake.project import Project

FORMATS = ("text", "dot", "mermaid", "json")
BLOCKERS = 5
"""What has failed that is named."""
POLL = 0.2
"""Seconds between two looks at a log that is followed."""
Format = Annotated[
    str,
    option("--format", text="How to draw it.", metavar="|".join(FORMATS)),
]
Coloured = Annotated[bool, option("--status", text="Show what a build would do with each.")]
Data = Annotated[bool, option("--data", text="The first rows, and statistics of each column.")]
Failed = Annotated[bool, option("--failed", text="What was wrong in the last run, and its log.")]
Follow = Annotated[bool, option("--follow", text="Go on as the log grows, until Ctrl-C.")]
OneName = Annotated[str | None, argument("TARGET", "Only the runs of this target.")]


def declare(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for function in (why, ls, show, graph, log, history):
        command(app)(function)


@contextmanager
def open_project(place: Place) -> Iterator[Project]:
    """The project, closed in the end."""
    project = opened(placed(place, os.environ))
    try:
        yield project
        say("".join(clean_lines(notice) + "\n" for notice in project.space.notices))
    finally:
        project.close()


def answer(document: dict[str, Any], text: Any, *, json: bool) -> int:
    """Print a document, as `text` makes it readable or as it is."""
    out(json_text(document) if json else text(document))
    return ExitStatus.OK


def report(document: dict[str, Any], text: str, *, json: bool) -> None:
    """Say what was done or, as JSON, print it."""
    if json:
        out(json_text({"version": VERSION, **document}))
    else:
        say(text)


def why(place: Place, name: Name, *, json: Json = False) -> int:
    """Say why a target would be built: what was, and what is."""
    from datamake import reasons

    with open_project(place) as project:
        document = reasons.why(project, name)
    return answer(document, details.why_text, json=json)


def ls(place: Place, names: Names = None, *, json: Json = False) -> int:
    """List targets and sources, with kinds, outputs and tags."""
    from datamake import explain

    with open_project(place) as project:
        document = explain.ls(project, tuple(names or ()))
    return answer(document, details.ls_text, json=json)


def show(place: Place, name: Name, *, data: Data = False, json: Json = False) -> int:
    """Show one target in full.

    What it does, its inputs, code and outputs with their digests, its last run; with --data what
    it has made, or what a source holds: the first rows, and statistics of each column.
    """
    from datamake import explain

    with open_project(place) as project:
        if data:
            from datamake.data import preview

            found = preview(project.space, name)
            return answer(found, lambda each: fitted(details.data_text(each)), json=json)
        document = explain.show(project, name)
    return answer(document, details.show_text, json=json)


def graph(
    place: Place, names: Names = None, *, form: Format = "text", status: Coloured = False
) -> int:
    """Draw the dependency graph."""
    from datamake import explain
    from datamake.render.dot import dot
    from datamake.render.mermaid import mermaid
    from datamake.render.outline import outline

    drawings = dict(zip(FORMATS, (outline, dot, mermaid, json_text), strict=True))
    if form not in drawings:
        known = ", ".join(f"`{each}`" for each in FORMATS)
        raise UsageError(f"`{form}` is no format of a graph", [f"known: {known}"])
    with open_project(place) as project:
        document = explain.graph_view(project, tuple(names or ()), status)
    out(drawings[form](document))
    return ExitStatus.OK


def log(place: Place, name: Name, *, failed: Failed = False, follow: Follow = False) -> int:
    """Print the last log of a target.

    With --failed, and where what failed has none, what was wrong comes first.
    """
    from datamake import chronicle

    with open_project(place) as project:
        path = chronicle.log_path(project, name)
        failure = chronicle.failure(project, name)
        nothing = failure is None and (failed or path is None)
        blockers = chronicle.blockers(project, name) if nothing else []
        root = project.root
    if nothing:
        say(told(no_log(name, blockers, failed=failed)))
        return ExitStatus.FAILED
    if failure is not None and (failed or path is None):
        end = tail(root, path, plain.TAIL) if path is not None else None
        lines = [plain.target_line(failure), *plain.facts_beside(failure, end)]
        out("".join(line + "\n" for line in lines))
    if path is not None:
        print_log(os.path.join(root, path), follow=follow)
    return ExitStatus.OK


def no_log(name: str, blockers: Sequence[str], *, failed: bool) -> Problem:
    """That there is none, and what has one that blocked it."""
    headline = f"`{name}` has no log{' of a failure' if failed else ''}"
    if not blockers:
        return Problem(headline)
    names = listed([f"`{each}`" for each in blockers], BLOCKERS)
    hint = f"`datamake log --failed '{blockers[0]}'`"
    return Problem(headline, facts=(f"it was blocked by what failed: {names}",), hint=hint)


def print_log(path: str, *, follow: bool) -> None:
    """Print a log, and what is added to it as long as it is followed and read."""
    with open(path, encoding="utf-8", errors="backslashreplace") as file:
        while out(file.read()) and follow:
            time.sleep(POLL)
            seen = os.lseek(file.fileno(), 0, os.SEEK_CUR)
            if os.fstat(file.fileno()).st_size < seen:
                file.seek(0)  # another run has begun it anew


def history(place: Place, name: OneName = None, *, json: Json = False) -> int:
    """List past runs, or those of one target."""
    from datamake import chronicle

    with open_project(place) as project:
        document = chronicle.history(project, name)
    return answer(document, details.history_text, json=json)
