"""What carrying out an action comes to: its arguments, its outputs, what is stored of them."""

from __future__ import annotations

import os
import shutil
import subprocess

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from processes import soon

from datamake.action import Action, Checking, Piece, Slot, Tabular, View
from datamake.cache import Cache
from datamake.datafile.checks import Check
from datamake.errors import EnvironmentFailed
from datamake.files import fresh_digest
from datamake.model import Output, Part, Surroundings, Target, Written
from datamake.recipes import Script
from datamake.storage.memory import MemoryStorage
from datamake.tables import reading
from datamake.transforms import Workshop
from datamake.transforms.command import BASH, BUILTINS, argv, direct
from datamake.values import replace

# Arguments


def made(template, values=(), which=shutil.which, **around):
    kind = "run" if isinstance(template, str) else "argv"
    surroundings = Surroundings(**around)
    target = Target("a", "a", kind, Part(""), template=template, surroundings=surroundings)
    return argv(target, dict(values), which)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("cp a b", ["cp", "a", "b"]),
        ("\n  cp\ta   b\n", ["cp", "a", "b"]),
        (
            "python -m x --y=1 z:2,3 @4 5% ^6",
            ["python", "-m", "x", "--y=1", "z:2,3", "@4", "5%", "^6"],
        ),
        ("""./x 'a b' "c d" e'f'"g" ''""", ["./x", "a b", "c d", "efg", ""]),
        ("cp 'a\nb' ä", ["cp", "a\nb", "ä"]),
        ("""cp 'it'"'"'s' x""", ["cp", "it's", "x"]),
    ],
)
def test_a_plain_command_needs_no_shell(script, words):
    """Its words are what the shell would make of them."""
    assert made(script) == tuple(words)
    shell = subprocess.run(
        ["bash", "-c", f'printf "%s\\0" {script.strip()}'], capture_output=True, check=True
    )
    assert shell.stdout.decode() == "".join(f"{word}\0" for word in words)


@pytest.mark.parametrize(
    "script",
    [
        *["a | b", "a && b", "a; b", "a > b", "a $b", "a `b`", "a *.csv", "a ?", "a [b]", "a ~/b"],
        *['a "$b"', 'a "b!"', "a b\\ c", "a # b", "a {b,c}", "! a", "(a)", "a\nb", "a &", "a 'b"],
        *[
            "A=1 b",
            "A+=1",
            "cd b",
            "echo b",
            "'cd' b",
            "exec b",
            "if",
            "[ a ]",
            "",
            "'' a",
            'a "\\n"',
        ],
    ],
)
def test_all_else_is_for_the_shell(script):
    """As the script's author wrote it."""
    assert direct(script) is None
    assert made(script) == (*BASH, script)


def test_builtins_of_bash():
    """None of this machine's bash is missing, but those that shell syntax starts with."""
    listed = subprocess.run(
        ["bash", "-c", "compgen -bk"], capture_output=True, check=True, text=True
    )
    assert set(listed.stdout.split()) - BUILTINS == {"[", "[[", "]]", "{", "}", "!"}


def test_without_bash():
    """There is always `sh`."""
    assert made("a; b", which=lambda _: None) == ("sh", "-eu", "-c", "a; b")


def test_a_shell_that_is_set_is_always_used():
    """The script is its last argument, whatever it holds."""
    shell = ("docker", "run", "x", "bash", "-euc")
    assert made("cp a b", shell=shell) == (*shell, "cp a b")


def test_placeholders():
    """In a script each value is quoted; of an argument list one element may become several."""
    values = {"inputs": ["a b", "c"], "output": "o"}
    assert made("cp {inputs} {output}", values) == ("cp", "a b", "c", "o")
    assert made("cat {inputs} > {output}", values) == (*BASH, "cat 'a b' c > o")
    template = ("cp", "{inputs}", "--to={output}", "a; b")
    assert made(template, values) == ("cp", "a b", "c", "--to=o", "a; b")


# Outputs


@pytest.fixture
def workshop():
    opened = Workshop(Cache(MemoryStorage()))
    yield opened
    opened.close()


@pytest.fixture
def action(tmp_path):
    """Makes the action of a script with outputs `a` staged, `b` in place, a folder ends in `/`."""
    staging = tmp_path / "staging"
    staging.mkdir()

    def made(script, staged=(), placed=(), **fields):
        slots = [slot(path, staging / os.path.basename(path.rstrip("/")), True) for path in staged]
        slots += [slot(path, tmp_path / path, False) for path in placed]
        common = {
            "argv": ("bash", "-euc", script),
            "cwd": str(tmp_path),
            "env": {**os.environ, "DATAMAKE_ROOT": str(tmp_path)},
            "log": str(tmp_path / "logs" / "x.log"),
            "slots": tuple(slots),
            "staging": str(staging) if staged else "",
        }
        return Action("t", **{"kind": "run", **common, **fields})

    def slot(path, place, staged):
        folder = path.endswith("/")
        if folder:
            place.mkdir()
        output = Output(path.rstrip("/"), path.upper(), folder, staged)
        return Slot(output, str(place))

    return made


