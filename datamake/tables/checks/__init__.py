"""Whether a table is as its schema and checks have it: the registry of kinds, and who does the work.

Knows nothing of where tables are from. A kind is a class of one of the forms in `bound`, built on
what a Datafile says (`datafile/checks.py`) and registered in `KINDS`. DuckDB carries out what it
can, Arrow alone the rest, which is all but `where` and `sql`; what comes of it is the same.
"""

from __future__ import annotations

from datamake.datafile.checks import Check
from datamake.errors import EnvironmentFailed
from datamake.tables.checked import Checked
from datamake.tables.checks import database, keys, rows, sources, streaming, wholes
from datamake.tables.checks.bound import KeyTest, QueryTest, Sights
from datamake.tables.engine import duckdb
from datamake.tables.reading import Table, TextTable
from datamake.tables.schemas import differences, guarded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from datamake.datafile.checks import Schema
    from datamake.tables.checks.bound import Test
    from datamake.tables.schemas import Difference, Guard

KINDS: dict[str, type[Test]] = {
    "rows": wholes.Rows,
    "not_null": rows.NotNull,
    "unique": keys.Unique,
    "accepted": rows.Accepted,
    "between": rows.Between,
    "matches": rows.Matches,
    "references": rows.References,
    "fresh": wholes.Fresh,
    "volume": wholes.Volume,
    "sql": QueryTest,
}
"""The word of a Datafile → what it means."""
SMALL = 1 << 18
"""Rows that Arrow has looked at before DuckDB is loaded."""
SHOWN = 20
"""Differences from a schema that are shown."""

NOTHING = Sights()


def verify(
    table: Table, schema: Schema | None, checks: Sequence[Check], sights: Sights = NOTHING
) -> list[Checked]:
    """What came of the schema, named `schema`, and of each check, in their order.

    Where columns are missing, too many or of other types nothing else is looked at. Raises
    TableError for values of a text that are not of their types, for a mistake in a check, and EnvironmentFailed for one that needs DuckDB where it is
    not installed.
    """
    found = [] if schema is None else differences(schema, table.schema)
    if found:
        return [_of_schema(found, table.rows() or 0)]
    tests = [KINDS[check.kind](check, table.schema, sights) for check in checks]
    guards = {} if schema is None else guarded(schema)
    plain = {
        name: rows.NotNull(Check("not_null", name, (name,)), table.schema, sights)
        for name, guard in guards.items()
        if guard.plain
    }
    deep = {name: guard for name, guard in guards.items() if name not in plain}
    read = schema.types if schema and isinstance(table, TextTable) else ()  # or values may be wrong
    results = _carried_out(table, [*tests, *plain.values()], deep, read, sights)
    if schema is None:
        return [results[test] for test in tests]
    for name, guard in guards.items():
        if name in plain:
            guard.nulls[name] = results[plain[name]].violations
    nulls = [each for guard in guards.values() for each in guard.differences()]
    return [_of_schema(nulls, table.rows() or 0), *(results[test] for test in tests)]


def _carried_out(
    table: Table,
    tests: Sequence[Test],
    guards: Mapping[str, Guard],
    read: Collection[str],
    sights: Sights,
) -> dict[Test, Checked]:
    inside = _in_database(table, tests)
    outside = [test for test in tests if test not in inside]
    found = streaming.carried_out(table, outside, guards, read)
    if inside:
        found.update(database.carried_out(table, inside, sights))
    return found


def _in_database(table: Table, tests: Sequence[Test]) -> list[Test]:
    """The tests that DuckDB carries out: none for what is small, if none has to be."""
    needing = [test for test in tests if isinstance(test, QueryTest) or test.check.where]
    try:
        if not needing and (not tests or _small(table, tests)):
            return []
        duckdb()
    except EnvironmentFailed as error:
        if needing:
            said = "`where`" if needing[0].check.where else "`sql`"
            headline = f"check `{needing[0].check.name}`: {said} needs DuckDB"
            raise EnvironmentFailed(headline, hint=error.hint) from error
        return []
    for test in needing:
        if not test.in_sql:
            raise test.fault("`where` does not work with columns of these types")
    large = any(isinstance(test, (KeyTest, rows.References)) for test in tests)
    if needing or large or sources.native(table):
        return [test for test in tests if test.in_sql and (test.columns or needing)]
    return []


def _small(table: Table, tests: Sequence[Test]) -> bool:
    """Whether the table, and all that is referred to, is known to have few rows."""
    others = [test.other for test in tests if isinstance(test, rows.References)]
    counts = [each.rows() for each in (table, *others)]
    return all(count is not None and count <= SMALL for count in counts)


def _of_schema(found: Sequence[Difference], count: int) -> Checked:
    sample = tuple(
        {"column": each.column, "expected": each.expected, "found": each.found}
        for each in found[:SHOWN]
    )
    return Checked("schema", "schema", "error", len(found), count, sample)
