"""What this machine remembers of a project, in SQLite: records, stamps, facts, past runs.

Knows nothing of how targets hang together or are judged, and is, with `database`, `sightings` and
`facts`, where all SQL is. It may be deleted at any time: what is lost is time and history. What is changed is
kept in memory until `commit`, which writes all of it in one short transaction, so that several
builds can share a tree.
"""

from __future__ import annotations

import os
from _thread import allocate_lock
from struct import Struct

from datamake.database import Database, loaded, packed, stored, unpacked
from datamake.facts import Facts
from datamake.model import Field, Record, Status, Written
from datamake.sightings import Sightings
from datamake.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from datamake.database import Change, Row

KEPT_RUNS = 1_000
SWEPT_EVERY = 100
"""Runs after which the stamps of files that are gone, and all facts about code, are forgotten."""
STAMP = Struct("<qqqQ?")
Stamp = tuple[int, ...]
"""Size, mtime and ctime in nanoseconds, inode, whether executable."""


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


class Stamps:
    """Path → stamp and digest: what spares the hashing of files. May be used from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = allocate_lock()
        self._known: dict[str, tuple[bytes, str]] | None = None
        self._changed: dict[str, None] = {}

    def get(self, path: str) -> tuple[Stamp, str] | None:
        """The stamp that a path had when it was hashed, and its digest."""
        known = self._all().get(path)
        return (STAMP.unpack(known[0]), known[1]) if known else None

    def put(self, path: str, stamp: Stamp, digest: str) -> None:
        """Remember the digest that goes with a stamp."""
        self._all()[path] = STAMP.pack(*stamp), digest
        self._changed[path] = None

    def drop(self, path: str) -> None:
        """Forget a path."""
        if self._all().pop(path, None):
            self._changed[path] = None

    def sweep(self, root: str) -> None:
        """Forget the paths of files that are gone from `root`."""
        for path in list(self._all()):
            if not os.path.lexists(os.path.join(root, path)):
                self.drop(path)

    def changes(self) -> list[Change]:
        """What has changed since this was last asked."""
        put, dropped = [], []
        while self._changed:
            path = self._changed.popitem()[0]
            known = self._all().get(path)
            if known:
                put.append((stored(path), *known))
            else:
                dropped.append((stored(path),))
        return [
            ("REPLACE INTO stamps VALUES (?, ?, ?)", put),
            ("DELETE FROM stamps WHERE path = ?", dropped),
        ]

    def _all(self) -> dict[str, tuple[bytes, str]]:
        if self._known is None:
            with self._lock:
                if self._known is None:
                    self._known = self._database.read(_stamps, "SELECT * FROM stamps")
        return self._known


class Memo(dict[str, tuple[str, ...]]):
    """Key → texts: facts that are read from code, by the digest of what they are read from."""

    def __init__(self, database: Database) -> None:
        super().__init__(database.read(_memo, "SELECT * FROM memo"))
        self._changed: list[str] = []

    def __setitem__(self, key: str, facts: tuple[str, ...]) -> None:
        super().__setitem__(key, facts)
        self._changed.append(key)

    def changes(self) -> list[Change]:
        """What has changed since this was last asked."""
        rows = [(stored(key), packed(self[key])) for key in self._changed]
        self._changed.clear()
        return [("REPLACE INTO memo VALUES (?, ?)", rows)]


class History:
    """Past runs, what became of targets in them, and how long targets take."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._results: list[Row] = []
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
                stored(result.detail),
            )
        )
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
            ("REPLACE INTO durations VALUES (?, ?)", self._durations),
            ("UPDATE runs SET duration = ?, summary = ?, exit_code = ? WHERE run = ?", self._ends),
            ("DELETE FROM results WHERE run <= ?", old),
            ("DELETE FROM runs WHERE run <= ?", old),
            ("DELETE FROM memo", [()] if self.sweep_due else []),
        ]
        self._results, self._durations, self._ends, self.sweep_due = [], [], [], False
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
            "SELECT results.* FROM runs JOIN results USING (run)"
            " WHERE target = ? ORDER BY run DESC LIMIT ?",
            (stored(target), limit),
        )