def test_what_was_written(workshop, action, tmp_path):
    """Each output with its digest, in order; all of it is in the cache."""
    script = "echo 1 > staging/x; mkdir staging/y/z; echo 2 > staging/y/z/f; echo 3 > b; chmod +x b"
    result = workshop.execute(action(script, ["out/x", "y/"], ["b"]))
    digests = [fresh_digest(str(tmp_path / path)) for path in ("staging/x", "staging/y", "b")]
    assert result.error is None
    assert result.outputs == (
        Written("out/x", digests[0], "OUT/X"),
        Written("y", digests[1], "Y/"),
        Written("b", digests[2], "B"),
    )
    assert (digests[1][-2:], digests[2][-2:]) == ("2/", "2x")
    assert result.stored
    assert all(map(workshop.cache.has, digests))


def test_what_is_not_to_be_cached(workshop, action):
    """Is not stored."""
    result = workshop.execute(action("echo 1 > b", [], ["b"], cache=False))
    assert (result.error, result.stored) == (None, False)
    assert not workshop.cache.has(result.outputs[0].digest)


def test_without_outputs(workshop, action):
    """Success is all there is."""
    result = workshop.execute(action("true"))
    assert (result.error, result.outputs) == (None, ())


def test_a_failed_action_has_no_outputs(workshop, action):
    """Whatever it wrote."""
    result = workshop.execute(action("echo 1 > staging/x; echo why; exit 2", ["x"]))
    assert (result.error, result.facts) == ("exit status 2", ("why",))
    assert (result.outputs, result.stored) == ((), False)


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("true", "did not write `out/x`"),
        ("ln -s nowhere staging/x", "did not write `out/x`"),
        ("mkfifo staging/x", "`out/x` is not a regular file"),
        ("ln -s /dev/null staging/x", "`out/x` is a symbolic link to what lies outside the project: `/dev/null`"),
        ("ln -s /etc/passwd staging/x", "`out/x` is a symbolic link to what lies outside the project: `/etc/passwd`"),
        ("touch staging/f; ln -s f staging/x", "`out/x` is a symbolic link into the staging folder"),
        ("mkdir staging/x", "`out/x` is declared as a file, but a folder was written: a folder ends in `/`"),
        ("touch staging/x staging/f", "left what is not declared as its output: `f`"),
        ("touch staging/x; mkdir staging/b staging/a", "left what is not declared as its output: `a`, `b`"),
        (
            "touch staging/x staging/{a,b,c,d,e,f,g,h,i,j,k,l}",
            "left what is not declared as its output: `a`, `b`, `c`, `d`, `e`, `f`, `g`, `h`, `i`, `j` and 2 more",
        ),
    ],
)  # fmt: skip
def test_what_is_no_output(workshop, action, script, error):
    """Fails the action."""
    result = workshop.execute(action(script, ["out/x"]))
    assert (result.error, result.outputs) == (error, ())


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("true", "wrote nothing into `y/`"),
        ("rmdir staging/y", "did not write `y/`"),
        ("rmdir staging/y; touch staging/y", "`y/` is declared as a folder, but a file was written"),
        ("mkfifo staging/y/p", "`y/p` is neither a file nor a folder"),
        ("ln -s ../x staging/y/l", "`y/l` is a symbolic link that leads out of its folder"),
    ],
)  # fmt: skip
def test_what_is_no_folder(workshop, action, script, error):
    """Fails the action too."""
    result = workshop.execute(action(script, ["y/"]))
    assert (result.error, result.outputs) == (error, ())


def test_all_that_is_wrong_is_said(workshop, action):
    """The first is the error, the others are facts, and so is the end of the log."""
    result = workshop.execute(action("echo why; touch staging/f", ["x"], ["b"]))
    assert (result.error, result.facts) == (
        "did not write `x`",
        ("did not write `b`", "left what is not declared as its output: `f`", "why"),
    )


@pytest.mark.parametrize(("script", "path"), [("echo 1 > f", "x"), ("mkdir f; echo 1 > f/g", "x/")])
def test_a_link_to_what_is_in_the_project(workshop, action, tmp_path, script, path):
    """Its content is taken, so that the output stays what it is when the other changes."""
    script += "; rm -rf staging/x; ln -s ../f staging/x"
    result = workshop.execute(action(script, [path]))
    assert result.error is None
    assert not (tmp_path / "staging" / "x").is_symlink()
    assert result.outputs[0].digest == fresh_digest(str(tmp_path / "f"))
    assert os.listdir(tmp_path / "staging") == ["x"]


def test_outputs_of_the_same_name(workshop, action, tmp_path):
    """Each lies in a folder of its own in the staging folder, which is not undeclared."""
    slots = []
    for number, path in enumerate(("a/x", "b/x")):
        (tmp_path / "staging" / str(number)).mkdir(parents=True)
        place = str(tmp_path / "staging" / str(number) / "x")
        slots.append(Slot(Output(path, staged=True), place))
    fields = {"slots": tuple(slots), "staging": str(tmp_path / "staging")}
    result = workshop.execute(action("touch staging/0/x staging/1/x", **fields))
    assert [output.path for output in result.outputs] == ["a/x", "b/x"]
    result = workshop.execute(action("touch staging/0/y", **fields))
    assert result.error == "left what is not declared as its output: `0/y`"


