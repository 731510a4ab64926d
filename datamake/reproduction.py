"""Running a target once more, in a clean folder, and comparing what comes out.

Knows nothing of records or caches but the digests to compare with.
"""

from __future__ import annotations

import os

from datamake.actions import Preparation
from datamake.bringing import bring
from datamake.errors import UsageError
from datamake.explain import planned_of
from datamake.files import fresh_digest, fresh_listing
from datamake.judge import Demands, Judge
from datamake.model import KEPT, Code, Status
from datamake.threads import Ending, attended
from datamake.urls import is_url
from datamake.values import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from datamake.action import Result
    from datamake.model import Target, Verdict, Written
    from datamake.project import Project
    from datamake.workspace import Workspace

DEMANDED = {Code.ALWAYS, Code.EXPIRED}
"""Why a target runs where nothing about it has changed."""


@value
class Clean:
    """A clean folder that stands for the project's root."""

    root: str
    spec: Any
    graph: Any
    files: Any
    sources: Any


def reproduce(project: Project, name: str) -> dict[str, Any]:
    """Runs a target in a folder that holds its inputs and code and nothing else, and compares.

    Returns `name`, `same`, `error` (None if it ran) with `facts`, and for each output its `path`,
    `old` and `new` digest, whether they are the `same_table` (None for what is no table) and, of a
    folder, the paths that `differ`, of another table in `table` what `tables.difference` says.
    Raises UsageError where the target is not up to date with its outputs there.
    """
    space = project.space
    name = planned_of(project, name).name
    target = space.graph.targets.get(name)
    if target is None:
        raise UsageError(
            f"the instances of `{name}` are not known yet",
            hint=f"build them first: `datamake build '{name}'`",
        )
    judge, verdict = _judged(project, target)
    folder = os.path.join(space.root, KEPT, "reproduce")
    _remove(folder)
    try:
        result = _run(space, judge, target, verdict, folder)
        return {
            "version": 1,
            "name": name,
            "same": result.error is None and _digests(result.outputs) == _digests(verdict.outputs),
            "error": result.error,
            "facts": list(result.facts),
            "outputs": [
                _compared(space, folder, old, new)
                for old, new in zip(verdict.outputs, result.outputs, strict=False)
            ],
        }
    finally:
        _remove(folder)
        space.sources.copies.remove()


def _judged(project: Project, target: Target) -> tuple[Judge, Verdict]:
    space = project.space
    judge = Judge(space, Demands(needed=frozenset(space.graph.targets)), space.variables)
    for need in space.graph.closure([target.name])[:-1]:
        known = None
        if space.graph.is_source(need):
            known = judge.source(need)
        elif need in space.graph.targets:
            known = judge.as_it_is(need)
        if known is not None:
            judge.inputs.settle(need, known)
    verdict = judge.verdict(target.name)
    record = space.record(target.name)
    reasons = {reason.code for reason in verdict.reasons}
    if record is not None and verdict.status is Status.RUN and reasons <= DEMANDED:
        verdict = replace(verdict, status=Status.UP_TO_DATE, outputs=record.outputs)
    if verdict.status is not Status.UP_TO_DATE or not target.outputs:
        raise UsageError(
            f"`{target.name}` cannot be reproduced: "
            + ("it is not up to date" if target.outputs else "it has no outputs to compare"),
            [reason.detail for reason in verdict.reasons],
            f"build it first: `datamake build '{target.name}'`" if target.outputs else "",
        )
    return judge, verdict


