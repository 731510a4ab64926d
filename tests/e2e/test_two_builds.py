"""Two builds of one tree at the same time: each target runs once, and both are right."""

from __future__ import annotations

import pytest
from processes import soon

TEXT = """
[targets.t]
foreach = { n = ["1", "2", "3", "4", "5", "6"] }
inputs = ["src.txt"]
output = "out/{n}"
run = "echo {n} >> ran.log; sleep 0.1; cp {input} {output}"
implicit = false

[targets.all]
inputs = ["t"]
output = "all"
run = "echo all >> ran.log; cat {inputs} > {output}"
implicit = false
"""


@pytest.mark.parametrize("count", [2, 5])
def test_each_target_runs_once(project, count):
    """What one holds the others wait for, and then find it up to date."""
    project.datafile(TEXT)
    project.write("src.txt", "x")
    processes = [project.start("build", "-j2") for _ in range(count)]
    errors = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * count, errors
    assert sorted(project.read("ran.log").split()) == ["1", "2", "3", "4", "5", "6", "all"]
    assert project.read("all") == "xxxxxx"
    assert project.build().ran == []


HELD = """
[targets]
slow = { output = "slow", run = "touch begun; while ! test -e go; do sleep 0.02; done; touch {output}", implicit = false }
other = { output = "other", run = "touch {output}" }
"""


@pytest.fixture
def held(project):
    """Another build holds `slow`, until there is a file `go`."""
    project.datafile(HELD)
    process = project.start("build", "slow")
    assert soon(lambda: project.exists("begun"))
    yield project
    project.write("go")
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_others_are_built_meanwhile(held):
    """A build holds targets, not the tree; what another is at stays staged."""
    assert held.build("other").ran == ["other"]
    assert held.files(".datamake/staging/*") == [".datamake/staging/slow"]


def test_no_wait(held):
    """Ends with the exit status of an environment that failed."""
    done = held.cli("build", "slow", "--no-wait")
    assert done.returncode == 4
    assert "slow" in done.stderr


def test_waiting_says_so(held):
    """In a line; the target is then found up to date."""
    process = held.start("build", "slow")
    assert "slow" in process.stderr.readline()
    assert process.poll() is None
    held.write("go")
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert held.build("slow").ran == []


def test_plans_do_not_wait(held):
    """They only read."""
    assert held.plan("other") == {"other": "run"}


def test_a_lock_dies_with_its_holder(project):
    """There is nothing to unlock by hand; what it had staged goes with the next build."""
    project.datafile(HELD)
    process = project.start("build", "slow")
    assert soon(lambda: project.exists("begun"))
    process.kill()
    process.communicate()
    assert project.files(".datamake/staging/*") == [".datamake/staging/slow"]
    assert project.build("other").ran == ["other"]
    assert project.files(".datamake/staging/*") == []
    project.write("go")
    assert project.build("slow").ran == ["slow"]
