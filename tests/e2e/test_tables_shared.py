"""Tables in fresh clones: what they hold comes out of the shared cache, not out of their bytes."""

from __future__ import annotations

import shutil

import pytest
from conftest import Project
from stored import parquet

from e2e.test_imports import loaded

PIPELINE = """
[project]
cache = "CACHE"
[sources.raw]
path = "raw.parquet"
checks = [{ not_null = ["id"] }]
[targets.clean]
inputs = ["raw"]
schema = { id = "int64", kind = "string" }
checks = [{ unique = ["id"] }, { references = { kind = "kinds.kind" } }]
[targets.clean.standardize]
others = "drop"
columns = { id = "int64", kind = "string" }
[targets.kinds]
sql = "select distinct kind from raw"
checks = [{ not_null = ["kind"] }]
[targets.month]
foreach = { month = ["01", "02"] }
inputs = { c = "clean" }
sql = "select id, kind from c where id % 2 = {month}::int % 2"
[targets.all]
sql = "select kind, month, count(*) as n from month group by all"
checks = [{ not_null = ["n"] }]
[targets.frame]
inputs = { all = "all" }
python = "work:run"
"""
WORK = "import pyarrow as pa\n\ndef run(all: pa.Table):\n    return all\n"
NAMES = ["clean", "kinds", "month[01]", "month[02]", "all", "frame"]
HEAVY = {"duckdb", "pyarrow", "numpy", "pandas"}


@pytest.fixture
def first(project, tmp_path):
    """A project that has been built and has shared it, in a folder."""
    project.datafile(PIPELINE.replace("CACHE", f"file://{tmp_path}/cache"))
    project.write("work.py", WORK)
    project.write("raw.parquet", raw())
    assert sorted(project.build().ran) == sorted(NAMES)
    assert project.build().ran == []
    return project


def raw(**options):
    options.setdefault("more", [0] * 100)
    table = {"id": list(range(100)), "kind": [f"k{n % 3}" for n in range(100)]}
    table["more"] = options.pop("more")
    return parquet(table, **options)


def clone(first, name):
    """A fresh clone: what is committed."""
    root = first.root.parent / name
    shutil.copytree(first.root, root, ignore=shutil.ignore_patterns(".datamake", "build"))
    return Project(root, first.environment, first.patch)


def test_a_fresh_clone(first):
    """Has nothing to run; only the names of tables in queries are looked for, once."""
    other = clone(first, "other")
    assert other.plan("frame") == {**dict.fromkeys(NAMES, "up-to-date"), "frame": "restore"}
    assert other.build().ran == []
    assert other.files("build/**/*.parquet") == first.files("build/**/*.parquet")
    assert loaded(other) & HEAVY == set()


def test_a_fresh_clone_without_queries(project, tmp_path):
    """Looks into nothing at all: what is restored was checked, and what counts of it is known."""
    text = PIPELINE.replace("CACHE", f"file://{tmp_path}/cache")
    text = text[: text.index("[targets.month]")] + text[text.index("[targets.frame]") :]
    text = text.replace("select distinct kind from raw", "")
    text = text.replace('sql = ""', 'inputs = { raw = "raw" }\npython = "work:kinds"')
    project.datafile(text.replace('all = "all"', 'all = "clean"'))
    kinds = "\ndef kinds(raw: pa.Table):\n    return raw.select(['kind']).slice(0, 3)\n"
    project.write("work.py", WORK + kinds)
    project.write("raw.parquet", raw())
    assert sorted(project.build().ran) == ["clean", "frame", "kinds"]
    other = clone(project, "other")
    assert loaded(other) & HEAVY == set()
    assert other.files("build/*") == project.files("build/*")


def test_a_verdict_needs_no_bytes(bucket, project):
    """Of all that a clone judges, it downloads what it was asked for alone."""
    text = PIPELINE.replace('cache = "CACHE"', f'cache = "{bucket.url}cache"\n{bucket.storage}')
    project.datafile(text)
    project.write("work.py", WORK)
    project.write("raw.parquet", raw())
    assert sorted(project.build().ran) == sorted(NAMES)
    other = clone(project, "other")
    bucket.proxy.forget()
    built = other.build("frame")
    assert built.statuses == {**dict.fromkeys(NAMES, "up-to-date"), "frame": "restored"}
    blobs = [each.path for each in bucket.proxy.bodies if "/pack" not in each.path]
    assert len(blobs) == 1, blobs
    assert other.files("build/*") == ["build/frame.parquet"]


@pytest.mark.parametrize("change", ["compression", "more"])
def test_a_clone_with_other_bytes(first, change):
    """Runs nothing either: what it has says the same where it is read."""
    other = clone(first, "other")
    options = {"compression": "gzip"} if change == "compression" else {"more": [1] * 100}
    other.write("raw.parquet", raw(**options))
    assert set(other.plan().values()) == {"check", "restore"}
    assert other.build().ran == []
    other.write("raw.parquet", raw(row_group_size=7))
    assert other.build().ran == []


def test_nothing_to_do(first):
    """Loads neither pyarrow nor DuckDB, although there are queries, functions and checks."""
    assert loaded(first) & HEAVY == set()
    first.write("unrelated.txt", "x")
    first.touch("raw.parquet")
    first.touch("build/clean.parquet")
    assert loaded(first) & HEAVY == set()
    first.remove(".datamake/image") if first.exists(".datamake/image") else None
    assert loaded(first) & HEAVY == set()


def test_other_targets(first):
    """That run load no more than they need."""
    text = first.read("Datafile.toml")
    first.datafile(text + '[targets.plain]\noutput = "plain.txt"\nrun = "echo > {output}"\n')
    assert loaded(first) & HEAVY == set()
    assert first.exists("plain.txt")


def test_remote_sources_of_a_clone(bucket, project):
    """Are not downloaded either, to be judged by what they say, nor to be checked."""
    project.datafile(f"""
        [project]
        cache = "{bucket.url}cache"
        [storage."s3://"]
        endpoint_url = "{bucket.proxy.url}"
        [sources.raw]
        path = "{bucket.url}raw.parquet"
        checks = [{{ not_null = ["id"] }}]
        [targets.kinds]
        sql = "select distinct kind from raw"
        [targets.clean]
        inputs = ["raw"]
        standardize = {{ others = "drop", columns = {{ id = "int64" }} }}
    """)
    bucket.put("raw.parquet", raw())
    assert sorted(project.build().ran) == ["clean", "kinds"]
    other = clone(project, "other")
    bucket.proxy.forget()
    assert sorted(other.build().restored) == ["clean", "kinds"]
    assert [each.path for each in bucket.proxy.bodies if "raw.parquet" in each.path] == []
    bucket.put("raw.parquet", raw(more=[2] * 100, compression="gzip"))
    assert project.build().ran == []
    bucket.proxy.forget()
    third = clone(project, "third")
    assert third.build().ran == []
    assert [each.path for each in bucket.proxy.bodies if "raw.parquet" in each.path] == []
