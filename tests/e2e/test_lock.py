"""The lock file: what `lock` writes, and what `--locked` lets through."""

from __future__ import annotations

import json
import re

import pytest

import datamake

TEXT = """
[sources.rates]
path = "{url}rates.csv"

[targets.all]
inputs = ["rates", "{url}raw/*.csv", {{ from = "{url}big.bin", fetch = false }}]
output = "all.csv"
run = "cat {{inputs}} > {{output}} || true"

[targets.one]
inputs = ["{url}raw/1.csv"]
output = "one.csv"
run = "cp {{input}} {{output}}"
"""
TOKEN = re.compile(r"etag:\S+|\d+:[0-9a-f]{32}(?= )")
FILES = {"rates.csv": "r\n", "raw/1.csv": "1\n", "raw/2.csv": "2\n", "big.bin": "b"}


@pytest.fixture
def locking(bucket, project):
    """A project over a bucket, and the bucket."""
    for key, text in FILES.items():
        bucket.put(key, text)
    project.datafile(bucket.storage + TEXT.format(url=bucket.url))
    return project, bucket


def lines(project):
    """The lines of the lock file without what differs from bucket to bucket."""
    return [
        re.sub(r"s3://b-[0-9a-f]+/", "s3://b/", TOKEN.sub("TOKEN", line))
        for line in project.read("Datafile.lock").splitlines()[1:]
    ]


def test_each_source_has_a_line(locking):
    """With the digest of what is fetched, alone or as a whole; nothing is built."""
    project, _ = locking
    done = project.command("lock")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.endswith("\nDatafile.lock: 4 changes\n")
    found = lines(project)
    assert found[0] == "s3://b/big.bin TOKEN -"
    assert re.fullmatch(r"s3://b/rates.csv TOKEN [0-9a-f]{32}-2", found[1])
    assert re.fullmatch(r"s3://b/raw/\*.csv TOKEN [0-9a-f]{32}-4/", found[2])
    assert re.fullmatch(r"s3://b/raw/1.csv TOKEN [0-9a-f]{32}-2", found[3])
    assert len(found) == 4
    assert not project.exists("all.csv")


def test_what_is_known_is_locked_without_reading_it_again(locking):
    """A second `lock` has nothing to change."""
    project, bucket = locking
    project.command("lock")
    before = project.read("Datafile.lock")
    bucket.proxy.forget()
    assert project.command("lock").stderr == "Datafile.lock: 0 changes\n"
    assert bucket.proxy.bodies == []
    assert project.read("Datafile.lock") == before


def test_a_locked_build_goes_on_while_nothing_has_moved(locking):
    project, _ = locking
    project.command("lock")
    assert project.build("one", locked=True).ran == ["one"]
    assert project.build(locked=True).ran == ["all"]
    assert project.build(locked=True).ran == []


@pytest.mark.parametrize("command", [["build", "--locked"], ["build", "-n", "--locked"]])
def test_a_source_that_has_moved_stops_a_locked_build(locking, command):
    """Old and new are named, nothing runs. Without `--locked` it would."""
    project, bucket = locking
    project.command("lock")
    bucket.put("raw/1.csv", "other\n")
    done = project.command(*command)
    url = re.escape(bucket.url)
    assert done.returncode == 1
    assert re.fullmatch(
        rf"Datafile.lock: `{url}raw/\*.csv` has moved\n  locked: 2:\w+\n  now: 2:\w+\n"
        rf"  hint: `datamake lock --update '{url}raw/\*.csv'` takes it as it is now\n"
        rf"Datafile.lock: `{url}raw/1.csv` has moved\n  locked: etag:\S+\n  now: etag:\S+\n"
        rf"  hint: `datamake lock --update '{url}raw/1.csv'` takes it as it is now\n",
        done.stderr,
    )
    assert not project.exists("one.csv")
    assert sorted(project.build().ran) == ["all", "one"]


def test_what_others_need_does_not_matter(locking):
    """Only the sources of what is built are compared."""
    project, bucket = locking
    project.command("lock")
    bucket.put("big.bin", "other")
    assert project.build("one", locked=True).ran == ["one"]
    with pytest.raises(datamake.SourceMoved):
        project.build("all", locked=True)


def test_the_same_content_put_there_again_has_not_moved(web, project):
    """Where the content of a new token is known it is the content that counts."""
    web.put("x.csv", "x", validator="time")
    project.datafile(
        f"""
        [targets.a]
        inputs = ["{web.url}x.csv"]
        output = "a"
        run = "cp {{input}} {{output}}"
        """
    )
    assert project.command("lock").returncode == 0
    web.pages["/x.csv"].modified += 1000
    with pytest.raises(datamake.SourceMoved):
        project.build(locked=True)
    assert project.build().ran == ["a"]
    assert project.build(locked=True).ran == []


