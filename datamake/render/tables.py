"""The answers of queries, and what came of checks, as text and as files.

Knows nothing of where they are from.
"""

from __future__ import annotations

from datamake.errors import UsageError
from datamake.render.details import CELL, columns
from datamake.render.text import clean, clean_lines, counted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, BinaryIO

    import pyarrow as pa

    Document = dict[str, Any]

ROWS = 100
"""Rows that are shown."""


def grid(rows: pa.RecordBatchReader) -> str:
    """The first rows, in columns, and how many there are."""
    names = rows.schema.names
    shown: list[list[str]] = []
    count = 0
    for batch in rows:
        first = batch.slice(0, max(ROWS - count, 0))
        found = [column.to_pylist(maps_as_pydicts="lossy") for column in first.columns]
        shown += [[clean(_text(cell)) for cell in row] for row in zip(*found, strict=True)]
        count += batch.num_rows
    lines = columns([[clean(name) for name in names], *shown], CELL)
    more = f", the first {ROWS:,} of them shown" if count > ROWS else ""
    return "\n".join([*lines, "", f"{counted(count, 'row')}{more}"]) + "\n"


def document(rows: pa.RecordBatchReader) -> Document:
    """All rows, as JSON has them."""
    import json

    from datamake.tables.types import text_of

    found = [row for batch in rows for row in batch.to_pylist(maps_as_pydicts="lossy")]
    return {
        "version": 1,
        "columns": [{"name": each.name, "type": text_of(each.type)} for each in rows.schema],
        "rows": json.loads(json.dumps(found, default=_text)),
    }


def write(rows: pa.RecordBatchReader, form: str, file: BinaryIO) -> None:
    """All rows, as `csv` or `parquet`. Raises UsageError for columns that CSV cannot hold."""
    import pyarrow as pa

    if form == "parquet":
        from pyarrow.parquet import ParquetWriter

        with ParquetWriter(file, rows.schema) as writer:
            for batch in rows:
                writer.write_batch(batch)
        return
    from pyarrow.csv import CSVWriter

    try:
        with CSVWriter(file, rows.schema) as writer:
            for batch in rows:
                writer.write_batch(batch)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise UsageError(
            "CSV cannot hold these columns", [str(error)], "take another format"
        ) from error


def checked(document: Document) -> str:
    """A line for each source and target, and what is wrong below it."""
    lines = []
    for each in document["checked"]:
        wrong = [check for check in each["checks"] if check["violations"]]
        word = "failed" if not each["ok"] else "warned" if wrong else "passed"
        count = counted(len(each["checks"]), "check")
        lines.append(f"{word} {clean(each['name'])}" + (f"  {count}" if each["checks"] else ""))
        lines += [f"  {clean_lines(line)}" for line in each["lines"]]
        lines += [f"  {clean(line)}" for line in each.get("error", "").splitlines()]
    return "\n".join(lines) + "\n"


def _text(found: Any) -> str:
    if found is None:
        return "null"
    if isinstance(found, bool):
        return str(found).lower()
    if isinstance(found, bytes):
        return found.hex()
    return found.isoformat() if hasattr(found, "isoformat") else str(found)
