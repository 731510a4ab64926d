"""What is said, and which exit status is given, when a command cannot do what it was asked.

Knows nothing of any command.
"""

from __future__ import annotations

import errno
import os

from datamake.cli.statuses import ExitStatus
from datamake.cli.streams import coloured, out, say
from datamake.errors import DatafileError, DatamakeError, EnvironmentFailed, Interrupted, Problem
from datamake.render.text import clean_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

ENVIRONMENT = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
    errno.ESTALE,
    errno.EISDIR,
    errno.ENOTDIR,
    errno.ELOOP,
}
"""Errors of the operating system that are no fault of datamake's."""


def guarded(command: Callable[[], int], *, json: bool) -> int:
    """The exit status of `command`, whatever comes of it; `json` puts errors on standard output."""
    try:
        return command()
    except KeyboardInterrupt:
        return reported(Interrupted(2), json=json)
    except DatamakeError as error:
        return reported(error, json=json)
    except OSError as error:
        if error.errno not in ENVIRONMENT:
            return bug(error, json=json)
        where = f"{os.fsdecode(error.filename)}: " if error.filename is not None else ""
        return reported(EnvironmentFailed(f"{where}{str(error.strerror).lower()}"), json=json)
    except ImportError as error:
        package = (error.name or "datamake").partition(".")[0]
        if package == "datamake":
            return bug(error, json=json)
        hint = f"install it anew: `pip install --force-reinstall {package}`"
        headline = f"the package `{package}` cannot be imported"
        return reported(EnvironmentFailed(headline, [str(error)], hint), json=json)
    except Exception as error:  # noqa: BLE001 - a traceback is for a file, not for a terminal
        return bug(error, json=json)


def reported(error: DatamakeError, *, json: bool) -> int:
    """Say what is wrong and answer its exit status."""
    if json:
        from datamake.render.json import error_document, json_text

        out(json_text(error_document(error)))
    elif isinstance(error, Interrupted):
        say(f"{error}\n")
    else:
        problems = error.problems if isinstance(error, DatafileError) else (error,)
        say("".join(map(told, problems)))
    return error.exit_code


def told(problem: Problem | DatamakeError) -> str:
    """What is wrong, headed by its place in a Datafile or, where it has none, by `error`."""
    head = "" if isinstance(problem, Problem) and problem.place else f"{coloured('error', '31')}: "
    return f"{head}{clean_lines(str(problem))}\n"


def bug(error: BaseException, *, json: bool) -> int:
    """One line for what should not have happened, and its traceback in a file."""
    headline = f"bug in datamake: {type(error).__name__}: {error}".replace("\n", " ")
    return reported(Bug(f"{headline}; the full trace is in {trace_file(error)}"), json=json)


def trace_file(error: BaseException) -> str:
    """Path of a new file with the traceback: in the project's `.datamake`, else a temporary one."""
    import sys
    import tempfile
    import traceback

    lines = traceback.format_exception(type(error), error, error.__traceback__)
    folder = kept_folder(os.getcwd())
    for place in (folder, None):
        try:
            handle, path = tempfile.mkstemp(".txt", "bug-", place)
        except OSError:
            continue
        with os.fdopen(handle, "w", errors="backslashreplace") as file:
            file.write(f"{sys.argv}\n{sys.version}\n{''.join(lines)}")
        return path
    return "no file: none could be written"


def kept_folder(folder: str) -> str | None:
    """The `.datamake` of the nearest folder upwards that has one."""
    while not os.path.isdir(os.path.join(folder, ".datamake")):
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent
    return os.path.join(folder, ".datamake")


class Bug(DatamakeError):
    """Something that should not have happened."""

    exit_code = ExitStatus.BUG
