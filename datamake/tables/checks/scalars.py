"""Values of a Datafile → values of a column's type, and how SQL writes those; values as JSON.

Knows no checks.
"""

from __future__ import annotations

import datetime as dt
import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

import pyarrow as pa
import pyarrow.types as kinds

from datamake.datafile import sql
from datamake.errors import shortened
from datamake.tables.types import text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LONG = 200
"""Characters of a text that goes into a sample."""
EXACT = Context(prec=400)
NO_LIMIT = "`nan` is no limit"
FAR = 1e90
"""Beyond all whole numbers and decimals."""

SQL_TYPES = {
    pa.bool_(): "BOOLEAN",
    pa.int8(): "TINYINT",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.uint8(): "UTINYINT",
    pa.uint16(): "USMALLINT",
    pa.uint32(): "UINTEGER",
    pa.uint64(): "UBIGINT",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
    pa.string(): "VARCHAR",
    pa.date32(): "DATE",
    pa.timestamp("s"): "TIMESTAMP_S",
    pa.timestamp("ms"): "TIMESTAMP_MS",
    pa.timestamp("us"): "TIMESTAMP",
    pa.timestamp("ns"): "TIMESTAMP_NS",
}


def sql_type(dtype: pa.DataType) -> str | None:
    """The type of DuckDB that holds the same values in the same order; None where none does."""
    if kinds.is_decimal(dtype) and dtype.precision <= 38 and dtype.scale >= 0:
        return f"DECIMAL({dtype.precision},{dtype.scale})"
    if kinds.is_timestamp(dtype) and dtype.tz is not None:
        return "TIMESTAMP WITH TIME ZONE" if dtype.unit == "us" else None
    return SQL_TYPES.get(dtype)


def comparable(dtype: pa.DataType) -> bool:
    """Whether values of this type can be looked up and compared."""
    return not (kinds.is_nested(dtype) or kinds.is_interval(dtype))


def scalar(value: Any, dtype: pa.DataType) -> pa.Scalar:
    """The value of the type that a value of TOML means. Raises ValueError where none does.

    A string is read as the type. What has no zone is taken as UTC where the type has one.
    """
    try:
        return _scalar(value, dtype)
    except (pa.ArrowException, ValueError, TypeError, OverflowError, ArithmeticError) as error:
        shown = value if isinstance(value, str) else str(value)
        raise ValueError(f"`{shown}` is no `{text_of(dtype)}`") from error


def _scalar(value: Any, dtype: pa.DataType) -> pa.Scalar:
    if isinstance(value, str):
        return _read(value, dtype)
    if isinstance(value, bool):
        if kinds.is_boolean(dtype):
            return pa.scalar(value, dtype)
    elif isinstance(value, (int, float)):
        return _number(value, dtype)
    elif isinstance(value, dt.date):  # or a datetime, which is one
        return _moment(value, dtype)
    elif isinstance(value, dt.time) and kinds.is_time(dtype):
        return pa.scalar(value, pa.time64("us")).cast(dtype)
    raise TypeError


def _number(value: float, dtype: pa.DataType) -> pa.Scalar:
    if kinds.is_integer(dtype) and value == int(value):
        return pa.scalar(int(value), dtype)
    if kinds.is_floating(dtype):
        return pa.scalar(float(value), pa.float64()).cast(dtype)
    if kinds.is_decimal(dtype):
        return _read(repr(value), dtype)
    raise TypeError


def _moment(value: dt.date, dtype: pa.DataType) -> pa.Scalar:
    """Of a date its midnight, where the type has times."""
    if kinds.is_date(dtype) and not isinstance(value, dt.datetime):
        return pa.scalar(value, dtype)
    if not kinds.is_timestamp(dtype):
        raise TypeError
    moment = value
    if not isinstance(moment, dt.datetime):
        moment = dt.datetime(value.year, value.month, value.day, tzinfo=dt.timezone.utc)
    elif moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.timezone.utc)
    elif dtype.tz is None:
        raise TypeError
    return pa.scalar(moment, pa.timestamp("us", "UTC")).cast(dtype)


