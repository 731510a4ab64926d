"""URLs as sources, inputs and outputs, as far as linking goes: nothing is asked of any store."""

from __future__ import annotations

import pytest
from linked import complaints, expanded, linked, paths

from datamake.model import Output
from datamake.remote import Asker, Freshness
from datamake.select import select


def inputs(text, **options):
    """Kind, text and whether it is fetched, of the inputs of the target `a`."""
    return [
        (asked.kind, asked.text, asked.fetch)
        for asked in expanded(text, **options).targets["a"].inputs
    ]


def test_inputs_at_urls():
    """By a source's name or plain; of an object, a glob, a folder, an archive; params filled in."""
    text = """\
    [params]
    base = "s3://b"
    [sources.weather]
    path = "{params.base}/weather.csv"
    [targets.a]
    inputs = [
        "weather",
        "{params.base}/raw/*.csv",
        { from = "S3://b/raw/", fetch = false },
        "zip://x.csv::https://h/x.zip",
    ]
    run = "true"
    """
    assert inputs(text) == [
        ("remote", "s3://b/weather.csv", True),
        ("remote", "s3://b/raw/*.csv", True),
        ("remote", "s3://b/raw/", False),
        ("remote", "zip://x.csv::https://h/x.zip", True),
    ]


def test_a_file_whose_name_looks_like_a_url_is_that_file():
    """The same text is a URL where there is no such file."""
    text = """\
    [targets.a]
    inputs = ["http://x"]
    run = "true"
    """
    assert inputs(text) == [("remote", "http://x", True)]
    assert inputs(text, files=["http:/x"]) == [("path", "http:/x", True)]


def test_foreach_values_in_urls_are_no_globs():
    text = """\
    [targets.a]
    foreach = { x = ["*"] }
    inputs = ["s3://b/{x}.csv", "s3://b/{x}/*.csv", "https://h/d?q={x}"]
    run = "true"
    """
    target = expanded(text).targets["a[*]"]
    assert [asked.text for asked in target.inputs] == [
        "s3://b/[*].csv",
        "s3://b/[*]/*.csv",
        "https://h/d?q=*",
    ]


def test_environment_variables_in_urls():
    """In sources, inputs, outputs and captures; a file of the same spelling is none of these."""
    text = """\
    [sources.s]
    path = "s3://{env.BUCKET}/x"
    [targets.a]
    inputs = ["s", "s3://{env.BUCKET}/{params.n}*.csv"]
    output = "s3://{env.BUCKET}/y"
    run = "echo > {output}"
    [targets.b]
    foreach = "s3://{env.BUCKET}/{x}.txt"
    output = "s3://{env.BUCKET}/{x}"
    run = "echo > {output}"
    [params]
    n = 1
    """
    graph = linked(text, ["s3://b/7.txt"], variables={"BUCKET": "b"})
    assert list(graph.remotes) == ["s3://b/x", "s3://b/1*.csv"]
    assert graph.targets["a"].outputs == (Output("s3://b/y", staged=True),)
    assert graph.targets["b[7]"].outputs == (Output("s3://b/7", staged=True),)


def test_environment_variables_elsewhere_and_unset():
    text = """\
    [sources.s]
    path = "s3://{env.BUCKET}/x"
    [sources.t]
    path = "{env.HOME}/x"
    [targets.a]
    output = "s3://{env.BUCKET}/y"
    run = "echo > {output}"
    [targets.b]
    foreach = "s3://{env.BUCKET}/{x}.txt"
    run = "true"
    """
    assert complaints(text, variables={"HOME": "/"}) == (
        "2:1: the environment variable `BUCKET` is not set\n"
        "4:1: `{env.HOME}` does not work here: only in `[storage]`, `project.cache` and URLs\n"
        "9:1: the environment variable `BUCKET` is not set\n"
        "6:1: the environment variable `BUCKET` is not set"
    )


