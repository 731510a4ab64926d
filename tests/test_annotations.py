"""The annotations of a function, as its source has them."""

from __future__ import annotations

import pytest

from datamake.annotations import by_table, kinds

IMPORTS = """
from __future__ import annotations
import typing as t
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional as Maybe, Union

import pyarrow, pyarrow.dataset
import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow import Table as T, dataset
try:
    import pandas as pd
except ImportError:
    pd = None
if TYPE_CHECKING:
    import polars
    import polars as pl
    from .types import Table as Mine

Frame = pd.DataFrame
Frames: t.TypeAlias = "list[Frame]"
Itself = Itself
Wide = Narrow = T
"""


@pytest.mark.parametrize(
    ("annotation", "kind"),
    [
        ("pa.Table", "table"),
        ("pyarrow.Table", "table"),
        ("pyarrow.lib.Table", "table"),
        ("T", "table"),
        ("'pa.Table'", "table"),
        ("' \\'T\\' '", "table"),
        ("Narrow", "table"),
        ("pa.Table | None", "table"),
        ("None | T", "table"),
        ("Maybe[pa.Table]", "table"),
        ("t.Optional['T']", "table"),
        ("Union[pa.Table, pd.DataFrame]", "table"),
        ("Annotated[pa.Table, 'said', 1]", "table"),
        ("pd.DataFrame", "pandas"),
        ("Frame", "pandas"),
        ("polars.DataFrame", "polars"),
        ("pl.DataFrame", "polars"),
        ("pl.LazyFrame", "lazy"),
        ("ds.Dataset", "dataset"),
        ("dataset.Dataset", "dataset"),
        ("pyarrow.dataset.Dataset", "dataset"),
        ("list[pa.Table]", "list[table]"),
        ("t.List[T]", "list[table]"),
        ("Sequence[pd.DataFrame] | None", "list[pandas]"),
        ("Frames", "list[pandas]"),
        ("dict[str, pl.DataFrame]", "dict[polars]"),
        ("Mapping[str, 'T']", "dict[table]"),
        ("list[list[pa.Table]]", "path"),
        ("tuple[pa.Table, pa.Table]", "path"),
        ("Path", "path"),
        ("Path | pa.Table", "path"),
        ("str", "path"),
        ("list[Path]", "list[path]"),
        ("Mine", "path"),
        ("Table", "path"),
        ("pa.RecordBatch", "path"),
        ("Itself", "path"),
        ("Frame.x", "path"),
        ("f()", "path"),
        ("'not python'", "path"),
        ("1", "path"),
    ],
)
def test_annotations(annotation, kind):
    """Are followed through imports, aliases, quotes, and what may be None."""
    source = f"{IMPORTS}\ndef run(a: T, b: {annotation}, c=5): pass\n"
    assert kinds(source.encode(), "run") == {"a": "table", "b": kind, "c": "path"}


def test_parameters():
    """Those that can be given by name."""
    source = b"import pyarrow as pa\ndef run(no: pa.Table, /, a, *rest: pa.Table, b: pa.Table, **more): 1"
    assert kinds(source, "run") == {"a": "path", "b": "table"}


@pytest.mark.parametrize(
    "source",
    [
        "def run(a): pass",
        "def run(a: Path, b: 'list[str]'): pass",
        "def other(a: pa.Table): pass",
        "from other import run",
        "run = lambda a: 1",
        "@wrapped\ndef run(a: pa.Table): pass",
        "async def run(a: pa.Table): pass",
        "class run:\n    def __init__(self, a: pa.Table): pass",
        "def run(a: pa.Table): pass\nrun = wrapped(run)",
        "def run(a: pa.Table): pass\nif True:\n    def run(a): pass",
        "def run(a: pa.Table): pass\ntry:\n    pass\nfinally:\n    run = 5",
        "def run(a: pa.Table): pass\nfor run in []: pass",
        "def run(a: pa.Table): pass\nwith x as run: pass",
        "def run(a: pa.Table): pass\nmatch 5:\n    case 5:\n        run = 5",
        "def run(a: pa.Table: pass",
        "\0",
    ],
)
def test_what_the_source_does_not_show(source):
    """Is given paths."""
    assert kinds(f"import pyarrow as pa\n{source}\n".encode(), "run") == {}


def test_a_function_among_others():
    """What other functions and classes hold inside has nothing to say."""
    source = b"""
if True:
    import pyarrow as pa

def other():
    run = pa = 5
    def run(): pass

class Other:
    def run(self): pass
    pa = 5

def run(a: pa.Table): pass
"""
    assert kinds(source, "run") == {"a": "table"}


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"one": "table"}, [True, False]),
        ({"one": "table", "two": "lazy"}, [True, True]),
        ({"one": "table", "two": "path"}, [True, False]),
        ({"one": "table", "two": "dataset"}, [True, False]),
        ({"input": "pandas"}, [True, False]),
        ({"input": "table", "one": "path"}, [False, False]),
        ({"inputs": "dict[table]"}, [True, True]),
        ({"inputs": "list[path]", "one": "table"}, [False, False]),
        ({"inputs": "list[dataset]"}, [False, False]),
        ({}, [False, False]),
    ],
)
def test_which_inputs_count_as_tables(given, found):
    """Those that a function gets as tables under each of their names."""
    assert by_table({**given, "output": "path"}, ["one", "two"]) == found


def test_inputs_without_names():
    """Are given together, and the first by itself."""
    assert by_table({"input": "table"}, [None, None]) == [True, False]
    assert by_table({"inputs": "table"}, [None, None]) == [True, True]
