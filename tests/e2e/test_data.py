"""Seeing data: tables of targets and sources, from Python and by `show --data`; reproduce by table."""

from __future__ import annotations

import json
from tempfile import gettempdir

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from stored import parquet

import datamake
from datamake.data import answer
from datamake.tables import TableError
from datamake.tables.guessing import TextGuess


@pytest.fixture
def tables(project):
    """A project with tables."""
    for rows in (2, 3, 30):
        columns = {"n": list(range(rows)), "name": [None] + ["x"] * (rows - 1)}
        project.write(f"kept/{rows}.parquet", parquet(columns))
    project.write("raw/a.csv", "id,fare\n1,2.5\n2,\n")
    project.write("raw/b.csv", "id,fare\n3,4\n")
    project.datafile("""
[sources.raw]
path = "raw/*.csv"
[targets.made]
foreach = [{ n = 2 }, { n = 3 }]
output = "made/{n}.parquet"
run = "cp kept/{n}.parquet {output}"
[targets.one]
output = "one.parquet"
run = "cp kept/30.parquet {output}"
[targets.text]
output = "text.txt"
run = "echo hello > {output}"
""")
    assert project.build().ok
    project.opened = datamake.load(str(project.root))
    yield project
    project.opened.close()


def test_tables_of_targets_and_sources(tables):
    """One output, all instances of a foreach target by column name, a source with its types."""
    assert tables.opened.table("one").num_rows == 30
    assert tables.opened.table("made").column("n").to_pylist() == [0, 1, 0, 1, 2]
    assert tables.opened.table("made[3]").num_rows == 3
    raw = tables.opened.table("raw")
    assert raw.schema == pa.schema({"id": pa.int64(), "fare": pa.float64()})
    assert raw.column("fare").to_pylist() == [2.5, None, 4.0]


def test_types_of_texts_are_found_out_once(tables, monkeypatch):
    """For each content of all their files, whoever asks: queries of a build, by hand, from Python."""
    looks = []
    look = TextGuess.look
    monkeypatch.setattr(TextGuess, "look", lambda *given: looks.append(1) or look(*given))

    def looked():
        found = len(looks)
        looks.clear()
        return found

    def asked(opened):
        with opened.duckdb() as made:
            return made.execute("select sum(fare), sum(id) from raw").fetchone()

    with datamake.load(str(tables.root)) as opened:
        assert asked(opened) == (6.5, 6)
        assert looked() == 4
        assert asked(opened) == (6.5, 6)
        assert opened.table("raw").num_rows == 3
        assert looked() == 0
        tables.write("raw/b.csv", "id,fare\n3,4\n5.5,1\n")
        assert asked(opened) == (7.5, 11.5)
        assert looked() == 4
    tables.write("one.csv", "a\n1\n")
    tables.datafile("""
        [sources.one]
        path = "one.csv"
        [targets.two]
        sql = "from one"
    """)
    assert tables.build().ran == ["two"]
    assert looked() == 1
    with datamake.load(str(tables.root)) as opened:
        assert opened.table("one").to_pylist() == [{"a": 1}]
        with answer(opened.space, "select a, 1 as two from one") as rows:
            assert rows.read_all().to_pylist() == [{"a": 1, "two": 1}]
    assert looked() == 0


def test_a_dataset_reads_what_it_is_asked_for(tables):
    """Of Parquet as of CSV."""
    assert tables.opened.dataset("made").count_rows() == 5
    assert tables.opened.dataset("raw").schema.names == ["id", "fare"]


def test_what_is_no_table(tables):
    """By its ending, by its name, by not being there."""
    with pytest.raises(TableError, match="is not a table by its ending"):
        tables.opened.table("text")
    with pytest.raises(datamake.UsageError, match="nothing"):
        tables.opened.table("nothing")
    tables.remove("one.parquet")
    with pytest.raises(datamake.UsageError) as caught:
        datamake.load(str(tables.root)).table("one")
    assert str(caught.value) == (
        "`one.parquet` is not there\n  hint: `datamake build 'one'` makes it"
    )


def test_show_data(tables):
    """Rows, a line for each column, the first rows; as JSON too."""
    shown = tables.command("show", "one", "--data").stdout.splitlines()
    assert shown[:4] == [
        "one: 30 rows",
        "",
        "n     int64   0 nulls  0 … 29",
        "name  string  1 null   x … x",
    ]
    assert shown[5:9] == ["the first 10 of 30 rows", "n  name", "0  null", "1  x"]
    assert len(shown) == 17
    document = json.loads(tables.command("show", "raw", "--data", "--json").stdout)
    assert document["rows"] == 3
    assert document["columns"][1] == {
        "name": "fare",
        "type": "float64",
        "nulls": 1,
        "min": "2.5",
        "max": "4.0",
    }
    assert document["first"] == [["1", "2.5"], ["2", None], ["3", "4.0"]]


