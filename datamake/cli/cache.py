"""`cache gc`, `cache verify`, `cache stats`: the local cache.

Knows nothing of how a cache is laid out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from datamake.cli.declared import Json, QuickGroup, Yes, command, option
from datamake.cli.inspection import answer, open_project, report
from datamake.cli.options import Place
from datamake.cli.statuses import ExitStatus
from datamake.errors import UsageError
from datamake.render import details
from datamake.render.text import clean, counted, size

if TYPE_CHECKING:
    from collections.abc import Callable

app = typer.Typer(cls=QuickGroup, help="Look after the local cache.", rich_markup_mode=None)

MaxSize = Annotated[
    str | None, option("--max-size", metavar="SIZE", text="Shrink it to this (`8GB`).")
]
OlderThan = Annotated[
    str | None, option("--older-than", metavar="TIME", text="What was not used for this (`30d`).")
]
Grace = Annotated[
    str, typer.Option("--grace", metavar="TIME", help="Spare what was used more recently.")
]


@command(app)
def gc(
    place: Place,
    *,
    max_size: MaxSize = None,
    older_than: OlderThan = None,
    grace: Grace = "24h",
    yes: Yes = False,
    json: Json = False,
) -> int:
    """Shrink the cache: by age, then least recently used first.

    It says what would go, and removes it with --yes.
    """
    from datamake import upkeep
    from datamake.datafile import units

    limit = read(max_size, units.size, "--max-size")
    with open_project(place) as project:
        freed = upkeep.cache_gc(
            project,
            max_size=None if limit is None else int(limit),
            older_than=read(older_than, units.seconds, "--older-than"),
            grace=read(grace, units.seconds, "--grace") or 0.0,
            dry=not yes,
        )
    verb, hint = ("removed", "") if yes else ("would remove", "  hint: `--yes` removes\n")
    text = f"{verb} {counted(freed.entries, 'entry')}, {size(freed.size)}; {size(freed.left)} left"
    sizes = {"entries": freed.entries, "size": freed.size, "left": freed.left}
    report({"dry_run": not yes, **sizes}, f"{text}\n{hint}", json=json)
    return ExitStatus.OK


@command(app)
def verify(place: Place, *, json: Json = False) -> int:
    """Read every blob and record again, and drop what is corrupt."""
    from datamake import upkeep

    with open_project(place) as project:
        dropped = upkeep.cache_verify(project)
    text = "".join(f"dropped {clean(key)}\n" for key in dropped)
    text += f"{counted(len(dropped), 'entry')} corrupt\n"
    report({"ok": not dropped, "dropped": dropped}, text, json=json)
    return ExitStatus.FAILED if dropped else ExitStatus.OK


@command(app)
def stats(place: Place, *, json: Json = False) -> int:
    """Show the size of the cache and how often it helped."""
    from datamake import upkeep

    with open_project(place) as project:
        document = upkeep.cache_stats(project)
    return answer({"version": 1, **document}, details.facts_text, json=json)


def read(text: str | None, reader: Callable[[str], float], option: str) -> float | None:
    """A size or time as a number. Raises UsageError."""
    if text is None:
        return None
    try:
        return reader(text)
    except ValueError as error:
        raise UsageError(f"`{option}`: {error}") from error