def _run(space: Workspace, judge: Judge, target: Target, verdict: Verdict, folder: str) -> Result:
    from datamake.executors import open_executor

    for name in space.graph.needs[target.name]:
        if name in space.graph.remotes:
            bring(space, name, judge.inputs.known[name].outputs)
    contents = judge.contents(target.name)
    paths = [content.path for content in contents if content.path and not is_url(content.path)]
    code = [path for path, _ in judge.contexts.of(target).code]
    _copy(space.root, folder, [*paths, *code])
    os.makedirs(os.path.join(folder, target.surroundings.cwd), exist_ok=True)
    if os.path.isdir(os.path.join(space.root, ".venv")):
        os.symlink(os.path.join(space.root, ".venv"), os.path.join(folder, ".venv"))
    elsewhere: Any = Clean(folder, space.spec, space.graph, space.files, space.sources)
    numbers = {pool: list(range(count)) for pool, count in target.resources.pool.items()}
    action = Preparation(elsewhere, space.variables).action(
        target, contents, verdict.fingerprint, numbers
    )
    if target.kind == "query":  # what it asks is no copy
        action = replace(action, cwd=os.path.join(space.root, target.surroundings.cwd))
    executor = open_executor("local", 1)
    try:
        executor.submit(action)
        (result,) = executor.wait()
        return result
    finally:
        executor.close()


def _copy(root: str, folder: str, paths: Iterable[str]) -> None:
    from shutil import copytree

    from datamake.clone import clone

    for path in dict.fromkeys(paths):
        source, into = os.path.join(root, path), os.path.join(folder, path)
        os.makedirs(os.path.dirname(into), exist_ok=True)
        if os.path.isdir(source):
            copytree(source, into, symlinks=True, dirs_exist_ok=True)
        else:
            clone(source, into)


def _compared(space: Workspace, folder: str, old: Written, new: Written) -> dict[str, Any]:
    differing: list[str] = []
    if old.digest != new.digest and old.digest.endswith("/"):
        before = fresh_listing(os.path.join(space.root, old.path)).files
        after = fresh_listing(_place(folder, new)).files
        differing = sorted(
            path for path in {**before, **after} if before.get(path) != after.get(path)
        )
    same_table = _is_same_table(space, folder, old, new)
    return {
        "path": old.path,
        "old": old.digest,
        "new": new.digest,
        "differ": differing,
        "same_table": same_table,
        "table": None if same_table else _difference(space, folder, old, new),
    }


def _is_same_table(space: Workspace, folder: str, old: Written, new: Written) -> bool | None:
    """Whether two outputs with other bytes hold the same table; None for what is no table."""
    from datamake.formats import TEXT, format_of

    form = format_of(old.path)
    if old.digest == new.digest or old.digest.endswith("/") or form is None or form in TEXT:
        return None
    from datamake.tables import TableError
    from datamake.tables.logical import digest

    try:
        before = digest(os.path.join(space.root, old.path), form)
        return before == digest(_place(folder, new), form)
    except TableError:
        return None


def _difference(space: Workspace, folder: str, old: Written, new: Written) -> dict[str, Any] | None:
    """What is other in an output that is a table; None for one that is the same, or no table."""
    from datamake.formats import format_of

    if old.digest == new.digest or old.digest.endswith("/") or format_of(old.path) is None:
        return None
    from datamake.tables import TableError
    from datamake.tables.difference import difference
    from datamake.tables.reading import open_table

    ending = Ending()

    def found() -> dict[str, Any]:
        places = os.path.join(space.root, old.path), _place(folder, new)
        before, after = (open_table(place, go_on=ending.go_on) for place in places)
        return difference(before, after, None, folder, ending)

    try:
        return attended(found, ending.end)
    except TableError:
        return None


def _place(folder: str, written: Written) -> str:
    """Where an output was written: in place, or in the staging folder."""
    in_place = os.path.join(folder, written.path)
    if fresh_digest(in_place) == written.digest:
        return in_place
    for parent, folders, names in os.walk(os.path.join(folder, KEPT, "staging")):
        if os.path.basename(written.path) in (*folders, *names):
            return os.path.join(parent, os.path.basename(written.path))
    return in_place


def _digests(outputs: Iterable[Written]) -> list[str]:
    return [written.digest for written in outputs]


def _remove(folder: str) -> None:
    from shutil import rmtree

    rmtree(folder, ignore_errors=True)
