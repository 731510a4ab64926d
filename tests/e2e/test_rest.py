"""The image of a build with nothing to do: it answers only where a build would answer the same."""

from __future__ import annotations

import os
import shutil
import sys
import time

import pytest

import datamake
from datamake import __version__, image

TEXT = """
[project]
include  = ["parts/*"]
env_file = ".env"

[params]
year = 2013

[targets.all]
inputs = ["raw/**/*.csv", { from = "extra.txt", optional = true }, "given/", "link.txt"]
output = "out/all.csv"
env    = ["GREETING"]
code   = ["lib/*.sh"]
run    = "python3 scripts/all.py {inputs} > {output}"

[targets.each]
foreach = "raw/{n}.csv"
inputs  = ["raw/{n}.csv"]
output  = "out/each/{n}"
run     = "cp {input} {output}"

[targets.folder]
inputs = ["all"]
output = "folder/"
run    = "mkdir {output}/deep; cp {input} {output}/deep/x"

[targets.tell]
inputs = ["all"]
run    = "cat {input} >> told.log"
"""
FILES = {
    "raw/a.csv": "a\n",
    "raw/deep/b.csv": "b\n",
    "given/x": "x\n",
    "given/deep/y": "y\n",
    "elsewhere.txt": "e\n",
    "lib/lib.sh": "",
    "scripts/all.py": "import shutil, sys, helper\nprint(sys.argv)\n",
    "scripts/helper.py": "",
    "parts/one/Datafile.toml": '[targets.one]\noutput = "one.txt"\nrun = "echo > {output}"\n',
    ".env": "OTHER=1\n",
}


@pytest.fixture
def resting(project, monkeypatch):
    """A project that an image says is up to date."""
    monkeypatch.setattr(image, "SETTLED", -60)
    project.datafile(TEXT)
    for path, text in FILES.items():
        project.write(path, text)
    project.path("link.txt").symlink_to("elsewhere.txt")
    project.path("raw/later.csv").symlink_to("../later.txt")
    assert project.build().ok
    assert project.build().ran == []
    assert rests(project)
    return project


def rests(project, *select, profile=""):
    return image.up_to_date(str(project.root), (profile, *select), __version__) is not None


EDITS = {
    "an input": lambda p: p.write("raw/a.csv", "b\n"),
    "an input in a folder": lambda p: p.write("given/deep/y", "z\n"),
    "an input behind a link": lambda p: p.write("elsewhere.txt", "f\n"),
    "a file that a glob matches": lambda p: p.write("raw/new.csv", "new\n"),
    "one deeper": lambda p: p.write("raw/deep/er/new.csv", "new\n"),
    "one in a folder": lambda p: p.write("given/new", "new\n"),
    "one less": lambda p: p.remove("raw/deep/b.csv"),
    "an optional input": lambda p: p.write("extra.txt", "extra\n"),
    "what a link leads to": lambda p: p.write("later.txt", "later\n"),
    "the executable bit": lambda p: p.path("raw/a.csv").chmod(0o755),
    "a script": lambda p: p.write("scripts/all.py", "print(1)\n"),
    "what it imports": lambda p: p.write("scripts/helper.py", "x = 1\n"),
    "a module before it": lambda p: p.write("scripts/helper/__init__.py", ""),
    "one that was not of the project": lambda p: p.write("scripts/shutil.py", ""),
    "declared code": lambda p: p.write("lib/lib.sh", "true"),
    "more of it": lambda p: p.write("lib/more.sh", ""),
    "the Datafile": lambda p: p.datafile(TEXT.replace("cp {input}", "cp -f {input}")),
    "a part": lambda p: p.write("parts/one/Datafile.toml", '[targets.one]\noutput = "o"\nrun = "echo 1 > {output}"\n'),
    "another part": lambda p: p.write("parts/two/Datafile.toml", '[targets.two]\noutput = "o"\nrun = "echo 1 > {output}"\n'),
    "an output": lambda p: p.write("out/all.csv", "mine"),
    "an output gone": lambda p: p.remove("out/each/a"),
    "an output folder gone": lambda p: p.remove("folder"),
    "a file in an output": lambda p: p.write("folder/deep/x", "mine"),
    "a foreign file in an output": lambda p: p.write("folder/deep/mine", "mine"),
    "the variables": lambda p: p.write(".env", "GREETING=hello\n"),
    "the state": lambda p: [p.remove(path) for path in p.files(".datamake/state*")],
}  # fmt: skip


