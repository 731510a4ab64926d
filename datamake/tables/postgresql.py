"""PostgreSQL by ADBC: a server → the rows of a query.

Knows nothing of where they go. What Arrow has no type for comes as the text that PostgreSQL has for
it: UUIDs, intervals (ISO 8601), ranges, addresses. A `numeric(p, s)` is a decimal; a `numeric`
without bounds is text too, which loses no digit.
"""

from __future__ import annotations

import re
from contextlib import suppress

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

from datamake.tables import TableError
from datamake.tables.drivers import Told, driver, failures

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

PATIENCE = 30
"""Seconds that a server has to answer, where the URI does not say."""
SESSION = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
    "SET LOCAL timezone = 'UTC'",
    "SET LOCAL datestyle = 'ISO'",
    "SET LOCAL intervalstyle = 'iso_8601'",
)
ENVIRONMENT = ("08", "28", "3D", "42501", "53", "55P03", "57P", "58")
"""Codes, or beginnings of them: connections, passwords, rights, full disks, servers that go."""
LOST = re.compile("server closed the connection|FATAL:|no connection|connection not open|SSL")
TYPE = b"POSTGRESQL:type"
CASTS = {"money": "numeric(19, 2)", "oid": "int8"}
"""Types of PostgreSQL that the driver takes for others."""
KNOWN = {"numeric(19, 2)": pa.decimal128(19, 2)}
UNFAITHFUL = {*CASTS, "record"}
FIRST_DAY = -2_440_588
"""Days from 1970: PostgreSQL's first is in 4713 BC, and below it is what it has for infinity."""
PER_DAY = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
WIDEST = 76
"""Digits of a decimal."""


def opened(uri: str, _: str) -> Connection:
    """A connection to the server that a URI names."""
    if "connect_timeout=" not in uri:
        uri += f"{'&' if '?' in uri else '?'}connect_timeout={PATIENCE}"
    return Connection(driver("postgresql").connect(uri))


def told(error: Exception) -> Told | None:
    """What the driver says; None for what is not its error."""
    if not isinstance(error, (*failures(), OSError, pa.ArrowException)):
        return None
    details = dict(getattr(error, "details", None) or ())
    code = getattr(error, "sqlstate", None) or ""
    text = details.get(b"PG_DIAG_MESSAGE_PRIMARY", b"").decode(errors="replace") or _bare(error)
    failed = "Failed to connect" in str(error) or code.startswith(ENVIRONMENT)
    if failed or (not code and LOST.search(str(error))):
        return Told(text, environment=True)
    own = "Failed to prepare" in str(error)  # later, it is put into a command of the driver
    position = int(details.get(b"PG_DIAG_STATEMENT_POSITION", 0)) if own else 0
    hint = details.get(b"PG_DIAG_MESSAGE_HINT", b"").decode(errors="replace")
    return Told(text, place=(lambda _: position - 1) if position else None, hint=hint)


def _bare(error: Exception) -> str:
    """A message without what the driver puts before it and what the query was."""
    text = re.sub(r"\n+Query was: .*|\. SQLSTATE: .*", "", str(error).strip(), flags=re.DOTALL)
    text = re.sub(
        r"^([A-Z_]+: )?(\[libpq\] )?(Failed to connect: |Execution error \[\w+\]: )?", "", text
    )
    return "\n".join(line.strip() for line in text.removeprefix("ERROR:").strip().splitlines())


