"""What a declaration says must hold of its table, with its placeholders filled.

Knows the declared names, and no data. What checks refer to is like an input: it comes first, and
what counts of it is one column.
"""

from __future__ import annotations

from datamake.datafile.checks import checks_of, referred, schema_of
from datamake.datafile.shapes import did_you_mean
from datamake.instances import named
from datamake.model import Assertions, Input
from datamake.recipes import filled_in
from datamake.values import NOTHING, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from datamake.datafile.checks import Check
    from datamake.filling import Texts
    from datamake.inputs import Names

KEYS = frozenset(["schema", "schema_mode", "checks"])


def assertions(texts: Texts, names: Names, row: Mapping[str, str] = NOTHING) -> Assertions | None:
    """What must hold of the instance with these foreach values. Raises `filling.Fault`."""
    table = texts.declaration.table
    if KEYS.isdisjoint(table):
        return None
    said: dict[str, Any] = {
        key: filled_in(texts, table[key], row, key) for key in KEYS if key in table
    }
    try:
        schema, checks = schema_of(said), checks_of(said)
    except ValueError as error:
        raise texts.fault(str(error), "checks" if "checks" in table else "schema") from None
    return Assertions(schema, tuple(_known(texts, names, check) for check in checks))


def _known(texts: Texts, names: Names, check: Check) -> Check:
    """The check with the full name of what it refers to."""
    if check.kind != "references":
        return check
    name, column = check.arguments
    key = "checks" if "checks" in texts.declaration.table else "schema"
    family, inside = named(name) or (name, None)
    full = names.full(family, texts.declaration.part)
    if full is None or (inside is not None and full in names.sources):
        raise texts.fault(
            f"`{check.name}` refers to `{name}`, which is no source or target",
            key,
            hint=did_you_mean(family, names.seen_from(texts.declaration.part))
            if full is None
            else f"`{family}` is a source, and has no instances",
        )
    if full in names.disabled:
        raise texts.fault(f"`{check.name}` refers to `{name}`, which is disabled", key)
    return replace(check, arguments=(full + name[len(family) :], column))


def references(found: Assertions | None, names: Names) -> Iterator[Input]:
    """What checks refer to, as inputs that are named by what they are."""
    columns: dict[str, list[str]] = {}
    for name, column in referred(found.checks) if found else ():
        columns.setdefault(name, []).append(column)
    for name, used in columns.items():
        source = names.sources.get(name)
        asked = source or Input("target", name)
        yield replace(asked, name=name, columns=tuple(used))
