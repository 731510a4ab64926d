"""The shapes of inputs, and of how what they name is read where it is a table.

Knows syntax, not meanings: whether an input exists is found out later.
"""

from __future__ import annotations

from datamake.datafile.forms import FLAG, LOCATION, TEXT
from datamake.datafile.shapes import Either, Key, ListOf, Record, TableOf
from datamake.datafile.standard import FORMAT, NULL, READ, TYPE

READING = (
    Key("format", FORMAT, "the format of a table", "by the ending"),
    Key("null", NULL, "texts that mean null in a text format", 'of CSV and TSV `[""]`', True),
    Key("read", READ, "how a text format is read", "", True),
)
TYPES = TableOf("a table of types", TYPE, pattern="(?s).")
INPUT_TABLE = Record(
    "a string, or a table with `from`",
    [
        Key("from", LOCATION, "the input", placeholders=True, required=True),
        Key("output", TEXT, "which output of the target, by name", "all", placeholders=True),
        Key("optional", FLAG, "whether it may be absent", "`false`"),
        Key("fetch", FLAG, "of a URL: whether it is downloaded, or handed over itself", "`true`"),
        Key(
            "columns",
            ListOf("a list of strings", TEXT, least=1),
            "of a table the columns that count; an action that gets a path gets a copy with these",
            "all",
            True,
        ),
        *READING,
        Key("schema", TYPES, "the types of a text format's columns", "those of all its rows"),
    ],
)
INPUT = Either("a string, or a table with `from`", LOCATION, INPUT_TABLE)
INPUTS = Either(
    "a list of inputs, or a table that names them",
    ListOf("a list of inputs", INPUT),
    TableOf("a table of inputs", INPUT),
)
