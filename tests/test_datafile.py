"""Datafiles: what loads, and what it becomes."""

from __future__ import annotations

import sys

import pytest
from datafiles import Texts, complaint, loaded

from datamake.datafile import load
from datamake.errors import DatafileError

TARGET = "run = 'true'\n"


# What it becomes


def test_a_target_is_declared_as_it_is_written():
    spec = loaded("""
        [targets.clean]
        inputs = { a = "raw/{month}.csv", b = { from = "x", optional = true } }
        output = "build/{month}.csv"
        run = "cat {inputs.a} > {output}"
        foreach = { month = ["01"] }
    """)
    clean = spec.targets["clean"]
    assert (clean.name, clean.kind, clean.part.file) == ("clean", "run", "Datafile.toml")
    assert clean.table["inputs"] == {"a": "raw/{month}.csv", "b": {"from": "x", "optional": True}}
    assert clean.inherited == frozenset()


def test_an_empty_datafile_is_a_project_without_targets():
    spec = loaded("")
    assert (spec.targets, spec.sources, spec.project, spec.params) == ({}, {}, {}, {})
    assert [(part.file, part.folder, part.space) for part in spec.parts] == [
        ("Datafile.toml", "", "")
    ]


def test_kinds():
    text = """
        [targets]
        a.run = "true"
        b.argv = ["true"]
        c.python = "pkg.mod:fn"
        d = { copy = true, inputs = ["x"], output = "y" }
        [sources]
        s.path = "raw/"
    """
    spec = loaded(text)
    assert [each.kind for each in spec.targets.values()] == ["run", "argv", "python", "copy"]
    assert spec.sources["s"].kind == "source"


def test_defaults_are_replaced_or_added_up():
    spec = loaded("""
        [defaults]
        retries = 1
        cpus = 2
        tags = ["a"]
        code = ["x.py"]
        env = ["TZ"]
        secrets = ["KEY"]
        [targets.t]
        run = "true"
        retries = 3
        tags = ["b", "a"]
        env = { LANG = "C" }
    """)
    table = dict(spec.targets["t"].table)
    assert table == {
        "run": "true",
        "retries": 3,
        "cpus": 2,
        "tags": ["a", "b"],
        "code": ["x.py"],
        "env": {"TZ": None, "LANG": "C"},
        "secrets": ["KEY"],
    }
    assert spec.targets["t"].inherited == {"cpus", "code", "secrets"}


# Profiles and params


PROFILES = """
    [project]
    name = "x"
    default = ["a"]
    [params]
    year = 2013
    limits = { low = 1, high = 2 }
    [sources.s]
    path = "raw/"
    tags = ["t"]
    [pools]
    api = 1
    [profiles.ci]
    project = { name = "y" }
    params = { limits = { high = 3 }, more = true }
    sources = { s = { path = "small/" }, n = { path = "new/" } }
    pools = { gpu = 1 }
    defaults = { tags = ["ci"] }
    [targets.a]
    run = "true"
"""


def test_a_profile_is_merged_over_all_but_targets():
    spec = loaded(PROFILES, profile="ci")
    assert spec.profile == "ci"
    assert spec.project == {"name": "y", "default": ["a"]}
    assert spec.params == {"year": 2013, "limits": {"low": 1, "high": 3}, "more": True}
    assert spec.sources["s"].table == {"path": "small/", "tags": ["t"]}
    assert spec.sources["n"].table == {"path": "new/"}
    assert spec.pools == {"api": 1, "gpu": 1}
    assert spec.targets["a"].table["tags"] == ["ci"]


def test_options_of_stores_are_merged_with_the_profile():
    """Each prefix by itself; what is to be filled in waits until a store is opened."""
    text = """
        [project]
        cache = "s3://{env.BUCKET}/cache"
        [storage."s3://"]
        endpoint_url = "{env.S3}"
        client_kwargs = { verify = false }
        [profiles.ci]
        project.cache = "../cache"
        storage = { "s3://" = { client_kwargs = { region = "x" } }, "gs://b" = { n = 1 } }
    """
    spec = loaded(text)
    plain = {"endpoint_url": "{env.S3}", "client_kwargs": {"verify": False}}
    assert spec.storage == {"s3://": plain}
    assert spec.project["cache"] == "s3://{env.BUCKET}/cache"
    spec = loaded(text, profile="ci")
    both = {"verify": False, "region": "x"}
    assert spec.storage == {"s3://": {**plain, "client_kwargs": both}, "gs://b": {"n": 1}}
    assert spec.project["cache"] == "../cache"


