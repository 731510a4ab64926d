"""Killed and interrupted at any moment: no orphans, nothing lost, and the next build is right."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
import uuid

import pytest
from processes import linux, marked, soon
from stored import parquet

import datamake
from datamake.journal import Journal
from datamake.publication import text_of
from datamake.tables import columnar, delimited, guessing, logical

SLOW = """
[targets.t]
foreach = { n = ["1", "2", "3", "4", "5", "6", "7", "8"] }
inputs = ["src.txt"]
output = "out/{n}"
run = "sleep 0.05; cat {input} > {output}; echo {n} >> {output}; sleep 0.05"

[targets.own]
inputs = ["t"]
output = "own.txt"
run = "echo half > own.txt; sleep 0.05; cat out/* > own.txt"

[targets.folder]
inputs = ["own"]
output = "folder/"
run = "cp {input} {output}/one; sleep 0.05; cp {input} {output}/two"
"""


def gone(mark):
    """Whether all processes with `mark` have ended, or do so soon."""
    return soon(lambda: not marked(mark))


def right(project):
    """Whether all outputs are what a build in a clean folder would give."""
    text = project.read("src.txt")
    each = [text + f"{n}\n" for n in range(1, 9)]
    whole = "".join(each)
    return (
        [project.read(f"out/{n}") for n in range(1, 9)] == each
        and project.read("own.txt") == project.read("folder/one") == whole
        and project.files("folder/*") == ["folder/one", "folder/two"]
    )


@linux
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("whole_group", [False, True])
def test_killed_at_any_moment(project, seed, whole_group):
    """The next build is right without any help, and nothing goes on behind its back."""
    project.datafile(SLOW)
    project.write("src.txt", "old\n")
    assert project.build(jobs=4).ok
    project.write("src.txt", "new\n")
    chance = random.Random(seed)
    mark = uuid.uuid4().hex
    for _ in range(3):
        process = project.start("build", "-j4", env={"MARK": mark}, start_new_session=True)
        time.sleep(chance.uniform(0.05, 1.2))
        if process.poll() is None:
            (os.killpg if whole_group else os.kill)(process.pid, signal.SIGKILL)
        process.communicate()
        for number in range(1, 9):
            assert project.read(f"out/{number}").endswith(f"\n{number}\n")
    assert gone(mark)
    assert project.build(jobs=4).ok
    assert right(project)
    assert project.build().ran == []
    assert not project.files(".datamake/journal/*")


@linux
@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["INT", "TERM"]
)
def test_interrupted(project, number, status):
    """Commands are ended, the old output stays, and the exit status says which signal it was."""
    project.datafile("""
        [targets]
        a = { inputs = ["src.txt"], output = "a", run = "cp {input} {output}; touch begun; sleep 60" }
        b = { inputs = ["a"], output = "b", run = "cp {input} {output}" }
    """)
    project.write("src.txt", "new")
    project.write("a", "old")
    mark = uuid.uuid4().hex
    process = project.start("build", "--json", env={"MARK": mark}, start_new_session=True)
    wait_for(project, "begun")
    process.send_signal(number)
    process.communicate(timeout=60)
    assert (process.returncode, project.read("a")) == (status, "old")
    assert gone(mark)
    project.datafile('[targets.a]\ninputs = ["src.txt"]\noutput = "a"\nrun = "cp {input} {output}"')
    assert project.build().ran == ["a"]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_interrupted_while_a_table_is_looked_at(project, kind, monkeypatch):
    """What its columns are, or what it holds, is not read on; the next build finds it out."""
    monkeypatch.setattr(delimited, "BLOCK", 64)
    monkeypatch.setattr(columnar, "ROWS", 10)
    rows = {"a": list(range(10_000))}
    project.write("t.parquet", parquet(rows))
    project.write("t.csv", "a\n" + "".join(f"{each}\n" for each in rows["a"]))
    project.datafile(f"""
        [targets]
        first = {{ output = "b.csv", run = "printf 'n\\n1\\n' > {{output}}" }}
        second = {{ inputs = {{ t = "t.{kind}", b = "first" }}, output = "c.csv", sql = "from b, t" }}
    """)
    looks = []

    def look(*_):
        looks.append(1)
        if len(looks) == 1:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(guessing.TextGuess, "look", look)
        patched.setattr(logical._Level, "feed", look)
        built = project.build()
    assert built.exit_code == 130
    assert built.statuses == {"first": "built", "second": "skipped"}
    assert len(looks) < 4
    assert project.build().ran == ["second"]
    assert project.build().ran == []


PATIENT = """
import sys
from datamake import process
process.GRACE = 600
from datamake.__main__ import main
sys.exit(main())
"""
"""The program, but with ten minutes between SIGTERM and SIGKILL."""


@linux
def test_a_second_interrupt_kills_at_once(project):
    """Also what ignores the first."""
    project.datafile("""
        [targets.a]
        output = "a"
        run = "trap 'touch asked' TERM; touch begun; while true; do sleep 0.1 || true; done"
    """)
    mark = uuid.uuid4().hex
    process = subprocess.Popen(
        [sys.executable, "-c", PATIENT, "build"],
        cwd=project.root,
        env={**project.environment, "MARK": mark},
        start_new_session=True,
    )
    wait_for(project, "begun")
    process.send_signal(signal.SIGINT)
    wait_for(project, "asked")
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert gone(mark)


@linux
def test_a_command_may_clean_up(project):
    """It gets SIGTERM first, and time."""
    project.datafile("""
        [targets.a]
        output = "a"
        run = "trap 'sleep 0.3; touch cleaned; exit 1' TERM; touch begun; while true; do sleep 0.1; done"
    """)
    process = project.start("build", start_new_session=True)
    wait_for(project, "begun")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert project.exists("cleaned")


@linux
def test_a_killed_command_is_a_failure(project):
    """Its target fails; the tool goes on."""
    project.datafile("""
        [targets]
        a = { output = "a", run = "echo half > {output}; echo $$ > pid; sleep 60" }
        b = { output = "b", run = "touch {output}" }
    """)
    process = project.start("build", "-k", "-j2")
    wait_for(project, "pid")
    os.kill(int(project.read("pid")), signal.SIGKILL)
    process.communicate(timeout=60)
    assert (process.returncode, project.exists("a"), project.exists("b")) == (1, False, True)


@linux
@pytest.mark.parametrize("output", ["{output}", "a"], ids=["staged", "in-place"])
def test_a_killed_keeper(project, output):
    """What watches over a command is killed: so is the command, and the last good output stays."""
    project.datafile(f"""
        [targets]
        a = {{ inputs = ["src"], output = "a", run = "cat {{inputs}} > {output}; echo $PPID > pid; sleep 60; touch late" }}
        b = {{ inputs = ["a"], output = "b", run = "cp {{input}} {{output}}" }}
    """)
    project.write("src", "new")
    project.write("a", "old")
    mark = uuid.uuid4().hex
    process = project.start("build", env={"MARK": mark})
    wait_for(project, "pid")
    os.kill(int(project.read("pid")), signal.SIGKILL)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 4
    assert error.endswith(
        "error: the process that watches over commands was killed by SIGKILL\n"
        "  what it ran was killed as well\n"
    )
    assert gone(mark)
    assert (project.read("a"), project.exists("b"), project.exists("late")) == ("old", False, False)
    assert project.plan() == {"a": "run", "b": "run"}


def test_what_was_about_to_be_published_stays_staged(project):
    """A build of something else leaves it for the one that goes on with it."""
    project.datafile("""
        [targets]
        a = { output = "a", run = "echo a > {output}" }
        b = { output = "b", run = "echo b > {output}" }
    """)
    assert project.build("a").ok
    project.remove("a")
    project.write(".datamake/staging/a/a", "a\n")
    with datamake.load(str(project.root)) as opened:
        record = text_of(opened.space.record("a"))
        journal = Journal(opened.space.folder, step=unless_renamed)
        journal.begin("a", "1", ())
        with pytest.raises(KeyboardInterrupt):
            journal.publish("a", [(str(project.path(".datamake/staging/a/a")), "a")], (), record)
    assert project.build("b").ran == ["b"]
    assert project.files(".datamake/staging/*/*") == [".datamake/staging/a/a"]
    assert project.build("a").statuses == {"a": "up-to-date"}
    assert project.files(".datamake/staging/*") == []


def unless_renamed(step):
    """The process ends before anything is renamed."""
    if step == "rename":
        raise KeyboardInterrupt


def test_a_closed_pipe(project):
    """A reader that goes away breaks nothing."""
    project.datafile('[targets.a]\noutput = "a"\nrun = "sleep 0.3; touch {output}"')
    process = project.start("build", "--json")
    process.stdout.close()
    process.stderr.close()
    process.wait(timeout=60)
    assert project.build().ran in ([], ["a"])
    assert project.build().ran == []


def wait_for(project, path):
    """Waits until a command has written something into `path`, or made it."""
    assert soon(lambda: project.exists(path) and (path != "pid" or project.read(path).strip()))


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_interrupted_while_a_store_is_silent(web, project, method):
    """Asked what there is, or for the bytes: nobody waits for its answer."""
    for number in range(9):
        web.put(f"{number}.csv", b"1\n")
    project.datafile(
        f"""
        [targets.t]
        foreach = {{ n = ["1", "2", "3", "4", "5", "6", "7", "8"] }}
        inputs = ["{web.url}{{n}}.csv"]
        output = "out/{{n}}"
        copy = true
        """
    )
    silent = threading.Event()

    def faults(asked, path, number):
        if asked == method:
            silent.set()
            return "hang"
        return None

    web.faults = faults
    building = project.start("build", "-j", "4")
    assert silent.wait(30)
    building.send_signal(signal.SIGINT)
    building.communicate(timeout=10)  # a store has 15 seconds for an answer
    assert building.returncode == 130
    assert project.files("out/*") == []
