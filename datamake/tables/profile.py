"""What people want to see of a table: its first rows, and for each column how it is filled.

Knows nothing of where the table is from. It is read once, in batches.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from datamake.errors import shortened
from datamake.tables import TableError
from datamake.tables.types import text_of

REASONS = 3
"""Reasons that are told."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from datamake.tables.reading import Table


class Column:
    """What is known of a column after some batches: how many nulls, the least and the greatest."""

    def __init__(self, field: pa.Field) -> None:
        self.name = field.name
        self.type = field.type
        self.nulls = 0
        self.least: pa.Scalar | None = None
        self.greatest: pa.Scalar | None = None
        self.ordered = True
        """Whether values of its type have an order."""

    def add(self, values: pa.Array) -> None:
        """Take the next values into account."""
        self.nulls += values.null_count
        if not self.ordered:
            return
        try:
            both = pc.min_max(values)
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
            self.ordered = False
            return
        self.least = _chosen(self.least, both["min"], pc.less)
        self.greatest = _chosen(self.greatest, both["max"], pc.greater)

    def document(self) -> dict[str, Any]:
        """The same as JSON has it; a value as text."""
        return {
            "name": self.name,
            "type": text_of(self.type),
            "nulls": self.nulls,
            "min": as_text(self.least) if self.ordered else None,
            "max": as_text(self.greatest) if self.ordered else None,
        }


def profiled(table: Table, first: int) -> dict[str, Any]:
    """`rows`, `columns` with `name`, `type`, `nulls`, `min` and `max`, and the `first` rows.

    Values are text, None for null. Raises TableError.
    """
    columns = [Column(field) for field in table.schema]
    rows = 0
    shown: list[list[str | None]] = []
    for batch in table.batches():
        rows += batch.num_rows
        for column, values in zip(columns, batch.columns, strict=True):
            column.add(values)
        some = batch.slice(0, max(0, first - len(shown)))
        shown += [[as_text(values[row]) for values in some.columns] for row in range(some.num_rows)]
    return {"rows": rows, "columns": [column.document() for column in columns], "first": shown}


def _chosen(known: pa.Scalar | None, other: pa.Scalar, better: Any) -> pa.Scalar | None:
    if not other.is_valid:
        return known
    return other if known is None or better(other, known).as_py() else known


def as_text(value: pa.Scalar | None) -> str | None:
    """A value as text; one that Python has no type for as Arrow writes it."""
    if value is None or not value.is_valid:
        return None
    try:
        found = value.as_py()
    except (ValueError, OverflowError):
        return str(value)
    return str(found).lower() if isinstance(found, bool) else str(found)


def newest(table: Table, column: str) -> float | None:
    """The greatest date or time in a column, in seconds since 1970; of one without a zone in UTC.

    Raises TableError for another type.
    """
    dtype = table.chosen([column]).field(column).type
    if not (pa.types.is_date(dtype) or pa.types.is_timestamp(dtype)):
        raise TableError(
            f"the column `{column}` has no dates or times", [f"it is {text_of(dtype)}"]
        )
    found = [pc.max(batch.column(0)) for batch in table.batches([column])]
    greatest = pc.max(pa.chunked_array([[each] for each in found], dtype)) if found else None
    if greatest is None or not greatest.is_valid:
        return None
    return seconds(greatest)


def seconds(moment: pa.Scalar) -> float:
    """A date, from its midnight, or time in seconds since 1970; of one without a zone in UTC."""
    if pa.types.is_date(moment.type):
        days: int = moment.cast(pa.date32()).cast(pa.int32()).as_py()
        return days * 86400.0
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[moment.type.unit]
    return float(moment.value / per_second)


def reasons(rejects: str) -> list[str]:
    """Why most rows are in quarantine, of a file of these: a line for each column and reason."""
    import pyarrow.parquet as pq

    table = pq.read_table(rejects, columns=["column", "reason", "value"])
    groups = table.group_by(["column", "reason"]).aggregate(
        [("value", "count", pc.CountOptions(mode="all")), ("value", "min")]
    )
    rows = sorted(groups.to_pylist(), key=lambda row: -row["value_count"])
    return [
        f"`{row['column'] or 'the row'}` {row['reason']}: {row['value_count']:,}"
        + (f", as `{shortened(row['value_min'])}`" if row["value_min"] else "")
        for row in rows[:REASONS]
    ]
