"""Targets that a query makes: models, preludes, params, names, messages, limits."""

from __future__ import annotations

import json
import os
import signal
import time

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from stored import parquet
from versions import told_by_duckdb_2

PEOPLE = {"name": ["O'Brien", "x", 'say "x"'], "age": [20, 3, 50]}


def rows(project, path):
    """What a file holds, whatever its format."""
    kind = path.split(".", 1)[1].removesuffix(".gz")
    if kind == "jsonl":
        return [json.loads(line) for line in project.read(path).splitlines()]
    return ds.dataset(project.path(path), format=kind).to_table().to_pylist()


def made(project, sql, more="", **files):
    """The first line, and the rest, of what is said of a target that asks for this."""
    project.datafile(f"""
        [sources.t]
        path = "t.parquet"
        [targets.m]
        sql = '''{sql}'''
        {more}
    """)
    project.write("t.parquet", parquet({"id": [1, 2, 3], "k": ["a", "b", "a"]}))
    for name, text in files.items():
        project.write(f"{name}.sql", text)
    done = project.command("build")
    return done, done.stderr.splitlines()


MODELS = """
[project]
models = ["models/**/*.sql"]
[params]
names = ["O'Brien", "a,b", 'say "x"']
day = 2013-01-02
at = 2013-01-02T03:04:05Z
low = 2.5
minus = -3
no = false
none = []
[sources.people]
path = "people.parquet"
[targets.adult]
description = "People of age"
prelude = ["macros.sql"]
"""
ADULT = """-- {nothing}
select name, twice(age) as age, {params.day} as day, 5 -{params.minus} as m, {params.at} as at
from People
where name in {params.names} and age > {params.low} and not {params.no} and name not in {params.none}
order by name
"""


@pytest.fixture
def models(project):
    project.datafile(MODELS)
    project.write("macros.sql", "create macro twice(x) as x * 2;\n")
    project.write("models/adult.sql", ADULT)
    project.write("models/deep/top.sql", "select max(age) as age from adult")
    project.write("people.parquet", parquet(PEOPLE))
    return project


def test_models(models):
    """Each file is a target of its name; params are literals, and count where they are used."""
    assert models.build().ran == ["adult", "top"]
    found = pq.read_table(models.path("build/adult.parquet"))
    assert str(found.schema.field("at").type) == "timestamp[us, tz=UTC]"
    assert str(found.schema.field("day").type) == "date32[day]"
    assert found.drop_columns(["at", "day"]).to_pylist() == [
        {"name": "O'Brien", "age": 40, "m": 8},
        {"name": 'say "x"', "age": 100, "m": 8},
    ]
    assert models.build().ran == []
    assert models.build(params={"low": 2}).ran == ["adult"]
    assert models.build(params={"low": 30}).ran == ["adult", "top"]


def test_what_does_not_count_of_a_query(models):
    """Layout and comments; what does is its words, and the prelude that it calls."""
    assert models.build().ran == ["adult", "top"]
    models.write("models/adult.sql", ADULT.replace("\n", "\n  -- more\n\n"))
    models.write("macros.sql", "/* doubled */ create macro\ntwice( x ) as x*2\n")
    assert models.build().ran == []
    models.write("macros.sql", "create macro twice(x) as x + x;\n")
    assert models.build().ran == ["adult"]
    models.write("models/adult.sql", ADULT.replace("age > ", "age >= "))
    assert models.build().ran == ["adult"]


def test_a_model_that_goes(models):
    """Takes its target with it; what needs it says so."""
    assert models.build().ok
    models.remove("models/adult.sql")
    done = models.command("build")
    assert done.returncode == 2
    assert "`adult`" in done.stderr


