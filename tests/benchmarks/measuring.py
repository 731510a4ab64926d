"""Whole processes, measured in turn."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

PASS = [sys.executable, "-c", "pass"]
BUILD = [sys.executable, "-m", "datamake", "build", "-q"]
ENV = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}


def seconds(command, cwd, before=None):
    """Wall and CPU seconds of a command, and its peak memory in MB."""
    if before is not None:
        before()
    start = time.perf_counter()
    with subprocess.Popen(command, cwd=cwd, env=ENV, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} failed with {process.returncode}")
    wall = time.perf_counter() - start
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def medians(rows):
    """The median of each column."""
    return [statistics.median(column) for column in zip(*rows, strict=True)]


def in_turn(runs, *measurements):
    """The medians of several measurements that take turns."""
    found = [[] for _ in measurements]
    for _ in range(runs):
        for rows, measure in zip(found, measurements, strict=True):
            rows.append(measure())
    return [medians(rows) for rows in found]