def test_what_can_be_wrong_with_urls():
    """Each at its place, with what to write instead."""
    text = """\
    [sources.s]
    path = "s3://b"
    [targets.a]
    inputs = ["s", { from = "filecache://x::s3://b/x" }]
    run = "true"
    [targets.b]
    outputs = { x = "https://h/x", y = "zip://x::s3://b/y" }
    run = "true"
    [targets.c]
    outputs = ["zip://x::s3://b/y", "s3://b/*"]
    run = "true"
    [targets.d]
    output = "s3://b/*/x"
    run = "true"
    [targets.g]
    foreach = { x = ["*", "y"] }
    output = "s3://b/{x}/"
    run = "true"
    [targets.h]
    foreach = "found/{x}"
    output = "s3://b/{x}/"
    run = "true"
    [targets.e]
    foreach = "zip://{x}.csv::s3://b/y"
    run = "true"
    [targets.f]
    foreach = "s3://{bucket}/x"
    run = "true"
    """
    assert complaints(text, ["x"]) == (
        "2:1: `s3://b` names a bucket and nothing in it\n"
        "  hint: `s3://b/` is all that is in it\n"
        "24:1: `zip://{x}.csv::s3://b/y` has captures in an archive, which cannot be listed\n"
        "27:1: `s3://*/x` is a glob of buckets\n"
        "  hint: name the bucket\n"
        "4:16: `filecache://x::s3://b/x`: only `zip://`, `tar://` and `gzip://` "
        "may stand before `::`\n"
        "  hint: datamake keeps copies of what it downloads by itself\n"
        "7:13: the output `https://h/x` cannot be written: `https://` is only for reading\n"
        "10:12: the output `zip://x::s3://b/y` lies in an archive, which cannot be written to\n"
        "13:1: the output `s3://b/*/x` is a glob, and not one file\n"
        "  hint: name each file, with `foreach` where there are many, or pack them into one\n"
        "17:1: the output `s3://b/*/` is a glob, and not one file\n"
        "  hint: name each file, with `foreach` where there are many, or pack them into one\n"
        "21:1: the output `s3://b/{x}/` is a folder, and not one file\n"
        "  hint: name each file, with `foreach` where there are many, or pack them into one"
    )


def test_how_old_a_source_may_be():
    text = """\
    [params]
    limit = "2d"
    [sources.a]
    path = "s3://b/x"
    freshness = { warn_after = "12h", error_after = "{params.limit}" }
    [sources.b]
    path = "x"
    freshness = { error_after = 60 }
    [sources.c]
    path = "y"
    """
    assert expanded(text).freshness == {
        "a": Freshness(12 * 3600.0, 48 * 3600.0),
        "b": Freshness(None, 60.0),
    }


def test_what_can_be_wrong_with_freshness():
    text = """\
    [params]
    limit = "soon"
    [sources.a]
    path = "s3://b/x"
    freshness = {}
    [sources.b]
    path = "s3://b/x"
    freshness = { warn_after = "2d", error_after = "2d" }
    [sources.c]
    path = "s3://b/x"
    freshness = { warn_after = "{params.limit}" }
    """
    assert complaints(text) == (
        "5:1: `freshness` needs `warn_after` or `error_after`\n"
        "8:1: `error_after` is not longer than `warn_after`, which hence says nothing\n"
        "11:15: `freshness.warn_after`: `soon` is not a duration like "
        "`500ms`, `90s`, `30m`, `6h` or `1.5d`"
    )


# Edges

CHAIN = """\
[targets.put]
output = "s3://b/out/x.csv"
run = "echo > {output}"
[targets.fill]
output = "s3://b/all/y"
run = "echo > {output}"
[targets.a]
inputs = [INPUT]
run = "cat {inputs}"
"""