def _read(text: str, dtype: pa.DataType) -> pa.Scalar:
    if kinds.is_decimal(dtype):
        return pa.scalar(Decimal(text).scaleb(0, EXACT), dtype)
    if kinds.is_timestamp(dtype) and dtype.tz is not None:
        try:
            return pa.scalar(text).cast(pa.timestamp(dtype.unit)).cast(dtype)
        except pa.ArrowInvalid:
            return pa.scalar(text).cast(dtype)
    if kinds.is_time(dtype):
        return pa.scalar(f"1970-01-01 {text}").cast(pa.timestamp(dtype.unit)).cast(dtype)
    return pa.scalar(text).cast(dtype)


def limits(low: Any, high: Any, dtype: pa.DataType) -> tuple[pa.Scalar, pa.Scalar]:
    """The least and the greatest value of the type that lie between two limits.

    The first is above the second where none does. Raises ValueError, also for NaN, which no value
    is between.
    """
    numbers = all(isinstance(each, (int, float)) for each in (low, high))
    if not numbers or not (kinds.is_integer(dtype) or kinds.is_decimal(dtype)):
        ends = scalar(low, dtype), scalar(high, dtype)
        if kinds.is_floating(dtype) and "nan" in map(text, ends):
            raise ValueError(NO_LIMIT)
        return ends
    if "nan" in (str(low), str(high)):
        raise ValueError(NO_LIMIT)
    least, greatest = _range(dtype)
    scale = dtype.scale if kinds.is_decimal(dtype) else 0
    first = _unit(low, scale, ROUND_CEILING)
    last = _unit(high, scale, ROUND_FLOOR)
    if first > greatest or last < least:
        first, last = greatest, least
    first, last = max(first, least), min(last, greatest)
    if not kinds.is_decimal(dtype):
        return pa.scalar(first, dtype), pa.scalar(last, dtype)
    made = [pa.scalar(Decimal(each).scaleb(-scale, EXACT), dtype) for each in (first, last)]
    return made[0], made[1]


def _range(dtype: pa.DataType) -> tuple[int, int]:
    """Of whole numbers, in units of the last digit."""
    if kinds.is_decimal(dtype):
        return 1 - 10**dtype.precision, 10**dtype.precision - 1
    if kinds.is_unsigned_integer(dtype):
        return 0, (1 << dtype.bit_width) - 1
    return -(1 << dtype.bit_width - 1), (1 << dtype.bit_width - 1) - 1


def _unit(number: float, scale: int, rounding: str) -> int:
    if isinstance(number, float) and abs(number) > FAR:
        number = math.copysign(FAR, number)
    exact = Decimal(repr(number)).scaleb(scale, EXACT)
    return int(exact.to_integral_value(rounding))


# SQL


def literal(found: pa.Scalar) -> str:
    """How SQL writes a value of a type that `sql_type` has."""
    dtype = found.type
    if kinds.is_string(dtype):
        return sql.literal(found.as_py())
    return f"CAST({sql.literal(text(found))} AS {sql_type(dtype)})"


def text(found: pa.Scalar) -> str:
    """A value as text: a moment with a zone is one of UTC, and says so."""
    dtype = found.type
    if kinds.is_floating(dtype):
        return repr(found.cast(pa.float64()).as_py())
    if kinds.is_timestamp(dtype) and dtype.tz is not None:
        return str(found.cast(pa.timestamp(dtype.unit)).cast(pa.string()).as_py()) + "+00"
    return str(found.cast(pa.string()).as_py())


# Samples


def shown(found: pa.Scalar) -> Any:
    """A value as JSON has it; what JSON has no word for is a text."""
    if not found.is_valid:
        return None
    dtype = found.type
    if kinds.is_boolean(dtype) or kinds.is_integer(dtype):
        return found.as_py()
    if kinds.is_floating(dtype):
        number = found.cast(pa.float64()).as_py()
        return number if math.isfinite(number) else str(number)
    if kinds.is_binary(dtype) or kinds.is_fixed_size_binary(dtype):
        return shortened(found.as_py().hex(), LONG)
    try:
        return shortened(text(found), LONG)
    except (pa.ArrowException, ValueError):
        return shortened(str(found), LONG)
