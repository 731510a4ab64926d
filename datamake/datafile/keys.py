"""The one table of what a Datafile may say: it drives validation, JSON Schema and reference page.

Knows shapes, not meanings: whether an input exists is found out later.
"""

from __future__ import annotations

from datamake.datafile import check_forms, forms
from datamake.datafile.forms import FLAG, LOCATION, PATH, PATHS, TEXT, TEXTS, VARIABLES
from datamake.datafile.shapes import Key, Record, TableOf
from datamake.datafile.standard import COLUMN_TABLE, READ, STANDARDIZE
from datamake.datafile.wiring import INPUT_TABLE, INPUTS, READING
from datamake.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RESERVED = dict.fromkeys(["previous", "settle", "view", "sensitive"], "is reserved for later")

ACTIONS = (
    Key("run", forms.SCRIPT, "a shell script; run directly where it needs no shell", "", True),
    Key("argv", forms.COMMAND, "a list of arguments, run without a shell", "", True),
    Key("python", forms.FUNCTION, "a function, called in a process of its own", "", True),
    Key("sql", forms.QUERY, "a DuckDB query, or a path that ends in `.sql`", "", True),
    Key("standardize", STANDARDIZE, "brings tables to given columns and types", "", True),
    Key("query", forms.DATABASE, "a query that a database answers", "", True),
    Key("copy", forms.TRUE, "copies the inputs to the outputs"),
)
WIRING = (
    Key(
        "inputs",
        INPUTS,
        "what it reads: targets, sources, paths, URLs, globs, folders",
        "`[]`",
        True,
    ),
    Key(
        "output",
        LOCATION,
        "the file or, with `/` at its end, folder that it writes",
        "of `python`, `sql`, `standardize`, `query`: `build/NAME.parquet`",
        True,
    ),
    Key("outputs", forms.OUTPUTS, "the files and folders that it writes", "", True),
    Key("foreach", forms.FOREACH, "one instance for each of these values", "", True),
    Key("exclude", forms.EXCLUDE, "combinations that `foreach` leaves out", "`[]`", True),
)
HABITS = (
    Key("description", TEXT, "for people"),
    Key("owner", TEXT, "for people and for selection"),
    Key("tags", TEXTS, "for people and for selection", "`[]`"),
    Key("code", PATHS, "files and globs that count as part of what it does", "`[]`", True),
    Key("implicit", FLAG, "whether scripts and modules that it names count as code", "`true`"),
    Key("params", TEXTS, "params that count although no placeholder names them", "`[]`", True),
    Key("env", forms.ENV, "environment variables that count; a table also sets them", "`[]`", True),
    Key("inherit_env", FLAG, "whether all other environment variables are passed", "`true`"),
    Key(
        "secrets",
        VARIABLES,
        "environment variables that are passed, masked, never counted",
        "`[]`",
        True,
    ),
    Key("cwd", PATH, "the folder that it runs in", "that of its Datafile", True),
    Key(
        "shell",
        forms.COMMAND,
        "what runs the script, which becomes its last argument",
        "`bash`",
        True,
    ),
    Key(
        "venv",
        PATH,
        "virtual environment of `python`, first on `PATH` of commands",
        "`project.venv`",
        True,
    ),
    Key("cpus", forms.SHARE, "processors that it takes", "`1`"),
    Key("memory", forms.SIZE, "memory that it takes", "", True),
    Key("pool", forms.POOL, "what it takes of the pools", "", True),
    Key("priority", forms.NUMBER, "of what is ready, the higher runs first", "`0`"),
    Key("timeout", forms.DURATION, "how long each try may take", "", True),
    Key("retries", forms.COUNT, "how often it is tried again after a failure", "`0`"),
    Key(
        "retry_delay", forms.DURATION, "the wait before a retry, doubled each time", '`"1s"`', True
    ),
    Key("max_age", forms.DURATION, "stale when its last success is older", "", True),
    Key("always", FLAG, "whether it runs at every build", "`false`"),
    Key("cache", FLAG, "whether its outputs are stored and restored", "`true`"),
    Key("enabled", forms.SWITCH, "whether it is there at all", "`true`", True),
    Key("prelude", PATHS, "of `sql`: files with macros, which run before", "`[]`", True),
    *check_forms.KEYS,
)
TARGET = Record(
    "a table",
    [*ACTIONS, *WIRING, *HABITS],
    RESERVED,
    {
        "oneOf": [{"required": [key.name]} for key in ACTIONS],
        "not": {"required": ["output", "outputs"]},
        "dependentRequired": {"exclude": ["foreach"]},
    },
)
DEFAULTS = Record(
    "a table",
    HABITS,
    {**RESERVED, **{key.name: "does not work in `[defaults]`" for key in (*ACTIONS, *WIRING)}},
)
SOURCE_KEYS = (
    Key("path", LOCATION, "a path or URL, glob or folder", "", True, required=True),
    *READING,
    *check_forms.KEYS,
    Key("freshness", forms.FRESHNESS, "how old the data may be"),
    Key("description", TEXT, "for people"),
    Key("owner", TEXT, "for people and for selection"),
    Key("tags", TEXTS, "for people and for selection", "`[]`"),
)
SOURCE = Record("a table", SOURCE_KEYS, RESERVED)
PROJECT = Record(
    "a table",
    [
        Key("name", TEXT, "the project's name"),
        Key("default", TEXTS, "what a bare `build` builds", "every target"),
        Key("include", forms.INCLUDE, "parts: folders or Datafiles without `[project]`", "`[]`"),
        Key(
            "requires", TEXT, 'versions of datamake that may build this, like `">=0.3, <2"`', "any"
        ),
        Key("code", PATHS, "files and globs that count for every target that runs code", "`[]`"),
        Key("env_file", PATH, "a file of environment variables; never overrides the real ones"),
        Key("venv", PATH, "the virtual environment of targets", "`.venv`, else the active one"),
        Key("pythonpath", PATHS, "folders that Python imports modules from", '`["."]`'),
        Key("timezone", TEXT, "where days begin and end for `foreach` dates", '`"UTC"`'),
        Key("platform", FLAG, "whether operating system and architecture count", "`false`"),
        Key("link", forms.LINK, "how files come out of the cache", '`"reflink"`'),
        Key("cache", LOCATION, "the shared cache: a URL, or a folder", "none", True),
        Key("local_cache", PATH, "folder of the local cache", "`.datamake/cache`"),
        Key("local_cache_size", forms.SIZE, "how large it may grow", "a tenth of the disk"),
        Key("models", PATHS, "queries, each a `sql` target of its file's name", "`[]`"),
    ],
)
PARAMS = TableOf("a table of params", forms.ANYTHING)
POOLS = TableOf("a table of numbers", forms.SHARE)
EXECUTOR = Record("a table", [Key("kind", forms.LOCAL, "where actions run", '`"local"`')])

