"""Functions that take tables and frames, and return them."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

TEXT = """
[targets.sums]
inputs = { trips = "raw/trips.parquet", zones = "raw/zones.csv" }
output = "build/sums.parquet"
python = "work:run"
"""


@pytest.fixture
def tables(project):
    """Trips and zones."""
    project.datafile(TEXT)
    project.path("raw").mkdir()
    trips = pa.table({"zone": pa.array(["a", "b", "a"]).dictionary_encode(), "fare": [1.5, 2, 3]})
    trips = trips.replace_schema_metadata({"from": "somewhere"})
    pq.write_table(trips, project.path("raw/trips.parquet"))
    project.write("raw/zones.csv", "zone,name\na,Airport\nb,\n")
    return project


def built(project, source, error=None):
    """The rows of `build/sums.parquet` and its schema; or the facts of the error."""
    project.write("work.py", source)
    result = project.build()
    found = {target.name: target for target in result.result.targets}["sums"]
    if error is not None:
        assert found.error == error
        assert not project.exists("build/sums.parquet")
        return list(found.facts)
    assert result.errors == {}, found.facts
    assert project.build().ran == []
    table = pq.read_table(project.path("build/sums.parquet"))
    return table.to_pylist(), {field.name: str(field.type) for field in table.schema}


def test_a_parameter_that_nothing_gives(tables):
    """The message has all that can be, whatever the others are given as."""
    for annotation in ("pa.Table", "str"):
        source = f"import pyarrow as pa\n\ndef run(trips: {annotation}, zone): pass\n"
        facts = built(tables, source, "`work:run` takes `zone`, which nothing gives it")
        known = "`input`, `inputs`, `output`, `outputs`, `params`, `target`, `trips`, `zones`"
        assert facts == [f"can be given: {known}"]


@pytest.mark.parametrize("module", ["pandas", "polars"])
def test_a_column_is_no_table(tables, module):
    """One of a frame is returned by mistake."""
    source = f"import {module}\n\ndef run(zones: {module}.DataFrame):\n    return zones['zone']\n"
    facts = built(tables, source, "it returned a `Series`, which is no table")
    assert facts == ["hint: `.to_frame()` makes one of it"]


def test_tables(tables):
    """Come in the terms that they are counted in, and are written as they are returned."""
    source = """
import pyarrow as pa
import pyarrow.compute as pc

def run(trips: pa.Table, zones: "pa.Table | None"):
    assert trips.schema == pa.schema({"zone": pa.string(), "fare": pa.float64()}), trips.schema
    assert trips.schema.metadata is None
    assert zones.to_pylist()[1] == {"zone": "b", "name": None}
    return trips.join(zones, "zone").sort_by("fare")
"""
    rows, schema = built(tables, source)
    assert rows == [
        {"zone": "a", "fare": 1.5, "name": "Airport"},
        {"zone": "b", "fare": 2.0, "name": None},
        {"zone": "a", "fare": 3.0, "name": "Airport"},
    ]
    assert schema == {"zone": "string", "fare": "double", "name": "string"}


def test_frames_of_pandas(tables):
    """With an index that has a name, which becomes a column."""
    pytest.importorskip("pandas")
    source = """
import pandas as pd

def run(trips: pd.DataFrame, zones: pd.DataFrame) -> pd.DataFrame:
    assert list(trips.index) == [0, 1, 2]
    return trips.merge(zones, on="zone").groupby("zone")[["fare"]].sum()
"""
    rows, schema = built(tables, source)
    assert rows == [{"zone": "a", "fare": 4.5}, {"zone": "b", "fare": 2.0}]
    assert list(schema) == ["zone", "fare"]


@pytest.mark.parametrize(
    ("returned", "columns"),
    [
        ("trips[trips.fare > 1]", ["zone", "fare"]),
        ("trips.set_index('zone')", ["zone", "fare"]),
        ("trips.set_index('zone', drop=False)", ["zone", "fare"]),
        ("trips.set_index(['zone', trips.index + 5])", ["zone", "fare"]),
        ("trips.set_index(trips.index.rename('row'))", ["row", "zone", "fare"]),
        ("trips.rename(columns={'fare': 1})", ["zone", "1"]),
        ("trips[[]]", []),
    ],
)
def test_the_index_of_a_frame(tables, returned, columns):
    """Comes first where it has a name, and is left out else."""
    pytest.importorskip("pandas")
    source = f"import pandas as pd\ndef run(trips: pd.DataFrame): return {returned}\n"
    assert list(built(tables, source)[1]) == columns


@pytest.mark.parametrize("kind", ["DataFrame", "LazyFrame"])
def test_frames_of_polars(tables, kind):
    """Lazy ones too."""
    pytest.importorskip("polars")
    source = f"""
