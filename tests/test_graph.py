"""From targets to a graph: links, edges, code, what is missing, what cannot be, and growth."""

from __future__ import annotations

from linked import complaint, complaints, expanded, linked, paths, tree_of

from datamake.conflicts import alike
from datamake.graph import Growth, link
from datamake.model import Input, Item, Link, Pending


def links(text, files=(), *, name="a", **options):
    """The paths that the inputs of target `a` come down to, and the names that it needs."""
    graph = linked(text, files, **options)
    assert graph.missing == {}
    return paths(graph, name), list(graph.needs[name])


def missing(text, files=(), *, name="a", **options):
    """What is missing for target `a`."""
    problems = linked(text, files, **options).missing.get(name, [])
    return [(problem.message, problem.hint) for problem in problems]


A = '[targets.a]\noutput = "a.out"\nrun = "true"\ninputs = '
B = '[targets.b]\noutput = "build/b.csv"\nrun = "true"\n'
DOT_FILES = ["raw/1.csv", "raw/.2.csv", "raw/.x/3.csv", "raw/y/4.csv", "raw/y/z/5.csv"]


# Edges


def test_a_name_and_a_path_make_the_same_edge():
    """Edges never have to be said twice."""
    for asked in ('["b"]', '["build/b.csv"]', '["build/*.csv"]', '["build/"]', '["b", "build/"]'):
        found, needs = links(A + asked + "\n" + B)
        assert (found[0], needs) == (["build/b.csv"], ["b"])


LINKED = {"ln": "build", "up/ln": "", "old": "raw", "far": "/mnt/build"}


def test_an_edge_by_way_of_a_linked_folder():
    """A path counts where links lead to, if a target writes there."""
    for asked in ("ln/b.csv", "ln/*.csv", "ln/", "up/ln/build/b.csv", "up/ln/*/b.csv"):
        found, needs = links(f'{A}["{asked}"]\n{B}', links=LINKED)
        assert (found, needs) == ([["build/b.csv"]], ["b"]), asked
    assert links(A + '["build/b.csv"]\n' + B.replace("build", "ln"), links=LINKED)[1] == ["b"]


def test_an_edge_into_a_folder_output_by_way_of_a_link():
    """To it as a whole, and to what is in it."""
    folder = B.replace("build/b.csv", "build/")
    for asked in ("ln/", "ln/x.csv", "ln/*.csv"):
        assert links(f'{A}["{asked}"]\n{folder}', links=LINKED)[1] == ["b"]


def test_a_linked_folder_that_no_target_writes_to():
    """Keeps its name: where it leads today says nothing."""
    files = ["old/x", "far/b.csv"]
    found, needs = links(A + '["old/x", "old/*", "far/b.csv"]\n' + B, files, links=LINKED)
    assert (found, needs) == ([["old/x"], ["old/x"], ["far/b.csv"]], [])


def test_a_word_by_way_of_a_linked_folder():
    """Is an input, too, before there is such a file."""
    text = '[targets.a]\nrun = "cat ln/b.csv"\n' + B
    assert links(text, links=LINKED) == ([["build/b.csv"]], ["b"])


def test_instances_from_a_linked_folder():
    """Of what a target writes where it leads to, now or when instances are known."""
    each = '[targets.a]\nforeach = "ln/{n}.csv"\ninputs = ["ln/{n}.csv"]\nrun = "true"\n'
    assert links(each + B, name="a[b]", links=LINKED) == ([["build/b.csv"]], ["b"])
    late = '[targets.b]\nforeach = "deep/{n}"\noutput = "ln/{n}.csv"\nrun = "true"\n'
    late += '[targets.c]\noutput = "deep/"\nrun = "true"\n'
    assert linked(each + late, links=LINKED).needs["a[*]"] == ("b[*]",)


def test_items_say_who_makes_them():
    """A plain file has no producer."""
    graph = linked(A + '["build/*.csv"]\n' + B, ["build/a.csv"])
    (only,) = graph.links["a"]
    assert only.items == (Item("build/a.csv"), Item("build/b.csv", "b"))
    assert graph.users == {"b": {"a": None}}


