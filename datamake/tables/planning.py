"""Files and what they are to become → the output columns, and how each is made of each file.

Knows no rows, but where the types of texts that nobody names are those of all rows.
"""

from __future__ import annotations

import pyarrow as pa

from datamake.datafile.standard import Column
from datamake.formats import TEXT
from datamake.tables import TableError, no_column
from datamake.tables.casting import Casting, constant
from datamake.tables.feeds import ColumnarFeed, DelimitedFeed
from datamake.tables.linefeed import LinesFeed
from datamake.tables.reading import named_format, unlike, wide
from datamake.tables.types import arrow, arrow_type
from datamake.tables.views import located
from datamake.values import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from datamake.action import View
    from datamake.datafile.standard import Standard


@value
class File:
    """A file, and the columns that its folders and instance give it.

    `null` are the texts that mean null. `visible` are its columns that may be seen, None: all.
    """

    feed: Any
    constants: Mapping[str, str | None]
    schema: Mapping[str, str]
    null: tuple[str, ...]
    visible: frozenset[str] | None

    def sees(self, name: str) -> bool:
        """Whether a column may be used."""
        return self.visible is None or name in self.visible or name in self.constants

    def types(self) -> dict[str, pa.DataType | None]:
        """Its columns, None for texts; of JSON lines those that are given."""
        given = {name: arrow(text)[0] for name, text in self.schema.items()}
        if isinstance(self.feed, ColumnarFeed):
            given = {}
        found = {**self.feed.types, **given, **dict.fromkeys(self.constants, pa.string())}
        return {name: dtype for name, dtype in found.items() if self.sees(name)}


def files(standard: Standard, views: Sequence[View]) -> list[File]:
    """The files of all inputs, in their order. Raises TableError."""
    found = []
    for view in views:
        null = view.reading.null if standard.null is None else standard.null
        reading = replace(view.reading, null=null, read={**view.reading.read, **standard.read})
        for piece in view.pieces:
            for path, keys in located(piece):
                format_ = reading.format or named_format(path)
                feed: Any
                if format_ not in TEXT:
                    feed = ColumnarFeed(path, format_)
                else:
                    kind = LinesFeed if format_ == "jsonl" else DelimitedFeed
                    feed = kind(path, format_, reading, tolerant=standard.quarantine)
                wide(path, len(feed.types))
                own = {k: each for k, each in piece.variables.items() if k not in feed.types}
                words = null if format_ in TEXT else standard.null
                words = tuple(feed.part.null) if isinstance(feed, DelimitedFeed) else words or ()
                schema = reading.schema or {}
                found.append(File(feed, {**own, **keys}, schema, words, view.columns))
    if not found:
        raise TableError("a table needs a file")
    return found