import polars as pl

def run(trips: pl.{kind}, zones: pl.{kind}):
    assert isinstance(trips, pl.{kind})
    return trips.join(zones, on="zone").group_by("zone").agg(pl.col("fare").sum()).sort("zone")
"""
    rows, schema = built(tables, source)
    assert rows == [{"zone": "a", "fare": 4.5}, {"zone": "b", "fare": 2.0}]
    assert schema == {"zone": "string", "fare": "double"}


def test_datasets_and_paths(tables):
    """Are handed over as they are; what is returned may be a stream."""
    source = """
import pyarrow as pa
import pyarrow.dataset as ds
from pathlib import Path

def run(trips: ds.Dataset, zones: Path, output):
    assert trips.schema.field("zone").type == pa.dictionary(pa.int32(), pa.string())
    assert zones.read_text().startswith("zone")
    assert not output.exists()
    batches = trips.to_batches(columns=["fare"])
    return pa.RecordBatchReader.from_batches(pa.schema({"fare": pa.float64()}), batches)
"""
    assert built(tables, source)[0] == [{"fare": 1.5}, {"fare": 2.0}, {"fare": 3.0}]


@pytest.mark.parametrize(
    ("annotation", "rows"),
    [
        ("pa.Table", "inputs.num_rows"),
        ("dict[str, pa.Table]", "sum(each.num_rows for each in inputs.values())"),
        ("list[pa.Table]", "sum(each.num_rows for each in inputs)"),
    ],
)
def test_all_inputs(tables, annotation, rows):
    """As one table, by name or one by one."""
    source = f"import pyarrow as pa\ndef run(inputs: {annotation}):\n    return pa.table({{'n': [{rows}]}})\n"
    tables.datafile(TEXT.replace("zones.csv", "trips.parquet"))
    assert built(tables, source)[0] == [{"n": 6}]


INSTANCES = """
[targets.month]
foreach = { month = ["01", "02"] }
output = "build/{month}.csv"
run = "(echo id; echo {month}) > {output}"

[targets.sums]
inputs = { all = "month[*]", one = "month[02]" }
output = "build/sums.parquet"
python = "work:run"
"""


def test_all_instances(project):
    """Are one table, with the foreach values as columns; one of them is as it is."""
    project.datafile(INSTANCES)
    source = """
import pyarrow as pa

def run(all: pa.Table, input: "list[pa.Table]", one: pa.Table):
    assert [each.to_pylist() for each in input] == [
        [{"id": 1, "month": "01"}], [{"id": 2, "month": "02"}]
    ]
    assert one.to_pylist() == [{"id": 2}]
    return all
"""
    assert built(project, source)[0] == [{"id": 1, "month": "01"}, {"id": 2, "month": "02"}]


def test_several_outputs(project):
    """Take a dict; each is written by its ending."""
    project.datafile("""
        [targets.sums]
        outputs = { one = "build/sums.parquet", two = "build/two.csv", three = "three.txt" }
        python = "work:run"
    """)
    source = """
import pyarrow as pa

def run(outputs):
    outputs["three"].write_text("3")
    return {"two": pa.record_batch({"b": ["x"]}), "one": pa.table({"a": [1]})}
