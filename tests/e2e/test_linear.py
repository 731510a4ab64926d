"""Work grows as targets do: ten times as many cost ten times as much, by counted operations."""

from __future__ import annotations

import sys

import pytest

import datamake

COUNTS = (3, 300, 3_000)
"""Targets; the first few load what is loaded once."""
SLACK = 1.02
"""What may come on top of ten times as much."""


def wide(project, count):
    """Many targets, one for each of as many files, that run one script; and one that takes all."""
    project.datafile("""
        [targets.t]
        foreach = "raw/{n}.csv"
        inputs = ["raw/{n}.csv"]
        output = "out/{n}"
        run = "python3 scripts/t.py {input} {output}"
        [targets.all]
        inputs = ["t[*]"]
        output = "all"
        run = "cat {inputs} > {output}"
    """)
    project.write("scripts/t.py", "import shutil, lib")
    project.write("scripts/lib.py", "")
    for number in range(count):
        project.write(f"raw/{number}.csv", f"{number:06}")


def deep(project, count):
    """A chain."""
    project.datafile(
        "[targets]\n"
        + "\n".join(
            f't{n} = {{ inputs = ["{f"t{n - 1}" if n else "src.txt"}"], output = "out/{n}", copy = true }}'
            for n in range(count)
        )
    )
    project.write("src.txt", "x")


def counted(root):
    """Calls of functions, files looked at, bytes read and SQL statements of a plan."""
    calls = 0

    def count(_frame, event, _argument):
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        project = datamake.load(root)
        plan = project.plan()
    finally:
        sys.setprofile(before)
    space = project.space
    found = {
        "targets": len(plan.targets),
        "calls": calls,
        "stats": space.files.stats,
        "bytes": space.files.bytes_read,
        "statements": space.state.statements,
    }
    project.close()
    return found


@pytest.mark.parametrize("shape", [wide, deep])
def test_judging_is_linear(project, shape):
    """What has never been built: expanding, linking, hashing, judging."""
    root = project.root
    found = []
    for count in COUNTS:
        project.root = root / str(count)
        shape(project, count)
        found.append(counted(str(project.root)))
    _, few, many = found
    for kind in ("calls", "stats", "bytes", "statements"):
        assert many[kind] <= 10 * SLACK * max(few[kind], 1), (kind, few, many)


def test_a_no_op_is_linear(project):
    """Looks at each file once, reads none, and asks the state as often as ever."""
    root = project.root
    found = []
    for count in COUNTS:
        project.root = root / str(count)
        wide(project, count)
        project.datafile(
            project.read("Datafile.toml").replace(
                'run = "python3 scripts/t.py {input} {output}"', "copy = true"
            )
        )
        project.later(10)
        assert project.build(jobs=2).ok
        assert project.build(jobs=2).ran == []
        found.append(counted(str(project.root)))
    _, few, many = found
    assert many["stats"] <= 2 * many["targets"] + 20
    assert (few["statements"], many["bytes"]) == (many["statements"], 0)
    assert many["calls"] <= 10 * SLACK * few["calls"], (few, many)
