"""What makes a target stale, and what doesn't: the truth table that other tools get wrong."""

from __future__ import annotations

import os
import shutil

import pytest

CHAIN = """
[targets.a]
inputs = ["src.txt"]
output = "a.txt"
run = "head -n 1 {input} > {output}"

[targets.b]
inputs = ["a"]
output = "b.txt"
run = "sed s/x/y/ {input} > {output}"

[targets.c]
inputs = ["b"]
output = "c.txt"
run = "cat {input} {input} > {output}"
"""
ABC = ["a", "b", "c"]


@pytest.fixture
def chain(project):
    """A chain that is up to date; a keeps the first line of its input."""
    project.datafile(CHAIN)
    project.write("src.txt", "one\ntwo\n")
    assert project.build().ran == ABC
    return project


def test_touch(chain):
    """The same content at another time: nothing runs."""
    chain.touch("src.txt")
    chain.touch("b.txt")
    assert chain.build().ran == []


def test_early_cutoff(chain):
    """An output that comes out the same leaves all below it up to date."""
    chain.write("src.txt", "one\nother\n")
    assert chain.build().ran == ["a"]
    assert chain.build().ran == []


def test_back_to_a_content_once_built(chain):
    """Its results are restored."""
    chain.write("src.txt", "ONE\n")
    assert chain.build().ran == ABC
    chain.write("src.txt", "one\ntwo\n")
    assert chain.build().ran == []
    assert chain.read("c.txt") == "one\none\n"
    assert chain.build().statuses == dict.fromkeys(ABC, "up-to-date")


@pytest.mark.parametrize("aged", [True, False])
def test_content_changed_with_size_and_times_kept(chain, aged):
    """Is seen: by its change time, or because its time is too near to be trusted."""
    if aged:
        chain.later(10)
        assert chain.build().ran == []
    path = chain.path("src.txt")
    before = path.stat()
    with path.open("r+b") as file:
        file.write(b"TWO\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert path.stat().st_size == before.st_size
    assert chain.build().ran == ABC


def test_final_output_deleted(chain):
    """It is restored."""
    chain.remove("c.txt")
    result = chain.build()
    assert (result.ran, result.restored) == ([], ["c"])
    assert chain.read("c.txt") == "one\none\n"


def test_output_between_deleted(chain):
    """It isn't needed, hence not brought back for those who only build what is below it."""
    chain.remove("b.txt")
    result = chain.build("c")
    assert (result.ran, result.restored) == ([], [])
    assert not chain.exists("b.txt")
    chain.remove("c.txt")
    assert chain.build("c").restored == ["c"]


def test_output_tampered_with(chain):
    """What is right comes back, and the other is set aside."""
    chain.write("b.txt", "mine\n")
    result = chain.build()
    assert (result.ran, result.restored) == ([], ["b"])
    assert chain.read("b.txt") == "one\n"
    assert [chain.read(path) for path in chain.files(".datamake/displaced/*/b.txt")] == ["mine\n"]
    assert "b.txt" in result.notices
    assert chain.build().restored == []


def test_command_changed(chain):
    """Runs; the same result is a cutoff."""
    chain.datafile(CHAIN.replace("sed s/x/y/", "sed s/y/z/"))
    assert chain.build().ran == ["b"]
    assert chain.build().ran == []
    chain.datafile(CHAIN.replace("sed s/x/y/", "sed s/o/0/"))
    assert chain.build().ran == ["b", "c"]


def test_command_fails_half_way(chain):
    """The half output is never seen, the old one stays."""
    chain.datafile(CHAIN.replace("sed s/x/y/ {input} > {output}", "echo half > {output}; false"))
    result = chain.build()
    assert result.statuses == {"a": "up-to-date", "b": "failed", "c": "blocked"}
    assert (chain.read("b.txt"), chain.read("c.txt")) == ("one\n", "one\none\n")
    chain.datafile(CHAIN)
    assert chain.build().ran == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[targets.a]", "# a comment\n\n[targets.a]"),
        ("[targets.b]", '[targets.b]\ndescription = "b"\ntags = ["x"]\nowner = "me"'),
        ("[targets.b]", "[targets.b]\ncpus = 2\ntimeout = 60\nretries = 2\npriority = 1"),
        ("[targets.b]", "[params]\nyear = 2013\n\n[targets.b]"),
        ('run = "cat', 'run="cat'),
        ("[targets.c]", '[targets.other]\noutput = "o"\nrun = "touch {output}"\n\n[targets.c]'),
    ],
)
def test_what_doesnt_count(chain, old, new):
    """Comments, layout, descriptions, resources, params and targets that it doesn't use."""
    chain.datafile(CHAIN.replace(old, new))
    assert chain.build(*ABC).ran == []


