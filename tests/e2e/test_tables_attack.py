"""What could make a table be read that was not counted, or a target look up to date that is not."""

from __future__ import annotations

import io
import signal
import sqlite3
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import datamake.insights

AS_IT_IS = """
import pyarrow, pyarrow.dataset

def table(t: pyarrow.Table) -> pyarrow.Table:
    return t

def dataset(t: pyarrow.dataset.Dataset) -> pyarrow.Table:
    return t.to_table()
"""


def parquet(**columns):
    """Bytes of a table."""
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def rows(project, path):
    return pq.read_table(project.path(path)).to_pydict()


def test_another_database_is_asked_again(project):
    """Even if it gives the same version."""
    pytest.importorskip("adbc_driver_sqlite")
    for name, number in (("a", 1), ("b", 2)):
        connection = sqlite3.connect(project.path(f"{name}.db"))
        connection.executescript(f"CREATE TABLE t (n INTEGER); INSERT INTO t VALUES ({number})")
        connection.close()
    said = '[targets.q]\nquery = { uri = "sqlite:a.db", sql = "SELECT n FROM t", version = "SELECT 1" }'
    project.datafile(said)
    assert project.build().ran == ["q"]
    project.datafile(said.replace("a.db", "b.db"))
    assert project.build().ran == ["q"]
    assert rows(project, "build/q.parquet") == {"n": [2]}


def test_what_a_source_says_of_texts_means_nothing_in_parquet(project):
    """So it need not count there."""
    said = '[sources.s]\npath = "s.parquet"\nnull = ["NA"]\n[targets.t]\ninputs = ["s"]\n'
    project.datafile(said + 'standardize.columns = { x = "string" }')
    project.write("s.parquet", parquet(x=["1", "NA"]))
    assert project.build().ran == ["t"]
    assert rows(project, "build/t.parquet") == {"x": ["1", "NA"]}


def test_no_text_means_null_is_not_what_is_meant_without_a_word(project):
    """By default the empty text does."""
    said = '[sources.s]\npath = "s.csv"\n[targets.t]\nsql = "select x from s"\n'
    project.datafile(said)
    project.write("s.csv", "x\n\n1\na\n")
    project.build()
    assert rows(project, "build/t.parquet") == {"x": ["1", "a", None]}
    project.datafile(said.replace('s.csv"\n', 's.csv"\nnull = []\n'))
    assert project.build().ran == ["t"]
    assert rows(project, "build/t.parquet") == {"x": ["", "1", "a"]}


MAKERS = """
    [targets.{0}]
    output = "data/{0}.csv"
    run = "printf 'x\\n{0}\\n' > {{output}}"
"""


@pytest.mark.parametrize("function", ["table", "dataset"])
def test_a_function_is_given_no_file_of_a_folder_that_does_not_count(project, function):
    """As one that no target makes any more."""
    reader = f'[targets.py]\ninputs = {{ t = "data/" }}\npython = "m:{function}"\n'
    project.write("m.py", AS_IT_IS)
    project.datafile(MAKERS.format("a") + MAKERS.format("b") + reader)
    project.build()
    assert rows(project, "build/py.parquet") == {"x": ["a", "b"]}
    project.datafile(MAKERS.format("a") + reader)
    assert project.build().ran == ["py"]
    assert rows(project, "build/py.parquet") == {"x": ["a"]}


def test_folders_of_keys_are_the_same_columns_to_all(project):
    """They stand over columns of the files; notes of other programs are not read, nor do they count."""
    project.write("m.py", AS_IT_IS)
    project.datafile("""
        [sources.s]
        path = "data/"
        [targets.named]
        sql = "select k from s"
        [targets.query]
        sql = "select * from s"
        [targets.standard]
        inputs = ["s"]
        standardize.columns = { x = "int64" }
        [targets.function]
        inputs = { t = "s" }
        python = "m:table"
    """)
    project.write("data/k=__HIVE_DEFAULT_PARTITION__/a.parquet", parquet(x=[1], k=["real"]))
    project.write("data/k=a%20b/a.parquet", parquet(x=[2]))
    project.write("data/_SUCCESS")
    assert project.build().ok
    for name in ("query", "standard", "function"):
        found = rows(project, f"build/{name}.parquet")
        assert sorted(zip(found["x"], found["k"], strict=True)) == [(1, None), (2, "a b")]
    assert sorted(rows(project, "build/named.parquet")["k"], key=str) == [None, "a b"]
    assert (
        project.command("sql", "--format", "csv", "select count(k) as n from s").stdout
        == '"n"\n1\n'
    )
    project.write("data/.a.crc", "1")
    project.write("data/_SUCCESS", "1")
    assert project.build().ran == []
    project.path("data/k=a%20b").rename(project.path("data/k=c"))
    assert project.build().ran == ["named", "query", "standard", "function"]


