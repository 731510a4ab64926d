"""Removes byte code by which Python would run a module as it was before its last edit.

Knows nothing of who imports it. Python trusts byte code by its source's size and time in whole
seconds, hence also after an edit that keeps both; the time of the byte code itself tells more. What
is kept elsewhere (`PYTHONPYCACHEPREFIX`) is out of sight.
"""

from __future__ import annotations

import os


def forget_outdated(source: str) -> None:
    """Remove the byte code of a module (`.py`) that is not younger than the last change to it."""
    folder, name = os.path.split(source)
    kept = os.path.join(folder, "__pycache__")
    try:
        changed = os.stat(source).st_ctime_ns
        for each in os.listdir(kept):
            path = os.path.join(kept, each)
            if each.startswith(name[:-2]) and os.stat(path).st_mtime_ns <= changed:
                os.unlink(path)
    except OSError:  # there is none, or it is not ours to remove
        return
