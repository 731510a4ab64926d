"""A DuckDB session that sees what it is handed and nothing else, and is the same everywhere.

Knows nothing of what is asked of it. Its time zone is UTC; it has no files, network, variables of
the environment, extensions or settings.
"""

from __future__ import annotations

from contextlib import contextmanager
from threading import Event, Thread

from datamake.datafile.sql import literal
from datamake.tables.engine import duckdb
from datamake.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    Interruptible = Callable[[Callable[[], None]], None]
    """Is called with what ends the work, to be called from another thread: TableError `interrupted`."""


@value
class Limits:
    """What work on tables may use, and how it can be ended; None: not at all.

    `memory` is in bytes; `folder` is where it may spill (None: nowhere).
    """

    threads: int = 1
    memory: int | None = None
    folder: str | None = None
    interruptible: Interruptible | None = None


NONE = Limits()

SETTINGS: dict[str, Any] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "preserve_insertion_order": True,
    "python_enable_replacements": False,
}


@contextmanager
def session(limits: Limits = NONE) -> Iterator[Any]:
    """A connection to a database of its own, in memory. It is open until `close` has been called."""
    settings: dict[str, Any] = {"threads": max(limits.threads, 1)}
    settings["temp_directory"] = limits.folder or ""
    if limits.memory is not None:
        settings["memory_limit"] = f"{limits.memory}B"
    connection = duckdb().connect(":memory:", config={**SETTINGS, **settings})
    try:
        connection.execute(
            "SET TimeZone = 'UTC'; SET Calendar = 'gregorian'; SET errors_as_json = true; "
            "SET parquet_metadata_cache = true"
        )
        if limits.interruptible is None:
            yield connection
        else:
            with _interrupted(connection, limits.interruptible):
                yield connection
    finally:
        connection.close()


@contextmanager
def _interrupted(connection: Any, interruptible: Interruptible) -> Iterator[None]:
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
        interruptible(asked.set)
        yield
    finally:
        over.set()
        asked.set()
        thread.join()


def close(connection: Any, paths: Sequence[str] = ()) -> None:
    """From now on there are only these files, for views that are there already."""
    listed = ", ".join(map(literal, paths))
    connection.execute(
        f"SET allowed_paths = [{listed}]; SET enable_external_access = false; "
        "SET lock_configuration = true"
    )
