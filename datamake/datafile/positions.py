"""Where in the text of a Datafile a key or a list element stands.

Knows nothing of what the keys mean. It is read only once there is an error to report, and only
texts that are valid TOML.
"""

from __future__ import annotations

import re
from bisect import bisect_right

from datamake.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from datamake.errors import Problem
    from datamake.model import Declaration, Spec, Tree

    Keys = tuple[str | int, ...]

SPACE = r"(?:[ \t\r\n]|#[^\n]*)*"
STRING = (
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:\\.|[^"\\])*"'
    r"|'[^']*'"
)
SCALAR = rf"(?:{STRING})|[^,\]}}#\r\n]*"
NAME = r"""[ \t]*("(?:\\.|[^"\\])*"|'[^']*'|[^\s=.\]#"',{}]+)[ \t]*"""


def locate(problems: Sequence[Problem], tree: Tree) -> tuple[Problem, ...]:
    """The problems with line and column, as found by their keys; as they are where nothing is."""
    files: dict[str, Places] = {}
    result = []
    for problem in problems:
        if problem.line or not problem.keys:
            result.append(problem)
            continue
        if problem.file not in files:
            content = tree.read(problem.file) or b""
            files[problem.file] = Places(content.decode("utf-8-sig", "replace"))
        line, column = files[problem.file].place(problem.keys)
        result.append(replace(problem, line=line, column=column))
    return tuple(result)


def place(declaration: Declaration, *keys: str | int) -> Keys:
    """The keys that lead to a place in a declaration, in the Datafile that it stands in."""
    if keys and keys[0] in declaration.inherited:
        return ("defaults", *keys)
    table = "sources" if declaration.kind == "source" else "targets"
    return (table, declaration.name.removeprefix(declaration.part.space), *keys)


def setting(spec: Spec, key: str, *keys: str | int) -> Keys:
    """The keys that lead to a setting of the project, in the root Datafile: that of the profile."""
    layer = ("profiles", spec.profile or "") if key in spec.profiled else ()
    return (*layer, "project", key, *keys)


class Places:
    """Offsets of all keys and list elements of one text."""

    def __init__(self, text: str) -> None:
        self.offsets = Scan(text).offsets
        self.lines = [0, *(match.end() for match in re.finditer("\n", text))]

    def place(self, keys: Keys) -> tuple[int, int]:
        """Line and column of the thing itself or of the nearest one around it; 0, 0 if there is none."""
        for length in range(len(keys), 0, -1):
            if keys[:length] in self.offsets:
                offset = self.offsets[keys[:length]]
                line = bisect_right(self.lines, offset)
                return line, offset - self.lines[line - 1] + 1
        return 0, 0


class Scan:
    """One pass over a text. `offsets` is what it finds: keys → where the last of them stands."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.offsets: dict[Keys, int] = {}
        self.lengths: dict[Keys, int] = {}
        """Of the arrays of tables: how many tables there are so far."""
        self.space = re.compile(SPACE)
        self.scalar = re.compile(SCALAR, re.DOTALL)
        self.name = re.compile(NAME)
        self.statements()

    def statements(self) -> None:
        """All of the text, table by table and key by key."""
        table: Keys = ()
        while self.skipped() < len(self.text):
            if self.text.startswith("[", self.at):
                table = self.header()
            else:
                self.value(self.key(table))

    def skipped(self) -> int:
        """The place behind white space, line ends and comments."""
        found = self.space.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return self.at

    def header(self) -> Keys:
        """`[a.b]` or `[[a.b]]`; the keys of the table that it opens."""
        array = self.text.startswith("[[", self.at)
        self.at += 2 if array else 1
        names = list(self.names())
        self.at += 2 if array else 1
        keys: Keys = ()
        for name, offset in names[:-1]:
            keys = self.inner((*keys, name), offset)
        name, offset = names[-1]
        keys = (*keys, name)
        if array:
            self.offsets.setdefault(keys, offset)
            keys = (*keys, self.lengths.get(keys, 0))
            self.lengths[keys[:-1]] = self.lengths.get(keys[:-1], 0) + 1
        self.offsets[keys] = offset
        return keys

    def inner(self, keys: Keys, offset: int) -> Keys:
        """A table on the way to another; of an array of tables the last one."""
        self.offsets.setdefault(keys, offset)
        if keys in self.lengths:
            return (*keys, self.lengths[keys] - 1)
        return keys

    def key(self, table: Keys) -> Keys:
        """`a.b =`; the keys of what it sets."""
        keys = table
        for name, offset in self.names():
            keys = (*keys, name)
            self.offsets.setdefault(keys, offset)
        self.at += 1
        return keys

    def names(self) -> Iterator[tuple[str, int]]:
        """The parts of a dotted key, each with its place."""
        while found := self.name.match(self.text, self.at):
            self.at = found.end()
            yield unquoted(found[1]), found.start(1)
            if not self.text.startswith(".", self.at):
                return
            self.at += 1

    def value(self, keys: Keys) -> None:
        """Skip a value, and note what is in it."""
        self.skipped()
        opening = self.text[self.at : self.at + 1]
        if opening not in ("[", "{"):
            found = self.scalar.match(self.text, self.at)
            self.at = found.end() if found else len(self.text)
            return
        self.at += 1
        index = 0
        while self.skipped() < len(self.text) and self.text[self.at] not in "]}":
            if self.text[self.at] == ",":
                self.at += 1
            elif opening == "[":
                element = (*keys, index)
                self.offsets[element] = self.at
                self.value(element)
                index += 1
            else:
                self.value(self.key(keys))
        self.at += 1


def unquoted(name: str) -> str:
    """A part of a key without its quotes."""
    if name.startswith("'"):
        return name[1:-1]
    if not name.startswith('"'):
        return name
    if "\\" not in name:
        return name[1:-1]
    from tomli import loads

    return str(loads(f"name = {name}")["name"])
