# ruff: noqa: S608 - its names are our own
"""What two tables differ in: columns, number of rows, statistics, and, by DuckDB, the rows.

Knows nothing of where the tables are from. What is kept in memory is bounded; further rows go to a
folder.
"""

from __future__ import annotations

import os
from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

from datamake.errors import EnvironmentFailed
from datamake.tables import TableError
from datamake.tables.engine import duckdb
from datamake.tables.mistakes import explained
from datamake.tables.profile import Column, as_text
from datamake.tables.session import Handed, Limits, session
from datamake.tables.types import replaced, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from datamake.tables.reading import Table
    from datamake.threads import Ending

    Document = dict[str, Any]

EXAMPLES = 5
"""Rows of each kind that are shown."""
MEMORY = 1 << 30
"""Bytes of rows in memory."""
SIDES = ("old", "new")


def difference(
    old: Table,
    new: Table,
    key: Sequence[str] | None = None,
    folder: str | None = None,
    ending: Ending | None = None,
) -> Document:
    """What has changed from one table to another, as a document; values are text, None for null.

    - `same`: whether they hold the same, order of columns and rows included; None: not known
    - `rows`: how many there were and are, by `old` and `new`
    - `schema`: columns `added`, `removed`, `changed` in type, and whether their `order` is another
    - `columns`: of each the statistics `old` and `new` (None where there is none), and whether these
      are the `same`: nulls, min, max, and mean of numbers
    - `key`: the columns that tell rows apart, None without
    - `changes`: of rows, how many were `added`, `removed` and, with a key, `changed`, by column too;
      whether they are the same but `reordered`; `examples` of each. What counts is the columns that
      both have. Without a key rows are compared as wholes, by a hash. None without DuckDB.

    More rows than memory holds go to `folder`; `ending` ends what DuckDB does. Raises TableError for a key that is none, and
    EnvironmentFailed for one without DuckDB.
    """
    for table in (old, new):
        table.chosen(key)
        _refuse_twins(table)
    before, after = _Side(old), _Side(new)
    schema = _schema(old.schema, new.schema)
    limits = Limits(os.cpu_count() or 1, MEMORY, folder, ending)
    changes = _changes(before, after, key, limits)
    stable = not any(schema.values()) and before.rows == after.rows
    known = changes is not None or not stable
    moved = changes is not None and (
        changes["reordered"] or any(changes[each] for each in ("added", "removed", "changed"))
    )
    return {
        "same": (stable and not moved) if known else None,
        "rows": {"old": before.rows, "new": after.rows},
        "schema": schema,
        "columns": _columns(before, after),
        "key": list(key) if key else None,
        "changes": changes,
    }


def _refuse_twins(table: Table) -> None:
    for column, count in Counter(table.schema.names).items():
        if count > 1:
            raise TableError(
                f"`{table.parts[0].path}` has more than one column `{column}`",
                hint="tables are compared by the names of their columns",
            )


