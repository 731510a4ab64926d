"""Tables for property tests: types of every kind, values of them, and other ways to hold the same."""

from __future__ import annotations

import datetime as dt
import decimal
import math
import struct

import pyarrow as pa
from hypothesis import strategies as st
from versions import LISTS_OF_ONE_SIZE

from datamake.tables.types import arrow

PLAIN = (
    *("bool", "int8", "int64", "uint8", "uint64", "float16", "float32", "float64", "string"),
    *("binary", "binary[3]", "date", "time", "time[s]", "time[ns]", "timestamp[s]"),
    *("timestamp[us, UTC]", "timestamp[ns, +02:00]", "duration[us]", "decimal(5, 2)"),
    *("decimal(40, 3)", "null"),
)
PARQUET = tuple(name for name in PLAIN if name not in ("time[s]", "timestamp[s]"))
"""Types that Parquet keeps as they are, wherever they are."""

names = st.text('ab é."\t', min_size=0, max_size=3)


def types(leaves=PLAIN, depth=2, *, unique=False):
    """Texts of types, nested or not."""
    plain = st.sampled_from(leaves)
    if not depth:
        return plain
    leaves = [leaf for leaf in leaves if leaf != "null"]  # pyarrow makes invalid lists of it
    inner = types(leaves, depth - 1, unique=unique)
    marked = st.one_of(inner, inner.filter(lambda text: text != "null").map("{} not null".format))
    keys = st.sampled_from([leaf for leaf in leaves if leaf in ("int8", "string", "date")])
    apart = (lambda pair: pair[0]) if unique else None
    fields = st.lists(st.tuples(names, inner), min_size=1, max_size=2, unique_by=apart)
    return st.one_of(
        plain,
        marked.map("list<{}>".format),
        *([inner.map("list<{}>[2]".format)] if LISTS_OF_ONE_SIZE else []),
        fields.map(lambda pairs: f"struct<{', '.join(map(_field, pairs))}>"),
        st.tuples(keys, marked).map(lambda pair: f"map<{pair[0]}, {pair[1]}>"),
    )


def _field(pair):
    name = pair[0].replace('"', '""')
    return f'"{name}": {pair[1]}'


def values(dtype):
    """Values that pa.array takes for a type, none of them null at the top."""
    if pa.types.is_struct(dtype):
        fields = [held(field.type) for field in dtype]
        return st.tuples(*fields)
    if pa.types.is_map(dtype):
        pairs = st.tuples(values(dtype.key_type), _part(dtype.item_field))
        return st.lists(pairs, max_size=2, unique_by=lambda pair: pair[0])
    if pa.types.is_fixed_size_list(dtype):
        size = dtype.list_size
        return st.lists(_part(dtype.value_field), min_size=size, max_size=size)
    if pa.types.is_list(dtype):
        return st.lists(_part(dtype.value_field), max_size=3)
    return _leaves(dtype)


def held(dtype):
    """The same, or null."""
    return st.none() | values(dtype)


def _part(field):
    nothing = pa.types.is_null(field.type)
    return held(field.type) if field.nullable or nothing else values(field.type)