def test_seen_from_outside(models):
    """In `show` with its literals, in `ls`, in `graph`, in selections."""
    assert models.build().ok
    shown = models.command("show", "adult").stdout
    assert "where name in ('O''Brien', 'a,b', 'say \"x\"') and age > 2.5" in shown
    assert "5 -(-3) as m, TIMESTAMPTZ '2013-01-02 03:04:05+00:00' as at" in shown
    assert "People: people.parquet" in shown
    document = json.loads(models.command("show", "adult", "--json").stdout)
    assert (document["kind"], document["params"]["day"]) == ("sql", "2013-01-02")
    assert document["inputs"][0]["columns"] == ["age", "name"]
    listed = json.loads(models.command("ls", "--json").stdout)["targets"]
    assert [(each["name"], each["kind"], each["inputs"]) for each in listed] == [
        ("adult", "sql", ["people.parquet"]),
        ("top", "sql", ["adult"]),
    ]
    assert models.command("graph").stdout == "top\n└─ adult\n   └─ people\n"
    assert set(models.plan("kind:sql")) == {"adult", "top"}


def test_names(project):
    """Of parts, of instances, in another case; each input once, by the name that it has there."""
    project.datafile("""
        [project]
        include = { sales = "sales" }
        [targets.one]
        sql = 'select a.id from sales.clean a join SALES.Clean b using (id)'
        [targets.two]
        sql = 'select count(*) as n from "month[01]"'
        [targets.three]
        inputs = { months = "month[*]", files = "raw/*.csv", T = { from = "raw/a.txt", format = "csv" } }
        sql = 'select (select count(*) from Months) as a, (select sum(id) from files) as b, id from t'
        [targets.month]
        foreach = { month = ["01", "02"] }
        sql = "select {month} as m"
    """)
    project.write("sales/Datafile.toml", "[targets.clean]\nsql = 'select id from here'\n")
    project.write(
        "sales/Datafile.toml",
        project.read("sales/Datafile.toml") + "[sources.here]\npath = 'x.csv'\n",
    )
    project.write("sales/x.csv", "id\n4\n")
    for name, text in {"a.csv": "id\n1\n", "b.csv": "id\n2\n", "a.txt": "id\n7\n"}.items():
        project.write(f"raw/{name}", text)
    assert project.build().errors == {}
    assert project.build().ran == []
    assert rows(project, "build/one.parquet") == [{"id": 4}]
    assert rows(project, "build/two.parquet") == [{"n": 1}]
    assert rows(project, "build/three.parquet") == [{"a": 2, "b": 3, "id": 7}]
    listed = json.loads(project.command("ls", "one", "--json").stdout)["targets"]
    assert listed[0]["inputs"] == ["sales.clean"]


@told_by_duckdb_2
@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("select * from tt", ["the query reads `tt`, which is no source or target", "hint: did you mean `t`?"]),
        (
            "select * from 'raw/x.csv'",
            [
                "the query reads `raw/x.csv`, which is no source or target",
                'hint: a path can be an input: `inputs = { NAME = "raw/x.csv" }`',
            ],
        ),
        (
            "select * from other",
            [
                "the query reads `other`, which is no source or target",
                'hint: a path can be an input: `inputs = { other = "raw/other.csv" }`',
            ],
        ),
        ("select * from m", ["targets need each other in a circle: m -> m"]),
        (
            "select * from read_csv('t.csv')",
            [
                "`read_csv()` reads what is no input",
                "1 | select * from read_csv('t.csv')",
                "  |               ^^^^^^^^^^^^^^^^^",
                "hint: declare it as a source, and name that in the query",
            ],
        ),
        (
            "select getenv('HOME') as h",
            [
                "`getenv()` depends on the session",
                "1 | select getenv('HOME') as h",
                "  |        ^^^^^^^^^^^^^^",
                "hint: a query sees its inputs and params alone",
            ],
        ),
        (
            "select now() as n",
            [
                "`now()` is another time at each run",
                "1 | select now() as n",
                "  |        ^^^^^",
                "hint: take it from a param, as `{params.today}`, and give it with `--set today=...`",
            ],
        ),
        (
            "select random() as n",
            [
                "`random()` is left to chance",
                "1 | select random() as n",
                "  |        ^^^^^^^^",
                "hint: take it from a column, as `hash(id)` does",
            ],
        ),
        (
            "copy t to 'x.csv'",
            [
                "`COPY` is no query",
                "1 | copy t to 'x.csv'",
                "  | ^^^^",
                "hint: a query begins with SELECT, FROM, WITH, VALUES or PIVOT, and changes nothing",
            ],
        ),
        ("nope.sql", ["`nope.sql` is not there"]),
    ],
)  # fmt: skip
def test_mistakes_that_need_no_data(project, sql, said):
    """Are told before anything runs, with their place."""
    done, lines = made(project, sql)
    assert done.returncode == 2
    assert lines[0].partition(": ")[2] == said[0]
    assert [line.removeprefix("  ") for line in lines[1:]] == said[1:]
    assert project.files("build/*") == []


