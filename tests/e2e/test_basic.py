"""What is built, in which order, and that nothing is built twice."""

from __future__ import annotations

import json
import os

import pytest

import datamake

CHAIN = """
[targets.c]
inputs = ["b"]
output = "build/c.txt"
run = "cat {input} > {output}; echo c >> {output}"

[targets.b]
inputs = ["build/a.txt"]
output = "build/b.txt"
run = "cat {input} > {output}; echo b >> {output}"

[targets.a]
inputs = ["src.txt"]
output = "build/a.txt"
run = "head -n 1 {input} > {output}"
"""


@pytest.fixture
def chain(project):
    project.datafile(CHAIN)
    project.write("src.txt", "one\ntwo\n")
    return project


def test_a_chain_is_built_in_order_and_once(chain):
    """Names and paths make edges; the order in the file means nothing."""
    assert chain.build().ran == ["a", "b", "c"]
    assert chain.read("build/c.txt") == "one\nb\nc\n"
    again = chain.build()
    assert (again.ran, again.statuses) == ([], dict.fromkeys("abc", "up-to-date"))


def test_only_what_is_needed_is_built(chain):
    """A selection brings what it needs, and no more."""
    assert chain.build("b").ran == ["a", "b"]
    assert chain.build("b").ran == []
    assert chain.build().ran == ["c"]


def test_a_path_selects_what_makes_it(chain):
    """As in Make."""
    assert chain.build("build/a.txt").ran == ["a"]
    assert chain.build("build/a.txt").ran == []


def test_the_default(project):
    """`project.default` is what a bare build builds."""
    project.datafile("""
        [project]
        default = ["b"]
        [targets]
        a = { output = "a", run = "touch {output}" }
        b = { output = "b", run = "touch {output}" }
    """)
    assert project.build().ran == ["b"]
    assert project.build().ran == []
    assert project.build("a").ran == ["a"]


WRONG_DEFAULT = """
[project]
default = ["report", "reprot", "state:old"]
[targets.report]
run = "true"
[profiles.ci.project]
default = ["zzz", "tag:nothing"]
timezone = "Nowhere"
"""


def test_a_wrong_default_has_its_place(project):
    """Each wrong name has, in the profile where that has the default; other names can be built."""
    project.datafile(WRONG_DEFAULT)
    assert project.cli("build").stderr == (
        "Datafile.toml:3:22: `reprot` is no target, and no target makes such a file\n"
        "  hint: did you mean `report`?\n"
        "Datafile.toml:3:32: unknown state `old`\n"
        "  hint: there are `state:stale`, `state:failed`, `state:missing`\n"
    )
    assert project.cli("status", "--profile", "ci").stdout == ""
    assert project.cli("status", "--profile", "ci").stderr == (
        "Datafile.toml:7:12: `zzz` is no target, and no target makes such a file\n"
        "  hint: `datamake ls` lists what there is\n"
        "Datafile.toml:7:19: nothing is selected by `tag:nothing`\n"
        "  hint: `datamake ls` lists what there is\n"
    )
    assert project.build("report").ok


def test_a_default_may_ask_for_states(project):
    """What is up to date is then not even looked at."""
    project.datafile(WRONG_DEFAULT.replace('"report", "reprot", "state:old"', '"state:stale"'))
    assert project.build().ran == ["report"]


def test_a_plan_runs_nothing(chain):
    """A plan says what a build would do, and leaves no trace among the files."""
    assert chain.plan() == {"a": "run", "b": "run", "c": "run"}
    assert not chain.exists("build")
    chain.build()
    assert set(chain.plan().values()) == {"up-to-date"}
    chain.write("src.txt", "other\n")
    assert chain.plan() == {"a": "run", "b": "maybe", "c": "maybe"}
    assert chain.build().ran == ["a", "b", "c"]


