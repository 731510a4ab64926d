"""What came of checks: as values, as JSON, as lines for people, as text to be remembered.

Knows nothing of how they were worked out.
"""

from __future__ import annotations

import json

from datamake.errors import shortened
from datamake.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

VERSION = "checked-1"
"""Of the text that results are remembered as."""
SHOWN = 5
"""Rows of a sample."""
NO_ROWS = ("rows", "fresh", "volume", "schema", "freshness")
"""Kinds that are about the table, not about one row or another; `schema` counts columns."""


@value
class Checked:
    """What came of one check.

    `violations` is a number of rows; of `rows`, `fresh` and `volume` 0 or 1, of `schema` a number
    of columns, or of levels in them. `rows` is how many rows were looked at. `sample` has the first
    violating rows, or what is wrong with the table, in values that JSON has.
    """

    name: str
    kind: str
    severity: str
    violations: int
    rows: int
    sample: tuple[Mapping[str, Any], ...] = ()

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.violations

    @property
    def failed(self) -> bool:
        """Whether what is wrong fails the table."""
        return bool(self.violations) and self.severity == "error"


def documents(checked: Iterable[Checked]) -> list[dict[str, Any]]:
    """The results as JSON has them."""
    return [
        {
            "name": each.name,
            "kind": each.kind,
            "severity": each.severity,
            "violations": each.violations,
            "rows": each.rows,
            "sample": [dict(row) for row in each.sample],
        }
        for each in checked
    ]


def told(results: Sequence[Checked]) -> tuple[str, list[str]]:
    """What is said of a table that fails: a headline, and facts."""
    failed = [each for each in results if each.failed]
    headline = "a check failed" if len(failed) == 1 else f"{len(failed)} checks failed"
    return headline, lines(results)


def warnings(results: Iterable[Checked]) -> list[str]:
    """What is said of what is wrong with a table and does not fail it."""
    return lines(each for each in results if not each.failed)


def lines(checked: Iterable[Checked]) -> list[str]:
    """What is wrong, for people: a line for each check that did not pass, its sample below.

    What fails the table comes first; what only warns says so.
    """
    found: list[str] = []
    for each in sorted(checked, key=lambda each: not each.failed):
        if each.passed:
            continue
        name = f"{'' if each.failed else 'warning: '}`{printable(each.name)}`"
        sample = [f"  {_row(row)}" for row in each.sample]
        if each.kind == "schema":
            columns = "1 difference" if each.violations == 1 else f"{each.violations:,} differences"
            found += [f"{name}: {columns}", *(f"  {_column(row)}" for row in each.sample)]
        elif each.kind in NO_ROWS:
            found.append(f"{name}: {' '.join(sample).strip()}")
        else:
            rows = "" if each.kind == "sql" else f" of {each.rows:,}"
            noun = "row" if each.violations == 1 and not rows else "rows"
            found += [f"{name}: {each.violations:,}{rows} {noun}", *sample]
    return found


def _row(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{printable(name)}: {_value(each)}" for name, each in row.items())


def _value(found: Any) -> str:
    text = found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
    return shortened(printable(text))


def _column(row: Mapping[str, Any]) -> str:
    from datamake.tables.schemas import Difference

    shown = Difference(row["column"], row["expected"], row["found"])
    return printable(str(shown))


def printable(text: str) -> str:
    """The text on one line, without characters that move the cursor or hide."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def canonical(checked: Sequence[Checked]) -> str:
    """One text, which `parsed` makes equal results of."""
    return json.dumps([VERSION, documents(checked)], ensure_ascii=True, allow_nan=False)


def parsed(text: str) -> tuple[Checked, ...] | None:
    """What `canonical` made; None where it did so by other rules, or something else did."""
    try:
        version, found = json.loads(text)
        results = [Checked(**{**each, "sample": tuple(each["sample"])}) for each in found]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return tuple(results) if version == VERSION and all(map(_sound, results)) else None


def _sound(found: Checked) -> bool:
    """Whether a result that others may have written has values of the right types."""
    texts = (found.name, found.kind, found.severity)
    return (
        all(isinstance(each, str) for each in texts)
        and all(type(each) is int for each in (found.violations, found.rows))
        and all(isinstance(row, dict) for row in found.sample)
    )
