"""The columns of a query's result: names that are apart, types that tables have.

Knows nothing of the query. An integer is at most an int64, also as a sum, an ENUM or a UUID is a
string; what no table can hold is an error.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

from datamake.tables import TableError
from datamake.tables.terms import counted_type

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

REFUSED = frozenset(
    ("bignum", "bit", "time with time zone", "uhugeint", "union", "variant", "interval", "geometry")
)
"""Types of DuckDB that a table has no columns of."""


def result_schema(stored: pa.Schema, types: Sequence[Any]) -> pa.Schema:
    """What the result is as a table, from what Arrow and DuckDB say. Raises TableError."""
    fields: dict[str, pa.DataType] = {}
    for field, kind in zip(stored, types, strict=True):
        if field.name in fields:
            raise TableError(
                f"the result has two columns `{field.name}`",
                hint=f"give one of them another name, as `{field.name} AS other`",
            )
        refused = next((each for each in _kinds(kind) if each.id in REFUSED), None)
        if refused is not None:
            hint = f"cast it, as `{field.name}::VARCHAR`"
            seconds = f"make it a number of seconds, as `epoch({field.name})`, or a text"
            raise TableError(
                f"the column `{field.name}` of the result is of type {refused}, which no table has",
                hint=seconds if refused.id == "interval" else hint,
            )
        fields[field.name] = counted_type(_narrowed(field.type, kind))
    return pa.schema(fields)


def _kinds(kind: Any) -> list[Any]:
    """A type of DuckDB, and those in it."""
    if kind.id not in ("list", "array", "struct", "map"):
        return [kind]
    inner = [part for _, part in kind.children if hasattr(part, "id")]
    return [kind, *(each for part in inner for each in _kinds(part))]


def _narrowed(dtype: pa.DataType, kind: Any) -> pa.DataType:
    """An Arrow type with int64 where DuckDB has a HUGEINT, which Arrow has not."""
    if kind.id == "hugeint":
        return pa.int64()
    parts = dict(kind.children) if kind.id in ("list", "array", "map") else {}
    if kinds.is_struct(dtype):
        pairs = zip(dtype, kind.children, strict=True)
        return pa.struct([(field.name, _narrowed(field.type, part)) for field, (_, part) in pairs])
    if kinds.is_map(dtype):
        return pa.map_(
            _narrowed(dtype.key_type, parts["key"]), _narrowed(dtype.item_type, parts["value"])
        )
    if kinds.is_fixed_size_list(dtype):
        return pa.list_(_narrowed(dtype.value_type, parts["child"]), dtype.list_size)
    if kinds.is_list(dtype) or kinds.is_large_list(dtype):
        return pa.list_(_narrowed(dtype.value_type, parts["child"]))
    return dtype


def brought(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The rows of a batch in the types of the result. Raises TableError for an integer too large."""
    columns = []
    for field, array in zip(schema, batch.columns, strict=True):
        try:
            columns.append(pc.cast(array, field.type))
        except pa.ArrowInvalid as error:
            raise TableError(
                f"the column `{field.name}` of the result has an integer that is no int64",
                hint="cast it to what it needs, as `sum(n)::DECIMAL(38, 0)` or `sum(n)::DOUBLE`",
            ) from error
    return pa.RecordBatch.from_arrays(columns, schema=schema)
