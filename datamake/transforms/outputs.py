"""What a successful action wrote: whether it is what was declared, and its digests.

Knows nothing of how it was written.
"""

from __future__ import annotations

import os
from errno import ENOENT, ENOTDIR
from stat import S_ISDIR, S_ISLNK, S_ISREG

from datamake.clone import sibling
from datamake.errors import EnvironmentFailed
from datamake.files import fresh_digest, fresh_listing
from datamake.formats import TEXT, format_of
from datamake.logical import fact
from datamake.model import Written
from datamake.transforms.copy import copied

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from datamake.action import Action, Slot
    from datamake.cache import Cache

NAMED = 10
"""Undeclared files that are named, at most."""


def faults(action: Action) -> list[str]:
    """What is wrong with what an action left behind, a line each.

    A symbolic link to a file or folder of the project is replaced by a copy of it.
    """
    found = [fault_of(slot, action) for slot in action.slots]
    lines = [fault for fault in found if fault]
    if any(slot.output.staged for slot in action.slots):
        left = sorted(undeclared(action))
        if left:
            more = f" and {len(left) - NAMED} more" if len(left) > NAMED else ""
            named = ", ".join(f"`{path}`" for path in left[:NAMED])
            lines.append(f"left what is not declared as its output: {named}{more}")
    return lines


def fault_of(slot: Slot, action: Action) -> str | None:
    """What is wrong with one output, if anything."""
    path, folder = slot.path.rstrip("/"), slot.output.folder
    shown = slot.output.path.rstrip("/") + ("/" if folder else "")
    try:
        mode = os.lstat(path).st_mode
        if S_ISLNK(mode):
            real = os.path.realpath(path)
            mode = os.stat(real).st_mode
            if action.staging and lies_in(real, action.staging):
                return f"`{shown}` is a symbolic link into the staging folder"
            if not lies_in(real, action.env["DATAMAKE_ROOT"]):
                return f"`{shown}` is a symbolic link to what lies outside the project: `{real}`"
            take(real, path)
    except OSError as error:
        if error.errno not in {ENOENT, ENOTDIR}:
            raise
        function = "" if action.call is None else action.call.function.partition(":")[2]
        more = f": `{function}` returned nothing" if function else ""
        return f"did not write `{shown}`{more}"
    if folder and S_ISDIR(mode):
        return None if os.listdir(path) else f"wrote nothing into `{shown}`"
    if folder:
        return f"`{shown}` is declared as a folder, but a file was written"
    if S_ISDIR(mode):
        return f"`{shown}` is declared as a file, but a folder was written: a folder ends in `/`"
    return None if S_ISREG(mode) else f"`{shown}` is not a regular file"


def lies_in(path: str, folder: str) -> bool:
    """Whether an absolute path without links lies under a folder."""
    return path.startswith(os.path.realpath(folder).rstrip("/") + "/")


def take(real: str, link: str) -> None:
    """Put a copy of what a link leads to in its place."""
    copy = sibling(link)
    copied(real, copy)
    os.unlink(link)
    os.rename(copy, link)


def undeclared(action: Action) -> Iterator[str]:
    """What lies in the staging folder and neither is an output nor lies in one."""
    declared = {slot.path.rstrip("/") for slot in action.slots}
    above = {os.path.dirname(path) for path in declared}
    waiting = [action.staging]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.path in above:
                    waiting.append(entry.path)
                elif entry.path not in declared:
                    yield os.path.relpath(entry.path, action.staging)


def held(
    action: Action, outputs: tuple[Written, ...], go_on: Callable[[], None]
) -> tuple[tuple[str, str], ...]:
    """What outputs hold that are a table by their ending, as facts.

    `go_on` is called now and then, and raises what ends it.
    """
    found = []
    for slot, output in zip(action.slots, outputs, strict=True):
        form = format_of(slot.output.path)
        if form is not None and form not in TEXT:
            from datamake.tables.logical import digest_text

            found.append((fact(form, output.digest), digest_text(slot.path, form, go_on)))
    return tuple(found)


def written(action: Action, cache: Cache | None) -> tuple[tuple[Written, ...], bool]:
    """The outputs with their digests, and whether the cache now has all their bytes.

    Raises EnvironmentFailed for what has no digest: a FIFO, a link out of its folder.
    """
    outputs, stored = [], action.cache and cache is not None
    for slot in action.slots:
        path, listing = slot.path.rstrip("/"), None
        try:
            if slot.output.folder:
                listing = fresh_listing(path)
            digest = listing.digest if listing else fresh_digest(path)
        except EnvironmentFailed as error:
            shown = error.headline.replace(path, slot.output.path)
            raise EnvironmentFailed(shown, error.facts, error.hint) from None
        assert digest is not None  # it was there a moment ago
        if slot.output.remote:  # where there are no executables
            digest = digest.rstrip("x")
        outputs.append(Written(slot.output.path, digest, slot.output.name))
        stored = stored and cache is not None and cache.store(path, digest, listing)
    return tuple(outputs), stored
