"""Texts → values of a type: how the text formats say numbers, dates and times.

Knows no files. Blanks around a value are no part of it, unless it is a string.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def sayable(dtype: pa.DataType) -> bool:
    """Whether a text can say values of this type."""
    return not (kinds.is_nested(dtype) or kinds.is_null(dtype) or kinds.is_interval(dtype))


def converted(texts: pa.Array, dtype: pa.DataType, decimal: str = ".") -> pa.Array:
    """The values of an array of strings, null where it is. Raises pa.ArrowInvalid."""
    if kinds.is_string(dtype):
        return texts
    if decimal != "." and (kinds.is_floating(dtype) or kinds.is_decimal(dtype)):
        texts = pc.replace_substring(texts, ".", "no digit")
        texts = pc.replace_substring(texts, decimal, ".")
    convert = _convert_of(dtype)
    try:
        return convert(texts, dtype)
    except pa.ArrowInvalid:
        trimmed = pc.utf8_trim_whitespace(texts)
        if trimmed.equals(texts):
            raise
        return convert(trimmed, dtype)


def _convert_of(dtype: pa.DataType) -> Callable[[pa.Array, pa.DataType], pa.Array]:
    if kinds.is_time(dtype):
        return _times
    return _durations if kinds.is_duration(dtype) else pc.cast


def _times(texts: pa.Array, dtype: pa.DataType) -> pa.Array:
    moments = pc.binary_join_element_wise("1970-01-01 ", texts, "")
    return moments.cast(pa.timestamp(dtype.unit)).cast(dtype)


def _durations(texts: pa.Array, dtype: pa.DataType) -> pa.Array:
    return texts.cast(pa.int64()).cast(dtype)


def first_fault(texts: pa.Array, convert: Callable[[pa.Array], object]) -> int:
    """The index of the first value that `convert` raises pa.ArrowInvalid for; some one does."""
    first, count = 0, len(texts)
    while count > 1:
        half = count // 2
        try:
            convert(texts.slice(first, half))
        except pa.ArrowInvalid:
            count = half
        else:
            first, count = first + half, count - half
    return first