def test_placeholders_of_stores_are_known_ones():
    """Also in the profile that is asked for; whether a variable is set is found out later."""
    text = """
        [params]
        host = "h"
        [project]
        cache = "s3://{env.BUCKET}/{parms.host}"
        [storage."s3://"]
        endpoint_url = "https://{params.hots}"
        list = [{ a = "{params.host}{env.X}" }, "{name}"]
        [profiles.ci]
        storage = { "gs://" = { x = "{year}" } }
        [profiles.other]
        storage = { "gs://" = { x = "{month}" } }
    """
    known = "  known here: `{env.*}`, `{params}`, `{params.host}`\n"
    message = complaint(text, profile="ci")
    assert message == (
        f"5:1: unknown placeholder `{{parms.host}}`\n{known}"
        "  hint: did you mean `{params.host}`? otherwise write it literally as `{{parms.host}}`\n"
        f"7:1: unknown placeholder `{{params.hots}}`\n{known}"
        "  hint: did you mean `{params.host}`? otherwise write it literally as `{{params.hots}}`\n"
        f"8:41: unknown placeholder `{{name}}`\n{known}"
        "  hint: write it literally as `{{name}}`\n"
        f"10:25: unknown placeholder `{{year}}`\n{known}"
        "  hint: write it literally as `{{year}}`"
    )


def test_the_profile_may_come_from_the_environment():
    env = {"DATAMAKE_PROFILE": "ci"}
    assert loaded(PROFILES, env=env).profile == "ci"
    assert loaded(PROFILES, env={"DATAMAKE_PROFILE": ""}).profile is None
    assert loaded(PROFILES).params == {"year": 2013, "limits": {"low": 1, "high": 2}}


def test_a_profile_that_is_not_there():
    assert complaint(PROFILES, profile="cii") == (
        " there is no profile `cii`\n  there are `ci`\n  hint: did you mean `ci`?"
    )
    assert complaint("", profile="ci") == " there is no profile `ci`\n  none is declared"


def test_a_new_source_of_a_profile_needs_a_path():
    text = "[profiles.ci.sources.s]\ntags = ['x']\n"
    assert complaint(text, profile="ci") == "1:22: `sources.s` needs `path`"


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("year", "2014", 2014),
        ("year", 2014, 2014),
        ("year", "abc", "abc"),
        ("year", "", ""),
        ("year", "['01', '02']", ["01", "02"]),
        ("year", "1\nb = 2", "1\nb = 2"),
        ("name", "2014", "2014"),
        ("name", "true", "true"),
        ("name", 3, 3),
        ("limits.high", "1.5", 1.5),
    ],
)
def test_params_set_by_hand(name, given, expected):
    """TOML where it is TOML; a param declared as a string takes what is given as it stands."""
    text = "[params]\nyear = 2013\nname = 'x'\nlimits = { high = 1 }\n"
    found = loaded(text, overrides={name: given}).params
    for key in name.split("."):
        found = found[key]
    assert found == expected


def test_what_is_set_by_hand_wins_over_the_profile():
    assert loaded(PROFILES, profile="ci", overrides={"more": "false"}).params["more"] is False


def test_unknown_params_are_not_set():
    text = "[params]\nyear = 1\n[params.limits]\nhigh = 1\n"
    assert complaint(text, overrides={"yaer": "1", "limits.q": "2", "year.x": "3"}) == (
        "unknown param `yaer`\n  hint: did you mean `year`?\n"
        "unknown param `limits.q`\n  hint: did you mean `limits`?\n"
        "unknown param `year.x`\n  hint: did you mean `year`?"
    )
    assert complaint("", overrides={"x": "1"}) == "unknown param `x`\n  none is declared"


# Parts


PARTS = {
    "p/b/Datafile.toml": "[targets.b]\n" + TARGET,
    "p/a/Datafile.toml": "[defaults]\nretries = 1\n[targets.a]\n" + TARGET,
    "p/a/deep/Datafile.toml": "[targets.d]\n" + TARGET,
    "p/.hidden/Datafile.toml": "[targets.h]\n" + TARGET,
    "p/none/x.txt": "",
    "p/more.toml": "[sources.m]\npath = 'x'\n",
    "p/README.md": "",
}


def test_parts_are_folders_datafiles_and_globs():
    spec = loaded("project.include = ['p/*', 'p/a/deep/']\n[targets.root]\n" + TARGET, PARTS)
    assert list(spec.targets) == ["root", "a", "b", "d"]
    assert [part.file for part in spec.parts] == [
        "Datafile.toml", "p/a/Datafile.toml", "p/b/Datafile.toml", "p/more.toml",
        "p/a/deep/Datafile.toml",
    ]  # fmt: skip
    assert [part.folder for part in spec.parts] == ["", "p/a", "p/b", "p", "p/a/deep"]
    assert spec.targets["a"].table["retries"] == 1
    assert "retries" not in spec.targets["b"].table


def test_a_glob_looks_into_all_folders():
    spec = loaded("project.include = ['p/**/Datafile.toml', 'p/b']", PARTS)
    assert list(spec.targets) == ["a", "d", "b"]


