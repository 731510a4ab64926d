"""Types as people write them ↔ types of Arrow.

Knows no data.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.types as kinds

from datamake.datafile.types import Type, parsed
from datamake.tables import TableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PLAIN: Mapping[str, pa.DataType] = {
    "bool": pa.bool_(),
    **{f"int{bits}": getattr(pa, f"int{bits}")() for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": getattr(pa, f"uint{bits}")() for bits in (8, 16, 32, 64)},
    **{f"float{bits}": getattr(pa, f"float{bits}")() for bits in (16, 32, 64)},
    "string": pa.string(),
    "date": pa.date32(),
    "date64": pa.date64(),
    "interval": pa.month_day_nano_interval(),
    "null": pa.null(),
}
NAMES = {dtype: name for name, dtype in PLAIN.items()}
TIMES: Mapping[str, pa.DataType] = {
    "s": pa.time32("s"),
    "ms": pa.time32("ms"),
    "us": pa.time64("us"),
    "ns": pa.time64("ns"),
}


def arrow(text: str) -> tuple[pa.DataType, bool]:
    """The Arrow type that a text means, and whether it may be null. Raises ValueError."""
    type_ = parsed(text)
    return arrow_type(type_), type_.nullable


def arrow_type(type_: Type) -> pa.DataType:
    """The Arrow type of a parsed one; ` not null` inside it is kept as flags of fields."""
    made: Callable[[Type], pa.DataType] | None = MADE.get(type_.name)
    return PLAIN[type_.name] if made is None else made(type_)


def _field(name: str, type_: Type) -> pa.Field:
    return pa.field(name, arrow_type(type_), type_.nullable)


def _decimal(type_: Type) -> pa.DataType:
    precision, scale = type_.arguments
    made = pa.decimal128 if int(precision) <= 38 else pa.decimal256
    return made(precision, scale)


def _list(type_: Type) -> pa.DataType:
    return pa.list_(_field("item", type_.parts[0][1]), *type_.arguments)


def _struct(type_: Type) -> pa.DataType:
    return pa.struct([_field(name, part) for name, part in type_.parts])


def _map(type_: Type) -> pa.DataType:
    (_, key), (_, item) = type_.parts
    return pa.map_(arrow_type(key), _field("value", item))


MADE: dict[str, Callable[[Type], pa.DataType]] = {
    "binary": lambda type_: pa.binary(*type_.arguments),
    "time": lambda type_: TIMES[str(type_.arguments[0])],
    "timestamp": lambda type_: pa.timestamp(*type_.arguments),
    "duration": lambda type_: pa.duration(*type_.arguments),
    "decimal": _decimal,
    "list": _list,
    "struct": _struct,
    "map": _map,
}


def text_of(dtype: pa.DataType) -> str:
    """The canonical text of an Arrow type, whatever layout in memory it asks for.

    Raises TableError for one that has no text: unions, list views, run-end encoded values.
    """
    return str(type_of(dtype))


def type_of(dtype: pa.DataType) -> Type:  # noqa: PLR0912 - one branch for each family
    """The parsed type that means an Arrow type: dictionary, large and view are not in it."""
    if dtype in NAMES:
        return Type(NAMES[dtype])
    if isinstance(dtype, pa.BaseExtensionType):
        return type_of(dtype.storage_type)
    if kinds.is_dictionary(dtype):
        return type_of(dtype.value_type)
    if kinds.is_large_string(dtype) or kinds.is_string_view(dtype):
        return Type("string")
    if kinds.is_fixed_size_binary(dtype):
        return Type("binary", (dtype.byte_width,))
    if kinds.is_binary(dtype) or kinds.is_large_binary(dtype) or kinds.is_binary_view(dtype):
        return Type("binary")
    if kinds.is_decimal(dtype):
        return Type("decimal", (dtype.precision, dtype.scale))
    if kinds.is_time(dtype):
        return Type("time", (dtype.unit,))
    if kinds.is_duration(dtype):
        return Type("duration", (dtype.unit,))
    if kinds.is_timestamp(dtype):
        return Type("timestamp", (dtype.unit,) if dtype.tz is None else (dtype.unit, dtype.tz))
    if kinds.is_struct(dtype):
        return Type("struct", (), tuple((each.name, _part(each)) for each in dtype))
    if kinds.is_map(dtype):
        return Type("map", (), (("", type_of(dtype.key_type)), ("", _part(dtype.item_field))))
    if kinds.is_fixed_size_list(dtype):
        return Type("list", (dtype.list_size,), (("", _part(dtype.value_field)),))
    if kinds.is_list(dtype) or kinds.is_large_list(dtype):
        return Type("list", (), (("", _part(dtype.value_field)),))
    raise TableError(f"there are no columns of the Arrow type `{dtype}`")


def _part(field: pa.Field) -> Type:
    found = type_of(field.type)
    return found if field.nullable else Type(found.name, found.arguments, found.parts, False)


def replaced(dtype: pa.DataType, change: Callable[[pa.DataType], pa.DataType]) -> pa.DataType:
    """A type of structs and lists with each type in it changed."""
    if kinds.is_list(dtype):
        return pa.list_(replaced(dtype.value_type, change))
    if kinds.is_fixed_size_list(dtype):
        return pa.list_(replaced(dtype.value_type, change), dtype.list_size)
    if kinds.is_struct(dtype):
        return pa.struct([(each.name, replaced(each.type, change)) for each in dtype])
    return change(dtype)
