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
        own = {
            key: item
            for key, item in cls.__dict__.items()
            if key not in ("__dict__", "__weakref__")
        }
        names = tuple(cls.__annotations__)
        defaults = {name: own.pop(name) for name in names if name in own}
        own["__slots__"] = own["__match_args__"] = names
        for special in (__eq__, __hash__, __repr__):
            own.setdefault(special.__name__, special)
        made = type(cls.__name__, cls.__bases__, own)

        def __init__(self, *values, **fields):  # noqa: N807
            """Makes the real one at the first call, and takes its place: most classes see none."""
            made.__init__ = _initialiser(names, defaults)
            made.__init__(self, *values, **fields)

        made.__init__ = __init__
        return made

    def _initialiser(names, defaults):
        arguments = ", ".join(f"{name}=_{name}" if name in defaults else name for name in names)
        lines = "".join(f"\n    self.{name} = {name}" for name in names) or "\n    pass"
        scope = {f"_{name}": default for name, default in defaults.items()}
        exec(f"def __init__(self, {arguments}):{lines}", scope)  # noqa: S102 - names of a class of ours
        return scope["__init__"]

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


def undisturbed() -> None:
    """What is called now and then by what takes long, where nothing is to end it."""
