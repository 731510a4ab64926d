"""Texts in a given format → dates and times.

Knows no files. Arrow's `strptime` is not used: it takes 31.02. for the 3rd of March, and knows no
fractions of seconds. Every text that does not say a moment, in the format, is an error.
"""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
PATTERNS = {
    "Y": "[0-9]{4}",
    "y": "[0-9]{2}",
    "b": "|".join(name[:3] for name in MONTHS),
    "B": "|".join(MONTHS),
    "a": "|".join(name[:3] for name in DAYS),
    "A": "|".join(DAYS),
    "p": "[AaPp][Mm]",
    "f": "[0-9]{1,9}",
    "z": "[+-][0-9]{2}:?[0-9]{2}|[Zz]",
    **dict.fromkeys("mdHIMS", "[0-9]{1,2}"),
}
SHORT = {"%F": "%Y-%m-%d", "%T": "%H:%M:%S"}


def pattern(format: str) -> str:
    """The regular expression, of RE2, that a format means; blanks around are no part of it."""
    whole = re.sub("%[FT%]", lambda found: SHORT.get(found[0], found[0]), format)
    parts = re.split("(%.)", whole)
    texts = [re.escape(text) for text in parts[::2]]
    fields = [
        "%" if each == "%%" else f"(?P<{each[1]}>{PATTERNS[each[1]]})" for each in parts[1::2]
    ]
    mixed = "".join(text + field for text, field in zip(texts, [*fields, ""], strict=True))
    return rf"(?i)^\s*{mixed}\s*$"


def moments(format: str, dtype: pa.DataType) -> Callable[[pa.Array], pa.Array]:
    """What makes values of a type of dates and times of strings, and raises pa.ArrowInvalid."""
    expression = pattern(format)
    unit = "s" if kinds.is_date(dtype) else dtype.unit
    zone = dtype.tz if kinds.is_timestamp(dtype) and "(?P<z>" in expression else None
    between = pa.timestamp(unit, zone)

    def made(texts: pa.Array) -> pa.Array:
        found = pc.extract_regex(texts, expression)
        if found.null_count != texts.null_count:
            raise pa.ArrowInvalid(f"not of the format {format}")
        fields = {
            field.name: values for field, values in zip(found.type, found.flatten(), strict=True)
        }
        iso = _iso(fields, len(texts), with_fraction=not kinds.is_date(dtype))
        return iso.cast(between).cast(dtype)

    return made


def _iso(fields: dict[str, pa.Array], rows: int, *, with_fraction: bool) -> pa.Array:
    """`2013-01-31 10:00:00.5+01:00` of what there is of it; null where the text was."""

    def two(name: str, default: str) -> pa.Array:
        return pc.utf8_lpad(fields[name], 2, "0") if name in fields else pa.scalar(default)

    if "Y" in fields:
        year = fields["Y"]
    elif "y" in fields:
        past = pc.greater_equal(fields["y"], "69")
        year = pc.binary_join_element_wise(pc.if_else(past, "19", "20"), fields["y"], "")
    else:
        year = pa.scalar("1970")
    month = two("m", "01")
    for name in ("b", "B"):
        if name in fields:
            month = _month(fields[name])
    hour = _half_day(fields["I"], fields["p"]) if "I" in fields else two("H", "00")
    parts = [year, "-", month, "-", two("d", "01"), " ", hour]
    parts += [":", two("M", "00"), ":", two("S", "00")]
    if "f" in fields and with_fraction:
        parts += [".", fields["f"]]
    if "z" in fields and with_fraction:
        parts.append(pc.utf8_upper(fields["z"]))
    whole = pc.binary_join_element_wise(*parts, "")
    return whole if isinstance(whole, pa.Array) else pa.repeat(whole, rows)


def _month(names: pa.Array) -> pa.Array:
    known = pa.array([name[:3].lower() for name in MONTHS])
    at = pc.index_in(pc.utf8_lower(pc.utf8_slice_codeunits(names, 0, 3)), known)
    return pa.array([f"{number:02}" for number in range(1, 13)]).take(at)


def _half_day(hours: pa.Array, half: pa.Array) -> pa.Array:
    known = pa.array([f"{hour:02}" for hour in range(1, 13)])
    at = pc.index_in(pc.utf8_lpad(hours, 2, "0"), known)
    if at.null_count != hours.null_count:
        raise pa.ArrowInvalid("no hour from 1 to 12")
    late = pc.equal(pc.utf8_lower(half), "pm")
    mornings = pa.array([f"{hour % 12:02}" for hour in range(1, 13)])
    evenings = pa.array([f"{hour % 12 + 12:02}" for hour in range(1, 13)])
    return pc.if_else(late, evenings.take(at), mornings.take(at))


def localized(dtype: pa.DataType, zone: str) -> Callable[[pa.Array], pa.Array]:
    """What takes times for those of clocks in a zone, as values of a type with one.

    Raises pa.ArrowInvalid for a time that clocks leave out or show twice.
    """

    def made(times: pa.Array) -> pa.Array:
        return pc.assume_timezone(times, zone).cast(dtype)

    return made
