"""Tables in, tables out: typed CSV with `NA` for what is missing, and Parquet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
from pyarrow import csv, parquet

if TYPE_CHECKING:
    from os import PathLike


def read_csv(path: str, types: dict[str, pa.DataType]) -> pa.Table:
    """The columns named in `types`, and no others; a value of another type is an error."""
    return csv.read_csv(
        path,
        convert_options=csv.ConvertOptions(
            column_types=types,
            include_columns=list(types),
            null_values=["NA"],
            strings_can_be_null=True,
        ),
    )


def read(path: str | PathLike[str]) -> pa.Table:
    """A table that `write` wrote."""
    return parquet.read_table(path)


def write(table: pa.Table, path: str) -> None:
    """One content gives one file, byte for byte, so sort what a join or a group left unordered."""
    parquet.write_table(table.combine_chunks(), path, compression="zstd")


def joined(left: pa.Table, right: pa.Table, on: str | list[str], to: str | None = None) -> pa.Table:
    """`left` with the columns of `right`, null where it has no such row; never more rows."""
    table = left.join(right, keys=on, right_keys=to, join_type="left outer", use_threads=False)
    if table.num_rows != left.num_rows:
        raise SystemExit(
            f"{on} is not unique on the right: {left.num_rows} rows became {table.num_rows}"
        )
    return table
