"""What a build is asked for beyond what is stale: since a revision, accepted, reproduced, worked on."""

from __future__ import annotations

import subprocess

import pytest

import datamake
from datamake.acceptance import accept
from datamake.reproduction import reproduce

TWO = """
    [params]
    year = 2013
    [targets.a]
    inputs = ["a.txt"]
    output = "out/a.txt"
    run = "cp {input} {output}"
    [targets.b]
    inputs = ["b.txt"]
    output = "out/b.txt"
    run = "echo {params.year} > {output}"
    [targets.c]
    inputs = ["a"]
    output = "out/c.txt"
    run = "cp {input} {output}"
"""


def git(project, *arguments):
    command = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", *arguments]
    subprocess.run(command, cwd=project.root, check=True, capture_output=True)


@pytest.fixture
def tracked(project):
    """Two targets and one above, in a repository with one commit, not built."""
    project.datafile(TWO)
    project.write("a.txt", "a")
    project.write("b.txt", "b")
    project.write(".gitignore", "out/\n")
    git(project, "init", "-q")
    git(project, "add", ".")
    git(project, "commit", "-qm", "first")
    return project


def test_since_a_revision_nothing_changed_nothing_runs(tracked):
    assert tracked.build(since="HEAD").ran == []


def test_since_a_revision_what_changed_files_affect_runs(tracked):
    """Committed or not, and all below."""
    tracked.write("a.txt", "other")
    assert tracked.build(since="HEAD").ran == ["a", "c"]
    tracked.write("b.txt", "other")
    git(tracked, "commit", "-qam", "second")
    assert tracked.build(since="HEAD~1").ran == ["b"]


def test_since_a_revision_a_changed_declaration_counts_for_its_target(tracked):
    tracked.datafile(TWO.replace("echo {params.year}", "echo the {params.year}"))
    assert tracked.build(since="HEAD").ran == ["b"]


def test_since_a_revision_that_is_none(tracked):
    with pytest.raises(datamake.UsageError) as raised:
        tracked.build(since="nowhere")
    assert str(raised.value) == (
        "`nowhere` is no revision of git\n"
        "  git: fatal: bad revision 'nowhere'\n"
        "  hint: `git fetch` it first: a shallow clone, as in CI, has few revisions"
    )
    with pytest.raises(datamake.UsageError, match=r"^`-x` is no revision of git$"):
        tracked.build(since="-x")


def test_since_needs_a_git_repository(tracked, monkeypatch):
    """And git itself."""
    tracked.remove(".git")
    with pytest.raises(datamake.UsageError) as raised:
        tracked.build(since="HEAD")
    headline, said, hint = str(raised.value).splitlines()
    assert headline == "`--since` needs a git repository, and the project is in none"
    assert said.startswith("  git: fatal: not a git repository (or any ")
    assert hint == "  hint: leave it out: what is stale is found without git"
    monkeypatch.setenv("PATH", "")
    with pytest.raises(
        datamake.UsageError, match=r"^`--since` needs `git`, which is not installed$"
    ):
        tracked.build(since="HEAD")


def test_what_is_accepted_is_up_to_date_until_it_changes(tracked):
    """And is never shared: the cache does not know it."""
    tracked.write("out/a.txt", "by hand")
    with datamake.load(str(tracked.root)) as project:
        assert accept(project, ["a"]) == ["a"]
    assert tracked.build("a").ran == []
    assert tracked.read("out/a.txt") == "by hand"
    tracked.write("a.txt", "other")
    assert tracked.build("a").ran == ["a"]


def test_what_is_not_there_cannot_be_accepted(tracked):
    with datamake.load(str(tracked.root)) as project, pytest.raises(datamake.UsageError) as raised:
        accept(project, ["a"])
    assert str(raised.value) == "`a` cannot be accepted: its output `out/a.txt` is not there"


@pytest.mark.parametrize(
    ("command", "same"), [("cp {input} {output}", True), ("date +%N > {output}", False)]
)
def test_reproducing_compares_bytes(project, command, same):
    """What is there stays, whatever comes out."""
    project.datafile(f'[targets.a]\ninputs = ["a.txt"]\noutput = "out/a.txt"\nrun = "{command}"')
    project.write("a.txt", "a")
    assert project.build().ok
    before = project.read("out/a.txt")
    with datamake.load(str(project.root)) as opened:
        found = reproduce(opened, "a")
    assert (found["same"], found["error"]) == (same, None)
    assert (found["outputs"][0]["old"] == found["outputs"][0]["new"]) is same
    assert project.read("out/a.txt") == before
    assert project.build().ran == []