def test_globs():
    """A hidden name is matched only by a pattern that begins with a dot; `**` is any depth."""
    for pattern, expected in {
        "raw/*.csv": ["raw/1.csv"],
        "raw/?.csv": ["raw/1.csv"],
        "raw/[!1].csv": [],
        "raw/[0-2].csv": ["raw/1.csv"],
        "raw/.*": ["raw/.2.csv"],
        "raw/**": ["raw/1.csv", "raw/y/4.csv", "raw/y/z/5.csv"],
        "raw/**/*.csv": ["raw/1.csv", "raw/y/4.csv", "raw/y/z/5.csv"],
        "raw/**/z/*.csv": ["raw/y/z/5.csv"],
        "raw/**/.x/*": ["raw/.x/3.csv"],
        "**/4.csv": ["raw/y/4.csv"],
        "raw/*/*.csv": ["raw/y/4.csv"],
    }.items():
        asked = f'[{{ from = "{pattern}", optional = true }}]\n'
        assert (pattern, links(A + asked, DOT_FILES)[0][0]) == (pattern, expected)


def test_a_folder_is_all_that_is_in_it():
    """Hidden files too, and declared outputs; datamake's own are left to the tree."""
    found, needs = links(A + '["raw/"]\n' + B.replace("build/", "raw/"), DOT_FILES)
    assert found == [
        ["raw/.2.csv", "raw/.x/3.csv", "raw/1.csv", "raw/b.csv", "raw/y/4.csv", "raw/y/z/5.csv"]
    ]
    assert needs == ["b"]


def test_an_empty_folder_is_there():
    """It comes down to nothing."""
    assert links(A + '["raw/"]\n', ["raw/"]) == ([[]], [])


def test_what_is_made_and_declared_no_more_is_no_input():
    """It is an orphan, noted with who asked; so is a folder."""
    files = ["build/1.csv", "build/2.csv", "build/old/3.csv", "build/old/4.csv"]
    graph = linked(A + '["build/**"]\n', files, made={"build/1.csv", "build/old", "build/b.csv"})
    assert paths(graph, "a") == [["build/2.csv"]]
    assert graph.orphans == {"build/1.csv": "a", "build/old": "a"}


def test_an_orphan_by_its_path_is_missing():
    """It would not be there in a fresh copy of the project."""
    text = A + '["build/1.csv", "old/x.csv"]\n'
    assert missing(text, ["build/1.csv", "old/x.csv"], made={"build/1.csv", "old"}) == [
        ("input `build/1.csv` was made by a target that is not there any more", ""),
        ("input `old/x.csv` was made by a target that is not there any more", ""),
    ]


def test_a_glob_counts_an_output_that_is_not_there_yet():
    """And not the file that lies at its place a second time."""
    found, _ = links(A + '["build/*.csv"]\n' + B, ["build/b.csv"], made={"build/b.csv"})
    assert found == [["build/b.csv"]]


def test_the_path_of_an_output_with_the_characters_of_a_glob():
    """Is that output."""
    text = A + '["build/x[1].csv"]\n[targets.b]\noutput = "build/x[1].csv"\nrun = "true"\n'
    graph = linked(text)
    (only,) = graph.links["a"]
    assert (only.input.kind, only.items) == ("path", (Item("build/x[1].csv", "b"),))


def test_one_file_of_a_folder_output():
    """Counts alone; a glob or a folder in it is told once it is there."""
    text = A + '["parts/x.csv", "parts/", "parts/*.csv", "parts/sub/", "**/*.csv"]\n'
    text += '[targets.b]\noutput = "parts/"\nrun = "true"\n'
    graph = linked(text, ["parts/left.csv", "x.csv"])
    assert [found.items for found in graph.links["a"]] == [
        (Item("parts/x.csv", "b", "parts"),),
        (Item("parts", "b"),),
        (Item("parts/*.csv", "b", "parts", True),),
        (Item("parts/sub/", "b", "parts", True),),
        (Item("**/*.csv", "b", "parts", True), Item("x.csv")),
    ]
    assert graph.needs["a"] == ("b",)