def test_show_data_of_columns_without_an_order(project):
    """All null, or a struct: no least value. Null is no empty text; booleans are as in JSON and SQL."""
    rows = {
        "b": [True, False, None],
        "none": [None] * 3,
        "s": [{"x": 1}, None, None],
        "t": ["", None, "x"],
    }
    project.write("n.parquet", parquet(rows))
    project.datafile('[sources.n]\npath = "n.parquet"\n')
    assert project.command("show", "n", "--data").stdout.splitlines() == [
        "n: 3 rows",
        "",
        "b     bool              1 null   false … true",
        "none  null              3 nulls",
        "s     struct<x: int64>  2 nulls",
        "t     string            1 null    … x",
        "",
        "b      none  s         t",
        "true   null  {'x': 1}",
        "false  null  null      null",
        "null   null  null      x",
    ]
    pytest.importorskip("duckdb")
    asked = project.command("sql", "select b, t, 1 as t from n").stdout
    assert asked == "b      t     t\ntrue         1\nfalse  null  1\nnull   x     1\n\n3 rows\n"


def test_remote_data(bucket, project):
    """What is at a URL is read as a table, and no copy stays."""
    bucket.put("a.csv", b"id\n1\n")
    project.datafile(f'[project]\n{bucket.storage}\n[sources.a]\npath = "{bucket.url}a.csv"\n')
    with datamake.load(str(project.root)) as opened:
        assert opened.table("a").to_pylist() == [{"id": 1}]
    assert project.files(".datamake/remote/*") == []


def test_reproduce_by_table(tables):
    """Other bytes may hold the same table, which is said and is no failure."""
    table = pq.read_table(tables.path("one.parquet"))
    pq.write_table(table, tables.path("one.parquet"), compression="zstd", row_group_size=7)
    with datamake.load(str(tables.root)) as opened:
        from datamake.acceptance import accept

        accept(opened, ["one"])
    done = tables.command("reproduce", "one")
    assert done.returncode == 0
    assert done.stdout.startswith(
        "one: the same tables, in other bytes\n  same table  one.parquet\n"
    )
    pq.write_table(table.slice(1), tables.path("one.parquet"))
    with datamake.load(str(tables.root)) as opened:
        accept(opened, ["one"])
    done = tables.command("reproduce", "one")
    assert done.returncode == 1
    assert done.stdout.startswith("one: different\n  different   one.parquet\n")


@pytest.mark.parametrize(
    ("then", "told"),
    [
        ("a,b\n2,y\n1,x\n", ["Rows: 2; the same in another order"]),
        (
            "a,b\n1,x\n3,y\n",
            [
                "Rows: 2; 1 added, 1 removed",
                "Statistics",
                "  column        before  after",
                "  a       max   2       3",
                "  a       mean  1.5     2",
                "Rows added",
                "  a  b",
                "  3  y",
                "Rows removed",
                "  a  b",
                "  2  y",
            ],
        ),
        ("a,b\n1\n", []),
    ],
)
def test_how_a_table_is_reproduced(project, tmp_path, then, told):
    """Where it is another, what differs is told as `diff` does; of what is no table anymore nothing."""
    pytest.importorskip("duckdb")
    source = tmp_path / "a.csv"
    source.write_text("a,b\n1,x\n2,y\n")
    project.datafile(f'[targets.a]\noutput = "b.csv"\nrun = "cp {source} {{output}}"\n')
    assert project.build().ok
    source.write_text(then)
    shown = project.command("reproduce", "a").stdout.splitlines()
    assert shown[:2] == ["a: different", "  different   b.csv"]
    assert shown[4:] == [f"    {line}" for line in told]
    (output,) = json.loads(project.command("reproduce", "a", "--json").stdout)["outputs"]
    assert (output["table"] is None) is not told


def test_which_tables_there_are(tables):
    """By SHOW TABLES, and where a query names one that is none; of what has not been built nothing."""
    tables.write(
        "Datafile.toml",
        tables.read("Datafile.toml")
        + """
[sources.far]
path = "https://localhost:1/far.csv"
[targets.later]
output = "later.csv"
run = "echo n > {output}"
""",
    )
    names = ["raw", "far", "made", "made[2]", "made[3]", "one"]
    done = tables.cli("sql", "show tables")
    assert done.stdout.split() == ["name", *names, "6", "rows"]
    described = tables.cli("sql", "show one").stdout.splitlines()
    assert [line.split()[0] for line in described[1:3]] == ["n", "name"]
    shown = ", ".join(f"`{name}`" for name in names)
    assert tables.cli("sql", "from two").stderr == (
        f"error: there is no table `two`\n  1 | from two\n    |      ^^^\n  there is {shown}\n"
    )
    assert tables.cli("sql", "from latre").stderr.endswith("  hint: did you mean `later`?\n")
    assert tables.cli("sql", "from mode").stderr.endswith("  hint: did you mean `made`?\n")


def test_what_does_not_fit_into_memory_goes_to_datamake_s_own_folder(project):
    """And not to where the question is asked, nor to a folder that is only there for that."""
    pytest.importorskip("duckdb")
    project.write("a.csv", "a\n1\n")
    project.datafile('[sources.a]\npath = "a.csv"')
    asked = "select current_setting('temp_directory') as place, a.* from a"
    done = project.cli("sql", "--format", "csv", asked)
    assert (done.stdout, project.exists(".datamake")) == (
        f'"place","a"\n"{gettempdir()}",1\n',
        False,
    )
    project.build()
    done = project.cli("sql", "--format", "csv", asked)
    assert done.stdout == f'"place","a"\n"{project.path(".datamake/tmp")}",1\n'
