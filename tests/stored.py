"""Tables as the bytes of files, in the ways that they can be stored."""

from __future__ import annotations

import io
import os

import pyarrow as pa
import pyarrow.orc as orc
import pyarrow.parquet as pq


def file(name, content):
    """The path of a file that has this content: text, or bytes."""
    if os.path.dirname(name):
        os.makedirs(os.path.dirname(name), exist_ok=True)
    with open(name, "wb") as out:
        out.write(content if isinstance(content, bytes) else content.encode())
    return name


def parquet(table, **options):
    """Bytes of a Parquet file; a dict is made a table."""
    out = io.BytesIO()
    pq.write_table(made(table), out, **options)
    return out.getvalue()


def arrow(table, *, rows=None, **options):
    """Bytes of an Arrow file, in batches of so many rows."""
    out = io.BytesIO()
    table = made(table)
    with pa.ipc.new_file(out, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, rows)
    return out.getvalue()


def as_orc(table, **options):
    """Bytes of an ORC file."""
    out = io.BytesIO()
    orc.write_table(made(table), out, **options)
    return out.getvalue()


def made(table):
    return pa.table(table) if isinstance(table, dict) else table
