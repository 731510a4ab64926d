"""Why a target would be built, or would not although its inputs have changed.

Knows nothing of how that is shown; the reasons are a plan's.
"""

from __future__ import annotations

from datamake.chronicle import VERSION
from datamake.counting import counted
from datamake.errors import DatamakeError
from datamake.explain import contents_of, planned_of, reason_document
from datamake.fingerprint import TABLE
from datamake.insights import Insights
from datamake.judge import Demands, Judge
from datamake.logical import changes
from datamake.urls import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from datamake.model import Reason, Target
    from datamake.project import Project

    Document = dict[str, Any]


def why(project: Project, name: str) -> Document:
    """Every reason that building this one target would have. Raises UsageError.

    `changes` of a reason are what a table has changed in; `remarks` say what has changed and does
    not count.
    """
    planned = planned_of(project, name)
    insights = Insights(project.space)
    target = project.graph.targets.get(planned.name)
    remarks = list(_remarks(project, insights, target)) if target is not None else []
    return {
        "version": VERSION,
        "name": planned.name,
        "status": planned.status.value,
        "reasons": [_reason(insights, reason) for reason in planned.reasons],
        **({"remarks": remarks} if remarks else {}),
    }


def _reason(insights: Insights, reason: Reason) -> Document:
    document = reason_document(reason)
    if reason.old and reason.new and reason.old.startswith(TABLE) and reason.new.startswith(TABLE):
        old, new = insights.held(reason.old), insights.held(reason.new)
        if old is not None and new is not None:
            document["changes"] = changes(old[0], new[0])
    return document


def _remarks(project: Project, insights: Insights, target: Target) -> Iterator[str]:
    """What has changed of the tables that it gets, and does not count."""
    judge = Judge(project.space, Demands(), project.space.variables)
    try:
        contents = counted(project.space, target, contents_of(project, target, judge)[0])
    except DatamakeError:
        return
    named = [content.link.input.name for content in contents]
    for content in contents:
        held = insights.held(content.counted) if content.logical is not None else None
        if held is None or content.logical is None or held[2] == content.digest:
            continue
        _, whole, _ = held
        name = content.link.input.name
        if name is None or named.count(name) > 1:
            name = shown(content.path)
        found = [] if whole is None else changes(whole, content.logical)
        if found:
            yield f"{name}: {', '.join(found)}: not read here"
        else:
            yield f"{name}: other bytes, the same table"
