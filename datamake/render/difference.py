"""What two states of a table differ in, and what came of a reproduction, as text, Markdown or a page of HTML.

Knows nothing of tables: it is given the document that JSON has. Names and values come from outside:
nothing in them is markup.
"""

from __future__ import annotations

from html import escape

from datamake.render import markdown as marked
from datamake.render.details import CELL, columns, digest_text
from datamake.render.text import clean, clean_lines, counted
from datamake.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    Document = Mapping[str, Any]

STATISTICS = ("nulls", "min", "max", "mean")
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70em; margin: 2em auto; padding: 0 1em }
table { border-collapse: collapse; display: block; overflow-x: auto }
th, td { text-align: left; padding: .2em .8em; border-bottom: 1px solid #8884; white-space: pre-wrap }
:root { color-scheme: light dark }
"""


@value
class Section:
    """A heading, a sentence, and a table below it; the latter two may be empty."""

    title: str
    text: str
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def text(document: Document) -> str:
    """For a terminal, or a file."""
    lines = [headline(document)]
    for section in sections(document):
        lines += ["", *_lines(section)]
    return "\n".join(lines) + "\n"


def reproduced_text(document: Document) -> str:
    """Whether each output came out the same, and what of a folder or table did not."""
    word = "failed" if document["error"] else "the same" if document["same"] else "different"
    if word == "different" and all(
        output["old"] == output["new"] or output["same_table"] for output in document["outputs"]
    ):
        word = "the same tables, in other bytes"
    lines = [f"{clean(document['name'])}: {word}"]
    if document["error"]:
        lines += [f"  {clean_lines(fact)}" for fact in (document["error"], *document["facts"])]
    for output in document["outputs"]:
        same = output["old"] == output["new"]
        word = "same" if same else "same table" if output["same_table"] else "different"
        lines.append(f"  {word:<10}  {clean(output['path'])}")
        lines += [f"    {clean(path)}" for path in output["differ"]]
        if not same:
            lines += [f"    - {digest_text(output['old'])}", f"    + {digest_text(output['new'])}"]
        for section in sections(output["table"]) if output["table"] else ():
            lines += [f"    {line}" for line in _lines(section)]
    return "\n".join(lines) + "\n"


def _lines(section: Section) -> list[str]:
    cells = [[clean(cell) for cell in row] for row in (section.head, *section.rows) if row]
    title = f"{section.title}: {section.text}" if section.text else section.title
    return [title, *(f"  {line}" for line in columns(cells, CELL))]


def markdown(document: Document) -> str:
    """For a pull request."""
    pieces = [f"## {marked.prose(headline(document))}\n"]
    for section in sections(document):
        pieces.append(f"\n### {section.title}\n\n")
        pieces += [f"{marked.prose(section.text)}\n"] if section.text else []
        pieces += ["\n"] if section.text and section.rows else []
        if section.rows:
            pieces += [marked.row(section.head), marked.row(["---"] * len(section.head))]
            pieces += [marked.row([marked.prose(cell) for cell in row]) for row in section.rows]
    return "".join(pieces)


def html(document: Document) -> str:
    """A page of its own, without scripts and without anything from elsewhere."""
    title = _escaped(headline(document))
    body = [f"<h1>{title}</h1>\n"]
    for section in sections(document):
        body.append(f"<h2>{section.title}</h2>\n")
        body += [f"<p>{_escaped(section.text)}</p>\n"] if section.text else []
        if section.rows:
            body.append(f"<table>\n<tr>{_cells('th', section.head)}</tr>\n")
            body += [f"<tr>{_cells('td', row)}</tr>\n" for row in section.rows]
            body.append("</table>\n")
    head = f'<meta charset="utf-8">\n<title>{title}</title>\n<style>{STYLE}</style>\n'
    return f'<!doctype html>\n<html lang="en">\n{head}{"".join(body)}</html>\n'


def _escaped(cell: str) -> str:
    return escape(clean(cell))


def _cells(tag: str, row: Sequence[str]) -> str:
    return "".join(f"<{tag}>{_escaped(cell)}</{tag}>" for cell in row)


def headline(document: Document) -> str:
    """`delays: no difference from build/old.parquet`."""
    same = {True: "no difference from", None: "no difference seen from", False: "differs from"}
    return f"{document['name']}: {same[document['same']]} {document['against']}"


def sections(document: Document) -> Iterator[Section]:
    """All that differs, and how many rows there are."""
    yield Section("Rows", _rows(document))
    schema = document["schema"]
    typed = [
        *(("added", each["name"], "", each["type"]) for each in schema["added"]),
        *(("removed", each["name"], each["type"], "") for each in schema["removed"]),
        *(("changed", each["name"], each["old"], each["new"]) for each in schema["changed"]),
    ]
    if typed or schema["order"]:
        order = "they are in another order" if schema["order"] else ""
        head = ("", "column", "before", "after") if typed else ()
        yield Section("Columns", order, head, tuple(typed))
    differing = tuple(_statistics(document))
    if differing:
        yield Section("Statistics", "", ("column", "", "before", "after"), differing)
    if document["changes"] is not None:
        yield from _examples(document["changes"], document["key"] or ())


def _rows(document: Document) -> str:
    before, after = document["rows"]["old"], document["rows"]["new"]
    said = f"{after:,}" if before == after else f"{after:,}, before {before:,}"
    changes = document["changes"]
    if changes is None:
        more = "not compared: that needs DuckDB, `pip install 'datamake[sql]'`"
        return said if document["same"] is False else f"{said}; {more}"
    counts = [
        f"{changes[kind]:,} {kind}" for kind in ("added", "removed", "changed") if changes[kind]
    ]
    if changes["columns"]:
        by_column = ", ".join(f"{each['name']} in {each['rows']:,}" for each in changes["columns"])
        counts[-1] += f" ({by_column})"
    if changes["reordered"]:
        counts.append("the same in another order")
    return "; ".join([said, ", ".join(counts) or "all the same"])


def _statistics(document: Document) -> Iterator[tuple[str, ...]]:
    for column in document["columns"]:
        old, new = column["old"], column["new"]
        if column["same"] or old is None or new is None:
            continue
        for about in STATISTICS:
            if old[about] != new[about]:
                yield column["name"], about, _value(old[about]), _value(new[about])


def _examples(changes: Document, key: Sequence[str]) -> Iterator[Section]:
    for kind in ("added", "removed"):
        rows = changes["examples"][kind]
        if rows:
            cells = tuple(tuple(_value(each) for each in row.values()) for row in rows)
            yield Section(f"Rows {kind}", _some(len(rows), changes[kind]), tuple(rows[0]), cells)
    rows = changes["examples"]["changed"]
    if rows:
        cells = tuple(
            (*map(_value, row["key"].values()), name, _value(before), _value(after))
            for row in rows
            for name, (before, after) in row["columns"].items()
        )
        text = _some(len(rows), changes["changed"])
        yield Section("Rows changed", text, (*key, "column", "before", "after"), cells)


def _some(shown: int, count: int) -> str:
    return "" if shown == count else f"the first {shown} of {counted(count, 'row')}"


def _value(found: Any) -> str:
    if found is None:
        return "null"
    return f"{found:,}" if isinstance(found, int) else str(found)