class _Side:
    """One of two tables, read once for its statistics."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.names: list[str] = table.schema.names
        self.columns = {field.name: _Statistics(field) for field in table.schema}
        self.rows = 0
        for batch in table.batches():
            self.rows += batch.num_rows
            for column, values in zip(self.columns.values(), batch.columns, strict=True):
                column.add(values)

    def document(self, column: str) -> Document | None:
        """The statistics of a column, None where there is none."""
        found = self.columns.get(column)
        return found.document() if found else None


class _Statistics(Column):
    """A column with the mean of its numbers."""

    def __init__(self, field: pa.Field) -> None:
        super().__init__(field)
        self.number = number(field.type)
        self.total = 0.0
        self.count = 0

    def add(self, values: pa.Array) -> None:
        """Take the next values into account."""
        super().add(values)
        if self.number:
            self.total += pc.sum(values.cast(pa.float64(), safe=False)).as_py() or 0.0
            self.count += len(values) - values.null_count

    def document(self) -> Document:
        """The same as JSON has it."""
        found = super().document()
        mean = self.total / self.count if self.number and self.count else None
        text = None if mean is None else f"{mean:.6g}"
        return {key: found[key] for key in ("nulls", "min", "max")} | {"mean": text}


def _schema(old: pa.Schema, new: pa.Schema) -> Document:
    before = {field.name: text_of(field.type) for field in old}
    after = {field.name: text_of(field.type) for field in new}
    return {
        "added": [{"name": each, "type": after[each]} for each in after if each not in before],
        "removed": [{"name": each, "type": before[each]} for each in before if each not in after],
        "changed": [
            {"name": each, "old": before[each], "new": after[each]}
            for each in after
            if before.get(each, after[each]) != after[each]
        ],
        "order": [e for e in before if e in after] != [e for e in after if e in before],
    }


def _columns(old: _Side, new: _Side) -> list[Document]:
    """In the order of the new table, then those that are gone."""
    found = []
    for column in dict.fromkeys([*new.names, *old.names]):
        before, after = old.document(column), new.document(column)
        found.append({"name": column, "same": before == after, "old": before, "new": after})
    return found


# Rows


def _changes(old: _Side, new: _Side, key: Sequence[str] | None, limits: Limits) -> Document | None:
    if not any(each in old.columns for each in new.names):
        return None
    try:
        duckdb()
    except EnvironmentFailed:
        if key:
            raise
        return None
    with session(limits) as connection:
        try:
            rows = _Rows(connection, old.table, new.table)
            return rows.by_key(key) if key else rows.as_wholes()
        except duckdb().Error as error:
            raise explained(error, "", place=False) from error


class _Rows:
    """Two tables `old` and `new` in a session: columns of both are `c0` on, others `x0` on.

    `h` is the hash of the columns of both, `rowid` where the row stood.
    """

    def __init__(self, connection: Any, old: Table, new: Table) -> None:
        self.connection = connection
        self.tables = {"old": old, "new": new}
        before = set(old.schema.names)
        both = [each for each in new.schema.names if each in before]
        self.both = {each: f"c{at}" for at, each in enumerate(both)}
        self.aliases = {side: self._aliases(table) for side, table in self.tables.items()}
        common = [
            _brought(old.schema.field(each).type, new.schema.field(each).type) for each in both
        ]
        for side, table in self.tables.items():
            self._load(side, table, dict(zip(both, common, strict=True)))

    def _aliases(self, table: Table) -> dict[str, str]:
        own = (each for each in table.schema.names if each not in self.both)
        return {**self.both, **{each: f"x{at}" for at, each in enumerate(own)}}

    def _load(self, side: str, table: Table, common: dict[str, str | None]) -> None:
        aliases = self.aliases[side]
        fields = [(aliases[each.name], held(each.type)) for each in table.schema]
        schema = pa.schema(fields)

        def batches() -> Iterator[pa.RecordBatch]:
            for batch in table.batches():
                pairs = zip(batch.columns, schema.types, strict=True)
                columns = [values.cast(dtype) for values, dtype in pairs]
                yield pa.RecordBatch.from_arrays(columns, schema=schema)

        handed = Handed()
        feed = pa.RecordBatchReader.from_batches(schema, handed.watched(batches()))
        self.connection.register("feed", feed)
        compared = [
            f"{self.both[each]}::{as_type}" if as_type else self.both[each]
            for each, as_type in common.items()
        ]
        values = [
            f"{expression} AS {alias}"
            for expression, alias in zip(compared, self.both.values(), strict=True)
        ]
        values += [alias for alias in aliases.values() if alias.startswith("x")]
        values.append(f"hash({', '.join(compared)}) AS h")
        try:
            self.connection.execute(f"CREATE TABLE {side} AS SELECT {', '.join(values)} FROM feed")
        except duckdb().Error as error:
            handed.told(error)
            raise
        self.connection.unregister("feed")

    def by_key(self, key: Sequence[str]) -> Document:
        """Rows with the same key are one row, which may have changed."""
        keys = [self.both[each] for each in key]
        for side in SIDES:
            self._refuse_duplicates(side, key)
        same = " AND ".join(f"o.{each} IS NOT DISTINCT FROM n.{each}" for each in keys)
        others = {each: alias for each, alias in self.both.items() if alias not in keys}
        counts = [
            f"count(*) FILTER (o.{alias} IS DISTINCT FROM n.{alias})" for alias in others.values()
        ]
        matched = f"FROM old AS o JOIN new AS n ON {same}"
        differing = [f"o.{alias} IS DISTINCT FROM n.{alias}" for alias in others.values()]
        changed = " OR ".join(differing) or "false"
        both, count, *by_column = self._row(
            f"SELECT count(*), count(*) FILTER ({changed}), {', '.join(counts) or '0'} {matched}"
        )
        alone = {
            "added": (self._one("SELECT count(*) FROM new") - both, "new AS n", "old AS o"),
            "removed": (self._one("SELECT count(*) FROM old") - both, "old AS o", "new AS n"),
        }
        examples = {
            kind: self._examples(f"{own} ANTI JOIN {other} ON {same}", own[-1]) if rows else []
            for kind, (rows, own, other) in alone.items()
        }
        examples["changed"] = self._changed(matched, changed, key, others) if count else []
        return {
            **{kind: rows for kind, (rows, *_) in alone.items()},
            "changed": count,
            "columns": [
                {"name": each, "rows": rows}
                for each, rows in zip(others, by_column, strict=False)
                if rows
            ],
            "reordered": not (count or any(rows for rows, *_ in alone.values())) and self._moved(),
            "examples": examples,
        }

    def _refuse_duplicates(self, side: str, key: Sequence[str]) -> None:
        keys = ", ".join(self.both[each] for each in key)
        found = self.connection.sql(
            f"SELECT {keys}, count(*) AS times FROM {side} GROUP BY {keys} HAVING count(*) > 1"
            " ORDER BY min(rowid) LIMIT 1"
        ).to_arrow_table()
        if found.num_rows:
            values = [as_text(found.column(at)[0]) for at in range(len(key))]
            pairs = zip(key, values, strict=True)
            told = ", ".join(f"`{each}` = {'null' if v is None else f'`{v}`'}" for each, v in pairs)
            raise TableError(
                f"the key tells no rows apart: {found['times'][0].as_py():,} rows of the {side} "
                f"table have {told}",
                hint="name more columns: `--key a,b`",
            )

    def _changed(
        self, matched: str, changed: str, key: Sequence[str], others: dict[str, str]
    ) -> list[Document]:
        asked = [f"n.{self.both[each]}" for each in key]
        asked += [
            f"{side}.{alias} AS {side}_{alias}" for alias in others.values() for side in ("o", "n")
        ]
        found = self._arrow(
            f"SELECT {', '.join(asked)} {matched} WHERE {changed} ORDER BY n.rowid LIMIT {EXAMPLES}"
        )
        rows = []
        for row in found:
            values = row[len(key) :]
            pairs = zip(others, values[::2], values[1::2], strict=True)
            rows.append(
                {
                    "key": dict(zip(key, row[: len(key)], strict=True)),
                    "columns": {
                        e: [before, after] for e, before, after in pairs if before != after
                    },
                }
            )
        return rows

    def as_wholes(self) -> Document:
        """Rows that are in one more often than in the other, whichever they are."""
        balance = (
            "SELECT h, sum(n)::BIGINT AS n FROM (SELECT h, 1 AS n FROM new UNION ALL "
            "SELECT h, -1 FROM old) GROUP BY h HAVING sum(n) <> 0"
        )
        self.connection.execute(f"CREATE TABLE balance AS {balance}")
        added, removed = self._row(
            "SELECT coalesce(sum(n) FILTER (n > 0), 0)::BIGINT,"
            " coalesce(-sum(n) FILTER (n < 0), 0)::BIGINT FROM balance"
        )
        examples = {
            kind: self._examples(
                f"{side} AS t SEMI JOIN balance AS b ON t.h = b.h AND b.n {sign} 0", "t"
            )
            for kind, side, sign in (("added", "new", ">"), ("removed", "old", "<"))
        }
        return {
            "added": added,
            "removed": removed,
            "changed": None,
            "columns": [],
            "reordered": not (added or removed) and self._moved(),
            "examples": {**examples, "changed": []},
        }

    def _moved(self) -> bool:
        """Whether of so many rows some stand elsewhere."""
        sql = (
            "SELECT count(*) FROM old AS o POSITIONAL JOIN new AS n WHERE o.h IS DISTINCT FROM n.h"
        )
        return bool(self._one(sql))

    def _examples(self, relation: str, alias: str) -> list[Document]:
        side = "old" if relation.startswith("old") else "new"
        aliases = self.aliases[side]
        asked = ", ".join(f"{alias}.{each}" for each in aliases.values())
        found = self._arrow(
            f"SELECT {asked} FROM {relation} ORDER BY {alias}.rowid LIMIT {EXAMPLES}"
        )
        return [dict(zip(aliases, row, strict=True)) for row in found]

    def _arrow(self, sql: str) -> list[list[str | None]]:
        """Rows of texts."""
        table = self.connection.sql(sql).to_arrow_table()
        return [[as_text(column[at]) for column in table.columns] for at in range(table.num_rows)]

    def _row(self, sql: str) -> tuple[Any, ...]:
        (found,) = self.connection.execute(sql).fetchall()
        return tuple(found)

    def _one(self, sql: str) -> Any:
        return self._row(sql)[0]


def _brought(old: pa.DataType, new: pa.DataType) -> str | None:
    """What values of a column are brought to whose type has changed, to be compared."""
    if old == new:
        return None
    if kinds.is_integer(old) and kinds.is_integer(new):
        return "HUGEINT"
    return "DOUBLE" if number(old) and number(new) else "VARCHAR"


def number(dtype: pa.DataType) -> bool:
    """Whether values of a type are numbers."""
    return bool(kinds.is_integer(dtype) or kinds.is_floating(dtype) or kinds.is_decimal(dtype))


def held(dtype: pa.DataType) -> pa.DataType:
    """The type that DuckDB holds the values of an Arrow type in."""

    def leaf(each: pa.DataType) -> pa.DataType:
        if kinds.is_decimal256(each):
            return pa.string()
        if kinds.is_float16(each):
            return pa.float32()
        return pa.int64() if kinds.is_duration(each) else each

    return replaced(dtype, leaf)
