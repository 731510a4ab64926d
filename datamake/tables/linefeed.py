"""A file of JSON lines → its raw columns, and the number of each row in the file.

Knows no other file. Arrow takes apart what has the types that are wanted; a piece where it fails is
taken apart line by line, and a value that is of another type becomes the text that it stands as.
"""

from __future__ import annotations

import json
import re

import pyarrow as pa
import pyarrow.types as kinds

from datamake.tables import TableError
from datamake.tables.feeds import Chunk, Refused
from datamake.tables.jsonlines import Lines, filled_lines, once
from datamake.tables.types import text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from datamake.formats import Reading

    Types = Mapping[str, pa.DataType]


class LinesFeed:
    """A file of JSON lines; `tolerant` of lines that are no objects."""

    strict = False
    decimal = "."

    def __init__(self, path: str, format: str, reading: Reading, *, tolerant: bool) -> None:
        self.path = path
        self.tolerant = tolerant
        self.part = Lines(path, format, reading)
        self.types: Types = {}
        self.texts: set[str] = set()
        """Columns that were found to be texts, where they should be something else."""
        self.keys: list[str] = []
        """Those of the first line that was read."""
        self.unseen: set[str] = set()
        """Columns that are wanted, and that no line has had yet."""

    def looking(self, guesses: dict[str, Any], known: set[str]) -> Iterator[int]:
        """Take in the types of the values in the columns that are not known, some at a time."""
        if not self.tolerant:
            return self.part.looking(guesses, known)
        return self.part.looking(guesses, known, lambda piece, row: self._sound(piece, row)[0])

    def chunks(self, wanted: Types) -> Iterator[Chunk]:
        """All rows, of the columns that are wanted; texts where values are not of their types."""
        self.unseen = set(wanted)
        for row, piece in self.part.pieces():
            self.unseen -= {name for name in self.unseen if spelled(name) in piece}
            if self.unseen and not self.keys:
                self.keys = list(self._sound(piece.lstrip().partition(b"\n")[0], row)[1][0][1])
            types = {
                name: pa.string() if name in self.texts else dtype for name, dtype in wanted.items()
            }
            try:
                table = self._parsed(piece, row, types)
            except TableError:
                yield self._slowly(piece, row, wanted)
            else:
                yield from _chunks(table, row)

    def _parsed(self, piece: bytes, row: int, types: dict[str, pa.DataType]) -> pa.Table:
        """What Arrow makes of it. A column that is not of its type is taken for a text, once."""
        while True:
            try:
                table: pa.Table = self.part.parsed(piece, row, types)
            except TableError as error:
                found = re.search("column `(.*)`: changed from ", error.headline)
                name = found[1] if found else ""
                if name not in types or kinds.is_nested(types[name]) or name in self.texts:
                    raise
                types[name] = pa.string()
                self.texts.add(name)
            else:
                return table

    def _slowly(self, piece: bytes, row: int, wanted: Types) -> Chunk:
        """The same by Python, each value as text, but for what has parts."""
        _, lines, refused = self._sound(piece, row)
        gone = {each.row - row for each in refused}
        columns: dict[str, list[Any]] = {name: [] for name in wanted}
        gaps: list[int] = []
        for at, (text, value) in enumerate(lines):
            if at in gone:
                gaps.append(at - len(gaps))
                continue
            faults = []
            for name, dtype in wanted.items():
                found = value.get(name)
                if not _fits(found, dtype):
                    shown = json.dumps(found, ensure_ascii=False)
                    reason = f"is not of the type `{text_of(dtype)}`"
                    faults.append(Refused(row + at, name, shown, reason))
                    found = None
                elif not kinds.is_nested(dtype):
                    found = json.dumps(found) if isinstance(found, bool) else text.get(name)
                columns[name].append(found)
            if faults:
                self._refuse(faults[0])
                refused.append(faults[0])
                for each in columns.values():
                    each.pop()
                gaps.append(at - len(gaps))
        arrays = [
            pa.array(found, wanted[name] if kinds.is_nested(wanted[name]) else pa.string())
            for name, found in columns.items()
        ]
        rows = len(lines) - len(gaps)
        batch = (
            pa.RecordBatch.from_arrays(arrays, list(columns))
            if arrays
            else pa.record_batch([pa.nulls(rows)], [""]).select([])
        )
        return Chunk(batch, row, gaps, sorted(refused, key=lambda each: each.row))

    def _sound(
        self, piece: bytes, row: int
    ) -> tuple[bytes, list[tuple[dict[str, Any], dict[str, Any]]], list[Refused]]:
        """The lines, those that are no objects empty; all lines, numbers as texts and as they are; the refused."""
        found: list[tuple[dict[str, Any], dict[str, Any]]] = []
        refused = []
        sound = []
        for at, line in enumerate(filled_lines(piece)):
            try:
                texts, values = objects(line.decode())
                sound.append(line)
            except ValueError as error:
                sound.append(b"{}")
                texts, values = {}, {}
                refused.append(Refused(row + at, None, line.decode(), f"is no object: {error}"))
                self._refuse(refused[-1])
            found.append((texts, values))
        return b"".join(line + b"\n" for line in sound), found, refused

    def _refuse(self, fault: Refused) -> None:
        if not self.tolerant:
            where = "" if fault.column is None else f", column `{fault.column}`: "
            raise TableError(f"`{self.path}`: row {fault.row:,}{where or ' '}{fault.reason}")


def objects(line: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a line says, each number as the text that it stands as, and all as it is.

    Raises ValueError.
    """
    texts = json.loads(
        line,
        parse_int=str,
        parse_float=str,
        parse_constant=_refuse_constant,
        object_pairs_hook=once,
    )
    if not isinstance(texts, dict):
        raise ValueError("JSON lines have one object on each line")  # noqa: TRY004 - of the text
    return texts, json.loads(line)


def spelled(name: str) -> bytes:
    """A name as it stands in most lines that have it."""
    return json.dumps(name, ensure_ascii=False).encode()


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"JSON has no `{name}`")


def _fits(found: Any, dtype: pa.DataType) -> bool:
    """Whether a value has parts like its type; of one without parts the text decides."""
    if not kinds.is_nested(dtype):
        return not isinstance(found, (dict, list))
    try:
        pa.array([found], dtype)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return False
    return True


def _chunks(table: pa.Table, row: int) -> Iterator[Chunk]:
    for batch in table.to_batches():
        yield Chunk(batch, row)
        row += batch.num_rows