@pytest.mark.parametrize(
    ("text", "items", "needs"),
    [
        ("s3://b/out/x.csv", ["s3://b/out/x.csv"], ["put", "s3://b/out/x.csv"]),
        (
            "s3://b/out/*.csv",
            ["s3://b/out/*.csv", "s3://b/out/x.csv"],
            ["put", "s3://b/out/*.csv", "s3://b/out/x.csv"],
        ),
        (
            "s3://b/out/",
            ["s3://b/out/", "s3://b/out/x.csv"],
            ["put", "s3://b/out/", "s3://b/out/x.csv"],
        ),
        (
            "s3://b/**",
            ["s3://b/**", "s3://b/all/y", "s3://b/out/x.csv"],
            ["fill", "put", "s3://b/**", "s3://b/all/y", "s3://b/out/x.csv"],
        ),
        ("s3://b/all/*.csv", ["s3://b/all/*.csv"], ["s3://b/all/*.csv"]),
        ("s3://b/all/y/", ["s3://b/all/y/"], ["s3://b/all/y/"]),
        ("s3://b/*.csv", ["s3://b/*.csv"], ["s3://b/*.csv"]),
        ("s3://c/out/x.csv", ["s3://c/out/x.csv"], ["s3://c/out/x.csv"]),
        ("put", ["s3://b/out/x.csv"], ["put", "s3://b/out/x.csv"]),
        ("**/*.csv", ["raw/x.csv"], []),
        ("./", ["Datafile.toml", "raw/x.csv"], []),
    ],
)
def test_what_targets_write_at_urls_makes_edges(text, items, needs):
    """By equality, glob and folder, as with paths; and paths never match URLs."""
    graph = linked(CHAIN.replace("INPUT", f"'{text}'"), ["raw/x.csv"])
    assert paths(graph, "a") == [items]
    assert list(graph.needs["a"]) == needs
    for url in graph.remotes:
        maker = graph.outputs.owners.get(url)
        assert graph.needs[url] == ((maker,) if maker else ())


def test_who_asks_for_a_remote_source():
    """All targets that do, each with its place; it is fetched if one of them wants it."""
    text = """\
    [sources.s]
    path = "s3://b/x"
    [targets.a]
    inputs = [{ from = "s", fetch = false, optional = true }]
    run = "true"
    [targets.b]
    inputs = [{ from = "s3://b/x", optional = true }, { from = "s", fetch = false }]
    run = "true"
    """
    graph = linked(text)
    remote = graph.remotes["s3://b/x"]
    assert remote.askers == {
        "a": Asker("a", "Datafile.toml", ("targets", "a", "inputs", 0), False, True),
        "b": Asker("b", "Datafile.toml", ("targets", "b", "inputs", 0), True, False),
    }
    assert (remote.fetch, remote.optional) == (True, False)
    assert graph.closure(["a"]) == ["s3://b/x", "a"]


def test_a_glob_needs_nothing_in_the_store_where_targets_write_what_it_matches():
    """Nor where one may, whose instances are yet to be known; alone it has to match something."""
    text = (
        CHAIN
        + """
    [targets.later]
    foreach = "found/{x}"
    output = "s3://later/{x}"
    run = "true"
    [targets.find]
    output = "found/"
    run = "true > {output}/y"
    """
    )
    for pattern, optional in (("s3://b/out/*", True), ("s3://later/", True), ("s3://c/*", False)):
        graph = linked(text.replace("INPUT", f"'{pattern}'"))
        assert graph.remotes[pattern].optional is optional


def test_a_word_of_a_command_that_a_target_writes_is_an_input():
    """But it is the URL itself that the command gets; what no target writes says nothing."""
    text = CHAIN.replace("[INPUT]", "[]").replace(
        "cat {inputs}", "aws cp --from=s3://b/out/x.csv s3://b/all/y s3://b/other"
    )
    graph = linked(text)
    assert [link.input.text for link in graph.links["a"]] == ["s3://b/all/y", "s3://b/out/x.csv"]
    assert not any(link.input.fetch for link in graph.links["a"])
    assert list(graph.needs["a"]) == ["fill", "put"]
    assert graph.remotes == {}


def test_overlaps_at_urls():
    """Two targets with one URL, one below another's; a source that is written; a circle."""
    text = """\
    [sources.s]
    path = "s3://b/out/*.csv"
    [targets.a]
    output = "s3://b/out/x.csv"
    run = "true"
    [targets.b]
    output = "s3://b/out/x.csv"
    run = "true"
    [targets.d]
    output = "s3://b/out/x.csv/y"
    run = "true"
    [targets.e]
    inputs = ["s3://c/*"]
    output = "s3://c/e"
    run = "true"
    """
    assert complaints(text) == (
        "7:1: `s3://b/out/x.csv` is an output of both `a` and `b`\n"
        "10:1: `s3://b/out/x.csv/y`, an output of `d`, lies in `s3://b/out/x.csv`, one of `a`\n"
        "2:1: the source `s` is written by `a`, as `s3://b/out/x.csv`\n"
        "13:11: input `s3://c/*` matches `s3://c/e`, which `e` writes"
    )