def test_the_order_of_targets_doesnt_count(chain):
    """Nor does their place in the file."""
    parts = CHAIN.split("\n\n")
    chain.datafile("\n\n".join(reversed(parts)))
    assert chain.build().ran == []


def test_another_checkout(chain):
    """A project that is copied elsewhere is up to date there."""
    copy = chain.root.parent / "elsewhere"
    shutil.copytree(chain.root, copy, symlinks=True)
    chain.root = copy
    assert chain.build().ran == []


def test_the_state_may_be_deleted(chain):
    """The cache still knows."""
    for path in chain.files(".datamake/state*"):
        chain.remove(path)
    assert chain.build().ran == []
    chain.remove(".datamake")
    assert chain.build().ran == ABC


def test_outputs_renamed(chain):
    """An output at another place is moved there by the cache, not made again."""
    chain.datafile(CHAIN.replace('"c.txt"', '"deep/c.txt"'))
    result = chain.build()
    assert (result.ran, result.restored) == ([], ["c"])
    assert chain.read("deep/c.txt") == "one\none\n"


CODE = """
[targets.a]
inputs = ["src.txt"]
output = "a.txt"
code = ["conf/*.toml"]
run = "bash scripts/a.sh {input} {output}"
"""


def test_code_counts(project):
    """Declared code, the script, and what the script runs and imports; and nothing beside."""
    project.datafile(CODE)
    project.write("src.txt", "1")
    project.write("conf/one.toml", "1")
    project.write("scripts/a.sh", 'cp "$1" "$2"; python3 scripts/b.py')
    project.write("scripts/b.py", "import lib")
    project.write("scripts/lib.py", "")
    project.write("scripts/unused.py", "")
    assert project.build().ran == ["a"]
    assert project.build().ran == []
    for path in ("conf/one.toml", "scripts/a.sh", "scripts/b.py", "scripts/lib.py"):
        project.write(path, project.read(path) + "\n# changed\n")
        result = project.build()
        assert (path, result.ran, result.codes["a"]) == (path, ["a"], ["code-changed"])
    project.write("scripts/unused.py", "changed")
    assert project.build().ran == []
    project.write("conf/two.toml", "2")
    assert project.build().ran == ["a"]
    assert project.build().ran == []


def test_implicit_code_can_be_turned_off(project):
    """Then only what is declared counts."""
    project.datafile(CODE.replace('code = ["conf/*.toml"]', "implicit = false"))
    project.write("src.txt", "1")
    project.write("scripts/a.sh", 'cp "$1" "$2"')
    assert project.build().ran == ["a"]
    project.write("scripts/a.sh", 'cp -f "$1" "$2"')
    assert project.build().ran == []


def test_an_output_named_in_a_command_is_an_input(project):
    """With its edge; also in a script."""
    project.datafile("""
        [targets]
        use = { output = "use.txt", run = "bash use.sh > {output}" }
        made = { inputs = ["src.txt"], output = "made.txt", run = "cp {input} {output}" }
    """)
    project.write("src.txt", "1")
    project.write("use.sh", "cat made.txt")
    assert project.build().ran == ["made", "use"]
    assert project.build().ran == []
    project.write("src.txt", "2")
    assert project.build("use").ran == ["made", "use"]
    assert project.build().ran == []


def test_a_script_that_is_made(project):
    """A target's script may be another target's output; a new one counts once."""
    project.datafile("""
        [targets]
        script = { inputs = ["name.txt"], output = "made.sh", run = '(echo cat "$(cat {input})") > {output}' }
        use = { output = "use.txt", run = "bash made.sh > {output}" }
    """)
    project.write("name.txt", "x.txt")
    project.write("x.txt", "x")
    project.write("y.txt", "y")
    assert project.build().ran == ["script", "use"]
    assert project.build().ran == []
    project.write("name.txt", "y.txt")
    assert project.build().ran == ["script", "use"]
    assert project.read("use.txt") == "y"
    assert project.build().ran == []


