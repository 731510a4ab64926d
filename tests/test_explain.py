"""What there is to say of a project, as documents."""

from __future__ import annotations

import os

import pytest

import datamake
from datamake import chronicle, explain, reasons

TEXT = """
[params]
year = 2013

[sources.raw]
path = "raw.csv"
description = "What came in"
tags = ["in"]

[targets.clean]
description = "Without x"
owner = "me"
tags = ["daily"]
inputs = { table = "raw", limits = "limits.txt" }
output = "clean.csv"
env = ["TZ_OF_DATA"]
run = "bash clean.sh {inputs.table} {params.year} > {output}"

[targets.count]
foreach = { unit = ["l", "w"] }
inputs = ["clean"]
output = "count/{unit}"
argv = ["cp", "{input}", "{output}"]
"""


@pytest.fixture
def explained(project):
    project.datafile(TEXT)
    project.write("raw.csv", "x\n")
    project.write("limits.txt", "9\n")
    project.write("clean.sh", "grep -v $2 $1")

    def explained(function, *arguments, **options):
        opened = datamake.load(str(project.root))
        try:
            module = next(each for each in (reasons, chronicle, explain) if function in vars(each))
            return getattr(module, function)(opened, *arguments, **options)
        finally:
            opened.close()

    project.explain = explained
    return project


def test_why_never_built(explained):
    """A target that has never been built says so, and nothing else."""
    assert explained.explain("why", "clean") == {
        "version": 1,
        "name": "clean",
        "status": "run",
        "reasons": [{"code": "never-built", "detail": "never built"}],
    }


def test_why_up_to_date(explained):
    """There is no reason."""
    explained.build()
    assert explained.explain("why", "clean")["reasons"] == []
    assert explained.explain("why", "clean.csv")["status"] == "up-to-date"


def test_why_names_every_cause(explained):
    """Input, param, code, command and variable, each with what was and what is."""
    explained.build()
    explained.write("raw.csv", "y\n")
    explained.write("clean.sh", "grep -v $2 $1; true")
    explained.datafile(TEXT.replace("2013", "2014").replace("bash clean", "bash -e clean"))
    document = explained.explain("why", "clean")
    reasons = {reason["code"]: reason for reason in document["reasons"]}
    assert set(reasons) == {"command-changed", "code-changed", "param-changed", "input-changed"}
    assert (reasons["param-changed"]["old"], reasons["param-changed"]["new"]) == ("2013", "2014")
    assert reasons["input-changed"]["subject"] == "raw.csv"
    assert reasons["code-changed"]["subject"] == "clean.sh"
    assert "bash -e" in reasons["command-changed"]["new"]


def test_why_below_something_stale(explained):
    """Early cutoff can still spare it."""
    explained.build()
    explained.write("raw.csv", "y\n")
    document = explained.explain("why", "count[l]")
    assert (document["status"], document["reasons"][0]["code"]) == ("maybe", "upstream")


def test_why_wants_one_target(explained):
    """Several are an error that names them."""
    with pytest.raises(datamake.UsageError) as raised:
        explained.explain("why", "count")
    assert str(raised.value) == "`count` is 2 targets: `count[l]`, `count[w]`\n  hint: name one"


def test_ls(explained):
    """Targets with what they are, and sources."""
    document = explained.explain("ls")
    assert [target["name"] for target in document["targets"]] == ["clean", "count[l]", "count[w]"]
    assert document["targets"][0] == {
        "name": "clean",
        "kind": "run",
        "inputs": ["raw.csv", "limits.txt"],
        "outputs": ["clean.csv"],
        "tags": ["daily"],
        "description": "Without x",
    }
    assert document["sources"] == [
        {"name": "raw", "path": "raw.csv", "description": "What came in", "tags": ["in"]}
    ]
    assert [t["name"] for t in explained.explain("ls", ["tag:daily"])["targets"]] == ["clean"]


