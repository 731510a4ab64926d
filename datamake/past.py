"""What targets were: after a run, or with what a revision of git has.

Knows nothing of what is in it. What is not recorded, or not in a cache, is not known.
"""

from __future__ import annotations

import os
from contextlib import contextmanager

from datamake.errors import UsageError
from datamake.git import Git, Refused
from datamake.judge import Judge
from datamake.listing import parents
from datamake.model import KEPT, Status
from datamake.plan import Planner
from datamake.request import NO_OPTIONS, requested
from datamake.values import replace, value
from datamake.workspace import Workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from datamake.history import TargetRun
    from datamake.model import Reason, Record, Target, Verdict, Written


@value
class Was:
    """What a target was: the values of an instance, and its outputs."""

    each: Mapping[str, str]
    outputs: Sequence[Written]


MADE = (Status.BUILT.value, Status.RESTORED.value)
KNOWN = (Status.UP_TO_DATE, Status.RESTORE, Status.CHECK)
"""What it is or was is known, if not whether it passes its checks."""
FOREVER = 1 << 62


def after_run(space: Workspace, names: Sequence[str], run: int) -> Mapping[str, Was]:
    """The outputs that targets had when a run was over; without those that there were not yet.

    Raises UsageError where the cache does not know what one had.
    """
    found = {}
    for name in names:
        made = _made(space, name)
        then = next((each for each in made if each.run <= run), None)
        if then is not None:
            found[name] = Was(space.graph.targets[name].each, _outputs(space, then))
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


def check_revision(space: Workspace, text: str) -> None:
    """Raises UsageError for what is no commit to git, nor what else can be compared with."""
    try:
        Git(space.root, "--against")("rev-parse", "--verify", f"{text}^{{commit}}")
    except Refused as refused:
        raise UsageError(
            f"`{text}` is no file, no run and no revision of git",
            [f"git: {refused}"],
            "`datamake history` shows runs; a shallow clone, as in CI, has few revisions: "
            "`git fetch` more",
        ) from None


def at_revision(space: Workspace, name: str, revision: str, folder: str) -> Mapping[str, Was]:
    """The outputs that a selection has with the files of a revision, as far as a cache has them.

    What git does not keep is taken as it is now. The revision is checked out in `folder`, and it
    goes again. Raises UsageError where a build would have to run something.
    """
    git = Git(space.root, "--against")
    with _checked_out(git, revision, folder) as root:
        _link_others(space, git, root)
        then = Workspace(root, space.spec.parts[0].file, space.spec.profile, {})
        try:
            own, then.state = then.state, space.state
            then.sources.sightings = space.state.sightings
            then.cache = then.sources.shared = space.cache
            then.sources.begin(offline=True)
            return _known(then, name, revision)
        finally:
            own.close()
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
    """Links to what git does not keep, but for outputs, and for folders that may have them."""
    outputs = {*space.made, *space.graph.outputs.owners}
    above = {folder for path in outputs for folder in parents(path)}
    listed = git("ls-files", "--others", "--directory", "--no-empty-directory", "-z")
    waiting = [os.fsdecode(path) for path in reversed(listed.split(b"\0")) if path]
    while waiting:
        path = waiting.pop().rstrip("/")
        into, there = os.path.join(root, path), os.path.join(space.root, path)
        if path == KEPT or path in outputs or os.path.lexists(into):
            continue
        if path in above or _is_bare(there):
            waiting += (f"{path}/{name}" for name in os.listdir(there))
            continue
        os.makedirs(os.path.dirname(into), exist_ok=True)
        os.symlink(there, into)


def _is_bare(path: str) -> bool:
    """Whether a path is a folder with nothing but folders in it, as `clean` leaves them."""
    if os.path.islink(path) or not os.path.isdir(path):
        return False
    with os.scandir(path) as entries:
        return all(entry.is_dir(follow_symlinks=False) for entry in entries)


class _Memory(Judge):
    """Judges what was, by what caches and past runs know; nothing is demanded of that."""

    lost = False
    """Whether nothing is known of a target, so that no run need be looked for any more."""

    def verdict(self, name: str) -> Verdict:
        """As of any judge; of what no cache knows, what its last run with this fingerprint made."""
        verdict = super().verdict(name)
        if verdict.status is not Status.RUN or self.lost:
            return verdict
        runs = (run for run in _made(self.space, name) if run.fingerprint == verdict.fingerprint)
        last = next(runs, None)
        if last is None:
            self.lost = True
            return verdict
        known = replace(verdict, status=Status.UP_TO_DATE, outputs=last.outputs, present=False)
        self.verdicts[name] = known
        return known

    def _demanded(self, target: Target, record: Record | None) -> Reason | None:  # noqa: ARG002
        return None


def _known(then: Workspace, name: str, revision: str) -> Mapping[str, Was]:
    request = requested(then, [name], NO_OPTIONS)
    judge = _Memory(then, request.demands, then.variables)
    plan = Planner(then, judge, request.taken).plan(request.needs, 1, lambda _: (0, 0.0))
    for planned in plan.targets:
        if planned.status not in KNOWN:
            raise _unknown(then, planned.name, revision, judge.verdicts)
    selected = request.demands.selected()
    targets, verdicts = then.graph.targets, judge.verdicts
    return {
        each: Was(targets[each].each, verdicts[each].outputs)
        for each in selected
        if each in verdicts
    }


def _unknown(then: Workspace, name: str, revision: str, verdicts: Iterable[str]) -> UsageError:
    """What to say of a target that nothing is known of, though of those before it there is."""
    headline = f"it is not known what `{name}` was at `{revision}`"
    always = {each for each, target in then.graph.targets.items() if target.policy.always}
    if name in always:
        fact = "it runs at every build, and no run of it as it is there is remembered"
        return UsageError(headline, [fact], "a build of that commit here makes it known")
    always.intersection_update(verdicts)
    taken = [f"`{each}`" for each in then.graph.closure([name]) if each in always]
    more = f"taken as last made, as they run at every build: {', '.join(taken)}"
    return UsageError(
        headline,
        ["the cache has no record of it", *([more] if taken else ())],
        "a build of that commit, with this cache or a shared one, makes it known",
    )
