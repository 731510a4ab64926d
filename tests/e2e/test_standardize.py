"""Targets that `standardize`: rows in quarantine, what counts, what a column more changes."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import datamake

TRIPS = """
[targets.trips]
foreach = {{ month = ["01", "02"] }}
inputs = ["raw/{{month}}.csv"]
[targets.trips.standardize]
{}
columns = {{ month = {{ value = "{{month}}" }}, id = "int8 not null" }}

[targets.bad]
inputs = [{{ from = "trips", output = "rejects" }}]
output = "bad.txt"
run = "wc -w {{inputs}} > {{output}}"
"""


def table(path, **options):
    """Bytes of a Parquet file."""
    out = io.BytesIO()
    pq.write_table(path, out, **options)
    return out.getvalue()


def trips(project, options):
    project.datafile(TRIPS.format(options))
    project.write("raw/01.csv", "id,b\n1,x\nq,y\n")
    project.write("raw/02.csv", "id,b\n2,x\n")


def test_what_is_told_of_rows_that_are_left_out(project):
    """The first five in quarantine, on one line each, and how many the other keys took."""
    project.datafile("""
        [targets.t]
        inputs = ["a.csv"]
        [targets.t.standardize]
        columns = { id = "int8 not null", k = "string" }
        on_error = "quarantine"
        drop_duplicates = ["k"]
        FILTER
    """)
    wrong = ['"x\n1",a', ",a", "1,a,b", *["y,a"] * 3]
    project.write("a.csv", "\n".join(["id,k", "1,a", *wrong, "2,a", "3,b"]) + "\n")
    declared = project.read("Datafile.toml")
    quarantine = [
        "t: 6 of 9 rows are in quarantine: build/rejects/t.parquet",
        "t:   `a.csv`: row 2, column `id`: `x\N{REPLACEMENT CHARACTER}1` is not of the type `int8`",
        "t:   `a.csv`: row 3, column `id` is null",
        "t:   `a.csv`: row 4 has 3 values, where there are 2 columns: 1,a,b",
        "t:   `a.csv`: row 5, column `id`: `y` is not of the type `int8`",
        "t:   `a.csv`: row 6, column `id`: `y` is not of the type `int8`",
    ]
    project.datafile(declared.replace("FILTER", ""))
    last = "t: 1 of 3 rows was left out by `drop_duplicates`"
    assert project.build().notices.splitlines() == [*quarantine, last]
    project.datafile(declared.replace("FILTER", "filter = 'id > 1'"))
    last = "t: 1 of 3 rows was left out by `filter` and `drop_duplicates`"
    assert project.build().notices.splitlines() == [*quarantine, last]
    project.datafile(declared.replace("FILTER", "filter = 'id > 0'").replace('["k"]', "false"))
    assert project.build().notices.splitlines() == quarantine


def test_quarantine_is_a_table_by_its_name(project):
    """Of all instances of a target; beside the target itself, in SQL and in Python."""
    trips(project, "on_error = 'quarantine'\nothers = 'drop'")
    assert project.build().ok
    asked = """
        select "row", value, (select count(*) from trips) as n from trips.rejects
    """
    assert project.command("sql", asked, "--format", "csv").stdout == '"row","value","n"\n2,"q",2\n'
    listed = project.command("sql", "show tables", "--format", "csv").stdout.splitlines()
    assert '"trips.rejects"' in listed
    assert project.command("show", "trips.rejects", "--data").stdout.startswith(
        "trips.rejects: 1 row\n"
    )
    with datamake.load(str(project.root)) as opened:
        assert opened.table("trips[01].rejects").column("value").to_pylist() == ["q"]
        with opened.duckdb() as made:
            assert made.sql("select value from trips.rejects").fetchall() == [("q",)]
        with pytest.raises(datamake.UsageError) as caught:
            opened.table("trips.rejected")
    assert str(caught.value) == "`trips` has no output named `rejected`"


def test_rows_in_quarantine(project):
    """They go to a file by instance, which is an output by name, restored like any other."""
    trips(project, "on_error = 'quarantine'\nothers = 'drop'")
    built = project.build()
    assert built.ran == ["trips[01]", "trips[02]", "bad"]
    assert built.notices.splitlines() == [
        "trips[01]: 1 of 2 rows is in quarantine: build/rejects/trips/01.parquet",
        "trips[01]:   `raw/01.csv`: row 2, column `id`: `q` is not of the type `int8`",
    ]
    assert pq.read_table(project.path("build/trips/01.parquet")).to_pylist() == [
        {"month": "01", "id": 1}
    ]
    assert pq.read_table(project.path("build/rejects/trips/01.parquet")).to_pylist() == [
        {
            "source_file": "raw/01.csv",
            "row": 2,
            "column": "id",
            "value": "q",
            "reason": "is not of the type `int8`",
        }
    ]
    assert pq.read_metadata(project.path("build/rejects/trips/02.parquet")).num_rows == 0
    project.remove("build")
    assert project.build().restored == ["trips[01]", "trips[02]"]
    assert project.exists("build/rejects/trips/01.parquet")


def test_a_wrong_row_fails_the_target(project):
    """With its place; the table that was there stays."""
    trips(project, "others = 'drop'")
    project.datafile(TRIPS.format("others = 'drop'").split("[targets.bad]")[0])
    project.write("raw/01.csv", "id\n1\n")
    assert project.build().ok
    before = project.path("build/trips/01.parquet").read_bytes()
    project.write("raw/01.csv", "id\n1\nq\n")
    assert project.build().errors == {
        "trips[01]": "`raw/01.csv`: row 2, column `id`: `q` is not of the type `int8`"
    }
    assert project.path("build/trips/01.parquet").read_bytes() == before


def test_mistakes_are_told_at_once(project):
    """All of them, where they stand, before anything runs."""
    project.datafile(
        """
        [targets.a]
        inputs = ["a.csv"]
        [targets.a.standardize]
        others = "kep"
        columns = { x = "int46", y = { type = "int8", tz = "UTC" } }
        """
    )
    done = project.command("build")
    assert done.returncode == 2
    assert done.stderr.splitlines()[:2] == [
        (
            "Datafile.toml:6:1: `standardize.others` must be `keep`, `drop` or `fail`, "
            "not the string `kep`"
        ),
        (
            "Datafile.toml:7:13: `standardize.columns.x`: `int46` is not a type; "
            "did you mean `int64`?"
        ),
    ]


@pytest.mark.parametrize("change", ["recompressed", "in other row groups", "with other metadata"])
def test_the_same_table_in_other_bytes_runs_nothing(project, change):
    project.datafile(
        """
        [targets.a]
        inputs = ["a.parquet"]
        [targets.a.standardize.columns]
        x = "int8"
        """
    )
    found = pa.table({"x": list(range(100)), "y": ["a"] * 100})
    project.write("a.parquet", table(found))
    assert project.build().ran == ["a"]
    options = {"compression": "zstd"} if change == "recompressed" else {"row_group_size": 7}
    found = found.replace_schema_metadata({"a": "b"}) if "metadata" in change else found
    project.write("a.parquet", table(found, **options))
    assert project.build().ran == []
    project.write("a.parquet", table(found.slice(1), **options))
    assert project.build().ran == ["a"]


def test_columns_that_are_dropped_do_not_count(project):
    """With `others = "drop"` a change to them runs nothing; kept, they are part of the table."""
    datafile = """
        [targets.a]
        inputs = ["a.parquet"]
        [targets.a.standardize]
        others = "{}"
        columns = {{ x = "int8" }}
        """
    project.datafile(datafile.format("drop"))
    project.write("a.parquet", table(pa.table({"x": [1], "y": [1]})))
    assert project.build().ran == ["a"]
    project.write("a.parquet", table(pa.table({"x": [1], "y": [2], "z": [3]})))
    assert project.build().ran == []
    project.datafile(datafile.format("keep"))
    assert project.build().ran == ["a"]
    project.write("a.parquet", table(pa.table({"x": [1], "y": [3], "z": [3]})))
    assert project.build().ran == ["a"]


def test_all_rows_in_quarantine_are_an_error(project):
    """Nothing is published; the most frequent reasons are told."""
    project.datafile("""
        [targets.t]
        inputs = ["t.csv"]
        [targets.t.standardize]
        on_error = "quarantine"
        columns = { id = "int64", at = "date" }
    """)
    project.write("t.csv", "id,at\n1,5.1.2024\n2,6.1.2024\n,x\nx,2024-01-01\n")
    done = project.command("build")
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[0].endswith("all 4 rows are wrong")
    assert lines[1:3] == [
        "  `at` is not of the type `date`: 3, as `5.1.2024`",
        "  `id` is not of the type `int64`: 1, as `x`",
    ]
    assert project.files("build/*.parquet") == []