@told_by_duckdb_2
def test_a_mistake_in_a_file(project):
    """Names it, and shows its line."""
    done, lines = made(project, "q.sql", q="-- all\nselect id,\n  now()\nfrom t\n")
    assert done.returncode == 2
    assert lines == [
        "q.sql: `now()` is another time at each run",
        "  3 |   now()",
        "    |   ^^^^^",
        "  hint: take it from a param, as `{params.today}`, and give it with `--set today=...`",
    ]


def test_what_the_format_of_the_output_cannot_hold(project):
    """Is told with the output as it is declared."""
    done, _ = made(project, "select id, [id] as many from t", 'output = "build/m.csv"')
    assert done.returncode == 1
    assert done.stderr.partition(" s  ")[2].splitlines()[:2] == [
        "`build/m.csv`: CSV cannot hold the column `many`",
        "  it is `list<int64>`",
    ]


def test_a_spreadsheet_as_output(project):
    """Is none of the formats; CSV is, which it opens."""
    done, lines = made(project, "from t", 'output = "build/m.XLSX"')
    assert (done.returncode, lines[0].partition(": ")[2], lines[1]) == (
        2,
        "the output `build/m.XLSX` is not a table by its ending",
        "  hint: write CSV: a spreadsheet opens it",
    )


def test_a_mistake_in_a_prelude(project):
    """Names the file that it is in, wherever the query is; found at once or with the tables."""
    made(project, "select f(id) as n from t", "prelude = ['p.sql', 'o.sql']", o="", p="")
    project.write("p.sql", "-- f\ncreate macro f(x) as (x;")
    done = project.command("build")
    assert (done.returncode, done.stderr.splitlines()[:2]) == (
        2,
        ["p.sql: syntax error at or near `x`", "  2 | create macro f(x) as (x;"],
    )
    project.write("p.sql", "-- f\ncreate macro f(x) as g(x);")
    done = project.command("build")
    assert done.stderr.partition(" s  ")[2].splitlines()[:2] == [
        "`p.sql`: there is no function `g`",
        "  2 | create macro f(x) as g(x);",
    ]
    project.write("p.sql", "create macro f(x) as x;")
    project.command("build")
    project.write("o.sql", "create macro g(x) as x;")
    why = project.command("why", "m").stdout
    assert why.splitlines()[:2] == ["m: run", "  command-changed: prelude o.sql"]


def test_a_value_that_a_query_cannot_take(project):
    """Is found when it runs, and names the file as well."""
    done, _ = made(project, "q.sql", q="select k::int as k from t\n")
    assert done.returncode == 1
    assert done.stderr.partition(" s  ")[2].splitlines()[:2] == [
        "`q.sql`: could not convert string 'a' to INT32 when casting from source column k",
        "  1 | select k::int as k from t",
    ]


@pytest.mark.parametrize("column", ["idd", "t.idd", "x.idd"])
def test_a_column_that_is_not_there(project, column):
    """Is found when the tables are known; what was there stays."""
    assert made(project, "q.sql", q="select id from t")[0].returncode == 0
    before = project.path("build/m.parquet").read_bytes()
    project.write("q.sql", f"select\n  {column}\nfrom t, (select id from t) x\n")
    done = project.command("build")
    assert done.returncode == 1
    assert done.stderr.partition(" s  ")[2].splitlines()[:4] == [
        "`q.sql`: there is no column `idd`",
        f"  2 |   {column}",
        f"    |   {'^' * len(column)}",
        "  hint: did you mean `id`?",
    ]
    assert project.path("build/m.parquet").read_bytes() == before


