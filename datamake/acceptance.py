"""Taking outputs that are there as up to date, without running anything.

Knows nothing of command lines. It writes records as the engine does, but never to the cache.
"""

from __future__ import annotations

from datamake.errors import UsageError
from datamake.judge import Demands, Judge
from datamake.model import Record, Written
from datamake.request import chosen
from datamake.sources import UNKNOWN
from datamake.urls import is_url, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from datamake.contents import Known
    from datamake.model import Target
    from datamake.project import Project


def accept(project: Project, select: Sequence[str]) -> list[str]:
    """Records the outputs of the selected targets, as they are, as made from the present inputs.

    Returns the targets. Raises UsageError where an output, or one of what they need, is not there.
    """
    space = project.space
    space.begin(write=True)
    selected = dict.fromkeys(chosen(space, select, project.states))
    judge = Judge(space, Demands(), space.variables)
    accepted = []
    for name in space.graph.closure(selected):
        if space.graph.is_source(name):
            judge.inputs.settle(name, _source(judge, name))
            continue
        target = space.graph.targets.get(name)
        if target is None:
            raise UsageError(
                f"the instances of `{name}` are not known yet", hint="build what it needs first"
            )
        if name in selected:
            record = _record(judge, target)
            space.state.write(record)
            for written in record.outputs:
                if not is_url(written.path):
                    space.made_file.add(written.path, written.digest)
            accepted.append(name)
        known = judge.as_it_is(name)
        if known is None:
            raise UsageError(
                f"`{name}` was never built, and others need it",
                hint=f"build it, or accept it too: `datamake accept {name}`",
            )
        judge.inputs.settle(name, known)
    space.state.commit()
    return accepted


def _source(judge: Judge, name: str) -> Known:
    """What a remote source has. Raises UsageError where nobody knows."""
    known = judge.source(name)
    if known is None:
        raise UsageError(
            f"the content of `{shown(name)}` is not known",
            hint="`datamake lock` downloads what is remote, and writes down what it is",
        )
    return known


def _record(judge: Judge, target: Target) -> Record:
    verdict = judge.verdict(target.name)
    outputs = []
    for output, digest in zip(target.outputs, judge.seen[target.name], strict=True):
        if digest is None:
            raise UsageError(
                f"`{target.name}` cannot be accepted: its output `{output.path}` is not there"
            )
        if digest == UNKNOWN:
            raise UsageError(
                f"`{target.name}` cannot be accepted: "
                f"datamake did not write what is at `{shown(output.path)}`"
            )
        outputs.append(Written(output.path, digest, output.name))
    before = judge.space.record(target.name)
    return Record(
        target.name,
        verdict.fingerprint,
        verdict.fields,
        tuple(outputs),
        judge.space.now(),
        before.duration if before else 0.0,
        accepted=True,
    )
