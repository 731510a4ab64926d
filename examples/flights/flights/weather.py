"""The weather at the three airports of New York, hour by hour, without what cannot be true."""

from __future__ import annotations

import sys

import pyarrow as pa
import pyarrow.compute as pc

from flights import tables

TYPES = {
    "origin": pa.string(),
    "time_hour": pa.timestamp("s", "UTC"),
    "temp": pa.float64(),
    "wind_speed": pa.float64(),
    "precip": pa.float64(),
    "visib": pa.float64(),
}
STRONGEST_WIND = 250
"""Miles an hour. No wind on Earth was ever stronger by much; the raw data have one of 1,048."""


def cleaned(raw: pa.Table) -> pa.Table:
    """`raw` with impossible winds as missing, in one order."""
    wind = raw["wind_speed"]
    possible = pc.if_else(pc.less(wind, STRONGEST_WIND), wind, None)
    table = raw.set_column(raw.column_names.index("wind_speed"), "wind_speed", possible)
    return table.sort_by([("origin", "ascending"), ("time_hour", "ascending")])


if __name__ == "__main__":
    source, target = sys.argv[1:]
    tables.write(cleaned(tables.read_csv(source, TYPES)), target)
