"""The dependency graph as an indented outline for a terminal.

Knows nothing of targets: it is given nodes and edges, as JSON has them.
"""

from __future__ import annotations

from datamake.render.text import clean
from datamake.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Document = Mapping[str, Any]

DEEPEST = 60
"""Columns of indentation."""


@value
class Family:
    """A target with all its instances, or one plain target, source or file."""

    name: str
    kind: str
    members: tuple[Mapping[str, Any], ...]

    @property
    def label(self) -> str:
        """`clean[*] (12)`, and the statuses where they are known."""
        number = f" ({len(self.members):,})" if len(self.members) > 1 else ""
        statuses: dict[str, int] = {}
        for member in self.members:
            if member.get("status"):
                statuses[member["status"]] = statuses.get(member["status"], 0) + 1
        said = ", ".join(
            status if len(self.members) == 1 else f"{count:,} {status}"
            for status, count in statuses.items()
        )
        return clean(self.name) + number + (f"  {said}" if said else "")


def folded(document: Document) -> tuple[dict[str, Family], dict[str, list[str]]]:
    """The families of a graph by name, and what each needs, in the order of the document."""
    members: dict[str, list[Mapping[str, Any]]] = {}
    family_of: dict[str, str] = {}
    for each in document["nodes"]:
        name, bracket, _ = each["id"].partition("[")
        family = f"{name}[*]" if bracket and is_target(each) else each["id"]
        family_of[each["id"]] = family
        members.setdefault(family, []).append(each)
    needs: dict[str, dict[str, None]] = {family: {} for family in members}
    for edge in document["edges"]:
        below, above = family_of[edge["to"]], family_of[edge["from"]]
        if below != above:
            needs[below][above] = None
    families = {
        name: Family(name if len(found) > 1 else found[0]["id"], found[0]["kind"], tuple(found))
        for name, found in members.items()
    }
    return families, {name: list(above) for name, above in needs.items()}


def is_target(each: Mapping[str, Any]) -> bool:
    """Whether a name's brackets are those of an instance, not part of a path."""
    return each["kind"] not in ("file", "path", "folder", "source")


def outline(document: Document) -> str:
    """What nothing needs comes first, and under each what it needs.

    What was said is not said again (`above`), and what is very deep starts anew at the margin
    (`below`).
    """
    families, needs = folded(document)
    used = {above for found in needs.values() for above in found}
    lines: list[str] = []
    seen: set[str] = set()
    pending = [(name, "", "") for name in reversed(families) if name not in used]
    while pending:
        name, first, rest = pending.pop()
        remark = ""
        if name in seen and needs[name]:
            remark = "  (above)"
        elif len(rest) > DEEPEST and needs[name]:
            remark = "  (below)"
            pending.insert(0, (name, "", ""))
        lines.append(first + families[name].label + remark)
        if remark:
            continue
        seen.add(name)
        for position, above in enumerate(reversed(needs[name])):
            branch, bar = ("└─ ", "   ") if position == 0 else ("├─ ", "│  ")
            pending.append((above, rest + branch, rest + bar))
    return "".join(line + "\n" for line in lines)
