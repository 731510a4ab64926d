"""What a declared foreach says: rows, the instances of another target, or a path with captures.

Knows nothing of which files there are. A row is variable → text, in the order of the variables.
"""

from __future__ import annotations

import re
from itertools import product as combinations

from datamake.datafile.placeholders import BUILT_IN, Placeholder, only, pieces
from datamake.patterns import capture, escaped
from datamake.urls import is_url, shown
from datamake.values import NOTHING, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from datamake.filling import Texts
    from datamake.inputs import Names
    from datamake.patterns import Capture

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


@value
class Origin:
    """Where the rows of a target come from: exactly one of `rows`, `like` and `capture`."""

    variables: tuple[str, ...] = ()
    """Those of `like` are that target's."""
    rows: Sequence[Row] | None = None
    like: str = ""
    """The foreach target that has the same instances."""
    capture: Capture | None = None
    excluded: Sequence[Row] = ()

    def remaining(self, rows: Iterable[Row]) -> list[Row]:
        """The rows but for those that `exclude` takes out."""
        return remaining(rows, self.excluded)


class ForeachReader:
    """Reads the foreach of one declaration. Raises `filling.Fault`."""

    def __init__(self, texts: Texts, names: Names, now: str) -> None:
        self.texts = texts
        self.names = names
        self.now = now

    def origin(self) -> Origin:
        """What it says; a target without foreach has one row, which is empty."""
        table = self.texts.declaration.table
        given = table.get("foreach")
        if given is None:
            return Origin(rows=[NOTHING])
        excluded = [
            {name: self.text(each, "exclude", index, name) for name, each in row.items()}
            for index, row in enumerate(table.get("exclude", ()))
        ]
        if isinstance(given, str):
            return self.elsewhere(given, excluded)
        rows = self.listed(given) if isinstance(given, list) else self.product(given)
        return Origin(
            tuple(given[0] if isinstance(given, list) else given), rows, excluded=excluded
        )

    def text(self, given: Any, *keys: str | int) -> str:
        """A single value as text, with params filled in."""
        try:
            return self.texts.filled(text_of(given), NOTHING, *keys)
        except ValueError as error:
            raise self.texts.fault(str(error), *keys) from None

    def listed(self, given: Sequence[Mapping[str, Any]]) -> list[Row]:
        """The rows of a list of tables."""
        return [
            {name: self.text(row[name], "foreach", index, name) for name in given[0]}
            for index, row in enumerate(given)
        ]

    def product(self, given: Mapping[str, Any]) -> list[Row]:
        """The combinations of a table's variables."""
        variables = {name: self.values(name, each) for name, each in given.items()}
        try:
            return product(variables)
        except ValueError as error:
            raise self.texts.fault(str(error), "foreach") from None

    def values(self, variable: str, given: Any) -> list[str]:
        """The values of one variable."""
        keys = ("foreach", variable)
        if isinstance(given, str):
            given = self.param(text := given, *keys)
            if not isinstance(given, list):
                raise self.texts.fault(f"`{text}` is no list", *keys)
        if isinstance(given, dict):
            shown = {name: self.text(each, *keys, name) for name, each in given.items()}
            try:
                return dates(shown, self.now)
            except ValueError as error:
                raise self.texts.fault(str(error), *keys) from None
        return [self.text(each, *keys, index) for index, each in enumerate(given)]

    def param(self, text: str, *keys: str | int) -> Any:
        """The value of the param that a text like `{params.months}` names."""
        return self.texts.param((only(text) or "").removeprefix("params."), *keys)

    def flag(self, text: str, *keys: str | int) -> bool:
        """True or false, as a param says."""
        found = self.param(text, *keys)
        if not isinstance(found, bool):
            raise self.texts.fault(f"`{text}` is neither true nor false", *keys)
        return found

    def elsewhere(self, given: str, excluded: Sequence[Row]) -> Origin:
        """The name of a foreach target, or a path with captures."""
        text = "".join(self.unfilled(piece, given) for piece in pieces(given))
        captures = [piece for piece in pieces(text) if isinstance(piece, Placeholder)]
        if captures:
            pattern = self.pattern(text, captures)
            return Origin(pattern.names, capture=pattern, excluded=excluded)
        full = self.names.full(text, self.texts.declaration.part)
        if full is None:
            raise self.texts.fault(
                f"`{text}` is neither a foreach target nor a path with captures",
                "foreach",
                hint="a capture is like `{site}` in `raw/{site}.csv`",
            )
        if full in self.names.disabled:
            raise self.texts.fault(f"`{full}` is disabled", "foreach")
        if "foreach" not in self.names.declared[full].table:
            raise self.texts.fault(f"`{full}` has no `foreach`, hence no instances", "foreach")
        return Origin(like=full, excluded=excluded)

    def unfilled(self, piece: str | Placeholder, whole: str) -> str:
        """A piece of a pattern, a param filled in and its braces taken as they are."""
        if isinstance(piece, Placeholder):
            if not piece.name.startswith(("params.", "env.")):
                return piece.text
            piece = self.texts.filled(piece.text, NOTHING, "foreach", whole=whole)
        return literal(piece)

    def pattern(self, text: str, captures: Sequence[Placeholder]) -> Capture:
        """A path with captures, from the root."""
        for each in captures:
            if each.name in BUILT_IN or "." in each.name or each.format or each.raw:
                raise self.texts.fault(f"`{each.text}` cannot be a capture", "foreach")
        if is_url(text):
            return self.remote(text)
        path = self.texts.path(text, literal(escaped(self.texts.folder)))
        return capture(path + "/" * text.endswith("/"))

    def remote(self, text: str) -> Capture:
        """A URL with captures."""
        url = self.texts.url(capture(text).pattern.text, "foreach")
        if url.archive:
            raise self.texts.fault(
                f"`{shown(text)}` has captures in an archive, which cannot be listed", "foreach"
            )
        return capture(url.scheme + text[len(url.scheme) :])


def literal(text: str) -> str:
    """A text in which nothing is a placeholder."""
    return "".join(
        f"{{{piece.text}}}" if isinstance(piece, Placeholder) else piece for piece in pieces(text)
    )


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
