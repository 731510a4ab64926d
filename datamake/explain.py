"""What there is to say of a project: why, ls, show and graph, as plain documents.

Knows nothing of how a document is shown, and decides nothing: statuses and reasons are a plan's.
"""

from __future__ import annotations

import os
from posixpath import relpath

from datamake import surroundings
from datamake.actions import by_name, input_paths
from datamake.chronicle import VERSION, log_path, one, target_run
from datamake.contents import InputGone
from datamake.counting import counted, values
from datamake.datafile import queries
from datamake.datafile.placeholders import PathText, PlaceholderError, arguments, script
from datamake.errors import UsageError
from datamake.examining import output_of
from datamake.fingerprint import Content, fields, fingerprint
from datamake.insights import Insights
from datamake.judge import Demands, Judge
from datamake.model import size_of
from datamake.request import chosen
from datamake.sources import UNKNOWN
from datamake.urls import is_url, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from datamake.model import Input, Output, Reason, Target
    from datamake.outcome import PlannedTarget
    from datamake.project import Project

    Document = dict[str, Any]

VERSION_ONLY = "token:"
"""What a content begins with that is but a version token."""


def ls(project: Project, select: Sequence[str] = ()) -> Document:
    """The selected targets, or all of them, and the sources."""
    names = _selected(project, select)
    return {
        "version": VERSION,
        "targets": [_listed(project, name) for name in names],
        "sources": [
            {
                "name": name,
                "path": shown(asked.text),
                "description": project.spec.sources[name].table.get("description", ""),
                "tags": list(project.spec.sources[name].table.get("tags", ())),
            }
            for name, asked in project.graph.sources.items()
        ],
    }


def show(project: Project, name: str) -> Document:
    """One target in full, as it is now. Raises UsageError."""
    planned = planned_of(project, name)
    target = project.graph.targets.get(planned.name)
    if target is None:
        raise UsageError(
            f"the instances of `{planned.name}` are not known yet",
            hint="`datamake build` what makes its files, or ask for that",
        )
    judge = Judge(project.space, Demands(), os.environ)
    contents, absent = contents_of(project, target, judge)
    context = judge.contexts.of(target)
    run = next(iter(project.space.state.history.target_runs(target.name, 1)), None)
    if not absent:
        contents = counted(project.space, target, contents)
    found = "" if absent else fingerprint(fields(target, contents, context))
    return {
        "version": VERSION,
        "name": target.name,
        "kind": target.kind,
        "description": target.description,
        "owner": target.owner,
        "tags": list(target.tags),
        "status": planned.status.value,
        "reasons": [reason_document(reason) for reason in planned.reasons],
        "command": _command(project, target, [*contents, *absent]),
        "cwd": target.surroundings.cwd,
        "inputs": _inputs([*contents, *absent]),
        "code": [{"path": path, "digest": digest} for path, digest in context.code],
        "params": dict(target.params),
        "env": surroundings.counted(target, os.environ),
        "outputs": [_output(project, target, place) for place in range(len(target.outputs))],
        **_table(project, target),
        "fingerprint": found,
        "last_run": None if run is None else target_run(run),
        "log": log_path(project, target.name),
    }


def _table(project: Project, target: Target) -> Document:
    """The columns of its output, as declared or as they are; the names of its checks."""
    assertions = target.assertions
    if assertions is not None and assertions.schema is not None:
        schema = [
            {"name": each.name, "type": each.type, "description": each.description}
            for each in assertions.schema.columns
        ]
    else:
        space = project.space
        digest = space.files.digest(target.outputs[0].path) if target.outputs else None
        held = Insights(space).logical(output_of(target, digest)) if digest else None
        schema = [
            {"name": name, "type": type_, "description": ""}
            for name, type_, _ in (held.columns if held is not None else ())
        ]
    checks = [each.name for each in assertions.checks] if assertions is not None else []
    return {"schema": schema, "checks": checks}


def graph_view(project: Project, select: Sequence[str] = (), status: bool = False) -> Document:
    """The selected targets, or all of them, with all they need; files and sources included."""
    names = _selected(project, select)
    statuses: Mapping[str, str] = {}
    if status:
        plan = project.plan(names)
        statuses = {target.name: target.status.value for target in plan.targets}
        names = _selected(project, select)
    graph = project.graph
    sources = {(asked.kind, asked.text): name for name, asked in graph.sources.items()}
    kinds: dict[str, str] = {}
    edges: dict[tuple[str, str], None] = {}
    for name in graph.closure(names):
        if graph.is_source(name):
            continue
        for link in (*graph.links.get(name, ()), *graph.referred.get(name, ())):
            asked = link.input
            source = sources.get((asked.kind, asked.text))
            above = [shown(each.path) for each in link.items if not each.producer]
            above = [source] if source else above
            kind = "source" if source or asked.kind == "remote" else "file"
            kinds.update(dict.fromkeys(above, kind))
            edges.update(dict.fromkeys((each, name) for each in above))
        needs = [need for need in graph.needs[name] if not graph.is_source(need)]
        edges.update(dict.fromkeys((need, name) for need in needs))
        kinds[name] = _kind(project, name)
    return {
        "version": VERSION,
        "nodes": [
            {"id": name, "kind": kind, **if_known("status", statuses.get(name))}
            for name, kind in kinds.items()
        ],
        "edges": [{"from": above, "to": below} for above, below in edges],
    }