def test_variables_of_foreach_are_seen_beside_the_columns_that_count(project):
    """Whatever other columns the files have."""
    project.datafile("""
        [targets.made]
        foreach = { m = ["1", "2"] }
        sql = "select 1 as a, 2 as b"
        [targets.named]
        inputs = [{ from = "made[*]", columns = ["a"] }]
        sql = "select m, a from made order by m"
        [targets.all]
        inputs = [{ from = "made[*]", columns = ["a"] }]
        sql = "from made"
    """)
    assert project.build().ok
    assert rows(project, "build/named.parquet") == {"m": ["1", "2"], "a": [1, 1]}
    assert rows(project, "build/all.parquet") == {"a": [1, 1], "m": ["1", "2"]}


def test_what_a_file_holds_that_changes_meanwhile_is_not_remembered(project, monkeypatch):
    """It is that of another content than the one that was digested."""
    project.datafile('[sources.s]\npath = "s.parquet"\n[targets.t]\nsql = "select x from s"')
    project.write("s.parquet", parquet(x=[1]))
    look = datamake.insights._held

    def late(*given):
        project.write("s.parquet", parquet(x=[2]))
        return look(*given)

    monkeypatch.setattr(datamake.insights, "_held", late)
    assert project.build().errors == {"t": "`s.parquet` changed while it was looked at"}
    monkeypatch.setattr(datamake.insights, "_held", look)
    assert project.build().ran == ["t"]
    project.write("s.parquet", parquet(x=[1]))
    project.build()
    assert rows(project, "build/t.parquet") == {"x": [1]}


def test_checks_that_passed_for_one_format_are_not_those_of_another(project):
    """The same bytes are another table."""
    said = """
        [targets.one]
        output = "one.csv"
        run = "printf 'a,b\\\\n1\\\\t2,3\\\\n' > {output}"
        checks = [{ unique = ["a"] }]
        [targets.two]
        output = "two.tsv"
        run = "printf 'a,b\\\\n1\\\\t2,3\\\\n' > {output}"
    """
    project.datafile(said)
    assert project.build().ran == ["one", "two"]
    project.datafile(said + '    checks = [{ unique = ["a"] }]')
    assert list(project.build().errors) == ["two"]


def test_how_what_checks_refer_to_is_read_counts(project):
    """As it says what there is to refer to."""
    said = """
        [sources.codes]
        path = "codes.csv"
        null = []
        [targets.t]
        sql = "select 'NA' as code"
        checks = [{ references = { code = "codes.code" } }]
    """
    project.datafile(said)
    project.write("codes.csv", "code\nNA\n")
    assert project.build().ok
    project.datafile(said.replace("[]", '["NA"]'))
    assert list(project.build().errors) == ["t"]


def test_notes_in_folders_are_no_part_of_a_source(project):
    """Nor of what its checks refer to."""
    project.datafile("""
        [sources.s]
        path = "data/"
        checks = [{ rows = { min = 1 } }]
        [targets.t]
        sql = "select 1 as x"
        checks = [{ references = { x = "s.x" } }]
    """)
    project.write("data/a.parquet", parquet(x=[1]))
    project.write("data/_SUCCESS")
    project.write("data/_notes/b.csv", "y\n1\n")
    assert project.build().ok