def test_reproducing_finds_what_is_read_but_not_declared(project):
    """The clean folder holds inputs and code and nothing else."""
    project.datafile('[targets.a]\noutput = "a.txt"\nrun = "cat secret*.txt > {output}"')
    project.write("secret.txt", "x")
    assert project.build().ok
    with datamake.load(str(project.root)) as opened:
        found = reproduce(opened, "a")
    assert not found["same"]
    assert found["error"] == "exit status 1"


def test_instances_found_during_a_build_are_reproduced(project):
    """And what needs them; before a build they are not known."""
    project.datafile("""
        [targets.split]
        output = "parts/"
        run = "echo 1 > {output}/a; echo 2 > {output}/b"
        [targets.each]
        foreach = "parts/{name}"
        inputs = ["parts/{name}"]
        output = "each/{name}"
        run = "cp {input} {output}"
        [targets.all]
        inputs = ["each[*]"]
        output = "all.txt"
        run = "cat {inputs} > {output}"
    """)
    with (
        datamake.load(str(project.root)) as opened,
        pytest.raises(
            datamake.UsageError, match=r"^the instances of `each\[\*\]` are not known yet"
        ),
    ):
        reproduce(opened, "each")
    assert project.build().ok
    for name in ("all", "each[b]"):
        with datamake.load(str(project.root)) as opened:
            assert reproduce(opened, name)["same"]


def test_an_env_file_never_overrides_the_environment(project, monkeypatch):
    project.datafile("""
        [project]
        env_file = "vars"
        [targets.a]
        output = "a.txt"
        env = ["DM_ONE", "DM_TWO"]
        run = "echo $DM_ONE $DM_TWO > {output}"
    """)
    project.write("vars", "# comment\nexport DM_ONE='from file'\nDM_TWO=from file\n")
    monkeypatch.setenv("DM_TWO", "from outside")
    assert project.build().ok
    assert project.read("a.txt") == "from file from outside\n"
    project.write("vars", "DM_ONE=changed\n")
    assert project.build().ran == ["a"]
    assert project.build().ran == []


def test_a_work_folder_survives_failures_and_goes_with_success(project):
    project.datafile("""
        [targets.a]
        inputs = ["a.txt"]
        output = "out.txt"
        run = "echo x >> {work}/tries; test $(wc -l < {work}/tries) -ge 3; cp {work}/tries {output}"
        implicit = false
    """)
    project.write("a.txt", "a")
    assert not project.build().ok
    assert not project.build().ok
    assert project.build().ok
    assert project.read("out.txt") == "x\nx\nx\n"
    assert not list((project.root / ".datamake/work").rglob("tries"))


def test_an_output_never_takes_the_place_of_a_datafile(project):
    project.datafile('[targets.a]\noutput = "Datafile.toml"\nrun = "true > {output}"')
    with pytest.raises(datamake.DatafileError) as raised:
        project.build()
    assert str(raised.value) == (
        "Datafile.toml:2:10: `a` would write over `Datafile.toml`, which declares the project"
    )


@pytest.mark.parametrize(
    ("option", "headline"),
    [
        ({"jobs": -1}, "`jobs` is a whole number from 1, not `-1`"),
        ({"job": 2}, "no option `job`"),
        ({"cache": "on"}, "no cache mode `on`"),
    ],
)
def test_a_wrong_option_from_python_is_wrong_use(tracked, option, headline):
    with datamake.load(str(tracked.root)) as project, pytest.raises(datamake.UsageError) as raised:
        project.build(**option)
    assert raised.value.headline == headline


def test_a_script_is_reproduced(project):
    """A command that runs a script of the project, which imports another."""
    project.write("make.py", "import other\nprint(other.VALUE)\n")
    project.write("other.py", "VALUE = 7\n")
    project.datafile("""
[targets.a]
output = "a.txt"
run = "python make.py > {output}"
""")
    project.build()
    with datamake.load(str(project.root)) as opened:
        found = reproduce(opened, "a")
    assert (found["same"], found["error"]) == (True, None)
