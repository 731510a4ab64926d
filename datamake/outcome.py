"""What a caller sees of plans and builds: events, plans and results, as values.

Knows nothing of how they came about.
"""

from __future__ import annotations

from datamake.model import Code, Status
from datamake.values import NOTHING, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from datamake.model import Reason, Written


INTERRUPTED = "interrupted"
"""The error of what was running when the build was stopped."""


@value
class Event:
    """Something that happened in a build, as it happens.

    Kinds: `run-started` (data: `total`), `target-started` (`attempt`, `reasons`), `target-ended`
    (a `TargetResult` as `result`), `waiting` (`for`: held by another build), `retry` (`attempt`,
    `delay`, `error`), `fetch-started` and `fetch-ended` (of a remote source: `duration`, `error`,
    and `size`, the bytes that came, if not from the cache), `grown` (`total`), `tick` (`progress`:
    name → bytes transferred and of how many), `notice` (`message`: a line for people), `run-ended`
    (a `BuildResult` as `result`).
    """

    kind: str
    time: float
    target: str | None = None
    data: Mapping[str, Any] = NOTHING


@value
class PlannedTarget:
    """A target in a plan."""

    name: str
    status: Status
    reasons: tuple[Reason, ...] = ()
    estimate_s: float | None = None
    """Seconds it took before; None where nothing is known."""


@value
class Plan:
    """What a build would do, in the order of running."""

    targets: tuple[PlannedTarget, ...]
    critical_path: tuple[str, ...] = ()
    """The targets whose times add up to the least time the build can take."""
    critical_s: float = 0.0
    total_s: float = 0.0
    """Seconds of all that will or may run, one after the other, where known."""
    notices: tuple[str, ...] = ()

    @property
    def summary(self) -> dict[str, int]:
        """How many targets have each of the statuses of a plan."""
        return counted(self.targets, PLAN_STATUSES)

    @property
    def stale(self) -> bool:
        """Whether anything is to be done; `always` alone does not count."""
        return any(
            target.status is not Status.UP_TO_DATE
            and any(reason.code is not Code.ALWAYS for reason in target.reasons)
            for target in self.targets
        )


@value
class TargetResult:
    """What became of one target in a build."""

    name: str
    status: Status
    present: bool = True
    reasons: tuple[Reason, ...] = ()
    fingerprint: str = ""
    duration_s: float = 0.0
    saved_s: float | None = None
    """Seconds that running it took where it was made, if this build took it from the cache."""
    outputs: tuple[Written, ...] = ()
    error: str | None = None
    facts: tuple[str, ...] = ()
    checks: tuple[Any, ...] = ()
    """What came of its checks: `name`, `kind`, `severity`, `violations`, `rows`, `sample` of each."""
    log: str | None = None
    """Path of its log, from the project root, where it ran."""

    @property
    def checked(self) -> bool:
        """Whether it was up to date but for its checks, and these were carried out."""
        return self.status is Status.UP_TO_DATE and bool(self.reasons)

    @property
    def interrupted(self) -> bool:
        """Whether it failed only because the build was stopped."""
        return self.error == INTERRUPTED


@value
class BuildResult:
    """What became of a build. `targets` is in the order they ended."""

    ok: bool
    exit_code: int
    duration_s: float
    targets: tuple[TargetResult, ...]
    notices: tuple[str, ...] = ()

    @property
    def summary(self) -> dict[str, int]:
        """How many targets have each of the statuses of a build."""
        return counted(self.targets, BUILD_STATUSES)


BUILD_STATUSES = (
    Status.UP_TO_DATE,
    Status.BUILT,
    Status.RESTORED,
    Status.FAILED,
    Status.BLOCKED,
    Status.SKIPPED,
)
PLAN_STATUSES = (Status.UP_TO_DATE, Status.RUN, Status.RESTORE, Status.MAYBE, Status.CHECK)


def counted(
    targets: tuple[PlannedTarget, ...] | tuple[TargetResult, ...], statuses: tuple[Status, ...]
) -> dict[str, int]:
    """How many targets have each status, zeros included."""
    counts = {status.value: 0 for status in statuses}
    for target in targets:
        counts[target.status.value] += 1
    return counts
