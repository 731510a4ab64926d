"""Copies of tables with the columns that count, for actions that get paths.

Knows nothing of what the action does with them.
"""

from __future__ import annotations

import os

from datamake.formats import format_of
from datamake.moves import remove
from datamake.process import Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from datamake.action import Action


def with_copies(action: Action, execute: Callable[[], Outcome]) -> Outcome:
    """What comes of an action that finds copies of its inputs where it was told."""
    from datamake.tables import TableError
    from datamake.tables.views import opened
    from datamake.tables.writing import Writer

    try:
        for view, path in action.projections:
            table = opened(view)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with Writer(path, table.schema, view.reading.format or format_of(path)) as writer:
                for batch in table.batches():
                    writer.write(batch)
        return execute()
    except TableError as error:
        return Outcome(error.headline, tuple(error.below))
    finally:
        for _, path in action.projections:
            remove(os.path.dirname(os.path.dirname(path)))
