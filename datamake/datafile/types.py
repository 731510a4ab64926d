"""The types of columns as people write them: `decimal(12, 2)`, `list<string not null>`.

Knows nothing of Arrow; `tables/types.py` makes its types of these, and these of its types.
"""

from __future__ import annotations

import re

from datamake.values import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

DEPTH = 64
"""How deep types may be nested."""

PLAIN = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "string", "date", "date64", "interval", "null"),
)
"""Types that are a name alone."""

OTHERS = {
    "float": "float32",
    "double": "float64",
    "int": "int64",
    "integer": "int64",
    "bigint": "int64",
    "long": "int64",
    "str": "string",
    "text": "string",
    "varchar": "string",
    "utf8": "string",
    "boolean": "bool",
    "bytes": "binary",
    "blob": "binary",
    "date32": "date",
    "datetime": "timestamp[us]",
    "timestamptz": "timestamp[us, UTC]",
    "numeric": "decimal(12, 2)",
    "decimal128": "decimal(12, 2)",
    "array": "list<int64>",
}
"""Names that people know → what is meant. Only the first two may be written."""
RARE = ("float16", "date64", "interval", "null")
"""What is hardly ever meant where another name is written."""

SHOWN = {
    "timestamp": "`timestamp[us]`",
    "duration": "`duration[us]`",
    "decimal": "`decimal(12, 2)`",
    "list": "`list<int64>`",
    "struct": "`struct<a: int64, b: string>`",
    "map": "`map<string, int64>`",
}
"""Types that need more than their name → one with all that it needs."""

UNITS = ("s", "ms", "us", "ns")
BARE = re.compile(r"[^\W\d]\w*")


@value
class Type:
    """A type of a column.

    `arguments` are its unit and zone (timestamp), unit (time, duration), precision and scale
    (decimal), bytes (binary of a fixed width) or items (list of a fixed length). `parts` are the
    types in it, with the names of a struct's fields; `""` elsewhere.
    """

    name: str
    arguments: tuple[str | int, ...] = ()
    parts: tuple[tuple[str, Type], ...] = ()
    nullable: bool = True

    def __str__(self) -> str:
        """The canonical text, which `parsed` makes an equal type of."""
        return written(self) + ("" if self.nullable else " not null")

    def zones(self) -> Iterator[str]:
        """The time zones in it."""
        if self.name == "timestamp":
            yield from map(str, self.arguments[1:])
        for _, part in self.parts:
            yield from part.zones()


def written(type_: Type) -> str:
    """The canonical text of a type, without ` not null`."""
    name, arguments = type_.name, type_.arguments
    if name == "decimal":
        return f"decimal({arguments[0]}, {arguments[1]})"
    if name == "struct":
        fields = ", ".join(f"{_name(field)}: {part}" for field, part in type_.parts)
        return f"struct<{fields}>"
    inner = ", ".join(str(part) for _, part in type_.parts)
    inner = f"<{inner}>" if type_.parts else ""
    if not arguments or (name, arguments) == ("time", ("us",)):
        return name + inner
    first, *zone = (str(argument) for argument in arguments)
    shown = [each if re.fullmatch(r"[\w/+:-]+", each) else _name(each) for each in zone]
    return f"{name}{inner}[{', '.join([first, *shown])}]"


def _name(text: str) -> str:
    if BARE.fullmatch(text):
        return text
    return '"' + text.replace('"', '""') + '"'


def parsed(text: str) -> Type:
    """The type that a text means. Raises ValueError with a message."""
    reader = _Reader(text)
    found = reader.type()
    if reader.rest():
        raise reader.fault(f"goes on after the type, with `{reader.rest()}`")
    return found


