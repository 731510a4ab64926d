"""Plans, results, events and errors as JSON documents.

Knows nothing of where a document goes.
"""

from __future__ import annotations

from datamake.errors import DatafileError, DatamakeError, message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from datamake.errors import Problem
    from datamake.model import Reason
    from datamake.outcome import BuildResult, Event, Plan, PlannedTarget, TargetResult

    Document = dict[str, Any]

VERSION = 1


def json_text(document: Mapping[str, Any]) -> str:
    """A document as text: one object, readable where it is small, ending in a line end."""
    import json

    indent = 2 if small(document) else None
    text = json.dumps(document, indent=indent, default=lambda moment: moment.isoformat())
    return text + "\n"


def small(document: Mapping[str, Any]) -> bool:
    """Whether a document is short enough to be read by people."""
    return all(not isinstance(part, list) or len(part) <= 200 for part in document.values())


def build_document(result: BuildResult) -> Document:
    """What became of a build."""
    return {
        "version": VERSION,
        "ok": result.ok,
        "exit_code": result.exit_code,
        "duration_s": round(result.duration_s, 3),
        "summary": result.summary,
        "targets": [result_document(target) for target in result.targets],
    }


def result_document(result: TargetResult) -> Document:
    """What became of one target."""
    document: Document = {
        "name": result.name,
        "status": result.status.value,
        "present": result.present,
        "reasons": brief(result.reasons),
        "fingerprint": result.fingerprint,
        "duration_s": round(result.duration_s, 3),
        "outputs": [
            {"path": output.path, "digest": output.digest, "size": output.size}
            for output in result.outputs
        ],
    }
    if result.checks:
        from datamake.tables.checked import documents

        document["checks"] = documents(result.checks)
    if result.error is not None:
        document["error"] = message(result.error, result.facts)
    return document


def plan_document(plan: Plan) -> Document:
    """What a build would do, in the order of running."""
    return {
        "version": VERSION,
        "summary": plan.summary,
        "targets": [planned_document(target) for target in plan.targets],
    }


def planned_document(target: PlannedTarget) -> Document:
    """What a build would do with one target."""
    return {
        "name": target.name,
        "status": target.status.value,
        "reasons": brief(target.reasons),
        "estimate_s": target.estimate_s,
    }


def brief(reasons: Sequence[Reason]) -> list[Document]:
    """Reasons without what is old and new."""
    return [{"code": reason.code.value, "detail": reason.detail} for reason in reasons]


def event_document(event: Event) -> Document:
    """An event on one level: its kind, time and target, then its data."""
    document: Document = {"event": event.kind, "time": round(event.time, 6)}
    if event.target is not None:
        document["target"] = event.target
    for key, item in event.data.items():
        document[key] = event_item(key, item)
    return document


def event_item(key: str, item: Any) -> Any:
    """One item of an event's data as JSON has it."""
    if key == "result":
        return result_document(item) if hasattr(item, "name") else build_document(item)
    if key == "reasons":
        return brief(item)
    return dict(item) if hasattr(item, "keys") else item


def error_document(error: DatamakeError) -> Document:
    """An error, each of its problems by itself."""
    if isinstance(error, DatafileError):
        problems = [problem_document(problem) for problem in error.problems]
    else:
        problems = [{"message": str(error)}]
    return failure_document(error.exit_code, problems)


def failure_document(exit_code: int, problems: Sequence[Document]) -> Document:
    """What stands on standard output in place of any other document."""
    return {"version": VERSION, "ok": False, "exit_code": exit_code, "errors": list(problems)}


def problem_document(problem: Problem) -> Document:
    """A problem and, as far as it is known, its place."""
    document: Document = {"message": message(problem.message, problem.facts, problem.hint)}
    for key, item in (("file", problem.file), ("line", problem.line), ("column", problem.column)):
        if item:
            document[key] = item
    return document