@pytest.mark.parametrize("name", ["temp", "system", "pg_catalog"])
def test_parts_with_names_that_sql_has_for_itself(project, name):
    """Their tables need another name."""
    project.write("part/Datafile.toml", '[targets.t]\nsql = "select 1 as a"')
    project.datafile(f"""
        [project]
        include = {{ {name} = "part" }}
        [targets.one]
        sql = "select * from {name}.t"
    """)
    assert project.build().errors == {"one": f"SQL has no place for a table `{name}.t`"}
    assert f'inputs = {{ NAME = "{name}.t" }}' in project.command("build").stderr


@pytest.mark.parametrize(
    "key", ['sql = "made/a.sql"', 'sql = "select 1"\nprelude = ["made/a.sql"]']
)
def test_a_query_is_not_what_a_target_writes(project, key):
    """It is known before anything runs."""
    project.write("made/a.sql", "create macro f(x) as x" if "prelude" in key else "select 1 as a")
    writer = '[targets.w]\noutput = "made/"\nrun = "echo select 1 > {output}/a.sql"\n'
    project.datafile(f"{writer}[targets.t]\n{key}")
    said = project.command("build")
    assert said.returncode == 2
    assert "`made/a.sql`, the query of `t`, is written by `w`" in said.stderr


@pytest.mark.parametrize(
    ("prelude", "query", "error"),
    [
        ("create macro f(", "select f()", "a macro needs `(parameters) AS`, and what it means"),
        (
            "create macro f(a, b := now()) as b",
            "select f(1)",
            "`now()` is another time at each run",
        ),
        (
            "create macro f(a := 1) as a, (b, c := [now()]) as c",
            "select f(2)",
            "`now()` is another time at each run",
        ),
        (
            "create macro duckdb_settings() as 1",
            "from duckdb_settings()",
            "`duckdb_settings()` reads what is no input",
        ),
        (
            "create macro f(x) as now(); create macro f(x) as table select 1",
            "select f(1)",
            "`f` is a macro for a table, and one for a value",
        ),
    ],
)
def test_nothing_hides_in_macros(project, prelude, query, error):
    """Not in what a parameter is without a word, nor behind another kind of macro."""
    project.write("m.sql", prelude)
    project.datafile(f'[targets.t]\nprelude = ["m.sql"]\nsql = "{query}"')
    said = project.command("build")
    assert said.returncode == 2
    assert error in said.stderr


@pytest.mark.parametrize(
    "text",
    [
        "",
        "table-1 \N{SUPERSCRIPT TWO}\na\tb\tc",
        "{}",
        "[1]",
        '{"s": 5}',
        '["checked-1", [{"name": "n", "kind": "rows", "severity": "error", "violations": "x"}]]',
        "x" * 999,
        "[" * 99_999,
        "a\0of no type",
        "a\0" + "list<" * 9_999 + "int8" + ">" * 9_999,
        "table-1 1\na\tof no type\tc",
        f"table-1 {10**30}\na\tint64\tc",
        f"table-1 {'1' * 5000}\na\tint64\tc",
    ],
)
def test_facts_that_are_none(project, text):
    """Are found out anew."""
    project.datafile("""
        [sources.s]
        path = "s.parquet"
        checks = [{ volume = "30%" }]
        [sources.csv]
        path = "s.csv"
        [targets.t]
        sql = "select s.a from s join csv on s.a = csv.a"
        checks = [{ unique = ["a"] }]
    """)
    project.write("s.parquet", parquet(a=[1]))
    project.write("s.csv", "a\n1\n")
    assert project.build().ok
    shown = project.command("show", "csv", "--data").stdout
    connection = sqlite3.connect(project.path(".datamake/state.sqlite"))
    with connection:
        assert connection.execute("UPDATE facts SET text = ?", (text,)).rowcount > 6
    connection.close()
    project.touch("s.parquet")
    assert project.build().statuses == {"t": "up-to-date"}
    assert project.command("check").returncode == 0
    assert project.command("why", "t").returncode == 0
    assert project.command("show", "csv", "--data").stdout == shown


