"""Past runs: what became of targets in them, what they made, and how long targets take.

Knows nothing of why. A part of `state`, and like it kept in memory until it is written.
"""

from __future__ import annotations

import os

from datamake.database import loaded, stored
from datamake.model import Status, Written
from datamake.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from datamake.database import Change, Database, Row

KEPT_RUNS = 1_000
RESULTS = (
    "SELECT results.*, outputs FROM runs JOIN results USING (run)"
    " LEFT JOIN made USING (run, target)"
)
SWEPT_EVERY = 100
"""Runs after which what has grown old in the state is forgotten."""


@value
class Run:
    """A past run. `duration` and `exit_code` are None for one that did not come to its end."""

    run: int
    time: float
    duration: float | None
    summary: Mapping[str, int]
    exit_code: int | None


@value
class TargetRun:
    """What became of a target in a past run; `reason` is a reason code or `""`."""

    run: int
    target: str
    status: str
    started: float
    duration: float
    fingerprint: str
    reason: str = ""
    detail: str = ""
    facts: tuple[str, ...] = ()
    """What more there is to say of a failure."""
    outputs: tuple[Written, ...] = ()


class History:
    """Past runs, what became of targets in them, and how long targets take."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._results: list[Row] = []
        self._made: list[Row] = []
        self._durations: list[Row] = []
        self._ends: list[Row] = []
        self.sweep_due = False

    def start_run(self, time: float) -> int:
        """The number of a run that begins now; 0 where the state is only read."""
        if self._database.readonly:
            return 0
        return self._database.insert("INSERT INTO runs (time) VALUES (?)", (time,))

    def add(self, result: TargetRun) -> None:
        """Note what became of a target. The duration of one that was built counts as expected."""
        self._results.append(
            (
                result.run,
                stored(result.target),
                result.status,
                result.started,
                result.duration,
                result.fingerprint,
                result.reason,
                stored("\0".join((result.detail, *result.facts))),
            )
        )
        if result.outputs:
            self._made.append((result.run, stored(result.target), packed_outputs(result.outputs)))
        if result.status == Status.BUILT:
            self._durations.append((stored(result.target), result.duration))

    def end_run(
        self, run: int, duration: float, summary: Mapping[str, int], exit_code: int
    ) -> None:
        """Note how a run ended."""
        counts = " ".join(f"{status}={count}" for status, count in summary.items())
        self._ends.append((duration, counts, exit_code, run))
        self.sweep_due = run % SWEPT_EVERY == 0

    def changes(self) -> list[Change]:
        """What is new since this was last asked; runs that are too old go."""
        old = [(end[-1] - KEPT_RUNS,) for end in self._ends]
        changes: list[Change] = [
            ("REPLACE INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?)", self._results),
            ("REPLACE INTO made VALUES (?, ?, ?)", self._made),
            ("REPLACE INTO durations VALUES (?, ?)", self._durations),
            ("UPDATE runs SET duration = ?, summary = ?, exit_code = ? WHERE run = ?", self._ends),
            ("DELETE FROM results WHERE run <= ?", old),
            ("DELETE FROM made WHERE run <= ?", old),
            ("DELETE FROM runs WHERE run <= ?", old),
            ("DELETE FROM memo", [()] if self.sweep_due else []),
        ]
        self._results, self._made, self._durations, self._ends = [], [], [], []
        self.sweep_due = False
        return changes

    def durations(self) -> dict[str, float]:
        """Target → seconds that it took when it was last built."""
        return self._database.read(_durations, "SELECT * FROM durations")

    def reasons(self) -> dict[str, int]:
        """Reason code → how often it made a target run that was built, most frequent first."""
        return self._database.read(
            dict,
            "SELECT reason, count(*) AS times FROM results WHERE status = 'built' AND reason <> ''"
            " GROUP BY reason ORDER BY times DESC, reason",
        )

    def runs(self, limit: int) -> list[Run]:
        """The last runs, newest first."""
        return self._database.read(
            lambda rows: list(map(_run, rows)),
            "SELECT run, time, duration, summary, exit_code FROM runs ORDER BY run DESC LIMIT ?",
            (limit,),
        )

    def target_runs(self, target: str, limit: int) -> list[TargetRun]:
        """What became of a target in the last runs that did something about it, newest first."""
        return self._database.read(
            lambda rows: list(map(_target_run, rows)),
            f"{RESULTS} WHERE target = ? AND status <> 'blocked' ORDER BY run DESC LIMIT ?",
            (stored(target), limit),
        )

    def results(self, name: str, limit: int) -> list[TargetRun]:
        """What became of a target, or of its instances, newest first; blocked ones, too."""
        beginning = os.fsencode(f"{name}[")
        return self._database.read(
            lambda rows: list(map(_target_run, rows)),
            f"{RESULTS} WHERE target = ? OR substr(CAST(target AS BLOB), 1, ?) = ?"
            " ORDER BY run DESC, started, target LIMIT ?",
            (stored(name), len(beginning), beginning, limit),
        )

    def names(self, run: int, status: str, most: int = -1) -> list[str]:
        """The first targets with a status in a run, by name; all of them by default."""
        return self._database.read(
            lambda rows: [loaded(target) for (target,) in rows],
            "SELECT target FROM results WHERE run = ? AND status = ? ORDER BY target LIMIT ?",
            (run, status, most),
        )


def _durations(rows: list[Row]) -> dict[str, float]:
    return {loaded(target): float(duration) for target, duration in rows}


def _run(row: Row) -> Run:
    run, time, duration, summary, exit_code = row
    return Run(run, time, duration, _counts(summary), exit_code)


def _target_run(row: Row) -> TargetRun:
    run, target, status, started, duration, fingerprint, reason, told, outputs = row
    detail, *facts = loaded(told).split("\0")
    return TargetRun(
        run,
        loaded(target),
        status,
        started,
        duration,
        fingerprint,
        reason,
        detail,
        tuple(facts),
        outputs_of(outputs),
    )


def _counts(summary: str | None) -> dict[str, int]:
    pairs = (pair.partition("=") for pair in (summary or "").split())
    return {status: int(count) for status, _, count in pairs}


def packed_outputs(outputs: Sequence[Written]) -> str | bytes:
    """Outputs as one text."""
    return stored("\0".join(t for one in outputs for t in (one.path, one.digest, one.name or "")))


def outputs_of(outputs: str | bytes | None) -> tuple[Written, ...]:
    """What `packed_outputs` was given."""
    texts = iter(loaded(outputs).split("\0")) if outputs else iter(())
    return tuple(
        Written(path, digest, name or None)
        for path, digest, name in zip(texts, texts, texts)  # noqa: B905 - one iterator
    )
