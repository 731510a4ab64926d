"""A check bound to one table: the protocol of all kinds, and what they have in common.

Knows no kind. There are four forms. A `RowTest` says of each row whether it is wrong, a `WholeTest`
judges a table by the number of its rows and the greatest value of a column, a `KeyTest` counts rows
with the same key, a `QueryTest` returns rows. What carries them out, with DuckDB or with Arrow
alone, knows these forms only: a new kind is one class more, and a line in the registry.
"""

from __future__ import annotations

from collections import Counter

import pyarrow as pa

from datamake.tables import TableError, no_column
from datamake.tables.checks.scalars import comparable, sql_type
from datamake.tables.session import NONE, Limits
from datamake.tables.types import text_of
from datamake.values import NOTHING, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from datamake.datafile.checks import Check
    from datamake.tables.reading import Table


@value
class Sights:
    """What checks need to see beside the table, and what they may use."""

    references: Mapping[str, Table] = NOTHING
    """Name of a target or source, as checks have it → its table."""
    now: float = 0.0
    """Seconds since 1970, for `fresh`."""
    volumes: Sequence[int] = ()
    """Numbers of rows of the last builds, for `volume`."""
    limits: Limits = NONE
    """What the work on them may use; a folder is made in its `folder`."""


class Test:
    """One check, bound to the schema of a table. Raises TableError for a mistake in it."""

    def __init__(self, check: Check, schema: pa.Schema, sights: Sights) -> None:
        self.check = check
        self.sights = sights
        self.columns = check.columns
        counts = Counter(schema.names)
        for name in self.columns:
            if not counts[name]:
                other = no_column("", name, schema.names)
                raise self.fault(f"there is no column `{name}`", other.facts, other.hint)
            if counts[name] > 1:
                raise self.fault(f"there are {counts[name]:,} columns `{name}`")
        self.types = [schema.field(name).type for name in self.columns]

    def fault(self, what: str, facts: Iterable[str] = (), hint: str = "") -> TableError:
        """A mistake in the check."""
        return TableError(f"check `{self.check.name}`: {what}", facts, hint)

    def need(self, *, right: bool, what: str) -> None:
        """Raises TableError for a column whose type does not allow the check."""
        if not right:
            name, dtype = self.columns[0], text_of(self.types[0])
            raise self.fault(f"`{name}` is `{dtype}`, {what}")

    def need_comparable(self) -> None:
        """Raises TableError for a column whose values cannot be looked up."""
        for name, dtype in zip(self.columns, self.types, strict=True):
            if not comparable(dtype):
                raise self.fault(f"`{name}` is `{text_of(dtype)}`, which cannot be compared")

    @property
    def in_sql(self) -> bool:
        """Whether DuckDB holds the values of its columns, and the same as Arrow does."""
        return all(sql_type(dtype) for dtype in self.types)


class RowTest(Test):
    """Some rows are wrong, each by itself."""

    dear = False
    """Whether it is about one column, and takes so long that each value is better judged once."""
    by_value = False
    """Whether people want to see wrong values with the number of their rows, and not rows."""

    def condition(self, names: Sequence[str]) -> str:
        """SQL over the identifiers of its columns: true for a wrong row, else false, never null."""
        raise NotImplementedError

    def broken(self, arrays: Sequence[pa.Array]) -> pa.Array:
        """The same for arrays of its columns: booleans, none of them null."""
        raise NotImplementedError


class WholeTest(Test):
    """The table is wrong, or not."""

    def judged(self, rows: int, greatest: pa.Scalar | None) -> Mapping[str, Any]:
        """What is wrong, empty if nothing is: of so many rows, and the greatest of its column."""
        raise NotImplementedError


class KeyTest(Test):
    """Rows with a key that another has are wrong, but for the first."""


class QueryTest(Test):
    """The rows that a query returns are wrong: `sql`."""

    @property
    def query(self) -> str:
        """On the view `this`, as it stands in the Datafile, without the semicolon at its end."""
        text: str = self.check.arguments[0]
        return text.strip().removesuffix(";")
