"""The SQLite file of a project's state: opened, begun anew where it cannot be read, written to.

Knows nothing of what the rows mean, but for the tables that they are in.
"""

from __future__ import annotations

import os
import sqlite3
from itertools import accumulate

from datamake.errors import EnvironmentFailed
from datamake.moves import is_full
from datamake.quoting import quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any, TypeVar

    T = TypeVar("T")
    Row = tuple[Any, ...]
    Change = tuple[str, Sequence[Row]]
    """A statement and the rows that it is carried out for."""

VERSION = 3
# Text that is not UTF-8 (a file name may be) is stored as BLOB: hence no types for text columns.
SCHEMA = """
CREATE TABLE IF NOT EXISTS records (target PRIMARY KEY, fingerprint, outputs, time, duration, accepted) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS fields (target PRIMARY KEY, fields) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stamps (path PRIMARY KEY, stamp, digest) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS memo (key PRIMARY KEY, facts) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS durations (target PRIMARY KEY, duration) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs (run INTEGER PRIMARY KEY AUTOINCREMENT, time, duration, summary, exit_code);
CREATE TABLE IF NOT EXISTS results (
    run, target, status, started, duration, fingerprint, reason, detail, PRIMARY KEY (run, target)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS made (run, target, outputs, PRIMARY KEY (run, target)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS contents (url, token, members, PRIMARY KEY (url, token)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (key PRIMARY KEY, time, text) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sightings (source PRIMARY KEY, objects) WITHOUT ROWID;
"""
PATIENCE = 60.0
"""Seconds to wait for the transaction of another process."""


class Database:
    """A SQLite file. One that cannot be read is moved out of the way and begun anew."""

    def __init__(self, path: str, *, readonly: bool, notice: Callable[[str], None]) -> None:
        self.path = path
        self.readonly = readonly or not _is_writable(path)
        self.statements = 0
        self._notice = notice
        self._identity: tuple[int, int] | None = None
        self._connection: sqlite3.Connection | None = None
        try:
            self._surely(lambda: None)
        except BaseException:
            self.close()
            raise

    def read(self, parsed: Callable[[list[Row]], T], sql: str, values: Row = ()) -> T:
        """What `parsed` makes of the rows of a query. Rows that it cannot parse are corrupt too."""
        return self._surely(lambda: parsed(self._execute(sql, values).fetchall()))

    def insert(self, sql: str, values: Row) -> int:
        """The id of a row, which is inserted at once."""
        return self._surely(lambda: self._execute(sql, values).lastrowid or 0)

    def write(self, changes: Iterable[Change]) -> None:
        """Carry out all changes in one transaction; nothing where the file is only read."""
        due = [change for change in changes if change[1]]
        if due and not self.readonly:
            self._surely(lambda: self._write(due))

    def version(self) -> int:
        """A number that is another one when another process has written since it was opened."""
        found: int = self.read(lambda rows: rows, "PRAGMA data_version")[0][0]
        return found

    def close(self) -> None:
        """Close the file."""
        if self._connection:
            self._connection.close()
            self._connection = None

    def _execute(self, sql: str, values: Row = ()) -> sqlite3.Cursor:
        assert self._connection
        self.statements += 1
        return self._connection.execute(sql, values)

    def _write(self, changes: Sequence[Change]) -> None:
        assert self._connection
        self._execute("BEGIN IMMEDIATE")
        try:
            for sql, rows in changes:
                self.statements += 1
                self._connection.executemany(sql, rows)
            self._execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                self._connection.rollback()

    def _surely(self, action: Callable[[], T]) -> T:
        """What `action` returns, if need be on a file that is begun anew."""
        for _ in range(3):
            try:
                if self._connection is None:
                    self._open()
                return action()
            except (sqlite3.Error, ValueError, TypeError) as error:
                if not self._is_replaced() and not _means_unreadable(error):
                    raise self._failure(str(error)) from error
                self._make_way()
        raise self._failure("it is unreadable again and again")

    def _open(self) -> None:
        if self.readonly:
            self._connection = _connected_readonly(self.path)
        else:
            self._connection = _connected(self.path)
            self._execute("PRAGMA synchronous = NORMAL")
            self._set_journal()
        self._identity = _identity(self.path)
        version = self._execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise EnvironmentFailed(
                f"the state was written by a newer datamake: `{_shown(self.path)}`",
                [f"its version is {version}; this datamake knows {VERSION}"],
                "update datamake, or delete the file: what is lost is time and history",
            )
        if 0 < version < VERSION and self.readonly:  # it cannot be brought up to date here
            self._connection.close()
            self._connection = _connected(":memory:")
        if version < VERSION:
            self._create()

    def _set_journal(self) -> None:
        """Write ahead where the file system can (a network's cannot), else the old way."""
        try:
            self._execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):  # by another process that opens it for the first time
                self._execute("PRAGMA journal_mode = DELETE")

    def _create(self) -> None:
        self._execute("BEGIN IMMEDIATE")
        if self._execute("PRAGMA user_version").fetchone()[0] < VERSION:  # else another was quicker
            for statement in SCHEMA.split(";\n")[:-1]:
                self._execute(statement)
            self._execute(f"PRAGMA user_version = {VERSION}")
        self._execute("COMMIT")

    def _make_way(self) -> None:
        """Move the file away, unless it is already gone, so that it is opened anew."""
        replaced = self._is_replaced()
        self.close()
        if replaced:
            return
        if self.readonly:
            self._notice(f"state cannot be read: {_shown(self.path)}")
            self._identity = None
            self._connection = _connected(":memory:")
            self._create()
        else:
            moved = _moved_away(self.path)
            self._notice(f"state was unreadable and is begun anew: {_shown(moved)}")

    def _is_replaced(self) -> bool:
        """Whether the file was deleted, or moved away by another process, since it was opened."""
        return self._identity is not None and _identity(self.path) != self._identity

    def _failure(self, why: str) -> EnvironmentFailed:
        facts = [why, "its disk is full"] if is_full(os.path.dirname(self.path)) else [why]
        return EnvironmentFailed(f"the state cannot be used: `{_shown(self.path)}`", facts)


