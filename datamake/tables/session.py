"""A DuckDB session that sees what it is handed and nothing else, and is the same everywhere.

Knows nothing of what is asked of it. Its time zone is UTC; it has no files, network, variables of
the environment, extensions or settings.
"""

from __future__ import annotations

import atexit
from contextlib import contextmanager
from functools import lru_cache
from threading import Event, Lock, Thread

from datamake.datafile.sql import identifier, literal
from datamake.tables.engine import duckdb
from datamake.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    import pyarrow as pa

    from datamake.threads import Ending


@value
class Limits:
    """What work on tables may use, and what ends it; None: nothing.

    `memory` is in bytes; `folder` is where it may spill (None: nowhere).
    """

    threads: int = 1
    memory: int | None = None
    folder: str | None = None
    ending: Ending | None = None

    def go_on(self) -> None:
        """To be called now and then. Raises DatamakeError where the work is to end."""
        if self.ending is not None:
            self.ending.go_on()


NONE = Limits()

SETTINGS: dict[str, Any] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "preserve_insertion_order": True,
    "python_enable_replacements": False,
}
SAME = (
    "SET TimeZone = 'UTC'; SET Calendar = 'gregorian'; SET errors_as_json = true; "
    "SET parquet_metadata_cache = true"
)
ONE = Lock()
ATTACHED = (
    "SELECT database_name FROM duckdb_databases() WHERE NOT internal AND database_name <> 'memory'"
)


@contextmanager
def session(limits: Limits = NONE) -> Iterator[Any]:
    """A connection to a database of its own, in memory. It is open until `close` has been called."""
    settings: dict[str, Any] = {"threads": max(limits.threads, 1)}
    settings["temp_directory"] = limits.folder or ""
    if limits.memory is not None:
        settings["memory_limit"] = f"{limits.memory}B"
    connection = duckdb().connect(":memory:", config={**SETTINGS, **settings})
    try:
        connection.execute(SAME)
        if limits.ending is None:
            yield connection
        else:
            with _interrupted(connection, limits.ending):
                yield connection
    finally:
        connection.close()


@contextmanager
def _interrupted(connection: Any, ending: Ending) -> Iterator[None]:
    """Has what a connection does ended from another thread, when that is asked for."""
    asked, over = Event(), Event()

    def end() -> None:
        asked.wait()
        while not over.is_set():  # once is not enough: between two statements it is forgotten
            connection.interrupt()
            over.wait(0.02)

    thread = Thread(target=end, name="datamake-interrupt")
    thread.start()
    try:
        ending.interruptible(asked.set)
        yield
    finally:
        over.set()
        asked.set()
        thread.join()


@contextmanager
def meaning() -> Iterator[Any]:
    """A connection for what queries mean on tables without rows. What is made in it is gone after.

    One database serves all, one after the other: to open one takes ten times longer than to ask.
    """
    with ONE:
        connection = _database().cursor()
        try:
            connection.execute(f"{SAME}; ATTACH ':memory:' AS __meaning__; USE __meaning__")
            yield connection
        finally:
            _emptied(connection)
            connection.close()


def _emptied(connection: Any) -> None:
    try:
        connection.execute("USE memory.main")  # `memory` alone may be a schema of a query's
        for (name,) in connection.execute(ATTACHED).fetchall():
            connection.execute(f"DETACH {identifier(name)}")
    except duckdb().Error:
        _database.cache_clear()


@lru_cache(1)
def _database() -> Any:
    database = duckdb().connect(":memory:", config={**SETTINGS, "threads": 1})
    atexit.register(database.close)
    return database


class Handed:
    """Batches that a session pulls. DuckDB keeps but the text of an error that ends them."""

    def __init__(self) -> None:
        self.failure: BaseException | None = None

    def watched(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The same batches; what they raise is kept."""
        try:
            yield from batches
        except GeneratorExit:
            raise
        except BaseException as error:
            self.failure = error
            raise

    def told(self, error: BaseException) -> None:
        """Raises what ended them, if anything did, in place of what DuckDB says of it."""
        if self.failure is not None:
            raise self.failure from error


def close(connection: Any, paths: Sequence[str] = ()) -> None:
    """From now on there are only these files, for views that are there already."""
    listed = ", ".join(map(literal, paths))
    connection.execute(
        f"SET allowed_paths = [{listed}]; SET enable_external_access = false; "
        "SET lock_configuration = true"
    )
