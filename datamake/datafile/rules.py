"""What must hold of a declaration beyond the shape of each of its values.

Knows one declaration at a time, and not what its inputs are.
"""

from __future__ import annotations

import re

from datamake.datafile import checks, standard
from datamake.datafile.check_forms import KEYS
from datamake.datafile.keys import ACTIONS
from datamake.datafile.placeholders import BUILT_IN, faults, listed, misplacements, names
from datamake.errors import Problem
from datamake.model import TABULAR
from datamake.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

ACTION_NAMES = tuple(key.name for key in ACTIONS)
WHAT_IT_DOES = (
    "exactly one of `run`, `argv`, `python`, `sql`, `standardize`, `query` and `copy` says what a "
    "target does"
)
QUOTES = ("'", '"', "`", "<<")


def broken(name: str, table: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with a target, each value of which may be wrong as well."""
    actions = [action for action in ACTION_NAMES if action in table]
    if len(actions) != 1:
        yield from not_one_action(name, actions)
    if "output" in table and "outputs" in table:
        yield Problem(f"`{name}` has both `output` and `outputs`", keys=("outputs",))
    if "foreach" in table or "exclude" in table:
        yield from broken_foreach(name, table)
    if len(actions) == 1:
        yield from ill_equipped(actions[0], table)
    yield from unsure(table)
    run = table.get("run")
    if isinstance(run, str) and "{" in run and any(quote in run for quote in QUOTES):
        roots = BUILT_IN | variables(table.get("foreach"))
        yield from (replace(problem, keys=("run",)) for problem in misplacements(run, roots))


def not_one_action(name: str, actions: list[str]) -> Iterator[Problem]:
    """None, or several."""
    if len(actions) > 1:
        both = " and ".join(f"`{action}`" for action in actions)
        yield Problem(f"`{name}` has {both}", keys=(actions[-1],), facts=(WHAT_IT_DOES,))
    else:
        yield Problem(f"`{name}` does nothing", facts=(WHAT_IT_DOES,))


def unsure(table: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with a schema and checks, where each is of the right shape."""
    if all(key.shape.fits(table[key.name]) for key in KEYS if key.name in table):
        yield from checks.broken(table)


def ill_equipped(action: str, table: Mapping[str, Any]) -> Iterator[Problem]:
    """What an action needs and lacks, or has and cannot use."""
    needed = {"copy": ("inputs", "output"), "standardize": ("inputs",)}.get(action, ())
    for key in needed:
        if not table.get(key) and not (key == "output" and "outputs" in table):
            words = "`output` or `outputs`" if key == "output" else f"`{key}`"
            yield Problem(f"`{action}` needs {words}", keys=(action,))
    if action in TABULAR and "outputs" in table:
        yield Problem(f"`{action}` writes one file, its `output`", keys=("outputs",))
    if action == "query" and "inputs" in table:
        hint = "what a database has is no file; `version` tells whether it has changed"
        yield Problem("`query` reads no inputs", keys=("inputs",), hint=hint)
    if "prelude" in table and action != "sql":
        yield Problem("`prelude` is for `sql`", keys=("prelude",))
    given: Any = table.get("standardize")
    if standard.STANDARDIZE.fits(given):
        for problem in standard.faults(given):
            yield replace(problem, keys=("standardize", *problem.keys))


def broken_foreach(name: str, table: Mapping[str, Any]) -> Iterator[Problem]:
    """Rows that do not agree, or nothing to exclude from."""
    rows = table.get("foreach")
    if rows is None:
        yield Problem(f"`{name}` has `exclude` but no `foreach`", keys=("exclude",))
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return
    for index, row in enumerate(rows):
        if row.keys() != rows[0].keys():
            yield Problem(
                f"`foreach[{index}]` has other variables than `foreach[0]`",
                keys=("foreach", index),
                facts=(f"{listing(rows[0])}, then {listing(row)}",),
            )


def listing(row: Mapping[str, Any]) -> str:
    """The variables of a row, for a message."""
    return " ".join(f"`{key}`" for key in row)


def variables(foreach: Any) -> set[str]:
    """The foreach variables that can be seen without looking further."""
    if isinstance(foreach, dict):
        return set(foreach)
    if isinstance(foreach, list):
        return {name for row in foreach if isinstance(row, dict) for name in row}
    return set(names(foreach)) if isinstance(foreach, str) else set()


# Stores


def unfillable(tables: Mapping[str, Any], params: Mapping[str, Any]) -> Iterator[Problem]:
    """The placeholders of `[storage]` and `project.cache` that are none; variables may be unset."""
    waiting: list[tuple[tuple[str | int, ...], Any]] = [
        (("storage",), tables.get("storage")),
        (("project", "cache"), tables.get("project", {}).get("cache")),
    ]
    while waiting:
        keys, found = waiting.pop()
        if isinstance(found, str):
            if "{" in found:
                known = ["env.*", *listed({"params": params})]
                yield from (replace(each, keys=keys) for each in faults(found, known))
        elif isinstance(found, (dict, list)):
            inner = found.items() if isinstance(found, dict) else enumerate(found)
            waiting += (((*keys, key), each) for key, each in inner)


# Versions


def unmet(requires: Any, version: str) -> Problem | None:
    """What is wrong with `project.requires`, or with this version by its words."""
    keys = ("project", "requires")
    clauses = re.findall(r"([^,]+)", requires) if isinstance(requires, str) else []
    for clause in clauses:
        found = re.fullmatch(r"\s*(>=|<=|==|!=|>|<)\s*([0-9]+(?:\.[0-9]+)*)\s*", clause)
        if found is None:
            hint = "write it like `>=0.3, <2`"
            return Problem(
                f"`project.requires`: cannot read `{clause.strip()}`", keys=keys, hint=hint
            )
        if not meets(release(version), found[1], release(found[2])):
            headline = f"the project requires datamake `{requires}`, and this is {version}"
            return Problem(headline, keys=keys)
    return None


def release(version: str) -> tuple[int, ...]:
    """`"0.10.0rc1"` as (0, 10), so that versions of any length compare."""
    found = re.match(r"[0-9]+(\.[0-9]+)*", version)
    numbers = [int(number) for number in found[0].split(".")] if found else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def meets(version: tuple[int, ...], operator: str, wanted: tuple[int, ...]) -> bool:
    """Whether a version is on the right side of another."""
    return {
        ">=": version >= wanted,
        "<=": version <= wanted,
        "==": version == wanted,
        "!=": version != wanted,
        ">": version > wanted,
        "<": version < wanted,
    }[operator]
