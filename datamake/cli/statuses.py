"""The exit statuses of every command, and what they say.

Knows nothing of commands.
"""

from __future__ import annotations

from enum import IntEnum


class ExitStatus(IntEnum):
    """What a command's exit status says."""

    OK = 0
    FAILED = 1
    WRONG = 2
    STALE = 3
    ENVIRONMENT = 4
    BUG = 70
    INTERRUPTED = 130
    TERMINATED = 143


MEANINGS = {
    ExitStatus.OK: "all is well",
    ExitStatus.FAILED: "a target or a check failed, a locked source has moved; `cache verify` found "
    "something",
    ExitStatus.WRONG: "the Datafile or the arguments are wrong, an input is missing; nothing ran",
    ExitStatus.STALE: "with --exit-code: something is stale",
    ExitStatus.ENVIRONMENT: "the environment failed: disk full, unreachable, package missing, target locked",
    ExitStatus.BUG: "a bug in datamake",
    ExitStatus.INTERRUPTED: "interrupted (Ctrl-C)",
    ExitStatus.TERMINATED: "terminated",
}
