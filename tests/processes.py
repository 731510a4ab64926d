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


def soon(claim, seconds=5.0):
    """Whether a claim comes true."""
    end = time.monotonic() + seconds
    while not claim():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
