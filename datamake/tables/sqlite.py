# ruff: noqa: S608 - names are quoted, and SQL is what a user writes here
"""SQLite by ADBC: a file → the rows of a query.

Knows nothing of where they go. SQLite's columns hold values of any type; the driver goes by the
first rows, rounds, cuts off digits, or fails further down. So the types of a query's columns are
first found over all of its rows, and what it is then asked for is of these. Nor can the driver be
interrupted: so it works in a thread, which is left behind where nobody waits for it any more.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from queue import SimpleQueue
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc

from datamake.datafile.sql import identifier
from datamake.errors import EnvironmentFailed
from datamake.tables import TableError
from datamake.tables.drivers import Told, driver, failures
from datamake.threads import Threads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future
    from typing import Any

NUMBERS = {"integer", "real"}
EXACT = 1 << 53
"""Below it every whole number is a float64."""
VIEW = "temp.datamake_query"
CASTS = {
    pa.int64(): ("{0}", None),
    pa.float64(): ("CAST({0} AS REAL)", "0.0"),
    pa.string(): ("CAST({0} AS TEXT)", "''"),
    pa.binary(): ("CAST({0} AS BLOB)", "x''"),
}
"""Type → how a column is brought to it, and what stands for null where the driver asks for a value."""
AFFINITIES = (
    ("INT", pa.int64()),
    ("CHAR", pa.string()),
    ("CLOB", pa.string()),
    ("TEXT", pa.string()),
    ("BLOB", pa.binary()),
    ("REAL", pa.float64()),
    ("FLOA", pa.float64()),
    ("DOUB", pa.float64()),
    ("NUM", pa.float64()),
    ("DEC", pa.float64()),
)
"""Part of a declared type → the type of a column without a value."""
NAMED = re.compile(
    r'(?:near|column:|column name:|table:|function:) "?(?:main\.)?([^"\n]+?)"?(?::|$)'
)


def opened(uri: str, folder: str) -> Connection:
    """The file that `sqlite:path` or `sqlite:///path` names, for reading only."""
    rest = uri.partition(":")[2]
    path = rest.removeprefix("///")
    if not path or path.startswith("//"):
        raise TableError(
            f"`{uri}` names no file", hint="write `sqlite:path/to.db`, relative to the project"
        )
    found = os.path.normpath(os.path.join(folder, path))
    if not os.path.isfile(found):
        absolute = rest.startswith("///") and os.path.isfile(f"/{path}")
        raise EnvironmentFailed(
            f"`{uri}` is not there",
            [f"it is the file {found}"],
            f"an absolute path has four slashes: `sqlite:////{path}`" if absolute else "",
        )
    return Connection(driver("sqlite").connect(f"file:{quote(found)}?mode=ro"))


def told(error: Exception) -> Told | None:
    """What the driver says; None for what is not its error."""
    if not isinstance(error, (*failures(), OSError, pa.ArrowException)):
        return None
    text = str(error).strip().partition("\nquery: ")[0]
    text = re.sub(r"^([A-Z_]+: )?(\[SQLite\] )?(Failed to (prepare|step) query: )?", "", text)
    if re.search("is locked|unable to open|failed to open|disk I/O", text):
        return Told(text, environment=True)
    named = NAMED.search(text)
    return Told(text, place=lambda sql: _only(sql, named[1]) if named else None)


def _only(sql: str, word: str) -> int | None:
    """Where a word stands in a query, if only once."""
    found = [m.start() for m in re.finditer(rf"(?<!\w){re.escape(word)}(?!\w)", sql, re.IGNORECASE)]
    return found[0] if len(found) == 1 else None


class Connection:
    """A file of SQLite, in one transaction."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.cursor = connection.cursor()
        self.threads = Threads("datamake-sqlite", 1)
        self.answers: SimpleQueue[Future[Any] | None] = SimpleQueue()
        self.left = False

    def rows(self, sql: str) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """The columns of a query and its rows; it is a view, so that it can only be a query."""
        self._execute(f"CREATE TEMP VIEW {VIEW.partition('.')[2]} AS\n{sql}")
        schema, nulls = self._looked()
        asked = []
        for field, null in zip(schema, nulls, strict=True):
            form, instead = CASTS[field.type]
            name = identifier(field.name)
            plain = not null or instead is None
            cast = form.format(name)
            asked += [cast] if plain else [f"coalesce({cast}, {instead})", f"{name} IS NULL"]
        self._execute(f"SELECT {', '.join(asked)} FROM {VIEW}")
        schema = pa.schema(list(zip(_as_written(schema.names), schema.types, strict=True)))
        return schema, _read(self._batches(), schema, nulls)

    def _looked(self) -> tuple[pa.Schema, list[bool]]:
        """The columns of the view, and whether they have nulls."""
        self._execute(f"PRAGMA temp.table_info({identifier(VIEW.partition('.')[2])})")
        declared = {row[1]: str(row[2]) for row in self._waited(self.cursor.fetchall)}
        asked = [f"group_concat(DISTINCT typeof({identifier(name)}))" for name in declared]
        self._execute(f"SELECT {', '.join(asked)} FROM {VIEW}")
        found = [set((text or "").split(",")) - {""} for text in self._waited(self.cursor.fetchone)]
        fields = [
            (name, self._type(name, kinds - {"null"}, declared[name]))
            for name, kinds in zip(declared, found, strict=True)
        ]
        return pa.schema(fields), ["null" in kinds for kinds in found]

    def _type(self, name: str, kinds: set[str], declared: str) -> pa.DataType:
        """The narrowest type that holds all values of a column."""
        if not kinds:
            upper = declared.upper()
            return next((dtype for part, dtype in AFFINITIES if part in upper), pa.string())
        if kinds == {"integer"}:
            return pa.int64()
        if "blob" in kinds:
            return pa.binary()
        if kinds == {"real"} or (kinds == NUMBERS and not self._wide(name)):
            return pa.float64()
        return pa.string()

    def _wide(self, name: str) -> bool:
        """Whether a column has whole numbers that a float would round."""
        self._execute(
            f"SELECT 1 FROM {VIEW} WHERE typeof({identifier(name)}) = 'integer'"
            f" AND {identifier(name)} NOT BETWEEN -{EXACT} AND {EXACT} LIMIT 1"
        )
        return bool(self._waited(self.cursor.fetchall))

    def _execute(self, sql: str) -> None:
        self._waited(lambda: self.cursor.execute(sql))

    def _waited(self, call: Callable[[], Any]) -> Any:
        """What a call comes to. Raises InterruptedError, once `cancel` was called."""
        self.threads.submit(call).add_done_callback(self.answers.put)
        answer = self.answers.get()
        if answer is None:
            self.left = True
            raise InterruptedError
        return answer.result()

    def _batches(self) -> Iterator[pa.RecordBatch]:
        reader = self._waited(self.cursor.fetch_record_batch)
        while (batch := self._waited(lambda: next(reader, None))) is not None:
            yield batch

    def cancel(self) -> None:
        """Wait no longer for what runs."""
        self.answers.put(None)

    def close(self) -> None:
        """Let go of the file; where it is still being read, once that has ended."""
        closed = self.threads.submit(self._close)
        if not self.left:
            closed.result()

    def _close(self) -> None:
        with suppress(Exception):  # of what was left open because something else failed
            self.cursor.close()
        self.connection.close()


