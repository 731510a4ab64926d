"""Python functions of the project, each call in a process of its own (`calling.py`).

Knows nothing of outputs.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datamake.model import Action
    from datamake.process import Outcome
    from datamake.transforms import Workshop


def execute(action: Action, workshop: Workshop) -> Outcome:
    """Call the function, under the interpreter that the action names."""
    return workshop.keepers.run(action)
