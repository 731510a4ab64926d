"""Carrying out actions: how each kind of them goes, then what holds for all that succeed.

Knows nothing of targets, records or order. A transform is a module with a function
`execute(action, workshop) -> Outcome`; transfers, which write no outputs, end with a result at once.
"""

from __future__ import annotations

import os
from functools import cached_property
from importlib import import_module
from threading import Lock

from datamake.action import Result
from datamake.errors import DatamakeError, EnvironmentFailed
from datamake.process import GRACE, INTERRUPTED, Keepers, last_lines
from datamake.slots import AT_ONCE
from datamake.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from datamake.action import Action, Fetch
    from datamake.cache import Cache
    from datamake.model import Written
    from datamake.objects import Objects
    from datamake.process import Outcome
    from datamake.remote import Seen
    from datamake.threads import Threads
    from datamake.transforms.tabular import Course

TRANSFORMS = {
    "run": "command",
    "argv": "command",
    "python": "command",
    "copy": "copy",
    "sql": "tabular",
    "standardize": "tabular",
    "query": "tabular",
    "restore": "restore",
}
"""Kind of action → module."""
TRANSFERS = {"fetch": "fetched", "upload": "uploaded"}
"""Kind of action → function of the module `transfer`."""


class Workshop:
    """What it takes to carry out the actions of a build. Threads share it.

    `objects` opens the way to remote objects, where there is one; `grace` is the seconds between
    SIGTERM and SIGKILL.
    """

    def __init__(
        self,
        cache: Cache | None = None,
        objects: Callable[[], Objects] | None = None,
        grace: float = GRACE,
    ) -> None:
        self.cache = cache
        self.objects = objects
        self.keepers = Keepers(grace)
        self.progress: dict[str, dict[str, tuple[int, int | None]]] = {}
        """Target → URL → how many bytes have been transferred, of how many."""
        self.brought: dict[str, Fetch] = {}
        """URL → what was fetched of it, which several sources may have."""
        self.archives: dict[str, Seen] = {}
        """Local copy of an archive → what its store told of it."""
        self.courses: set[Course] = set()
        """What is under way in threads and can be interrupted."""
        self._locks: dict[str, Lock] = {}

    def execute(self, action: Action) -> Result:
        """Carry out an action, look at what it wrote, and store that.

        Raises EnvironmentFailed where the disk is full or cannot be used.
        """
        try:
            if action.kind in TRANSFERS:
                from datamake.transforms import transfer

                result: Result = getattr(transfer, TRANSFERS[action.kind])(action, self)
                return result
            if action.kind == "check":
                from datamake.transforms.checking import examined

                return examined(action, self)
            outcome = self._outcome(action)
            if outcome.error is not None or not (action.slots or action.staging):
                lost = action.kind == "restore" and outcome is not INTERRUPTED
                return Result(
                    action.target,
                    outcome.error,
                    outcome.facts,
                    duration=outcome.duration,
                    lost=lost,
                    environment=outcome.environment,
                )
            return self._finished(action, outcome)
        except FileNotFoundError as error:  # it was there when the action began
            gone = os.path.relpath(os.fsdecode(error.filename), action.env.get("DATAMAKE_ROOT"))
            return Result(action.target, f"`{gone}` was removed while it ran", (), (), 0.0)
        except OSError as error:
            what = (
                f"cannot use `{os.fsdecode(error.filename)}`" if error.filename else "cannot write"
            )
            failure = EnvironmentFailed(what, [error.strerror or str(error)])
        raise failure  # with nothing of the work that failed, which may be large or have to close

    @cached_property
    def transfers(self) -> Threads:
        """The threads that objects come and go in."""
        from datamake.threads import Threads

        return Threads("datamake transfer", AT_ONCE)

    def alone(self, path: str) -> Lock:
        """The lock of a path or URL that several actions may want."""
        return self._locks.setdefault(path, Lock())

    def cancel(self, *, at_once: bool) -> None:
        """Ask all that runs to end, or kill it; what has not started yet never does."""
        self.keepers.end(at_once=at_once)
        for course in tuple(self.courses):
            course.end()

    def close(self) -> None:
        """End what runs, and all that was needed for it."""
        self.keepers.close()

    def _outcome(self, action: Action) -> Outcome:
        transform = import_module(f"datamake.transforms.{TRANSFORMS[action.kind]}")
        if not action.projections:
            outcome: Outcome = transform.execute(action, self)
            return outcome
        from datamake.transforms.projection import with_copies

        return with_copies(action, self, lambda: transform.execute(action, self))

    def _finished(self, action: Action, outcome: Outcome) -> Result:
        from datamake.transforms.outputs import faults, written

        wrong = faults(action)
        if wrong:
            said = last_lines(action.log) if action.argv or action.call else ()
            return Result(action.target, wrong[0], (*wrong[1:], *said), (), outcome.duration)
        try:
            outputs, stored = written(action, self.cache)
            known = self._held(action, outputs) if action.as_tables else ()
        except DatamakeError as error:  # what cannot be digested is the action's work
            facts = (*error.facts, f"hint: {error.hint}") if error.hint else error.facts
            failed = Result(action.target, error.headline, facts, (), outcome.duration)
            return replace(failed, environment=isinstance(error, EnvironmentFailed))
        result = Result(
            action.target,
            None,
            (),
            outputs,
            outcome.duration,
            stored,
            notices=outcome.notices,
            held=known,
        )
        if action.checking is None:
            return result
        from datamake.transforms.checking import checked

        path = action.slots[0].path if action.slots else action.copies[0][1]
        return checked(action, result, path, self)

    def _held(self, action: Action, outputs: tuple[Written, ...]) -> tuple[tuple[str, str], ...]:
        from datamake.transforms.outputs import held
        from datamake.transforms.tabular import Course

        course = Course(action, self)
        with course.timed():
            return held(action, outputs, course.go_on)
