"""The end of a target's log, fit to be shown.

Knows nothing of what wrote it.
"""

from __future__ import annotations

import os
import re

from datamake.render.plain import Tail

READ = 256 * 1024
"""Bytes from the end that are looked at."""
ESCAPES = r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[@-Z\\^_])"
"""Of terminals: colours, cursor, titles."""


def tail(root: str, log: str, most: int) -> Tail:
    """The last `most` lines of the log at `log`, a path from the folder `root`."""
    path = os.path.join(root, log)
    shown = os.path.relpath(path)
    if not most:
        return Tail(shown)
    try:
        with open(path, "rb") as file:
            length = file.seek(0, os.SEEK_END)
            file.seek(max(0, length - READ))
            text = file.read().decode(errors="replace")
    except OSError:
        return Tail(shown)
    lines = [visible(line) for line in text.rstrip().split("\n")] if text.strip() else []
    return Tail(shown, tuple(lines[-most:]), length > READ or len(lines) > most)


def visible(line: str) -> str:
    """A line as a terminal would leave it: no colours, and of a progress bar its last state."""
    return re.sub(ESCAPES, "", line.rstrip("\r")).rpartition("\r")[2]