"""
    assert built(project, source)[0] == [{"a": 1}]
    assert project.read("build/two.csv") == '"b"\n"x"\n'
    assert project.read("three.txt") == "3"


RETURNS = "import pyarrow as pa\ndef run(output):\n    return "


@pytest.mark.parametrize(
    ("outputs", "source", "error", "facts"),
    [
        (
            'output = "build/sums.parquet"',
            RETURNS.replace("return", "output.touch()\n    return") + "pa.table({'a': [1]})",
            "it wrote `build/sums.parquet`, and returned a table as well",
            ["hint: do one or the other"],
        ),
        (
            'output = "build/sums/"',
            RETURNS + "pa.table({'a': [1]})",
            "it returned a table, and `build/sums/` is a folder",
            ["hint: write into it, or name a file"],
        ),
        (
            'output = "build/sums.txt"',
            RETURNS + "pa.table({'a': [1]})",
            "`build/sums.txt` is not a table by its ending",
            ["hint: a table is written as parquet, arrow, orc, csv, tsv, jsonl"],
        ),
        (
            'output = "build/sums.csv"',
            RETURNS + "pa.table({'a': [[1]]})",
            "`build/sums.csv`: CSV cannot hold the column `a`",
            ["it is `list<int64>`", "hint: write Parquet, or choose other columns"],
        ),
        (
            'outputs = ["build/1.csv", "build/2.csv"]',
            RETURNS + "pa.table({'a': [1]})",
            "it returned one table, and has 2 outputs",
            ["hint: return a dict of tables, by the names of the outputs"],
        ),
        (
            'outputs = ["build/1.csv", "build/2.csv"]',
            RETURNS + "{'one': pa.table({'a': [1]})}",
            "it returned a table `one`, and has no output of that name",
            ['hint: give them names, as in `outputs = { one = "one.parquet" }`'],
        ),
        (
            'outputs = { one = "build/1.csv" }',
            RETURNS + "{'two': pa.table({'a': [1]})}",
            "it returned a table `two`, and has no output of that name",
            ["its outputs are `one`"],
        ),
        (
            'output = "build/sums.parquet"',
            RETURNS + "pa.chunked_array([[1]])",
            "it returned a `ChunkedArray`, which is no table",
            None,
        ),
        (
            'output = "build/sums.parquet"',
            RETURNS + "[1]",
            "`work:run` returned a `list`: it may return a table, a frame or nothing",
            ["hint: write what is no table to `output`"],
        ),
        (
            'output = "build/sums.parquet"',
            RETURNS + "None",
            "did not write `build/sums.parquet`: `run` returned nothing",
            [],
        ),
    ],
)
def test_what_may_be_returned(project, outputs, source, error, facts):
    """Is a table for each output; a failure says what else it was."""
    project.datafile(f'[targets.sums]\n{outputs}\npython = "work:run"\n')
    found = built(project, source, error)
    assert facts is None or found == facts
    assert project.files("build/*") == []


def test_a_frame_without_types(tables):
    """Names the column."""
    pytest.importorskip("pandas")
    source = "import pandas as pd\ndef run(output): return pd.DataFrame({'a': [1, 'x']})\n"
    facts = built(tables, source, "it returned a frame that Arrow has no types for")
    assert facts[0] == "Conversion failed for column a with type object"


def test_a_file_that_is_no_table(tables):
    """Is named by its path in the project."""
    tables.write("raw/trips.parquet", "no table")
    source = "import pyarrow as pa\ndef run(trips: pa.Table): return trips\n"
    built(tables, source, "`raw/trips.parquet` cannot be read as Parquet")


@pytest.mark.parametrize(
    ("inputs", "parameters", "error", "facts"),
    [
        (
            '["raw/trips.parquet"]',
            "inputs: dict[str, pa.Table]",
            "`work:run` takes `inputs` as tables by name",
            ["hint: this is for `inputs`, which must all have names"],
        ),
        (
            '{ a = "raw/trips.parquet" }',
            "a: dict[str, pa.Table]",
            "`work:run` takes `a` as tables by name",
            ["hint: this is for `inputs`, which must all have names"],
        ),
        (
            '["raw/trips.parquet"]',
            "output: pa.Table",
            "`work:run` takes `output` as `pa.Table`",
            ["hint: take the path, or return the table"],
        ),
    ],
)
def test_what_cannot_be_taken(tables, inputs, parameters, error, facts):
    """Says why."""
    tables.datafile(
        f'[targets.sums]\ninputs = {inputs}\noutput = "build/sums.parquet"\npython = "work:run"\n'
    )
    source = f"from __future__ import annotations\nimport pyarrow as pa\ndef run({parameters}): 1\n"
    assert built(tables, source, error) == facts


DECORATED = """
from __future__ import annotations
import functools
import pyarrow as pa

def passed(function):
    @functools.wraps(function)
    def wrapped(**given):
        return function(**given)
    return wrapped

@passed
def run(trips: pa.Table):
    return trips
"""


def test_a_function_whose_source_does_not_show_it(tables):
    """Gets no table: what is handed over is what counts."""
    error = "`work:run` takes `trips` as `pa.Table`, which its source does not show"
    hint = "hint: name a function that is written in its module, undecorated, with its types"
    assert built(tables, DECORATED, error) == [hint]


def test_no_other_paths(tables):
    """Reach a function that takes tables, but those that it asks for."""
    source = """
import pyarrow as pa

def run(trips: pa.Table, **rest):
    return pa.table({"rest": sorted(rest)})
"""
    assert [row["rest"] for row in built(tables, source)[0]] == ["params", "target"]


def test_a_traceback_starts_in_the_function(tables):
    """Also where what it returns is read later."""
    source = """
import pyarrow as pa

def batches():
    yield pa.record_batch({"a": [1]})
    raise ValueError("no more")

def run(trips: pa.Table):
    return pa.RecordBatchReader.from_batches(pa.schema({"a": pa.int64()}), batches())
