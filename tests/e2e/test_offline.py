"""DATAMAKE_OFFLINE: whatever the command is, no request is made."""

from __future__ import annotations

import pytest

TEXT = """
[targets.each]
foreach = "{url}raw/{{n}}.csv"
inputs = ["{url}raw/{{n}}.csv"]
output = "each/{{n}}.csv"
run = "cp {{input}} {{output}}"

[targets.sum]
inputs = ["{url}raw/*.csv"]
output = "sum.csv"
run = "cat {{inputs}} > {{output}}"
"""


@pytest.fixture
def seen(bucket, project):
    """A project that was built once, with a shared cache, and its bucket."""
    bucket.put("raw/a.csv", "a\n")
    cache = f'[project]\ncache = "{bucket.url}cache"\n'
    project.datafile(cache + bucket.storage + TEXT.format(url=bucket.url))
    assert project.command("build").returncode == 0
    bucket.proxy.forget()
    return project, bucket


@pytest.mark.parametrize(
    "command",
    [
        "build",
        "build -n",
        "build --force sum",
        "status",
        "why sum",
        "show sum",
        "graph --status",
        "ls state:stale sum",
        "ls each",
    ],
)
def test_no_request_is_made(seen, command):
    project, bucket = seen
    project.remove("sum.csv")
    done = project.cli(*command.split(), env={"DATAMAKE_OFFLINE": "1"})
    assert (done.returncode, bucket.proxy.requests) == (0, [])
