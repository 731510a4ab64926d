"""Outputs that a command writes by itself: set aside first, put back if it fails."""

from __future__ import annotations

import pytest

TEXT = """
[targets.a]
inputs = ["src.txt"]
output = "a.txt"
run = "cp src.txt a.txt"

[targets.b]
inputs = ["a"]
output = "b.txt"
run = "cp {input} {output}"
"""


@pytest.fixture
def inplace(project):
    project.datafile(TEXT)
    project.write("src.txt", "1")
    assert project.build().ran == ["a", "b"]
    assert project.build().ran == []
    return project


def test_in_place(inplace):
    """Is built, found up to date, built again and restored as any other."""
    inplace.write("src.txt", "2")
    assert inplace.build().ran == ["a", "b"]
    assert (inplace.read("a.txt"), inplace.build().ran) == ("2", [])
    inplace.write("src.txt", "1")
    assert inplace.build().ran == []
    assert inplace.read("a.txt") == "1"


@pytest.mark.parametrize("command", ["echo half > a.txt; false", "rm -f a.txt; false", "false"])
def test_the_old_one_is_put_back(inplace, command):
    """Whatever the command did to it."""
    inplace.datafile(TEXT.replace("cp src.txt a.txt", command))
    assert inplace.build().statuses == {"a": "failed", "b": "blocked"}
    assert (inplace.read("a.txt"), inplace.read("b.txt")) == ("1", "1")
    inplace.datafile(TEXT)
    assert inplace.build().ran == []


def test_a_first_failure_leaves_nothing(project):
    """But the candidate, where failures are kept."""
    project.datafile('[targets.a]\noutput = "a.txt"\nrun = "echo half > a.txt; false"')
    assert project.build().statuses == {"a": "failed"}
    assert not project.exists("a.txt")
    assert project.read(".datamake/failed/a/a.txt") == "half\n"


def test_the_command_does_not_see_the_old_one(inplace):
    """It is out of the way while the command runs, so a leftover never counts as written."""
    inplace.datafile(TEXT.replace("cp src.txt a.txt", "test -e a.txt || echo new > a.txt"))
    assert inplace.build().ran == ["a", "b"]
    assert inplace.read("a.txt") == "new\n"
    inplace.datafile(TEXT.replace("cp src.txt a.txt", "true"))
    assert inplace.build().statuses["a"] == "failed"
    assert inplace.read("a.txt") == "new\n"


def test_both_in_one_target(project):
    """One by placeholder, one by itself: a failure keeps both."""
    text = """
[targets.a]
inputs = ["src.txt"]
outputs = { staged = "staged.txt", own = "own.txt" }
run = "cp {input} {outputs.staged}; cp {input} own.txt"
"""
    project.datafile(text)
    project.write("src.txt", "1")
    assert project.build().ran == ["a"]
    project.write("src.txt", "2")
    project.datafile(text.replace('own.txt"\n', 'own.txt; exit 1"\n'))
    assert project.build().statuses == {"a": "failed"}
    assert (project.read("staged.txt"), project.read("own.txt")) == ("1", "1")
    project.datafile(text)
    assert project.build().ran == ["a"]
    assert (project.read("staged.txt"), project.read("own.txt")) == ("2", "2")


def test_a_folder_in_place(project):
    """Is empty when the command starts."""
    text = (
        '[targets.a]\ninputs = ["src.txt"]\noutput = "out/"\nrun = "cp src.txt out/$(cat src.txt)"'
    )
    project.datafile(text)
    project.write("src.txt", "1")
    assert project.build().ran == ["a"]
    project.write("src.txt", "2")
    assert project.build().ran == ["a"]
    assert project.files("out/*") == ["out/2"]
    project.datafile(text.replace("cp src.txt", "touch out/half; false; cp src.txt"))
    assert project.build().statuses == {"a": "failed"}
    assert project.files("out/*") == ["out/2"]


def test_killed_in_between(inplace):
    """The next build puts the old one back."""
    import signal
    import time

    inplace.datafile(TEXT.replace("cp src.txt a.txt", "echo half > a.txt; touch begun; sleep 60"))
    process = inplace.start("build")
    while not inplace.exists("begun"):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    inplace.datafile(TEXT)
    result = inplace.build()
    assert (result.ok, inplace.read("a.txt")) == (True, "1")
    assert inplace.build().ran == []
