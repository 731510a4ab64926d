"""The data of targets and sources, as tables.

Knows nothing of formats; what is at a URL is downloaded into the cache first.
"""

from __future__ import annotations

import os
from contextlib import contextmanager

from datamake.action import Piece, View
from datamake.bringing import downloaded, source_view
from datamake.errors import DatamakeError, UsageError
from datamake.formats import format_of
from datamake.insights import Insights
from datamake.moves import room
from datamake.request import chosen
from datamake.urls import is_url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    import pyarrow as pa
    import pyarrow.dataset as ds

    from datamake.workspace import Workspace

FIRST_ROWS = 10


def table(space: Workspace, name: str) -> pa.Table:
    """The rows of a target's output, of all instances of a foreach target, or of a source.

    Raises UsageError where there is no such name, or nothing there, and TableError.
    """
    from datamake.tables.views import opened

    with looked_at(space):
        return opened(Insights(space).typed(view(space, name))).to_arrow()


def dataset(space: Workspace, name: str) -> ds.Dataset:
    """The same as a dataset, which reads only what it is asked for; of local files only.

    Raises UsageError and TableError.
    """
    from datamake.tables.datasets import dataset as opened

    found = view(space, name, local=True)
    return opened(found.paths, found.reading)


def preview(space: Workspace, name: str) -> dict[str, Any]:
    """The first rows and statistics of a table; see `tables.profile`."""
    from datamake.tables.profile import profiled
    from datamake.tables.views import opened

    with looked_at(space):
        profile = profiled(opened(Insights(space).typed(view(space, name))), FIRST_ROWS)
        return {"version": 1, "name": name, **profile}


@contextmanager
def looked_at(space: Workspace) -> Iterator[None]:
    """What is remote has local copies inside. Errors name files as the Datafile does.

    Raises TableError.
    """
    from datamake.tables.failures import named

    copies = space.sources.copies

    def declared(path: str) -> str:
        url = copies.named(f"`{path}`").strip("`")
        return os.path.relpath(path, space.root) if url == path else url

    try:
        with named([space.root + os.sep], declared):
            yield
    finally:
        copies.remove()


@contextmanager
def answer(space: Workspace, query: str) -> Iterator[pa.RecordBatchReader | None]:
    """The rows of a query over the sources and targets that it names, as long as it is open.

    `SHOW TABLES` has the names of all that it could be about. Raises UsageError where one that it
    reads has no data, and TableError.
    """
    from datamake.tables import TableError, adhoc
    from datamake.tables.views import opened

    if adhoc.asks_for_tables(query):
        yield adhoc.listed(_tables(space))
        return
    found, lacking = [], {}
    with looked_at(space):
        for name in adhoc.named(query, _names(space)):
            try:
                one = view(space, name)
                opened(one)
            except DatamakeError as error:  # it may be but the name of a column
                lacking[name] = error
            else:
                found.append(Insights(space).typed(one))
        try:
            with adhoc.answer(query, found, room(os.path.join(space.folder, "tmp"))) as rows:
                yield rows
        except TableError as error:
            for name, other in lacking.items():
                if f"`{name}`".casefold() in error.headline.casefold():
                    raise other from None
            raise adhoc.unknown(error, lambda: _tables(space), _names(space)) from error


def connection(space: Workspace) -> Any:
    """A DuckDB connection with each source and target that is there, and no URL, as a view.

    Raises EnvironmentFailed where DuckDB is not installed.
    """
    from datamake.tables import adhoc
    from datamake.tables.views import opened

    found: list[View] = []
    for name in _names(space):
        try:
            one = view(space, name, local=True)
            opened(one)
        except DatamakeError:  # not built yet, remote, or no table
            continue
        found.append(Insights(space).typed(one))
    return adhoc.connection(found, room(os.path.join(space.folder, "tmp")))


def _names(space: Workspace) -> list[str]:
    """What may be named in a query: sources, targets, instances, and of targets outputs by name."""
    graph = space.graph
    outputs = [
        f"{target.family}.{output.name}"
        for target in graph.targets.values()
        for output in target.outputs
        if output.name and "." not in target.family  # SQL has but so many parts of a name
    ]
    return list(
        dict.fromkeys([*graph.sources, *graph.expansion.families, *graph.targets, *outputs])
    )


def _tables(space: Workspace) -> list[str]:
    """Those of these names that have data, or are at a URL, and are tables by their endings."""
    found = []
    for name in _names(space):
        try:
            if _at_url(space, name) or _is_table(view(space, name)):
                found.append(name)
        except DatamakeError:  # not built yet, or without an output
            continue
    return found


def _at_url(space: Workspace, name: str) -> bool:
    graph = space.graph
    if name in graph.sources:
        return graph.sources[name].kind == "remote"
    family = graph.expansion.families.get(name)
    made = [
        graph.targets[each] for each in (family.rows if family else [name]) if each in graph.targets
    ]
    return any(is_url(output.path) for target in made for output in target.outputs)


def _is_table(view: View) -> bool:
    return view.reading.format is not None or all(
        os.path.isdir(path) or format_of(path) is not None for path in view.paths
    )


def view(space: Workspace, name: str, *, local: bool = False) -> View:
    """What a name stands for as a table, read as its source says; not what is remote if `local`.

    Raises UsageError where there is no such name, or nothing there, and TableError for no table.
    """
    graph = space.graph
    if name in graph.sources:
        return source_view(space, name, local=local)
    made = graph.outputs.owners.get(name)
    if made is not None and not is_url(name):
        return View(name, (Piece((_there(space, made, name),)),))
    whole, output = _output(space, name)
    pieces = []
    for target in chosen(space, [whole], None):
        each = graph.targets[target].each if target in graph.targets and target != whole else {}
        pieces += [Piece((p,), each) for p in _made(space, target, output, local=local)]
    if not pieces and output is not None:
        raise UsageError(f"`{whole}` has no output named `{output}`")
    if not pieces:
        raise UsageError(f"`{name}` has no data: it has no output")
    return View(name, tuple(pieces))


def _output(space: Workspace, name: str) -> tuple[str, str | None]:
    """`trips.rejects` is the output of that name of a target; what is a target by itself is that."""
    targets, families = space.graph.targets, space.graph.expansion.families
    whole, _, output = name.rpartition(".")
    if name in targets or name in families or not (whole in targets or whole in families):
        return name, None
    return whole, output


def _made(space: Workspace, target: str, name: str | None, *, local: bool) -> list[str]:
    """The absolute paths of the outputs of a target that are its table, or of the one of a name."""
    graph = space.graph
    outputs = graph.targets[target].outputs if target in graph.targets else ()
    paths: list[str] = []
    for output in outputs:
        if output.apart if name is None else output.name != name:
            continue
        if is_url(output.path):
            paths += downloaded(space, output.path, local=local)
        else:
            paths.append(_there(space, target, output.path))
    return paths


def _there(space: Workspace, target: str, path: str) -> str:
    """The absolute path of an output. Raises UsageError where it is not there."""
    if space.files.digest(path) is None:
        raise UsageError(f"`{path}` is not there", hint=f"`datamake build '{target}'` makes it")
    return space.files.absolute(path)