# Copies


def copies(tmp_path, *pairs):
    return {
        "kind": "copy",
        "copies": tuple((str(tmp_path / a), str(tmp_path / b)) for a, b in pairs),
    }


def test_copies(workshop, action, tmp_path):
    """Of files and folders, with all that is in them, executable bits and links."""
    (tmp_path / "f").write_text("1")
    (tmp_path / "d" / "e").mkdir(parents=True)
    (tmp_path / "d" / "g").write_text("2")
    (tmp_path / "d" / "g").chmod(0o755)
    (tmp_path / "d" / "l").symlink_to("g")
    pairs = copies(tmp_path, ("f", "staging/x"), ("d/", "staging/y/"))
    result = workshop.execute(action("", ["x", "y/"], **pairs))
    assert result.error is None
    sources = [fresh_digest(str(tmp_path / path)) for path in ("f", "d")]
    assert [output.digest for output in result.outputs] == sources
    assert os.readlink(tmp_path / "staging" / "y" / "l") == "g"


@pytest.mark.parametrize(
    ("make", "error"),
    [
        ("true", "cannot copy `f`: No such file or directory"),
        ("mkfifo f", "cannot copy `f`: not a regular file"),
        ("mkdir f; mkfifo f/p", "cannot copy `f`: not a regular file"),
        ("touch f staging/x", "cannot copy `f`: File exists"),
    ],
)
def test_what_cannot_be_copied(workshop, action, tmp_path, make, error):
    """Is named."""
    subprocess.run(["bash", "-c", make], cwd=tmp_path, check=True)
    pairs = copies(tmp_path, ("f", "staging/x"))
    assert workshop.execute(action("", ["x"], **pairs)).error == error


def test_a_full_disk(workshop, action, tmp_path):
    """Ends the build, and says where."""
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")
    (tmp_path / "x.log").symlink_to("/dev/full")
    with pytest.raises(EnvironmentFailed) as caught:
        workshop.execute(action("echo 1 > b", [], ["b"], log=str(tmp_path / "x.log"), argv=("ls",)))
    assert str(caught.value) == f"cannot write `{tmp_path}/x.log`\n  No space left on device"


# Restoring


def test_restoring(workshop, action, tmp_path):
    """Puts what the cache has where the action says; what it does not have is said."""
    outputs = workshop.execute(action("echo 1 > b", [], ["b"])).outputs
    place = str(tmp_path / "staging" / "0")
    restoring = Action("t", "restore", copies=((outputs[0].digest, place),), staging="staging")
    assert workshop.execute(restoring).error is None
    assert fresh_digest(place) == outputs[0].digest
    restoring = Action("t", "restore", copies=(("0" * 32 + "-1", place),))
    lost = workshop.execute(restoring)
    assert (lost.error, lost.lost) == ("its content is not in the cache any more", True)


# Tables that are read on the way


class Ends(set):
    """The courses of a workshop, none of which goes on for long."""

    def __init__(self, workshop):
        super().__init__()
        self.workshop = workshop

    def add(self, course):
        super().add(course)
        if course.action.timeout is None:
            self.workshop.cancel(at_once=False)
        else:
            assert soon(lambda: course.late)


@pytest.mark.parametrize(("timeout", "said"), [(None, "interrupted"), (0.01, "took longer than")])
@pytest.mark.parametrize("part", ["query", "check", "copy", "digest"])
def test_what_reads_a_table_can_be_ended(
    workshop, action, part, timeout, said, tmp_path, monkeypatch
):
    """By the build, and by the time that it may take: before it has read a block more."""
    blocks = []
    monkeypatch.setattr(reading, "completed", lambda batch, *_: blocks.append(1) or batch)
    path = str(tmp_path / "t.parquet")
    pq.write_table(pa.table({"a": range(1000)}), path)
    view = View("t", (Piece((path,)),))
    if part == "query":
        asked = action("", ["x.csv"], kind="sql", tabular=Tabular(Script("from t"), (view,)))
    elif part == "check":
        checking = Checking(None, (Check("not_null", "a", ("a",)),), view, root=str(tmp_path))
        asked = action("", kind="check", checking=checking)
    elif part == "copy":
        asked = action(
            "touch begun", projections=((view, str(tmp_path / "columns" / "0" / "t.parquet")),)
        )
    else:
        copies = ((path, str(tmp_path / "staging" / "x.parquet")),)
        asked = action("", ["x.parquet"], kind="copy", copies=copies, as_tables=True)
    workshop.courses = Ends(workshop)
    result = workshop.execute(replace(asked, timeout=timeout))
    assert result.error.startswith(said)
    assert not blocks
    assert not os.path.exists(tmp_path / "begun")
