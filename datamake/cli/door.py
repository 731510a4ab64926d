"""The options of a plain build from its arguments, without Typer.

Knows only the simplest options; for any other arguments it answers None, and Typer reads them.
"""

from __future__ import annotations

from datamake.cli.options import Build, Place, Running, Scope, Talk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

FLAGS = {
    "-k": "keep_going",
    "--keep-going": "keep_going",
    "-B": "always_make",
    "--always-make": "always_make",
    "--force": "force",
    "-q": "quiet",
    "--quiet": "quiet",
    "-v": "verbose",
    "--verbose": "verbose",
    "--no-progress": "no_progress",
    "--json": "json",
}
VALUES = {
    "-j": "jobs",
    "--jobs": "jobs",
    "-C": "directory",
    "--directory": "directory",
    "-f": "file",
    "--file": "file",
    "--profile": "profile",
}
BEFORE_COMMAND = ("directory", "file", "profile")


def plain_build(arguments: Sequence[str]) -> Build | None:
    """The build that `arguments` ask for, or None where they need Typer.

    Taken are a bare command line, `-C`, `-f` and `--profile`, then `build` with names and the
    options of `FLAGS` and `VALUES`, each a word of its own.
    """
    given: dict[str, str | bool] = {}
    names: list[str] = []
    command = False
    words = iter(arguments)
    for word in words:
        if not command and (word == "build" or starts_build(word)):
            command = True
            given = {f"before {key}": item for key, item in given.items()}
            if word == "build":
                continue
        if word in VALUES and (command or VALUES[word] in BEFORE_COMMAND):
            following = next(words, None)
            if following is None or following.startswith("-"):
                return None
            given[VALUES[word]] = following
        elif word in FLAGS and command:
            given[FLAGS[word]] = True
        elif word.startswith("-") or not command or not word:
            return None
        else:
            names.append(word)
    return built(given, tuple(names))


def starts_build(word: str) -> bool:
    """Whether an option in the place of a command is one of `build`, which may then be left out."""
    return word in FLAGS or (word in VALUES and VALUES[word] not in BEFORE_COMMAND)


def built(given: dict[str, str | bool], names: tuple[str, ...]) -> Build:
    """Options by name as a `Build`."""

    def text(key: str) -> str | None:
        found = given.get(key)
        return found if isinstance(found, str) else None

    before = Place(text("before directory"), text("before file"), text("before profile"))
    return Build(
        Place(text("directory"), text("file"), text("profile")).over(before),
        Scope(names=names, always_make="always_make" in given, force="force" in given),
        Running(jobs=text("jobs"), keep_going="keep_going" in given),
        Talk(
            quiet="quiet" in given,
            verbose="verbose" in given,
            no_progress="no_progress" in given,
            json="json" in given,
        ),
    )
