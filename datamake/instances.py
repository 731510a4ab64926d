"""Names of instances, `clean[01,JFK]`: made, read, and looked up in a family.

Knows nothing of what instances are made from. In brackets stand values in the order of the foreach
variables, or `variable=value`; `*` and `?` stand for characters, `a..b` for what lies between.
"""

from __future__ import annotations

import re

from datamake.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from datamake.model import Target

NAMED = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]*)(?:\[(.*)\])?", re.DOTALL)
ARGUMENT = r"""(?:([A-Za-z_][A-Za-z0-9_-]*)=)?(?:"((?:[^"]|"")*)"|([^",\[\]]*))(,|$)"""
SPECIAL = frozenset('",[]')


@value
class Argument:
    """One value, or pattern of values, in brackets."""

    text: str
    variable: str = ""
    exact: bool = False
    """Whether it is quoted, so that it has no special characters."""


def named(text: str) -> tuple[str, str | None] | None:
    """A name, and what its brackets hold (None without brackets); None if it is no name at all."""
    match = NAMED.fullmatch(text)
    return (match[1], match[2]) if match else None


def arguments(text: str) -> list[Argument]:
    """What brackets hold. Raises ValueError if it cannot be read."""
    found, end = [], 0
    argument = re.compile(ARGUMENT, re.DOTALL)
    while True:
        match = argument.match(text, end)
        if match is None:
            raise ValueError(f"`[{text}]` cannot be read: quote a value that has `,`, `[` or `]`")
        exact = match[2] is not None
        found.append(
            Argument(
                (match[2] or "").replace('""', '"') if exact else match[3], match[1] or "", exact
            )
        )
        end = match.end()
        if not match[4]:
            return found


def bracketed(values: Iterable[str]) -> str:
    """The values as they stand in an instance's name."""
    return ",".join(
        '"' + text.replace('"', '""') + '"' if not text or not SPECIAL.isdisjoint(text) else text
        for text in values
    )


class Family:
    """The instances of a foreach target, looked up by their values."""

    def __init__(self, name: str, variables: Sequence[str]) -> None:
        self.name = name
        self.variables = tuple(variables)
        self.rows: dict[str, Mapping[str, str]] = {}
        """Instance → its values."""
        self._by_value: list[dict[str, list[str]]] = []

    def add(self, targets: Iterable[Target]) -> None:
        """Take in instances."""
        self.rows.update((target.name, target.each) for target in targets)
        self._by_value = []

    def chosen(self, brackets: str) -> list[str]:
        """The instances that are meant. Raises ValueError with a message for what cannot be."""
        if brackets == "*":
            return list(self.rows)
        exact = f"{self.name}[{brackets}]"
        if exact in self.rows:
            return [exact]
        wanted = self._wanted(arguments(brackets))
        names: Iterable[str] = self.rows
        for index, variable in enumerate(self.variables):
            argument = wanted.get(variable)
            if argument is not None and _plain(argument):
                names = self._having(index).get(argument.text, ())
                break
        return [
            name
            for name in names
            if all(_fits(argument, self.rows[name][key]) for key, argument in wanted.items())
        ]

    def _wanted(self, given: Sequence[Argument]) -> dict[str, Argument]:
        """The arguments by the variable that each is for."""
        if all(argument.variable in self.variables for argument in given):
            return {argument.variable: argument for argument in given}
        if len(given) != len(self.variables):
            shown = ", ".join(f"`{variable}`" for variable in self.variables)
            raise ValueError(
                f"`{self.name}` has the foreach variables {shown}, not {len(given)} values"
            )
        return dict(zip(self.variables, map(_positional, given), strict=True))

    def _having(self, index: int) -> dict[str, list[str]]:
        """The instances by the value of one variable."""
        if not self._by_value:
            self._by_value = [{} for _ in self.variables]
            for name, each in self.rows.items():
                for values, variable in zip(self._by_value, self.variables, strict=True):
                    values.setdefault(each[variable], []).append(name)
        return self._by_value[index]


def _positional(argument: Argument) -> Argument:
    """`a=b` where `a` is no variable is a value."""
    if not argument.variable:
        return argument
    return Argument(f"{argument.variable}={argument.text}", "", argument.exact)


def _plain(argument: Argument) -> bool:
    text = argument.text
    return argument.exact or not ("*" in text or "?" in text or ".." in text)


def _fits(argument: Argument, text: str) -> bool:
    if argument.text == text:
        return True
    if _plain(argument):
        return False
    low, dots, high = argument.text.partition("..")
    if dots:
        return _between(low, text, high)
    shape = re.escape(argument.text).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(shape, text, re.DOTALL) is not None


def _between(low: str, text: str, high: str) -> bool:
    """Whether a value lies in a range, ends included: as numbers where all are, else as texts."""
    if all(re.fullmatch("-?[0-9]+", each) for each in (low, text, high)):
        return int(low) <= int(text) <= int(high)
    return low <= text <= high


def parts(text: str, mark: str) -> Iterator[str]:
    """The pieces of a text between marks that stand in no brackets and no quotes."""
    start = depth = 0
    quoted = False
    for index, letter in enumerate(text):
        if letter == '"' and depth:
            quoted = not quoted
        elif not quoted and letter in "[]":
            depth += 1 if letter == "[" else -1
        elif letter == mark and not depth:
            yield text[start:index]
            start = index + 1
    yield text[start:]
