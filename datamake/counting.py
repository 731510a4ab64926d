"""What counts of the tables that a target gets: the columns that it reads, by what they hold.

Knows nothing of verdicts. What an action is handed holds no more than was counted.
"""

from __future__ import annotations

from datamake.datafile import queries
from datamake.formats import is_note
from datamake.handing import folders, inside, several
from datamake.insights import Insights
from datamake.tables import TableError, no_column
from datamake.urls import shown
from datamake.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from datamake.fingerprint import Content
    from datamake.insights import Types
    from datamake.model import Target
    from datamake.workspace import Workspace


def counted(space: Workspace, target: Target, contents: Sequence[Content]) -> list[Content]:
    """The contents, those of tables with what they hold and the columns that count.

    Raises TableError where it has not the columns that it is to have.
    """
    if not any(content.link.table for content in contents):
        return list(contents)
    insights = Insights(space)
    known = [
        replace(content, logical=insights.logical(content)) if content.link.table else content
        for content in contents
        if not (content.link.table and is_note(inside(content)))
    ]
    if target.kind == "sql":
        found = _queried(space, target, known)
    else:
        read = target.recipe.reads if target.kind == "standardize" else None
        if read is not None and known and all(each.logical is not None for each in known):
            _demand(known, read)
        found = [
            _chosen(insights, each, None if each.logical is None else read)
            if each.link.table
            else each
            for each in known
        ]
    for content in found:
        insights.hold(content)
    return found


def as_last_read(space: Workspace, target: Target, contents: Sequence[Content]) -> list[Content]:
    """The contents, of tables with the columns that counted when the target was last recorded."""
    insights = Insights(space)
    columns: dict[str, frozenset[str]] = {}
    for kind, _, text in space.state.fields(target.name):
        held = insights.held(text) if kind.startswith("input:") else None
        if held is not None:
            columns[kind[len("input:") :]] = frozenset(name for name, _, _ in held[0].columns)
    return [
        replace(
            each, logical=insights.logical(each), columns=columns.get(each.link.input.name or "")
        )
        if each.link.table
        else each
        for each in contents
    ]


def _chosen(insights: Insights, content: Content, read: Collection[str] | None) -> Content:
    """With the columns that count: of those that the input declares, those that are read."""
    declared = content.link.input.columns
    if declared is not None:
        names = [name for name, _ in insights.types(content) or ()]
        for name in declared:
            if name not in names:
                raise no_column(shown(content.path), name, names)
    if declared is None:
        columns = None if read is None else frozenset(read)
    else:
        columns = frozenset(declared if read is None else set(declared).intersection(read))
    return replace(content, columns=columns)


def _demand(contents: Sequence[Content], read: Collection[str]) -> None:
    """Raises TableError for a column that none of the tables has."""
    names = {name: None for each in contents if each.logical for name, _, _ in each.logical.columns}
    for name in read:
        if name not in names:
            raise no_column(shown(contents[0].path), name, list(names))


def _queried(space: Workspace, target: Target, contents: Sequence[Content]) -> list[Content]:
    """With the columns that a query reads."""
    from datamake.tables.engine import version

    insights = Insights(space)
    tables: dict[str, dict[str, str]] = {}
    contents = [
        replace(each, types=insights.types(each)) if each.link.table else each for each in contents
    ]
    for content in contents:
        if not content.link.table:
            continue
        asked = content.link.input
        types = tables.setdefault(asked.name or "", {})
        for name, type_ in content.types or ():
            if asked.columns is None or name in asked.columns:
                types.setdefault(name, type_)
        for key in folders(content):
            types[key] = "string"
    for content in contents:
        if content.producer and several(content):
            types = tables[content.link.input.name or ""]
            for variable in space.graph.targets[content.producer].each:
                types.setdefault(variable, "string")
    pairs: dict[str, Types] = {name: tuple(types.items()) for name, types in tables.items()}
    query = queries.filled(target.template, values(target))  # type: ignore[arg-type]
    try:
        used = insights.used(query, target.prelude, pairs, version() or "")
    except TableError as error:
        raise target.recipe.located(error) from error
    found = []
    for content in contents:
        name = content.link.input.name or ""
        if content.link.table:
            content = _chosen(insights, content, None)  # noqa: PLW2901 - the same, with less of it
            read = used[name]
            if read is not None or content.columns is not None:
                read = frozenset(tables[name]) if read is None else read
                content = replace(content, columns=read)  # noqa: PLW2901
        found.append(content)
    return found


def values(target: Target) -> dict[str, object]:
    """What the placeholders of SQL stand for."""
    params = {f"params.{name}": each for name, each in target.params.items()}
    return {**target.each, **params, "target": target.name}
