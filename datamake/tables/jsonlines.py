"""JSON lines: one file → its columns with the types that its values have.

Knows no other file. One object a line, one row an object; rows are counted from 1,
without blank lines. A value is what JSON says it is: a text is a string, unless a type was given.
"""

from __future__ import annotations

import json
import re
from itertools import chain

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj
import pyarrow.types as kinds

from datamake.errors import shortened
from datamake.tables import TableError
from datamake.tables.conversion import converted, first_fault, sayable
from datamake.tables.failures import brief, explaining
from datamake.tables.streams import opened, pieces
from datamake.tables.types import replaced, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from typing import Any

    from datamake.formats import Reading

PIECE = 4 << 20
"""Bytes that are taken apart at once."""
LONGEST = 64 << 20
"""Bytes that a line may have."""


class ValueGuess:
    """What the values of one column have been so far: the type that holds them all."""

    def __init__(self) -> None:
        self.seen: pa.DataType = pa.null()

    @property
    def type(self) -> pa.DataType:
        """A string where nothing was ever seen."""
        return filled(self.seen)


class Lines:
    """A file of JSON lines. Raises TableError for all that is wrong with it."""

    def __init__(self, path: str, format: str, reading: Reading) -> None:
        self.path = path
        self.format = format
        self.null = pa.array(reading.null or (), pa.string())
        self.encoding = str(reading.read.get("encoding", "utf-8"))

    def rows(self) -> int | None:
        """Not known before all is read."""
        return None

    def looking(
        self,
        guesses: dict[str, ValueGuess],
        known: Collection[str],
        mend: Callable[[bytes, int], bytes] | None = None,
    ) -> Iterator[int]:
        """Take in the types of the values, some rows at a time; of a known column only its name.

        Gives the first row of each time. Without `mend` an error is raised for lines that cannot be
        read; else it empties which.
        """
        for row, piece in self.pieces():
            schema = self._inferred(piece, row, known, mend)
            for field in schema:
                guess = guesses.setdefault(field.name, ValueGuess())
                if field.name in known:
                    continue
                seen = joined(guess.seen, stated(field.type))
                if seen is None:
                    raise TableError(
                        f"`{self.path}`: rows from {row:,} on, column `{field.name}`: "
                        f"`{text_of(filled(stated(field.type)))}`, "
                        f"where it was `{text_of(guess.type)}` before",
                        hint="one column has one type; say which in `schema`, or mend the file",
                    )
                guess.seen = seen
            yield row
        for name in known:  # rows leave out what is null
            guesses.setdefault(name, ValueGuess())

    def _inferred(
        self,
        piece: bytes,
        row: int,
        known: Collection[str],
        mend: Callable[[bytes, int], bytes] | None,
    ) -> pa.Schema:
        """The columns of a piece, and types of those that are not known: others are not asked for."""
        try:
            return self.parsed(piece, row, None).schema
        except TableError:
            if mend is None and not known:
                raise
            rest = piece if mend is None else mend(piece, row)
            return self.parsed(without(rest, known), row, None, piece).schema

    def batches(
        self, types: Mapping[str, pa.DataType], columns: Collection[str]
    ) -> Iterator[pa.RecordBatch]:
        """The columns that are named; one that no row has is all null."""
        wanted = {name: types[name] for name in types if name in columns}
        schema = pa.schema(list(wanted.items()))
        for first, piece in self.pieces():
            row = first
            for batch in self.parsed(piece, row, wanted).to_batches():
                made = [self._values(batch.column(field.name), field, row) for field in schema]
                yield pa.RecordBatch.from_arrays(made, schema=schema) if made else batch.select([])
                row += batch.num_rows

    def _values(self, values: pa.Array, field: pa.Field, row: int) -> pa.Array:
        if kinds.is_string(values.type) and len(self.null):
            values = pc.if_else(pc.is_in(values, self.null), pa.scalar(None, pa.string()), values)
        if values.type == field.type:
            return values

        def convert(part: pa.Array) -> pa.Array:
            return converted(part, field.type)

        try:
            return convert(values)
        except pa.ArrowInvalid as error:
            at = first_fault(values, convert)
            raise TableError(
                f"`{self.path}`: row {row + at:,}, column `{field.name}`: "
                f"`{shortened(values[at].as_py())}` is not of the type `{text_of(field.type)}`"
            ) from error

    def parsed(
        self,
        piece: bytes,
        row: int,
        types: Mapping[str, pa.DataType] | None,
        written: bytes | None = None,
    ) -> pa.Table:
        """A piece whose first row is `row`, with the types that it has or is to have.

        `written` is what it stands as in the file, where it is something else.
        """
        schema = None if types is None else pa.schema([(n, said(t)) for n, t in types.items()])
        options = pj.ParseOptions(
            schema, unexpected_field_behavior="infer" if types is None else "ignore"
        )
        blocks = pj.ReadOptions(use_threads=False, block_size=len(piece) + 1)
        try:
            return pj.read_json(pa.BufferReader(piece), blocks, options)
        except (pa.ArrowException, UnicodeError) as error:
            raise self._clearer(written or piece, row, error) from error

    def _clearer(self, piece: bytes, row: int, error: Exception) -> TableError:
        """What is wrong, and in which row: Arrow counts from 0 in its piece."""
        said = brief(error)
        place = re.search(r" in row (\d+)$", said)
        if place is None:
            return TableError(f"`{self.path}` cannot be read as JSON lines", [said])
        at = int(place[1])
        lines = filled_lines(piece)
        facts = [shortened(lines[at].decode("utf-8", "replace"))] if at < len(lines) else []
        text = said.removeprefix("JSON parse error: ")[: -len(place[0])].rstrip(".")
        column = re.match(r"Column\(/?([^)]*)\) (changed from .*|was specified twice)", text)
        where = f"`{self.path}`: row {row + at:,}"
        if column is None:
            return TableError(f"{where}: {text[:1].lower()}{text[1:]}", facts)
        if not column[1]:
            return TableError(
                f"{where} is not an object", facts, "JSON lines have one object on each line"
            )
        return TableError(f"{where}, column `{column[1]}`: {column[2]}", facts)

    def pieces(self) -> Iterator[tuple[int, bytes]]:
        """Whole lines of about `PIECE` bytes that hold something, and the row they begin with."""
        row, rest = 1, b""
        with explaining(self.path, self.format):
            stream = opened(self.path, self.encoding)
            for data in chain(pieces(stream, PIECE), [b"\n"]):  # the last line may have no end
                rest += data
                end = rest.rfind(b"\n") + 1
                piece, rest = rest[:end], rest[end:]
                if len(rest) > LONGEST:
                    raise TableError(
                        f"`{self.path}`: row {row:,} has more than {LONGEST >> 20} MiB",
                        hint="JSON lines have one object on each line",
                    )
                if piece.strip():
                    self._checked(piece, row)
                    yield row, piece
                    row += len(filled_lines(piece))

    def _checked(self, piece: bytes, row: int) -> None:
        try:
            piece.decode()
        except UnicodeDecodeError as error:
            row += piece.count(b"\n", 0, error.start)
            raise TableError(
                f"`{self.path}`: row {row:,} is not UTF-8",
                hint='say how it is encoded, as in `read = { encoding = "latin-1" }`',
            ) from error


