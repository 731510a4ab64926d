"""Where actions are carried out: the protocol, and the registry of those who keep to it.

Knows nothing of what actions do.
"""

from __future__ import annotations

from importlib import import_module

from datamake.errors import UsageError
from datamake.process import GRACE
from datamake.transforms import Workshop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Protocol

    from datamake.action import Action, Result
    from datamake.cache import Cache
    from datamake.objects import Objects

    class Executor(Protocol):
        """Carries out actions at the same time. One thread uses it."""

        def submit(self, action: Action) -> None:
            """Carry out an action when there is room for it, in the order of submission."""

        def wait(self, timeout: float | None = None) -> list[Result]:
            """What ended since, at least one; empty after `timeout` seconds, or if nothing is open.

            Raises what carrying out an action raised: EnvironmentFailed, or a bug.
            """

        def progress(self) -> Mapping[str, tuple[int, int | None]]:
            """Target → bytes that were transferred so far, and of how many, where that is known."""

        def cancel(self, signal: int) -> None:
            """Ask all that runs to end, or kill it (SIGKILL, or when asked before).

            What was submitted and has not started is interrupted too; `wait` has a result for all.
            """

        def close(self) -> None:
            """Kill what still runs, and free all that was taken."""


EXECUTORS = {"local": "Local"}
"""Kind → class in the module of that name."""


def open_executor(
    kind: str,
    jobs: int,
    cache: Cache | None = None,
    objects: Callable[[], Objects] | None = None,
    grace: float = GRACE,
) -> Executor:
    """The executor of a kind, for so many actions at once; see `Workshop` for the rest."""
    if kind not in EXECUTORS:
        known = ", ".join(f"`{name}`" for name in EXECUTORS)
        raise UsageError(f"there is no executor `{kind}`", [f"there is {known}"])
    module = import_module(f"datamake.executors.{kind}")
    executor: Executor = getattr(module, EXECUTORS[kind])(jobs, Workshop(cache, objects, grace))
    return executor
