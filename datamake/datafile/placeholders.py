"""Placeholders: found in a text, and filled in as plain text, shell words or arguments.

Knows nothing of where the values come from. Values may be nested (`{"params": {"year": 2013}}`)
or flat (`{"params.year": 2013}`); a flat name wins, and a table on its own stands for its values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from datamake.datafile.shell import contexts
from datamake.errors import Problem
from datamake.values import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import Any

BUILT_IN = frozenset(
    ["input", "inputs", "output", "outputs", "params", "target", "root", "cpus", "work", "env"]
)
"""The names that no foreach variable may have."""
SHOWN = 20
"""How many of the known names a message lists."""

NAME = r"[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*"
PLACEHOLDER = re.compile(
    rf"(?<!\$)(?<!\$\{{)(?:\{{(\{{{NAME}(?::[^{{}}]*)?\}})\}}|\{{({NAME})(?::([^{{}}]*))?\}})"
)
UNQUOTED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+:./-")


class PathText(str):
    """A path: `./` is put before a leading dash, so that no command takes it for an option."""

    __slots__ = ()


class PlaceholderError(ValueError):
    """A placeholder cannot be filled. `problem` says why, without file; its keys are relative."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.message)


@value
class Placeholder:
    """One placeholder: `{name}`, `{name:raw}` or `{name:format}`."""

    name: str
    format: str = ""
    raw: bool = False
    quote: str = ""
    """What it stands in, if the text is a shell script; see `shell.contexts`."""
    start: int = 0
    text: str = ""
    """As it is written."""

    @property
    def proper(self) -> bool:
        """False for what only looks like a placeholder, like `{a:1}`: literal if nothing has that name."""
        return not self.format or "%" in self.format


@lru_cache(1 << 16)
def pieces(text: str) -> tuple[str | Placeholder, ...]:
    """The literal texts and placeholders that `text` consists of; `{{name}}` is literal `{name}`."""
    if "{" not in text:
        return (text,) if text else ()
    found = list(PLACEHOLDER.finditer(text))
    quotes = contexts(text, [match.start() for match in found])
    result: list[str | Placeholder] = []
    end = 0
    for match, quote in zip(found, quotes, strict=True):
        if match.start() > end:
            result.append(text[end : match.start()])
        result.append(match[1] or placeholder(match, quote))
        end = match.end()
    if end < len(text):
        result.append(text[end:])
    return tuple(result)


def placeholder(match: re.Match[str], quote: str) -> Placeholder:
    """The placeholder of a match."""
    form = match[3] or ""
    raw = form == "raw"
    return Placeholder(match[2], "" if raw else form, raw, quote, match.start(), match[0])


def names(text: str, *, shell: bool = False) -> tuple[str, ...]:
    """The names that `text` uses, each once; those in comments of a shell script left out."""
    return tuple(
        dict.fromkeys(
            piece.name
            for piece in pieces(text)
            if isinstance(piece, Placeholder)
            and piece.proper
            and not (shell and piece.quote == "#")
        )
    )


def only(text: str) -> str | None:
    """The name of the placeholder that is all of `text`, or None."""
    found = pieces(text)
    if len(found) == 1 and isinstance(found[0], Placeholder) and not found[0].format:
        return found[0].name
    return None


def filled(text: str, values: Mapping[str, Any]) -> str:
    """A plain text, such as a path, with its placeholders filled. Raises PlaceholderError."""
    if "{" not in text:
        return text
    parts = []
    for piece in pieces(text):
        words = [piece] if isinstance(piece, str) else filling(piece, values)
        if not isinstance(words, str) and len(words) != 1:
            listing = ", ".join(f"`{word}`" for word in words[:3])
            raise PlaceholderError(
                Problem(
                    f"one value fits into `{text}`, and this is a list of {len(words)}: {listing}"
                )
            )
        parts.append(words if isinstance(words, str) else words[0])
    return "".join(parts)