def without(piece: bytes, columns: Collection[str]) -> bytes:
    """The lines of a piece with nulls in some columns, fit to find the types of the others in.

    A line that is no object stays what it is.
    """
    lines = []
    for line in filled_lines(piece):
        try:
            found = json.loads(line, parse_float=_fraction, object_pairs_hook=once).items()
            rest = {name: None if name in columns else value for name, value in found}
            lines.append(json.dumps(rest).encode())
        except (ValueError, AttributeError, RecursionError):
            lines.append(line)
    return b"\n".join([*lines, b""])


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these keys. Raises ValueError for one that is there twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        name = next(name for name in found if names.count(name) > 1)
        raise ValueError(f"the key `{name}` is there twice")
    return found


def _fraction(_: str) -> float:
    """A number that has the type of any that is not whole."""
    return 0.5


def filled_lines(piece: bytes) -> list[bytes]:
    """The lines that are not blank: one a row."""
    return [line for line in piece.split(b"\n") if line.strip()]


def said(dtype: pa.DataType) -> pa.DataType:
    """The type that values of `dtype` are first read as: what JSON has no word for, as text."""
    if kinds.is_temporal(dtype) or kinds.is_binary(dtype) or kinds.is_fixed_size_binary(dtype):
        return pa.string()
    return pa.float32() if kinds.is_float16(dtype) else dtype


def sayable_in_json(dtype: pa.DataType) -> bool:
    """Whether values of this type can be read: inside of others, only what JSON has words for."""
    if kinds.is_list(dtype):
        return native(dtype.value_type)
    if kinds.is_struct(dtype):
        return all(native(field.type) for field in dtype)
    return sayable(dtype)


def native(dtype: pa.DataType) -> bool:
    """Whether Arrow reads values of this type from JSON as they stand there."""
    tests = (kinds.is_boolean, kinds.is_integer, kinds.is_decimal, kinds.is_string)
    if kinds.is_nested(dtype):
        return sayable_in_json(dtype)
    return any(test(dtype) for test in tests) or kinds.is_float32(dtype) or kinds.is_float64(dtype)


def stated(dtype: pa.DataType) -> pa.DataType:
    """A type that Arrow found, with texts that look like times as the texts that they are."""
    return replaced(dtype, lambda leaf: pa.string() if kinds.is_timestamp(leaf) else leaf)


def filled(dtype: pa.DataType) -> pa.DataType:
    """A type that was found, with a string for what was never anything but null."""
    return replaced(dtype, lambda leaf: pa.string() if kinds.is_null(leaf) else leaf)


def joined(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """The type that holds the values of two; None where there is none."""
    if one == other or kinds.is_null(other):
        return one
    if kinds.is_null(one):
        return other
    if {one, other} == {pa.int64(), pa.float64()}:
        return pa.float64()
    if kinds.is_list(one) and kinds.is_list(other):
        items = joined(one.value_type, other.value_type)
        return None if items is None else pa.list_(items)
    if kinds.is_struct(one) and kinds.is_struct(other):
        fields = {field.name: field.type for field in one}
        for field in other:
            found = joined(fields.get(field.name, pa.null()), field.type)
            if found is None:
                return None
            fields[field.name] = found
        return pa.struct(list(fields.items()))
    return None
