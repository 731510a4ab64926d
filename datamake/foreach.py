"""The rows of a foreach: products of lists and dates, less what is excluded.

Knows nothing of targets and of files. A row is variable → text, in the order of the variables.
"""

from __future__ import annotations

import re
from itertools import product as combinations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    Row = Mapping[str, str]

MOST = 1_000_000
"""Instances that one target may have."""

MOMENT = (
    r"(\d{4}(?:-\d\d(?:-\d\d(?:[T ]\d\d(?::\d\d(?::\d\d)?)?)?)?)?)"
    r"(?:(?<=:\d\d)(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?)?"
)
"""An ISO date or date-time, as much of it as is given; fractions and the zone count for nothing."""
SHOWN = {"y": 4, "mo": 7, "w": 10, "d": 10, "h": 13}
"""How many characters of an ISO date-time tell apart periods of a unit."""
SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 604800, "mo": 2678400, "y": 31622400}
"""The length of a unit, at most."""
PRECISION = {4: "y", 7: "mo", 10: "d", 13: "h", 16: "min", 19: "s"}
"""The unit that an ISO date-time of so many characters ends in."""


def text_of(given: Any) -> str:
    """A single value of TOML as text. Raises ValueError for a list or table."""
    if isinstance(given, str):
        return given
    if isinstance(given, bool):
        return "true" if given else "false"
    if hasattr(given, "isoformat"):
        return str(given.isoformat())
    if isinstance(given, (int, float)):
        return str(given)
    raise ValueError(f"`{given}` is not a single value")


def product(variables: Mapping[str, Sequence[str]]) -> list[Row]:
    """Every combination, the last variable changing fastest. Raises ValueError for too many."""
    count = 1
    for values in variables.values():
        count *= len(values)
    if count > MOST:
        sizes = " x ".join(f"{len(values):,}" for values in variables.values())
        raise ValueError(
            f"foreach makes {count:,} instances ({sizes}), and at most {MOST:,} may be"
        )
    return [
        dict(zip(variables, values, strict=True)) for values in combinations(*variables.values())
    ]


def remaining(rows: Iterable[Row], excluded: Sequence[Mapping[str, str]]) -> list[Row]:
    """The rows but for those with all the values of one of the combinations that are excluded."""
    if not excluded:
        return list(rows)
    return [
        row
        for row in rows
        if not any(all(row.get(key) == text for key, text in each.items()) for each in excluded)
    ]


def dates(given: Mapping[str, Any], now: str) -> list[str]:
    """The dates of `{ from, to, every }`, written as `from` is, as far as that tells them apart.

    `every` is `1h`, `1d` (the default), `1w`, `1mo` or `1y`. `to` is included; without it the last
    is that of the last period that is over by `now` (ISO), which is looked at only then.
    Raises ValueError.
    """
    unit = given.get("every", "1d")[1:]
    first, length = _moment(given["from"])
    ends = "to" in given
    limit, precision = _moment(given["to"] if ends else now)
    if ends:
        limit = _later(limit, 1, PRECISION[precision])
    shown = max(length, SHOWN[unit])
    found: list[str] = []
    if (limit - first).total_seconds() / SECONDS[unit] > MOST:
        raise ValueError(f"foreach makes more than {MOST:,} dates")
    while True:
        moment = _later(first, len(found), unit)
        if moment >= limit if ends else _later(first, len(found) + 1, unit) > limit:
            return found
        found.append(moment.isoformat(timespec="seconds")[:shown])


def _moment(given: Any) -> tuple[datetime, int]:
    """A date or time, and how many characters of an ISO date-time give it."""
    from datetime import datetime

    text = text_of(given)
    match = re.fullmatch(MOMENT, text)
    if match is None:
        raise ValueError(f"`{text}` is not a date like `2013-01-01`")
    length = len(match[1])
    try:
        whole = match[1] + "0000-01-01T00:00:00"[length:]
        return datetime.fromisoformat(whole), length
    except ValueError:
        raise ValueError(f"`{text}` is not a date like `2013-01-01`") from None


def _later(moment: datetime, count: int, unit: str) -> datetime:
    """A moment so many units later; the last day of a month where it has no such day."""
    from calendar import monthrange
    from datetime import datetime, timedelta

    try:
        if unit in ("mo", "y"):
            months = moment.year * 12 + moment.month - 1 + count * (12 if unit == "y" else 1)
            year, month = divmod(months, 12)
            day = min(moment.day, monthrange(year, month + 1)[1])
            return moment.replace(year=year, month=month + 1, day=day)
        return moment + timedelta(seconds=SECONDS[unit] * count)
    except (OverflowError, ValueError):
        return datetime(9999, 12, 31, 23, 59, 59)  # noqa: DTZ001 - no moment here has a zone
