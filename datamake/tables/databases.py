"""Databases: a query → one file of its rows, or the text that its result comes to.

Knows no other files. Whichever database it is, a query sees one state of it, is read only, and
its rows come in the order in which the database gives them.
"""

from __future__ import annotations

import re
from collections import Counter
from contextlib import contextmanager
from importlib import import_module
from threading import Event

from datamake.datafile.sql import statements
from datamake.errors import EnvironmentFailed
from datamake.quoting import quoted
from datamake.tables import TableError
from datamake.tables.mistakes import shown as shown_in
from datamake.tables.writing import Writer
from datamake.threads import Threads
from datamake.urls import database, hidden, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future
    from typing import Any, Protocol

    import pyarrow as pa
    from typing_extensions import Self

    from datamake.tables.drivers import Told

    Interruptible = Callable[[Callable[[], None]], None]
    """Is called with what ends the work from another thread. Raises DatamakeError if it is to end now."""

    class Connection(Protocol):
        """An open database."""

        def rows(self, sql: str) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
            """The columns of a query's result, and its rows. Raises what `told` knows."""

        def cancel(self) -> None:
            """End the query that runs."""

        def close(self) -> None:
            """Let go of it."""


INTERRUPTED = "the query was interrupted"
FEW = 1_000
"""Rows that what tells a version may have."""


def fetch(
    uri: str,
    sql: str,
    out: str,
    folder: str,
    interruptible: Interruptible = lambda _: None,
) -> int:
    """Writes the rows of a query to `out`, and returns how many they are. Memory stays bounded.

    The path of a SQLite file is relative to `folder`. Raises TableError for a query that is wrong,
    EnvironmentFailed where the database cannot be reached.
    """
    with Session(uri, folder, sql, interruptible) as session:
        schema, batches = session.rows()
        for name, count in Counter(schema.names).items():
            if count > 1:
                raise TableError(
                    f"the query has more than one column `{name}`",
                    hint="give each a name of its own, with `as`",
                )
        with Writer(out, schema) as writer:
            for batch in batches:
                writer.write(batch)
        return writer.rows


def version(uri: str, sql: str, folder: str, interruptible: Interruptible = lambda _: None) -> str:
    """The result of a query as text: one line a row, its values apart by tabs, null as `null`.

    Raises as `fetch` does.
    """
    with Session(uri, folder, sql, interruptible) as session:
        lines: list[str] = []
        for batch in session.rows()[1]:
            lines += ["\t".join(map(_text, row)) for row in zip(*batch.columns, strict=True)]
            if len(lines) > FEW:
                raise TableError(
                    f"a version is told by few rows, and this query has more than {FEW:,}",
                    hint="let it count them, or take the greatest time of a change",
                )
        return "\n".join(lines)


def _text(value: pa.Scalar) -> str:
    if not value.is_valid:
        return "null"
    try:
        return quoted(str(value.as_py()))
    except (ValueError, OverflowError):  # a year that Python does not know
        return quoted(str(value))


class Session:
    """One query in one connection. What goes wrong inside is told without secrets."""

    def __init__(
        self, uri: str, folder: str, sql: str, interruptible: Interruptible = lambda _: None
    ) -> None:
        self.uri = uri
        self.folder = folder
        self.sql = statement(sql)
        self.interruptible = interruptible
        self.stopped = False
        self.awake = Event()
        self.connection: Connection | None = None

    def __enter__(self) -> Self:
        opened = _module(self.uri).opened
        self.interruptible(self.stop)
        opening = Threads("datamake connecting", 1).submit(lambda: opened(self.uri, self.folder))
        opening.add_done_callback(lambda _: self.awake.set())
        self.awake.wait()
        if self.stopped:  # whoever connects cannot be interrupted
            opening.add_done_callback(_let_go)
            raise TableError(INTERRUPTED)
        with self._explaining():
            self.connection = opening.result()
        return self

    def rows(self) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """The columns of the result, and its rows."""
        assert self.connection is not None
        if self.stopped:
            raise TableError(INTERRUPTED)
        with self._explaining():
            schema, batches = self.connection.rows(self.sql)
        return schema, self._told(batches)

    def _told(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        while True:
            with self._explaining():
                batch = next(batches, None)
            if self.stopped:
                raise TableError(INTERRUPTED)
            if batch is None:
                return
            yield batch

    def stop(self) -> None:
        """End the query, from another thread: what runs raises TableError."""
        self.stopped = True
        self.awake.set()
        if self.connection is not None:
            self.connection.cancel()

    def __exit__(self, *_: object) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        """What a driver raises, as what a user can do something about. A bug stays what it is."""
        try:
            yield
        except (TableError, EnvironmentFailed):
            raise
        except Exception as error:
            told: Told | None = _module(self.uri).told(error)
            if self.stopped:
                raise TableError(INTERRUPTED) from None
            if told is None:
                raise
            raise self._failure(told) from None

    def _failure(self, told: Told) -> Exception:
        first, *more = _without(hidden(self.uri), told.text).splitlines() or ["it is not said why"]
        if told.environment:
            headline = f"`{shown(self.uri)}` cannot be read"
            return EnvironmentFailed(headline, [first, *more], told.hint)
        place = told.place(self.sql) if told.place else None
        facts = [*more, *pointed(self.sql, place)]
        return TableError(f"the query fails: {first}", facts, told.hint)


def _let_go(opening: Future[Connection]) -> None:
    """Closes a connection that nobody waits for any more."""
    if opening.exception() is None:
        opening.result().close()


def _module(uri: str) -> Any:
    try:
        return import_module(f"datamake.tables.{database(uri)}")
    except ValueError as error:
        raise TableError(f"`{shown(uri)}` {error}") from None


def statement(sql: str) -> str:
    """A query without what stands behind its end. Raises TableError for none, or several."""
    found = statements(sql)
    if not found:
        raise TableError("the query is empty")
    if len(found) > 1:
        raise TableError(
            "there is more than one query", pointed(sql, found[1][0].start), "one can be run"
        )
    return sql[: found[0][-1].end]


def pointed(sql: str, place: int | None) -> Sequence[str]:
    """The line of a query that a place (from 0) is in, and below it what points at it."""
    return [] if place is None else shown_in(sql, len(sql[:place].encode()))


def _without(secrets: Sequence[str], text: str) -> str:
    """A text in which no secret stands, nor the password in one."""
    parts = {part for secret in secrets for part in (secret, *re.split(r"[:@&=]", secret)[1:])}
    for part in sorted(filter(None, parts), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(part)}(?!\w)", "…", text)
    return text