class Connection:
    """A connection, in one transaction that only reads and sees one state."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.cursor = connection.cursor()
        self.cancelled = False

    def rows(self, sql: str) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """The columns of a query, and its rows."""
        for line in SESSION:
            self._execute(line)
        found = self.cursor.adbc_execute_schema(sql)
        names = [f"c{at}" for at in range(len(found))]
        if not all(map(_name, found)):
            found = self._named(sql, found, names)
        casts = [cast(field) for field in found]
        if any(casts):
            pairs = zip(names, casts, strict=True)
            asked = ", ".join(f"{name}::{type_}" if type_ else name for name, type_ in pairs)
            sql = f"SELECT {asked} FROM (\n{sql}\n) AS query({', '.join(names)})"  # noqa: S608 - names of our own
        self._execute(sql)
        reader = self.cursor.fetch_record_batch()
        own = zip(found.names, casts, reader.schema, strict=True)
        schema = pa.schema(
            [
                (name, KNOWN.get(type_ or "") or decimal(field) or field.type)
                for name, type_, field in own
            ]
        )
        return schema, (_finished(batch, schema) for batch in reader)

    def _named(self, sql: str, schema: pa.Schema, names: list[str]) -> pa.Schema:
        """The same with PostgreSQL's types, which drivers before 1.13 don't tell."""
        asked = ", ".join(f"pg_typeof({name})::text" for name in names)
        none = f"(SELECT * FROM (\n{sql}\n) AS query LIMIT 0) AS query({', '.join(names)})"  # noqa: S608
        self.cursor.execute(f"SELECT {asked} FROM (VALUES (1)) AS one LEFT JOIN {none} ON true")  # noqa: S608
        types = zip(schema, self.cursor.fetchone(), strict=True)
        return pa.schema([named(field, text) for field, text in types])

    def _execute(self, sql: str) -> None:
        """Raises InterruptedError, once `cancel` was called: a server forgets it when it rests."""
        if self.cancelled:
            raise InterruptedError
        self.cursor.execute(sql)

    def cancel(self) -> None:
        """End the query that runs."""
        self.cancelled = True
        with suppress(Exception):  # of one that has ended meanwhile
            self.cursor.adbc_cancel()

    def close(self) -> None:
        """Let go of the connection."""
        with suppress(Exception):  # of one that is lost
            self.cursor.close()
        with suppress(Exception):
            self.connection.close()


def cast(field: pa.Field) -> str | None:
    """What PostgreSQL is to make of a column, None where the driver does it well."""
    if faithful(field):
        return None
    if _name(field) in CASTS:
        return CASTS[_name(field)]
    items = kinds.is_list(field.type) and not kinds.is_struct(field.type.value_type)
    return "text[]" if items else "text"


def faithful(field: pa.Field) -> bool:
    """Whether the driver gives a column as what it is."""
    dtype = field.type
    if _name(field) in UNFAITHFUL or kinds.is_interval(dtype):
        return False
    if isinstance(dtype, pa.BaseExtensionType):
        return bool(kinds.is_string(dtype.storage_type))
    if kinds.is_list(dtype):
        return faithful(dtype.value_field)
    return not kinds.is_struct(dtype) or all(map(faithful, dtype))


def named(field: pa.Field, text: str) -> pa.Field:
    """A column with the type that PostgreSQL calls it by, of an array that of its items."""
    if kinds.is_list(field.type) and text.endswith("[]"):
        items = pa.list_(named(field.type.value_field, text[:-2]))
        return pa.field(field.name, items, metadata={TYPE: text})
    return field.with_metadata({TYPE: text})


def _name(field: pa.Field) -> str:
    found: bytes = (field.metadata or {}).get(TYPE, b"")
    return found.decode()


def decimal(field: pa.Field) -> pa.DataType | None:
    """The type of a `numeric` with bounds."""
    modifier = int((field.metadata or {}).get(b"POSTGRESQL:typmod", -1)) - 4
    if _name(field) != "numeric" or modifier < 0:
        return None
    precision, scale = modifier >> 16, ((modifier & 0x7FF) ^ 0x400) - 0x400
    digits = max(precision, scale) if scale > 0 else precision - scale
    if digits > WIDEST:
        return None
    made = pa.decimal128 if digits <= 38 else pa.decimal256
    return made(digits, max(scale, 0))


def _finished(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The columns of `schema`. Raises TableError for values that its types have not."""
    made = []
    for field, values in zip(schema, batch.columns, strict=True):
        if kinds.is_decimal(field.type):
            made.append(_decimals(values.storage, field))
        else:
            _refuse_infinity(values, field)
            made.append(values)
    return pa.RecordBatch.from_arrays(made, schema=schema)


def _decimals(texts: pa.Array, field: pa.Field) -> pa.Array:
    try:
        return texts.cast(field.type)
    except pa.ArrowInvalid:
        raise _unheld(field, "NaN or infinity", "'NaN'") from None


def _refuse_infinity(values: pa.Array, field: pa.Field) -> None:
    if kinds.is_date32(field.type):
        least, first = pc.min(values.cast(pa.int32())).as_py(), FIRST_DAY
    elif kinds.is_timestamp(field.type):
        least = pc.min(values.cast(pa.int64())).as_py()
        first = FIRST_DAY * PER_DAY[field.type.unit]
    else:
        return
    if least is not None and least < first:
        raise _unheld(field, "infinity", "'infinity'")


def _unheld(field: pa.Field, what: str, example: str) -> TableError:
    return TableError(
        f"the column `{field.name}` has {what}, which tables have no word for",
        hint=f"make it null, as in `nullif({field.name}, {example})`",
    )
