"""What targets were: after a run, or with what a revision of git has.

Knows nothing of what is in it. What is not recorded, or not in a cache, is not known.
"""

from __future__ import annotations

import os
from contextlib import contextmanager

from datamake.errors import UsageError
from datamake.git import Git
from datamake.judge import Judge
from datamake.model import KEPT, Status
from datamake.plan import Planner
from datamake.request import NO_OPTIONS, requested
from datamake.workspace import Workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from datamake.history import TargetRun
    from datamake.model import Written

    Outputs = Mapping[str, Sequence[Written]]
    """Target → its outputs."""

MADE = (Status.BUILT.value, Status.RESTORED.value)
FOREVER = 1 << 62


def after_run(space: Workspace, names: Sequence[str], run: int) -> Outputs:
    """The outputs that targets had when a run was over; without those that there were not yet.

    Raises UsageError where the cache does not know what one had.
    """
    found = {}
    for name in names:
        made = _made(space, name)
        then = next((each for each in made if each.run <= run), None)
        if then is not None:
            found[name] = _outputs(space, then)
    return found


def previous_run(space: Workspace, names: Sequence[str]) -> int | None:
    """The run that made what there was before the last one that made something of the targets."""
    runs = sorted({made.run for name in names for made in _made(space, name)})
    return runs[-2] if len(runs) > 1 else None


def is_run(space: Workspace, text: str) -> bool:
    """Whether a text is the number of a run that is remembered."""
    return text.isdigit() and any(run.run == int(text) for run in space.state.history.runs(FOREVER))


def _made(space: Workspace, name: str) -> list[TargetRun]:
    """The runs that made outputs of a target, newest first."""
    runs = space.state.history.target_runs(name, FOREVER)
    return [each for each in runs if each.status in MADE]


def _outputs(space: Workspace, then: TargetRun) -> Sequence[Written]:
    """What a run made, as history or the cache has it."""
    record = None if then.outputs else space.cache.lookup(then.fingerprint)
    outputs = then.outputs if record is None else record.outputs
    if outputs:
        return outputs
    raise UsageError(
        f"it is not known what `{then.target}` was after run {then.run}",
        ["the cache has no record of it"],
        "the cache keeps what it has room for: see `local_cache_size`",
    )


# Revisions


def at_revision(space: Workspace, name: str, revision: str, folder: str) -> Outputs:
    """The outputs that a selection has with the files of a revision, as far as a cache has them.

    What git does not keep is taken as it is now. The revision is checked out in `folder`, and it
    goes again. Raises UsageError where a build would have to run something.
    """
    git = Git(space.root, "--against")
    with _checked_out(git, revision, folder) as root:
        _link_others(space, git, root)
        then = Workspace(root, space.spec.parts[0].file, space.spec.profile, {})
        try:
            then.cache = then.sources.shared = space.cache
            then.state.sightings = then.sources.sightings = space.state.sightings
            then.sources.begin(offline=True)
            return _known(then, name, revision)
        finally:
            then.state.close()
            then.locks.close()


@contextmanager
def _checked_out(git: Git, revision: str, folder: str) -> Iterator[str]:
    """The folder of the project as it was at a revision."""
    below = os.fsdecode(git.of(revision, "rev-parse", "--show-prefix")).rstrip("\n")
    quiet = ("-c", f"core.hooksPath={os.devnull}", "worktree", "add", "--detach", "--force")
    git.of(revision, *quiet, folder, revision)
    try:
        yield os.path.join(folder, below).rstrip("/")
    finally:
        git("worktree", "remove", "--force", folder)


def _link_others(space: Workspace, git: Git, root: str) -> None:
    """Links to what git does not keep, but for what targets made."""
    listed = git("ls-files", "--others", "--directory", "--no-empty-directory", "-z")
    waiting = [os.fsdecode(path) for path in reversed(listed.split(b"\0")) if path]
    while waiting:
        path = waiting.pop().rstrip("/")
        into = os.path.join(root, path)
        if path == KEPT or path in space.made or os.path.lexists(into):
            continue
        if any(made.startswith(f"{path}/") for made in space.made):
            waiting += (f"{path}/{name}" for name in os.listdir(os.path.join(space.root, path)))
            continue
        os.makedirs(os.path.dirname(into), exist_ok=True)
        os.symlink(os.path.join(space.root, path), into)


def _known(then: Workspace, name: str, revision: str) -> Outputs:
    request = requested(then, [name], NO_OPTIONS)
    judge = Judge(then, request.demands, then.variables)
    plan = Planner(then, judge, request.taken).plan(request.needs, 1, lambda _: (0, 0.0))
    for planned in plan.targets:
        if planned.status not in (Status.UP_TO_DATE, Status.RESTORE):
            raise UsageError(
                f"it is not known what `{planned.name}` was at `{revision}`",
                ["the cache has no record of it"],
                "a build of that commit, with this cache or a shared one, makes it known",
            )
    selected = request.demands.selected()
    return {each: judge.verdicts[each].outputs for each in selected if each in judge.verdicts}
