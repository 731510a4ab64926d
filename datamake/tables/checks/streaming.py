"""Checks carried out with Arrow alone: one pass over the columns that they use, batch by batch.

Knows no kind of check. In memory are a batch and, for keys and references, all different values of
their columns: where that is too much, DuckDB puts them on disk.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from datamake.tables.checked import SHOWN, Checked
from datamake.tables.checks.bound import KeyTest, RowTest, WholeTest
from datamake.tables.checks.keys import Keys, Tally, sample
from datamake.tables.checks.rows import same
from datamake.tables.checks.scalars import shown, sql_type
from datamake.threads import ahead

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from typing import Any

    from datamake.tables.checks.bound import Test
    from datamake.tables.reading import Table
    from datamake.tables.schemas import Guard

LEAST = 1000
"""Rows that tell whether a column has few different values."""
ACROSS = 12
"""Columns of a sample, at most, where the check has no more."""


def carried_out(
    table: Table, tests: Sequence[Test], guards: Mapping[str, Guard], read: Collection[str]
) -> dict[Test, Checked]:
    """What came of the tests, none of which has a `where` or is a query. Fills the guards.

    The columns `read` are read in any case. Raises TableError for values that are wrong.
    """
    if not tests and not guards and not read:
        return {}
    states = [_State(test) for test in tests]
    names = {name for test in tests for name in test.columns} | guards.keys() | set(read)
    rows = 0
    few = _Few(states)
    for batch in ahead(table.batches(names)):
        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        fine = few.fine(columns)
        for state in states:
            if state.test not in fine:
                state.add([columns[name] for name in state.test.columns], rows)
        for name, guard in guards.items():
            guard.add(columns[name])
        rows += batch.num_rows
    _count_again(table, [state for state in states if state.keys and state.keys.again])
    wanted = {state.test: state.places for state in states if state.places}
    samples = rows_at(table, wanted)
    return {state.test: state.checked(rows, samples.get(state.test, ())) for state in states}


class _Few:
    """Columns with few different values in a batch: each is judged once for all that is asked."""

    def __init__(self, states: Sequence[_State]) -> None:
        self.tests: dict[str, list[RowTest]] = {}
        for state in states:
            if isinstance(state.test, RowTest) and state.test.dear:
                self.tests.setdefault(state.test.columns[0], []).append(state.test)

    def fine(self, columns: Mapping[str, pa.Array]) -> set[Test]:
        """The tests that nothing in a batch is wrong for, as far as that can be told so."""
        found: set[Test] = set()
        for name, tests in list(self.tests.items()):
            values = pc.unique(same(columns[name]))
            if len(values) * 4 > len(columns[name]) > LEAST:
                del self.tests[name]
            found.update(test for test in tests if not test.broken([values]).true_count)
        return found


def _count_again(table: Table, states: Sequence[_State]) -> None:
    """The keys that rose at the beginning only."""
    names = {name for state in states for name in state.test.columns}
    for batch in ahead(table.batches(names)) if states else ():
        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        for state in states:
            if state.keys is not None:
                state.keys.tally.add([columns[name] for name in state.test.columns])


class _State:
    """What is known of one test after some batches."""

    def __init__(self, test: Test) -> None:
        self.test = test
        self.violations = 0
        self.places: list[int] = []
        self.greatest: pa.Scalar | None = None
        self.keys = Keys(test.types) if isinstance(test, KeyTest) else None
        self.values = Tally(test.types) if isinstance(test, RowTest) and test.by_value else None

    def add(self, arrays: Sequence[pa.Array], first: int) -> None:
        """Take in the columns of a batch that begins with row `first`, from 0."""
        if self.keys is not None:
            self.keys.add(arrays, first=first == 0)
        elif isinstance(self.test, RowTest):
            broken = self.test.broken(arrays)
            count = broken.true_count
            if count and self.values is not None:
                self.values.add([array.filter(broken) for array in arrays])
            elif count and len(self.places) < SHOWN:
                some = pc.indices_nonzero(broken).slice(0, SHOWN - len(self.places))
                self.places += [first + at for at in some.to_pylist()]
            self.violations += count
        elif arrays:
            found = pc.max(arrays[0])
            known = self.greatest
            if known is None or (found.is_valid and (not known.is_valid or _above(found, known))):
                self.greatest = found

    def checked(self, rows: int, samples: Sequence[Mapping[str, Any]]) -> Checked:
        """What came of it."""
        if self.keys is not None:
            samples = self.most(self.keys.tally, 2)
            return checked(self.test, self.keys.tally.doubled(), rows, samples)
        if self.values is not None:
            samples = self.most(self.values, 1)
        if isinstance(self.test, WholeTest):
            wrong = self.test.judged(rows, self.greatest)
            return checked(self.test, int(bool(wrong)), rows, [wrong] if wrong else [])
        return checked(self.test, self.violations, rows, samples)

    def most(self, tally: Tally, least: int) -> list[Mapping[str, Any]]:
        """A sample of the keys that at least so many rows have."""
        return [sample(self.test.columns, *key) for key in tally.most(SHOWN, least)]


def _above(one: pa.Scalar, other: pa.Scalar) -> bool:
    return bool(pc.greater(one, other).as_py())


def checked(
    test: Test, violations: int, rows: int, samples: Sequence[Mapping[str, Any]]
) -> Checked:
    """What came of a test."""
    check = test.check
    return Checked(check.name, check.kind, check.severity, violations, rows, tuple(samples))


# Samples


def sampled(columns: Sequence[str], schema: pa.Schema) -> list[str]:
    """The columns that a row is shown with: those of the check, then some others."""
    names = schema.names
    if len(names) > 1000:
        return list(columns)
    others = [
        field.name
        for field in schema
        if field.name not in columns and names.count(field.name) == 1 and sql_type(field.type)
    ]
    return [*columns, *others[: max(0, ACROSS - len(columns))]]


def rows_at(
    table: Table, wanted: Mapping[Test, Collection[int]]
) -> dict[Test, list[dict[str, Any]]]:
    """The rows at some places, from 0 and ascending, as JSON has them: read up to the last one."""
    found: dict[Test, list[dict[str, Any]]] = {test: [] for test in wanted}
    if not wanted:
        return found
    chosen = {test: sampled(test.columns, table.schema) for test in wanted}
    last = max(place for places in wanted.values() for place in places)
    first = 0
    for batch in table.batches({name for names in chosen.values() for name in names}):
        for test, places in wanted.items():
            found[test] += [
                row_of(batch, place - first, chosen[test])
                for place in places
                if first <= place < first + batch.num_rows
            ]
        first += batch.num_rows
        if first > last:
            break
    return found


def row_of(batch: pa.RecordBatch | pa.Table, at: int, names: Iterable[str]) -> dict[str, Any]:
    """A row as JSON has it."""
    return {name: shown(batch.column(name)[at]) for name in names}
