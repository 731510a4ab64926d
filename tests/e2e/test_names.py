"""Hostile names and scripts: what a person writes reaches the command as it is."""

from __future__ import annotations

import os
import sys

import pytest

NAMES = [
    "with space.txt",
    "it's.txt",
    'say "x".txt',
    "new\nline.txt",
    "tab\there",
    "dollar $HOME `id`.txt",
    "$(touch pwned)",
    "a;touch pwned",
    "-rf",
    "--help",
    "~",
    "naïve 数据.txt",
    "back\\slash",
    "percent%20.txt",
    "hash#.txt",
    "equals=x",
    "ä" * 100,
]


def quoted(text):
    """As a TOML string."""
    import json

    return json.dumps(text)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "action",
    [
        'run = "cat {input} > {output}"',
        'run = "cp {input} {output}"',
        'argv = ["cp", "{input}", "{output}"]',
    ],
)
def test_any_name(project, name, action):
    """Inputs and outputs of any name are read and written, and nothing else happens."""
    project.datafile(
        f"[targets.t]\ninputs = [{quoted('in/' + name)}, {quoted(name)}]\n"
        f"output = {quoted('out/' + name)}\n{action}\n"
    )
    project.write(f"in/{name}", "content")
    project.write(name, "other")
    result = project.build()
    assert (result.ran, result.errors) == (["t"], {})
    assert project.read(f"out/{name}") == "content"
    assert not project.exists("pwned")
    assert project.build().ran == []
    project.write(name, "OTHER")
    assert project.build().ran == ["t"]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_of_a_top_file(project, name):
    """Also without a folder before it, where a dash would begin an option."""
    project.datafile(
        f"[targets.t]\ninputs = [{quoted('./' + name)}]\noutput = {quoted(name + '.out')}\n"
        'run = "cp {input} {output}; test -e {input}"\n'
    )
    project.write(name, "content")
    assert project.build().ran == ["t"]
    assert project.read(f"{name}.out") == "content"
    assert project.build().ran == []


@pytest.mark.parametrize("name", [*NAMES, b"caf\xe9.txt".decode("utf-8", "surrogateescape")])
def test_any_name_that_a_glob_finds(project, name):
    """Also names that are no text."""
    project.datafile("""
        [targets.t]
        foreach = "in/{name}"
        inputs = ["in/{name}"]
        output = "out/{name}"
        run = "cp {input} {output}"
        [targets.all]
        inputs = ["in/*"]
        output = "all/"
        run = "cp {inputs} {output}"
    """)
    (project.root / "in").mkdir()
    path = os.fsencode(project.root / "in") + b"/" + os.fsencode(name)
    with open(path, "w") as file:
        file.write("content")
    result = project.build()
    assert (len(result.ran), result.errors) == (2, {})
    assert os.listdir(project.root / "out") == os.listdir(project.root / "all") == [name]
    assert project.build().ran == []
    project.remove("all")
    assert project.build().restored == ["all"]


@pytest.mark.parametrize("name", ["[x].txt", "a*.txt", "what?.txt", "{a,b}", "{{x}}"])
def test_a_file_of_that_very_name_is_meant(project, name):
    """A string that is exactly a file's path is that file, whatever its characters."""
    shown = name.strip("{}") if name == "{{x}}" else name
    shown = "{x}" if name == "{{x}}" else shown
    project.datafile(
        f'[targets.t]\ninputs = [{quoted(name)}]\noutput = "t"\nrun = "cp {{input}} {{output}}"\n'
    )
    project.write(shown, "content")
    project.write("abc.txt", "other")
    assert project.build().ran == ["t"]
    assert project.read("t") == "content"


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ("awk '{print $1}' {input} > {output}", "a\nc\n"),
        ("awk '{ n += NF } END { print n }' {input} > {output}", "4\n"),
        ("echo ${HOME:+home} $(head -n 1 {input}) > {output}", "home a b\n"),
        ("echo {x,y}{1,2} > {output}", "x1 x2 y1 y2\n"),
        ("sort -r {input} | head -n 1 > {output}", "c d\n"),
        ("echo {{input}} > {output}", "{input}\n"),
        ("x=1; echo $((x + 1)) > {output}", "2\n"),
        ("for i in 1 2; do echo $i; done > {output}", "1\n2\n"),
        ("cat <<< hello > {output}", "hello\n"),
        ("cat > {output} <<EOF\\nit's\\nEOF", "it's\n"),
        ("[[ a == a ]] && echo yes > {output}", "yes\n"),
        ("cp {input} {output} # 'not this", "a b\nc d\n"),
        ("printf '%s' 'it'\\\\''s' > {output}", "it's"),
    ],
)
def test_shell_text_stays_as_it_is(project, run, expected):
    """Only a brace pair around exactly a placeholder's name is one."""
    project.datafile(f'[targets.t]\ninputs = ["in.txt"]\noutput = "t"\nrun = """{run}"""\n')
    project.write("in.txt", "a b\nc d\n")
    result = project.build()
    assert (result.ran, result.errors) == (["t"], {})
    assert project.read("t") == expected
    assert project.build().ran == []