def script(text: str, values: Mapping[str, Any]) -> str:
    """A shell script with its placeholders filled, each value quoted by itself, a list as words.

    Raises PlaceholderError, also for a placeholder that stands in quotes.
    """
    parts = []
    for piece in pieces(text):
        if isinstance(piece, str):
            parts.append(piece)
        elif piece.quote == "#":
            parts.append(piece.text)
        else:
            parts.append(shell_words(piece, values))
    return "".join(parts)


def shell_words(piece: Placeholder, values: Mapping[str, Any]) -> str:
    """What a placeholder comes to in a shell script. Raises PlaceholderError."""
    found = filling(piece, values)
    if not piece.proper:
        return piece.text
    words = [found] if isinstance(found, str) else found
    if piece.raw:
        return " ".join(words)
    fault = misplaced(piece)
    if fault is not None:
        raise PlaceholderError(fault)
    shown = " ".join(quoted(word) for word in words)
    if piece.quote == "((" and shown != " ".join(words):
        raise PlaceholderError(
            Problem(f"`{piece.text}` is `{shown}`, which is no number for arithmetic")
        )
    return shown


def arguments(argv: Sequence[str], values: Mapping[str, Any]) -> list[str]:
    """The arguments with placeholders filled; one that is just a list becomes several.

    Raises PlaceholderError; its problem's keys are the index of the argument.
    """
    result: list[str] = []
    for index, text in enumerate(argv):
        found = pieces(text)
        try:
            if len(found) == 1 and isinstance(found[0], Placeholder):
                words = filling(found[0], values)
                result.extend([words] if isinstance(words, str) else words)
            else:
                result.append(filled(text, values))
        except PlaceholderError as error:
            raise PlaceholderError(replace(error.problem, keys=(index,))) from None
    return result


def faults(text: str, known: Collection[str], *, shell: bool = False) -> list[Problem]:
    """What is wrong with the placeholders of `text`, where those of `known` may be used.

    `"env.*"` among the known allows every name that begins so. In a shell script the places that
    they stand in count too, and comments may hold anything.
    """
    result = []
    for piece in pieces(text):
        if isinstance(piece, str) or (shell and piece.quote == "#"):
            continue
        if piece.name in known or piece.name.partition(".")[0] + ".*" in known:
            fault = no_format(piece) if not piece.proper else misplaced(piece) if shell else None
            result.extend([fault] if fault else [])
        elif piece.proper:
            result.append(unknown_name(piece, known))
    return result


def misplacements(text: str, roots: Collection[str]) -> list[Problem]:
    """The placeholders of a shell script that stand where no value can be quoted.

    Only those whose name begins with one of `roots`: others may be no placeholders.
    """
    found = (
        misplaced(piece)
        for piece in pieces(text)
        if isinstance(piece, Placeholder) and piece.name.partition(".")[0] in roots
    )
    return [problem for problem in found if problem is not None]


def misplaced(piece: Placeholder) -> Problem | None:
    """What is wrong with the place of a placeholder in a shell script, if anything is."""
    if piece.raw or not piece.proper or piece.quote in ("", "#", "(("):
        return None
    as_it_is = f"`{{{piece.name}:raw}}` is put in as it is"
    if piece.quote == "<<":
        return Problem(
            f"`{piece.text}` stands in a here-document, where quotes mean nothing", hint=as_it_is
        )
    if piece.quote == "`":
        return Problem(
            f"`{piece.text}` stands inside backquotes", hint="write `$(...)` instead of them"
        )
    return Problem(
        f"`{piece.text}` stands inside quotes",
        hint=f"remove the quotes, since each value is quoted by itself; {as_it_is}",
    )


def filling(piece: Placeholder, values: Mapping[str, Any]) -> str | list[str]:
    """What a placeholder stands for: a text or, for a list, several."""
    try:
        found = looked_up(piece.name, values)
    except KeyError:
        if not piece.proper:
            return piece.text
        raise PlaceholderError(unknown_name(piece, listed(values))) from None
    if piece.format:
        return formatted(piece, found)
    if isinstance(found, Mapping):
        found = list(found.values())
    if isinstance(found, (list, tuple)):
        return [as_text(item, piece) for item in found]
    return as_text(found, piece)