class Plan:
    """The output columns of some files. Raises TableError for files that cannot become them.

    `go_on` is called now and then, and raises what ends it.
    """

    def __init__(
        self, standard: Standard, found: Sequence[File], go_on: Callable[[], None]
    ) -> None:
        self.standard = standard
        self.go_on = go_on
        self.files = found
        self.named = {each.name for each in standard.columns} | {
            each.source for each in standard.columns if each.source is not None
        }
        as_read = self._as_read()
        others = [name for name in as_read if name not in self.named]
        self.columns = (*standard.columns, *(Column(name, name) for name in others))
        self.constants = {
            each.name: constant(each) for each in self.columns if each.constant is not None
        }
        self.types = {each.name: self._type(each, as_read) for each in self.columns}
        if not self.types:
            raise TableError("there are no columns", hint="name them in `columns`")
        self.schema = pa.schema(list(self.types.items()))
        self.castings: dict[Any, Casting] = {}
        for each in found:
            self._check(each)

    def _as_read(self) -> dict[str, pa.DataType]:
        """The columns whose types nobody names, and their types, in the order of the files."""
        standard = self.standard
        untyped = {
            each.source
            for each in standard.columns
            if each.type is None and not each.map and each.source is not None
        }

        def meant(name: str) -> bool:
            return name in untyped or (standard.others != "drop" and name not in self.named)

        types: dict[str, pa.DataType | None] = {}
        origin: dict[str, str] = {}
        for file in self.files:
            for name, dtype in file.types().items():
                if meant(name):
                    _join(types, origin, name, dtype, file.feed.path)
        for kind in (DelimitedFeed, LinesFeed):
            guesses: dict[str, Any] = {}
            for file in self.files:
                if not isinstance(file.feed, kind) or not (standard.others != "drop" or untyped):
                    continue
                told = {name for name, dtype in file.types().items() if dtype is not None}
                told |= {name for name, dtype in types.items() if dtype is not None}
                told |= {name for name in self.named if not meant(name)}
                for _ in file.feed.looking(guesses, told):
                    self.go_on()
                wide(file.feed.path, len(guesses))
                for name in guesses:
                    if meant(name) and name not in types and file.sees(name):
                        types[name] = None
            for name, guess in guesses.items():
                if name in types and types[name] is None:
                    types[name] = guess.type
        if standard.others == "fail":
            self._refuse([name for name in types if name not in self.named])
        return {name: pa.string() if dtype is None else dtype for name, dtype in types.items()}

    def _refuse(self, others: list[str]) -> None:
        if others:
            shown = ", ".join(f"`{name}`" for name in others[:12])
            raise TableError(
                f"there are columns that are not named: {shown}",
                hint='name them in `columns`, or say `others = "drop"`',
            )

    def _type(self, column: Column, as_read: Mapping[str, pa.DataType]) -> pa.DataType:
        if column.type is not None:
            return arrow_type(column.type)
        if column.source is None:
            return self.constants[column.name].type
        return pa.string() if column.map else as_read.get(column.source, pa.string())

    def _check(self, file: File) -> None:
        """Refuses a file that lacks a column, or whose values cannot become those of a column."""
        types = file.types()
        for column in self.columns:
            if column.source is None:
                continue
            if column.source not in types:
                named = column.source in self.named
                if named and (file.feed.strict or not file.sees(column.source)):
                    raise no_column(file.feed.path, column.source, list(types))
            elif isinstance(file.feed, ColumnarFeed) or column.source in file.constants:
                self.casting(file, column, types[column.source] or pa.string())

    def casting(self, file: File, column: Column, raw: pa.DataType) -> Casting:
        """What brings values of a file to a column."""
        text = isinstance(file.feed, DelimitedFeed)
        null = () if text and not column.trim else file.null
        decimal = file.feed.decimal
        key = (column.name, raw, null, decimal)
        if key not in self.castings:
            try:
                made = Casting(column, raw, self.types[column.name], null, decimal)
            except TableError as error:
                raise TableError(
                    f"`{file.feed.path}`: {error.headline}", error.facts, error.hint
                ) from error
            self.castings[key] = made
        return self.castings[key]

    def wanted(self, file: File) -> dict[str, pa.DataType]:
        """The columns that are read of a file, and the types that their values should have."""
        found: dict[str, pa.DataType] = {}
        types = file.types()
        for column in self.columns:
            name = column.source
            if name is None or name in file.constants or not file.sees(name):
                continue
            if name not in types and file.feed.strict:
                continue
            dtype = pa.string() if column.map or column.format else self.types[column.name]
            found[name] = dtype if found.get(name, dtype) == dtype else pa.string()
        return found


def _join(
    types: dict[str, pa.DataType | None],
    origin: dict[str, str],
    name: str,
    dtype: pa.DataType | None,
    path: str,
) -> None:
    """Take in the type of a column of a file; texts become what it is elsewhere."""
    one = types.setdefault(name, dtype)
    if dtype is None:
        return
    if one is not None and one != dtype:
        raise unlike(name, origin[name], one, path, dtype)
    types[name] = dtype
    origin.setdefault(name, path)


def unseen(plan: Plan) -> None:
    """Raises TableError for a named column that no line of any file has: that is told at the end."""
    if any(file.feed.strict for file in plan.files):
        return
    first = plan.files[0].feed
    for column in plan.standard.columns:
        gone = all(
            column.source in file.feed.unseen and column.source not in file.constants
            for file in plan.files
        )
        if column.source is not None and gone and first.keys:
            raise no_column(first.path, column.source, first.keys)
