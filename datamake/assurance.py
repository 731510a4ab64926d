"""Checks of what is there, by hand: targets and sources, whatever a build has found before.

Knows nothing of how checks go. What depends on the content alone is looked up where it is known.
"""

from __future__ import annotations

from datamake.action import Action, Result
from datamake.ages import aged
from datamake.bringing import bring
from datamake.contents import Known
from datamake.errors import DatamakeError, EnvironmentFailed, UsageError
from datamake.examining import output_of
from datamake.judge import Demands, Judge
from datamake.select import select
from datamake.threads import attended
from datamake.urls import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from datamake.fingerprint import Content
    from datamake.model import Assertions
    from datamake.workspace import Workspace

    Document = dict[str, Any]

VERSION = 1


def check(space: Workspace, chosen: Sequence[str] = ()) -> Document:
    """What came of the checks of the selected sources and targets, of all by default.

    The graph is as the caller has found it. `ok` says whether none failed, `exit_code` also whether
    that was the environment. Raises UsageError where nothing that is selected is checked.
    """
    judge = Judge(space, Demands(), space.variables)
    try:
        found = [_checked(judge, name) for name in _names(space, chosen)]
    finally:
        space.sources.copies.remove()
        space.state.commit()
    ok, code = all(each["ok"] for each in found), max(each.pop("exit_code") for each in found)
    return {"version": VERSION, "ok": ok, "exit_code": code, "checked": found}


def _names(space: Workspace, chosen: Sequence[str]) -> list[str]:
    graph = space.graph
    selected = (
        {*select(graph, chosen, readers=_readers(space))}
        if chosen
        else {*graph.sources, *graph.targets}
    )
    sources = {*graph.asserted, *graph.expansion.freshness}
    known = [name for name in graph.sources if name in sources and name in selected]
    targets = graph.targets.items()
    known += [name for name, each in targets if each.assertions and name in selected]
    if not known:
        raise UsageError(
            "there is nothing to check",
            ["none of it has a `schema`, `checks` or `freshness`"],
        )
    return known


def _readers(space: Workspace) -> dict[str, list[str]]:
    """Declared source → the targets that read it, also by what their checks refer to."""
    graph = space.graph
    by_text: dict[str, list[str]] = {}
    for name, target in graph.targets.items():
        referred = (link.input for link in graph.referred.get(name, ()))
        for asked in (*target.inputs, *referred):
            by_text.setdefault(asked.text, []).append(name)
    return {name: by_text.get(asked.text, []) for name, asked in graph.sources.items()}


def _checked(judge: Judge, name: str) -> Document:
    """What came of the checks of one source or target."""
    space, graph = judge.space, judge.space.graph
    results: list[Any] = []
    error: DatamakeError | None = None
    try:
        if name in graph.expansion.freshness:
            results += aged(space, name)
        target = graph.targets.get(name)
        assertions = target.assertions if target is not None else graph.asserted.get(name)
        if assertions is not None:
            results += _results(judge, name, assertions)
    except DatamakeError as found:
        error = found
    from datamake.tables.checked import documents, lines

    ok = error is None and not any(each.failed for each in results)
    return {
        "name": name,
        "ok": ok,
        "exit_code": error.exit_code if isinstance(error, EnvironmentFailed) else int(not ok),
        "checks": documents(results),
        "lines": lines(results),
        **({"error": str(error)} if error is not None else {}),
    }


def _results(judge: Judge, name: str, assertions: Assertions) -> Sequence[Any]:
    from datamake.transforms import Workshop
    from datamake.transforms.checking import checked

    examiner = judge.examiner
    _settle(judge, name)
    if name in judge.space.graph.asserted:
        known, digest, contents = examiner.source(name)
    else:
        content = _output(judge, name)
        digest, contents = content.digest, [content]
        known = examiner.known(name, assertions, digest)
    if known.results is not None and all(each.timeless for each in assertions.checks):
        return known.results
    _bring(judge, contents)
    checking = examiner.checking(name, assertions, contents)
    action = Action(target=name, kind="check", checking=checking)
    workshop = Workshop()
    result = attended(
        lambda: checked(action, Result(name), "", workshop),
        lambda: workshop.cancel(at_once=False),
    )
    if not result.checked and result.error is not None:
        copies = judge.space.sources.copies
        failure = EnvironmentFailed if result.environment else DatamakeError
        raise failure(copies.named(result.error), map(copies.named, result.facts))
    if digest:
        examiner.note(name, known.fingerprint, digest, result.checked)
    return result.checked


def _output(judge: Judge, name: str) -> Content:
    """The output of a target, as it is there."""
    space = judge.space
    output = space.graph.targets[name].outputs[0]
    digest = space.digest(output.path)
    if digest is None:
        raise UsageError(
            f"`{output.path}` is not there", hint=f"`datamake build '{name}'` makes it"
        )
    return output_of(space.graph.targets[name], digest)


def _settle(judge: Judge, name: str) -> None:
    """Takes note of what is there of all that the checks refer to. Raises UsageError."""
    graph = judge.space.graph
    for link in graph.referred.get(name, ()):
        if not link.items:
            raise UsageError(f"`{shown(link.input.text)}`, which checks refer to, is not there")
    needs = {item.producer for link in graph.referred.get(name, ()) for item in link.items}
    remote = [need for need in graph.needs.get(name, ()) if need in graph.remotes]
    for need in [*filter(None, needs), *remote]:
        known = judge.source(need) if need in graph.remotes else judge.as_it_is(need)
        if known is None and need in graph.remotes:
            bring(judge.space, need)
            known = judge.source(need)
        if known is None:
            raise UsageError(f"`{need}`, which checks refer to, was never built")
        judge.inputs.settle(need, known)


def _bring(judge: Judge, contents: Sequence[Content]) -> None:
    """Brings local copies of what is remote."""
    remotes = judge.space.graph.remotes
    for source in dict.fromkeys(_sources(contents)):
        if source in remotes and not judge.inputs.known.get(source, Known("")).present:
            bring(judge.space, source)


def _sources(contents: Sequence[Content]) -> Iterator[str]:
    for content in contents:
        yield content.link.input.text
