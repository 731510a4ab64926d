"""Copies of tables with the columns that count, for actions that get paths.

Knows nothing of what the action does with them.
"""

from __future__ import annotations

import os

from datamake.errors import DatamakeError, EnvironmentFailed
from datamake.formats import format_of
from datamake.moves import remove
from datamake.process import Outcome
from datamake.transforms.tabular import Course

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from datamake.action import Action, View
    from datamake.transforms import Workshop


def with_copies(action: Action, workshop: Workshop, execute: Callable[[], Outcome]) -> Outcome:
    """What comes of an action that finds copies of its inputs where it was told."""
    course = Course(action, workshop)
    try:
        with course.timed():
            for view, path in action.projections:
                _copy(view, path, course.go_on)
        return execute()
    except EnvironmentFailed:
        raise
    except DatamakeError as error:
        return Outcome(error.headline, tuple(error.below))
    finally:
        for _, path in action.projections:
            remove(os.path.dirname(os.path.dirname(path)))


def _copy(view: View, path: str, go_on: Callable[[], None]) -> None:
    from datamake.tables.views import opened
    from datamake.tables.writing import Writer

    table = opened(view, go_on)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with Writer(path, table.schema, view.reading.format or format_of(path)) as writer:
        for batch in table.batches():
            writer.write(batch)
