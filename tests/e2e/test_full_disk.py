"""A disk that gets full ends a build, breaks nothing, and once there is room the next one goes on."""

from __future__ import annotations

import os
import re

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
