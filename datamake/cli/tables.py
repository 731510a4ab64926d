"""`check` and `sql`: what holds of tables, and what they answer.

Knows nothing of how it is found out.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from datamake.cli.declared import Json, Names, command, option
from datamake.cli.inspection import open_project
from datamake.cli.options import Place
from datamake.cli.statuses import ExitStatus
from datamake.cli.streams import out
from datamake.errors import UsageError
from datamake.render import tables
from datamake.render.json import json_text

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = ("table", "csv", "json", "parquet")
Query = Annotated[
    str,
    typer.Argument(
        metavar="QUERY", help="A query of DuckDB; names are tables.", show_default=False
    ),
]
Format = Annotated[str, option("--format", metavar="|".join(FORMATS), text="How to show it.")]


def declare(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for function in (check, sql):
        command(app)(function)


def check(place: Place, names: Names = None, *, json: Json = False) -> int:
    """Check the data that is there, of sources and targets.

    Their schemas, checks and freshness; without names of all that have any.
    """
    with open_project(place) as project:
        document = project.check(tuple(names or ()))
    if json:
        for each in document["checked"]:
            del each["lines"]
    out(json_text(document) if json else tables.checked(document))
    return int(document["exit_code"])


def sql(place: Place, query: Query, *, form: Format = "table") -> int:
    """Ask a query of the data that is there.

    Sources and targets are tables, by their names; what is remote is downloaded where it is named.
    """
    from datamake import data

    if form not in FORMATS:
        known = ", ".join(f"`{each}`" for each in FORMATS)
        raise UsageError(f"`{form}` is no format of an answer", [f"known: {known}"])
    if form == "parquet" and sys.stdout.isatty():
        raise UsageError("a terminal cannot show Parquet", hint="write it into a file with `>`")
    with open_project(place) as project, data.answer(project.space, query) as rows:
        if rows is not None:
            _print(rows, form)
    return ExitStatus.OK


def _print(rows: pa.RecordBatchReader, form: str) -> None:
    if form == "table":
        out(tables.grid(rows))
    elif form == "json":
        out(json_text(tables.document(rows)))
    else:
        sys.stdout.flush()
        tables.write(rows, form, sys.stdout.buffer)
