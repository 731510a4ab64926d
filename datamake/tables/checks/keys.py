"""The check that counts keys: `unique`.

Knows nothing of where rows are from. A key with a null in it is like no other, as in SQL. NaN
equals itself.
"""

from __future__ import annotations

from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

from datamake.tables.checks.bound import KeyTest, Sights
from datamake.tables.checks.rows import same
from datamake.tables.checks.scalars import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from datamake.datafile.checks import Check

LEAST = 1 << 18
"""Rows that are put together before their keys are counted."""


class Unique(KeyTest):
    """No two rows with one key."""

    def __init__(self, check: Check, schema: pa.Schema, sights: Sights) -> None:
        super().__init__(check, schema, sights)
        self.need_comparable()


class Keys:
    """The keys of a table, batch by batch: counted, unless they rise from the first row on."""

    def __init__(self, types: Sequence[pa.DataType]) -> None:
        ordered = not any(map(kinds.is_null, types))
        self.rising: Rising | None = Rising(types) if ordered else None
        self.tally = Tally(types)
        self.again = False
        """Whether they stopped rising on the way, so that all have to be counted after all."""

    def add(self, arrays: Sequence[pa.Array], *, first: bool) -> None:
        """Take in the keys of further rows, or of the first ones."""
        if self.rising is not None:
            self.rising.add(arrays)
            if self.rising.holds:
                return
            self.rising, self.again = None, not first
        if not self.again:
            self.tally.add(arrays)


class Rising:
    """Whether each key is above the one before it, so that there is none twice."""

    def __init__(self, types: Sequence[pa.DataType]) -> None:
        self.last = [same(pa.nulls(0, dtype)) for dtype in types]
        self.holds = True

    def add(self, arrays: Sequence[pa.Array]) -> None:
        """Take in the keys of further rows."""
        arrays = [same(array) for array in arrays]
        present = reduce(pc.and_, map(pc.is_valid, arrays))
        if present.true_count < len(present):
            arrays = [array.filter(present) for array in arrays]
        both = [pa.concat_arrays(pair) for pair in zip(self.last, arrays, strict=True)]
        count = len(both[0])
        self.last = [array.slice(max(count - 1, 0)) for array in both]
        above: pa.Array = pa.repeat(pa.scalar(value=False), max(count - 1, 0))
        for array in reversed(both):
            before, now = array.slice(0, max(count - 1, 0)), array.slice(1)
            even = pc.and_(pc.equal(now, before), above)
            above = pc.or_(pc.greater(now, before), even)
        self.holds = above.false_count == 0


class Tally:
    """Keys counted with Arrow alone: all different ones are in memory."""

    def __init__(self, types: Sequence[pa.DataType]) -> None:
        self.places = [f"k{at}" for at in range(len(types))]
        made = [same(pa.nulls(0, dtype)).type for dtype in types]
        self.schema = pa.schema([*zip(self.places, made, strict=True), ("count", pa.int64())])
        self.counts = pa.Table.from_batches([], self.schema)
        self.waiting: list[pa.Table] = []
        self.rows = 0

    def add(self, arrays: Sequence[pa.Array]) -> None:
        """Take in the keys of further rows."""
        ones = pa.repeat(pa.scalar(1, pa.int64()), len(arrays[0]))
        some = pa.Table.from_arrays([*map(same, arrays), ones], schema=self.schema)
        for place in self.places:
            if some.column(place).null_count:
                some = some.filter(pc.is_valid(some.column(place)))
        self.waiting.append(some)
        self.rows += len(some)
        if self.rows >= max(LEAST, len(self.counts)):
            self._count()

    def _count(self) -> None:
        """Merged when there is as much new as known, so that all of it stays linear."""
        both = pa.concat_tables([self.counts, *self.waiting])
        counted = both.group_by(self.places, use_threads=False).aggregate([("count", "sum")])
        self.counts = counted.rename_columns(
            ["count" if name == "count_sum" else name for name in counted.column_names]
        ).select(self.schema.names)
        self.waiting, self.rows = [], 0

    def doubled(self) -> int:
        """Rows beyond the first of each key."""
        self._count()
        return (pc.sum(self.counts.column("count")).as_py() or 0) - len(self.counts)

    def most(self, first: int, least: int) -> list[tuple[list[pa.Scalar], int]]:
        """The keys that at least so many rows have, most first, and their number."""
        self._count()
        found = self.counts.filter(pc.greater_equal(self.counts.column("count"), least))
        order = [("count", "descending"), *((place, "ascending") for place in self.places)]
        some = found.take(pc.sort_indices(found, order).slice(0, first))
        return [
            ([some.column(place)[at] for place in self.places], some.column("count")[at].as_py())
            for at in range(len(some))
        ]


def sample(columns: Sequence[str], key: Sequence[pa.Scalar], count: int) -> Mapping[str, Any]:
    """A key as JSON has it, with the number of its rows."""
    counted = "count" if "count" not in columns else "count of rows"
    return {**dict(zip(columns, map(shown, key), strict=True)), counted: count}
