"""The dependency graph for Graphviz.

Knows nothing of targets: it is given nodes and edges, as JSON has them.
"""

from __future__ import annotations

from datamake.render.text import clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

COLOURS = {
    "up-to-date": "#d5e8d4",
    "run": "#ffe6a7",
    "maybe": "#fff6dd",
    "restore": "#dae8fc",
    "check": "#e1d5e7",
}
"""Status → fill, the same in all pictures."""


def dot(document: Mapping[str, Any]) -> str:
    """A `digraph` from left to right, from what is needed to what needs it."""
    lines = ["digraph datamake {", "  rankdir=LR;", '  node [fontname="sans-serif"];']
    lines += [
        f"  {quoted(each['id'])} [{', '.join(attributes(each))}];" for each in document["nodes"]
    ]
    lines += [f"  {quoted(edge['from'])} -> {quoted(edge['to'])};" for edge in document["edges"]]
    return "\n".join([*lines, "}"]) + "\n"


def attributes(each: Mapping[str, Any]) -> list[str]:
    """The look of one target, source or file."""
    found = [f"shape={'note' if each['kind'] in ('file', 'source') else 'box'}"]
    status = each.get("status")
    if status:
        found += ["style=filled", f'fillcolor="{COLOURS.get(status, "#ffffff")}"']
        found.append(f"tooltip={quoted(status)}")
    return found


def quoted(text: str) -> str:
    """A quoted string in DOT, where a backslash would begin an escape."""
    return '"' + clean(text).replace("\\", "\\\\").replace('"', '\\"') + '"'
