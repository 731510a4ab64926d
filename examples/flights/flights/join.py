"""One month of flights with what is known of the weather, the airline, the destination, the plane."""

from __future__ import annotations

import argparse

import pyarrow as pa

from flights import tables
from flights.clean import KEY

AIRLINES = {"carrier": pa.string(), "name": pa.string()}
AIRPORTS = {"faa": pa.string(), "name": pa.string()}
PLANES = {"tailnum": pa.string(), "year": pa.int16(), "seats": pa.int16()}


def joined(
    flights: pa.Table, weather: pa.Table, airlines: pa.Table, airports: pa.Table, planes: pa.Table
) -> pa.Table:
    """`flights`, every row once, with further columns; they are null where nothing is known."""
    table = tables.joined(flights, weather, ["origin", "time_hour"])
    table = tables.joined(table, airlines.rename_columns(["carrier", "airline"]), "carrier")
    table = tables.joined(table, airports.rename_columns(["faa", "airport"]), "dest", "faa")
    table = tables.joined(table, planes.rename_columns(["tailnum", "made", "seats"]), "tailnum")
    return table.sort_by([(name, "ascending") for name in KEY])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("flights", "weather", "airlines", "airports", "planes", "output"):
        parser.add_argument(f"--{name}", required=True)
    paths = parser.parse_args()
    table = joined(
        tables.read(paths.flights),
        tables.read(paths.weather),
        tables.read_csv(paths.airlines, AIRLINES),
        tables.read_csv(paths.airports, AIRPORTS),
        tables.read_csv(paths.planes, PLANES),
    )
    tables.write(table, paths.output)