def looked_up(name: str, values: Mapping[str, Any]) -> Any:
    """The value of a dotted name. Raises KeyError."""
    if name in values:
        return values[name]
    owner, dot, key = name.rpartition(".")
    inner = looked_up(owner, values) if dot else None
    if isinstance(inner, Mapping):
        return inner[key]
    raise KeyError(name)


def listed(values: Mapping[str, Any]) -> list[str]:
    """The names that can be looked up, those in tables included."""
    result = []
    for name, item in values.items():
        result.append(name)
        if isinstance(item, Mapping):
            result.extend(f"{name}.{key}" for key in listed(item))
    return result


def unknown_name(piece: Placeholder, known: Collection[str]) -> Problem:
    """What to say of a placeholder that nothing has the name of."""
    if piece.name.startswith("env."):
        if any(name.startswith("env") for name in known):
            return Problem(f"the environment variable `{piece.name[4:]}` is not set")
        return Problem(
            f"`{piece.text}` does not work here: only in `[storage]`, `project.cache` and URLs"
        )
    from difflib import get_close_matches

    shown = [f"`{{{name}}}`" for name in known]
    more = f" and {len(shown) - SHOWN} more" if len(shown) > SHOWN else ""
    near = get_close_matches(piece.name, known, 1)
    literally = f"write it literally as `{{{piece.text}}}`"
    return Problem(
        f"unknown placeholder `{piece.text}`",
        facts=(f"known here: {', '.join(shown[:SHOWN])}{more}" if shown else "none is known here",),
        hint=f"did you mean `{{{near[0]}}}`? otherwise {literally}" if near else literally,
    )


def no_format(piece: Placeholder) -> Problem:
    """What to say of a placeholder whose format is none."""
    return Problem(
        f"`{piece.format}` in `{piece.text}` is neither `raw` nor the format of a date",
        hint=f"a format is like `%Y/%m/%d`; write it literally as `{{{piece.text}}}`",
    )


def formatted(piece: Placeholder, found: Any) -> str:
    """A date, or the text of one, in the format of the placeholder."""
    if not piece.proper:
        raise PlaceholderError(no_format(piece))
    from datetime import datetime

    try:
        date = found if hasattr(found, "strftime") else datetime.fromisoformat(whole_date(found))
        return str(date.strftime(piece.format))
    except (TypeError, ValueError):
        raise PlaceholderError(
            Problem(f"`{piece.text}` wants a date, and `{piece.name}` is `{found}`")
        ) from None


def whole_date(text: str) -> str:
    """`2013` and `2013-01` are the first day of theirs; Python 3.10 knows no `Z`."""
    if re.fullmatch(r"\d{4}(-\d\d)?", text):
        return (text + "-01-01")[:10]
    return text[:-1] + "+00:00" if text.endswith("Z") else text


def as_text(found: Any, piece: Placeholder) -> str:
    """One value as text: true and false as TOML writes them, dates in ISO format."""
    if isinstance(found, str):
        text = f"./{found}" if isinstance(found, PathText) and found.startswith("-") else found
        if "\0" in text:
            raise PlaceholderError(Problem(f"`{piece.text}` holds a NUL character"))
        return text
    if isinstance(found, bool):
        return "true" if found else "false"
    if hasattr(found, "isoformat"):
        return str(found.isoformat())
    if isinstance(found, (Mapping, list, tuple)):
        raise PlaceholderError(Problem(f"`{piece.text}` is not a list of single values"))
    return str(found)


def quoted(text: str) -> str:
    """One word of a POSIX shell."""
    if text and UNQUOTED.issuperset(text):
        return text
    return "'" + text.replace("'", "'\"'\"'") + "'"
