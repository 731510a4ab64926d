"""What has changed in the data of a target: against an earlier build, a revision of git, or a file.

Knows nothing of how tables are compared, and of how it is shown.
"""

from __future__ import annotations

import os
from tempfile import TemporaryDirectory

from datamake import past
from datamake.action import Piece, View
from datamake.data import looked_at, view
from datamake.errors import UsageError
from datamake.moves import room
from datamake.request import chosen
from datamake.threads import Ending, attended

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from datamake.past import Was
    from datamake.workspace import Workspace

VERSION = 1


def diff(
    space: Workspace, name: str, against: str | None = None, key: Sequence[str] = ()
) -> dict[str, Any]:
    """What the table of a target differs in from what it was; see `tables.difference`.

    `against` is a file or folder, the number of a run, or a revision of git; without, what there
    was before the last build of it. `name` and `against` in the document say what was compared.
    Raises UsageError where one of both is not there or not known, and TableError.
    """
    from datamake.tables.difference import difference
    from datamake.tables.failures import named
    from datamake.tables.views import opened

    ending = Ending()

    def compared(then: View, now: View) -> dict[str, Any]:
        old, new = (opened(each, ending.go_on) for each in (then, now))
        return difference(old, new, key or None, folder, ending)

    with (
        TemporaryDirectory(prefix="diff-", dir=room(os.path.join(space.folder, "tmp"))) as folder,
        looked_at(space),
    ):
        now = view(space, name)
        label, then = _then(space, name, against, folder)
        with named([folder + os.sep], lambda path: _shown(path, folder, label)):
            found = attended(lambda: compared(then, now), ending.end)
    return {"version": VERSION, "name": name, "against": label, **found}


def _shown(path: str, folder: str, label: str) -> str:
    """`out/a.csv of run 1`, for a copy of what it was in `folder`."""
    own = os.path.relpath(path, folder).partition(os.sep)[2]
    return f"{own} of {label.replace('`', '')}"


def _then(space: Workspace, name: str, against: str | None, folder: str) -> tuple[str, View]:
    """What it is compared with, and the table that it was."""
    if against is not None and os.path.exists(against):
        return f"`{against}`", View(name, (Piece((os.path.abspath(against),)),))
    if name in space.graph.sources:
        raise UsageError(
            f"`{name}` is a source, and not built",
            hint="`--against` a file or a folder, to compare it with that",
        )
    space.open_cache("read", local=space.offline)
    names = chosen(space, [name], None)
    if against is None:
        run = past.previous_run(space, names)
        if run is None:
            raise UsageError(
                f"there is no earlier build of `{name}` to compare with",
                hint="`--against` takes a file, a run that `datamake history` shows, or a revision of git",
            )
    elif past.is_run(space, against):
        run = int(against)
    else:
        past.check_revision(space, against)
        outputs = past.at_revision(space, name, against, os.path.join(folder, "revision"))
        return f"revision `{against}`", _restored(space, name, outputs, folder)
    outputs = past.after_run(space, names, run)
    return f"run {run}", _restored(space, name, outputs, folder)


def _restored(space: Workspace, name: str, found: Mapping[str, Was], folder: str) -> View:
    """The outputs of targets as one table: as they are there, else out of the cache, in a folder."""
    pieces: list[Piece] = []
    for target, was in found.items():
        each = was.each if target != name else {}
        for output in was.outputs:
            if output.name == "rejects":
                continue
            if space.digest(output.path) == output.digest:
                pieces.append(Piece((space.files.absolute(output.path),), each))
                continue
            place = os.path.join(folder, str(len(pieces)), output.path)
            if not space.cache.restore(output.digest, place):
                raise UsageError(
                    f"what `{target}` was then is not in the cache any more",
                    [f"`{output.path}`, {output.digest}"],
                    "the cache keeps what it has room for: see `local_cache_size`",
                )
            pieces.append(Piece((place,), each))
    if not pieces:
        raise UsageError(f"`{name}` had no data then")
    return View(name, tuple(pieces))
