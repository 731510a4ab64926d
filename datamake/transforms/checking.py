"""Whether tables are as their schema and checks have them.

Knows nothing of why they are looked at.
"""

from __future__ import annotations

import os
import time

from datamake.action import Result
from datamake.datafile.checks import referred
from datamake.errors import DatamakeError, EnvironmentFailed
from datamake.formats import Reading
from datamake.model import KEPT
from datamake.moves import room
from datamake.transforms.tabular import Course
from datamake.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datamake.action import Action, Checking
    from datamake.tables.checked import Checked
    from datamake.transforms import Workshop


def examined(action: Action, workshop: Workshop) -> Result:
    """What a table that is there is found to be."""
    started = time.monotonic()
    result = checked(action, Result(action.target), "", workshop)
    if workshop.keepers.ending:
        result = replace(result, error="interrupted")
    return replace(result, duration=time.monotonic() - started)


def checked(action: Action, result: Result, path: str, workshop: Workshop) -> Result:
    """The result of an action whose table is at `path`: failed, if its table is not as it should be."""
    from datamake.tables.checked import told, warnings

    checking = action.checking
    assert checking is not None
    course = Course(action, workshop)
    try:
        with course.timed():
            results = _results(action, checking, path, course)
    except DatamakeError as error:
        outside = isinstance(error, EnvironmentFailed)
        return replace(
            result,
            error=error.headline,
            facts=tuple(error.below),
            outputs=(),
            environment=outside,
        )
    result = replace(result, checked=results, notices=(*result.notices, *warnings(results)))
    if not any(each.failed for each in results):
        return result
    headline, facts = told(results)
    return replace(result, error=headline, facts=tuple(facts), outputs=())


def _results(action: Action, checking: Checking, path: str, course: Course) -> tuple[Checked, ...]:
    from datamake.action import Piece, View
    from datamake.tables.checks import verify
    from datamake.tables.checks.bound import Sights
    from datamake.tables.failures import named
    from datamake.tables.session import Limits
    from datamake.tables.views import opened

    def shown(found: str) -> str:
        if action.slots and found.startswith(path):
            return action.slots[0].output.path + found[len(path) :]
        return os.path.relpath(found, checking.root)

    folder = room(os.path.join(checking.root, KEPT, "tmp"))
    reading = Reading(schema=checking.schema.types) if checking.schema else Reading()
    view = checking.view or View("this", (Piece((path,)),), reading)
    views = (view, *checking.references)
    paths = [path for view in views for path in view.paths]
    with named(paths, shown):
        this = opened(view, course.go_on)
        references = {name: this for name, _ in referred(checking.checks)}  # itself, if no other
        references.update((each.name, opened(each, course.go_on)) for each in checking.references)
        limits = Limits(1, checking.memory, folder, course)
        sights = Sights(references, checking.now, checking.volumes, limits)
        return tuple(verify(this, checking.schema, checking.checks, sights))
