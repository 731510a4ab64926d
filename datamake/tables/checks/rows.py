"""Checks that judge each row by itself: `not_null`, `accepted`, `between`, `matches`, `references`.

Knows no other row. A null passes all but the first. NaN is a value like another, above all others, and equals itself.
"""

from __future__ import annotations

from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

from datamake.datafile import sql
from datamake.tables import no_column
from datamake.tables.checks.bound import RowTest, Sights
from datamake.tables.checks.scalars import limits, literal, scalar, sql_type
from datamake.tables.failures import brief
from datamake.tables.types import text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from datamake.datafile.checks import Check


class NotNull(RowTest):
    """No null in any of the columns."""

    @property
    def in_sql(self) -> bool:
        """With a `where` whatever type it is."""
        return super().in_sql or bool(self.check.where)

    def condition(self, names: Sequence[str]) -> str:
        """`a IS NULL OR b IS NULL`."""
        return f"({' OR '.join(f'{name} IS NULL' for name in names)})"

    def broken(self, arrays: Sequence[pa.Array]) -> pa.Array:
        """The same."""
        return reduce(pc.or_, [pc.is_null(array) for array in arrays])


class Accepted(RowTest):
    """One of a few values."""

    dear = by_value = True

    def __init__(self, check: Check, schema: pa.Schema, sights: Sights) -> None:
        super().__init__(check, schema, sights)
        self.need_comparable()
        try:
            self.accepted = [scalar(each, self.types[0]) for each in check.arguments]
        except ValueError as error:
            raise self.fault(str(error)) from error
        self.known = pa.array(self.accepted, self.types[0])

    def condition(self, names: Sequence[str]) -> str:
        """`a NOT IN (…)`."""
        listed = ", ".join(map(literal, self.accepted))
        return f"({names[0]} IS NOT NULL AND {names[0]} NOT IN ({listed}))"

    def broken(self, arrays: Sequence[pa.Array]) -> pa.Array:
        """The same."""
        return absent(arrays[0], self.known)


class Between(RowTest):
    """Not below the one, not above the other."""

    def __init__(self, check: Check, schema: pa.Schema, sights: Sights) -> None:
        super().__init__(check, schema, sights)
        dtype = self.types[0]
        ordered = not (kinds.is_boolean(dtype) or kinds.is_null(dtype))
        self.need_comparable()
        self.need(right=ordered, what="which has no order")
        try:
            self.limits = limits(check.arguments[0], check.arguments[1], dtype)
        except ValueError as error:
            raise self.fault(str(error)) from error

    def condition(self, names: Sequence[str]) -> str:
        """`a NOT BETWEEN x AND y`."""
        low, high = map(literal, self.limits)
        return f"({names[0]} IS NOT NULL AND {names[0]} NOT BETWEEN {low} AND {high})"

    def broken(self, arrays: Sequence[pa.Array]) -> pa.Array:
        """The same. No comparison holds of NaN."""
        array, low, high = arrays[0], *self.limits
        if kinds.is_float16(array.type):
            array, low, high = (each.cast(pa.float32()) for each in (array, low, high))
        inside = pc.and_(pc.greater_equal(array, low), pc.less_equal(array, high))
        return pc.fill_null(pc.invert(inside), fill_value=False)


class Matches(RowTest):
    """The regular expression is found in it, anywhere, if nothing in it says where."""

    dear = True

    def __init__(self, check: Check, schema: pa.Schema, sights: Sights) -> None:
        super().__init__(check, schema, sights)
        self.need(right=kinds.is_string(self.types[0]), what="and only a `string` can match")
        self.pattern = check.arguments[0]
        try:
            self.broken([pa.array([""])])
        except pa.ArrowInvalid as error:
            raise self.fault("its regular expression cannot be read", [brief(error)]) from error

    def condition(self, names: Sequence[str]) -> str:
        """`NOT regexp_matches(a, …)`."""
        pattern = sql.literal(self.pattern)
        return f"({names[0]} IS NOT NULL AND NOT regexp_matches({names[0]}, {pattern}))"

    def broken(self, arrays: Sequence[pa.Array]) -> pa.Array:
        """The same."""
        found = pc.match_substring_regex(arrays[0], self.pattern)
        return pc.fill_null(pc.invert(found), fill_value=False)


class References(RowTest):
    """A value that a column of another table has."""

    dear = by_value = True

    def __init__(self, check: Check, schema: pa.Schema, sights: Sights) -> None:
        super().__init__(check, schema, sights)
        self.need_comparable()
        self.name, self.column = check.arguments
        self.other = sights.references[self.name]
        self.held: pa.Array | None = None
        self.view = ""
        """What holds the other column's values in the session, its one column `held`."""
        found = self.other.schema
        if found.names.count(self.column) != 1:
            fault = no_column(self.name, self.column, found.names)
            raise self.fault(fault.headline, fault.facts, fault.hint)
        self.other_type = found.field(self.column).type
        if not _alike(self.types[0], self.other_type):
            raise self.fault(
                f"`{self.columns[0]}` is `{text_of(self.types[0])}`, and "
                f"`{self.name}.{self.column}` is `{text_of(self.other_type)}`"
            )

    @property
    def in_sql(self) -> bool:
        """Both columns."""
        return super().in_sql and sql_type(self.other_type) is not None

    def condition(self, names: Sequence[str]) -> str:
        """`a NOT IN (SELECT DISTINCT held FROM …)`."""
        held = f"(SELECT DISTINCT held FROM {self.view} WHERE held IS NOT NULL)"
        return f"({names[0]} IS NOT NULL AND {names[0]} NOT IN {held})"

    def broken(self, arrays: Sequence[pa.Array]) -> pa.Array:
        """The same; all different values of the other column are in memory."""
        if self.held is None:
            self.held = self._held()
        return absent(arrays[0].cast(self.held.type), self.held)

    def _held(self) -> pa.Array:
        wide = self.other_type
        if kinds.is_integer(wide):
            wide = pa.decimal128(20, 0) if wide != self.types[0] else wide
        found = same(pa.array([], wide))
        for batch in self.other.batches([self.column]):
            some = pc.unique(same(batch.column(0).cast(wide)).drop_null())
            found = pc.unique(pa.concat_arrays([found, some]))
        return found


def _alike(one: pa.DataType, other: pa.DataType) -> bool:
    return bool(one == other) or (kinds.is_integer(one) and kinds.is_integer(other))


def absent(array: pa.Array, known: pa.Array) -> pa.Array:
    """Where a value, not a null, is none of those."""
    array, known = same(array), same(known)
    if kinds.is_duration(array.type) or kinds.is_null(array.type):
        array, known = array.cast(pa.int64()), known.cast(pa.int64())
    return pc.and_(pc.is_valid(array), pc.invert(pc.is_in(array, known)))


def same(array: pa.Array) -> pa.Array:
    """The array such that equal numbers are the same bits: one NaN, one zero."""
    dtype = array.type
    if not kinds.is_floating(dtype):
        return array
    if kinds.is_float16(dtype):
        array, dtype = array.cast(pa.float32()), pa.float32()
    zero = pc.add(array, pa.scalar(0, dtype))
    return pc.if_else(pc.is_nan(zero), pa.scalar(float("nan"), dtype), zero)
