"""Outputs out of the cache.

Knows nothing of how they once came about.
"""

from __future__ import annotations

import time

from datamake.process import INTERRUPTED, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datamake.action import Action
    from datamake.transforms import Workshop


def execute(action: Action, workshop: Workshop) -> Outcome:
    """Make each path of `copies` (digest → path) what the cache has under its digest."""
    started = time.monotonic()
    for digest, path in action.copies:
        if workshop.keepers.ending:
            return INTERRUPTED
        if workshop.cache is None or not workshop.cache.restore(digest, path):
            return Outcome("its content is not in the cache any more")
    return Outcome(duration=time.monotonic() - started)
