"""How old the data of sources is, and whether that is more than the Datafile allows.

Knows nothing of what they hold: only when they were last modified, as their store says.
"""

from __future__ import annotations

import os

from datamake.datafile.units import shortened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from datamake.model import Input
    from datamake.remote import Freshness
    from datamake.workspace import Workspace


def overdue(space: Workspace, names: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """What is too old of the sources that these targets read.

    That is the texts of inputs that fail who reads them, each with the reason; and lines about
    those that are to be warned of.
    """
    graph = space.graph
    limits = graph.expansion.freshness
    if not limits:
        return {}, []
    by_text = {graph.sources[source].text: source for source in limits}
    read: dict[str, Input] = {}
    for name in names:
        target = graph.targets.get(name)
        read.update(
            (asked.text, asked)
            for asked in (target.inputs if target is not None else ())
            if asked.text in by_text
        )
    failed: dict[str, str] = {}
    warnings: list[str] = []
    for text, asked in read.items():
        source = by_text[text]
        wrong, final = _wrong(space, source, asked, limits[source])
        if wrong and final:
            failed[text] = wrong
        elif wrong:
            warnings.append(wrong)
    return failed, warnings


def _wrong(space: Workspace, source: str, asked: Input, limit: Freshness) -> tuple[str, bool]:
    """What is wrong with the age of a source, or `""`; and whether that fails it."""
    changed = max(_times(space, asked), default=None)
    if changed is None:
        return f"source `{source}`: its store does not say when it was last changed", False
    age = space.now() - changed
    for allowed, final in ((limit.error_after, True), (limit.warn_after, False)):
        if allowed is not None and age > allowed:
            most = shortened(allowed)
            return f"source `{source}` was last changed {shortened(age)} ago, over {most}", final
    return "", False


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