@pytest.mark.parametrize("name", EDITS)
def test_what_changes_is_seen(resting, name):
    """A build has something to do then, and an image says so."""
    EDITS[name](resting)
    assert not rests(resting)
    assert set(resting.build().statuses.values()) != {"up-to-date"} or name == "the state"


def test_variables_are_seen(resting, monkeypatch):
    """Those that count."""
    monkeypatch.setenv("OTHER_VARIABLE", "1")
    assert rests(resting)
    monkeypatch.setenv("GREETING", "1")
    assert not rests(resting)


def test_only_what_was_asked_for_is_known(resting):
    """Another selection or profile is another question."""
    assert not rests(resting, "all")
    assert not rests(resting, profile="ci")
    assert resting.build("all").ran == []
    assert rests(resting, "all")


def test_an_older_content_with_its_times(resting):
    """A file that is replaced by another of the same size and time."""
    path = resting.path("raw/a.csv")
    before = path.stat()
    resting.write("other", "z\n")
    os.utime(resting.path("other"), ns=(before.st_atime_ns, before.st_mtime_ns))
    resting.path("other").replace(path)
    assert not rests(resting)


def test_what_was_just_touched_gives_no_image(resting, monkeypatch):
    """Its times can't be trusted yet."""
    monkeypatch.undo()
    resting.remove(".datamake/image")
    resting.touch("raw/a.csv")
    assert resting.build().ran == []
    assert not resting.exists(".datamake/image")


@pytest.mark.parametrize("how", [b"", bytes(4), b"garbage" * 10, None])
def test_a_damaged_image(resting, how):
    """Is none."""
    content = resting.path(".datamake/image").read_bytes()
    resting.write(".datamake/image", content[:-1] if how is None else how)
    assert not rests(resting)
    assert resting.build().ran == []
    assert rests(resting)


def test_a_nearer_project(resting):
    """Is another one."""
    resting.write("raw/Datafile.toml", "[project]\n")
    assert image.up_to_date(str(resting.path("raw")), ("",), __version__) is None


def test_another_python(project, monkeypatch):
    """Its version counts for a function; an environment says it in a file."""
    monkeypatch.setattr(image, "SETTLED", -60)
    project.datafile("""
        [targets.a]
        output = "a.txt"
        venv = "env"
        python = "work:run"
    """)
    project.write("work.py", "def run(output):\n    open(output, 'w').close()\n")
    project.write("env/pyvenv.cfg", "version = 3.11.1\n")
    project.path("env/bin").mkdir()
    project.path("env/bin/python").symlink_to(sys.executable)
    assert project.build().ran == ["a"]
    assert project.build().ran == []
    assert rests(project)
    project.write("env/pyvenv.cfg", "version = 3.12.1\n")
    assert not rests(project)
    assert project.build().ran == ["a"]


def test_always_is_never_at_rest(project, monkeypatch):
    """Nor what failed, nor what has something to say."""
    monkeypatch.setattr(image, "SETTLED", -60)
    project.datafile('[targets.a]\nalways = true\noutput = "a"\nrun = "echo > {output}"')
    for _ in range(3):
        project.build()
        assert not rests(project)


def test_expiry(project, monkeypatch):
    """What is too old one day is so for an image too."""
    monkeypatch.setattr(image, "SETTLED", -60)
    project.datafile('[targets.a]\nmax_age = "1h"\noutput = "a"\nrun = "echo > {output}"')
    project.build()
    project.build()
    assert rests(project)
    monkeypatch.setattr(image.time, "time", lambda now=image.time.time: now() + 3700)
    assert not rests(project)


def test_an_image_of_another_folder(resting, tmp_path):
    """A copy of the project is looked at."""
    copy = tmp_path / "copy"
    shutil.copytree(resting.root, copy, symlinks=True)
    resting.root = copy
    assert not rests(resting)
    assert resting.build().ran == []


