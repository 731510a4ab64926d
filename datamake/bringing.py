"""What is remote, brought outside of a build; sources as tables.

Knows nothing of targets, but for what one has put at a URL.
"""

from __future__ import annotations

from datamake.action import Piece, View
from datamake.errors import EnvironmentFailed, UsageError
from datamake.urls import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from datamake.model import Written
    from datamake.workspace import Workspace


def source_view(space: Workspace, name: str, *, local: bool = False) -> View:
    """A declared source as a table, read as it says; not what is remote if `local`.

    Raises UsageError where nothing is there, and EnvironmentFailed.
    """
    from os.path import dirname, relpath

    from datamake.formats import is_note, partition

    asked = space.graph.sources[name]
    if asked.kind == "remote":
        paths = downloaded(space, asked.text, local=local)
        folder = space.sources.copies.place(asked.text)
    else:
        found = space.graph.resolver.resolution(asked, "")
        if found.fault:
            raise UsageError(found.fault)
        paths = [space.files.absolute(item.path) for item in found.items]
        folder = space.files.absolute(asked.text)
    if not asked.text.endswith("/"):
        return View(name, tuple(Piece((path,)) for path in paths), asked.reading)
    inside = [(path, relpath(path, folder)) for path in paths]
    pieces = (Piece((p,), {}, partition(dirname(own))) for p, own in inside if not is_note(own))
    return View(name, tuple(pieces), asked.reading)


def downloaded(space: Workspace, source: str, *, local: bool) -> list[str]:
    """Local copies of what is at a URL, until `copies` are removed."""
    if local:
        raise UsageError(f"`{shown(source)}` is remote, and read as a whole: take it as a table")
    if not space.sources.seen(source):
        raise UsageError(f"there is nothing at `{shown(source)}`")
    bring(space, source)
    contents = space.sources.contents(source) or ()
    return [space.sources.copies.place(each.path) for each in contents]


def bring(space: Workspace, source: str, made: Sequence[Written] = ()) -> None:
    """Brings local copies of a remote source, outside of a build; `made` is what a target put there.

    Raises EnvironmentFailed.
    """
    from datamake.executors import open_executor

    sources = space.sources
    objects = None if sources.offline else lambda: sources.objects
    executor = open_executor("local", 1, space.cache, objects)
    try:
        executor.submit(sources.fetching(source, made))
        (result,) = executor.wait()
    finally:
        executor.close()
    if result.error is not None:
        raise EnvironmentFailed(result.error, result.facts)
    sources.learn(source, result.fetched)
