"""What a declaration says of how its action is run: surroundings, resources, policy, params, code.

Knows nothing of inputs and outputs.
"""

from __future__ import annotations

from datamake.datafile.units import seconds, size
from datamake.foreach import text_of
from datamake.model import (
    POLICY,
    RESOURCES,
    SURROUNDINGS,
    Policy,
    Resources,
    Surroundings,
)
from datamake.patterns import escaped, is_glob
from datamake.values import NOTHING, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from datamake.filling import Texts

KEYS = frozenset(
    [
        *("code", "params", "env", "inherit_env", "secrets", "cwd", "shell", "venv"),
        *("cpus", "memory", "pool", "priority"),
        *("timeout", "retries", "retry_delay", "max_age", "always", "cache"),
    ]
)
AROUND = frozenset(["env", "inherit_env", "secrets", "cwd", "shell", "venv"])
TAKEN = frozenset(["cpus", "memory", "pool", "priority"])
WHEN = frozenset(["timeout", "retries", "retry_delay", "max_age", "always", "cache"])


@value
class Habits:
    """All of it."""

    params: Mapping[str, Any]
    declared: tuple[str, ...]
    code: tuple[str, ...]
    surroundings: Surroundings
    resources: Resources
    policy: Policy


class HabitsReader:
    """Reads it for one row of foreach values. Raises `filling.Fault`."""

    def __init__(self, texts: Texts, row: Mapping[str, str]) -> None:
        self.texts = texts
        self.row = row
        self.table = texts.declaration.table

    def habits(self, used: Iterable[str]) -> Habits:
        """All of it. `used` are the names that the placeholders of the action have."""
        declared = self.listed("params")
        params = {}
        for name in used:
            if name.startswith("params."):
                params[name[7:]] = self.texts.param(name[7:])
        for index, name in enumerate(declared):
            params[name] = self.texts.param(name, "params", index)
        return Habits(
            params or NOTHING,
            declared,
            tuple(self.code()),
            self.surroundings(),
            self.resources(),
            self.policy(),
        )

    def text(self, *keys: str | int) -> str:
        """The value that these keys lead to, as text."""
        found: Any = self.table
        for key in keys:
            found = found[key]
        return self.texts.filled(text_of(found), self.row, *keys)

    def listed(self, key: str) -> tuple[str, ...]:
        """The strings of a list, or nothing."""
        return tuple(self.text(key, index) for index in range(len(self.table.get(key, ()))))

    def measured(self, key: str, amount: Callable[[str], Any]) -> Any:
        """A duration or size, or None."""
        if key not in self.table:
            return None
        try:
            return amount(self.text(key))
        except ValueError as error:
            raise self.texts.fault(f"`{key}`: {error}", key) from None

    def code(self) -> list[str]:
        """Paths and globs, from the root."""
        folder = self.texts.folder
        return [
            self.texts.path(text, escaped(folder) if is_glob(text) else folder)
            + "/" * text.endswith("/")
            for text in self.listed("code")
        ]

    def surroundings(self) -> Surroundings:
        """What the action sees around it."""
        table, folder = self.table, self.texts.folder
        if not folder and AROUND.isdisjoint(table):
            return SURROUNDINGS
        cwd = self.texts.path(self.text("cwd")) if "cwd" in table else folder
        return Surroundings(
            "" if cwd == "." else cwd,
            self.listed("shell") or None,
            self.texts.path(self.text("venv")) if "venv" in table else None,
            self.env(),
            table.get("inherit_env", True),
            self.listed("secrets"),
        )

    def env(self) -> Mapping[str, str | None]:
        """The variables that count, with the values that are set."""
        given = self.table.get("env", NOTHING)
        if isinstance(given, list):
            return dict.fromkeys(self.listed("env"))
        return {
            name: None if each is None else self.text("env", name) for name, each in given.items()
        }

    def resources(self) -> Resources:
        """What running takes."""
        table = self.table
        if TAKEN.isdisjoint(table):
            return RESOURCES
        pool = table.get("pool", NOTHING)
        return Resources(
            table.get("cpus", 1),
            self.measured("memory", size),
            {self.text("pool"): 1} if isinstance(pool, str) else pool,
            table.get("priority", 0),
        )

    def policy(self) -> Policy:
        """When and how often it is run."""
        table = self.table
        if WHEN.isdisjoint(table):
            return POLICY
        delay = self.measured("retry_delay", seconds)
        return Policy(
            self.measured("timeout", seconds),
            table.get("retries", 0),
            1.0 if delay is None else delay,
            self.measured("max_age", seconds),
            table.get("always", False),
            table.get("cache", True),
        )
