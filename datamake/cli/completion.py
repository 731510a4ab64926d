"""Names for shell completion.

Knows nothing of shells; whatever goes wrong, there are just no names.
"""

from __future__ import annotations

import os

from datamake.cli.opening import opened
from datamake.cli.options import placed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datamake.cli.options import Place


def names(incomplete: str, place: Place) -> list[str]:
    """Targets and whole families of a project that begin with what was typed, each once."""
    try:
        project = opened(placed(place, os.environ))
        try:
            graph = project.graph
            families = [name.partition("[")[0] for name in (*graph.targets, *graph.pending)]
            known = dict.fromkeys((*families, *graph.targets))
        finally:
            project.close()
    except Exception:  # noqa: BLE001 - in the middle of typing nothing else can be said
        return []
    return [name for name in known if name.startswith(incomplete)]
