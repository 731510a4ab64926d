"""Files → one table: concatenated by column name, in batches of bounded size, in counted terms.

Knows nothing of what the table is for.
"""

from __future__ import annotations

import os
from collections import Counter
from stat import S_ISREG

import pyarrow as pa

from datamake.content import irregular
from datamake.formats import DEFAULT, FORMATS, SHEETS, TEXT, Reading, format_of, partition
from datamake.tables import TableError, no_column
from datamake.tables.columnar import COLUMNAR, Columnar
from datamake.tables.conversion import sayable
from datamake.tables.delimited import Delimited
from datamake.tables.failures import SHOWN
from datamake.tables.jsonlines import Lines, sayable_in_json
from datamake.tables.types import arrow, text_of
from datamake.values import undisturbed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from typing import Any

WIDEST = 100_000
"""Columns that a table may have."""


def open_table(
    paths: Sequence[str] | str,
    reading: Reading = DEFAULT,
    go_on: Callable[[], None] = undisturbed,
) -> Table:
    """The table in a file, in a folder of files of one format, or in several of either.

    `go_on` is called now and then while it is read, and raises what ends that. Raises TableError,
    for what is wrong with a text maybe only when it is read, and EnvironmentFailed for no files.
    """
    roots = [paths] if isinstance(paths, str) else list(paths)
    found = [pair for root in roots for pair in files_in(root)]
    if roots and not found:
        raise TableError(f"`{roots[0]}` has no files")
    return table_of(found, reading, go_on)


def table_of(
    found: Sequence[tuple[str, dict[str, str | None]]],
    reading: Reading = DEFAULT,
    go_on: Callable[[], None] = undisturbed,
) -> Table:
    """The same of files with the values that folders give them."""
    if not found:
        raise TableError("a table needs a file")
    formats = {path: reading.format or named_format(path) for path, _ in found}
    for path in formats:
        mode = os.stat(path).st_mode
        if not S_ISREG(mode):  # a FIFO would be waited for
            raise irregular(path, mode)
    first = found[0][0]
    for path, format_ in formats.items():
        if format_ != formats[first]:
            raise TableError(
                "the files of one table have one format",
                [f"`{each}`: {formats[each]}" for each in (first, path)],
            )
    if formats[first] in TEXT:
        return TextTable(found, formats[first], reading, go_on)
    parts = [COLUMNAR[formats[first]](path) for path, _ in found]
    return Table(parts, [keys for _, keys in found], go_on)


def files_in(root: str) -> list[tuple[str, dict[str, str | None]]]:
    """The files of a folder, sorted, with the `key=value` folders that they are in; or the file.

    Names that begin with `.` or `_` are notes of other programs.
    """
    if not os.path.isdir(root):
        if not os.path.exists(root):
            raise TableError(f"`{root}` is not there")
        return [(root, {})]
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(each for each in folders if each[0] not in "._")
        keys = partition(os.path.relpath(folder, root))
        found += [(os.path.join(folder, each), keys) for each in names if each[0] not in "._"]
    return sorted(found, key=lambda pair: pair[0])


def named_format(path: str) -> str:
    """The format that the ending of a path names. Raises TableError."""
    found = format_of(path)
    if found is None:
        raise TableError(
            f"`{path}` is not a table by its ending",
            hint="save the sheet as CSV, and read that"
            if path.lower().endswith(SHEETS)
            else f'say what it is, as in `format = "csv"`: {", ".join(FORMATS)}',
        )
    return found