class _Reader:
    """Reads one type from the left to the right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0

    def rest(self) -> str:
        return self.text[self.at :].strip()

    def fault(self, what: str) -> ValueError:
        return ValueError(f"`{self.text}` {what}")

    def taken(self, pattern: str) -> str | None:
        """The text that a pattern matches here, blanks before it skipped; None if it does not."""
        found = re.compile(rf"\s*({pattern})").match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        return found[1]

    def expect(self, mark: str, where: str) -> None:
        if self.taken(re.escape(mark)) is None:
            found = f"`{self.rest()}`" if self.rest() else "the end"
            raise self.fault(f"needs a `{mark}` {where}, and has {found}")

    def type(self) -> Type:
        self.depth += 1
        if self.depth > DEPTH:
            raise self.fault(f"is nested more than {DEPTH} deep")
        found = self.named(self.taken(r"\w+") or "")
        self.depth -= 1
        if self.taken(r"not\s+null\b") is None:
            return found
        if found.name == "null":
            raise self.fault("has `null not null`, which nothing is")
        return replace(found, nullable=False)

    def named(self, word: str) -> Type:
        name = OTHERS[word] if word in ("float", "double") else word
        if name in PLAIN:
            return Type(name)
        if name in ("time", "timestamp", "duration"):
            return Type(name, self.units(name))
        if name == "binary":
            return Type(name, self.width())
        if name == "decimal":
            return Type(name, self.decimal())
        if name in ("list", "struct", "map"):
            return self.nested(name)
        raise self.fault(self.unknown(word))

    def unknown(self, word: str) -> str:
        if not word:
            return f"needs a type before `{self.rest()}`" if self.rest() else "ends before a type"
        from difflib import get_close_matches

        names = [name for name in (*PLAIN, "binary", "time", *SHOWN, *OTHERS) if name not in RARE]
        near = next(iter(get_close_matches(word.lower(), names, 1)), "")
        near = OTHERS.get(near, near)
        hint = SHOWN.get(near, f"`{near}`")
        what = "is not a type" if word == self.text else f"has `{word}`, which is not a type"
        return f"{what}; did you mean {hint}?" if near else what

    def units(self, name: str) -> tuple[str, ...]:
        """Unit, and zone of a timestamp. A time has microseconds where it says nothing."""
        if self.taken(r"\[") is None:
            if name == "time":
                return ("us",)
            raise self.fault(f"needs a unit, as in {SHOWN[name]}")
        unit = self.taken(r"\w+")
        if unit not in UNITS:
            raise self.fault("needs a unit: `s`, `ms`, `us` or `ns`")
        if name == "timestamp" and self.taken(",") is not None:
            zone = self.zone()
            self.expect("]", "after the zone")
            return unit, zone
        self.expect("]", "after the unit")
        return (unit,)

    def zone(self) -> str:
        zone = self.quoted() or self.taken(r"[\w/+:-]+")
        if not zone:
            raise self.fault("needs a time zone after the comma, as in `timestamp[us, UTC]`")
        return zone

    def quoted(self) -> str | None:
        """A name in quotes, a quote in it doubled."""
        found = self.taken('"(?:[^"]|"")*"')
        return None if found is None else found[1:-1].replace('""', '"')

    def width(self) -> tuple[int, ...]:
        """`[16]`, or nothing."""
        if self.taken(r"\[") is None:
            return ()
        number = self.taken("[0-9]{1,9}")
        if number is None:
            raise self.fault("needs a number between `[` and `]`")
        self.expect("]", "after the number")
        return (int(number),)

    def decimal(self) -> tuple[int, int]:
        found = self.taken(r"\(\s*[0-9]{1,3}\s*,\s*-?[0-9]{1,3}\s*\)")
        if found is None:
            raise self.fault(f"needs precision and scale, as in {SHOWN['decimal']}")
        precision, scale = map(int, found[1:-1].split(","))
        if not 1 <= precision <= 76:
            raise self.fault("has a precision that is not between 1 and 76")
        return precision, scale

    def nested(self, name: str) -> Type:
        if self.taken("<") is None:
            raise self.fault(f"needs the types in it, as in {SHOWN[name]}")
        if name == "list":
            parts: tuple[tuple[str, Type], ...] = (("", self.type()),)
            self.expect(">", "after the type of the items")
            return Type(name, self.width(), parts)
        if name == "map":
            key = replace(self.type(), nullable=True)  # no key is null, and nothing says so
            self.expect(",", "between the types of keys and values")
            parts = (("", key), ("", self.type()))
            self.expect(">", "after the type of the values")
            return Type(name, (), parts)
        fields: list[tuple[str, Type]] = []
        while self.taken(">") is None:
            if fields:
                self.expect(",", "or a `>` after a field")
            fields.append(self.field())
        return Type(name, (), tuple(fields))

    def field(self) -> tuple[str, Type]:
        name = self.quoted()
        if name is None:
            name = self.taken(BARE.pattern)
        if name is None:
            raise self.fault("needs the name of a field, as in `struct<a: int64, b: string>`")
        self.expect(":", f"after the field `{name}`")
        return name, self.type()