def test_instances():
    """Some, one, all, in their order; a target without outputs is an input too."""
    text = """
    [targets.b]
    foreach = { m = ["2", "10", "1"], c = ["A", "B"] }
    output = "b/{m}{c}"
    run = "true"
    [targets.n]
    run = "true"
    """
    for asked, expected in {
        "b": ["b/2A", "b/2B", "b/10A", "b/10B", "b/1A", "b/1B"],
        "b[*]": ["b/2A", "b/2B", "b/10A", "b/10B", "b/1A", "b/1B"],
        "b[*,A]": ["b/2A", "b/10A", "b/1A"],
        "b[1,A]": ["b/1A"],
        "b[c=B]": ["b/2B", "b/10B", "b/1B"],
        "b[c=B,m=1*]": ["b/10B", "b/1B"],
        "b[2..10,A]": ["b/2A", "b/10A"],
        "n": [""],
    }.items():
        assert links(A + f'["{asked}"]\n' + text)[0] == [expected], asked


def test_one_output_of_several():
    """By its name."""
    text = A + '[{ from = "b", output = "bad" }, "b"]\n[targets.b]\nrun = "true"\n'
    text += 'outputs = { good = "g", bad = "b" }\n'
    assert links(text)[0] == [["b"], ["g", "b"]]


def test_closure_of_a_long_chain():
    """It does not recurse."""
    text = "".join(
        f'[targets.t{index}]\nrun = "true"\ninputs = {[f"t{index - 1}"] if index else []}\n'
        for index in range(3000)
    )
    graph = linked(text)
    assert graph.closure(["t2999"]) == [f"t{index}" for index in range(3000)]
    assert graph.closure(["t1", "t0"]) == ["t0", "t1"]


# Missing


def test_inputs_that_are_missing():
    """Each with who needs it and, where it looks like a name, which may be meant."""
    text = A + '["no.csv", "no/*.csv", "no/", "bb", "raw"]\n' + B
    graph = linked(text, ["raw/x"])
    assert "\n".join(str(problem) for problem in graph.missing["a"]) == (
        "Datafile.toml: input `no.csv` does not exist, and no target makes it\n"
        "  needed by `a`\n"
        "Datafile.toml: input `no/*.csv` matches no file, and no output of a target\n"
        "  needed by `a`\n"
        "Datafile.toml: input `no/` does not exist, and no target makes it\n"
        "  needed by `a`\n"
        "Datafile.toml: input `bb` does not exist, and no target makes it\n"
        "  needed by `a`\n"
        "  hint: did you mean `b`?\n"
        "Datafile.toml: input `raw` is a folder: write it as `raw/`\n"
        "  needed by `a`"
    )
    assert graph.missing["a"][1].keys == ("targets", "a", "inputs", 1)


def test_an_input_may_be_absent():
    """If it says so."""
    asked = '[{ from = "no.csv", optional = true }, { from = "no/*", optional = true }]\n'
    assert links(A + asked) == ([[], []], [])


def test_no_instance_matches():
    """Is missing too, whether there are others or not."""
    text = """
    [targets.b]
    foreach = { m = ["1"] }
    run = "true"
    [targets.c]
    foreach = "no/{m}"
    run = "true"
    """
    assert missing(A + '["b[2]", "b[1,2]", "c[*]", "c", "b[[]"]\n' + text) == [
        ("input `b[2]` matches no instance: none is like it", ""),
        ("input `b[1,2]`: `b` has the foreach variables `m`, not 2 values", ""),
        ("input `c[*]` matches no instance: `c` has none", ""),
        ("input `c` matches no instance: `c` has none", ""),
        ("input `b[[]`: `[[]` cannot be read: quote a value that has `,`, `[` or `]`", ""),
    ]


# What cannot be


def test_overlapping_outputs():
    """The same, or one in the other, in whatever order; also of instances, said once."""
    text = """\
    [targets.a]
    outputs = ["x/1", "y/", "y/2"]
    run = "true"
    [targets.b]
    outputs = { same = "x/1", over = "x/" }
    run = "true"
    [targets.c]
    foreach = { v = ["1", "2", "3"] }
    output = "z"
    run = "true"
    """
    assert complaints(text) == (
        "2:25: `y/2`, an output of `a`, lies in `y`, one of `a`\n"
        "5:13: `x/1` is an output of both `a` and `b`\n"
        "5:27: `x/1`, an output of `a`, lies in `x`, one of `b`\n"
        "9:1: `z` is an output of both `c[1]` and `c[2]`\n"
        "  hint: foreach variables tell the outputs of instances apart: `{v}`"
    )