def test_show(explained, monkeypatch):
    """One target in full, before and after it was built."""
    monkeypatch.setenv("TZ_OF_DATA", "UTC")
    before = explained.explain("show", "clean")
    assert (before["kind"], before["owner"], before["status"]) == ("run", "me", "run")
    assert before["command"] == "bash clean.sh raw.csv 2013 > clean.csv"
    assert (before["params"], before["env"]) == ({"year": 2013}, {"TZ_OF_DATA": "UTC"})
    assert [(i["name"], i["path"]) for i in before["inputs"]] == [
        ("table", "raw.csv"),
        ("limits", "limits.txt"),
    ]
    assert [code["path"] for code in before["code"]] == ["clean.sh"]
    assert before["outputs"] == [
        {"path": "clean.csv", "digest": None, "size": None, "staged": True, "present": False}
    ]
    assert (before["last_run"], before["log"]) == (None, None)
    result = explained.build()
    after = explained.explain("show", "clean")
    assert after["fingerprint"] == result.result.targets[0].fingerprint == before["fingerprint"]
    assert (after["outputs"][0]["size"], after["outputs"][0]["present"]) == (2, True)
    assert (after["last_run"]["status"], after["last_run"]["reason"]) == ("built", "never-built")
    assert after["log"].endswith("clean.log")


def test_show_an_instance(explained):
    """Its input comes from another target; what is not there yet has no digest."""
    before = explained.explain("show", "count[l]")
    assert before["inputs"] == [{"path": "clean.csv", "digest": None, "producer": "clean"}]
    assert (before["fingerprint"], before["command"]) == ("", ["cp", "clean.csv", "count/l"])
    explained.build()
    after = explained.explain("show", "count[l]")
    assert after["command"] == ["cp", "clean.csv", "count/l"]
    assert after["inputs"][0]["digest"].endswith("-2")


def test_the_graph(explained):
    """From what is needed to what needs it; declared sources by name, other files by path."""
    document = explained.explain("graph_view")
    assert document["nodes"] == [
        {"id": "raw", "kind": "source"},
        {"id": "limits.txt", "kind": "file"},
        {"id": "clean", "kind": "run"},
        {"id": "count[l]", "kind": "argv"},
        {"id": "count[w]", "kind": "argv"},
    ]
    assert [(edge["from"], edge["to"]) for edge in document["edges"]] == [
        ("raw", "clean"),
        ("limits.txt", "clean"),
        ("clean", "count[l]"),
        ("clean", "count[w]"),
    ]


def test_the_graph_with_statuses(explained):
    """Of a selection, with all it needs."""
    explained.build()
    explained.remove("count/l")
    document = explained.explain("graph_view", ["count[l]"], status=True)
    assert {each["id"]: each.get("status") for each in document["nodes"]} == {
        "raw": None,
        "limits.txt": None,
        "clean": "up-to-date",
        "count[l]": "restore",
    }


def test_history(explained):
    """Runs that did something, newest first; of one target what became of it."""
    explained.build()
    explained.build()
    explained.write("raw.csv", "y\n")
    explained.build("clean")
    runs = explained.explain("history")["runs"]
    assert [(run["built"], run["exit_code"]) for run in runs] == [(1, 0), (3, 0)]
    ours = explained.explain("history", "clean")["runs"]
    assert [(run["status"], run["reason"]) for run in ours] == [
        ("built", "input-changed"),
        ("built", "never-built"),
    ]
    assert [len(explained.explain("history", "count[l]")["runs"])] == [1]


def test_history_names_targets(project):
    """The first of each run; of a foreach target all instances, also those that are gone; blocked ones."""
    datafile = """
        [targets.each]
        foreach = { n = ["a", "b", "c", "d", "e", "f", "g"] }
        output = "each/{n}"
        run = "test {n} != g && touch {output}"
        [targets.all]
        inputs = ["each/*"]
        output = "all"
        run = "touch {output}"
    """
    project.datafile(datafile)
    assert not project.build(keep_going=True, jobs=1).ok
    project.datafile(datafile.replace(', "c", "d", "e", "f", "g"', ""))
    assert project.build().ok
    with datamake.load(str(project.root)) as opened:
        last, first = chronicle.history(opened)["runs"]
        assert last["targets"] == {"built": ["all"]}
        assert first["targets"] == {
            "built": [f"each[{n}]" for n in "abcde"],
            "failed": ["each[g]"],
            "blocked": ["all"],
        }
        each = chronicle.history(opened, "each")["runs"]
        assert [run["target"] for run in each] == [f"each[{n}]" for n in "abcdefg"]
        told = [run["status"] for run in chronicle.history(opened, "all")["runs"]]
        assert told == ["built", "blocked"]
        assert chronicle.failure(opened, "all") is None


def test_logs(explained):
    """The last log, and whether it is of a failure."""
    assert explained.explain("log_path", "clean") is None
    explained.build()
    path = explained.explain("log_path", "clean")
    assert explained.exists(path)
    assert explained.explain("failure", "clean") is None
    explained.write("clean.sh", "exit 1")
    assert not explained.build().ok
    assert explained.explain("log_path", "clean") == path
    assert explained.explain("failure", "clean").error == "exit status 1"


