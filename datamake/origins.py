"""What a declared foreach says: rows, the instances of another target, or a path with captures.

Knows nothing of which files there are.
"""

from __future__ import annotations

from datamake.datafile.placeholders import BUILT_IN, Placeholder, looked_up, only, pieces
from datamake.datafile.shapes import nearest
from datamake.foreach import dates, product, remaining, text_of
from datamake.patterns import capture, escaped
from datamake.values import NOTHING, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from datamake.filling import Texts
    from datamake.foreach import Row
    from datamake.inputs import Names
    from datamake.patterns import Capture


@value
class Origin:
    """Where the rows of a target come from: exactly one of `rows`, `like` and `capture`."""

    variables: tuple[str, ...] = ()
    """Those of `like` are that target's."""
    rows: Sequence[Row] | None = None
    like: str = ""
    """The foreach target that has the same instances."""
    capture: Capture | None = None
    excluded: Sequence[Row] = ()

    def remaining(self, rows: Iterable[Row]) -> list[Row]:
        """The rows but for those that `exclude` takes out."""
        return remaining(rows, self.excluded)


class Reader:
    """Reads the foreach of one declaration. Raises `filling.Fault`."""

    def __init__(self, texts: Texts, names: Names, now: str) -> None:
        self.texts = texts
        self.names = names
        self.now = now

    def origin(self) -> Origin:
        """What it says; a target without foreach has one row, which is empty."""
        table = self.texts.declaration.table
        given = table.get("foreach")
        if given is None:
            return Origin(rows=[NOTHING])
        excluded = [
            {name: self.text(each, "exclude", index, name) for name, each in row.items()}
            for index, row in enumerate(table.get("exclude", ()))
        ]
        if isinstance(given, str):
            return self.elsewhere(given, excluded)
        rows = self.listed(given) if isinstance(given, list) else self.product(given)
        return Origin(
            tuple(given[0] if isinstance(given, list) else given), rows, excluded=excluded
        )

    def text(self, given: Any, *keys: str | int) -> str:
        """A single value as text, with params filled in."""
        try:
            return self.texts.filled(text_of(given), NOTHING, *keys)
        except ValueError as error:
            raise self.texts.fault(str(error), *keys) from None

    def listed(self, given: Sequence[Mapping[str, Any]]) -> list[Row]:
        """The rows of a list of tables."""
        return [
            {name: self.text(row[name], "foreach", index, name) for name in given[0]}
            for index, row in enumerate(given)
        ]

    def product(self, given: Mapping[str, Any]) -> list[Row]:
        """The combinations of a table's variables."""
        variables = {name: self.values(name, each) for name, each in given.items()}
        try:
            return product(variables)
        except ValueError as error:
            raise self.texts.fault(str(error), "foreach") from None

    def values(self, variable: str, given: Any) -> list[str]:
        """The values of one variable."""
        keys = ("foreach", variable)
        if isinstance(given, str):
            given = self.param(text := given, *keys)
            if not isinstance(given, list):
                raise self.texts.fault(f"`{text}` is no list", *keys)
        if isinstance(given, dict):
            shown = {name: self.text(each, *keys, name) for name, each in given.items()}
            try:
                return dates(shown, self.now)
            except ValueError as error:
                raise self.texts.fault(str(error), *keys) from None
        return [self.text(each, *keys, index) for index, each in enumerate(given)]

    def param(self, text: str, *keys: str | int) -> Any:
        """The value of a param."""
        name = only(text) or ""
        try:
            found = looked_up(name, self.texts.params)
        except KeyError:
            known = self.texts.params["params"]
            near = nearest(name.removeprefix("params."), known)
            hint = f"did you mean `{{params.{near}}}`?" if near else ""
            raise self.texts.fault(f"unknown param `{text}`", *keys, hint=hint) from None
        return found

    def flag(self, text: str, *keys: str | int) -> bool:
        """True or false, as a param says."""
        found = self.param(text, *keys)
        if not isinstance(found, bool):
            raise self.texts.fault(f"`{text}` is neither true nor false", *keys)
        return found

    def elsewhere(self, given: str, excluded: Sequence[Row]) -> Origin:
        """The name of a foreach target, or a path with captures."""
        text = "".join(self.unfilled(piece) for piece in pieces(given))
        captures = [piece for piece in pieces(text) if isinstance(piece, Placeholder)]
        if captures:
            pattern = self.pattern(text, captures)
            return Origin(pattern.names, capture=pattern, excluded=excluded)
        full = self.names.full(text, self.texts.declaration.part)
        if full is None:
            raise self.texts.fault(
                f"`{text}` is neither a foreach target nor a path with captures",
                "foreach",
                hint="a capture is like `{site}` in `raw/{site}.csv`",
            )
        if full in self.names.disabled:
            raise self.texts.fault(f"`{full}` is disabled", "foreach")
        if "foreach" not in self.names.declared[full].table:
            raise self.texts.fault(f"`{full}` has no `foreach`, hence no instances", "foreach")
        return Origin(like=full, excluded=excluded)

    def unfilled(self, piece: str | Placeholder) -> str:
        """A piece of a pattern, a param filled in and its braces taken as they are."""
        if isinstance(piece, Placeholder):
            if not piece.name.startswith("params."):
                return piece.text
            piece = self.texts.filled(piece.text, NOTHING, "foreach")
        return literal(piece)

    def pattern(self, text: str, captures: Sequence[Placeholder]) -> Capture:
        """A path with captures, from the root."""
        for each in captures:
            if each.name in BUILT_IN or "." in each.name or each.format or each.raw:
                raise self.texts.fault(f"`{each.text}` cannot be a capture", "foreach")
        if "://" in text or "::" in text:
            raise self.texts.fault(
                f"URLs such as `{text}` are not in this version of datamake yet", "foreach"
            )
        path = self.texts.path(text, literal(escaped(self.texts.folder)))
        return capture(path + "/" * text.endswith("/"))


def literal(text: str) -> str:
    """A text in which nothing is a placeholder."""
    return "".join(
        f"{{{piece.text}}}" if isinstance(piece, Placeholder) else piece for piece in pieces(text)
    )