def test_a_plan_of_a_copy(project):
    """Is no surer than that of anything else: what makes its input may make the same again."""
    project.datafile("""
        [targets.a]
        inputs = ["src.txt"]
        output = "a.txt"
        run = "wc -l < {input} > {output}"
        [targets.b]
        inputs = ["a.txt"]
        output = "b.txt"
        copy = true
    """)
    project.write("src.txt", "1\n")
    project.build()
    project.write("src.txt", "2\n")
    assert project.plan() == {"a": "run", "b": "maybe"}
    assert project.build().ran == ["a"]


@pytest.mark.parametrize(
    "action",
    [
        'run = "cp {input} {output}"',
        'run = "cat {inputs} | tee {output} | wc -c"',
        'argv = ["cp", "{input}", "{output}"]',
        'argv = ["cp", "-v", "{inputs}", "{outputs}"]',
        "copy = true",
        """run = '''
            for each in {inputs}; do
                cat "$each" > {output}
            done
        '''""",
    ],
)
def test_each_action(project, action):
    """Direct commands, shell scripts, arguments and copies give the same file."""
    project.datafile(f'[targets.a]\ninputs = ["src.txt"]\noutput = "deep/er/a.txt"\n{action}\n')
    project.write("src.txt", "content\n")
    assert project.build().ran == ["a"]
    assert project.read("deep/er/a.txt") == "content\n"
    assert project.build().ran == []


def test_several_outputs(project):
    """By name or in a list; each can be asked for."""
    project.datafile("""
        [targets.split]
        inputs = ["src.txt"]
        outputs = { low = "low.txt", high = "high.txt" }
        run = "head -n 1 {input} > {outputs.low}; tail -n 1 {input} > {outputs.high}"

        [targets.use]
        inputs = [{ from = "split", output = "high" }]
        output = "use.txt"
        run = "cp {input} {output}"
    """)
    project.write("src.txt", "1\n2\n3\n")
    assert project.build().ran == ["split", "use"]
    assert (project.read("low.txt"), project.read("use.txt")) == ("1\n", "3\n")
    assert project.build().ran == []
    project.write("src.txt", "0\n2\n3\n")
    assert project.build().ran == ["split"]


def test_a_folder_is_an_output(project):
    """All of its content is; a file in it can be an input by itself."""
    project.datafile("""
        [targets.parts]
        inputs = ["src.txt"]
        output = "parts/"
        run = "split -l 1 {input} {output}/x"

        [targets.first]
        inputs = ["parts/xaa"]
        output = "first.txt"
        run = "cp {input} {output}"

        [targets.count]
        inputs = ["parts"]
        output = "count.txt"
        run = "ls {input} | wc -l > {output}"
    """)
    project.write("src.txt", "1\n2\n")
    assert sorted(project.build().ran) == ["count", "first", "parts"]
    assert project.read("first.txt") == "1\n"
    assert project.read("count.txt").strip() == "2"
    assert project.build().ran == []
    project.write("src.txt", "1\n2\n3\n")
    assert project.build().ran == ["parts", "count"]
    assert project.build().ran == []


def test_a_target_without_output_runs_once(project):
    """It is up to date when its last success had this fingerprint."""
    project.datafile("""
        [targets.tell]
        inputs = ["src.txt"]
        run = "cat {input} >> told.log"
    """)
    project.write("src.txt", "a\n")
    assert project.build().ran == ["tell"]
    assert project.build().ran == []
    project.write("src.txt", "b\n")
    assert project.build().ran == ["tell"]
    assert project.read("told.log") == "a\nb\n"


def test_what_a_command_sees(project):
    """Root, name and working directory; standard input is closed."""
    project.datafile("""
        [targets.see]
        output = "see.txt"
        cwd = "sub"
        run = 'echo "$DATAMAKE_TARGET $DATAMAKE_ROOT $PWD $(cat | wc -c)" > {output}'
    """)
    project.write("sub/x")
    assert project.build().ran == ["see"]
    root = os.path.realpath(project.root)
    assert project.read("see.txt").split() == ["see", root, f"{root}/sub", "0"]


