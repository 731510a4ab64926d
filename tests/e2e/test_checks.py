"""Schemas and checks: before anything is published, by content, again where they have changed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import datetime, timezone

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from stored import parquet

COPIED = """
[targets.a]
inputs = ["t.parquet"]
output = "a.parquet"
copy = true
{}
[targets.b]
inputs = ["a"]
output = "b.txt"
run = "wc -c < {{input}} > {{output}}"
"""
NOT_NULL = "checks = [{ not_null = ['id'] }]"
WARNED = "checks = [{ not_null = ['id'], severity = 'warn' }]"


@pytest.fixture
def copied(project):
    """A table that is checked, and what is made of it."""

    def declared(checks):
        project.datafile(COPIED.format(checks))

    def given(table):
        project.write("t.parquet", parquet(table))

    project.declared, project.given = declared, given
    declared(NOT_NULL)
    given({"id": [1, 2]})
    return project


def ids(project, path="a.parquet"):
    return pq.read_table(project.path(path))["id"].to_pylist()


def test_what_fails_is_not_published(copied):
    """The good one stays, the candidate is kept, what needs it waits."""
    assert copied.build().ran == ["a", "b"]
    copied.given({"id": [1, None, 3]})
    built = copied.build()
    assert built.statuses == {"a": "failed", "b": "blocked"}
    assert ids(copied) == [1, 2]
    assert ids(copied, ".datamake/failed/a/a.parquet") == [1, None, 3]
    copied.given({"id": [1, 3]})
    assert copied.build().ran == ["a", "b"]
    assert ids(copied) == [1, 3]
    assert copied.build().ran == []


def test_what_is_said(copied):
    """The check, how many rows of how many, the first of them; in JSON, too."""
    copied.given({"id": [1, None, 3], "k": ["x", "y", "z"]})
    done = copied.command("build")
    assert done.returncode == 1
    assert done.stderr.splitlines()[1:3] == ["  `not_null(id)`: 1 of 3 rows", "    id: null, k: y"]
    document = json.loads(copied.command("build", "--json").stdout)
    assert document["targets"][0]["checks"] == [
        {
            "name": "not_null(id)",
            "kind": "not_null",
            "severity": "error",
            "violations": 1,
            "rows": 3,
            "sample": [{"id": None, "k": "y"}],
        }
    ]


def test_what_fails_is_told_before_what_only_warns(copied):
    """Which is marked, wherever both are told: as it fails, afterwards, by hand."""
    copied.declared("checks = [{ rows = { min = 9 }, severity = 'warn' }, { not_null = ['id'] }]")
    copied.given({"id": [1, None]})
    said = ["  `not_null(id)`: 1 of 2 rows", "    id: null", "  warning: `rows`: rows: 2, min: 9"]
    assert copied.command("build").stderr.splitlines()[1:4] == said
    assert copied.command("log", "--failed", "a").stdout.splitlines()[1:4] == said
    copied.declared("")
    assert copied.build().ok
    copied.declared("checks = [{ rows = { min = 9 }, severity = 'warn' }, { not_null = ['id'] }]")
    assert copied.command("check").stdout.splitlines()[1:4] == said


def test_what_blocked_a_target_is_named_by_its_log(copied):
    """As long as the last run did not come to it otherwise: a target, or a source."""
    copied.given({"id": [1, None]})
    assert copied.build().statuses == {"a": "failed", "b": "blocked"}
    done = copied.command("log", "--failed", "b")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "error: `b` has no log of a failure",
        "  it was blocked by what failed: `a`",
        "  hint: `datamake log --failed 'a'`",
    ]
    assert (
        copied.command("log", "b").stderr.splitlines()[1] == "  it was blocked by what failed: `a`"
    )
    copied.given({"id": [1]})
    assert copied.build().ok
    assert copied.command("log", "--failed", "b").stderr == "error: `b` has no log of a failure\n"
    text = copied.read("Datafile.toml").replace(NOT_NULL, "")
    copied.datafile(f"""{text}
