"""Looking at what runs, for tests of what must not."""

from __future__ import annotations

import os
import sys
import time

import pytest

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")


def marked(mark):
    """The processes that have `mark` in their environment and have not ended."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if mark.encode() in file.read():
                    found.append(int(pid))
        except OSError:
            continue
    return found


def soon(claim):
    """Whether a claim comes true, on a busy machine as well."""
    end = time.monotonic() + 60
    while not claim():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def limited(attempt, begun):
    """What came of `attempt(seconds)`, with the first limit that let it write the file `begun`."""
    for seconds in (0.3, 3.0, 30.0):
        outcome = attempt(seconds)
        if begun.exists():
            return outcome
    raise AssertionError(begun)