def test_missing_inputs_are_an_error_before_anything_runs(project):
    """All of them, with who asks for them."""
    project.datafile("""
        [targets]
        a = { output = "a", run = "touch {output}" }
        b = { inputs = ["a", "no.csv"], output = "b", run = "cp {inputs} {output}" }
        c = { inputs = ["nor.csv"], output = "c", run = "cp {input} {output}" }
    """)
    with pytest.raises(datamake.DatafileError) as raised:
        project.build()
    assert {"no.csv", "nor.csv"} <= set(str(raised.value).replace("`", " ").split())
    assert not project.exists("a")
    assert project.build("a").ran == ["a"]


def test_an_optional_input_may_be_absent(project):
    """And makes its target stale when it appears."""
    project.datafile("""
        [targets.a]
        inputs = [{ from = "extra.txt", optional = true }, "src.txt"]
        output = "a.txt"
        run = "cat {inputs} > {output}"
    """)
    project.write("src.txt", "src\n")
    assert project.build().ran == ["a"]
    assert project.build().ran == []
    project.write("extra.txt", "extra\n")
    assert project.build().ran == ["a"]
    assert project.read("a.txt") == "extra\nsrc\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            'a = { inputs = ["b"], output = "a", run = "x" }\nb = { inputs = ["a"], output = "b", run = "x" }',
            "a -> b",
        ),
        ('a = { output = "x", run = "x" }\nb = { output = "x", run = "x" }', "`x`"),
        ('a = { output = "x/", run = "x" }\nb = { output = "x/y", run = "x" }', "x/y"),
        ('a = { output = "../x", run = "x" }', "../x"),
        ('a = { inputs = ["x"], output = "x", run = "x" }', "`x`"),
        ('a = { output = "x", rum = "x" }', "rum"),
    ],
)
def test_what_cannot_be_is_refused(project, text, words):
    """Circles, two makers of one path, paths outside, unknown keys: nothing runs."""
    project.datafile(f"[targets]\n{text}\n")
    with pytest.raises(datamake.DatafileError) as raised:
        project.build()
    assert words in str(raised.value).replace("→", "->")
    assert not project.exists("x")


def test_a_deep_chain(project):
    """Depth is no limit."""
    targets = "\n".join(
        f't{n} = {{ inputs = ["{f"t{n - 1}" if n else "src.txt"}"], output = "o/{n}", copy = true }}'
        for n in range(1500)
    )
    project.datafile(f"[targets]\n{targets}\n")
    project.write("src.txt", "deep")
    assert set(project.plan("t1499").values()) == {"run"}


def test_a_part_has_its_own_folder(project):
    """Paths, working directory and names of an included part are its own."""
    project.datafile("""
        [project]
        include = { sales = "parts/sales" }
        [targets.all]
        inputs = ["sales.clean"]
        output = "all.txt"
        run = "cp {input} {output}"
    """)
    project.write("parts/sales/raw.txt", "raw\n")
    project.write(
        "parts/sales/Datafile.toml",
        '[targets.clean]\ninputs = ["raw.txt"]\noutput = "clean.txt"\n'
        'run = "cp raw.txt {output}"\n',
    )
    assert project.build().ran == ["sales.clean", "all"]
    assert project.read("parts/sales/clean.txt") == "raw\n"
    assert project.build().ran == []