def test_a_name_space_is_part_of_the_name():
    spec = loaded("project.include = { sales = 'p/a', m = 'p/more.toml' }", PARTS)
    assert list(spec.targets) == ["sales.a"]
    assert list(spec.sources) == ["m.m"]
    assert spec.targets["sales.a"].name == "sales.a"
    assert spec.targets["sales.a"].part.space == "sales."


def test_name_spaces_keep_names_apart():
    text = "project.include = { x = 'p/a', y = 'p/a' }\n[targets.a]\n" + TARGET
    assert list(loaded(text, PARTS).targets) == ["a", "x.a", "y.a"]


def test_params_and_pools_of_parts_are_those_of_the_project():
    part = "[params]\nb = 2\n[pools]\ng = 1\n"
    spec = loaded("project.include = ['p']\n[params]\na = 1\n", {"p/Datafile.toml": part})
    assert (spec.params, spec.pools) == ({"a": 1, "b": 2}, {"g": 1})


def test_parts_that_are_not_there():
    text = "[project]\ninclude = ['q', 'q/*', '../x', '/x', 'p/none']\n"
    assert complaint(text, PARTS) == (
        "2:12: `q` is neither a Datafile nor a folder with a `Datafile.toml`\n"
        "2:17: `q/*` matches no Datafile\n"
        "2:24: `../x` lies outside the project\n"
        "2:32: `/x` lies outside the project\n"
        "2:38: `p/none` is neither a Datafile nor a folder with a `Datafile.toml`"
    )


def test_a_part_is_no_project():
    part = "[project]\nname = 'x'\n[profiles.x]\n"
    assert complaint("project.include = ['p']\n", {"p/Datafile.toml": part}) == (
        "p/1:2: `project` works only in the project's own Datafile\n"
        "p/3:2: `profiles` works only in the project's own Datafile"
    )


def test_a_name_declared_twice_shows_both_places():
    """Targets and sources share one name space."""
    text = "project.include = ['p']\n[targets.a]\nrun = 'x'\n[params]\nx = 1\n[sources.s]\npath = 's'\n"
    part = "[sources]\na.path = 'x'\n[targets]\ns.run = 'x'\nt.run = 'x'\n[params]\nx = 2\n"
    assert complaint(text, {"p/Datafile.toml": part}) == (
        "p/2:1: `a` is declared twice\n  first at 2:10\n"
        "p/4:1: `s` is declared twice\n  first at 6:10\n"
        "p/7:1: `x` is declared twice\n  first at 5:1"
    )


# Versions


@pytest.mark.parametrize(
    ("requires", "version", "met"),
    [
        (">=0.3", "0.3.0", True),
        (">=0.3", "0.10", True),
        (">=0.3, <2", "2.0", False),
        (" >= 0.3 , < 2 ", "1.9.9", True),
        ("==1.0", "1", True),
        ("!=1.2", "1.2.0", False),
        (">1", "1.0.1", True),
        ("<=1", "1.0.1", False),
        (">=0.3", "0.3.0rc1", True),
    ],
)
def test_versions(requires, version, met):
    text = f"[project]\nrequires = '{requires}'\n"
    if met:
        assert loaded(text, version=version).project["requires"] == requires
    else:
        expected = f"2:1: the project requires datamake `{requires}`, and this is {version}"
        assert complaint(text, version=version) == expected


def test_of_a_wrong_version_nothing_else_is_reported():
    """What it does not know may be what the other version added."""
    text = "[project]\nrequires = '>=9'\nnew = 1\n"
    assert complaint(text) == "2:1: the project requires datamake `>=9`, and this is 0.1.0"


# Big projects


def test_the_work_grows_as_the_targets_do():
    """Twice the targets, twice the calls."""

    def calls(count):
        text = "".join(
            f"[targets.t{i}]\ninputs = ['{i}.csv']\noutput = 'b/{i}'\nrun = 'cp {{input}} {{output}}'\n"
            for i in range(count)
        )
        tree = Texts({"Datafile.toml": text})
        counted = [0]
        sys.setprofile(lambda frame, event, arg: counted.__setitem__(0, counted[0] + 1))
        try:
            load("Datafile.toml", tree)
        finally:
            sys.setprofile(None)
        return counted[0]

    assert calls(400) - calls(200) == pytest.approx(2 * (calls(200) - calls(100)), rel=0.05)


def test_problems_of_one_file_read_it_once_more():
    """The text is scanned for places once, however much is wrong."""
    tree = Texts({"Datafile.toml": "".join(f"k{i} = 1\n" for i in range(300))})
    reads = []
    plain = tree.read
    tree.read = lambda path: reads.append(path) or plain(path)
    with pytest.raises(DatafileError) as caught:
        load("Datafile.toml", tree)
    assert len(caught.value.problems) == 300
    assert caught.value.problems[7].place == "Datafile.toml:8:1"
    assert reads == ["Datafile.toml"] * 2
