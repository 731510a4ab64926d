"""Tables from tables: queries, standards, and what databases answer.

Knows nothing of formats. All of it goes on in a thread of datamake's own process; what is carried
out can be interrupted from another one.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from threading import Timer

from datamake.errors import DatamakeError, EnvironmentFailed
from datamake.process import Outcome
from datamake.tables import TableError
from datamake.threads import Ending
from datamake.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from datamake.action import Action, Tabular
    from datamake.datafile.standard import Standard
    from datamake.tables.session import Limits
    from datamake.tables.standardize import Outcome as Account
    from datamake.transforms import Workshop


class Course(Ending):
    """An action under way, or a part of it: what ends it, and whether it has taken too long."""

    def __init__(self, action: Action, workshop: Workshop) -> None:
        super().__init__()
        self.action = action
        self.workshop = workshop
        self.late = False

    def _expire(self) -> None:
        self.late = True
        self.end()

    @contextmanager
    def timed(self) -> Iterator[None]:
        """It ends when the workshop does, or its time is over: then the DatamakeError says that."""
        timer = None
        if self.action.timeout is not None:
            timer = Timer(self.action.timeout, self._expire)
            timer.daemon = True
            timer.start()
        self.workshop.courses.add(self)
        if self.workshop.keepers.ending:
            self.end()
        try:
            yield
        except DatamakeError:
            if self.workshop.keepers.ending:
                raise DatamakeError("interrupted") from None
            if self.late:
                raise DatamakeError(f"took longer than {self.action.timeout:g} s") from None
            raise
        finally:
            self.workshop.courses.discard(self)
            if timer is not None:
                timer.cancel()


def execute(action: Action, workshop: Workshop) -> Outcome:
    """Write the table. Raises OSError where that is not its own fault."""
    started = time.monotonic()
    course = Course(action, workshop)
    try:
        with course.timed():
            notices = KINDS[action.kind](action, course)
    except DatamakeError as error:
        duration = time.monotonic() - started
        outside = isinstance(error, EnvironmentFailed)
        headline, *facts = (_as_declared(text, action) for text in (error.headline, *error.below))
        return Outcome(headline, tuple(facts), duration, environment=outside)
    return replace(Outcome(duration=time.monotonic() - started), notices=notices)


def _as_declared(text: str, action: Action) -> str:
    """A message with outputs as they are declared, and not where they are staged."""
    for slot in action.slots:
        text = text.replace(f"`{slot.path}`", f"`{slot.output.path}`")
    return text


def _sql(action: Action, course: Course) -> tuple[str, ...]:
    from datamake.tables.failures import named
    from datamake.tables.queries import run

    work = action.tabular
    assert work is not None
    out = action.slots[0].path
    paths = [path for view in work.views for path in view.paths]
    with named(paths, _declared(action)):
        try:
            run(work.recipe.text, work.views, work.prelude, out, _limits(work, course))
        except TableError as error:
            raise work.recipe.located(error) from error
    return ()


def _declared(action: Action) -> Callable[[str], str]:
    """The path of a file as it is shown: from the project's root, or its URL."""
    urls = action.tabular.urls if action.tabular else {}

    def shown(path: str) -> str:
        above = path
        while above not in urls and above != os.path.dirname(above):
            above = os.path.dirname(above)
        if above in urls:
            return urls[above] + path[len(above) :]
        return os.path.relpath(path, action.env["DATAMAKE_ROOT"])

    return shown


def _standardize(action: Action, course: Course) -> tuple[str, ...]:
    from datamake.tables.standardize import standardize

    work = action.tabular
    assert work is not None
    found = standardize(
        work.recipe,
        work.views,
        [slot.path for slot in action.slots],
        _limits(work, course),
        _declared(action),
    )
    if found.rejected and found.rejected == found.total:
        from datamake.tables.profile import reasons

        raise TableError(
            f"all {found.total:,} rows are wrong" if found.total > 1 else "the one row is wrong",
            reasons(action.slots[1].path),
        )
    return tuple(_left_out(action, work.recipe, found))


def _left_out(action: Action, standard: Standard, found: Account) -> Iterator[str]:
    """What is said of rows that were read and are not in the table."""
    from datamake.tables.checked import printable

    if found.rejected:
        path, verb = action.slots[1].output.path, "is" if found.rejected == 1 else "are"
        yield f"{found.rejected:,} of {found.total:,} rows {verb} in quarantine: {path}"
        yield from (f"  {printable(each)}" for each in found.wrong)
    right = found.total - found.rejected
    if found.rows < right:
        gone, verb = right - found.rows, "was" if right - found.rows == 1 else "were"
        asked = {
            "filter": standard.filter,
            "drop_duplicates": standard.distinct or standard.all_distinct,
        }
        keys = " and ".join(f"`{key}`" for key, said in asked.items() if said)
        yield f"{gone:,} of {right:,} rows {verb} left out by {keys}"


def _query(action: Action, course: Course) -> tuple[str, ...]:
    from datamake.tables.databases import fetch

    work = action.tabular
    assert work is not None
    query = work.recipe
    fetch(query.uri, query.sql, action.slots[0].path, action.cwd, course.interruptible)
    return ()


def _limits(work: Tabular, course: Course) -> Limits:
    from datamake.tables.session import Limits

    return Limits(work.threads, work.memory, work.folder, course)


KINDS = {"sql": _sql, "standardize": _standardize, "query": _query}
