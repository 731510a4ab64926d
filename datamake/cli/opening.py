"""From a place to an open project.

Knows nothing of what is then done with it.
"""

from __future__ import annotations

import os

from datamake.cli import COMMANDS
from datamake.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from datamake.cli.options import Place
    from datamake.project import Project

DATAFILE = "Datafile.toml"


def opened(place: Place) -> Project:
    """The project that is meant; the working directory is then that of `-C`."""
    from datamake.project import load

    entered(place)
    return load(place.file or ".", profile=place.profile, params=params(place.settings))


def entered(place: Place) -> None:
    """Go to the folder of `-C`."""
    if place.directory is None:
        return
    try:
        os.chdir(place.directory)
    except OSError as error:
        text = f"{place.directory}: {str(error.strerror).lower()}"
        raise UsageError(text, hint="`-C` takes the folder to start in") from error


def as_commands(error: UsageError, names: Sequence[str]) -> UsageError:
    """What is wrong with a selection, with a hint where a name in it is that of a command."""
    for name in names:
        if name in COMMANDS and error.headline.startswith(f"`{name}` is no target"):
            hint = f"`{name}` is a command, which stands first: its options come after it"
            return UsageError(error.headline, error.facts, hint)
    return error


def params(settings: Sequence[str]) -> dict[str, Any]:
    """Params by name; the last of several wins. A value that is no TOML is a string."""
    found = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"`--set` takes `KEY=VALUE`, not `{setting}`")
        found[name.strip()] = text
    return found


def has_datafile(folder: str) -> bool:
    """Whether a folder or one above it has a Datafile."""
    while not os.path.exists(os.path.join(folder, DATAFILE)):
        folder, below = os.path.dirname(folder), folder
        if folder == below:
            return False
    return True
