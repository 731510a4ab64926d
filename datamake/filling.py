"""Placeholders of a declaration filled, and its paths made relative to the project root.

Knows nothing of what the texts are for.
"""

from __future__ import annotations

import re
from collections import ChainMap
from posixpath import normpath

from datamake.datafile.layers import unknown_param
from datamake.datafile.placeholders import (
    Placeholder,
    PlaceholderError,
    filled,
    looked_up,
    pieces,
)
from datamake.datafile.positions import place
from datamake.errors import Problem
from datamake.urls import WEB, UrlError, is_url, parsed, shown
from datamake.values import NOTHING, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping
    from typing import Any

    from datamake.model import Declaration
    from datamake.urls import Url

UNEVEN = re.compile(r"(?:^|/)\.{0,2}(?:/|$)")


class Fault(Exception):
    """Something is wrong with a declaration."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.message)


class Texts:
    """The texts of one declaration. `params` are those of the project: `params.year` → value.

    `variables` are those of the environment.
    """

    def __init__(
        self,
        declaration: Declaration,
        params: Mapping[str, Any],
        variables: Mapping[str, str] = NOTHING,
    ) -> None:
        self.declaration = declaration
        self.folder = declaration.part.folder
        self.params = params
        self.variables = variables

    def problem(
        self, message: str, *keys: str | int, facts: Iterable[str] = (), hint: str = ""
    ) -> Problem:
        """A problem at this place of the declaration."""
        return Problem(message, self.declaration.part.file, self.place(*keys), tuple(facts), hint)

    def place(self, *keys: str | int) -> tuple[str | int, ...]:
        """The keys that lead there in the Datafile."""
        return place(self.declaration, *keys)

    def fault(
        self, message: str, *keys: str | int, facts: Iterable[str] = (), hint: str = ""
    ) -> Fault:
        """The same, to be raised."""
        return Fault(self.problem(message, *keys, facts=facts, hint=hint))

    def filled(self, text: str, row: Mapping[str, Any], *keys: str | int, whole: str = "") -> str:
        """The text, or piece of `whole`, with params and foreach variables filled in. Raises Fault.

        In a URL environment variables are, too.
        """
        if "{" not in text:
            return text
        if "{env." in text and is_url(whole or text):
            row = {**row, "env": self.variables}
        try:
            return filled(text, ChainMap(row, self.params))  # type: ignore[arg-type]  # only read
        except PlaceholderError as error:
            raise Fault(self.placed(error.problem, *keys)) from None

    def url(self, text: str, *keys: str | int) -> Url:
        """What a URL names. Raises Fault."""
        try:
            url = parsed(text)
        except UrlError as error:
            raise self.fault(str(error), *keys, hint=error.hint) from None
        if url.scheme in WEB and not url.archive and url.kind != "path":
            raise self.fault(
                f"`{shown(text)}`: a web server does not say what it has",
                *keys,
                hint="name each file by itself",
            )
        return url

    def param(self, name: str, *keys: str | int) -> Any:
        """The value of a param, by its dotted name. Raises Fault."""
        try:
            return looked_up(f"params.{name}", self.params)
        except KeyError:
            known = {each.removeprefix("params."): item for each, item in self.params.items()}
            raise Fault(self.placed(unknown_param(name, known), *keys)) from None

    def fixed(self, text: str, variables: Container[str], *keys: str | int) -> str:
        """A path or URL with params filled in and foreach variables left out. Raises Fault."""
        if "{" not in text:
            return text
        return "".join(
            piece
            if isinstance(piece, str)
            else ""
            if piece.name in variables
            else self.filled(piece.text, {}, *keys, whole=text)
            for piece in pieces(text)
        )

    def path(self, text: str, folder: str | None = None) -> str:
        """A path, or glob, of the Datafile's folder from the root; `"."` is the root itself."""
        return joined(self.folder if folder is None else folder, text)

    def placed(self, problem: Problem, *keys: str | int) -> Problem:
        """A problem that somebody found in a text, with its place."""
        return replace(
            problem,
            file=self.declaration.part.file,
            keys=self.place(*keys, *problem.keys),
        )


def joined(folder: str, text: str) -> str:
    """`text` as seen from `folder`, without `.`, `..` (but in front) and doubled or last slashes."""
    path = text if not folder or text.startswith("/") else f"{folder}/{text}"
    return normpath(path) if UNEVEN.search(path) else path


def varies(given: Any, variables: Container[str]) -> bool:
    """Whether a text, or one in a list or table, names one of the foreach variables."""
    if isinstance(given, str):
        return "{" in given and any(
            isinstance(piece, Placeholder) and piece.name in variables for piece in pieces(given)
        )
    if isinstance(given, dict):
        return any(varies(inner, variables) for inner in given.values())
    return isinstance(given, (list, tuple)) and any(varies(inner, variables) for inner in given)
