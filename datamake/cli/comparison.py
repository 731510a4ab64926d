"""`diff`: what has changed in the data of a target.

Knows nothing of how it is found; the answer is a document, shown as text, or as a page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from datamake.cli.declared import Name, command, option
from datamake.cli.inspection import open_project
from datamake.cli.options import Place
from datamake.cli.statuses import ExitStatus
from datamake.cli.streams import out
from datamake.errors import UsageError
from datamake.render.json import json_text

if TYPE_CHECKING:
    import typer

FORMATS = ("text", "markdown", "json", "html")
Against = Annotated[
    str | None,
    option(
        "--against",
        metavar="REV|RUN|FILE",
        text="A revision of git, a run of `history`, or a file; else the build before.",
    ),
]
Key = Annotated[
    list[str] | None,
    option("--key", metavar="COLUMNS", text="Columns that tell rows apart, as in `id` or `a,b`."),
]
Format = Annotated[str, option("--format", metavar="|".join(FORMATS), text="How to show it.")]


def declare(app: typer.Typer) -> None:
    """Add the command of this module."""
    command(app)(diff)


def diff(
    place: Place,
    name: Name,
    *,
    against: Against = None,
    key: Key = None,
    form: Format = "text",
) -> int:
    """Show what has changed in the data of a target.

    Its columns, rows and statistics; with --key which rows were added, removed and changed. It is
    compared with what it was before its last build, or with what --against says.
    """
    from datamake.render import difference

    if form not in FORMATS:
        known = ", ".join(f"`{each}`" for each in FORMATS)
        raise UsageError(f"`{form}` is no format of a difference", [f"known: {known}"])
    shown = {"text": difference.text, "markdown": difference.markdown, "html": difference.html}
    columns = [each.strip() for text in key or () for each in text.split(",")]
    with open_project(place) as project:
        document = project.diff(name, against, key=columns)
    out(shown.get(form, json_text)(document))
    return ExitStatus.OK
