"""A disk that gets full ends a build, breaks nothing, and once there is room the next one goes on."""

from __future__ import annotations

import io
import os
import re
from functools import cache
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from disks import mounted

TEXT = """
[targets.a]
inputs = ["src"]
output = "a"
run = "cat {{inputs}} {{inputs}} > {{output}}; echo a >> '{ran}'; echo said"
implicit = false

[targets.own]
inputs = ["a"]
output = "own"
run = "cat a a > own; echo own >> '{ran}'"
implicit = false

[targets.folder]
inputs = ["own"]
output = "folder/"
run = "cp own {{output}}/1; cp own {{output}}/2; echo folder >> '{ran}'"
implicit = false
"""
FULL = re.compile("disk is full|No space left on device")


@pytest.fixture
def small(project):
    """The project on a disk of 2 MB; what runs is written down on another one."""
    with mounted(project.root, "tmpfs", "-o", "size=2m", "tmpfs"):
        yield project


def whole(project, letter):
    """The outputs that a build with a source of this letter makes."""
    size = {"a": 40_000, "own": 80_000, "folder/1": 80_000, "folder/2": 80_000}
    return {path: letter * size[path] for path in size}


def fill(project, free):
    """Leaves so many bytes free."""
    with open(project.path("ballast"), "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            file.truncate(max(0, file.tell() - free))


@pytest.mark.parametrize("free", [0, *range(40_000, 280_001, 60_000)])
def test_a_disk_gets_full_in_a_build(small, tmp_path, free):
    """It ends with the reason; outputs are old or new, never half; nothing runs twice afterwards."""
    ran = tmp_path / "ran"
    small.datafile(TEXT.format(ran=ran))
    small.write("src", "o" * 20_000)
    assert small.cli("build").returncode == 0
    small.write("src", "n" * 20_000)
    ran.write_text("")
    fill(small, free)
    done = small.cli("build", "-j1")
    assert (done.returncode, bool(FULL.search(done.stderr))) == (4, True), done.stderr
    old, new = whole(small, "o"), whole(small, "n")
    for path in old:
        assert small.read(path) in (old[path], new[path])
    small.remove("ballast")
    assert small.cli("build", "-j1").returncode == 0
    assert {path: small.read(path) for path in new} == new
    assert ran.read_text().split() == ["a", "own", "folder"]
    assert small.build().ran == []
    assert not small.files(".datamake/journal/*")


def test_a_command_that_finds_the_disk_full(small):
    """Makes the build fail; what it had written goes, and its last good output stays."""
    small.datafile(
        '[targets.a]\ninputs = ["size"]\noutput = "a"\nrun = "head -c $(cat size) /dev/zero > {output}"'
    )
    small.write("size", "1000")
    assert small.cli("build").returncode == 0
    small.write("size", "5000000")
    assert small.cli("build").returncode == 4
    assert os.path.getsize(small.path("a")) == 1000
    assert not small.exists(".datamake/failed/a")
    small.write("size", "2000")
    assert small.build().ran == ["a"]


TABLES = """
[sources.s]
path = "s.parquet"
[targets.t]
memory = "40MB"
inputs = {{ s = "s" }}
{}
"""
COLUMNS = 'columns = { a = "int64", b = "string" }'
WRITERS = {
    "sql": 'sql = "select a, b from s order by b"',
    "arrow": 'output = "build/t.arrow"\nsql = "select a, b from s"',
    "orc": 'output = "build/t.orc"\nsql = "select a, b from s"',
    "csv": 'output = "build/t.csv.gz"\nsql = "select a, b from s"',
    "jsonl": 'output = "build/t.jsonl"\nsql = "select a, b from s"',
    "standardize": f"[targets.t.standardize]\n{COLUMNS}",
    "sorted": f'[targets.t.standardize]\nsort_by = ["b"]\n{COLUMNS}',
    "first": f'[targets.t.standardize]\ndrop_duplicates = ["b"]\n{COLUMNS}',
    "python": 'python = "m:same"',
    "columns": 'inputs = [{ from = "s", columns = ["a", "b"] }]\noutput = "build/t.parquet"\nrun = "cp {input} {output}"',
    "checks": 'output = "build/t.parquet"\nrun = "ln -s $PWD/{input} {output}"\n'
    'checks = [{ sql = "select b, count(*) from this group by b having count(*) > 9" }]',
}


@cache
def table(rows):
    """Bytes of a table that does not get smaller by compression."""
    random = Random(1)
    columns = {
        "a": [random.getrandbits(60) for _ in range(rows)],
        "b": [random.randbytes(30).hex() for _ in range(rows)],
        "c": list(range(rows)),
    }
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


@pytest.mark.parametrize("writer", WRITERS)
def test_tables_that_have_no_room(project, writer):
    """Neither what was good, nor the next build, nor words that are plain; nothing is left over."""
    pytest.importorskip("duckdb")
    text = TABLES.format(WRITERS[writer])
    if writer == "columns":
        text = text.replace('inputs = { s = "s" }\n', "")
    with mounted(project.root, "tmpfs", "-o", "size=96m", "tmpfs"):
        project.datafile(text)
        project.write("m.py", "import pyarrow\ndef same(s: pyarrow.Table): return s")
        project.write("s.parquet", table(10))
        assert project.build().ran == ["t"]
        (path,) = project.files("build/*")
        before = project.path(path).read_bytes()
        project.write("s.parquet", table(200_000))
        fill(project, 1 << 20)
        done = project.cli("build")
        assert (done.returncode, bool(FULL.search(done.stderr))) == (4, True), done.stderr
        assert not re.search("nanobind|Traceback|terminate", done.stderr)
        assert project.path(path).read_bytes() == before
        assert project.files(".datamake/tmp/*") in ([], [".datamake/tmp/columns"])
        assert not project.files(".datamake/tmp/*/*") + project.files(".datamake/staging/*")
        project.remove("ballast")
        again = project.build()
        assert again.ran == ["t"], again
        assert project.path(path).read_bytes() != before
        assert project.build().ran == []