def test_a_glob_grows_and_shrinks(project):
    """A file more or less is another input."""
    project.datafile("""
        [targets.all]
        inputs = ["raw/*.csv"]
        output = "all.csv"
        run = "cat {inputs} > {output}"
    """)
    project.write("raw/b.csv", "b\n")
    assert project.build().ran == ["all"]
    project.write("raw/a.csv", "a\n")
    result = project.build()
    assert (result.ran, result.codes["all"]) == (["all"], ["input-added"])
    assert project.read("all.csv") == "a\nb\n"
    project.remove("raw/b.csv")
    result = project.build()
    assert (result.ran, result.codes["all"]) == (["all"], ["input-removed"])
    assert project.build().ran == []


def test_the_executable_bit_counts(project):
    """It is part of a file's content, and of an output's."""
    project.datafile(
        '[targets.a]\ninputs = ["in.sh"]\noutput = "out.sh"\nrun = "cp -p {input} {output}"'
    )
    project.write("in.sh", "true")
    assert project.build().ran == ["a"]
    project.path("in.sh").chmod(0o755)
    assert project.build().ran == ["a"]
    assert os.access(project.path("out.sh"), os.X_OK)
    project.path("out.sh").chmod(0o644)
    result = project.build()
    assert (result.ran, result.restored) == ([], ["a"])
    assert os.access(project.path("out.sh"), os.X_OK)


def test_the_declared_environment_counts(project, monkeypatch):
    """A variable that is named does, another doesn't."""
    project.datafile("""
        [targets.a]
        output = "a.txt"
        env = ["GREETING"]
        run = 'echo "${GREETING:-none} $OTHER" > {output}'
    """)
    monkeypatch.setenv("OTHER", "1")
    assert project.build().ran == ["a"]
    monkeypatch.setenv("OTHER", "2")
    assert project.build().ran == []
    monkeypatch.setenv("GREETING", "hello")
    result = project.build()
    assert (result.ran, result.codes["a"]) == (["a"], ["env-changed"])
    assert project.read("a.txt") == "hello 2\n"


def test_always(project):
    """Runs at every build; what is below only if it came out different."""
    project.datafile("""
        [targets]
        now = { always = true, output = "now.txt", run = "cp clock.txt {output}", implicit = false }
        use = { inputs = ["now"], output = "use.txt", run = "cp {input} {output}" }
    """)
    project.write("clock.txt", "1")
    assert project.build().ran == ["now", "use"]
    assert project.build().ran == ["now"]
    project.write("clock.txt", "2")
    assert project.build().ran == ["now", "use"]


def test_force(chain):
    """`force` runs what is named, `always_make` everything, and neither is restored."""
    assert chain.build("b", force=True).ran == ["b"]
    assert chain.build("b", always_make=True).ran == ["a", "b"]
    assert chain.build().ran == []


def test_only(chain):
    """`only` takes all else as it is."""
    chain.write("src.txt", "x\n")
    chain.write("a.txt", "x2\n")
    assert chain.build("b", only=True).ran == ["b"]
    assert chain.read("b.txt") == "y2\n"


def test_exclude(chain):
    """What is excluded is neither judged nor run."""
    chain.write("src.txt", "new\n")
    assert chain.build(exclude=["a"]).ran == []
    assert chain.read("a.txt") == "one\n"
    assert chain.build().ran == ABC


def test_nothing_is_asked_of_what_is_excluded(project):
    """Not even whether its inputs are there."""
    project.datafile(
        """
        [targets.a]
        output = "a"
        run = "echo > {output}"
        [targets.b]
        inputs = ["nothing.txt", "file:///nothing/there.txt"]
        output = "b"
        run = "cat {inputs} > {output}"
        """
    )
    assert project.build(exclude=["b"]).ran == ["a"]


def test_max_age(project):
    """Older than that is stale, also if nothing has changed."""
    project.datafile('[targets.a]\noutput = "a"\nmax_age = "1h"\nrun = "echo > {output}"')
    assert project.build().ran == ["a"]
    project.later(3500)
    assert project.build().ran == []
    project.later(200)
    result = project.build()
    assert (result.ran, result.codes["a"]) == (["a"], ["expired"])
    assert project.build().ran == []


def test_a_module_edited_within_the_second_runs_as_it_is(project):
    """Python would trust its byte code, which has the same size and second."""
    project.patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    project.datafile("""
        [targets.a]
        output = "a"
        run = "python3 main.py > {output}"
    """)
    project.write("main.py", "import mod\nprint(mod.X)\n")
    for text in ("1", "2"):
        project.write("mod.py", f"X = {text}\n")
        os.utime(project.path("mod.py"), (1e9, 1e9))
        assert project.build().ran == ["a"]
        assert project.read("a") == f"{text}\n"
        assert project.files("__pycache__/mod.*.pyc")