def test_sources_that_differ_in_what_is_not_shown(web, project):
    """They have one line, and it is moved when any of them is."""
    web.put("x.csv", "x")
    project.datafile(
        f"""
        [sources.first]
        path = "{web.url}x.csv?id=1&token=hunter2"
        [targets.a]
        inputs = ["first"]
        output = "a"
        run = "cp {{input}} {{output}}"
        [targets.b]
        inputs = ["{web.url}x.csv?id=2&token=hunter2"]
        output = "b"
        run = "cp {{input}} {{output}}"
        """
    )
    assert project.command("lock").returncode == 0
    ((url, *_),) = [line.split() for line in project.read("Datafile.lock").splitlines()[1:]]
    assert url == f"{web.url}x.csv?…"
    assert project.build("a", locked=True).ran == ["a"]
    locked = project.read("Datafile.lock")
    assert project.command("lock", "--update", "first").stderr.endswith(
        "Datafile.lock: 0 changes\n"
    )
    assert project.read("Datafile.lock") == locked
    web.put("x.csv", "y")
    with pytest.raises(datamake.SourceMoved):
        project.build("b", locked=True)


def test_one_source_is_taken_as_it_is_now(locking):
    """By its name, or by its URL; the others stay as they are locked."""
    project, bucket = locking
    project.command("lock")
    bucket.put("rates.csv", "other\n")
    bucket.put("raw/1.csv", "other\n")
    done = project.command("lock", "--update", "rates", "--update", f"{bucket.url}raw/*.csv")
    assert re.sub(r"etag:\S+|2:\w+", "TOKEN", done.stderr) == (
        f"moved {bucket.url}rates.csv  TOKEN -> TOKEN\n"
        f"moved {bucket.url}raw/*.csv  TOKEN -> TOKEN\n"
        "Datafile.lock: 2 changes\n"
    )
    with pytest.raises(datamake.SourceMoved) as error:
        project.build(locked=True)
    (problem,) = error.value.problems
    assert problem.message == f"`{bucket.url}raw/1.csv` has moved"


def test_changes_as_a_document(locking):
    """A source that is no longer asked for is dropped by a `lock` of all."""
    project, bucket = locking
    project.command("lock", "--json")
    project.datafile(
        f"""
        {bucket.storage}
        [targets.one]
        inputs = ["{bucket.url}raw/2.csv"]
        output = "one.csv"
        run = "cp {{input}} {{output}}"
        """.replace("        ", "")
    )
    document = json.loads(project.command("lock", "--json").stdout)
    assert document["version"] == 1
    changes = {change["source"].removeprefix(bucket.url): change for change in document["changes"]}
    assert sorted(changes) == ["big.bin", "rates.csv", "raw/*.csv", "raw/1.csv", "raw/2.csv"]
    assert changes["big.bin"]["new"] is None
    assert changes["big.bin"]["old"]["digest"] is None
    assert changes["raw/2.csv"]["old"] is None
    assert changes["raw/2.csv"]["new"]["digest"].endswith("-2")


def test_without_a_lock_file_nothing_is_locked(locking):
    project, _ = locking
    done = project.command("build", "--locked")
    assert (done.returncode, done.stderr) == (
        1,
        "Datafile.lock: there is no lock file\n  hint: `datamake lock` writes it\n",
    )


def test_a_project_without_remote_data_needs_no_lock_file(project):
    project.datafile('[targets.a]\noutput = "a"\nrun = "echo > {output}"')
    assert project.build(locked=True).ran == ["a"]
    assert project.command("lock").stderr == "Datafile.lock: 0 changes\n"


def test_a_broken_lock_file(locking):
    """A build says where it is broken; `lock` writes it anew, `lock --update` doesn't."""
    project, _ = locking
    project.command("lock")
    whole = project.read("Datafile.lock")
    project.write("Datafile.lock", f"<<<<<<< HEAD\n{whole}")
    message = (
        "Datafile.lock:1:1: git could not merge what two branches have locked\n"
        "  hint: keep one line for each source; `datamake lock` writes the file anew\n"
    )
    for command in (["build", "--locked"], ["lock", "--update", "rates"]):
        done = project.command(*command)
        assert (done.returncode, done.stderr) == (2, message)
    assert project.command("lock").returncode == 0
    assert project.read("Datafile.lock") == whole


def test_a_source_that_is_not_there_is_not_locked(locking):
    project, bucket = locking
    bucket.delete("rates.csv")
    done = project.command("lock")
    assert done.returncode == 2
    assert f"there is nothing at `{bucket.url}rates.csv`" in done.stderr
    assert not project.exists("Datafile.lock")


def test_what_cannot_be_read_is_not_locked(locking):
    """The lock file stays as it is."""
    project, bucket = locking
    bucket.proxy.faults = lambda method, path, n: (
        403 if "rates" in path and method == "GET" else None
    )
    done = project.command("lock")
    assert done.returncode == 4
    assert "error: nothing was locked\n" in done.stderr
    assert not project.exists("Datafile.lock")


def test_an_unknown_source(locking):
    project, _ = locking
    done = project.command("lock", "--update", "rate")
    assert (done.returncode, done.stderr) == (
        2,
        (
            "error: no remote source `rate`\n"
            "  hint: write the name of a source, or its URL as it is in Datafile.lock\n"
        ),
    )


def test_an_object_that_changes_during_a_locked_build(locking):
    """It is noticed at the end, too: exit status 1."""
    project, bucket = locking
    project.command("lock")
    project.remove(".datamake")

    def faults(method, path, n):
        if method == "GET" and path.endswith("raw/1.csv") and bucket.read("raw/1.csv") == b"1\n":
            bucket.put("raw/1.csv", "other\n")

    bucket.proxy.faults = faults
    done = project.command("build", "one", "--locked")
    assert done.returncode == 1
    assert f"Datafile.lock: `{bucket.url}raw/1.csv` has moved\n" in done.stderr