def test_a_circle_by_way_of_urls():
    text = """\
    [targets.a]
    inputs = ["s3://b/b"]
    output = "s3://b/a"
    run = "true"
    [targets.b]
    inputs = ["s3://b/a"]
    output = "s3://b/b"
    run = "true"
    """
    assert complaints(text) == "1:10: targets need each other in a circle: a -> b -> a"


def test_no_look_into_archives_that_targets_write():
    """Of whatever kind it is."""
    text = CHAIN.replace("INPUT", "'zip://x::s3://b/out/x.csv', 'tar://*::s3://b/all/y'")
    graph = linked(text)
    assert "\n".join(problem.message for problem in graph.missing["a"]) == (
        "input `zip://x::s3://b/out/x.csv` is in an archive that `put` writes: "
        "nothing looks into those\n"
        "input `tar://*::s3://b/all/y` is in an archive that `fill` writes: "
        "nothing looks into those"
    )


# Instances

EACH = """\
[targets.a]
foreach = "PATTERN"
output = "build/{name}.txt"
run = "echo > {output}"
"""


@pytest.mark.parametrize(
    ("pattern", "names", "asked"),
    [
        ("s3://b/raw/{name}.csv", ["a[x]", "a[y]"], ["s3://b/raw/*.csv"]),
        ("s3://b/{name}/", ["a[other]", "a[raw]"], ["s3://b/*/**"]),
        ("S3://b/*/{name}.csv", ["a[z]", "a[x]", "a[y]"], ["s3://b/*/*.csv"]),
        ("s3://b/none/{name}.csv", [], ["s3://b/none/*.csv"]),
    ],
)
def test_instances_of_what_is_in_a_store(pattern, names, asked):
    """One for each object, or folder, that matches; they are listed once."""
    urls = ["s3://b/raw/y.csv", "s3://b/raw/x.csv", "s3://b/other/z.csv", "s3://b/file"]
    graph = linked(EACH.replace("PATTERN", pattern), urls)
    assert list(graph.targets) == names
    assert graph.resolver.tree.asked == asked


def test_instances_of_what_other_targets_write_to_a_store():
    """Outputs count without being there; some targets that write them are known only later."""
    text = """\
    [targets.put]
    foreach = { n = [1, 2] }
    output = "s3://b/out/{n}.csv"
    run = "echo > {output}"
    [targets.find]
    output = "found/"
    run = "true > {output}/x"
    [targets.a]
    foreach = "s3://b/out/{name}.csv"
    inputs = ["s3://b/out/{name}.csv"]
    output = "s3://c/{name}"
    run = "echo > {output}"
    [targets.b]
    foreach = "found/{name}"
    output = "s3://d/{name}"
    run = "echo > {output}"
    [targets.c]
    inputs = ["s3://d/*", "s3://d/x"]
    run = "true"
    [targets.d]
    foreach = "s3://d/{name}"
    run = "true"
    """
    graph = linked(text, ["s3://b/out/2.csv", "s3://b/out/3.csv"])
    assert [name for name in graph.targets if name.startswith("a[")] == ["a[1]", "a[2]", "a[3]"]
    assert graph.needs["a[2]"] == ("put[2]", "s3://b/out/2.csv")
    assert graph.needs["a[3]"] == ("s3://b/out/3.csv",)
    assert graph.needs["b[*]"] == ("find",)
    assert graph.needs["d[*]"] == ("b[*]",)
    assert graph.needs["c"] == ("b[*]", "s3://d/*")
    graph.grow("b[*]", ["found/x"], graph.resolver.tree)
    assert graph.needs["d[*]"] == ()
    assert graph.needs["c"] == ("b[x]", "s3://d/*", "s3://d/x")
    assert list(graph.remotes["s3://d/x"].askers) == ["c"]


def test_selection_by_url():
    """What writes it, and what is above that; sources are never selected."""
    graph = linked(CHAIN.replace("INPUT", "'s3://b/out/*.csv'"))
    assert select(graph, ["s3://b/out/x.csv"]) == ["put"]
    assert select(graph, ["s3://b/all/y"]) == ["fill"]
    assert select(graph, ["+a"]) == ["a", "put"]
    assert select(graph, ["s3://b/out/x.csv+"]) == ["put", "a"]
