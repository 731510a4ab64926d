"""How many flights there were, how many were cancelled or late and by how much: in one view.

A view is a way to group them: by airline, by airline and hour, by day, by kind of weather ...
"""

from __future__ import annotations

import argparse
import functools
from math import inf

import pyarrow as pa
import pyarrow.compute as pc

from flights import tables

VIEWS = {
    "airline": ["carrier", "airline"],
    "hour": ["carrier", "airline", "hour"],
    "day": ["date"],
    "destination": ["dest", "airport"],
    "sight": ["visib"],
    "rain": ["precip"],
    "wind": ["wind_speed"],
    "age": ["age"],
}
"""The columns that a view groups by."""

BANDS = {
    "visib": {1: "under 1 mile", 3: "1 to 3 miles", 10: "3 to 10 miles", inf: "10 miles"},
    "precip": {0.001: "none", 0.05: "under 0.05 in", inf: "0.05 in or more"},
    "wind_speed": {
        10: "under 10 mph",
        20: "10 to 20 mph",
        30: "20 to 30 mph",
        inf: "30 mph or more",
    },
    "age": {
        5: "under 5 years",
        10: "5 to 9 years",
        15: "10 to 14 years",
        20: "15 to 19 years",
        inf: "20 years or more",
    },
}
"""Of a column of measurements, the bands that stand for its values: what they lie below, and a name."""


def delays(joined: pa.Table, view: str, late: int) -> pa.Table:
    """One row a group, in the order of the groups. Delays are minutes, negative where early."""
    keys = VIEWS[view]
    age = pc.subtract(pc.year(joined["date"]), joined["made"].cast(pa.int64()))
    joined = joined.append_column("age", age)
    measures = {
        "flights": pa.repeat(1, joined.num_rows),
        "cancelled": joined["cancelled"].cast(pa.int64()),
        "arrived": pc.is_valid(joined["arr_delay"]).cast(pa.int64()),
        "late": pc.greater_equal(joined["arr_delay"], late).cast(pa.int64()),
        "delay": joined["dep_delay"].cast(pa.int64()),
    }
    table = (
        pa.table({key: group(joined, key) for key in keys} | measures)
        .group_by(keys, use_threads=False)
        .aggregate([(name, "sum") for name in measures])
        .rename_columns([*keys, *measures])
        .sort_by([(key, "ascending") for key in keys])
    )
    for key in BANDS.keys() & set(keys):
        names = pa.array(list(BANDS[key].values()))
        table = table.set_column(table.column_names.index(key), key, names.take(table[key]))
    return table


def group(joined: pa.Table, key: str) -> pa.ChunkedArray:
    """What groups the rows by `key`: its values, or the number of the band that each is in."""
    values = joined[key]
    if key not in BANDS:
        return values
    *limits, _ = BANDS[key]
    passed = [pc.greater_equal(values, limit).cast(pa.int8()) for limit in limits]
    return functools.reduce(pc.add, passed)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--by", choices=VIEWS, required=True)
    parser.add_argument("--late", type=int, required=True, help="minutes from which on it counts")
    parser.add_argument("--output", required=True)
    parser.add_argument("months", nargs="+")
    options = parser.parse_args()
    months = pa.concat_tables([tables.read(path) for path in options.months])
    tables.write(delays(months, options.by, options.late), options.output)
