"""`init` and `schema`: what one needs before there is a project.

Knows nothing of projects.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

from datamake.cli.declared import command, option
from datamake.cli.examples import EXAMPLES
from datamake.cli.opening import entered
from datamake.cli.options import Place
from datamake.cli.statuses import ExitStatus
from datamake.cli.streams import out, say
from datamake.errors import UsageError
from datamake.render.json import json_text

if TYPE_CHECKING:
    import typer

Example = Annotated[
    str,
    option(
        "--example",
        text="What to start from.",
        metavar="|".join(EXAMPLES),
        autocompletion=lambda: list(EXAMPLES),
    ),
]


def declare(app: typer.Typer) -> None:
    """Add the commands of this module."""
    command(app)(init)
    command(app)(schema)


def init(place: Place, *, example: Example = "start") -> int:
    """Write a Datafile to start from.

    It builds at once. Nothing is overwritten.
    """
    files = EXAMPLES.get(example)
    if files is None:
        known = ", ".join(f"`{name}`" for name in EXAMPLES)
        raise UsageError(f"there is no example `{example}`", [f"known: {known}"])
    entered(place)
    present = [path for path in files if os.path.lexists(path)]
    if present:
        raise UsageError("these files are there already, nothing was written", present)
    for path, text in files.items():
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
        say(f"wrote {path}\n")
    say("`datamake` builds it\n")
    return ExitStatus.OK


def schema() -> int:
    """Print the JSON Schema of the Datafile."""
    from datamake.datafile.keys import json_schema

    out(json_text(json_schema()))
    return ExitStatus.OK