def _read(
    batches: Iterator[pa.RecordBatch], schema: pa.Schema, nulls: list[bool]
) -> Iterator[pa.RecordBatch]:
    """The columns of `schema`, from those that were asked for."""
    for batch in batches:
        columns = iter(batch.columns)
        made = []
        for field, null in zip(schema, nulls, strict=True):
            values = next(columns)
            if null and CASTS[field.type][1]:
                empty = pa.scalar(None, field.type)
                values = pc.if_else(pc.equal(next(columns), 1), empty, values)
            made.append(_valid(values, field))
        yield pa.RecordBatch.from_arrays(made, schema=schema)


def _valid(values: pa.Array, field: pa.Field) -> pa.Array:
    """Raises TableError for texts that are not UTF-8."""
    if field.type == pa.string():
        try:
            values.validate(full=True)
        except pa.ArrowInvalid:
            raise TableError(
                f"the column `{field.name}` has text that is not UTF-8",
                hint=f"take its bytes: `cast({field.name} as blob)`",
            ) from None
    return values


def _as_written(names: list[str]) -> list[str]:
    """The names of a view's columns without the number that it puts behind one that is there."""
    known = {name.lower() for name in names}
    pairs = ((name, *name.rpartition(":")[::2]) for name in names)
    return [
        twin if twin.lower() in known and tail.isdigit() else name for name, twin, tail in pairs
    ]