@pytest.mark.parametrize("ending", ["parquet", "arrow", "orc", "csv", "csv.gz", "tsv", "jsonl"])
def test_formats_of_the_output(project, ending):
    """By its ending; the bytes are the same with one thread and with four."""
    project.datafile(f"""
        [sources]
        t = {{ path = "t.parquet" }}
        [targets.one]
        sql = "select k, sum(n) as n, count(*) as c from t group by k"
        output = "build/one.{ending}"
        cpus = 1
        [targets.four]
        sql = "select k, sum(n) as n, count(*) as c from t group by k -- more"
        output = "build/four.{ending}"
        cpus = 4
    """)
    numbers = list(range(20_000))
    table = {"k": [f"k{n * 7919 % 101}" for n in numbers], "n": numbers}
    project.write("t.parquet", parquet(table, row_group_size=1000))
    assert sorted(project.build(cache="off").ran) == ["four", "one"]
    one, four = (project.path(f"build/{name}.{ending}").read_bytes() for name in ("one", "four"))
    assert one == four
    if ending in ("parquet", "arrow", "orc", "csv", "jsonl"):
        found = rows(project, f"build/one.{ending}")
        assert len(found) == 101
        assert found[0]["k"] == "k0"
        assert sum(each["n"] for each in found) == sum(numbers)


def blocked(project, *modules):
    """An environment in which these modules are not installed."""
    text = f"import sys\nsys.modules.update(dict.fromkeys({modules!r}))\n"
    project.write("site/sitecustomize.py", text)
    path = os.pathsep.join([str(project.path("site")), project.environment["PYTHONPATH"]])
    return {"PYTHONPATH": path}


def test_without_duckdb(models):
    """Nothing runs, and the message says what to install; what is up to date does not need it."""
    done = models.cli("build", env=blocked(models, "duckdb"))
    assert (done.returncode, models.files("build/*")) == (4, [])
    first, *more = done.stderr.splitlines()
    assert first == "error: this needs DuckDB"
    assert more[0].startswith("  to see which tables the query of `")
    assert more[1:] == ["  hint: install it: `pip install 'datamake[sql]'`"]
    assert models.build().ok
    again = models.cli("build", env=blocked(models, "duckdb"))
    assert (again.returncode, "up to date" in again.stderr) == (0, True), again.stderr


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("duckdb", "  this needs DuckDB\n  hint: install it: `pip install 'datamake[sql]'`\n"),
        ("pyarrow", "error: the package `pyarrow` cannot be imported\n"),
    ],
)
def test_what_is_missing_while_it_runs(project, module, said):
    """Is a fault of the environment as well."""
    project.datafile("""
        [targets.t]
        inputs = ["t.csv"]
        standardize = { columns = { a = "int64" }, filter = "a > 1" }
    """)
    project.write("t.csv", "a\n1\n2\n")
    done = project.cli("build", env=blocked(project, module))
    assert (done.returncode, said in done.stderr) == (4, True), done.stderr


def test_a_query_that_takes_too_long(project):
    """Ends, and leaves what was there."""
    sql = (
        "select count(*) as n from range(10000000) a, range(10000000) b where a.range + b.range < 0"
    )
    done, lines = made(project, sql, "timeout = '200ms'")
    assert done.returncode == 1
    assert lines[0].endswith("took longer than 0.2 s")
    assert project.files("build/*") == []


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_query_that_is_interrupted(project, name):
    """Ends at once; nothing is left of it."""
    sql = (
        "select count(*) as n from range(10000000) a, range(10000000) b where a.range + b.range < 0"
    )
    project.datafile(f"[targets.m]\nsql = '{sql}'\n")
    process = project.start("build", "--events", "events.jsonl")
    try:
        while not project.exists("events.jsonl") or '"m"' not in project.read("events.jsonl"):
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(0.2)
        process.send_signal(getattr(signal, name))
        process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == {"SIGINT": 130, "SIGTERM": 143}[name]
    assert project.files("build/*") == []
    assert project.files(".datamake/tmp/*") == []