# Names


def _selected(project: Project, select: Sequence[str]) -> list[str]:
    """The selected targets; all of them, whatever the default, where nothing is said."""
    if select:
        return chosen(project.space, select, project.states)
    return [*project.graph.targets, *project.graph.pending]


def planned_of(project: Project, name: str) -> PlannedTarget:
    """What a build of this one target would do with it."""
    asked = one(project, name)
    for target in project.plan([asked]).targets:
        if target.name == asked:
            return target
    return planned_of(project, name)  # the plan has found out about its instances


# Parts of documents


def reason_document(reason: Reason) -> Document:
    """A reason with what was and what is."""
    return {
        "code": reason.code.value,
        "detail": reason.detail,
        **if_known("subject", reason.subject),
        **if_known("old", reason.old),
        **if_known("new", reason.new),
    }


def if_known(key: str, item: str | None) -> Document:
    """One key of a document, or none."""
    return {} if item is None else {key: item}


def _kind(project: Project, name: str) -> str:
    pending = project.graph.pending.get(name)
    return (
        project.spec.targets[pending.family].kind if pending else project.graph.targets[name].kind
    )


def _listed(project: Project, name: str) -> Document:
    """A target in a list; of one whose instances are not known, what its declaration says."""
    target = project.graph.targets.get(name)
    family = target.family if target else project.graph.pending[name].family
    table = project.spec.targets[family].table
    return {
        "name": name,
        "kind": _kind(project, name),
        "inputs": [_shown_text(asked) for asked in target.inputs] if target else [],
        "outputs": [_shown_path(output) for output in target.outputs] if target else [],
        "tags": list(target.tags if target else table.get("tags", ())),
        "description": target.description if target else table.get("description", ""),
    }


def _shown_text(asked: Input) -> str:
    return shown(asked.text) if asked.kind == "remote" else asked.text


def _shown_path(output: Output) -> str:
    return shown(output.path) + "/" * output.folder


def contents_of(
    project: Project, target: Target, judge: Judge
) -> tuple[list[Content], list[Content]]:
    """A target's inputs with their contents as they are on disk, and those that are not there."""
    graph = project.graph
    absent: dict[str | None, None] = {}
    for need in graph.needs[target.name]:
        known = judge.source(need) if graph.is_source(need) else None
        known = judge.as_it_is(need) if need in graph.targets else known
        if known is None:
            absent[need] = None
        else:
            judge.inputs.settle(need, known)
    names = [name for name in absent if name]
    try:
        contents = list(judge.inputs.of(target.name, dict.fromkeys(names)))
    except InputGone:
        contents, absent = [], dict.fromkeys((None, *graph.needs[target.name]))
    return contents, [
        Content(link, item.path, "", item.producer)
        for link in graph.links.get(target.name, ())
        for item in link.items
        if item.producer in absent or (item.path in absent and link.input.fetch)
    ]


def _inputs(contents: Sequence[Content]) -> list[Document]:
    return [
        {
            **if_known("name", content.link.input.name),
            "path": shown(content.path) or content.producer,
            **_known(content.digest),
            **({} if content.columns is None else {"columns": sorted(content.columns)}),
            **if_known("producer", content.producer),
        }
        for content in contents
    ]


def _known(digest: str) -> Document:
    """What is known of a content: its digest, or of what is not fetched its version token."""
    if digest.startswith(VERSION_ONLY):
        return {"digest": None, "token": digest[len(VERSION_ONLY) :]}
    return {"digest": None if digest in ("", UNKNOWN) else digest}


def _output(project: Project, target: Target, place: int) -> Document:
    """An output with the content that is there, or else that was recorded."""
    output = target.outputs[place]
    there = project.space.digest(output.path)
    record = project.space.record(target.name)
    recorded = {written.path: written.digest for written in record.outputs} if record else {}
    digest = recorded.get(output.path) if there in (None, UNKNOWN) else there
    return {
        **if_known("name", output.name),
        "path": _shown_path(output),
        "digest": digest,
        "size": None if digest is None else size_of(digest),
        "staged": output.staged,
        "present": there is not None,
    }


def _command(project: Project, target: Target, contents: Sequence[Content]) -> str | list[str]:
    """What runs, its placeholders filled; staged outputs by the paths that they end up at."""
    template = target.template
    if target.kind in ("python", "copy"):
        return "copy" if target.kind == "copy" else str(template)
    if target.kind in ("sql", "query"):
        return queries.filled(str(template), values(target))
    cwd = target.surroundings.cwd

    def relative(path: str) -> PathText:
        return PathText(shown(path) if is_url(path) else relpath(path, cwd or "."))

    outputs = [[output.path] for output in target.outputs]
    given: Document = {
        **target.each,
        **{f"params.{name}": value for name, value in target.params.items()},
        **by_name("input", *input_paths(target, contents), relative),
        **by_name("output", outputs, [output.name for output in target.outputs], relative),
        "target": target.name,
        "root": project.root,
        "cpus": target.resources.cpus,
        "params": "params.json",
        "work": "work",
    }
    try:
        return script(template, given) if isinstance(template, str) else arguments(template, given)
    except PlaceholderError:  # of an input that no file matches
        return template if isinstance(template, str) else list(template)