def stored(text: str) -> str | bytes:
    """Text as SQLite can hold it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return os.fsencode(text)
    return text


def loaded(text: str | bytes) -> str:
    """What `stored` was given."""
    return text if text.__class__ is str else os.fsdecode(text)


def packed(texts: Sequence[str]) -> str | bytes:
    """Texts of any content as one: their lengths on a line, then themselves."""
    return stored(" ".join([str(len(text)) for text in texts]) + "\n" + "".join(texts))


def unpacked(packed: str | bytes) -> tuple[str, ...]:
    """The texts that `packed` was given."""
    lengths, _, text = loaded(packed).partition("\n")
    ends = list(accumulate(map(int, lengths.split())))
    return tuple(text[start:end] for start, end in zip([0, *ends], ends, strict=False))


def _connected(path: str, *, uri: bool = False) -> sqlite3.Connection:
    return sqlite3.connect(
        path, timeout=PATIENCE, isolation_level=None, check_same_thread=False, uri=uri
    )


def _connected_readonly(path: str) -> sqlite3.Connection:
    """The file as it is; where even its log of writes cannot be opened, without that log."""
    if not os.path.exists(path):
        return _connected(":memory:")
    uri = f"file:{quoted(path).replace('?', '%3F').replace('#', '%23')}?mode=ro"
    connection = _connected(uri, uri=True)
    try:
        connection.execute("SELECT 1 FROM sqlite_master")
    except sqlite3.Error as error:
        connection.close()
        if not isinstance(error, sqlite3.OperationalError):
            raise
        return _connected(f"{uri}&immutable=1", uri=True)
    return connection


def _is_writable(path: str) -> bool:
    folder = os.path.dirname(path)
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK) and (not os.path.exists(path) or os.access(path, os.W_OK))


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _means_unreadable(error: Exception) -> bool:
    """Whether the file is corrupt, or none of ours."""
    if not isinstance(error, sqlite3.Error):
        return True
    signs = ("malformed", "not a database", "could not decode", "no such ")
    return any(sign in str(error).lower() for sign in signs)


def _moved_away(path: str) -> str:
    """Where a file that cannot be read was moved to, with what SQLite keeps beside it."""
    number = 1
    while os.path.exists(to := os.path.join(os.path.dirname(path), f"state.corrupt-{number}")):
        number += 1
    for suffix in ("", "-wal", "-shm"):
        if os.path.exists(path + suffix):
            os.rename(path + suffix, to + suffix)
    return to


def _shown(path: str) -> str:
    """A path in `.datamake`, as it is shown."""
    return os.path.join(os.path.basename(os.path.dirname(path)), os.path.basename(path))
