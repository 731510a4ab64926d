"""Tables as a function of a project takes them, and those that it returns → files.

Knows nothing of the function. It runs in its process, under its interpreter and with its pyarrow.
"""

from __future__ import annotations

import os

import pyarrow as pa

from datamake.action import Piece, View
from datamake.errors import shortened
from datamake.formats import Reading
from datamake.tables import TableError
from datamake.tables.failures import brief
from datamake.tables.views import opened
from datamake.tables.writing import Writer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    Place = Sequence[Any]


def handed(kind: str, given: Any) -> Any:
    """What a parameter is given, as the kinds of `annotations` say; None where there is no file.

    `given` is a table as plain data, or for `list[...]` and `dict[...]` a list or mapping of such:
    `pieces` (paths, and values by name), `reading` (the fields of a Reading) and `columns` (names,
    None: all). Raises TableError, and ImportError.
    """
    container, _, inner = kind.rpartition("[")
    if container == "list":
        return [handed(inner.rstrip("]"), each) for each in given]
    if container == "dict":
        return {name: handed(inner.rstrip("]"), each) for name, each in given.items()}
    pieces = tuple(Piece(tuple(paths), *values) for paths, *values in given["pieces"])
    reading = Reading(**given["reading"])
    if not pieces:
        return None
    if kind == "dataset":
        from datamake.tables.datasets import dataset

        paths = [path for piece in pieces for path in piece.paths]
        return dataset(paths, reading, given["folder"])
    columns = given["columns"]
    view = View("", pieces, reading, None if columns is None else frozenset(columns))
    return _as(kind, opened(view).to_arrow())


def _as(kind: str, table: pa.Table) -> Any:
    try:
        if kind == "pandas":
            return table.to_pandas()
        if kind == "table":
            return table
        import polars as pl

        frame: Any = pl.from_arrow(table)
        return frame.lazy() if kind == "lazy" else frame
    except ImportError:
        raise
    except Exception as error:
        raise TableError(f"a table cannot be given as a frame of {kind}", [brief(error)]) from error


def write(returned: Any, places: Sequence[Place]) -> None:
    """Write what a function returned: a table or frame, or several by the names of the outputs.

    `places` are the outputs: name or None, path, path as it is declared. Raises TableError.
    """
    if not isinstance(returned, dict):
        if len(places) != 1:
            raise TableError(
                f"it returned one table, and has {len(places)} outputs",
                hint="return a dict of tables, by the names of the outputs",
            )
        _write(returned, places[0])
        return
    named = {place[0]: place for place in places if place[0] is not None}
    for name in returned:
        if name not in named:
            raise TableError(
                f"it returned a table `{name}`, and has no output of that name",
                [f"its outputs are {', '.join(f'`{each}`' for each in named)}"] if named else (),
                "" if named else 'give them names, as in `outputs = { one = "one.parquet" }`',
            )
    for name, each in returned.items():
        _write(each, named[name])


def _write(returned: Any, place: Place) -> None:
    _, path, shown = place
    if shown.endswith("/"):
        raise TableError(
            f"it returned a table, and `{shown}` is a folder", hint="write into it, or name a file"
        )
    if os.path.lexists(path):
        raise TableError(
            f"it wrote `{shown}`, and returned a table as well", hint="do one or the other"
        )
    reader = _reader(returned)
    with Writer(path, reader.schema) as writer:
        for batch in reader:
            writer.write(batch)


def _reader(returned: Any) -> pa.RecordBatchReader:
    """The batches of a table or frame."""
    module = type(returned).__module__.partition(".")[0]
    if type(returned).__name__ == "Series":
        raise TableError(
            "it returned a `Series`, which is no table", hint="`.to_frame()` makes one of it"
        )
    if module == "pandas":
        return _of_pandas(returned).to_reader()
    if module == "polars" and hasattr(returned, "collect"):
        returned = returned.collect()
    if isinstance(returned, pa.RecordBatchReader):
        return returned
    if isinstance(returned, pa.RecordBatch):
        return pa.Table.from_batches([returned]).to_reader()
    try:
        return pa.RecordBatchReader.from_stream(returned)
    except (pa.ArrowException, TypeError) as error:
        said = f"it returned a `{type(returned).__name__}`, which is no table"
        raise TableError(said, [brief(error)]) from error


def _of_pandas(frame: Any) -> pa.Table:
    """A frame of pandas; what names its index has come first, an index without one is left out."""
    named = [name for name in frame.index.names if name is not None and name not in frame.columns]
    try:
        whole = frame.reset_index(level=named) if named else frame
        return pa.Table.from_pandas(whole, preserve_index=False)
    except (pa.ArrowException, ValueError, TypeError) as error:
        said = [shortened(str(each), 200) for each in reversed(error.args)]
        raise TableError("it returned a frame that Arrow has no types for", said) from error
