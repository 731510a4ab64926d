"""Pictures as SVG text: a heat map, bars side by side, a strip of days.

Colours and fonts are the style sheet's; here is only where things go.
"""

from __future__ import annotations

from html import escape
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

WIDTH = 920
LABELS = 210
"""Width that is kept for the names of rows."""


class Cell(NamedTuple):
    """One field of a heat map. `shade` counts from 0, the lightest; None leaves the field empty."""

    shade: int | None
    text: str = ""
    title: str = ""


class Panel(NamedTuple):
    """One column of bars, a value a row; `text` writes a value beside its bar."""

    head: str
    values: Sequence[float]
    text: Callable[[float], str]
    kind: str = "late"


def tag(name: str, content: str = "", **attributes: object) -> str:
    """An element; `kind` becomes its class, and `_` in a name becomes `-`."""
    attributes = {"class" if key == "kind" else key: value for key, value in attributes.items()}
    written = "".join(
        f' {key.replace("_", "-")}="{escape(short(value))}"' for key, value in attributes.items()
    )
    return f"<{name}{written}>{content}</{name}>"


def short(value: object) -> str:
    """Numbers with one digit behind the point at most: a tenth of a pixel is enough."""
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)


def words(x: float, y: float, text: str, **attributes: object) -> str:
    return tag("text", escape(text), x=x, y=y, **attributes)


def picture(height: float, label: str, parts: Sequence[str]) -> str:
    box = f"0 0 {WIDTH} {short(float(height))}"
    return tag("svg", "\n".join(parts), viewBox=box, role="img", aria_label=label)


def heat_map(
    label: str, rows: Sequence[str], columns: Sequence[str], cells: Sequence[Sequence[Cell]]
) -> str:
    """A field for each row and column, shaded, with its number in it."""
    wide, high, top = (WIDTH - LABELS) / len(columns), 30, 24
    parts = [
        words(LABELS + wide * (i + 0.5), top - 9, column, kind="axis", text_anchor="middle")
        for i, column in enumerate(columns)
    ]
    for i, (row, line) in enumerate(zip(rows, cells, strict=True)):
        y = top + high * i
        parts.append(words(LABELS - 12, y + 20, row, text_anchor="end"))
        parts += [
            field(cell, (LABELS + wide * j + 1, y + 1), (wide - 2, high - 2))
            for j, cell in enumerate(line)
        ]
    return picture(top + high * len(rows), label, parts)


def field(cell: Cell, at: tuple[float, float], size: tuple[float, float]) -> str:
    (x, y), (width, height) = at, size
    if cell.shade is None:
        return tag("rect", x=x, y=y, width=width, height=height, rx=3, kind="empty")
    number = words(x + width / 2, y + 18.5, cell.text, kind="number", text_anchor="middle")
    box = tag("rect", x=x, y=y, width=width, height=height, rx=3)
    return tag("g", tag("title", escape(cell.title)) + box + number, kind=f"shade-{cell.shade}")


def bars(label: str, rows: Sequence[str], panels: Sequence[Panel]) -> str:
    """Horizontal bars, one panel beside the other, each with a scale of its own that starts at 0."""
    high, top, gap = 25, 24, 84
    wide = (WIDTH - LABELS) / len(panels)
    parts = [
        words(LABELS - 12, top + high * i + 17, row, text_anchor="end")
        for i, row in enumerate(rows)
    ]
    for j, panel in enumerate(panels):
        x = LABELS + wide * j
        scale = (wide - gap) / max(*panel.values, 1e-9)
        parts.append(words(x, top - 9, panel.head, kind="axis"))
        for i, value in enumerate(panel.values):
            y, length = top + high * i, max(value, 0) * scale
            parts.append(
                tag("rect", x=x, y=y + 4, width=length, height=high - 8, rx=2, kind=panel.kind)
            )
            parts.append(words(x + length + 6, y + 17, panel.text(value), kind="number"))
    return picture(top + high * len(rows) + 2, label, parts)


def strip(label: str, days: Sequence[date], panels: Sequence[Panel]) -> str:
    """A column a day, one panel above the other, the highest day of each marked with its value."""
    wide, high, left = (WIDTH - 20) / len(days), 120, 20
    parts = []
    for j, panel in enumerate(panels):
        base, highest = (high + 34) * j + high + 22, max(panel.values)
        scale = (high - 18) / highest
        parts.append(words(left, base - high - 6, panel.head, kind="axis"))
        parts.append(tag("line", x1=left, x2=WIDTH, y1=base, y2=base, kind="ground"))
        for i, (day, value) in enumerate(zip(days, panel.values, strict=True)):
            x, length = left + wide * i, max(value, 0) * scale
            title = tag("title", f"{day:%A}, {day.day} {day:%B}: {escape(panel.text(value))}")
            size = {"width": wide - 2, "height": length}
            bar = tag("rect", title, x=x + 1, y=base - length, **size, rx=1.5, kind=panel.kind)
            parts.append(bar)
        peak = list(panel.values).index(highest)
        side = "end" if peak > len(days) / 2 else "start"
        x = left + wide * (peak + (0 if side == "end" else 1)) + (-6 if side == "end" else 6)
        note = f"{days[peak].day} {days[peak]:%B}: {panel.text(highest)}"
        parts.append(words(x, base - high + 28, note, kind="number", text_anchor=side))
    base = (high + 34) * len(panels) + 2
    for month, group in groupby(enumerate(days), lambda each: each[1].strftime("%B")):
        first = next(group)[0]
        parts.append(words(left + wide * first + 1, base, month, kind="axis"))
    return picture(base + 8, label, parts)
