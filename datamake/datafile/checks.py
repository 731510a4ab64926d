"""What must hold of a table, as values: its schema, its checks, and what of them counts.

Knows no data. Tables are what `check_forms` lets through, with their placeholders filled.
"""

from __future__ import annotations

from datamake.datafile.check_forms import KIND_NAMES, percent
from datamake.datafile.shapes import did_you_mean
from datamake.datafile.types import parsed
from datamake.datafile.units import seconds
from datamake.errors import Problem, shortened
from datamake.values import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from datamake.model import Field

RULES = "checks-1"
"""The version of what checks mean: by another one all is checked again."""
TIMELY = ("fresh", "volume")
"""Kinds whose results depend on the time, or on what was built before."""


@value
class Column:
    """A column of a schema."""

    name: str
    type: str
    """Canonical, ` not null` included."""
    description: str = ""


@value
class Schema:
    """The columns that a table has, in any order; with the mode `subset`, others too."""

    columns: tuple[Column, ...]
    mode: str = "exact"

    @property
    def types(self) -> dict[str, str]:
        """Column → type."""
        return {column.name: column.type for column in self.columns}


@value
class Check:
    """One check. What `arguments` are depends on its kind.

    `rows`: least and greatest number, or None; `accepted`: the values; `between`: two limits;
    `matches`: the regular expression; `references`: name and column; `fresh`: seconds; `volume`: a
    share; `sql`: the query. `columns` are those that it is about: one; of `not_null` and `unique`
    some; of `rows`, `volume` and `sql` none.
    """

    kind: str
    name: str
    columns: tuple[str, ...] = ()
    arguments: tuple[Any, ...] = ()
    severity: str = "error"
    where: str = ""

    @property
    def timeless(self) -> bool:
        """Whether its result depends on content alone, and can be remembered with that."""
        return self.kind not in TIMELY

    @property
    def of_age(self) -> bool:
        """Whether it is about how old a whole table is, which builds ask of sources before all else."""
        return self.kind == "fresh" and not self.where


def schema_of(table: Mapping[str, Any]) -> Schema | None:
    """The schema of a declaration, with placeholders filled. Raises ValueError for a bad type."""
    if "schema" not in table:
        return None
    columns = [
        Column(name, str(parsed(said)))
        if isinstance(said, str)
        else Column(name, str(parsed(said["type"])), said.get("description", ""))
        for name, said in table["schema"].items()
    ]
    return Schema(tuple(columns), table.get("schema_mode", "exact"))


def checks_of(table: Mapping[str, Any]) -> tuple[Check, ...]:
    """The checks of a declaration, those of its schema's columns first. No two have one name.

    A table of `checks` that is about several keys or columns is a check for each, but for
    `not_null`. Raises ValueError for what a placeholder has made wrong.
    """
    found: list[Check] = []
    for column, said in table.get("schema", {}).items():
        if isinstance(said, dict):
            found += _of_column(column, said)
    for said in table.get("checks", ()):
        found += _of_table(said)
    taken: set[str] = set()
    return tuple(_named(check, taken) for check in found)


def referred(checks: Sequence[Check]) -> tuple[tuple[str, str], ...]:
    """(name, column) of what checks refer to, each once, in order."""
    pairs = ((each.arguments[0], each.arguments[1]) for each in checks if each.kind == "references")
    return tuple(dict.fromkeys(pairs))


def fields(schema: Schema | None, checks: Sequence[Check]) -> tuple[Field, ...]:
    """What of them counts, in an order of its own: kind, subject, value.

    All that changes a result or what follows from it, so names and severities too; no description.
    """
    if schema is None and not checks:
        return ()
    found: list[Field] = [("rules", "", RULES)]
    if schema is not None:
        found.append(("schema", "", schema.mode))
        found += sorted(("schema", column.name, column.type) for column in schema.columns)
    return (*found, *sorted(("check", check.name, _said(check)) for check in checks))