def test_outputs_that_are_one_file_by_way_of_a_linked_folder():
    """They would replace each other at every build."""
    text = B + '[targets.c]\noutput = "ln/b.csv"\nrun = "true"\n'
    assert complaints(text, links=LINKED) == ("5:1: `build/b.csv` is an output of both `b` and `c`")


def test_outputs_whose_names_are_alike():
    """In case, or in the encoding of an accent; that of objects in a store counts."""

    def said(*outputs):
        each = [f'[targets.t{n}]\noutput = "{o}"\nrun = "true"\n' for n, o in enumerate(outputs)]
        return alike(linked("".join(each)).outputs)

    end = "where names ignore case, as on macOS, they are one file"
    assert said("a", "ab", "out/a", "é", "è", "s3://b/x", "s3://b/X") == []
    assert said("a", "out/b", "Out/B") == [f"`out/b` and `Out/B`, outputs of `t1` and `t2`: {end}"]
    assert said("é", "e\u0301") == [f"`é` and `e\u0301`, outputs of `t0` and `t1`: {end}"]
    assert said("É", "e\u0301", "straße", "STRASSE") == [
        f"`É` and `e\u0301`, outputs of `t0` and `t1`, and 1 more like them: {end}"
    ]
    twice = '[targets.t]\noutputs = ["a", "A"]\nrun = "true"\n'
    assert alike(linked(twice).outputs) == [f"`a` and `A`, outputs of `t`: {end}"]


def test_an_output_that_is_a_source():
    """By its path, by a glob, by its folder."""
    text = """\
    [sources.s]
    path = "b.csv"
    [sources.t]
    path = "*.csv"
    [sources.u]
    path = "parts/x.csv"
    [sources.v]
    path = "c/"
    [targets.b]
    outputs = ["b.csv", "parts/", "c/d"]
    run = "true"
    """
    assert complaints(text) == (
        "2:1: the source `s` is written by `b`, as `b.csv`\n"
        "4:1: the source `t` is written by `b`, as `b.csv`\n"
        "6:1: the source `u` is written by `b`, as `parts`\n"
        "8:1: the source `v` is written by `b`, as `c/d`"
    )


def test_an_input_that_is_an_own_output():
    """By path, by glob, in an own folder. It is said once, and not as a circle too."""
    for asked in ("x/1", "x/*", "x/", "y/2"):
        text = f'[targets.a]\ninputs = ["{asked}"]\noutputs = ["x/1", "y/"]\nrun = "true"\n'
        wrote = "y/2" if asked == "y/2" else "x/1"
        expected = f"input `{asked}` matches `{wrote}`, which `a` writes"
        assert complaint(text) == expected


def test_circles():
    """One for each knot, by names and paths; a target may need itself."""
    text = """\
    [targets.a]
    inputs = ["c.out"]
    run = "true"
    [targets.b]
    inputs = ["a"]
    run = "true"
    [targets.c]
    inputs = ["b", "a"]
    output = "c.out"
    run = "true"
    [targets.d]
    foreach = { v = ["1", "2"] }
    inputs = ["d[*]"]
    run = "true"
    """
    assert complaints(text) == (
        "1:10: targets need each other in a circle: a -> c -> b -> a\n"
        "11:10: targets need each other in a circle: d[1] -> d[1]"
    )


def test_circles_that_share_a_target():
    """Are one knot, and said once."""
    text = """
    [targets.a]
    inputs = ["b", "c"]
    run = "true"
    [targets.b]
    inputs = ["a"]
    run = "true"
    [targets.c]
    inputs = ["a"]
    run = "true"
    """
    assert complaint(text) == "targets need each other in a circle: a -> b -> a"


def test_a_circle_by_words_of_commands():
    """The hint says how to get out of it."""
    text = '[targets.a]\noutput = "a"\nrun = "cat b"\n[targets.b]\noutput = "b"\nrun = "cat a"\n'
    assert complaint(text) == (
        "targets need each other in a circle: a -> b -> a\n"
        "  hint: a word of a command that is another target's output is an input; "
        "`implicit = false` turns that off"
    )


