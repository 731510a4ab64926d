"""What the instances of a foreach, found during a build, have changed in a graph.

Knows nothing of the graph itself.
"""

from __future__ import annotations

from datamake.values import NOTHING, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


@value
class Growth:
    """What the instances of a foreach have changed."""

    added: tuple[str, ...] = ()
    """The new targets."""
    relinked: tuple[str, ...] = ()
    """The targets, and instances yet unknown, that waited for them: what they need has changed."""
    problems: Mapping[str, str] = NOTHING
    """Target → what is wrong with it."""
