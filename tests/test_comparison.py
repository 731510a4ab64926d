"""docs/comparison.md says of datamake what happens."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parent.parent / "docs/comparison.md"
CHAIN = """
[targets.a]
inputs = ["src"]
output = "a.txt"
run    = "head -n 1 {input} > {output}"

[targets.b]
inputs = ["a"]
output = "b.txt"
run    = "cat {input} > {output}"

[targets.c]
inputs = ["b"]
output = "c.txt"
run    = "cat < {input} > {output}"
"""


def touched(project):
    project.touch("src")


def changed_below(project):
    project.write("src", "one\nother\n")


def changed_back(project):
    project.write("src", "else\n")
    assert project.build().ran == ["a", "b", "c"]
    project.write("src", "one\ntwo\n")


def size_and_time_kept(project):
    before = project.path("src").stat()
    project.write("src", "two\none\n")
    os.utime(project.path("src"), ns=(before.st_atime_ns, before.st_mtime_ns))


def deleted(project):
    project.remove("c.txt")


def changed_by_hand(project):
    project.write("c.txt", "by hand\n")


def another_command(project):
    project.datafile(CHAIN.replace("cat {input}", "cat -u {input}"))


HALF = "a command fails half-way: its half output"
EVENTS = {
    "`touch src`": touched,
    "`src` changed, but `a` comes out the same": changed_below,
    "`src` back to what it once was": changed_back,
    "`src` changed, size and time kept": size_and_time_kept,
    "the last output deleted": deleted,
    "an output changed by hand": changed_by_hand,
    "the command of `b` changed": another_command,
}


def claims():
    """What happened → what datamake does then, as the page has it."""
    rows = re.findall(r"^\| (.+?) \|.*\| ([^|]+) \|$", PAGE.read_text(), re.MULTILINE)
    return {event: claim for event, claim in rows if event in {*EVENTS, HALF}}


def test_the_page_has_every_event():
    assert claims().keys() == {*EVENTS, HALF}


@pytest.fixture
def chain(project):
    """The chain, built, and its files old enough for their times to be trusted."""
    project.datafile(CHAIN)
    project.write("src", "one\ntwo\n")
    project.build()
    project.later(10)
    assert project.build().ran == []
    return project


@pytest.mark.parametrize("event", EVENTS)
def test_the_claim_is_what_happens(chain, event):
    """The targets that the page names run; where it says restored, or nothing, none does."""
    EVENTS[event](chain)
    claim = claims()[event]
    built = chain.build("c")
    assert "".join(built.ran) == (claim if re.fullmatch("[abc]+", claim) else "")
    assert claim != "restored" or built.restored
    assert chain.read("c.txt") == chain.read("src").splitlines(keepends=True)[0]


def test_half_an_output_is_never_there(chain):
    assert claims()[HALF] == "was never there, the old one stays"
    chain.datafile(CHAIN.replace("cat < {input} > {output}", "echo half > {output}; false"))
    assert list(chain.build().errors) == ["c"]
    assert chain.read("c.txt") == "one\n"
