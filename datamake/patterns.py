"""Patterns of paths: globs, and paths with captures; what they match, and whether two can meet.

Knows nothing of targets. `*`, `?` and `[...]` stand for characters of one name, `**` for any number
of folders, `{name}` for a part of a name that is to be known; none of them begins with a dot.
"""

from __future__ import annotations

import re
from functools import lru_cache

from datamake.datafile.placeholders import Placeholder, pieces
from datamake.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from datamake.model import Tree

MAGIC = re.compile(r"[*?[]")
SPECIAL = r"(?<![^/])\*\*/|\*+|\?|\[!?\]?[^\]]*\]"
DEEP = "**"


@value
class Pattern:
    """A glob, by the names from the root on; a capture is a `*` of it."""

    text: str
    segments: tuple[str, ...]
    folder: bool = False
    """Whether it matches folders, not files."""
    whole: bool = False
    """Whether it matches all that is in a folder, hidden names too."""

    @property
    def prefix(self) -> str:
        """The folder, `""` for the root, that all it matches is in."""
        return fixed(self.segments[:-1])

    def matches(self, path: str) -> bool:
        """Whether this is a path of the pattern."""
        if self.whole:
            return path.startswith(self.text)
        return _match(self.segments, path.split("/"))


@value
class Capture:
    """A pattern with captures."""

    text: str
    pattern: Pattern
    names: tuple[str, ...]
    regex: re.Pattern[str]

    def row(self, path: str) -> dict[str, str] | None:
        """What is captured if `path` matches, else None."""
        match = self.regex.fullmatch(path) if self.pattern.matches(path) else None
        return dict(zip(self.names, match.groups(), strict=True)) if match else None


def is_glob(text: str) -> bool:
    """Whether a text holds one of the characters of a glob."""
    return MAGIC.search(text) is not None


def escaped(text: str) -> str:
    """The glob that matches exactly this text."""
    return MAGIC.sub(r"[\g<0>]", text)


def glob(text: str) -> Pattern:
    """The pattern of a glob, or of all that is in a folder, if the text ends in `/`."""
    if text.endswith("/"):
        return Pattern(text, below(exactly(text[:-1])), whole=True)
    return Pattern(text, tuple(text.split("/")))


EVERYTHING = Pattern("", (DEEP,), whole=True)


def capture(text: str) -> Capture:
    """The pattern of a path with captures; one that stands twice is the same both times."""
    names: list[str] = []
    shape = regex = ""
    for piece in pieces(text):
        if not isinstance(piece, Placeholder):
            shape += piece
            regex += _expression(piece)
            continue
        shape += "*"
        if piece.name in names:
            regex += f"(?:\\{names.index(piece.name) + 1})"
        else:
            names.append(piece.name)
            regex += "([^/]+)"
    pattern = Pattern(shape, tuple(shape.rstrip("/").split("/")), shape.endswith("/"))
    return Capture(text, pattern, tuple(names), re.compile(regex.rstrip("/"), re.DOTALL))


def _match(segments: Sequence[str], names: Sequence[str]) -> bool:
    for index, segment in enumerate(segments):
        if segment == DEEP:
            return _match_deep(segments[index + 1 :], names[index:])
        if index == len(names) or not alike(segment, names[index]):
            return False
    return len(segments) == len(names)


def _match_deep(segments: Sequence[str], names: Sequence[str]) -> bool:
    """Whether names match `**` and these segments behind it; nothing behind it needs a name."""
    for index, name in enumerate(names):
        if segments and _match(segments, names[index:]):
            return True
        if name.startswith("."):
            return False
    return bool(names) and not segments


def alike(segment: str, name: str) -> bool:
    """Whether a name matches one segment of a glob."""
    if segment == name:
        return True
    shape = _shape(segment)
    return shape is not None and shape.fullmatch(name) is not None