def _leaves(dtype):
    kinds = pa.types
    if kinds.is_null(dtype):
        return st.none()
    if kinds.is_boolean(dtype):
        return st.booleans()
    if kinds.is_integer(dtype):
        low = 0 if kinds.is_unsigned_integer(dtype) else -(1 << dtype.bit_width - 1)
        return st.integers(low, low + (1 << dtype.bit_width) - 1)
    if kinds.is_floating(dtype):
        return st.floats(width=dtype.bit_width)
    if kinds.is_string(dtype):
        return st.text(max_size=5)
    if kinds.is_fixed_size_binary(dtype):
        return st.binary(min_size=dtype.byte_width, max_size=dtype.byte_width)
    if kinds.is_binary(dtype):
        return st.binary(max_size=5)
    if kinds.is_date(dtype):
        return st.dates()
    if kinds.is_time(dtype):
        return st.integers(0, 86399).map(lambda s: dt.time(s // 3600, s // 60 % 60, s % 60))
    if kinds.is_timestamp(dtype):
        zone = None if dtype.tz is None else dt.timezone.utc
        seconds = st.integers(-(1 << 32), 1 << 32)
        start = dt.datetime(1970, 1, 1, tzinfo=zone)
        return seconds.map(lambda s: start + dt.timedelta(seconds=s))
    if kinds.is_duration(dtype):
        return st.integers(-(1 << 40), 1 << 40).map(lambda s: dt.timedelta(microseconds=s))
    digits = 10**dtype.precision - 1
    context = decimal.Context(prec=80)
    return st.integers(-digits, digits).map(
        lambda n: decimal.Decimal(n).scaleb(-dtype.scale, context)
    )


@st.composite
def arrays(draw, dtype, rows):
    drawn = draw(st.lists(held(dtype), min_size=rows, max_size=rows))
    return made(drawn, dtype)


def made(drawn, dtype):
    """An array of drawn values: structs are drawn as tuples, since two fields may have one name."""
    if pa.types.is_struct(dtype):
        columns = [
            made([None if each is None else each[at] for each in drawn], field.type)
            for at, field in enumerate(dtype)
        ]
        mask = pa.array([each is None for each in drawn], pa.bool_())
        return pa.StructArray.from_arrays(columns, fields=list(dtype), mask=mask)
    if pa.types.is_map(dtype):
        offsets, pairs, mask = _ends(drawn)
        keys = made([key for key, _ in pairs], dtype.key_type)
        items = made([item for _, item in pairs], dtype.item_type)
        return pa.MapArray.from_arrays(offsets, keys, items, dtype, mask=mask)
    if pa.types.is_fixed_size_list(dtype):
        flat = [item for each in drawn for item in (each or [None] * dtype.list_size)]
        mask = pa.array([each is None for each in drawn], pa.bool_())
        items = made(flat, dtype.value_type)
        return pa.FixedSizeListArray.from_arrays(items, type=dtype, mask=mask)
    if pa.types.is_list(dtype):
        offsets, items, mask = _ends(drawn)
        return pa.ListArray.from_arrays(offsets, made(items, dtype.value_type), dtype, mask=mask)
    return pa.array(drawn, dtype)


def _ends(drawn):
    """Offsets, items and nulls of lists; where one is null there are items, which mean nothing."""
    items, ends = [], [0]
    for each in drawn:
        items += [] if each is None else each
        ends.append(len(items))
    return pa.array(ends, pa.int32()), items, pa.array([each is None for each in drawn], pa.bool_())


@st.composite
def tables(draw, leaves=PLAIN, depth=2, most=3, unique=False):
    """Tables in counted terms but for the non-null flags inside, of 0 to 6 rows."""
    rows = draw(st.integers(0, 6))
    dtypes = types(leaves, depth, unique=unique)
    columns = draw(st.lists(st.tuples(names, dtypes), min_size=1, max_size=most))
    if unique:
        columns = [(f"{name}{at}", text) for at, (name, text) in enumerate(columns)]
    drawn = [draw(arrays(arrow(text)[0], rows)) for _, text in columns]
    fields = [pa.field(name, array.type) for (name, _), array in zip(columns, drawn, strict=True)]
    return pa.Table.from_arrays(drawn, schema=pa.schema(fields))


def said(value):
    """A drawn value such that equal ones are the same content."""
    if isinstance(value, float):
        return "nan" if math.isnan(value) else struct.pack("d", value)
    if isinstance(value, (list, tuple)):
        return [said(each) for each in value]
    return repr(value)


def cut(table, *, at):
    """The same table in other chunks, some of them slices of longer arrays."""
    at = min(at, len(table))
    parts = [table.slice(0, at), pa.concat_tables([table, table]).combine_chunks().slice(at)]
    return pa.concat_tables([parts[0], parts[1].slice(0, len(table) - at)])