def test_the_age_of_a_column_is_that_of_how_it_is_read(project):
    """Other types, another time."""
    said = """
        [sources.s]
        path = "s.csv"
        null = ["2999-01-01"]
        freshness = { column = "day", error_after = "1d" }
        [targets.t]
        sql = "select * from s"
    """
    project.datafile(said)
    project.write("s.csv", "day\n2013-01-01\n2999-01-01\n")
    assert list(project.build().errors) == ["t"]
    project.datafile(said.replace('["2999-01-01"]', '[""]'))
    assert project.build().ran == ["t"]


@pytest.mark.parametrize("column", ["x", "y[1]", "z.a"])
def test_what_is_no_number_counts_in_all_threads(project, column):
    """What a Parquet file says of its least and greatest values leaves it out."""
    nan = float("nan")
    queries = (f"count(*) as n from s where {column} > 5", f"max({column}) = 'nan' as n from s")
    project.datafile(
        '[sources.s]\npath = "s.parquet"\n'
        + "".join(
            f'[targets.q{at}_{cpus}]\nsql = "select {query}"\ncpus = {cpus}\n'
            for at, query in enumerate(queries)
            for cpus in (1, 2)
        )
    )
    values = [1.0, nan, *[3.0] * 1000]
    project.write(
        "s.parquet",
        parquet(x=values, y=[[each] for each in values], z=[{"a": each} for each in values]),
    )
    project.build(jobs=2)
    found = [rows(project, f"build/{name}.parquet")["n"] for name in ("q0_1", "q0_2")]
    assert found == [[1], [1]]
    assert [rows(project, f"build/q1_{cpus}.parquet")["n"] for cpus in (1, 2)] == [[True], [True]]


def test_checks_refer_to_nothing_that_is_disabled(project):
    """That is told before anything runs."""
    project.datafile("""
        [targets.t]
        sql = "select 1 as x"
        checks = [{ references = { x = "off.x" } }]
        [targets.off]
        enabled = false
        sql = "select 1 as x"
    """)
    said = project.command("build")
    assert said.returncode == 2
    assert "`references(x)` refers to `off`, which is disabled" in said.stderr


def test_a_schema_may_have_what_folders_say(project):
    """Of texts, too."""
    project.datafile("""
        [targets.t]
        output = "out/"
        run = "mkdir {output}/k=1; printf 'x\\\\n1\\\\n' > {output}/k=1/a.csv"
        schema = { x = "int64", k = "string" }
        checks = [{ accepted = { k = ["1"] } }]
    """)
    assert project.build().ran == ["t"]


@pytest.mark.parametrize("end", ["\N{NO-BREAK SPACE}", "\\\\ ", "\\r"])
def test_blanks_that_are_words_count(project, end):
    """A shell takes some of them for one."""
    project.datafile("[targets.t]\noutput = 't'\nrun = 'echo > {output} 1'")
    project.build()
    project.datafile(f'[targets.t]\noutput = "t"\nrun = "echo > {{output}} 1 {end}"')
    assert project.build().ran == ["t"]


def test_blanks_that_are_names_count(project):
    """DuckDB takes some of them for one."""
    project.datafile('[targets.t]\nsql = "select 10"')
    project.build()
    project.datafile('[targets.t]\nsql = "select 10 \N{NO-BREAK SPACE}"')
    assert project.build().errors == {"t": "syntax error at or near `\N{NO-BREAK SPACE}`"}


@pytest.mark.parametrize("first", ["", '[targets.first]\noutput = "first"\nrun = "touch first"\n'])
def test_a_database_that_does_not_say_its_version(project, first):
    """Is waited for no longer than until Ctrl-C, or the second one where others have run."""
    pytest.importorskip("adbc_driver_sqlite")
    sqlite3.connect(project.path("a.db")).close()
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT count(*) FROM n"
    project.datafile(f"""
        {first}
        [targets.q]
        query = {{ uri = "sqlite:a.db", sql = "SELECT 1 AS a", version = "{endless}" }}
    """)
    with project.start("build") as process:
        time.sleep(1.5)
        for _ in range(2):
            process.send_signal(signal.SIGINT)
            time.sleep(1.1)
        process.communicate(timeout=20)
    assert process.returncode == (-signal.SIGINT if first else 130)
