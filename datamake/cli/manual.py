"""The reference page of the command line, made from what Typer knows of it.

Knows nothing of where the page goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typer.main import get_command

from datamake.cli.app import PROGRAM, app
from datamake.cli.options import Place
from datamake.cli.statuses import MEANINGS

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFACE = """\
# The command line

`datamake` works in any folder of a project. Without a command it builds; without a Datafile it
shows the help. Standard output is for data, everything else goes to standard error.
"""
VARIABLES = {
    "DATAMAKE_JOBS": "as `--jobs`",
    "DATAMAKE_CACHE": "as `--cache`",
    "DATAMAKE_PROFILE": "as `--profile`",
    "DATAMAKE_OFFLINE": "anything but nothing: as `--offline`",
    "DATAMAKE_NO_PROGRESS": "anything but nothing: as `--no-progress`",
    "DATAMAKE_LOCAL_CACHE": "the folder of the local cache",
    "DATAMAKE_CACHE_KEY": "what entries of the shared cache are signed with",
    "NO_COLOR, FORCE_COLOR": "whether to use colours",
    "CI": "plain lines, and the logs of what failed at the end",
    "GITHUB_ACTIONS": "`::error` lines as well",
    "GITHUB_STEP_SUMMARY": "a file that the summary of a build is appended to",
}


def page() -> str:
    """All commands with their options, the exit statuses and the variables."""
    root = get_command(app)
    lines = [PREFACE, "## Options of every command", "", *options(root)]
    for name, command in commands(root, ""):
        lines += [f"## `{name}`", "", "```sh", usage(name, command), "```", ""]
        lines += [paragraph for text in paragraphs(command) for paragraph in (text, "")]
        lines += options(command, without=Place.__annotations__)
    statuses = [(str(status.value), meaning) for status, meaning in MEANINGS.items()]
    lines += ["## Exit status", "", *table("status", "meaning", statuses), ""]
    variables = [(code(name), meaning) for name, meaning in VARIABLES.items()]
    lines += ["## Variables", "", *table("variable", "meaning", variables)]
    return "\n".join(lines) + "\n"


def commands(group: Any, before: str) -> Iterator[tuple[str, Any]]:
    """Each command below `group` with its words, those of groups after their group."""
    for name, command in group.commands.items():
        yield f"{before}{name}", command
        if hasattr(command, "commands"):
            yield from commands(command, f"{before}{name} ")


def usage(name: str, command: Any) -> str:
    """`datamake build [options] [SELECT...]`."""
    inner = getattr(command, "commands", None)
    words = [PROGRAM, name, "|".join(inner) if inner else "[options]"]
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            several = "..." if parameter.nargs != 1 else ""
            word = f"{parameter.metavar}{several}"
            words.append(word if parameter.required else f"[{word}]")
    return " ".join(words)


def paragraphs(command: Any) -> list[str]:
    """The help of a command, without the first line's indentation."""
    return [" ".join(text.split()) for text in (command.help or "").split("\n\n")]


def options(command: Any, without: Any = ()) -> list[str]:
    """A table of a command's options, or nothing."""
    rows = [
        (spelt(parameter), parameter.help or "")
        for parameter in command.params
        if parameter.param_type_name == "option" and parameter.name not in without
    ]
    return [*table("option", "meaning", rows), ""] if rows else []


def spelt(parameter: Any) -> str:
    """`-j, --jobs N`, as code."""
    names = ", ".join(parameter.opts)
    return code(f"{names} {parameter.metavar}" if parameter.metavar else names)


def code(text: str) -> str:
    """Text as code in a table, where a bar would end the cell."""
    return "`" + text.replace("|", "\\|") + "`"


def table(left: str, right: str, rows: list[tuple[str, str]]) -> list[str]:
    """A Markdown table."""
    return [f"| {left} | {right} |", "| --- | --- |", *(f"| {a} | {b} |" for a, b in rows)]