def test_the_json_of_a_build(chain):
    """One document on standard output, with every target."""
    done = chain.cli("build", "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["ok"], document["version"]) == (0, True, 1)
    assert document["summary"]["built"] == 3
    assert [target["name"] for target in document["targets"]] == ["a", "b", "c"]
    assert document["targets"][0]["outputs"][0]["path"] == "build/a.txt"


def test_a_bare_call_builds(chain):
    """As make and ninja do; the second one says so in one line."""
    assert chain.cli().returncode == 0
    assert chain.read("build/c.txt") == "one\nb\nc\n"
    again = chain.cli()
    assert (again.returncode, again.stdout) == (0, "")
    assert again.stderr.startswith("up to date: 3 targets")


def test_from_a_folder_below(chain):
    """The nearest `[project]` upwards is the root."""
    chain.write("deep/er/x")
    assert chain.cli("build", cwd=chain.path("deep/er")).returncode == 0
    assert chain.exists("build/c.txt")


@pytest.fixture
def strayed(chain):
    """A Datafile without `[project]` below the project, which does not include it."""
    chain.write(
        "part/Datafile.toml", '[targets.own]\noutput = "own.txt"\nrun = "echo > {output}"\n'
    )
    chain.write("part/deep/x")
    return chain


@pytest.mark.parametrize("start", [["build"], [], ["ls"], ["-C", ".", "status"], ["-C", "deep"]])
def test_a_datafile_that_the_project_does_not_include(strayed, start):
    """Is an error where it is the nearest: the project above is not built in its place."""
    done = strayed.cli(*start, cwd=strayed.path("part"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"error: `{strayed.path('part/Datafile.toml')}` is not a part of the project above it\n"
        f"  that is `{strayed.path('Datafile.toml')}`, which does not include it\n"
        "  hint: `include` it there, give it a `[project]` of its own, or say `-f Datafile.toml`\n"
    )
    assert not strayed.exists("build/c.txt")


@pytest.mark.parametrize("include", ["part", "link"])
def test_a_datafile_that_the_project_includes(strayed, include):
    """Standing in its folder is standing in the project, also where a link leads there."""
    strayed.path("link").symlink_to("part")
    text = strayed.read("Datafile.toml")
    strayed.datafile(text.replace("[project]", f"[project]\ninclude = ['{include}']"))
    assert strayed.cli("build", "own", cwd=strayed.path("part/deep")).returncode == 0
    assert strayed.exists("part/own.txt")


def test_a_datafile_that_is_named_is_meant(strayed):
    """Though it has no `[project]` and lies below one; without `-f` it remains an error."""
    for _ in range(2):
        done = strayed.cli("-f", "Datafile.toml", cwd=strayed.path("part"))
        assert done.returncode == 0, done.stderr
        assert (strayed.exists("part/own.txt"), strayed.exists("build/c.txt")) == (True, False)
        assert strayed.cli("build", cwd=strayed.path("part")).returncode == 2


def test_a_build_inside_an_action_is_an_error(project):
    """Of the same tree."""
    project.datafile("""
        [targets]
        inner = { output = "inner.txt", run = "touch {output}" }
        outer = { output = "outer", run = "\\"$PYTHON\\" -m datamake build inner; touch {output}" }
    """)
    import sys

    done = project.cli("build", "outer", env={"PYTHON": sys.executable})
    assert done.returncode == 1
    assert not project.exists("inner.txt")


def test_a_copy_of_more_than_it_has_outputs_for(project):
    """Fails, and leaves none out; there is no log to look at, not even one of what it was before."""
    project.datafile("[targets.a]\noutput = 'all.txt'\nrun = 'echo no >&2; false {output}'")
    project.build()
    project.datafile("[targets.a]\ninputs = ['raw/*']\noutput = 'all.txt'\ncopy = true")
    project.write("raw/1.txt", "1")
    project.write("raw/2.txt", "2")
    done = project.cli("build")
    assert (done.returncode, project.exists("all.txt")) == (1, False)
    assert done.stderr.startswith(
        "failed a  0.00 s  `copy` needs an output for each input\n"
        "  inputs: 2, outputs: 1\n"
        "  hint: name as many outputs, or one folder, like `build/`\n"
        "failed 1 (a)"
    )


def test_a_misspelt_file_is_hinted_at(project):
    project.datafile('[targets.a]\ninputs = ["raw/word.txt"]\noutput = "a"\ncopy = true')
    project.write("raw/words.txt", "a")
    with pytest.raises(datamake.DatafileError) as raised:
        project.build()
    assert str(raised.value).splitlines()[1:] == [
        "  needed by `a`",
        "  hint: did you mean `raw/words.txt`?",
    ]
