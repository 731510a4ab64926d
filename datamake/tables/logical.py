"""The logical digest of a table: of its schema and values, not of the bytes they are stored in.

Knows no consumers. Each column is hashed as it streams by, and so is each level of a nested one:
where it is null, its lengths, its values. These are streams of bytes, so that it does not matter
how the rows are cut into batches, and no more than one batch is in memory.
"""

from __future__ import annotations

from struct import pack

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds
from xxhash import xxh3_128

from datamake.formats import TEXT, Reading
from datamake.logical import NO_TABLE, Logical
from datamake.tables import TableError, types
from datamake.tables.reading import open_table
from datamake.threads import ahead
from datamake.values import undisturbed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from datamake.tables.reading import Table

WIDE = 128
"""Columns of a file that are read at once, if that makes no more than `PASSES`."""
PASSES = 16


def digest(
    paths: Sequence[str] | str,
    format: str | None = None,
    go_on: Callable[[], None] = undisturbed,
) -> Logical:
    """What a table holds; `go_on` is that of `open_table`.

    Raises TableError where it is none, or text: that counts by bytes.
    """
    table = open_table(paths, Reading(format), go_on)
    if table.parts[0].format in TEXT:
        raise TableError(f"`{table.parts[0].path}` is text, which counts by its bytes")
    schema, every = table.schema, table.schema.names
    levels = [_Level(field.type) for field in schema]
    rows = 0
    for places in _groups(table):
        rows = 0
        names = None if len(places) == len(schema) else [every[at] for at in places]
        for batch in ahead(table.batches(names)):
            rows += batch.num_rows
            for at, array in zip(places, batch.columns, strict=True):
                levels[at].feed(array)
    parts = zip(schema, levels, strict=True)
    made = tuple(
        (field.name, types.text_of(field.type), own.digest().hex()) for field, own in parts
    )
    return Logical(rows, made)


def digest_text(
    path: str, format: str | None = None, go_on: Callable[[], None] = undisturbed
) -> str:
    """What a file or folder holds, as text; `NO_TABLE` where it cannot be read as a table."""
    try:
        return str(digest(path, format, go_on))
    except TableError:
        return NO_TABLE


def _groups(table: Table) -> Iterator[range]:
    """Places of the columns that are read in one go: a reader holds pages of each."""
    count = len(table.schema)
    size = max(count, 1)
    if all(part.apart and part.plain for part in table.parts):
        size = max(WIDE, count // PASSES + 1)
    for first in range(0, max(count, 1), size):
        yield range(first, min(first + size, count))


class _Level:
    """One column, or one level of a nested one: three streams of bytes, and the levels below."""

    def __init__(self, dtype: pa.DataType) -> None:
        self.type = dtype
        self.length = 0
        self.nulls = xxh3_128()
        self.lengths = xxh3_128()
        self.values = xxh3_128()
        self.parts = [_Level(part) for part in _parts(dtype)]

    def digest(self) -> bytes:
        """Of all that was fed."""
        state = xxh3_128(pack("<q", self.length))
        for stream in (self.nulls, self.lengths, self.values):
            state.update(stream.digest())
        for part in self.parts:
            state.update(part.digest())
        return bytes(state.digest())

    def feed(self, array: pa.Array) -> None:
        """Take in the next values. Of those that are null, only where they are."""
        count = len(array)
        if array.null_count and not kinds.is_null(self.type):
            places = pc.indices_nonzero(pc.is_null(array))
            self.nulls.update(_fixed(pc.add(places, pa.scalar(self.length, pa.uint64())), 8))
            array = array.drop_null()
        self.length += count
        if len(array) and not kinds.is_null(self.type):
            self._present(array)

    def _present(self, array: pa.Array) -> None:
        dtype = self.type
        if kinds.is_struct(dtype):
            for level, part in zip(self.parts, array.flatten(), strict=True):
                level.feed(part)
        elif self.parts:
            self._lists(array)
        elif kinds.is_string(dtype) or dtype == pa.binary():
            self.lengths.update(_fixed(pc.binary_length(array), 4))
            _, offsets, data = array.buffers()
            ends = memoryview(offsets).cast("i")
            first, last = ends[array.offset], ends[array.offset + len(array)]
            if data is not None:
                self.values.update(memoryview(data)[first:last])
        elif kinds.is_boolean(dtype):
            self.values.update(_fixed(array.cast(pa.uint8()), 1))
        else:
            self.values.update(_fixed(_one_nan(array), dtype.bit_width // 8))

    def _lists(self, array: pa.Array) -> None:
        """Items of a list or, as pairs, of a map."""
        if kinds.is_fixed_size_list(self.type):
            self.parts[0].feed(array.flatten())
            return
        offsets = array.offsets
        self.lengths.update(_fixed(pc.subtract(offsets[1:], offsets[:-1]), 4))
        first, last = offsets[0].as_py(), offsets[-1].as_py()
        items = [array.keys, array.items] if kinds.is_map(self.type) else [array.values]
        for level, part in zip(self.parts, items, strict=True):
            level.feed(part.slice(first, last - first))


def _parts(dtype: pa.DataType) -> list[pa.DataType]:
    if kinds.is_map(dtype):
        return [dtype.key_type, dtype.item_type]
    if kinds.is_list(dtype) or kinds.is_fixed_size_list(dtype):
        return [dtype.value_type]
    return [field.type for field in dtype] if kinds.is_struct(dtype) else []


def _fixed(array: pa.Array, width: int) -> memoryview:
    """The bytes of values that are so wide, and not null."""
    data = memoryview(array.buffers()[1])
    return data[array.offset * width : (array.offset + len(array)) * width]


def _one_nan(array: pa.Array) -> pa.Array:
    """Whatever bits a NaN has, it is one value. A float16 is looked at as float32."""
    if not kinds.is_floating(array.type):
        return array
    wide = array.cast(pa.float32()) if kinds.is_float16(array.type) else array
    unknown = pc.is_nan(wide)
    if not pc.any(unknown).as_py():
        return array
    return pc.if_else(unknown, pa.scalar(float("nan"), wide.type), wide).cast(array.type)
