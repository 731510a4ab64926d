"""`cache push`, `pull`, `gc`, `verify`, `stats`: the local cache and the shared one.

Knows nothing of how a cache is laid out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from datamake.cli.declared import Json, Names, QuickGroup, Yes, command, option
from datamake.cli.inspection import answer, open_project, report
from datamake.cli.options import Limits, Place
from datamake.cli.statuses import ExitStatus
from datamake.errors import UsageError
from datamake.render import details
from datamake.render.text import clean, counted, size

if TYPE_CHECKING:
    from collections.abc import Callable

    from datamake.sharing import Moved

app = typer.Typer(
    cls=QuickGroup, help="Look after the local cache and the shared one.", rich_markup_mode=None
)

Remote = Annotated[bool, option("--remote", text="The shared cache, not the local one.")]


@command(app)
def push(place: Place, names: Names = None, *, json: Json = False) -> int:
    """Share what the local cache has of these targets, or of all, as they were last built.

    Builds do so by themselves.
    """
    from datamake import sharing

    with open_project(place) as project:
        moved = sharing.push(project, tuple(names or ()))
    return told(moved, "pushed", json=json)


@command(app)
def pull(place: Place, names: Names = None, *, json: Json = False) -> int:
    """Bring the bytes of these targets, or of all, into the local cache.

    Builds do so by themselves, with what they need. No output is touched.
    """
    from datamake import sharing

    with open_project(place) as project:
        moved = sharing.pull(project, tuple(names or ()))
    return told(moved, "pulled", json=json)


def told(moved: Moved, verb: str, *, json: bool) -> int:
    """Say how many targets were moved."""
    absent = f", {counted(len(moved.absent), 'target')} not in the cache" if moved.absent else ""
    text = f"{verb} {counted(len(moved.names), 'target')}{absent}\n"
    report({verb: moved.names, "absent": moved.absent}, text, json=json)
    return ExitStatus.OK


@command(app)
def gc(
    place: Place,
    limits: Limits,
    *,
    remote: Remote = False,
    yes: Yes = False,
    json: Json = False,
) -> int:
    """Shrink the cache: by age, then least recently used first.

    It says what would go, and removes it with --yes. Of the shared one also the bytes go that no
    record needs.
    """
    from datamake import sharing, upkeep
    from datamake.datafile import units

    limit = read(limits.max_size, units.size, "--max-size")
    with open_project(place) as project:
        freed = (sharing.gc if remote else upkeep.cache_gc)(
            project,
            max_size=None if limit is None else int(limit),
            older_than=read(limits.older_than, units.seconds, "--older-than"),
            grace=read(limits.grace, units.seconds, "--grace") or 0.0,
            dry=not yes,
        )
    verb, hint = ("removed", "") if yes else ("would remove", "  hint: `--yes` removes\n")
    entries = freed.entries + getattr(freed, "blobs", 0)
    text = f"{verb} {counted(entries, 'entry')}, {size(freed.size)}; {size(freed.left)} left"
    sizes = {"entries": entries, "size": freed.size, "left": freed.left}
    waiting = getattr(freed, "waiting", 0)
    if waiting:
        text += f", of it {size(waiting)} that nothing needs any more, for a later `gc`"
        sizes["waiting"] = waiting
    report({"dry_run": not yes, **sizes}, f"{text}\n{hint}", json=json)
    return ExitStatus.OK


@command(app)
def verify(place: Place, *, remote: Remote = False, json: Json = False) -> int:
    """Read every blob and record again, and drop what is corrupt."""
    from datamake import sharing, upkeep

    with open_project(place) as project:
        dropped = sharing.verify(project) if remote else upkeep.cache_verify(project)
    text = "".join(f"dropped {clean(key)}\n" for key in dropped)
    text += f"{counted(len(dropped), 'entry')} corrupt\n"
    report({"ok": not dropped, "dropped": dropped}, text, json=json)
    return ExitStatus.FAILED if dropped else ExitStatus.OK


@command(app)
def stats(place: Place, *, remote: Remote = False, json: Json = False) -> int:
    """Show the size of the cache and, of the local one, how often it helped and why it did not."""
    from datamake import sharing, upkeep

    with open_project(place) as project:
        document = sharing.stats(project) if remote else upkeep.cache_stats(project)
    return answer({"version": 1, **document}, details.facts_text, json=json)


def read(text: str | None, reader: Callable[[str], float], option: str) -> float | None:
    """A size or time as a number. Raises UsageError."""
    if text is None:
        return None
    try:
        return reader(text)
    except ValueError as error:
        raise UsageError(f"`{option}`: {error}") from error
