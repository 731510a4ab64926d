"""The formats of tables: which there are, which a file has, how a text is read.

Knows nothing of what is in the files.
"""

from __future__ import annotations

from datamake.values import NOTHING, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

ENDINGS = {
    "parquet": "parquet",
    "arrow": "arrow",
    "feather": "arrow",
    "orc": "orc",
    "csv": "csv",
    "tsv": "tsv",
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "json": "jsonl",
}
FORMATS = tuple(dict.fromkeys(ENDINGS.values()))
TEXT = ("csv", "tsv", "jsonl")
"""Formats that say nothing of the types, and may be compressed as a whole."""
SHEETS = (".xlsx", ".xls", ".xlsm", ".ods")
"""Endings of what a spreadsheet is saved as by itself."""
COMPRESSIONS = {"gz": "gzip", "bz2": "bz2", "zst": "zstd", "lz4": "lz4"}


def format_of(path: str) -> str | None:
    """The format that the ending of a path names, None where it names none."""
    name, _, ending = path.rpartition("/")[2].lower().rpartition(".")
    if ending not in COMPRESSIONS:
        return ENDINGS.get(ending) if name else None
    name, _, ending = name.rpartition(".")
    found = ENDINGS.get(ending) if name else None
    return found if found in TEXT else None


def compression_of(path: str) -> str | None:
    """What Arrow calls the compression that the ending of a path names, None where it is none."""
    return COMPRESSIONS.get(path.lower().rpartition(".")[2])


NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


def is_note(path: str) -> bool:
    """Whether a path in a folder is a note of another program: a step begins with `.` or `_`."""
    return any(step[:1] in (".", "_") for step in path.split("/"))


def partition(folder: str) -> dict[str, str | None]:
    """The columns that the `key=value` steps of a path make."""
    from urllib.parse import unquote

    pairs = (step.partition("=") for step in folder.split("/") if "=" in step)
    return {key: None if text == NO_VALUE else unquote(text) for key, _, text in pairs}


@value
class Reading:
    """How a table is read: what a source or input says of it.

    Without `format`, the ending of the path tells. The rest is for text formats: texts that mean
    null (without: the empty one, but in JSON none), types by column (without: as its rows have
    them), and `delimiter`, `quote`, `encoding`, `decimal`, `header`.
    """

    format: str | None = None
    null: tuple[str, ...] | None = None
    schema: Mapping[str, str] | None = None
    read: Mapping[str, Any] = NOTHING

    @property
    def said(self) -> dict[str, Any]:
        """What it says, as plain data that `Reading(**said)` makes an equal one of."""
        return {
            "format": self.format,
            "null": self.null,
            "schema": self.schema,
            "read": dict(self.read),
        }

    @property
    def text(self) -> str:
        """The same as one text, whatever the order of what it says."""
        from json import dumps

        return dumps(self.said, sort_keys=True)


DEFAULT = Reading()
