"""Durations and sizes as people write them.

Knows nothing of Datafiles.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

DURATIONS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
SIZES = {
    "": 1,
    "b": 1,
    **{f"{letter}b": 1000**power for power, letter in enumerate("kmgtp", 1)},
    **{f"{letter}ib": 1024**power for power, letter in enumerate("kmgtp", 1)},
}


def seconds(text: str | float) -> float:
    """`"30m"` in seconds; a bare number is seconds. Raises ValueError with a message."""
    found = amount(text, DURATIONS)
    if found is None:
        raise ValueError(f"`{text}` is not a duration like `500ms`, `90s`, `30m`, `6h` or `1.5d`")
    return found


def size(text: str | float) -> int:
    """`"8GB"` in bytes; a bare number is bytes. Raises ValueError with a message."""
    found = amount(str(text).lower(), SIZES)
    if found is None:
        raise ValueError(f"`{text}` is not a size like `500KB`, `8GB` or `1.5GiB`")
    return round(found)


def amount(text: str | float, units: Mapping[str, float]) -> float | None:
    """A number times its unit; None if it is anything else, or negative."""
    found = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,9})?) ?([A-Za-z]*)", str(text))
    if found is None or found[2] not in units:
        return None
    return float(found[1]) * units[found[2]]


def shortened(amount: float) -> str:
    """Seconds as a Datafile writes them: `365d`, `90m`; what no unit divides as `2.8h`, about."""
    units = sorted(DURATIONS.items(), key=lambda each: each[1], reverse=True)
    fitting = [(unit, length) for unit, length in units if unit and length <= amount]
    whole = [each for each in fitting if each[1] >= 1 and (amount / each[1]).is_integer()]
    unit, length = [*whole, *fitting, ("s", 1.0)][0]
    number = f"{amount / length:.1f}".removesuffix(".0")
    return f"{number}{unit}"