def test_problems_of_expanding_and_linking_come_together():
    """Nothing has to be mended to see the next."""
    text = '[targets.a]\nforeach = "no"\nrun = "true"\n' + B + B.replace(".b", ".c", 1)
    assert complaint(text + '[targets.d]\ninputs = ["a[*]"]\nrun = "true"\n') == (
        "`no` is neither a foreach target nor a path with captures\n"
        "  hint: a capture is like `{site}` in `raw/{site}.csv`\n"
        "`build/b.csv` is an output of both `b` and `c`"
    )


# Code


SCRIPTS = {
    "s/a.py": "import b",
    "s/b.py": "",
    "conf/x.toml": "",
    "p/m.py": "import p.n",
    "p/n.py": "",
}


def code(text, files=(), *, name="a", **options):
    return linked(text, {**SCRIPTS, **dict.fromkeys(files, "")}, **options).code[name]


def test_implicit_code():
    """Scripts and modules, with what they import; of commands, arguments and functions."""
    assert code('[targets.a]\nrun = "python s/a.py"\n') == ("s/a.py", "s/b.py")
    assert code('[targets.a]\nargv = ["python", "-m", "p.m"]\n') == ("p/m.py", "p/n.py")
    assert code('[targets.a]\npython = "p.m:f"\n') == ("p/m.py", "p/n.py")
    assert code('[targets.a]\nrun = "python s/a.py"\nimplicit = false\n') == ()
    assert code('[targets.a]\ninputs = ["conf/"]\ncopy = true\noutput = "c"\n') == ()


def test_words_with_params_and_foreach_values():
    """They are filled in; the instances differ in what they run."""
    text = """
    [params]
    script = "s/b"
    [targets.a]
    foreach = { x = ["b", "m"] }
    run = "python {params.script}.py --x={x} p/{x}.py {output}"
    output = "{x}"
    """
    assert code(text, name="a[b]") == ("s/b.py",)
    assert code(text, name="a[m]") == ("p/m.py", "p/n.py", "s/b.py")
    module = '[targets.a]\nforeach = { x = ["m"] }\nargv = ["python", "-m", "p.{x}"]\n'
    assert code(module, name="a[m]") == ("p/m.py", "p/n.py")


def test_declared_code():
    """Of the target and of the project: paths, globs, folders."""
    text = '[project]\ncode = ["lock"]\n[targets.a]\ncode = ["conf/*", "p/"]\nrun = "true"\n'
    assert code(text, ["lock"]) == ("conf/x.toml", "lock", "p/m.py", "p/n.py")


def test_declared_code_that_is_not_there():
    """Is said once for all instances, at the place that declares it."""
    text = """\
    [project]
    code = ["lock"]
    [targets.a]
    foreach = { x = ["1", "2"] }
    code = ["conf/*.toml", "s/a.py", "conf/*.yaml"]
    run = "true"
    """
    assert complaints(text, ["s/a.py"]) == (
        "2:9: nothing matches `lock`\n"
        "5:9: nothing matches `conf/*.toml`\n"
        "5:34: nothing matches `conf/*.yaml`"
    )


def test_a_word_that_is_another_targets_output_is_an_input():
    """With its edge, whether it is there or not; what it says is not read."""
    text = '[targets.a]\ninputs = ["s/b.py"]\noutput = "x"\nrun = "python g/gen.py s/a.py x"\n'
    text += '[targets.b]\noutput = "g/gen.py"\nrun = "true"\n'
    for files in ((), ("g/gen.py",)):
        graph = linked(text, {**SCRIPTS, **dict.fromkeys(files, "import p.m")})
        assert graph.links["a"][1:] == (Link(Input("path", "g/gen.py"), (Item("g/gen.py", "b"),)),)
        assert (graph.needs["a"], graph.code["a"]) == (("b",), ("s/a.py",))


def test_a_word_that_is_an_input_already():
    """Counts once, however it is an input."""
    text = '[targets.a]\ninputs = ["b"]\nrun = "sh g/run.sh"\n'
    text += '[targets.b]\noutput = "g/run.sh"\nrun = "true"\n'
    graph = linked(text)
    assert (len(graph.links["a"]), graph.code["a"]) == (1, ())