[sources.s]
path = "t.parquet"
{NOT_NULL}
""")
    copied.given({"id": [None]})
    assert copied.build().statuses["a"] == "blocked"
    assert "it was blocked by what failed: `s`" in copied.command("log", "--failed", "b").stderr
    copied.given({"id": [2]})
    assert copied.build().ran == ["a", "b"]
    assert copied.command("log", "--failed", "b").stderr == "error: `b` has no log of a failure\n"


def test_a_warning_is_told_and_passes(copied):
    """At the build that makes it, and not again."""
    copied.declared(WARNED)
    copied.given({"id": [1, None]})
    built = copied.build()
    assert built.ran == ["a", "b"]
    assert built.notices.splitlines() == [
        "a: warning: `not_null(id)`: 1 of 2 rows",
        "a:   id: null",
    ]
    again = copied.build()
    assert (again.ran, again.notices) == ([], "")


def test_a_warning_is_told_of_what_comes_from_the_cache(copied):
    """If it is restored; what is as it was, or need not be there, says nothing."""
    copied.declared(WARNED)
    copied.given({"id": [1, None]})
    told = copied.build().notices
    copied.given({"id": [1, 2]})
    assert copied.build().notices == ""
    copied.given({"id": [1, None]})
    built = copied.build()
    assert (built.restored, built.notices) == (["a", "b"], told)
    assert built.result.targets[0].checks[0].violations == 1
    copied.remove("a.parquet")
    built = copied.build()
    assert (built.restored, built.notices) == (["a"], told)
    copied.given({"id": [1, 2]})
    assert copied.build().notices == ""
    copied.given({"id": [1, None]})
    copied.remove("a.parquet")
    built = copied.build("b")
    assert built.statuses == {"a": "up-to-date", "b": "restored"}
    assert built.notices == ""


def test_other_checks_run_nothing(copied):
    """What is there is checked: if it passes, that is all there is to it."""
    copied.declared("")
    assert copied.build().ran == ["a", "b"]
    for checks in (NOT_NULL, NOT_NULL + "\nschema = { id = 'int64' }", WARNED):
        copied.declared(checks)
        assert copied.plan() == {"a": "check", "b": "up-to-date"}
        built = copied.build()
        assert built.statuses == {"a": "up-to-date", "b": "up-to-date"}
        assert set(built.codes["a"]) == {"check-changed"}
        assert copied.plan() == {"a": "up-to-date", "b": "up-to-date"}
    copied.declared(NOT_NULL)
    assert copied.plan() == {"a": "up-to-date", "b": "up-to-date"}


def test_what_is_another_of_checks(copied):
    """Each with what it was and is, also what is checked no more."""
    copied.declared("checks = [{ rows = { min = 1 } }, { not_null = ['id'] }]")
    assert copied.command("build", "-n", "a").stdout.splitlines()[0] == "run  a  never-built"
    assert copied.build().ok
    copied.declared("checks = [{ rows = { min = 2 } }, { unique = ['id'] }]")
    assert copied.command("why", "a").stdout.splitlines()[1:] == [
        '  check-changed: check `rows`: rows {"min": 1} → rows {"min": 2}',
        '    - rows {"min": 1}',
        '    + rows {"min": 2}',
        "  check-changed: check `unique(id)` added",
        "    - (none)",
        '    + unique ["id"]',
        "  check-changed: check `not_null(id)` removed",
        '    - not_null ["id"]',
        "    + (none)",
    ]
    assert copied.build().statuses["a"] == "up-to-date"
    copied.declared("checks = [{ rows = { min = 2 } }, { unique = ['id'], severity = 'warn' }]")
    why = json.loads(copied.command("why", "a", "--json").stdout)
    assert why["reasons"] == [
        {
            "code": "check-changed",
            "detail": 'check `unique(id)`: unique ["id"] → unique ["id"] warn',
            "subject": "unique(id)",
            "old": 'unique ["id"]',
            "new": 'unique ["id"] warn',
        }
    ]


def test_a_plan_says_of_a_source_why_it_is_checked(project):
    """Because it never was, or is another, or what is checked is."""
    text = """
        [sources.s]
        path = "s.parquet"
        checks = [{ rows = { min = 1 } }]
        [targets.t]
        inputs = ["s"]
        output = "t.parquet"
        copy = true
    """
    project.datafile(text)
    project.write("s.parquet", parquet({"id": [1]}))

    def said():
        return project.command("build", "-n").stdout.splitlines()[0].split("check-changed: ")[1]

    assert said() == "not checked yet"
    assert project.build().ok
    project.write("s.parquet", parquet({"id": [1, 2]}))
    assert said() == "not checked as it is now"
    project.datafile(text.replace("min = 1", "min = 9"))
    assert said() == 'check `rows`: rows {"min": 1} → rows {"min": 9}'
    assert not project.build().ok
    assert said() == "a check failed"


def test_other_checks_that_fail(copied):
    """Fail the target, whose output stays; what needs it is blocked until it passes."""
    copied.declared(WARNED)
    copied.given({"id": [1, None]})
    assert copied.build().ran == ["a", "b"]
    copied.declared(NOT_NULL)
    for _ in range(2):
        built = copied.build()
        assert built.statuses == {"a": "failed", "b": "blocked"}
        assert ids(copied) == [1, None]
    assert copied.command("why", "a").stdout == "a: check\n  check-changed: a check failed\n"
    copied.declared(WARNED)
    assert copied.build().statuses == {"a": "up-to-date", "b": "up-to-date"}
    copied.declared("")
    assert copied.build().statuses == {"a": "up-to-date", "b": "up-to-date"}


def checked(project, monkeypatch):
    """The tables that are checked from now on, by their numbers of rows."""
    from datamake.tables import checks

    verify, found = checks.verify, []

    def counted(table, *rest):
        found.append(
            sum(batch.num_rows for part in table.parts for batch in table.part_batches(part, set()))
        )
        return verify(table, *rest)

    monkeypatch.setattr(checks, "verify", counted)
    return found


def test_one_content_is_checked_once(copied, monkeypatch):
    """Also when it comes back."""
    seen = checked(copied, monkeypatch)
    assert copied.build().ran == ["a", "b"]
    copied.given({"id": [1, 2, 3]})
    assert copied.build().ran == ["a", "b"]
    assert seen == [2, 3]
    copied.given({"id": [1, 2]})
    assert copied.build().restored == ["a", "b"]
    assert seen == [2, 3]


def test_what_is_restored_is_checked_first(copied):
    """Where it was recorded with other checks: what fails is not published."""
    copied.declared("")
    copied.given({"id": [1, None]})
    assert copied.build().ok
    copied.remove("a.parquet")
    copied.declared("schema = { id = 'int64' }")
    assert copied.build().restored == ["a"]
    copied.remove("a.parquet")
    copied.declared(NOT_NULL)
    built = copied.build()
    assert built.statuses == {"a": "failed", "b": "blocked"}
    assert built.errors["a"] == "a check failed"
    assert not copied.exists("a.parquet")
    assert ids(copied, ".datamake/failed/a/a.parquet") == [1, None]
    assert copied.build("b").statuses == {"a": "failed", "b": "blocked"}


def test_a_table_like_one_of_the_same_build(project):
    """Is restored from it, and checked by its own checks."""
    same = """
        inputs = ["t.parquet"]
        standardize = { columns = { id = "int64" } }
    """
    project.datafile(f"""
        [targets.one]
        {same}
        [targets.two]
        {same}
        checks = [{{ unique = ["id"] }}, {{ references = {{ id = "one.id" }} }}]
    """)
    project.write("t.parquet", parquet({"id": [1, 2]}))
    assert project.build().statuses == {"one": "built", "two": "restored"}
    project.write("t.parquet", parquet({"id": [1, 1]}))
    assert project.build().statuses == {"one": "built", "two": "failed"}
    assert ids(project, "build/two.parquet") == [1, 2]


REFERENCES = """
[sources.users]
path = "users.parquet"
{}
[targets.orders]
inputs = ["orders.parquet"]
output = "build/orders.parquet"
copy = true
checks = [{{ references = {{ user = "users.id" }} }}, {{ references = {{ kind = "kinds.kind" }} }}]
[targets.kinds]
inputs = ["kinds.parquet"]
output = "build/kinds.parquet"
copy = true
"""


@pytest.fixture
def orders(project):
    project.datafile(REFERENCES.format(""))
    project.write("users.parquet", parquet({"id": [1, 2], "n": [1, 2]}))
    project.write("orders.parquet", parquet({"user": [1, 2, None], "kind": ["a", "b", "b"]}))
    project.write("kinds.parquet", parquet({"kind": ["a", "b"]}))
    return project


def test_what_is_referred_to_comes_first(orders):
    """And is part of what is built; a change of it checks again, and runs nothing."""
    assert orders.build("orders").ran == ["kinds", "orders"]
    assert orders.build().ran == []
    orders.write("users.parquet", parquet({"id": [2, 1], "n": [0, 0]}))
    assert orders.plan() == {"orders": "check", "kinds": "up-to-date"}
    assert orders.build().codes["orders"] == ["check-changed"]
    orders.write("users.parquet", parquet({"id": [2, 1], "n": [9, 9]}, compression="gzip"))
    assert orders.plan() == {"orders": "up-to-date", "kinds": "up-to-date"}
    orders.write("kinds.parquet", parquet({"kind": ["a"]}))
    assert orders.plan() == {"kinds": "run", "orders": "maybe"}
    built = orders.build()
    assert built.statuses == {"kinds": "built", "orders": "failed"}
    assert built.errors["orders"] == "a check failed"
    orders.write("kinds.parquet", parquet({"kind": ["c", "b", "a"]}))
    assert orders.build().statuses == {"kinds": "built", "orders": "up-to-date"}


def test_a_source_that_is_referred_to(orders):
    """Is checked before; what refers to it waits."""
    orders.datafile(REFERENCES.format('checks = [{ unique = ["id"] }]'))
    assert orders.build().ran == ["kinds", "orders"]
    orders.write("users.parquet", parquet({"id": [1, 1, 2], "n": [0, 0, 0]}))
    built = orders.build(keep_going=True)
    assert built.statuses == {"users": "failed", "kinds": "up-to-date", "orders": "blocked"}
    orders.remove("users.parquet")
    done = orders.command("build")
    assert done.returncode == 2
    assert done.stderr.splitlines()[:2] == [
        "Datafile.toml:4:1: input `users.parquet` does not exist, and no target makes it",
        "  needed by `orders`",
    ]


def test_a_table_that_refers_to_itself(project):
    """Its own column, of a target and of a source."""
    project.datafile("""
        [sources.people]
        path = "people.parquet"
        checks = [{ references = { boss = "people.id" } }]
        [targets.staff]
        inputs = ["people"]
        output = "build/staff.parquet"
        copy = true
        checks = [{ references = { boss = "staff.id" } }]
    """)
    project.write("people.parquet", parquet({"id": [1, 2], "boss": [None, 1]}))
    assert project.build().ran == ["staff"]
    assert project.build().ran == []
    project.write("people.parquet", parquet({"id": [1, 2], "boss": [None, 3]}))
    assert project.build().statuses == {"people": "failed", "staff": "blocked"}


@pytest.mark.parametrize(
    ("datafile", "circle"),
    [
        (
            """
            [sources.a]
            path = "t.parquet"
            checks = [{ references = { x = "b.x" } }]
            [sources.b]
            path = "t.parquet"
            checks = [{ references = { x = "a.x" } }]
            [targets.t]
            inputs = ["a"]
            output = "build/t.parquet"
            copy = true
            """,
            "sources need each other in a circle: a -> b -> a",
        ),
        (
            """
            [targets.t]
            inputs = ["t.parquet"]
            output = "build/t.parquet"
            copy = true
            checks = [{ references = { x = "u.x" } }]
            [targets.u]
            inputs = ["t"]
            output = "build/u.parquet"
            copy = true
            """,
            "targets need each other in a circle: t -> u -> t",
        ),
    ],
)
def test_circles(project, datafile, circle):
    """Of what checks refer to are none like others, and say so."""
    project.datafile(datafile)
    project.write("t.parquet", parquet({"x": [1]}))
    done = project.command("build")
    assert done.returncode == 2
    assert circle in done.stderr
    assert "  hint: what checks refer to by `references` comes first\n" in done.stderr


def test_sources(project, monkeypatch):
    """Are checked before they are used, each content once."""
    seen = checked(project, monkeypatch)
    project.datafile("""
        [sources.raw]
        path = "raw/*.csv"
        schema = { id = "int64" }
        checks = [{ unique = ["id"] }]
        [targets.n]
        inputs = ["raw"]
        output = "n.txt"
        run = "cat {inputs} | wc -l > {output}"
        [targets.other]
        output = "other.txt"
        run = "echo > {output}"
    """)
    project.write("raw/a.csv", "id\n1\n")
    project.write("raw/b.csv", "id\n2\n")
    assert project.build().ran == ["n", "other"]
    assert (project.build().ran, seen) == ([], [2])
    project.write("raw/b.csv", "id\n1\n")
    built = project.build(keep_going=True)
    assert built.statuses == {"raw": "failed", "other": "up-to-date", "n": "blocked"}
    assert project.build("other").ok
    project.write("raw/b.csv", "id\nx\n")
    assert project.build().statuses["raw"] == "failed"
    project.write("raw/b.csv", "id\n2\n")
    assert project.build().ok
    assert len(seen) == 3


def test_a_remote_source_is_downloaded_once(bucket, project):
    """To be checked and used; unchanged, it is only asked about; a new check brings it again."""
    text = """
        [project]
        STORAGE
        [sources.raw]
        path = "URLraw.parquet"
        checks = [CHECKS]
        [targets.n]
        inputs = { raw = "raw" }
        sql = "select count(*) as n from raw"
    """
    text = text.replace("STORAGE", bucket.storage.replace("\n", "\n" + " " * 8)).replace(
        "URL", bucket.url
    )
    project.datafile(text.replace("CHECKS", "{ not_null = ['id'] }"))
    bucket.put("raw.parquet", parquet({"id": [1, 2]}))
    assert project.build().ran == ["n"]
    bucket.proxy.forget()
    assert project.build().ran == []
    assert bucket.proxy.bodies == []
    project.datafile(text.replace("CHECKS", "{ unique = ['id'] }"))
    assert project.build().ran == []
    project.datafile(text.replace("CHECKS", "{ not_null = ['id'] }"))
    bucket.proxy.forget()
    assert project.build().ran == []
    assert bucket.proxy.bodies == []
    bucket.put("raw.parquet", parquet({"id": [1, None]}))
    assert project.build().statuses == {"raw": "failed", "n": "blocked"}
    bucket.proxy.forget()
    assert project.build().statuses == {"raw": "failed", "n": "blocked"}
    assert bucket.proxy.bodies == []


@pytest.mark.parametrize(
    ("path", "rows", "error"),
    [
        ("t.csv", "id,n\n1,2\nx,3\n", "`{}`: row 2, column `id`: `x` is not of the type `int64`"),
        ("t.csv", "id,n\n1,2\n1,3,4\n", "`{}`: row 2 has 3 values, where there are 2 columns"),
        (
            "t.jsonl",
            '{"id": 1, "n": 2}\n{"id": "x", "n": 3}\n',
            "`{}`: row 2, column `id`: changed from number to string",
        ),
    ],
)
def test_values_of_a_text_are_of_its_schema(project, path, rows, error):
    """That of a source and of a target, also where no check asks for them."""
    ending = path.partition(".")[2]
    project.datafile(f"""
        [sources.raw]
        path = "{path}"
        schema = {{ id = "int64", n = "int64" }}
        [targets.reader]
        inputs = ["raw"]
        output = "reader.txt"
        run = "cat {{input}} > {{output}}"
        [targets.made]
        inputs = ["other.{ending}"]
        output = "made.{ending}"
        copy = true
        schema = {{ id = "int64", n = "int64" }}
    """)
    project.write(path, rows)
    project.write(f"other.{ending}", rows)
    built = project.build(keep_going=True)
    assert built.errors == {"raw": error.format(path), "made": error.format(f"made.{ending}")}
    assert error.format(path) in project.cli("check", "raw").stdout


@pytest.mark.parametrize(
    ("select", "checked"),
    [
        ("+b", ["raw", "users", "old", "a", "b"]),
        ("1+b", ["old", "a", "b"]),
        ("+a", ["raw", "users", "a"]),
        ("raw", ["raw"]),
        ("raw+", ["raw", "a", "b"]),
        ("old+", ["old", "b"]),
    ],
)
def test_what_is_above_and_below(project, select, checked):
    """Of a selection there are sources too, also those that only `references` or `freshness` name."""
    project.datafile("""
        [sources.raw]
        path = "raw.csv"
        checks = [{ rows = { min = 1 } }]
        [sources.users]
        path = "users.csv"
        schema = { id = "int64" }
        [sources.old]
        path = "old.csv"
        freshness = { warn_after = "1d" }
        [sources.plain]
        path = "plain.csv"
        [targets.a]
        inputs = ["raw"]
        output = "a.csv"
        copy = true
        checks = [{ references = { id = "users.id" } }]
        [targets.b]
        inputs = { a = "a", old = "old", plain = "plain" }
        output = "b.csv"
        run = "cp {inputs.a} {output}"
        schema = { id = "int64" }
    """)
    for name in ("raw", "users", "old", "plain"):
        project.write(f"{name}.csv", "id\n1\n")
    assert project.build().ok
    document = json.loads(project.cli("check", select, "--json").stdout)
    assert [each["name"] for each in document["checked"]] == checked


def test_time_and_history(project):
    """`fresh` and `volume` are judged where something is made, and at every `check`."""
    project.datafile("""
        [targets.a]
        inputs = ["t.parquet"]
        output = "a.parquet"
        copy = true
        checks = [{ fresh = { at = "1d" } }, { volume = "30%" }]
    """)

    def given(rows, age):
        at = pa.array([int((time.time() - age) * 1e6)] * rows, pa.timestamp("us", "UTC"))
        project.write("t.parquet", parquet({"at": at}))

    given(10, 60)
    assert project.build().ran == ["a"]
    assert project.build().ran == []
    assert project.command("check").returncode == 0
    given(5, 60)
    assert project.build().errors == {"a": "a check failed"}
    given(10, 3 * 86400)
    assert project.build().errors == {"a": "a check failed"}
    given(11, 60)
    assert project.build().ran == ["a"]
    assert project.build().ran == []


def test_freshness_of_a_source(project):
    """By the time of its file, or by a column: too old it has failed, sooner it warns."""
    text = """
        [sources.raw]
        path = "raw.parquet"
        freshness = { error_after = "2d", warn_after = "1d"MORE }
        [targets.n]
        inputs = ["raw"]
        output = "n.txt"
        run = "wc -c < {input} > {output}"
    """
    project.datafile(text.replace("MORE", ""))
    now = time.time()
    times = pa.array([int((now - 1.5 * 86400) * 1e6)], pa.timestamp("us", "UTC"))
    project.write("raw.parquet", parquet({"at": times}))
    assert project.build().ran == ["n"]
    os.utime(project.path("raw.parquet"), (now - 3 * 86400,) * 2)
    assert project.build("n").statuses["n"] in ("failed", "blocked")
    assert project.command("check").returncode == 1
    project.datafile(text.replace("MORE", ", column = 'at'"))
    built = project.build()
    assert built.statuses == {"n": "up-to-date"}, built
    done = project.command("check")
    assert done.returncode == 0
    assert "raw" in done.stdout


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "id,at\n1,never\n",
            "source `raw`: `raw.csv`: row 1, column `at`: `never` is not of the type `timestamp[us, UTC]`",
        ),
        ("id\n1\n", "source `raw`: `raw.csv` has no column `at`"),
        ("id,at\n", "source `raw` has no times in `at`"),
    ],
)
def test_a_source_without_times(project, content, said):
    """Has failed; what does not need it is built."""
    project.datafile("""
        [sources.raw]
        path = "raw.csv"
        schema = { id = "int64", at = "timestamp[us, UTC]" }
        freshness = { error_after = "2d", column = "at" }
        [targets.a]
        inputs = ["raw"]
        output = "a.csv"
        copy = true
        [targets.b]
        output = "b.txt"
        run = "echo > {output}"
    """)
    project.write("raw.csv", content)
    built = project.build(keep_going=True)
    assert built.statuses == {"raw": "failed", "b": "built", "a": "blocked"}
    assert built.errors == {"raw": said}


def test_the_command(orders):
    """Checks what is there, by name; exit status 1 where something is wrong, 2 where nothing is asked."""
    orders.datafile(REFERENCES.format('checks = [{ unique = ["id"] }]'))
    done = orders.command("check", "orders")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "failed orders",
        "  `kinds`, which checks refer to, was never built",
    ]
    assert orders.build().ok
    assert orders.command("check").stdout == "passed users  1 check\npassed orders  2 checks\n"
    orders.write("users.parquet", parquet({"id": [1, 1], "n": [0, 0]}))
    done = orders.command("check", "--json")
    assert done.returncode == 1
    document = json.loads(done.stdout)
    assert [(each["name"], each["ok"], len(each["checks"])) for each in document["checked"]] == [
        ("users", False, 1),
        ("orders", False, 2),
    ]
    assert orders.command("check", "kinds").returncode == 2
    assert orders.command("check", "nope").returncode == 2


LONG = "from {} p, range(100000) q, range(100000) r where p.id + q.range + r.range < 0"


def test_a_check_that_takes_too_long(copied):
    """Is ended like any other work of its target."""
    copied.declared(
        f"checks = [{{ sql = 'select 1 as n {LONG.format('this')}' }}]\ntimeout = '200ms'"
    )
    assert copied.build().errors == {"a": "took longer than 0.2 s"}
    assert not copied.exists("a.parquet")


READY = """
import sys
import duckdb, pyarrow, datamake.data, datamake.tables.adhoc
from datamake.__main__ import main
print("ready", flush=True)
sys.exit(main())
"""


@pytest.mark.parametrize("command", ["check", "sql", "build"])
def test_ctrl_c(copied, command):
    """Ends whatever is asked of tables, and leaves nothing behind."""
    copied.declared("")
    copied.given({"id": list(range(1000))})
    assert copied.build().ok
    copied.declared(f"checks = [{{ sql = 'select 1 as n {LONG.format('this')}' }}]")
    query = ["select count(*) as n " + LONG.format("a")] if command == "sql" else []
    process = subprocess.Popen(
        [sys.executable, "-c", READY, command, *query],
        cwd=copied.root,
        env=copied.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == "ready\n"
        while command != "sql" and not copied.files(".datamake/tmp/*"):
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=20)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130, said
    assert copied.files(".datamake/tmp/*") == []


def test_a_source_that_is_not_fresh_any_more(project):
    """Fails who reads it in a build, although its content is as it was."""
    project.datafile("""
        [sources.s]
        path = "s.parquet"
        checks = [{ fresh = { at = "2d" } }]
        [targets.a]
        sql = "select count(*) as n from s"
    """)
    today = datetime.now(timezone.utc).replace(tzinfo=None)
    project.write("s.parquet", parquet({"at": [today]}))
    assert project.build().ran == ["a"]
    assert project.build().ok
    project.later(3 * 86400)
    late = project.build()
    assert late.statuses == {"s": "failed", "a": "blocked"}
    assert late.errors["s"].startswith("source `s`: the newest of `at` is of 3")


def test_a_source_that_is_old_is_told_once(project):
    """In each build that reads it, also only by what checks refer to; with its other checks."""
    datafile = """
        [sources.s]
        path = "s.parquet"
        checks = [CHECKS]
        [targets.a]
        inputs = [INPUTS]
        output = "a.parquet"
        run = "cp t.parquet {output}"
        MORE
    """
    old = "{ fresh = { at = '2d' }, severity = 'warn' }"
    few = "{ rows = { min = 2 }, severity = 'warn' }"
    at = datetime(2024, 1, 1, tzinfo=timezone.utc).replace(tzinfo=None)
    project.write("s.parquet", parquet({"id": [1], "at": [at]}))
    project.write("t.parquet", parquet({"id": [1]}))
    told = "warning: source `s`: the newest of `at` is of "
    for inputs, more in (("'s'", ""), ("", "checks = [{ references = { id = 's.id' } }]")):
        text = datafile.replace("INPUTS", inputs).replace("MORE", more)
        for checks, first in ((old, 1), (f"{old}, {few}", 2)):
            project.remove(".datamake") if project.exists(".datamake") else None
            project.datafile(text.replace("CHECKS", checks))
            lines = project.build().notices.splitlines()
            assert [line.startswith(told) for line in lines] == [True, False][:first]
            lines = project.build().notices.splitlines()
            assert [line.startswith(told) for line in lines] == [True]


@pytest.mark.parametrize(
    ("outputs", "count"), [("", "none"), ("outputs = ['a.csv', 'b.csv']", "2")]
)
def test_checks_are_about_one_output(project, outputs, count):
    """Of none, or of several, they are a mistake; of none no default."""
    project.datafile(f"""
        [targets.t]
        run = "touch a.csv b.csv"
        {outputs}
        checks = [{{ rows = {{ min = 1 }} }}]
    """)
    done = project.command("build")
    assert done.returncode == 2
    last = done.stderr.splitlines()[0].partition(" ")[2]
    assert last == f"`checks` is about one output, and `t` has {count}"


def test_default_checks_of_what_has_no_output(project):
    """Are none: it runs once."""
    project.datafile("""
        [defaults]
        checks = [{ rows = { min = 1 } }]
        [targets.told]
        run = "echo told"
    """)
    assert project.build().ran == ["told"]
    assert project.build().ran == []


INSTANCES = """
[sources.s]
path = "t1.csv"
[targets.users]
foreach = { x = ["1", "2"] }
inputs = ["users{x}.csv"]
output = "build/users{x}.csv"
copy = true
[targets.t]
foreach = { x = ["1", "2"] }
inputs = ["t{x}.csv"]
output = "build/t{x}.csv"
copy = true
checks = [{ references = { id = "REFERRED.id" } }]
"""


def instances(project, referred):
    project.datafile(INSTANCES.replace("REFERRED", referred))
    for name, content in {"users1": 1, "users2": 2, "t1": 1, "t2": 1}.items():
        project.write(f"{name}.csv", f"id\n{content}\n")


@pytest.mark.parametrize(
    ("referred", "failed"),
    [
        ("users", []),
        ("users[*]", []),
        ("users[{x}]", ["t[2]"]),
        ("users[x={x}]", ["t[2]"]),
        ("users[2]", ["t[1]", "t[2]"]),
        ("t[{x}]", []),
    ],
)
def test_instances_are_referred_to(project, referred, failed):
    """One, some or all of them, and those come first."""
    instances(project, referred)
    done = project.build(keep_going=True)
    assert sorted(name for name, each in done.statuses.items() if each == "failed") == failed


@pytest.mark.parametrize(
    ("referred", "place", "hint"),
    [
        ("s[1]", ":15:1", "  hint: `s` is a source, and has no instances\n"),
        ("usrs[1]", ":15:1", "  hint: did you mean `users`?\n"),
        ("users[3]", "", "matches no instance: none is like it\n  needed by `t["),
    ],
)
def test_instances_that_are_not_there(project, referred, place, hint):
    """Are a mistake of the Datafile."""
    instances(project, referred)
    done = project.command("build")
    assert done.returncode == 2
    assert done.stderr.startswith(f"Datafile.toml{place}: ")
    assert (f"`{referred}`" in done.stderr, hint in done.stderr) == (True, True)


def test_what_checks_lack(project, monkeypatch):
    """Is a fault of the environment, not of the data."""
    project.datafile("""
        [sources.s]
        path = "s.csv"
        checks = [{ sql = "select * from this where id > 1" }]
    """)
    project.write("s.csv", "id\n1\n")
    assert project.command("check").returncode == 0
    project.write("s.csv", "id\n0\n")
    monkeypatch.setitem(sys.modules, "duckdb", None)
    done = project.command("check")
    assert done.returncode == 4
    assert "`sql` needs DuckDB" in done.stdout


def test_instances_that_a_build_finds_are_checked(project):
    """As soon as what makes their files is up to date; before it there is nothing to check."""
    project.datafile("""
        [targets.split]
        output = "parts/"
        run = "for x in a b; do echo id > {output}/$x.csv; echo 1 >> {output}/$x.csv; done"
        [targets.each]
        foreach = "parts/{x}.csv"
        inputs = ["parts/{x}.csv"]
        output = "out/{x}.csv"
        copy = true
        checks = [{ unique = ["id"] }]
    """)
    assert "there is nothing to check" in project.command("check").stderr
    assert project.build().ok
    assert project.command("check").stdout == "passed each[a]  1 check\npassed each[b]  1 check\n"
    assert project.command("check", "each[b]").stdout == "passed each[b]  1 check\n"