def broken(table: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with a declaration's schema and checks, each of which has the right shape."""
    schema, checks = table.get("schema", {}), table.get("checks", ())
    if "schema_mode" in table and not schema:
        yield Problem("`schema_mode` does nothing without `schema`", keys=("schema_mode",))
    exact = schema and table.get("schema_mode", "exact") == "exact"
    for index, said in enumerate(checks):
        kind = _kind(said)
        rows = said[kind] if kind == "rows" else {"min": 0}
        if not rows:
            yield Problem("`rows` needs `min` or `max`", keys=("checks", index, "rows"))
        elif rows.get("min", 0) > rows.get("max", rows.get("min", 0)):
            hint = "`min` is above `max`"
            yield Problem(
                "`rows` allows no number of rows", keys=("checks", index, "rows"), hint=hint
            )
        for name in _columns(kind, said[kind]) if exact else ():
            if name not in schema and "{" not in name:
                yield Problem(
                    f"the schema has no column `{name}`",
                    keys=("checks", index, kind),
                    hint=did_you_mean(name, schema),
                )


# One table → its checks


def _of_column(column: str, said: Mapping[str, Any]) -> Iterator[Check]:
    for kind in KIND_NAMES:
        if kind in ("not_null", "unique") and kind in said:
            yield Check(kind, f"{kind}({column})", (column,))
        elif kind in said:
            yield Check(kind, f"{kind}({column})", (column,), _arguments(kind, said[kind]))


def _of_table(said: Mapping[str, Any]) -> Iterator[Check]:
    kind = _kind(said)
    severity, where = said.get("severity", "error"), said.get("where", "").strip()
    subjects = _subjects(kind, said[kind])
    for columns, arguments in subjects:
        about = f"({', '.join(columns)})" if columns else ""
        name = said.get("name", kind)
        if kind == "sql" and "name" not in said:
            name = shortened(f"sql({_line(said[kind])})")
        if "name" not in said:
            name += about + (shortened(f" where {_line(where)}") if where else "")
        elif len(subjects) > 1:
            name += about
        yield Check(kind, name, columns, arguments, severity, where)


def _subjects(kind: str, said: Any) -> list[tuple[tuple[str, ...], tuple[Any, ...]]]:
    """(columns, arguments) of each check that a table stands for."""
    if kind == "rows":
        return [((), (said.get("min"), said.get("max")))]
    if kind == "not_null":
        return [(tuple(said), ())]
    if kind == "unique":
        return [((key,) if isinstance(key, str) else tuple(key), ()) for key in said]
    if isinstance(said, dict):
        return [((column,), _arguments(kind, each)) for column, each in said.items()]
    return [((), _arguments(kind, said))]


def _arguments(kind: str, said: Any) -> tuple[Any, ...]:
    if kind in ("accepted", "between"):
        return tuple(said)
    if kind == "references":
        name, _, column = said.rpartition(".")
        return name, column
    if kind == "fresh":
        return (seconds(said),)
    return (percent(said),) if kind == "volume" else (said,)


def _kind(said: Mapping[str, Any]) -> str:
    return next(kind for kind in KIND_NAMES if kind in said)


def _columns(kind: str, said: Any) -> list[str]:
    if kind in ("not_null", "unique"):
        return [name for columns, _ in _subjects(kind, said) for name in columns]
    return list(said) if isinstance(said, dict) and kind != "rows" else []


def _named(check: Check, taken: set[str]) -> Check:
    name, count = check.name, 1
    while name in taken:
        count += 1
        name = f"{check.name} {count}"
    taken.add(name)
    return check if name == check.name else replace(check, name=name)


def _line(text: str) -> str:
    return " ".join(text.split())


def _said(check: Check) -> str:
    """All of a check but its name, as text."""
    from json import dumps

    arguments: Any = check.arguments
    if check.kind == "rows":
        bounds = zip(("min", "max"), arguments, strict=True)
        arguments = {name: each for name, each in bounds if each is not None}
    parts = [check.kind]
    parts += [
        dumps(each, ensure_ascii=False, default=str) for each in (check.columns, arguments) if each
    ]
    if check.where:
        parts += ["where", dumps(check.where, ensure_ascii=False)]
    return " ".join([*parts, check.severity])