def test_a_word_in_a_folder_output():
    """Of another target; an own one never counts."""
    text = '[targets.a]\noutput = "own/"\nrun = "sh tools/run.sh own/x"\n'
    text += '[targets.b]\noutput = "tools/"\nrun = "true"\n'
    graph = linked(text)
    assert graph.links["a"] == (
        Link(Input("path", "tools/run.sh"), (Item("tools/run.sh", "b", "tools"),)),
    )


def test_declared_code_that_a_target_makes():
    """Is an input, too."""
    text = '[targets.a]\ncode = ["g/*.py"]\nrun = "true"\n'
    text += '[targets.b]\noutput = "g/gen.py"\nrun = "true"\n'
    graph = linked(text, ["g/x.py"])
    assert (paths(graph, "a"), graph.code["a"]) == ([["g/gen.py"]], ("g/x.py",))


# Growth

SPLIT = """
[targets.split]
output = "parts/"
run = "true"
[targets.one]
foreach = "parts/{p}.csv"
inputs = ["parts/{p}.csv"]
output = "one/{p}.csv"
run = "cp {input} {output}"
"""
ALL = '[targets.all]\nrun = "true"\ninputs = '


def test_who_takes_instances_yet_unknown_waits():
    """By name, path, glob, folder or word; what cannot match does not wait."""
    for waits, asked in {
        True: ["one[*]", "one", "one[x]", "one/x.csv", "one/*.csv", "one/", "**/*.csv", "./"],
        False: ["one/*.txt", "two/*.csv", "one/x/y.csv", "*.csv"],
    }.items():
        for each in asked:
            text = SPLIT + ALL + f'[{{ from = "{each}", optional = true }}]\n'
            assert ("one[*]" in linked(text).needs["all"]) is waits, each
    assert linked(SPLIT + ALL + '[]\ncode = ["one/x.csv"]\n').needs["all"] == ("one[*]",)
    text = SPLIT + ALL.replace("true", "cat one/x.csv") + "[]\n"
    assert linked(text).needs["all"] == ("one[*]",)


def test_the_graph_grows():
    """The instances are added, and those who waited need them instead."""
    graph = linked(SPLIT + ALL + '["one[*]", "one/*.csv"]\n', ["one/old.csv"])
    assert graph.closure(["all"]) == ["split", "one[*]", "all"]
    made = ["parts/b.csv", "parts/a.csv", "parts/no.txt"]
    growth = graph.grow("one[*]", made, tree_of("", ["parts/left.csv"]))
    assert growth == Growth(("one[a]", "one[b]"), ("all",), {})
    assert graph.closure(["all"]) == ["split", "one[a]", "one[b]", "all"]
    assert paths(graph, "all") == [["one/a.csv", "one/b.csv"], ["one/a.csv", "one/b.csv"]]
    assert graph.links["one[a]"][0].items == (Item("parts/a.csv", "split", "parts"),)
    assert graph.pending == {}
    assert graph.users == {
        "split": {"one[a]": None, "one[b]": None},
        "one[a]": {"all": None},
        "one[b]": {"all": None},
    }


def test_a_word_that_waited_is_an_input_in_the_end():
    """Or no input, if no instance writes it."""
    for made, needs in {"parts/x.csv": ("one[x]",), "parts/y.csv": ()}.items():
        graph = linked(SPLIT + ALL.replace("true", "cat one/x.csv") + "[]\n")
        assert graph.grow("one[*]", [made], tree_of("", ())).problems == {}
        assert graph.needs["all"] == needs