def test_a_query_for_each_value_of_foreach(project):
    """The path of a query may have foreach variables; a prelude may be a default of all."""
    project.datafile("""
        [defaults]
        prelude = ["macros.sql"]
        [sources.t]
        path = "t.csv"
        [targets.views]
        foreach = { view = ["one", "two"] }
        sql = "queries/{view}.sql"
        [targets.told]
        run = "echo told"
    """)
    project.write("t.csv", "a\n1\n2\n")
    project.write("macros.sql", "create macro doubled(x) as 2 * x;")
    project.write("queries/one.sql", "select doubled(a) as a from t")
    project.write("queries/two.sql", "select count(*) as n, {view} as v from t")
    project.build()
    assert rows(project, "build/views/one.parquet") == [{"a": 2}, {"a": 4}]
    assert rows(project, "build/views/two.parquet") == [{"n": 2, "v": "two"}]
    project.write("queries/two.sql", "select count(*) + 1 as n, {view} as v from t -- one more")
    assert project.build("views").ran == ["views[two]"]
    assert project.build("views").ran == []


def test_instances_and_folders(project):
    """One's own instance, all of them, those that are found while it builds, folders as columns."""
    project.datafile("""
        [targets.clean]
        foreach = { month = ["01", "02"] }
        inputs = ["raw/{month}.csv"]
        standardize = { columns = { id = "int64" } }
        checks = [{ unique = ["id"] }]
        [targets.per]
        foreach = { month = ["01", "02"] }
        inputs = { c = "clean[{month}]" }
        sql = "select id, {month} as m from c"
        [targets.sums]
        sql = "select m, month, sum(id) as s from per group by all"
        [targets.parts]
        inputs = { t = "parts/" }
        sql = "select k, count(*) as n from t group by k"
        [targets.maybe]
        inputs = { t = "parts/", u = { from = "none.csv", optional = true } }
        sql = "select count(*) as n from t"
        [targets.split]
        inputs = ["names.txt"]
        output = "split/"
        run = "for i in $(cat {input}); do (echo id; echo 1) > {output}/$i.csv; done"
        [targets.each]
        foreach = "split/{x}.csv"
        inputs = { t = "split/{x}.csv" }
        sql = "select id from t"
        [targets.top]
        sql = "select x, count(*) as n from each group by x"
    """)
    project.write("names.txt", "a b")
    project.write("raw/01.csv", "id\n1\n")
    project.write("raw/02.csv", "id\n2\n")
    project.write("parts/k=x/1.parquet", parquet({"id": [1, 2]}))
    project.write("parts/k=y/1.parquet", parquet({"id": [3]}))
    assert project.build().errors == {}
    assert project.build().ran == []
    assert rows(project, "build/sums.parquet") == [
        {"m": "01", "month": "01", "s": 1},
        {"m": "02", "month": "02", "s": 2},
    ]
    assert rows(project, "build/parts.parquet") == [{"k": "x", "n": 2}, {"k": "y", "n": 1}]
    assert rows(project, "build/top.parquet") == [{"x": "a", "n": 1}, {"x": "b", "n": 1}]
    project.write("raw/02.csv", "id\n3\n")
    project.write("parts/k=y/1.parquet", parquet({"id": [4]}))
    project.write("names.txt", "a b c")
    ran = {"clean[02]", "per[02]", "sums", "split", "each[c]", "top"}
    built = project.build()
    assert {
        name for name, status in built.statuses.items() if status in ("built", "restored")
    } == ran
    project.write("parts/k=z/1.parquet", parquet({"id": [4]}))
    assert project.build().ran == ["parts", "maybe"]
