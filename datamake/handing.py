"""The inputs of a target → the tables that its action is given: views, copies, or plain data.

Knows nothing of formats: the views are opened, and `tables/handed.py` makes tables of plain data,
where the action is carried out.
"""

from __future__ import annotations

from posixpath import basename, dirname

from datamake.action import Piece, View
from datamake.errors import DatamakeError
from datamake.formats import partition
from datamake.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from datamake.fingerprint import Content
    from datamake.model import Input, Target


def tables(
    target: Target,
    kinds: Mapping[str, str],
    contents: Sequence[Content],
    local: Callable[[str], str],
    each: Callable[[str], Mapping[str, str]],
) -> dict[str, tuple[str, Any]]:
    """Parameter → its kind and what `handed` takes, for those that are given tables.

    `kinds` are those of `annotations`, `local` and `each` those of `views`. Raises DatamakeError.
    """
    made = views(target.inputs, contents, local, each)
    inputs = list(zip(target.inputs, made, strict=True))
    by_name = {asked.name: (asked, view) for asked, view in inputs if asked.name is not None}
    found: dict[str, tuple[str, Any]] = {}
    for name, kind in kinds.items():
        container, _, inner = kind.rpartition("[")
        if inner.rstrip("]") == "path":
            continue
        if name in by_name:
            chosen = [by_name[name]]
        elif name in ("input", "inputs") and inputs:
            chosen = list(inputs) if name == "inputs" else [inputs[0]]
        else:
            continue
        if container == "dict":
            if name != "inputs" or len(by_name) < len(inputs):
                raise DatamakeError(
                    f"`{target.template}` takes `{name}` as tables by name",
                    hint="this is for `inputs`, which must all have names",
                )
            found[name] = kind, {own: _table(name, [by_name[own]], local) for own in by_name}
        elif container:
            alone = [
                (asked, replace(view, pieces=(piece,)))
                for asked, view in chosen
                for piece in view.pieces
            ]
            found[name] = kind, [_table(name, [one]) for one in alone]
        else:
            found[name] = kind, _table(name, chosen, local)
    return found


def _table(
    name: str,
    inputs: Sequence[tuple[Input, View]],
    local: Callable[[str], str] | None = None,
) -> dict[str, Any]:
    """Inputs as one table; `local` says where the folder is that they are in."""
    first = inputs[0][0]
    for other, _ in inputs:
        if not other.fetch:
            raise DatamakeError(
                f"`{name}` is to be a table, and `fetch = false` leaves it where it is",
                hint="take the URL, or leave out `fetch`",
            )
        if (other.reading, other.columns) != (first.reading, first.columns):
            raise DatamakeError(
                f"`{name}` is all inputs as one table, and they are read in different ways",
                [f"`{first.text}`", f"`{other.text}`"],
                "give them names, and take each by its own",
            )
    alone = len(inputs) == 1 and first.text.endswith("/")
    return {
        "pieces": [
            (list(piece.paths), piece.variables, piece.keys)
            for _, view in inputs
            for piece in view.pieces
        ],
        "folder": local(first.text) if alone and local is not None else None,
        "reading": first.reading.said,
        "columns": first.columns,
    }


def identity(asked: Input) -> tuple[Any, ...]:
    """What tells the inputs of a target apart, even if one turns out to be of another kind."""
    return asked.place, asked.name, asked.text


def several(content: Content) -> bool:
    """Whether it is one of several instances, so that the values of its own come with its rows."""
    asked = content.link.input
    return asked.kind == "target" and content.producer not in (None, asked.text)


def views(
    inputs: Sequence[Input],
    contents: Iterable[Content],
    local: Callable[[str], str],
    each: Callable[[str], Mapping[str, str]],
) -> list[View]:
    """Inputs as tables, in their order, each under its name and with the columns that were counted.

    `local` is where the file of an input is, `each` the foreach values of the target that made it:
    these come with its rows where an input has several instances.
    """
    groups: dict[object, list[Content]] = {}
    for content in contents:
        if content.path:
            groups.setdefault(identity(content.link.input), []).append(content)
    found = []
    for at, asked in enumerate(inputs):
        mine = groups.get(identity(asked), [])
        pieces = []
        for content in mine:
            further = dict(each(content.producer)) if content.producer and several(content) else {}
            pieces.append(Piece((local(content.path),), further, folders(content)))
        columns = mine[0].columns if mine else None
        types = mine[0].types if len(mine) == 1 else None
        found.append(View(asked.name or str(at), tuple(pieces), asked.reading, columns, types))
    return found


def copies(
    target: Target,
    contents: Sequence[Content],
    places: Mapping[int, str],
    local: Callable[[str], str],
    each: Callable[[str], Mapping[str, str]],
) -> tuple[tuple[View, str], ...]:
    """The tables of which an action gets copies with the columns that count, and where they go.

    `places`: place of an input → the folder of its copies, with `/`.
    """
    found = []
    for at, place in places.items():
        asked = target.inputs[at]
        above = dirname(asked.text[:-1]) if asked.text.endswith("/") else None
        for content in contents:
            if identity(content.link.input) != identity(asked):
                continue
            path = content.path
            path = basename(path) if above is None else path[len(above) :].lstrip("/")
            (view,) = views([asked], [content], local, each)
            found.append((view, place + path))
    return tuple(found)


def folders(content: Content) -> dict[str, str | None]:
    """The columns that `key=value` folders make on the way to a file in the folder asked for."""
    return partition(dirname(inside(content)))


def inside(content: Content) -> str:
    """Where a file is in the folder that is asked for; of what is no folder ``."""
    asked = content.link.input.text
    return content.path[len(asked) :] if asked.endswith("/") else ""
