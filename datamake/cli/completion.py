"""Names for shell completion.

Knows nothing of shells; whatever goes wrong, there are just no names.
"""

from __future__ import annotations


def names(incomplete: str) -> list[str]:
    """Targets and whole families of the project at hand that begin with what was typed."""
    from datamake.project import load

    try:
        project = load(".")
        try:
            known = [*project.graph.targets, *project.graph.pending]
        finally:
            project.close()
    except Exception:  # noqa: BLE001 - in the middle of typing nothing else can be said
        return []
    families = {name.partition("[")[0]: None for name in known}
    return [name for name in (*families, *known) if name.startswith(incomplete)]