@pytest.mark.parametrize(
    "run",
    [
        "false | cat > {output}",
        "cat none.txt | sort > {output}",
        "echo $UNSET_VARIABLE > {output}",
        "false; touch {output}",
        "touch {output}; exit 3",
        "no-such-command {output}",
        "x=$(false); touch {output}",
    ],
)
def test_what_fails_fails(project, run):
    """Anywhere in a pipe, in a substitution, by an unset variable."""
    project.datafile(f'[targets.t]\noutput = "t"\nrun = "{run}"\n')
    result = project.build()
    assert (result.statuses, result.exit_code) == ({"t": "failed"}, 1)
    assert not project.exists("t")


def test_control_characters_do_not_reach_the_terminal(project):
    """Names from outside are stripped of them."""
    project.datafile("""
        [targets.t]
        foreach = "in/{name}"
        inputs = ["in/{name}"]
        output = "out/{name}"
        run = "cp {input} {output}"
    """)
    project.write("in/\x1b[31mred\x07[/bold]", "")
    done = project.command("build", "-v")
    assert done.returncode == 0
    assert not {"\x1b", "\x07"} & set(done.stdout + done.stderr)


def test_an_input_behind_a_linked_folder(project):
    """Is built first, also before what the link leads to is there."""
    project.datafile("""
        [targets.b]
        inputs = ["ln/x"]
        output = "b"
        run = "cp {input} {output}"
        [targets.a]
        inputs = ["src.txt"]
        output = "real/deep/x"
        run = "cp {input} {output}"
    """)
    project.write("src.txt", "1")
    project.path("ln").symlink_to("real/deep")
    assert project.build().ran == ["a", "b"]
    assert project.build().ran == []
    project.write("src.txt", "2")
    assert project.plan() == {"a": "run", "b": "maybe"}
    assert project.build().ran == ["a", "b"]
    assert project.read("b") == "2"
    project.path("ln").unlink()
    project.write("ln/x", "3")
    assert project.build().ran == ["b"]
    assert project.read("b") == "3"


def test_an_output_behind_a_linked_folder(project, tmp_path):
    """Is refused outside of the project; a folder output may itself be a link to there."""
    project.datafile('[targets.a]\noutput = "out/x"\nrun = "echo > {output}"')
    (tmp_path / "big").mkdir()
    project.path("out").symlink_to(tmp_path / "big")
    done = project.command("build")
    assert done.returncode == 2
    assert done.stderr == (
        "Datafile.toml:3:1: the output `out/x` lies outside the project\n"
        f"  `out` leads to `{tmp_path / 'big'}`\n"
        "  hint: name a place in the project; a folder output may itself be a link to another disk\n"
    )
    project.datafile('[targets.a]\noutput = "out/"\nrun = "echo > {output}/x"')
    assert project.build().ran == ["a"]
    assert project.build().ran == []
    assert [path.name for path in (tmp_path / "big").iterdir()] == ["x"]
    (tmp_path / "big" / "x").unlink()
    assert project.build().restored == ["a"]
    assert project.path("out").is_symlink()


@pytest.mark.skipif(sys.platform == "darwin", reason="they are one file there")
def test_outputs_whose_names_are_alike(project):
    """Are remarked on once a build, and in a plan."""
    project.datafile("""
        [targets]
        a = { output = "out", run = "echo > {output}" }
        b = { output = "OUT", run = "echo > {output}" }
    """)
    line = (
        "`out` and `OUT`, outputs of `a` and `b`: "
        "where names ignore case, as on macOS, they are one file\n"
    )
    assert project.command("build", "-n").stdout.count(line) == 1
    assert project.command("build").stderr.count(line) == 1
    assert project.command("build").stderr.count(line) == 1


def test_an_output_whose_name_looks_like_a_pattern(project):
    """Reaches what needs it, also before it is there."""
    project.datafile("""
        [targets.one]
        output = "o[1].txt"
        run = "echo hi > {output}"

        [targets.two]
        inputs = ["o[1].txt"]
        output = "two.txt"
        run = "cp {input} {output}"
    """)
    assert project.build().ran == ["one", "two"]
    assert project.read("two.txt") == "hi\n"