@lru_cache(maxsize=4096)
def _shape(segment: str) -> re.Pattern[str] | None:
    """The expression of a segment, or None if it stands for itself alone."""
    if not MAGIC.search(segment):
        return None
    visible = "" if segment.startswith(".") else r"(?!\.)"
    return re.compile(visible + _expression(segment), re.DOTALL)


def _expression(text: str) -> str:
    """The regular expression for a part of a glob."""
    whole, end = "", 0
    for match in re.finditer(SPECIAL, text):
        whole += re.escape(text[end : match.start()])
        end = match.end()
        whole += _special(match[0])
    return whole + re.escape(text[end:])


def _special(text: str) -> str:
    """The expression for what is special in a glob; a range the wrong way round matches nothing."""
    if text == "**/":
        return r"(?:(?!\.)[^/]+/)*"
    if text[0] != "[":
        return "[^/]" if text == "?" else "[^/]*"
    body = re.sub(r"[\\\[\]&~|^]", r"\\\g<0>", text[1:-1])
    if body[0] == "!":
        body = "^/" + body[1:]
    try:
        re.compile(f"[{body}]")
    except re.error:
        return "(?!)"
    return f"[{body}]"


def found(pattern: Pattern, tree: Tree, passed: Callable[[str], bool]) -> Iterator[str]:
    """The files (or folders) of a tree that match; what is `passed` by is not looked into."""
    segments = pattern.segments
    deep = segments.index(DEEP) if DEEP in segments else len(segments)
    hidden = pattern.whole or any(segment.startswith(".") for segment in segments[deep:])
    start = pattern.prefix
    waiting = [(start, start.count("/") + 1 if start else 0)]
    while waiting:
        folder, depth = waiting.pop()
        last = depth == len(segments) - 1
        for name, kind in tree.entries(folder).items():
            if depth < deep:
                if not alike(segments[depth], name):
                    continue
            elif name.startswith(".") and not hidden:
                continue
            path = f"{folder}/{name}" if folder else name
            ends = last or depth >= deep
            ends = ends and (kind == "folder") == pattern.folder and pattern.matches(path)
            further = kind == "folder" and (depth >= deep or not last)
            if (ends or further) and not passed(path):
                if ends:
                    yield path
                if further:
                    waiting.append((path, depth + 1))


def exactly(path: str) -> tuple[str, ...]:
    """The segments that match this path alone."""
    return tuple(escaped(path).split("/"))


def fixed(segments: Sequence[str]) -> str:
    """The folder, or path, that the segments before the first special one spell."""
    names = []
    for segment in segments:
        if MAGIC.search(segment):
            break
        names.append(segment)
    return "/".join(names)


def below(folder: Sequence[str]) -> tuple[str, ...]:
    """The segments that match all that is in such folders."""
    return (*folder, DEEP)


def meet(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two patterns may match one path, by their segments; in doubt they may."""
    for index, (segment, another) in enumerate(zip(one, other, strict=False)):
        if segment == DEEP:
            rest = one[index + 1 :]
            return any(meet(rest, other[start:]) for start in range(index, len(other) + 1))
        if another == DEEP:
            return meet(other[index:], one[index:])
        if not _may_be_alike(segment, another):
            return False
    rest = one[len(other) :] or other[len(one) :]
    return all(segment == DEEP for segment in rest)


def _may_be_alike(one: str, other: str) -> bool:
    """Whether two segments may match one name: what is fixed of their two ends agrees."""
    if not MAGIC.search(one):
        return alike(other, one)
    if not MAGIC.search(other):
        return alike(one, other)
    head, other_head = MAGIC.split(one, 1)[0], MAGIC.split(other, 1)[0]
    tail, other_tail = re.split(r"[*?\]]", one)[-1], re.split(r"[*?\]]", other)[-1]
    heads = head.startswith(other_head) or other_head.startswith(head)
    return heads and (tail.endswith(other_tail) or other_tail.endswith(tail))
