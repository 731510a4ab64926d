"""Values: slotted classes with an initialiser, equality and a repr made from their annotations.

Knows nothing of what the values mean. `@value` is what `dataclass(frozen=True, slots=True)` gives,
without the import of `dataclasses`, which alone takes longer than a whole build with nothing to do.
Type checkers see frozen dataclasses; at run time nothing guards against assignment.
"""

from __future__ import annotations

from types import MappingProxyType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TypeVar

    from typing_extensions import dataclass_transform

    T = TypeVar("T")

    @dataclass_transform(frozen_default=True)
    def value(cls: type[T]) -> type[T]:
        """Seen by type checkers only."""
        return cls

else:

    def value(cls):
        """The class `cls`, made anew with slots for its annotations, in their order."""
        names = tuple(cls.__annotations__)
        own = dict(cls.__dict__)
        defaults = {name: own.pop(name) for name in names if name in own}
        for name in ("__dict__", "__weakref__"):
            own.pop(name, None)
        arguments = ", ".join(f"{n}=_{n}" if n in defaults else n for n in names)
        lines = "".join(f"\n    self.{n} = {n}" for n in names) or "\n    pass"
        scope = {f"_{name}": default for name, default in defaults.items()}
        exec(f"def __init__(self, {arguments}):{lines}", scope)  # noqa: S102 - only names from the class itself
        own["__slots__"] = names
        own["__match_args__"] = names
        own["__init__"] = scope["__init__"]
        for special in (__eq__, __hash__, __repr__):
            own.setdefault(special.__name__, special)
        own["__qualname__"] = cls.__qualname__
        return type(cls.__name__, cls.__bases__, own)

    def __eq__(self, other):  # noqa: N807 - becomes the method of every value
        if self.__class__ is not other.__class__:
            return NotImplemented
        return all(getattr(self, n) == getattr(other, n) for n in self.__slots__)

    def __hash__(self):  # noqa: N807
        return hash(tuple(getattr(self, n) for n in self.__slots__))

    def __repr__(self):  # noqa: N807
        fields = ", ".join(f"{n}={getattr(self, n)!r}" for n in self.__slots__)
        return f"{self.__class__.__name__}({fields})"


def replace(old: T, **changes: Any) -> T:
    """A copy of the value `old` with some fields changed."""
    fields = {name: getattr(old, name) for name in old.__slots__}  # type: ignore[attr-defined]
    return old.__class__(**{**fields, **changes})


NOTHING: Mapping[str, Any] = MappingProxyType({})
"""The empty mapping, as a default that nobody can fill."""
