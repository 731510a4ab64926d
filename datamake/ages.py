"""How old the data of sources is, and whether that is more than the Datafile allows.

Knows when they were last modified, as their store says, or the greatest time in one column.
"""

from __future__ import annotations

import os
from math import isfinite

from datamake.bringing import source_view
from datamake.datafile.units import shortened
from datamake.insights import Insights
from datamake.tables import TableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from datamake.model import Input
    from datamake.remote import Freshness
    from datamake.tables.checked import Checked
    from datamake.workspace import Workspace


def overdue(space: Workspace, names: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """What is too old of the sources that these targets read.

    That is the texts of inputs that fail who reads them, each with the reason; and lines about
    those that are to be warned of.
    """
    graph = space.graph
    by_text: dict[str, list[tuple[str, Freshness]]] = {}
    for source, limit in graph.expansion.limits():
        by_text.setdefault(graph.sources[source].text, []).append((source, limit))
    if not by_text:
        return {}, []
    read: dict[str, Input] = {}
    for name in names:
        target = graph.targets.get(name)
        inputs = target.inputs if target is not None else ()
        if name in graph.asserted:  # perhaps only what checks refer to
            inputs = (graph.sources[name],)
        read.update((asked.text, asked) for asked in inputs if asked.text in by_text)
    failed: dict[str, str] = {}
    warnings: list[str] = []
    for text, asked in read.items():
        for source, limit in by_text[text]:
            wrong, final = _wrong(space, source, asked, limit)
            if wrong and final:
                failed[text] = wrong
            elif wrong:
                warnings.append(f"warning: {wrong}")
    return failed, warnings


def aged(space: Workspace, source: str) -> list[Checked]:
    """The age of a source, as what came of a check."""
    from datamake.tables.checked import Checked

    limit = space.graph.expansion.freshness[source]
    wrong, final = _wrong(space, source, space.graph.sources[source], limit)
    severity = "error" if final or not limit.warn_after else "warn"
    sample = ({"age": wrong},) if wrong else ()
    return [Checked("freshness", "freshness", severity, int(bool(wrong)), 0, sample)]


def _wrong(space: Workspace, source: str, asked: Input, limit: Freshness) -> tuple[str, bool]:
    """What is wrong with the age of a source, or `""`; and whether that fails it."""
    if limit.column is not None:
        try:
            changed = _newest(space, source, limit.column)
        except TableError as error:
            return f"source `{source}`: {error.headline}", True
        what = f"source `{source}`: the newest of `{limit.column}` is of"
    else:
        changed = max(_times(space, asked), default=None)
        what = f"source `{source}` was last changed"
    if changed is None and limit.column is not None:
        return f"source `{source}` has no times in `{limit.column}`", True
    if changed is None:
        return f"source `{source}`: its store does not say when it was last changed", False
    age = space.now() - changed
    for allowed, final in ((limit.error_after, True), (limit.warn_after, False)):
        if allowed is not None and age > allowed:
            return f"{what} {shortened(age)} ago, over {shortened(allowed)}", final
    return "", False


def _newest(space: Workspace, source: str, column: str) -> float | None:
    """The greatest time in a column, in seconds since 1970. Raises TableError."""
    found = source_view(space, source)

    def looked() -> str:
        from datamake.tables.failures import named
        from datamake.tables.profile import newest
        from datamake.tables.views import opened

        with named(found.paths, lambda path: os.path.relpath(path, space.root)):
            return repr(newest(opened(found), column))

    known = Insights(space).of_view(f"newest-1 {column}", found, looked, _is_time)
    return None if known == "None" else float(known)


def _is_time(text: str) -> bool:
    try:
        return text == "None" or isfinite(float(text))
    except ValueError:
        return False


def _times(space: Workspace, asked: Input) -> Iterator[float]:
    """When what an input comes down to was last changed, in seconds since 1970."""
    if asked.kind == "remote":
        for seen in space.sources.seen(asked.text):
            if seen.time is not None:
                yield seen.time
        return
    for item in space.graph.resolver.resolution(asked, "").items:
        path = space.files.absolute(item.path)
        places = [path]
        if os.path.isdir(path):
            places = [os.path.join(top, name) for top, _, names in os.walk(path) for name in names]
        for place in places:
            yield os.stat(place).st_mtime
