"""Files → an Arrow dataset, which reads only what it is asked for; in Arrow's terms, not counted ones.

Knows nothing of what it is for.
"""

from __future__ import annotations

import os

import pyarrow.dataset as ds
from pyarrow import csv

from datamake.formats import DEFAULT, format_of
from datamake.tables import TableError
from datamake.tables.delimited import DELIMITERS
from datamake.tables.reading import files_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from datamake.formats import Reading

SHOWN = 10


def dataset(
    paths: Sequence[str], reading: Reading = DEFAULT, folder: str | None = None
) -> ds.Dataset:
    """The dataset of files or folders, with the `key=value` folders in one folder. Raises TableError.

    That is the only one of the paths, or it is `folder`, and they are files in it.
    """
    files = [path for each in paths for path, _ in files_in(each)]
    formats = {reading.format or format_of(path) for path in files}
    if len(formats) != 1 or None in formats:
        shown = sorted({f"`{path}`" for path in files})[:SHOWN]
        raise TableError("a dataset has files of one format", shown)
    form = _format(str(*formats), reading)
    if len(paths) == 1 and os.path.isdir(paths[0]):
        folder = paths[0]
    if folder is None:
        return ds.dataset(files, format=form)
    return ds.dataset(files, format=form, partitioning="hive", partition_base_dir=folder)


def _format(name: str, reading: Reading) -> Any:
    """What Arrow calls a format, or has for it."""
    if name not in DELIMITERS:
        return "json" if name == "jsonl" else name
    read = reading.read
    null = {} if reading.null is None else {"null_values": list(reading.null)}
    return ds.CsvFileFormat(
        csv.ParseOptions(
            delimiter=read.get("delimiter", DELIMITERS[name]),
            quote_char=read.get("quote", '"') or False,
            newlines_in_values=True,
        ),
        convert_options=csv.ConvertOptions(
            strings_can_be_null=True, decimal_point=read.get("decimal", "."), **null
        ),
        read_options=csv.ReadOptions(
            autogenerate_column_names=not read.get("header", True),
            encoding=read.get("encoding", "utf8"),
        ),
    )
