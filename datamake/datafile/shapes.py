"""What a value in a Datafile may look like: the test, the message, the JSON Schema.

Knows no key by name.
"""

from __future__ import annotations

import re

from datamake.errors import Problem
from datamake.values import NOTHING, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any

    Keys = tuple[str | int, ...]

IDENTIFIER = "^[A-Za-z_][A-Za-z0-9_-]*$"
NAME_RULE = "names are letters, digits, `_` and `-`, and begin with a letter or `_`"


class Shape:
    """What a value may look like. `words` describes it: "a list of strings"."""

    words: str

    def fits(self, found: Any) -> bool:
        """Whether `found` is right, all the way down."""
        raise NotImplementedError

    def meant(self, found: Any) -> bool:
        """Whether `found`, which does not fit, is an attempt at this shape."""
        raise NotImplementedError

    def faults(self, found: Any, keys: Keys) -> Iterator[Problem]:
        """What is wrong with `found`, which stands at `keys` and does not fit."""
        yield Problem(f"`{label(keys)}` must be {self.words}, not {shown(found)}", keys=keys)

    def schema(self) -> dict[str, Any]:
        """The same as JSON Schema."""
        raise NotImplementedError


class Scalar(Shape):
    """A single value. `reason` is the rest of a message for one of the right type, or `""`."""

    def __init__(
        self,
        words: str,
        test: Callable[[Any], bool],
        schema: Mapping[str, Any],
        reason: Callable[[Any], str] | None = None,
    ) -> None:
        self.words = words
        self.fits = test  # type: ignore[method-assign, assignment]
        self.json = schema
        self.reason = reason

    def meant(self, found: Any) -> bool:
        """Whether there is more to say than the type."""
        return self.reason is not None and self.reason(found) != ""

    def faults(self, found: Any, keys: Keys) -> Iterator[Problem]:
        """The reason, or what it must be."""
        reason = self.reason(found) if self.reason else ""
        if reason:
            yield Problem(f"`{label(keys)}`{reason}", keys=keys)
        else:
            yield from super().faults(found, keys)

    def schema(self) -> dict[str, Any]:
        """As it was given."""
        return dict(self.json)


class ListOf(Shape):
    """A list whose elements have one shape."""

    def __init__(self, words: str, item: Shape, least: int = 0) -> None:
        self.words = words
        self.item = item
        self.least = least

    def fits(self, found: Any) -> bool:
        """Whether it is a list of such elements."""
        if type(found) is not list or len(found) < self.least:
            return False
        return all(map(self.item.fits, found))

    def meant(self, found: Any) -> bool:
        """Whether it is a list."""
        return isinstance(found, list)

    def faults(self, found: Any, keys: Keys) -> Iterator[Problem]:
        """Those of the elements."""
        if not isinstance(found, list):
            yield from super().faults(found, keys)
        elif len(found) < self.least:
            yield Problem(f"`{label(keys)}` is empty", keys=keys)
        else:
            for index, element in enumerate(found):
                if not self.item.fits(element):
                    yield from self.item.faults(element, (*keys, index))

    def schema(self) -> dict[str, Any]:
        """An array."""
        least = {"minItems": self.least} if self.least else {}
        return {"type": "array", "items": self.item.schema(), **least}


class TableOf(Shape):
    """A table with free names, whose values have one shape."""

    def __init__(
        self,
        words: str,
        item: Shape,
        pattern: str = IDENTIFIER,
        taken: Iterable[str] = (),
        least: int = 0,
        rule: str = NAME_RULE,
    ) -> None:
        self.words = words
        self.item = item
        self.pattern = pattern
        self.rule = rule
        self.taken = frozenset(taken)
        self.least = least

    def fits(self, found: Any) -> bool:
        """Whether it is a table of such values."""
        if type(found) is not dict or len(found) < self.least:
            return False
        return all(map(self.named, found)) and all(map(self.item.fits, found.values()))

    def named(self, name: str) -> bool:
        """Whether `name` may be used."""
        if self.pattern == IDENTIFIER:
            return is_identifier(name) and name not in self.taken
        return re.match(self.pattern, name) is not None

    def meant(self, found: Any) -> bool:
        """Whether it is a table."""
        return isinstance(found, dict)

    def faults(self, found: Any, keys: Keys) -> Iterator[Problem]:
        """Those of the names and values."""
        if not isinstance(found, dict):
            yield from super().faults(found, keys)
        elif len(found) < self.least:
            yield Problem(f"`{label(keys)}` is empty", keys=keys)
        else:
            for name, inner in found.items():
                if name in self.taken:
                    reason = "it is the name of a placeholder already"
                    yield Problem(
                        f"`{name}` cannot be a name here", keys=(*keys, name), hint=reason
                    )
                elif not self.named(name):
                    yield Problem(f"`{name}` is not a name", keys=(*keys, name), hint=self.rule)
                if not self.item.fits(inner):
                    yield from self.item.faults(inner, (*keys, name))

    def schema(self) -> dict[str, Any]:
        """An object with free names."""
        names: dict[str, Any] = {"pattern": self.pattern}
        if self.taken:
            names["not"] = {"enum": sorted(self.taken)}
        result = {
            "type": "object",
            "propertyNames": names,
            "additionalProperties": self.item.schema(),
        }
        return {**result, "minProperties": self.least} if self.least else result