"""
    facts = built(tables, source, "ValueError: no more")
    assert facts[0] == "Traceback (most recent call last):"
    assert not any("datamake/" in fact for fact in facts)
    assert any(fact.endswith("in batches") for fact in facts)


def test_modules_of_the_same_names(tables):
    """A project may have a datamake of its own: it sees nothing of this one."""
    tables.write("datamake/__init__.py", "mine = 5\n")
    tables.write("datamake/tables.py", "mine = 6\n")
    source = """
import datamake.tables
import pyarrow as pa

def run(trips: pa.Table):
    import datamake as again
    assert again is datamake and (again.mine, again.tables.mine) == (5, 6)
    return trips
"""
    assert len(built(tables, source)[0]) == 3


def test_nothing_of_datamake_is_in_sight(tables):
    """But where it is installed."""
    source = """
import sys
import pyarrow as pa

def run(trips: pa.Table):
    return pa.table({"seen": [each for each in sys.modules if each.startswith("datamake")]})
"""
    assert built(tables, source)[0] == []


def rewritten(project, **options):
    """The trips in other bytes."""
    path = project.path("raw/trips.parquet")
    table = options.pop("table", None) or pq.read_table(path)
    before = path.read_bytes()
    pq.write_table(table, path, **options)
    assert path.read_bytes() != before


@pytest.mark.parametrize(
    ("parameters", "ran"),
    [
        ("trips: pa.Table", []),
        ("trips: pd.DataFrame | None, zones: Path", []),
        ("inputs: list[pl.LazyFrame]", []),
        ("input: pa.Table, output", []),
        ("trips: ds.Dataset", ["sums"]),
        ("trips: pa.Table, input", ["sums"]),
        ("trips: pa.Table, inputs", ["sums"]),
        ("trips, zones: pa.Table", ["sums"]),
        ("trips", ["sums"]),
        ("zones: pa.Table", ["sums"]),
    ],
)
def test_what_counts(tables, parameters, ran):
    """Of an input that is given as a table alone what it says, else its bytes."""
    source = f"""
from __future__ import annotations
from pathlib import Path
from typing import TYPE_CHECKING
import pyarrow as pa
if TYPE_CHECKING:
    import pandas as pd, polars as pl, pyarrow.dataset as ds

def run({parameters}):
    return pa.table({{"a": pa.nulls(1)}})
"""
    for module in ("pandas", "polars"):
        pytest.importorskip(module)
    built(tables, source)
    rewritten(tables, compression="gzip", row_group_size=1)
    assert tables.build().ran == ran
    table = pq.read_table(tables.path("raw/trips.parquet"))
    rewritten(tables, table=table.set_column(1, "fare", pa.array([1.5, 2, 4])))
    assert tables.build().ran == ["sums"]
    assert tables.build().ran == []


def test_columns(tables):
    """A table has those that its input names, and only they count."""
    tables.datafile("""
        [targets.sums]
        inputs = { trips = { from = "raw/trips.parquet", columns = ["fare"] } }
        output = "build/sums.parquet"
        python = "work:run"
    """)
    source = "import pyarrow as pa\ndef run(trips: pa.Table): return trips\n"
    assert built(tables, source)[1] == {"fare": "double"}
    table = pq.read_table(tables.path("raw/trips.parquet"))
    rewritten(tables, table=table.drop_columns("zone").append_column("n", pa.array([1, 2, 3])))
    assert tables.build().ran == []
    rewritten(tables, table=table.slice(1))
    assert tables.build().ran == ["sums"]


def test_how_a_text_is_read(tables):
    """Is what its input says, and counts."""
    text = """
        [targets.sums]
        inputs = { zones = { from = "raw/zones.csv", null = ["Airport"], schema = { zone = "binary" } } }
        output = "build/sums.parquet"
        python = "work:run"
    """
    tables.datafile(text)
    source = "import pyarrow as pa\ndef run(zones: pa.Table): return zones\n"
    rows, schema = built(tables, source)
    assert rows == [{"zone": b"a", "name": None}, {"zone": b"b", "name": ""}]
    assert schema == {"zone": "binary", "name": "string"}
    tables.datafile(text.replace("Airport", "x"))
    assert tables.build().ran == ["sums"]


def test_another_try(tables):
    """Is not troubled by what the one before it wrote."""
    tables.datafile(TEXT + "retries = 1\nretry_delay = 0\n")
    source = """
import os
from pathlib import Path
import pyarrow as pa

def run(output, trips: pa.Table):
    if not Path("tried").exists():
        Path("tried").touch()
        output.write_text("half")
        os.kill(os.getpid(), 9)
    return trips
"""
    assert len(built(tables, source)[0]) == 3