def test_growth_upon_growth():
    """By the same instances, and by what they write: known as soon as they are."""
    text = (
        SPLIT
        + """
    [targets.same]
    foreach = "one"
    inputs = ["one[{p}]"]
    output = "same/{p}/"
    run = "true"
    [targets.files]
    foreach = "one/{q}.csv"
    run = "echo {q}"
    [targets.deep]
    foreach = "same/{a}/{b}"
    run = "echo {a} {b}"
    """
    )
    graph = linked(text)
    tree = tree_of("", ())
    assert {name: pending.needs for name, pending in graph.pending.items()} == {
        "one[*]": ("split",),
        "same[*]": ("one[*]",),
        "files[*]": ("one[*]",),
        "deep[*]": ("same[*]",),
    }
    growth = graph.grow("one[*]", ["parts/x.csv"], tree)
    assert growth == Growth(("one[x]",), ("same[*]", "files[*]"), {})
    assert (graph.needs["same[*]"], graph.needs["files[*]"]) == ((), ())
    assert graph.grow("files[*]", [], tree).added == ("files[x]",)
    assert graph.grow("same[*]", [], tree) == Growth(("same[x]",), ("deep[*]",), {})
    assert graph.pending["deep[*]"] == Pending("deep[*]", "deep", "same/{a}/{b}", ("same[x]",))
    assert graph.grow("deep[*]", ["same/x/1", "same/x/2"], tree).added == ("deep[x,1]", "deep[x,2]")


def test_files_that_are_there_are_instances_too():
    """Those that datamake did not make; only the rest of what it makes is waited for."""
    text = """
    [targets.split]
    output = "raw/made/"
    run = "true"
    [targets.one]
    foreach = "raw/{d}/{p}.csv"
    run = "echo {d} {p}"
    """
    files = ["raw/made/left.csv", "raw/own/1.csv", "raw/own/2.csv"]
    tree = tree_of(text, files)
    graph = link(expanded(text, files), tree, made={"raw/own/2.csv"}, memo={})
    assert graph.grow("one[*]", ["raw/made/x.csv"], tree).added == ("one[made,x]", "one[own,1]")


def test_no_match_is_a_problem_of_who_needs_one():
    """Found when it is known."""
    graph = linked(SPLIT + ALL + '["one[*]"]\n')
    assert graph.grow("one[*]", ["parts/no.txt"], tree_of("", ())) == Growth(
        (), ("all",), {"all": "input `one[*]` matches no instance: `one` has none"}
    )


def test_what_is_wrong_with_instances_is_theirs():
    """A missing input, an overlap, a source, a circle: messages, no exceptions."""
    text = """
    [sources.s]
    path = "out/s"
    [targets.split]
    output = "parts/"
    run = "true"
    [targets.fixed]
    output = "out/o"
    run = "true"
    [targets.round]
    inputs = ["out/c"]
    output = "round"
    run = "true"
    [targets.one]
    foreach = "parts/{p}"
    inputs = ["in/{p}"]
    output = "out/{p}"
    run = "true"
    [targets.all]
    inputs = ["one[*]"]
    run = "true"
    """
    files = ["in/o", "in/s", "in/x", "out/s"]
    graph = linked(text, files)
    growth = graph.grow("one[*]", [f"parts/{p}" for p in "mosx"], tree_of(text, files))
    assert growth.problems == {
        "one[m]": "input `in/m` does not exist, and no target makes it",
        "one[o]": "`out/o` is an output of both `fixed` and `one[o]`",
        "one[s]": "the source `s` is written by `one[s]`, as `out/s`",
        "round": "input `out/c` does not exist, and no target makes it",
    }


def test_a_circle_found_late():
    """Whoever is new in it has failed, and needs nothing any more."""
    text = SPLIT.replace('"parts/{p}.csv"]', '"back/{p}.csv"]')
    text += """
    [targets.back]
    foreach = "one"
    inputs = ["one[{p}]"]
    output = "back/{p}.csv"
    run = "true"
    """
    graph = linked(text)
    tree = tree_of("", ())
    assert graph.grow("one[*]", ["parts/x.csv"], tree).problems == {}
    growth = graph.grow("back[*]", [], tree)
    circle = "targets need each other in a circle: one[x] -> back[x] -> one[x]"
    assert growth.problems == {"back[x]": circle, "one[x]": circle}
    assert (graph.needs["one[x]"], graph.needs["back[x]"]) == ((), ())


def test_an_instance_that_cannot_be():
    """Then there is none, and the pending name says why."""
    text = SPLIT.replace('output = "one/{p}.csv"', 'output = "one/{p:%Y}.csv"')
    growth = linked(text).grow("one[*]", ["parts/x.csv"], tree_of("", ()))
    assert growth == Growth((), (), {"one[*]": "`{p:%Y}` wants a date, and `p` is `x`"})
