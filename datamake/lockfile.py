"""The text of `Datafile.lock` ↔ what each remote source was when it was locked, and what has moved.

Knows neither files nor stores. One line a source, sorted, so that git merges what two branches
have locked: URL, version token and digest, with one space between.
"""

from __future__ import annotations

import re

from datamake.errors import DatafileError, Problem
from datamake.quoting import quoted, unquoted
from datamake.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

FILE = "Datafile.lock"
HEADER = "# What remote sources were: URL, version token, digest. Written by `datamake lock`.\n"
NOTHING_KNOWN = "-"
DIGEST = re.compile(r"[0-9a-f]{32}-[0-9]+x?/?")
SPECIAL = "#<|=>"
"""What begins a line that is no source's."""
CONFLICT = ("<<<<<<<", "|||||||", "=======", ">>>>>>>")
"""What git begins a line with where it could not merge."""


@value
class Locked:
    """What one remote source is, or was when it was locked."""

    token: str
    """Of a glob, a folder or an archive's members that of all of them; `""` where there is none."""
    digest: str = ""
    """`""` for what is never fetched, or was not yet."""


def parsed(text: str, file: str = FILE) -> dict[str, Locked]:
    """What is locked, by source. Raises DatafileError for all lines that are none."""
    found: dict[str, Locked] = {}
    problems: list[Problem] = []
    for number, line in enumerate(text.split("\n"), 1):
        written = line.rstrip("\r")
        if not written or written.startswith("#"):
            continue
        if written.startswith(CONFLICT):
            problems.append(_conflict(file, number))
            break
        name, entry = _entry(written)
        if entry is None:
            problems.append(_malformed(file, number))
        elif found.setdefault(name, entry) != entry:
            problems.append(_twice(name, file, number))
    if problems:
        raise DatafileError(problems)
    return found


def text_of(entries: Mapping[str, Locked]) -> str:
    """What `parsed` reads."""
    lines = [
        f"{_word(name)} {_word(entry.token)} {_word(entry.digest)}\n"
        for name, entry in entries.items()
    ]
    return HEADER + "".join(sorted(lines))


def token_of_all(tokens: Iterable[tuple[str, str]]) -> str:
    """The token that stands for those of several objects, given as URL and token."""
    from hashlib import blake2b

    pairs = sorted(tokens)
    text = "".join(f"{quoted(url)}\t{quoted(token)}\n" for url, token in pairs)
    return f"{len(pairs)}:{blake2b(text.encode(), digest_size=16).hexdigest()}"


def moved(entries: Mapping[str, Locked], present: Mapping[str, Locked]) -> Sequence[Problem]:
    """A problem for each present source that is not locked, or is not what it was.

    The same content under another token is the same; without tokens the content alone says.
    """
    problems = []
    for name, now in present.items():
        locked = entries.get(name)
        if locked is None:
            message, hint = f"`{name}` is not locked", "`datamake lock` locks it"
            problems.append(Problem(message, FILE, hint=hint))
        elif not _same(locked, now):
            facts = (f"locked: {identity(locked, now)}", f"now: {identity(now, locked)}")
            hint = f"`datamake lock --update '{name}'` takes it as it is now"
            problems.append(Problem(f"`{name}` has moved", FILE, (), facts, hint))
    return problems


def _same(locked: Locked, now: Locked) -> bool:
    if locked.digest and now.digest:
        return locked.digest == now.digest
    return locked.token == now.token


def identity(one: Locked, other: Locked) -> str:
    """What tells one from the other: the token, or where both have the same one the content."""
    return one.token if one.token not in ("", other.token) else one.digest or "nothing known"


def _word(text: str) -> str:
    """A text without spaces that is not empty, and in the end itself again."""
    if text in ("", NOTHING_KNOWN):
        return "%2D" if text else NOTHING_KNOWN
    word = quoted(text).replace(" ", "%20")
    return f"%{ord(word[0]):02X}{word[1:]}" if word[0] in SPECIAL else word


def _entry(line: str) -> tuple[str, Locked | None]:
    words = line.split(" ")
    if len(words) != 3 or not all(words):
        return "", None
    name, token, digest = ("" if word == NOTHING_KNOWN else unquoted(word) for word in words)
    if not name or (digest and not DIGEST.fullmatch(digest)):
        return "", None
    return name, Locked(token, digest)


def _malformed(file: str, number: int) -> Problem:
    return Problem(
        "this line is not a URL, a version token and a digest",
        file,
        hint="remove it; `datamake lock` writes the file anew",
        line=number,
        column=1,
    )


def _conflict(file: str, number: int) -> Problem:
    return Problem(
        "git could not merge what two branches have locked",
        file,
        hint="keep one line for each source; `datamake lock` writes the file anew",
        line=number,
        column=1,
    )


def _twice(name: str, file: str, number: int) -> Problem:
    return Problem(
        f"`{name}` is locked twice",
        file,
        hint="keep the line that is meant; `datamake lock` writes the file anew",
        line=number,
        column=1,
    )
