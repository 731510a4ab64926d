"""One column of raw values → an output column, and which of its rows are wrong.

Knows no files. All of an array is converted at once; only where that fails are its rows told apart.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

from datamake.datafile.standard import Column, spoken
from datamake.tables import TableError
from datamake.tables.conversion import converted, first_fault, sayable
from datamake.tables.moments import localized, moments
from datamake.tables.schemas import Guard
from datamake.tables.types import arrow_type, text_of
from datamake.values import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    Convert = Callable[[pa.Array], pa.Array]

FEW = 8
"""Values of which some are wrong that are looked at one by one."""
NOT_UTF8 = "is not UTF-8"
TEXT = pa.string()


@value
class Wrong:
    """A row of an array that has no value of its column, and why."""

    row: int
    reason: str


@value
class Step:
    """One step of a conversion: what raises pa.ArrowInvalid, and what that means."""

    convert: Convert
    reason: str


class Casting:
    """What brings arrays of one type to one output column.

    `null` are the texts that mean null and that reading has not taken for it yet. Raises TableError
    where no value of the type could be brought there.
    """

    def __init__(
        self,
        column: Column,
        raw: pa.DataType,
        dtype: pa.DataType,
        null: Sequence[str] = (),
        decimal: str = ".",
    ) -> None:
        self.dtype = dtype
        self.required = column.type is not None and not column.type.nullable
        self.fill = None if column.fill is None else literal(column, column.fill, dtype)
        text = kinds.is_string(raw) or kinds.is_binary(raw)
        self.steps: list[Step] = []
        if kinds.is_binary(raw) and not kinds.is_binary(dtype):
            self._add(lambda values: values.cast(TEXT), NOT_UTF8)
        if not text and (column.map or (column.format and not kinds.is_temporal(raw))):
            self._add(lambda values: values.cast(TEXT), "has no text")
            text, decimal = True, "."
        if text and not (kinds.is_binary(raw) and kinds.is_binary(dtype)):
            self._texts(column, null, decimal)
        else:
            self._values(column, raw)
        self._inside(column)

    def _inside(self, column: Column) -> None:
        """What a type says of the values in a value: that none is null."""
        if column.type is None:
            return
        type_ = replace(column.type, nullable=True)
        if Guard(column.name, type_).plain:
            return

        def whole(values: pa.Array) -> pa.Array:
            guard = Guard(column.name, type_)
            guard.add(values)
            if guard.differences():
                raise pa.ArrowInvalid("null inside")
            return values

        self._add(whole, f"has a null in it, where the type is `{type_}`")

    def _add(self, convert: Convert, reason: str) -> None:
        self.steps.append(Step(convert, reason))

    def _texts(self, column: Column, null: Sequence[str], decimal: str) -> None:
        if column.trim:
            self._add(pc.utf8_trim_whitespace, "")
        if null:
            words = pa.array(null, TEXT)
            none = pa.scalar(None, TEXT)
            self._add(lambda texts: pc.if_else(pc.is_in(texts, words), none, texts), "")
        if column.map:
            self._add(mapped(column.map, decimal), "")
        dtype, zone = self.dtype, column.tz
        said = pa.timestamp(dtype.unit) if zone else dtype
        if column.format:
            self._add(moments(column.format, said), f"is not of the format `{column.format}`")
        elif not sayable(dtype):
            raise TableError(f"column `{column.name}`: a text cannot say `{text_of(dtype)}`")
        elif not kinds.is_string(dtype):
            self._add(
                lambda texts: told(texts, said, decimal),
                f"is not of the type `{text_of(said)}`",
            )
        if zone:
            self._local(column)

    def _local(self, column: Column) -> None:
        convert = localized(self.dtype, column.tz)
        try:
            convert(pa.array([0], pa.timestamp(self.dtype.unit)))
        except pa.ArrowInvalid as error:
            raise TableError(f"there is no time zone `{column.tz}`") from error
        self._add(convert, f"is no time in `{column.tz}`, or two: clocks were changed")

    def _values(self, column: Column, raw: pa.DataType) -> None:
        if raw == self.dtype:
            return
        local = kinds.is_date(raw) or (kinds.is_timestamp(raw) and raw.tz is None)
        if local and column.tz:
            unit = pa.timestamp(self.dtype.unit)
            self._add(lambda values: values.cast(unit), f"is not of the type `{text_of(unit)}`")
            self._local(column)
            return
        try:
            convert = cast_of(raw, self.dtype)
            convert(pa.array([], raw))
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
            zoned = kinds.is_timestamp(self.dtype) and self.dtype.tz is not None
            hint = 'say its time zone, as in `tz = "UTC"`' if local and zoned else ""
            raise TableError(
                f"column `{column.name}`: `{text_of(raw)}` cannot become `{text_of(self.dtype)}`",
                hint=hint,
            ) from error
        self._add(convert, f"is not of the type `{text_of(self.dtype)}`")

    def __call__(self, values: pa.Array, *, all_rows: bool) -> tuple[pa.Array, list[Wrong]]:
        """The values of the column, and what is wrong: in `all_rows`, or the first that is."""
        wrong: list[Wrong] = []
        for step in self.steps:
            try:
                values = step.convert(values)
            except pa.ArrowInvalid:
                values, rows = apart(values, step.convert, all_rows=all_rows)
                wrong += [Wrong(row, step.reason) for row in rows]
                if not all_rows:
                    return pa.nulls(len(values), self.dtype), wrong
        if self.fill is not None and values.null_count:
            values = _filled(values, self.fill, wrong)
        if self.required and values.null_count:
            known = {each.row for each in wrong}
            rows = pc.indices_nonzero(pc.is_null(values)).to_pylist()
            wrong += [Wrong(row, "is null") for row in rows if row not in known]
        return values, sorted(wrong, key=lambda each: each.row)


def _filled(values: pa.Array, fill: pa.Scalar, wrong: list[Wrong]) -> pa.Array:
    return values.fill_null(fill) if not wrong else pc.if_else(pc.is_valid(values), values, fill)


def apart(values: pa.Array, convert: Convert, *, all_rows: bool) -> tuple[pa.Array, list[int]]:
    """What can be converted, null for the rest; the rows of the rest, or the first of them.

    Each distinct value is looked at once: what is wrong is often wrong in the same way.
    """
    if not all_rows:
        return values, [first_fault(values, convert)]
    try:
        encoded = values.dictionary_encode()
    except pa.ArrowNotImplementedError:  # values with parts
        return _apart(values, convert)
    made, wrong = _apart(encoded.dictionary, convert)
    found = pc.is_in(encoded.indices, pa.array(wrong, encoded.indices.type))
    return made.take(encoded.indices), pc.indices_nonzero(found).to_pylist()


def _apart(values: pa.Array, convert: Convert) -> tuple[pa.Array, list[int]]:
    none = convert(values.slice(0, 0))
    parts: list[pa.Array] = [none]
    wrong: list[int] = []
    waiting = [(0, len(values))]
    while waiting:
        first, count = waiting.pop()
        try:
            parts.append(convert(values.slice(first, count)))
        except pa.ArrowInvalid:
            if count == 1:
                parts.append(pa.nulls(1, none.type))
                wrong.append(first)
            else:
                part = (count + 1) // 2 if count > FEW else 1
                starts = range(first, first + count, part)
                waiting += [(at, min(part, first + count - at)) for at in reversed(starts)]
    return pa.concat_arrays(parts), wrong


def told(texts: pa.Array, dtype: pa.DataType, decimal: str = ".") -> pa.Array:
    """What texts say, as people read them: `0x1F` is no number, `1e999` is not infinite.

    Raises pa.ArrowInvalid.
    """
    made = converted(texts, dtype, decimal)
    if not kinds.is_integer(dtype):
        return finite(texts, made)
    letters = _letters(texts)
    some = b"x" in letters or b"X" in letters
    if some and pc.any(pc.match_substring(texts, "x", ignore_case=True)).as_py():
        raise pa.ArrowInvalid("not decimal")
    return made


def _letters(texts: pa.Array) -> bytes:
    """All of some texts, one behind the other, and what lies between them."""
    _, offsets, data = texts.buffers()
    if not len(texts) or data is None:
        return b""
    ends = memoryview(offsets).cast("i")
    first, last = ends[texts.offset], ends[texts.offset + len(texts)]
    found: bytes = data.slice(first, last - first).to_pybytes()
    return found


def mapped(texts: Mapping[str, Any], decimal: str) -> Convert:
    """What puts other texts in the place of some."""
    keys = pa.array(list(texts), TEXT)
    values = pa.array([worded(each, decimal) for each in texts.values()], TEXT)

    def made(array: pa.Array) -> pa.Array:
        at = pc.index_in(array, keys)
        return pc.if_else(pc.is_valid(at), values.take(at), array)

    return made


def worded(found: Any, decimal: str = ".") -> str:
    """A value of TOML as the text that would say it."""
    if isinstance(found, str):
        return found
    return spoken(found).replace(".", decimal) if isinstance(found, float) else spoken(found)


def literal(column: Column, found: Any, dtype: pa.DataType) -> pa.Scalar:
    """A value of TOML as one of a type. Raises TableError."""
    try:
        return converted(pa.array([worded(found)], TEXT), dtype)[0]
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise TableError(
            f"column `{column.name}`: `{worded(found)}` is not of the type `{text_of(dtype)}`"
        ) from error


def constant(column: Column) -> pa.Scalar:
    """The value that a column has in all rows. Raises TableError."""
    found = column.constant
    if column.type is not None:
        return literal(column, found, arrow_type(column.type))
    if isinstance(found, (str, bool, int, float)) or not hasattr(found, "tzinfo"):
        return pa.scalar(found)
    if hasattr(found, "year"):
        return pa.scalar(found, pa.timestamp("us", None if found.tzinfo is None else "UTC"))
    return pa.scalar(found, pa.time64("us"))


# Values that are none of texts


def cast_of(raw: pa.DataType, dtype: pa.DataType) -> Convert:
    """What casts arrays of one type to another, and raises pa.ArrowInvalid for all that is lost.

    Raises pa.ArrowNotImplementedError where that makes no sense.
    """
    if kinds.is_string(raw):
        return lambda texts: told(texts, dtype)
    if kinds.is_timestamp(raw):
        return _cast_of_times(raw, dtype)
    if kinds.is_date(raw) and kinds.is_timestamp(dtype) and dtype.tz is not None:
        raise pa.ArrowNotImplementedError("not without a time zone")
    if kinds.is_nested(raw) or kinds.is_nested(dtype):
        if shape(raw) != shape(dtype):
            raise pa.ArrowNotImplementedError("not the same fields")
        return lambda values: values.cast(dtype)
    if kinds.is_boolean(dtype) and not kinds.is_null(raw):
        return lambda values: _back(values, values.cast(dtype))
    if kinds.is_integer(raw) and kinds.is_decimal(dtype):
        wide = pa.decimal256(76, max(dtype.scale, 0))
        return lambda values: values.cast(wide).cast(dtype)
    if kinds.is_floating(dtype):
        return lambda values: finite(values, values.cast(dtype))
    return lambda values: values.cast(dtype)


def _cast_of_times(raw: pa.DataType, dtype: pa.DataType) -> Convert:
    zoned = raw.tz is not None
    other = (not kinds.is_timestamp(dtype) or (dtype.tz is not None) != zoned) and not (
        kinds.is_date(dtype) or kinds.is_string(dtype)
    )
    if other or (kinds.is_date(dtype) and zoned):
        raise pa.ArrowNotImplementedError("not without a time zone, or parts of it")
    if kinds.is_date(dtype):
        return lambda values: _back(values, values.cast(dtype))
    return lambda values: values.cast(dtype)


def _back(values: pa.Array, made: pa.Array) -> pa.Array:
    """`made`, if casting it back gives `values`."""
    if not made.cast(values.type).equals(values):
        raise pa.ArrowInvalid("something is lost")
    return made


def finite(values: pa.Array, made: pa.Array) -> pa.Array:
    """`made`, if what is infinite in it was so before."""
    if not kinds.is_floating(made.type) or not pc.any(pc.is_inf(made)).as_py():
        return made
    if kinds.is_floating(values.type):
        were = pc.is_inf(values)
    elif kinds.is_string(values.type):
        were = pc.match_substring(values, "inf", ignore_case=True)
    else:
        were = pa.scalar(False)
    if pc.any(pc.and_not(pc.is_inf(made), were)).as_py():
        raise pa.ArrowInvalid("too large")
    return made


def shape(dtype: pa.DataType) -> Any:
    """The names of the fields in a type, which a cast must not lose."""
    if kinds.is_struct(dtype):
        return {field.name: shape(field.type) for field in dtype}
    if kinds.is_map(dtype):
        return [shape(dtype.key_type), shape(dtype.item_type)]
    if kinds.is_list(dtype) or kinds.is_fixed_size_list(dtype):
        return [shape(dtype.value_type)]
    return ""
