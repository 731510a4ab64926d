"""One month of flights, typed, with the columns that the report is made of.

Cancelled flights stay, marked: leaving them out would flatter the airlines that cancel most.
"""

from __future__ import annotations

import sys

import pyarrow as pa
import pyarrow.compute as pc

from flights import tables

TYPES = {
    "year": pa.int16(),
    "month": pa.int8(),
    "day": pa.int8(),
    "hour": pa.int8(),
    "time_hour": pa.timestamp("s", "UTC"),
    "carrier": pa.string(),
    "flight": pa.int16(),
    "tailnum": pa.string(),
    "origin": pa.string(),
    "dest": pa.string(),
    "distance": pa.int16(),
    "dep_time": pa.int16(),
    "dep_delay": pa.int16(),
    "arr_delay": pa.int16(),
}
KEY = ("time_hour", "carrier", "flight", "origin")


def cleaned(raw: pa.Table) -> pa.Table:
    """`raw` with its local date in one column and a mark on what never left, in one order."""
    table = raw.drop_columns(["year", "month", "day", "dep_time"])
    table = table.add_column(0, "date", local_date(raw))
    table = table.append_column("cancelled", pc.is_null(raw["dep_time"]))
    return table.sort_by([(name, "ascending") for name in KEY])


def local_date(raw: pa.Table) -> pa.ChunkedArray:
    """The day of departure in New York, which for late flights is not the one in UTC."""
    parts = [raw[name].cast(pa.string()) for name in ("year", "month", "day")]
    text = pc.binary_join_element_wise(*parts, "-")
    return pc.strptime(text, format="%Y-%m-%d", unit="s").cast(pa.date32())


if __name__ == "__main__":
    source, target = sys.argv[1:]
    tables.write(cleaned(tables.read_csv(source, TYPES)), target)
