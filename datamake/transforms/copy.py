"""Copies of files and folders.

Knows nothing of what they hold.
"""

from __future__ import annotations

import os
import time
from errno import EINVAL
from stat import S_ISDIR, S_ISLNK, S_ISREG

from datamake.clone import FULL, copy
from datamake.process import INTERRUPTED, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datamake.action import Action
    from datamake.transforms import Workshop


def execute(action: Action, workshop: Workshop) -> Outcome:
    """Copy each file or folder to where nothing is yet. Raises OSError where the disk is full."""
    started = time.monotonic()
    for source, target in action.copies:
        if workshop.keepers.ending:
            return INTERRUPTED
        try:
            copied(source, target)
        except OSError as error:
            if error.errno in FULL:
                raise
            shown = os.path.relpath(source, action.cwd)
            return Outcome(f"cannot copy `{shown}`: {error.strerror}")
    return Outcome(duration=time.monotonic() - started)


def copied(source: str, target: str) -> None:
    """Copy a file, or a folder with all that is in it; links in it stay links. Raises OSError."""
    mode = os.stat(source).st_mode
    waiting = [(source.rstrip("/"), target.rstrip("/"), mode)]
    while waiting:
        source, target, mode = waiting.pop()
        if S_ISDIR(mode):
            os.makedirs(target, exist_ok=True)
            with os.scandir(source) as entries:
                waiting += [
                    (
                        entry.path,
                        f"{target}/{entry.name}",
                        entry.stat(follow_symlinks=False).st_mode,
                    )
                    for entry in entries
                ]
        elif S_ISLNK(mode):
            os.symlink(os.readlink(source), target)
        elif S_ISREG(mode):
            copy(source, target)
        else:
            raise OSError(EINVAL, "not a regular file", source)
