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
from datamake.history import History, outputs_of, packed_outputs
from datamake.model import Field, Record
from datamake.sightings import Sightings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from datamake.database import Change, Row

STAMP = Struct("<qqqQ?")
Stamp = tuple[int, ...]
"""Size, mtime and ctime in nanoseconds, inode, whether executable."""


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
    return (
        stored(record.target),
        record.fingerprint,
        packed_outputs(record.outputs),
        record.time,
        record.duration,
        record.accepted,
    )


def _record(row: Row) -> Record:
    target, fingerprint, outputs, time, duration, accepted = row
    written = outputs_of(outputs)
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