class Either(Shape):
    """One of several shapes."""

    def __init__(self, words: str, *shapes: Shape) -> None:
        self.words = words
        self.shapes = shapes

    def fits(self, found: Any) -> bool:
        """Whether it fits one of them."""
        return any(shape.fits(found) for shape in self.shapes)

    def meant(self, found: Any) -> bool:
        """Whether it is an attempt at one of them."""
        return any(shape.meant(found) for shape in self.shapes)

    def faults(self, found: Any, keys: Keys) -> Iterator[Problem]:
        """Those of the shape that was meant, if that can be told."""
        meant = [shape for shape in self.shapes if shape.meant(found)]
        yield from meant[0].faults(found, keys) if meant else super().faults(found, keys)

    def schema(self) -> dict[str, Any]:
        """Any of the shapes."""
        return {"anyOf": [shape.schema() for shape in self.shapes]}


@value
class Key:
    """One key of a table."""

    name: str
    shape: Shape
    doc: str
    """What it means, in a line of Markdown."""
    default: str = ""
    placeholders: bool = False
    """Whether params and foreach variables are filled into its strings."""
    required: bool = False


class Record(Shape):
    """A table with known keys. `refused` says of others why they do not work (here, or yet)."""

    def __init__(
        self,
        words: str,
        keys: Iterable[Key],
        refused: Mapping[str, str] = NOTHING,
        extra: Mapping[str, Any] = NOTHING,
    ) -> None:
        self.words = words
        self.keys = tuple(keys)
        self.shapes = {key.name: key.shape for key in self.keys}
        self.required = frozenset(key.name for key in self.keys if key.required)
        self.refused = refused
        self.extra = extra

    def __iter__(self) -> Iterator[Key]:
        return iter(self.keys)

    def fits(self, found: Any) -> bool:
        """Whether it has these keys only, those that are needed, and right values."""
        if type(found) is not dict:
            return False
        shapes = self.shapes
        for name, inner in found.items():
            shape = shapes.get(name)
            if shape is None or not shape.fits(inner):
                return False
        return not self.required or self.required <= found.keys()

    def meant(self, found: Any) -> bool:
        """Whether it is a table."""
        return isinstance(found, dict)

    def faults(self, found: Any, keys: Keys) -> Iterator[Problem]:
        """Those of the keys and values."""
        if not isinstance(found, dict):
            yield from super().faults(found, keys)
            return
        meant = set()
        for name, inner in found.items():
            shape = self.shapes.get(name)
            if shape is None:
                meant.add(nearest(name, self.shapes))
                yield self.stranger(name, keys)
            elif not shape.fits(inner):
                yield from shape.faults(inner, (*keys, name))
        for name in sorted(self.required - found.keys() - meant):
            yield Problem(f"`{label(keys)}` needs `{name}`", keys=keys)

    def stranger(self, name: str, keys: Keys) -> Problem:
        """What to say of a key that is not one of these."""
        place = (*keys, name)
        if name in self.refused:
            return Problem(f"`{label(place)}` {self.refused[name]}", keys=place)
        hint = did_you_mean(name, self.shapes)
        if hint:
            return Problem(f"unknown key `{label(place)}`", keys=place, hint=hint)
        known = ", ".join(f"`{known}`" for known in self.shapes)
        return Problem(f"unknown key `{label(place)}`", keys=place, facts=(f"known here: {known}",))

    def schema(self) -> dict[str, Any]:
        """An object with these properties and no others."""
        properties = {}
        for key in self.keys:
            default = f" Default: {key.default}." if key.default else ""
            properties[key.name] = {**key.shape.schema(), "description": f"{key.doc}.{default}"}
        required = {"required": sorted(self.required)} if self.required else {}
        return {
            "type": "object",
            "properties": properties,
            "additionalProperties": False,
            **required,
            **self.extra,
        }


def is_identifier(name: str) -> bool:
    """Whether `name` can be that of a target, a source, an input, a param, a variable."""
    return name.isascii() and name.replace("-", "_").isidentifier() and name[0] != "-"


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that `name` may be a slip of, or `""`."""
    from difflib import get_close_matches

    by_letters = {each.casefold(): each for each in known}
    near = get_close_matches(name.casefold(), list(by_letters), 1)
    return by_letters[near[0]] if near else ""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The hint at the known name that `name` may be a slip of, or `""`."""
    near = nearest(name, known)
    return f"did you mean `{near}`?" if near else ""


def label(keys: Keys) -> str:
    """How a message calls a place: `inputs[0].from`, what it is declared in left out."""
    if keys[0] == "profiles" and len(keys) > 2:
        keys = keys[2:]
    if keys[0] in ("targets", "sources") and len(keys) > 2:
        keys = keys[2:]
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")


def shown(found: Any) -> str:
    """A value for a message: what it is, and the value itself where it is short."""
    if isinstance(found, bool):
        return "`true`" if found else "`false`"
    if isinstance(found, str):
        return f"the string `{found if len(found) <= 40 else found[:37] + '...'}`"
    if isinstance(found, (int, float)):
        return f"the number {found}"
    if isinstance(found, list):
        return "a list"
    return "a table" if isinstance(found, dict) else f"the date {found}"
