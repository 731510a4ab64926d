"""The command line: options, one call, one renderer.

Knows nothing of how things are done; it alone prints and ends with an exit status.
"""

from __future__ import annotations

COMMANDS = (
    "build",
    "status",
    "why",
    "ls",
    "show",
    "graph",
    "log",
    "history",
    "check",
    "sql",
    "diff",
    "lock",
    "accept",
    "reproduce",
    "clean",
    "doctor",
    "init",
    "schema",
    "cache",
)
"""Every command, in the order of the help."""


def reference() -> str:
    """The reference page of the command line, as Markdown."""
    from datamake.cli.manual import page

    return page()