def test_another_datafile(project, monkeypatch):
    """What `-f` builds says nothing of the usual Datafile."""
    monkeypatch.setattr(image, "SETTLED", -60)
    project.datafile('[targets.a]\noutput = "a"\nrun = "echo > {output}"')
    project.write("Other.toml", '[targets.b]\noutput = "b"\nrun = "echo > {output}"')
    for _ in range(2):
        with datamake.load(str(project.path("Other.toml"))) as other:
            assert other.build().ok
    assert not rests(project)


def test_a_project_above(project, monkeypatch):
    """A Datafile without `[project]` is of the one above, as soon as there is one."""
    monkeypatch.setattr(image, "SETTLED", -60)
    project.write("Datafile.toml", '[targets.a]\noutput = "a"\nrun = "echo > {output}"')
    project.build()
    project.build()
    assert rests(project)
    (project.root.parent / "Datafile.toml").write_text('[project]\ninclude = ["project"]\n')
    assert not rests(project)


def test_a_folder_behind_a_link(resting):
    """Has the project that it lies in, not the one that the link lies in."""
    other = resting.root.parent / "other"
    other.mkdir()
    (other / "Datafile.toml").write_text(
        '[project]\n[targets.b]\noutput = "b"\nrun = "echo > {output}"\n'
    )
    (other / "deep").mkdir()
    resting.path("raw/link").symlink_to(other / "deep")
    resting.build()
    assert resting.build().ran == []
    assert rests(resting)
    assert "built b" in resting.command("-C", "raw/link").stderr
    assert resting.command("-C", "raw/nothing").returncode == 2


def test_gone_since_it_was_looked_at(project, monkeypatch):
    """An output that is removed while a build with nothing to do ends."""
    project.datafile('[targets.a]\noutput = "out/a"\nrun = "echo > {output}"')
    project.build()
    monkeypatch.setattr(image, "SETTLED", 0)
    time.sleep(0.2)
    opened = datamake.load(str(project.root))
    assert opened.build().ok
    project.remove("out/a")
    opened.close()
    assert not rests(project)
    assert project.build().statuses == {"a": "restored"}


def test_an_image_that_cannot_be_put_in_place(resting):
    """Leaves nothing behind."""
    resting.remove(".datamake/image")
    resting.write(".datamake/image/here")
    assert resting.build().ran == []
    assert resting.files(".datamake/image*") == [".datamake/image"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_another_build_as_an_image_is_written(project, monkeypatch, when):
    """What it records counts, whether it does so before or after all was looked at."""
    monkeypatch.setattr(image, "SETTLED", -60)
    project.datafile("""
        [params]
        year = 2013
        [targets.tell]
        run = "echo {params.year}"
    """)
    assert project.build().ran == ["tell"]
    looked = image._settled

    def meanwhile(*arguments):
        monkeypatch.setattr(image, "_settled", looked)
        found = looked(*arguments) if when == "after" else None
        assert project.build(params={"year": 2014}).ran == ["tell"]
        return found or looked(*arguments)

    with datamake.load(str(project.root)) as opened:
        assert opened.build().summary["built"] == 0
        monkeypatch.setattr(image, "_settled", meanwhile)
    assert not rests(project)
    assert project.build().ran == ["tell"]


def test_another_build_that_has_the_state_open(project, monkeypatch):
    """And writes nothing to it leaves the image as it is."""
    monkeypatch.setattr(image, "SETTLED", -60)
    project.datafile('[targets.a]\noutput = "a"\nrun = "echo > {output}"')
    project.build()
    with datamake.load(str(project.root)) as other:
        assert other.plan().summary["up-to-date"] == 1
        project.build()
        assert not rests(project)
    assert rests(project)


@pytest.mark.skipif(sys.platform == "darwin", reason="they are one file there")
def test_names_that_are_alike(project, monkeypatch):
    """Were remarked on by the builds before."""
    monkeypatch.setattr(image, "SETTLED", -60)
    project.datafile('[targets.a]\noutputs = ["a", "A"]\nrun = "touch {outputs}"')
    assert "one file" in project.build().notices
    assert "one file" in project.build().notices
    assert rests(project)