class Table:
    """One table in local files. `columns` are always in the table's own order."""

    def __init__(
        self,
        parts: Sequence[Columnar],
        keys: Sequence[dict[str, str | None]],
        go_on: Callable[[], None],
    ) -> None:
        self.parts: Sequence[Any] = parts
        self.keys = keys
        self.go_on = go_on
        self.schema: pa.Schema = self._joined()

    def _joined(self) -> pa.Schema:
        if len(self.parts) == 1 and not self.keys[0]:
            wide(self.parts[0].path, len(self.parts[0].schema))
            return self.parts[0].schema
        types: dict[str, pa.DataType] = {}
        origin: dict[str, str] = {}
        for part, keys in zip(self.parts, self.keys, strict=True):
            for name, count in Counter(part.schema.names).items():
                if count > 1:
                    raise TableError(
                        f"`{part.path}` has more than one column `{name}`",
                        hint="several files are put together by the names of their columns",
                    )
            for field in part.schema:
                if field.name in keys:
                    continue
                one = types.setdefault(field.name, field.type)
                if one != field.type:
                    raise unlike(field.name, origin[field.name], one, part.path, field.type)
                origin.setdefault(field.name, part.path)
            wide(part.path, len(types))
        return pa.schema([*types.items(), *self._folders().items()])

    def _folders(self) -> dict[str, pa.DataType]:
        return {key: pa.string() for keys in self.keys for key in keys}

    def rows(self) -> int | None:
        """How many rows there are, None where only reading all of it would tell."""
        counts = [part.rows() for part in self.parts]
        return None if None in counts else sum(counts)

    def batches(self, columns: Collection[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The columns with one of these names, None: all. Raises TableError."""
        wanted = self.chosen(columns)
        names = set(wanted.names)
        for part, keys in zip(self.parts, self.keys, strict=True):
            for batch in self.part_batches(part, names - keys.keys()):
                self.go_on()
                yield completed(batch, wanted, keys)

    def part_batches(self, part: Any, names: set[str]) -> Iterator[pa.RecordBatch]:
        """Those columns of one file that it has."""
        found: Iterator[pa.RecordBatch] = part.batches(names)
        return found

    def to_arrow(self, columns: Collection[str] | None = None) -> pa.Table:
        """All rows at once."""
        schema = self.chosen(columns)
        batches = list(self.batches(columns))
        if len(schema) == 0 and batches:
            return pa.Table.from_batches(batches)
        return pa.Table.from_batches(batches, schema)

    def chosen(self, columns: Collection[str] | None) -> pa.Schema:
        """The fields of the columns with one of these names. Raises TableError."""
        if columns is None:
            return self.schema
        schema, chosen = self.schema, set(columns)
        for name in chosen.difference(schema.names):
            raise no_column(self.parts[0].path, name, schema.names)
        return pa.schema([field for field in schema if field.name in chosen])


class TextTable(Table):
    """A table in files that say nothing of types: those that were given, or those of all rows."""

    def __init__(
        self,
        found: Sequence[tuple[str, dict[str, str | None]]],
        format: str,
        reading: Reading,
        go_on: Callable[[], None],
    ) -> None:
        make = Lines if format == "jsonl" else Delimited
        self.given = {name: arrow(text)[0] for name, text in (reading.schema or {}).items()}
        readable = sayable_in_json if format == "jsonl" else sayable
        for name, dtype in self.given.items():
            if not readable(dtype):
                raise TableError(
                    f"`{found[0][0]}`: column `{name}` cannot be read "
                    f"from {SHOWN[format]} as `{text_of(dtype)}`"
                )
        self.parts = [make(path, format, reading) for path, _ in found]
        self.keys = [keys for _, keys in found]
        self.go_on = go_on
        self.whole: pa.Schema | None = None

    @property
    def schema(self) -> pa.Schema:
        """Names in the order of the files, types given or found: then all is read once."""
        if self.whole is None:
            self.whole = self._looked()
        return self.whole

    def know(self, types: Sequence[tuple[str, str]]) -> None:
        """The columns of these files and their types, as they were found by reading all of it before."""
        own = {name: arrow(text)[0] for name, text in types}
        self.whole = pa.schema({**own, **self._folders()})

    def _looked(self) -> pa.Schema:
        folders = self._folders()
        guesses: dict[str, Any] = {}
        for part in self.parts:
            for _ in part.looking(guesses, {*self.given, *folders}):
                self.go_on()
            wide(part.path, len(guesses))
        for name in self.given:
            if name not in guesses and name not in folders:
                raise no_column(self.parts[0].path, name, list(guesses))
        if not guesses:
            raise TableError(
                f"`{self.parts[0].path}` has no columns",
                hint="it is empty: say in `schema` which columns there are",
            )
        types = {name: self.given.get(name) or guess.type for name, guess in guesses.items()}
        return pa.schema({**types, **folders})

    def part_batches(self, part: Any, names: set[str]) -> Iterator[pa.RecordBatch]:
        """Those columns of one file that it has, read as their types."""
        types = {field.name: field.type for field in self.schema}
        found: Iterator[pa.RecordBatch] = part.batches(types, names)
        return found


def completed(
    batch: pa.RecordBatch, wanted: pa.Schema, keys: dict[str, str | None]
) -> pa.RecordBatch:
    """The columns of `wanted`: of the batch, else the value of a folder, else null."""
    if batch.schema.equals(wanted):
        return batch
    names = batch.schema.names

    def column(field: pa.Field) -> pa.Array:
        if field.name in keys:
            return pa.repeat(pa.scalar(keys[field.name], pa.string()), batch.num_rows)
        if field.name in names:
            return batch.column(names.index(field.name))
        return pa.nulls(batch.num_rows, field.type)

    return pa.RecordBatch.from_arrays([column(field) for field in wanted], schema=wanted)


def unlike(name: str, one: str, type_: pa.DataType, other: str, found: pa.DataType) -> TableError:
    """A column that has one type in one file and another in another."""
    return TableError(
        f"the column `{name}` has more than one type",
        [f"`{one}`: {text_of(type_)}", f"`{other}`: {text_of(found)}"],
        "bring them to one type with `standardize`",
    )


def wide(path: str, columns: int) -> None:
    """Refuses a table of more columns than a table may have."""
    if columns > WIDEST:
        raise TableError(
            f"`{path}` has {columns:,} columns, and a table at most {WIDEST:,}",
            hint="put what is so wide into rows, or take it by its bytes",
        )
