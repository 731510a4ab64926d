"""The whole command line, by Typer.

Knows each command's name and nothing of what it does.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.main import get_command

from datamake import __version__
from datamake.cli import build, cache, comparison, inspection, lock, start, tables, upkeep
from datamake.cli.declared import EPILOG, FIELDS, QuickGroup
from datamake.cli.failures import guarded, reported
from datamake.cli.opening import has_datafile, opened
from datamake.cli.options import Build, Place, with_environment
from datamake.cli.running import run_build
from datamake.cli.statuses import ExitStatus
from datamake.cli.streams import out, say
from datamake.datafile.shapes import nearest
from datamake.errors import DatamakeError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM = "datamake"
"""Also decides the variable of shell completion, `_DATAMAKE_COMPLETE`."""
PLACE_OPTIONS = ("-C", "--directory", "-f", "--file", "--profile", "--set")
ROOT_FLAGS = ("-h", "--help", "--version", "--install-completion", "--show-completion")
NO_DATAFILE = "no Datafile.toml here or above; `datamake init` writes one to start from\n"

NO_COMMAND = re.compile(r"No such command `(.*)`\.?$")
REMOVES = "clean"
"""The command that nobody should be led to by a slip in the name of a target."""

WRONG_ARGUMENTS: Any = typer.BadParameter.__mro__[2]
"""`ClickException`, wherever this version of Typer has it."""

app = typer.Typer(
    name=PROGRAM,
    cls=QuickGroup,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def version(wanted: bool) -> None:
    """Print the version and nothing else."""
    if wanted:
        out(f"{PROGRAM} {__version__}\n")
        raise typer.Exit


@app.callback(invoke_without_command=True, epilog=EPILOG)
def root(
    context: typer.Context,
    *,
    directory: Annotated[str | None, FIELDS["directory"][1]] = None,
    file: Annotated[str | None, FIELDS["file"][1]] = None,
    profile: Annotated[str | None, FIELDS["profile"][1]] = None,
    settings: Annotated[list[str] | None, FIELDS["settings"][1]] = None,
    _version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=version, is_eager=True),
    ] = False,
) -> None:
    """Make for data: brings what is declared in Datafile.toml up to date.

    Without a command it builds. The options below work before and after any command.
    """
    context.obj = Place(directory, file, profile, tuple(settings or ()))
    if context.invoked_subcommand is not None:
        return
    if directory is None and file is None and not has_datafile(os.getcwd()):
        say(context.get_help() + "\n\n" + NO_DATAFILE)
        raise typer.Exit(ExitStatus.WRONG)
    status = run_build(with_environment(Build(context.obj), os.environ))
    raise typer.Exit(status)


for declare in (
    build.declare,
    inspection.declare,
    tables.declare,
    comparison.declare,
    lock.declare,
    upkeep.declare,
    start.declare,
):
    declare(app)
app.add_typer(cache.app, name="cache")


def main(arguments: Sequence[str]) -> int:
    """Carry out a command line and answer its exit status."""
    json = "--json" in arguments
    return guarded(lambda: carried_out(with_command(arguments), json=json), json=json)


def carried_out(arguments: Sequence[str], *, json: bool) -> int:
    """The exit status of a command line that Typer reads."""
    try:
        status: Any = get_command(app).main(
            list(arguments), prog_name=PROGRAM, standalone_mode=False
        )
    except typer.Abort:
        return ExitStatus.INTERRUPTED
    except WRONG_ARGUMENTS as error:
        return reported(wrong_arguments(error), json=json)
    return status if isinstance(status, int) else ExitStatus.OK


def wrong_arguments(error: Any) -> UsageError:
    """What Typer has to say, in datamake's words."""
    text = str(error.format_message()).strip().replace("'", "`")
    headline, _, more = text.partition(". ")
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else PROGRAM
    hint = more[:1].lower() + more[1:] or f"`{path} --help` lists what there is"
    word = NO_COMMAND.match(headline)
    if word and context is not None and (not more or f"`{REMOVES}`" in more):
        hint = target_meant(word[1], context) or hint
    return UsageError(headline[:1].lower() + headline[1:].rstrip("."), hint=hint)


def target_meant(word: str, context: Any) -> str:
    """The hint at the target that was meant in place of a command, `""` for none."""
    keys = ("directory", "file", "profile", "settings")
    given = {key: context.params.get(key) for key in keys}
    try:
        with opened(Place(**{**given, "settings": tuple(given["settings"] or ())})) as project:
            near = nearest(word, project.spec.targets)
    except DatamakeError:
        return ""
    return f"did you mean `{PROGRAM} build {near}`?" if near else ""


def with_command(arguments: Sequence[str]) -> list[str]:
    """Arguments with `build` put before an option of its own that stands in a command's place."""
    found = list(arguments)
    position = 0
    while position < len(found) and found[position].partition("=")[0] in PLACE_OPTIONS:
        position += 1 if "=" in found[position] else 2
    if position < len(found) and is_of_build(found[position]):
        found.insert(position, "build")
    return found


def is_of_build(word: str) -> bool:
    """Whether a word is an option, and none that stands before a command."""
    before = word in ROOT_FLAGS or (word[:2] in PLACE_OPTIONS and not word.startswith("--"))
    return word.startswith("-") and not before
