"""The terms that tables are counted in: what is the same content has the same schema and arrays.

Knows no files. Metadata and non-null flags are dropped, dictionaries decoded, extensions are what
they are stored as; there is one type of string, binary, list and decimal.
"""

from __future__ import annotations

import pyarrow as pa

from datamake.datafile.types import Type
from datamake.tables.types import arrow_type, type_of
from datamake.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def counted_type(dtype: pa.DataType) -> pa.DataType:
    """The type that the values of an Arrow type are counted in. Raises TableError."""
    return arrow_type(nullable(type_of(dtype)))


def nullable(type_: Type) -> Type:
    """The type without any ` not null`, in it neither."""
    parts = tuple((name, nullable(part)) for name, part in type_.parts)
    return replace(type_, parts=parts, nullable=True)


def counted_schema(schema: pa.Schema) -> pa.Schema:
    """The names of a schema with the types that they are counted in. Raises TableError."""
    return pa.schema([pa.field(field.name, counted_type(field.type)) for field in schema])


def counted(batch: pa.RecordBatch, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The rows of a batch in the types of its counted schema; in parts where it is too long."""
    try:
        columns = [_cast(*pair) for pair in zip(batch.columns, schema.types, strict=True)]
    except pa.ArrowInvalid:  # 2 GiB of text and more in a column fit into no string array
        if batch.num_rows < 2:
            raise
        half = batch.num_rows // 2
        yield from counted(batch.slice(0, half), schema)
        yield from counted(batch.slice(half), schema)
        return
    if columns:
        yield pa.RecordBatch.from_arrays(columns, schema=schema)
    else:
        yield batch.replace_schema_metadata(None)


def _cast(array: pa.Array, dtype: pa.DataType) -> pa.Array:
    return array if array.type.equals(dtype, check_metadata=True) else array.cast(dtype)