MERGED = (
    Key("params", PARAMS, "values for placeholders, overridden by `--set`"),
    Key("defaults", DEFAULTS, "keys of every target of the same Datafile"),
    Key("pools", POOLS, "how much of each there is, for targets to take"),
)
SOURCES = Key("sources", TableOf("a table of sources", SOURCE), "data that no target makes")
TARGETS = Key("targets", TableOf("a table of targets", TARGET), "what is made, and how")
ROOT_ONLY = (
    Key("project", PROJECT, "what holds for the whole project"),
    Key("executor", EXECUTOR, "where actions run"),
    Key("storage", forms.STORAGE, "options of stores, by the beginnings of their URLs", "", True),
)
PROFILE = Record(
    "a table",
    [
        *ROOT_ONLY,
        *MERGED,
        Key(
            "sources",
            TableOf(
                "a table of sources",
                Record(
                    "a table",
                    [replace(SOURCE_KEYS[0], required=False), *SOURCE_KEYS[1:]],
                    RESERVED,
                ),
            ),
            SOURCES.doc,
        ),
    ],
    {"targets": "does not work in a profile"},
)
PROFILES = Key(
    "profiles",
    TableOf("a table of profiles", PROFILE),
    "merged over the tables above with `--profile`",
)
DATAFILE = Record("a table", [*ROOT_ONLY, *MERGED, SOURCES, TARGETS, PROFILES])
PART = Record(
    "a table",
    [*MERGED, SOURCES, TARGETS],
    dict.fromkeys(
        ["project", "executor", "storage", "profiles"], "works only in the project's own Datafile"
    ),
)


# What is made of it


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a Datafile, the project's own or a part, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Datafile of datamake",
        **DATAFILE.schema(),
    }


SECTIONS = (
    ("Tables", DATAFILE),
    ("`[project]`", PROJECT),
    ("`[sources.NAME]`", SOURCE),
    ("`freshness` of a source", forms.FRESHNESS),
    ("`[targets.NAME]`", TARGET),
    ("A table as an input", INPUT_TABLE),
    ("Dates of `foreach`", forms.DATES),
    ("`standardize`", STANDARDIZE),
    ("A column of `standardize`", COLUMN_TABLE),
    ("`read`", READ),
    ("`query`", forms.DATABASE),
    ("A column of `schema`", check_forms.COLUMN),
    ("A check", check_forms.CHECK),
    ("`[executor]`", EXECUTOR),
)
OPENING = """\
# Keys of a Datafile

Into the strings of keys marked with * the values of `{params.NAME}` and of foreach variables are
filled; into URLs, `project.cache` and `[storage]` those of environment variables, `{env.NAME}`,
too. A target has exactly one of `run`, `argv`, `python`, `sql`, `standardize`, `query` and `copy`. `[defaults]` takes the keys of
a target but those, `inputs`, `output`, `outputs`, `foreach` and `exclude`. An included part has no
`[project]`, `[executor]`, `[storage]` and `[profiles]`; a profile has all tables but `[targets]`.
"""


def reference() -> str:
    """The reference page of all keys, as Markdown."""
    lines = [OPENING]
    for title, record in SECTIONS:
        lines += [
            f"## {title}",
            "",
            "| key | value | default | meaning |",
            "| --- | --- | --- | --- |",
        ]
        for key in record:
            mark = " *" if key.placeholders else ""
            default = "required" if key.required else key.default
            lines.append(f"| `{key.name}`{mark} | {key.shape.words} | {default} | {key.doc} |")
        lines.append("")
    return "\n".join(lines)
