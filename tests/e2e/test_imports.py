"""What a build with nothing to do may load: start-up is a figure that is kept."""

from __future__ import annotations

import subprocess
import sys

import pytest
from stored import parquet
from versions import told_by_pyarrow_26

PROGRAM = """
import sys
before = set(sys.modules)
sys.argv[0] = "datamake"
from datamake.__main__ import main
try:
    status = main()
except SystemExit as exit:
    status = exit.code
assert not status, status
print("\\n", *sorted(set(sys.modules) - before))
"""
FORBIDDEN = {
    *("typer", "click", "rich", "pyarrow", "fsspec", "dataclasses", "typing", "pathlib", "json"),
    *("subprocess", "shutil", "tempfile", "logging", "contextlib", "ast", "socket"),
    *("asyncio", "importlib.metadata", "inspect", "hashlib", "argparse", "concurrent.futures"),
}


def loaded(project, *arguments):
    """The modules that a build or another command loads, beyond those of the interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *(arguments or ["build"])],
        cwd=project.root,
        env=project.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def test_a_no_op_loads_nothing_heavy(project):
    """Neither by the command line nor for one of its own modules."""
    project.datafile("""
        [targets.a]
        inputs = ["src.txt"]
        output = "a"
        run = "python3 scripts/a.py {input} {output}"
    """)
    project.write("src.txt", "x")
    project.write("scripts/a.py", "import sys, shutil\nshutil.copy(*sys.argv[1:])\n")
    assert project.build().ran == ["a"]
    assert loaded(project) & FORBIDDEN == set()


SHARING = {
    f"datamake.{name}"
    for name in ("shared", "index", "packs", "reach", "downloads", "uploads", "signing", "sweep")
}


def test_what_nobody_shares_loads_nothing_for_it(project):
    """Not even where something is run and stored; nor is a store opened that need not be asked."""
    project.datafile("""
        [targets.a]
        output = "a"
        run = "echo a > {output}"
    """)
    assert loaded(project) & {*SHARING, "fsspec", "hashlib", "concurrent.futures"} == set()
    project.datafile(
        f'[project]\ncache = "s3://team"\n{project.read("Datafile.toml")}'.replace(
            '"\n[project]', '"'
        )
    )
    assert "datamake.shared" in loaded(project)
    assert "fsspec" not in loaded(project)


@told_by_pyarrow_26
def test_a_question_loads_no_pandas(project):
    """It takes longer than all else together, and pyarrow loads it for any value of Python's."""
    pytest.importorskip("duckdb")
    project.datafile("[sources.t]\npath = 't.parquet'")
    project.write("t.parquet", parquet({"id": [1, 2], "fare": [1.5, None]}))
    assert {"duckdb", "pandas"} & loaded(project, "sql", "select sum(fare) from t") == {"duckdb"}
