"""The data of targets and sources, as tables.

Knows nothing of formats; what is at a URL is downloaded into the cache first.
"""

from __future__ import annotations

from datamake.errors import EnvironmentFailed, UsageError
from datamake.request import chosen
from datamake.urls import is_url, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    import pyarrow as pa
    import pyarrow.dataset as ds

    from datamake.model import Written
    from datamake.workspace import Workspace

FIRST_ROWS = 10


def table(space: Workspace, name: str) -> pa.Table:
    """The rows of a target's output, of all instances of a foreach target, or of a source.

    Raises UsageError where there is no such name, or nothing there, and TableError.
    """
    from datamake.tables.reading import open_table

    try:
        return open_table(files(space, name)).to_arrow()
    finally:
        space.sources.copies.remove()


def dataset(space: Workspace, name: str) -> ds.Dataset:
    """The same as a dataset, which reads only what it is asked for; of local files only.

    Raises UsageError and TableError.
    """
    from datamake.tables.datasets import dataset as opened

    return opened(files(space, name, local=True))


def preview(space: Workspace, name: str) -> dict[str, Any]:
    """The first rows and statistics of a table; see `tables.profile`."""
    from datamake.tables.profile import profiled
    from datamake.tables.reading import open_table

    try:
        profile = profiled(open_table(files(space, name)), FIRST_ROWS)
        return {"version": 1, "name": name, **profile}
    finally:
        space.sources.copies.remove()


def files(space: Workspace, name: str, *, local: bool = False) -> list[str]:
    """The absolute paths of what a name stands for, files or folders; not what is remote if `local`.

    Raises UsageError where there is no such name, or nothing there.
    """
    graph = space.graph
    if name in graph.sources:
        asked = graph.sources[name]
        if asked.kind == "remote":
            return _downloaded(space, asked.text, local=local)
        found = graph.resolver.resolution(asked, "")
        if found.fault:
            raise UsageError(found.fault)
        return [space.files.absolute(item.path) for item in found.items]
    paths: list[str] = []
    for target in chosen(space, [name], None):
        outputs = graph.targets[target].outputs if target in graph.targets else ()
        for output in outputs:
            if is_url(output.path):
                paths += _downloaded(space, output.path, local=local)
            elif space.files.digest(output.path) is None:
                raise UsageError(
                    f"`{output.path}` is not there", hint=f"`datamake build '{target}'` makes it"
                )
            else:
                paths.append(space.files.absolute(output.path))
    if not paths:
        raise UsageError(f"`{name}` has no data: it has no output")
    return paths


def _downloaded(space: Workspace, source: str, *, local: bool) -> list[str]:
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