def test_the_past_of_an_instance_that_is_not_known_now(project):
    """Its log and history are there, though what its instances depend on has to be judged first."""
    project.datafile("""
        [targets.split]
        output = "parts/"
        run = "touch {output}/a"
        [targets.each]
        foreach = "parts/{name}"
        inputs = ["parts/{name}"]
        output = "each/{name}"
        run = "echo bad; exit 3 # {input} {output}"
    """)
    assert not project.build().ok
    with datamake.load(str(project.root)) as opened:
        path = chronicle.log_path(opened, "each[a]")
        assert project.read(path) == "bad\n"
        assert [run["status"] for run in chronicle.history(opened, "each[a]")["runs"]] == ["failed"]
        assert chronicle.log_path(opened, "each[b]") is None
        assert chronicle.history(opened, "each[b]")["runs"] == []


def test_instances_that_are_not_known_yet(project):
    """Are one entry, until what makes their files is up to date."""
    project.datafile("""
        [targets.split]
        output = "parts/"
        run = "touch {output}/a {output}/b"
        [targets.each]
        foreach = "parts/{name}"
        inputs = ["parts/{name}"]
        output = "each/{name}"
        copy = true
    """)
    with datamake.load(str(project.root)) as opened:
        assert [t["name"] for t in explain.ls(opened)["targets"]] == ["split", "each[*]"]
        assert reasons.why(opened, "each")["status"] == "maybe"
        assert [each["kind"] for each in explain.graph_view(opened)["nodes"]] == ["run", "copy"]
        with pytest.raises(datamake.UsageError, match="not known yet"):
            explain.show(opened, "each")
    project.build()
    with datamake.load(str(project.root)) as opened:
        names = [each["id"] for each in explain.graph_view(opened, (), status=True)["nodes"]]
        assert names == ["split", "each[a]", "each[b]"]


REMOTE = """
[sources.weather]
path = "https://me:secret@h/weather.csv?sig=secret"

[targets.put]
output = "s3://b/put/x"
run = "echo > {output}"

[targets.take]
inputs = ["weather", "s3://b/put/x", "zip://a.csv::s3://b/a.zip"]
output = "s3://b/taken"
run = "cat {inputs} > {output}"
"""


def test_what_is_at_urls_without_asking(explained):
    """`ls` and `graph` show URLs without their secrets, and need no store for that."""
    explained.datafile(REMOTE)
    listed = explained.explain("ls")
    assert [(each["inputs"], each["outputs"]) for each in listed["targets"]] == [
        ([], ["s3://b/put/x"]),
        (
            ["https://h/weather.csv?…", "s3://b/put/x", "zip://a.csv::s3://b/a.zip"],
            ["s3://b/taken"],
        ),
    ]
    assert [each["path"] for each in listed["sources"]] == ["https://h/weather.csv?…"]
    assert explained.explain("graph_view") == {
        "version": 1,
        "nodes": [
            {"id": "put", "kind": "run"},
            {"id": "weather", "kind": "source"},
            {"id": "zip://a.csv::s3://b/a.zip", "kind": "source"},
            {"id": "take", "kind": "run"},
        ],
        "edges": [
            {"from": "weather", "to": "take"},
            {"from": "zip://a.csv::s3://b/a.zip", "to": "take"},
            {"from": "put", "to": "take"},
        ],
    }


def test_inputs_at_urls_in_full(explained, tmp_path_factory):
    """A digest where the content is known, the version of what is not fetched."""
    store = tmp_path_factory.mktemp("store")
    (store / "x.csv").write_text("x\n")
    os.utime(store / "x.csv", (1e9, 1e9))
    url = f"file://{store}/x.csv"
    explained.datafile(f"""
        [targets.take]
        inputs = {{ here = "{url}", there = {{ from = "{url}", fetch = false }} }}
        output = "y"
        run = "cat {{inputs.here}} > {{output}}"
    """)
    there, here = explained.explain("show", "take")["inputs"]
    assert here == {"name": "here", "path": url, "digest": None}
    assert there.pop("token")
    assert there == {"name": "there", "path": url, "digest": None}
    explained.build()
    document = explained.explain("show", "take")
    assert document["status"] == "up-to-date"
    assert document["inputs"][0]["digest"].endswith("-2")
    assert document["command"] == f"cat {url} > y"
    assert document["fingerprint"]