class State:
    """What is remembered of a project in its folder `.datamake`."""

    def __init__(
        self, folder: str, *, readonly: bool = False, notice: Callable[[str], None]
    ) -> None:
        self._database = Database(
            os.path.join(folder, "state.sqlite"), readonly=readonly, notice=notice
        )
        self._root = os.path.dirname(folder)
        self._version = self._database.version()
        self._records: dict[str, Record] | None = None
        self._written: dict[str, Record | None] = {}
        self._memo: Memo | None = None
        self.stamps = Stamps(self._database)
        self.history = History(self._database)
        self.sightings = Sightings(self._database)
        self.facts = Facts(self._database)

    @property
    def readonly(self) -> bool:
        """Whether nothing is written, because so asked or because the disk does not allow it."""
        return self._database.readonly

    @property
    def disturbed(self) -> bool:
        """Whether another process has written to it since it was opened."""
        return self._database.version() != self._version

    @property
    def statements(self) -> int:
        """How many SQL statements were carried out."""
        return self._database.statements

    @property
    def memo(self) -> Memo:
        """Facts that are read from code."""
        if self._memo is None:
            self._memo = Memo(self._database)
        return self._memo

    def records(self) -> dict[str, Record]:
        """Target → record, all of them, without their fields."""
        if self._records is None:
            self._records = self._database.read(_records, "SELECT * FROM records")
            for target, record in self._written.items():
                self._remember(target, record)
        return self._records

    def fields(self, target: str) -> tuple[Field, ...]:
        """The fields of a target's record."""
        if target in self._written:
            record = self._written[target]
            return record.fields if record else ()
        return self._database.read(
            _fields, "SELECT fields FROM fields WHERE target = ?", (stored(target),)
        )

    def refresh(self, target: str) -> Record | None:
        """The record of a target as another process may have written it meanwhile."""
        found = self._database.read(
            _records, "SELECT * FROM records WHERE target = ?", (stored(target),)
        )
        record = found.get(target)
        self._remember(target, record)
        return record

    def write(self, record: Record) -> None:
        """Remember a record, in place of the target's last one."""
        self._written[record.target] = record
        self._remember(record.target, record)

    def forget(self, target: str) -> None:
        """Forget the record of a target."""
        self._written[target] = None
        self._remember(target, None)

    def commit(self) -> None:
        """Write all that has changed, in one transaction; nothing where nothing has."""
        sweep = self.history.sweep_due
        if sweep:
            self.stamps.sweep(self._root)
        changes = [*self._changes(), *self.stamps.changes(), *self.history.changes()]
        changes += [*self.sightings.changes(), *self.facts.changes(sweep=sweep)]
        if self._memo is not None:
            changes += self._memo.changes()
        self._database.write(changes)
        self._written.clear()

    def settle(self) -> None:
        """Move what was written ahead into the file, so that closing it changes nothing in it."""
        self._database.read(lambda rows: rows, "PRAGMA wal_checkpoint")

    def close(self) -> None:
        """Close the file. What has not been committed is lost."""
        self._database.close()

    def _remember(self, target: str, record: Record | None) -> None:
        if self._records is None:
            return
        if record:
            self._records[target] = record
        else:
            self._records.pop(target, None)

    def _changes(self) -> list[Change]:
        written = [record for record in self._written.values() if record]
        forgotten = [(stored(target),) for target, record in self._written.items() if not record]
        return [
            ("REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?)", [_row(one) for one in written]),
            ("REPLACE INTO fields VALUES (?, ?)", [_fields_row(one) for one in written]),
            ("DELETE FROM records WHERE target = ?", forgotten),
            ("DELETE FROM fields WHERE target = ?", forgotten),
        ]


def _row(record: Record) -> Row:
    outputs = "\0".join(
        text for one in record.outputs for text in (one.path, one.digest, one.name or "")
    )
    return (
        stored(record.target),
        record.fingerprint,
        stored(outputs),
        record.time,
        record.duration,
        record.accepted,
    )


def _record(row: Row) -> Record:
    target, fingerprint, outputs, time, duration, accepted = row
    texts = iter(loaded(outputs).split("\0")) if outputs else iter(())
    written = tuple(
        Written(path, digest, name or None)
        for path, digest, name in zip(texts, texts, texts)  # noqa: B905 - one iterator
    )
    return Record(loaded(target), fingerprint, (), written, time, duration, bool(accepted))


def _records(rows: list[Row]) -> dict[str, Record]:
    return {record.target: record for record in map(_record, rows)}


def _fields_row(record: Record) -> Row:
    return stored(record.target), packed([text for field in record.fields for text in field])


def _fields(rows: list[Row]) -> tuple[Field, ...]:
    texts = unpacked(rows[0][0]) if rows else ()
    return tuple(zip(texts[::3], texts[1::3], texts[2::3], strict=True))


def _stamps(rows: list[Row]) -> dict[str, tuple[bytes, str]]:
    return {
        loaded(path): (stamp, digest) for path, stamp, digest in rows if len(stamp) == STAMP.size
    }


def _memo(rows: list[Row]) -> dict[str, tuple[str, ...]]:
    return {loaded(key): unpacked(facts) for key, facts in rows}


def _durations(rows: list[Row]) -> dict[str, float]:
    return {loaded(target): float(duration) for target, duration in rows}


def _run(row: Row) -> Run:
    run, time, duration, summary, exit_code = row
    return Run(run, time, duration, _counts(summary), exit_code)


def _target_run(row: Row) -> TargetRun:
    run, target, status, started, duration, fingerprint, reason, detail = row
    return TargetRun(
        run, loaded(target), status, started, duration, fingerprint, reason, loaded(detail)
    )


def _counts(summary: str | None) -> dict[str, int]:
    pairs = (pair.partition("=") for pair in (summary or "").split())
    return {status: int(count) for status, _, count in pairs}
