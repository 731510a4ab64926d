"""The dependency graph for Mermaid, as GitHub shows it in Markdown.

Knows nothing of targets: it is given nodes and edges, as JSON has them.
"""

from __future__ import annotations

from datamake.render.dot import COLOURS
from datamake.render.text import clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def mermaid(document: Mapping[str, Any]) -> str:
    """A flowchart from left to right; its ids are numbers, since names may hold anything."""
    ids = {each["id"]: f"n{number}" for number, each in enumerate(document["nodes"])}
    lines = ["flowchart LR"]
    for each in document["nodes"]:
        opening, closing = ("([", "])") if each["kind"] in ("file", "source") else ("[", "]")
        shape = f"{opening}{quoted(each['id'])}{closing}"
        lines.append(f"  {ids[each['id']]}{shape}{class_of(each)}")
    lines += [f"  {ids[edge['from']]} --> {ids[edge['to']]}" for edge in document["edges"]]
    used = {each["status"] for each in document["nodes"] if each.get("status")}
    lines += [
        f"  classDef {status} fill:{colour},color:#000"
        for status, colour in COLOURS.items()
        if status in used
    ]
    return "\n".join(lines) + "\n"


def class_of(each: Mapping[str, Any]) -> str:
    """`:::run` where a status is known."""
    return f":::{each['status']}" if each.get("status") in COLOURS else ""


def quoted(text: str) -> str:
    """A label: what Mermaid or HTML would read as markup is written as an entity."""
    escaped = "".join(f"#{ord(c)};" if c in '"#&<>`\\' else c for c in clean(text))
    return f'"{escaped}"'
