"""A table against its schema: columns that are missing, too many or of other types; nulls.

Knows no checks. Types are compared in counted terms, ` not null` with the values.
"""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pyarrow.types as kinds

from datamake.datafile.types import Type, parsed, written
from datamake.tables.terms import nullable
from datamake.tables.types import text_of
from datamake.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from datamake.datafile.checks import Schema
    from datamake.tables.reading import Table


@value
class Difference:
    """A column that is not as the schema has it. A text is None where there is no such column."""

    column: str
    expected: str | None
    found: str | None

    def __str__(self) -> str:
        if self.found is None:
            return f"`{self.column}` is missing: `{self.expected}`"
        if self.expected is None:
            return f"`{self.column}` is not in the schema: `{self.found}`"
        return f"`{self.column}` is `{self.expected}`, and has {self.found}"


def violations(schema: Schema, table: Table) -> list[Difference]:
    """All that differs, values included: those are looked at where the columns are right.

    Raises TableError for a file that cannot be read.
    """
    found = differences(schema, table.schema)
    if found:
        return found
    guards = guarded(schema)
    for batch in table.batches(list(guards)) if guards else ():
        for name, guard in guards.items():
            guard.add(batch.column(name))
    return [each for guard in guards.values() for each in guard.differences()]


def differences(schema: Schema, found: pa.Schema) -> list[Difference]:
    """What differs in the columns themselves, in the order of the schema, then of the table."""
    wrong = []
    counts = Counter(found.names)
    for column in schema.columns:
        if counts[column.name] == 0:
            wrong.append(Difference(column.name, column.type, None))
        elif counts[column.name] > 1:
            many = f"{counts[column.name]} columns of that name"
            wrong.append(Difference(column.name, column.type, many))
        else:
            type_ = text_of(found.field(column.name).type)
            if type_ != written(nullable(parsed(column.type))):
                wrong.append(Difference(column.name, column.type, f"`{type_}`"))
    if schema.mode == "exact":
        known = schema.types
        wrong += [
            Difference(field.name, None, text_of(field.type))
            for field in found
            if field.name not in known
        ]
    return wrong


def guarded(schema: Schema) -> dict[str, Guard]:
    """Column → the guard of its values, for columns that are not null somewhere."""
    types = {column.name: parsed(column.type) for column in schema.columns}
    return {name: Guard(name, type_) for name, type_ in types.items() if _guards(type_)}


class Guard:
    """Counts the nulls in a column that its type does not allow, at each level of it."""

    def __init__(self, name: str, type_: Type) -> None:
        self.name = name
        self.type = type_
        self.nulls: Counter[str] = Counter()

    @property
    def plain(self) -> bool:
        """Whether only the column itself must not be null, and nothing in it."""
        return not any(map(_guards, (part for _, part in self.type.parts)))

    def add(self, array: pa.Array) -> None:
        """Take in further values."""
        for path, count in _nulls(array, self.type, self.name):
            self.nulls[path] += count

    def differences(self) -> list[Difference]:
        """One for each level with nulls."""
        return [
            Difference(path, str(self.type), f"{count:,} {'null' if count == 1 else 'nulls'}")
            for path, count in self.nulls.items()
            if count
        ]


def _guards(type_: Type) -> bool:
    return not type_.nullable or any(_guards(part) for _, part in type_.parts)


def _nulls(array: pa.Array, type_: Type, path: str) -> Iterator[tuple[str, int]]:
    """(path, count) of the nulls that the type does not allow."""
    if not type_.nullable:
        yield path, array.null_count
    if not any(_guards(part) for _, part in type_.parts):
        return
    present = array.drop_null() if array.null_count else array
    if type_.name == "struct":
        for (name, part), inner in zip(type_.parts, present.flatten(), strict=True):
            yield from _nulls(inner, part, f"{path}.{name}")
    elif kinds.is_map(array.type):
        offsets = present.offsets
        first, last = offsets[0].as_py(), offsets[-1].as_py()
        yield from _nulls(present.items.slice(first, last - first), type_.parts[1][1], f"{path}[]")
    else:
        yield from _nulls(present.flatten(), type_.parts[0][1], f"{path}[]")
