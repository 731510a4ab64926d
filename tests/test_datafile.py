"""Datafiles: what loads, what it becomes, and every message about what does not."""

from __future__ import annotations

import sys
from textwrap import dedent

import pytest
import tomli
from jsonschema import Draft202012Validator

from datamake.datafile import keys, load
from datamake.errors import DatafileError


class Texts:
    """A tree of files in memory: path → text or bytes."""

    def __init__(self, files):
        self.files = {
            path: text.encode() if isinstance(text, str) else text for path, text in files.items()
        }

    def kind(self, path):
        if path in self.files:
            return "file"
        return "folder" if self.entries(path) else None

    def entries(self, folder):
        start = f"{folder}/" if folder else ""
        inside = [path[len(start) :] for path in sorted(self.files) if path.startswith(start)]
        return {path.split("/")[0]: "folder" if "/" in path else "file" for path in inside}

    def read(self, path):
        return self.files.get(path)


def loaded(text, files=(), **options):
    root = text if isinstance(text, bytes) else dedent(text)
    return load("Datafile.toml", Texts({"Datafile.toml": root, **dict(files)}), **options)


def complaint(text, files=(), **options):
    """The message that loading ends in, `Datafile.toml:` left out."""
    with pytest.raises(DatafileError) as caught:
        loaded(text, files, **options)
    return str(caught.value).replace("Datafile.toml:", "")


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


# What is wrong: each message, with its place


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ouput = 'x'", "3:1: unknown key `ouput`\n  hint: did you mean `output`?"),
        ("sql = 'select 1'", "3:1: `sql` is not in this version of datamake yet"),
        ("checks = []", "3:1: `checks` is not in this version of datamake yet"),
        ("previous = true", "3:1: `previous` is reserved for later"),
        ("settle = 1", "3:1: `settle` is reserved for later"),
        ("view = 1", "3:1: `view` is reserved for later"),
        ("sensitive = 1", "3:1: `sensitive` is reserved for later"),
        (
            "argv = ['x']",
            (
                "3:1: `t` has `run` and `argv`\n"
                "  exactly one of `run`, `argv`, `python` and `copy` says what a target does"
            ),
        ),
        ("output = 'a'\noutputs = ['b']", "4:1: `t` has both `output` and `outputs`"),
        (
            "inputs = 'a.csv'",
            (
                "3:1: `inputs` must be a list of inputs, or a table that names them,"
                " not the string `a.csv`"
            ),
        ),
        (
            "inputs = ['a', 3]",
            "3:16: `inputs[1]` must be a string, or a table with `from`, not the number 3",
        ),
        (
            "inputs = { a = { form = 'x' } }",
            "3:18: unknown key `inputs.a.form`\n  hint: did you mean `from`?",
        ),
        ("inputs = [{ optional = true }]", "3:11: `inputs[0]` needs `from`"),
        (
            "inputs = { 'a b' = 'x' }",
            (
                "3:12: `a b` is not a name\n"
                "  hint: names are letters, digits, `_` and `-`, and begin with a letter or `_`"
            ),
        ),
        ("inputs = ['']", "3:11: `inputs[0]` is empty"),
        (
            "inputs = [{ from = 'x', columns = [] }]",
            "3:25: `inputs[0].columns` is not in this version of datamake yet",
        ),
        (
            "output = 's3://b/x'",
            "3:1: `output` is `s3://b/x`, and URLs are not in this version of datamake yet",
        ),
        ("outputs = []", "3:1: `outputs` is empty"),
        ('output = "a\\u0000"', "3:1: `output` holds a NUL character"),
        ("retries = '3'", "3:1: `retries` must be a whole number, at least 0, not the string `3`"),
        ("retries = -1", "3:1: `retries` must be a whole number, at least 0, not the number -1"),
        ("retries = true", "3:1: `retries` must be a whole number, at least 0, not `true`"),
        ("cpus = 1.5", "3:1: `cpus` must be a whole number, at least 1, not the number 1.5"),
        ("always = 'yes'", "3:1: `always` must be `true` or `false`, not the string `yes`"),
        (
            "timeout = '3x'",
            "3:1: `timeout`: `3x` is not a duration like `500ms`, `90s`, `30m`, `6h` or `1.5d`",
        ),
        (
            "timeout = []",
            '3:1: `timeout` must be a duration like `"30m"`, or a number of seconds, not a list',
        ),
        ("memory = 'lots'", "3:1: `memory`: `lots` is not a size like `500KB`, `8GB` or `1.5GiB`"),
        ("owner = 2013-01-01", "3:1: `owner` must be a string, not the date 2013-01-01"),
        ("tags = 'x'", "3:1: `tags` must be a list of strings, not the string `x`"),
        (
            "env = ['A B']",
            "3:8: `env[0]` must be the name of an environment variable, not the string `A B`",
        ),
        ("env = { A = 1 }", "3:9: `env.A` must be a string, not the number 1"),
        (
            "pool = { gpu = 0 }",
            "3:10: `pool.gpu` must be a whole number, at least 1, not the number 0",
        ),
        (
            "enabled = 'no'",
            '3:1: `enabled` must be `true`, `false` or `"{params.NAME}"`, not the string `no`',
        ),
        ("exclude = [{ a = 1 }]", "3:1: `t` has `exclude` but no `foreach`"),
        (
            "foreach = 3",
            (
                "3:1: `foreach` must be a table of variables, a list of tables, or a string,"
                " not the number 3"
            ),
        ),
        (
            "foreach = { a = 'x' }",
            (
                '3:13: `foreach.a` must be a list, `"{params.NAME}"` or a table'
                " with `from`, `to`, `every`, not the string `x`"
            ),
        ),
        (
            "foreach = { a = { from = 'x' } }",
            "3:19: `foreach.a.from` must be a date, not the string `x`",
        ),
        (
            "foreach = { a = [[1]] }",
            "3:18: `foreach.a[0]` must be a string, number, boolean or date, not a list",
        ),
        (
            "foreach = { input = [1] }",
            "3:13: `input` cannot be a name here\n  hint: it is the name of a placeholder already",
        ),
        (
            "foreach = [{ a = 1 }, { b = 1 }]",
            "3:23: `foreach[1]` has other variables than `foreach[0]`\n  `a`, then `b`",
        ),
        ("foreach = {}", "3:1: `foreach` is empty"),
        (
            "cache = 1\nshell = 'sh'",
            (
                "3:1: `cache` must be `true` or `false`, not the number 1\n"
                "4:1: `shell` must be a list of strings, not the string `sh`"
            ),
        ),
    ],
)
def test_what_is_wrong_with_a_target(text, expected):
    assert complaint(f"[targets.t]\nrun = 'true'\n{text}\n") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[target.x]", "1:2: unknown key `target`\n  hint: did you mean `targets`?"),
        (
            "qqq = 1",
            (
                "1:1: unknown key `qqq`\n  known here: `project`, `executor`, `params`,"
                " `defaults`, `pools`, `sources`, `targets`, `profiles`"
            ),
        ),
        ("targets = 1", "1:1: `targets` must be a table of targets, not the number 1"),
        (
            "targets.x = 1",
            (
                "1:9: `targets.x` must be a table, not the number 1\n"
                "1:9: `x` does nothing\n"
                "  exactly one of `run`, `argv`, `python` and `copy` says what a target does"
            ),
        ),
        (
            "[targets.x]",
            (
                "1:10: `x` does nothing\n"
                "  exactly one of `run`, `argv`, `python` and `copy` says what a target does"
            ),
        ),
        (
            "[targets.'a.b']\nrun = 'x'",
            (
                "1:10: `a.b` is not a name\n"
                "  hint: names are letters, digits, `_` and `-`, and begin with a letter or `_`"
            ),
        ),
        ("[targets.x]\nrun = ' '", "2:1: `run` must be a shell script, not the string ` `"),
        ("[targets.x]\nargv = []", "2:1: `argv` is empty"),
        (
            "[targets.x]\npython = 'a.b'",
            "2:1: `python` must be `module:function`, not the string `a.b`",
        ),
        (
            "[targets.x]\ncopy = false",
            (
                "2:1: `copy` must be `true`, not `false`\n"
                "2:1: `copy` needs `inputs`\n2:1: `copy` needs `output` or `outputs`"
            ),
        ),
        ("[targets.x]\nsql = 'x'", "2:1: `sql` is not in this version of datamake yet"),
        ("[targets.x.standardize]", "1:12: `standardize` is not in this version of datamake yet"),
        (
            "[sources.x]\nfreshness = {}",
            (
                "1:10: `sources.x` needs `path`\n"
                "2:1: `freshness` is not in this version of datamake yet"
            ),
        ),
        (
            "[sources.x]\npath = 'https://x'",
            "2:1: `path` is `https://x`, and URLs are not in this version of datamake yet",
        ),
        ("[defaults]\nrun = 'x'", "2:1: `defaults.run` does not work in `[defaults]`"),
        ("[project]\ncache = 'x'", "2:1: `project.cache` is not in this version of datamake yet"),
        (
            "[project]\nlink = 'hard'",
            "2:1: `project.link` must be `reflink` or `copy`, not the string `hard`",
        ),
        (
            "[executor]\nkind = 'dask'",
            "2:1: `executor.kind` must be `local`, not the string `dask`",
        ),
        ("[storage.'s3://']", "1:2: `storage` is not in this version of datamake yet"),
        (
            "[pools]\nx = '1'",
            "2:1: `pools.x` must be a whole number, at least 1, not the string `1`",
        ),
        ("[profiles.x]\ntargets = {}", "2:1: `targets` does not work in a profile"),
        (
            "[profiles.x.project]\nnmae = 1",
            "2:1: unknown key `project.nmae`\n  hint: did you mean `name`?",
        ),
        (
            "[project]\nrequires = '~3'",
            "2:1: `project.requires`: cannot read `~3`\n  hint: write it like `>=0.3, <2`",
        ),
    ],
)
def test_what_is_wrong_elsewhere(text, expected):
    assert complaint(text) == expected


def test_all_that_is_wrong_is_reported_from_top_to_bottom():
    text = "[targets.a]\nrun = 1\n[sources.b]\npth = 'x'\n[params]\n'a b' = 1\n[targets.c]\n"
    lines = complaint(text, profile="x").splitlines()
    places = [line.split(" ")[0] for line in lines if not line.startswith("  ")]
    assert places == ["", "2:1:", "4:1:", "6:1:", "7:10:"]


def test_placeholders_in_quotes_are_found_when_it_is_loaded():
    """But not what only looks like a placeholder, which is another's to judge."""
    text = """\
        [targets.t]
        foreach = { month = ["01"] }
        run = '''cat "{input}" '{month}' "{month:raw}" | awk '{print}' > {output}'''
    """
    inside = "  hint: remove the quotes, since each value is quoted by itself;"
    assert complaint(text) == (
        f"3:1: `{{input}}` stands inside quotes\n{inside} `{{input:raw}}` is put in as it is\n"
        f"3:1: `{{month}}` stands inside quotes\n{inside} `{{month:raw}}` is put in as it is"
    )


# What is no TOML


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a = \n", "1:5: invalid value"),
        (b"\n[x\n", "2:3: expected ']' at the end of a table declaration"),
        (b"a = 'x\n", '2:1: expected "\'"'),
        (b"a = 1\na = 2\n", "2:6: cannot overwrite a value"),
        ("é = 'ü\udcff'".encode("utf-8", "surrogateescape"), "1:7: is not UTF-8: byte `0xff`"),
        (b"\n x = " + b"9" * 5000, "2:6: a number has too many digits"),
        (b"x = " + b"[" * 5000 + b"]" * 5000, " tables or lists are nested too deeply"),
        (b"#" * (64 << 20) + b"\n", " is larger than 64 MiB"),
    ],
)
def test_what_is_no_toml(content, expected):
    assert complaint(content) == expected


def test_a_broken_part_is_reported_with_the_rest():
    text = "project.include = ['p']\nx = 1\n"
    assert complaint(text, {"p/Datafile.toml": "a = \n"}) == (
        "2:1: unknown key `x`\n  known here: `project`, `executor`, `params`, `defaults`,"
        " `pools`, `sources`, `targets`, `profiles`\n"
        "p/1:5: invalid value"
    )


def test_no_file():
    with pytest.raises(DatafileError) as caught:
        load("Datafile.toml", Texts({}))
    assert str(caught.value) == "Datafile.toml: cannot be read: there is no such file"


def test_a_byte_order_mark_is_no_error():
    assert loaded(b"\xef\xbb\xbf[params]\nx = 1\n").params == {"x": 1}


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


# The schema and the reference, made of the same table


EVERYTHING = """
[project]
name = "x"
default = ["a"]
include = ["p/*"]
requires = ">=0.1"
code = ["uv.lock"]
env_file = ".env"
venv = ".venv"
pythonpath = ["."]
timezone = "UTC"
platform = true
link = "copy"
local_cache = "../cache"
local_cache_size = "1.5GiB"
[params]
year = 2013
[sources.s]
path = "raw/*.csv"
description = "d"
owner = "o"
tags = ["t"]
[defaults]
retries = 1
[targets.a]
run = "true"
inputs = ["x", { from = "y", output = "o", optional = true }]
outputs = { a = "a", b = "b/" }
foreach = { m = "{params.months}", d = { from = 2013-01-01, to = "2013-12-31", every = "1mo" }, n = [1, "x"] }
exclude = [{ n = 1 }]
description = "d"
owner = "o"
tags = ["t"]
code = ["lib/*.py"]
implicit = false
params = ["year"]
env = { TZ = "UTC" }
inherit_env = false
secrets = ["KEY"]
cwd = "sub"
shell = ["bash", "-c"]
venv = "venv"
cpus = 2
memory = "8GB"
pool = { gpu = 1 }
priority = -1
timeout = "30m"
retries = 2
retry_delay = 0.5
max_age = "{params.age}"
always = true
cache = false
enabled = "{params.on}"
[targets.b]
argv = ["x"]
foreach = [{ a = 1 }]
inputs = { x = "y" }
env = ["TZ"]
pool = "api"
[targets.c]
python = "a.b:c"
output = "x"
foreach = "raw/{x}.csv"
[targets.d]
copy = true
inputs = ["x"]
outputs = ["y"]
[pools]
api = 1
[executor]
kind = "local"
[profiles.ci]
params = { months = ["01"] }
sources = { s = { tags = [] } }
"""


def jsonable(content):
    """As an editor would hand it to a JSON Schema: dates are strings."""
    if isinstance(content, dict):
        return {key: jsonable(item) for key, item in content.items()}
    if isinstance(content, list):
        return [jsonable(item) for item in content]
    return content.isoformat() if hasattr(content, "isoformat") else content


def test_every_key_loads_and_is_in_the_schema():
    content = tomli.loads(EVERYTHING)
    used = set().union(*content["targets"].values())
    assert used == {key.name for key in keys.TARGET}
    assert content["project"].keys() == {key.name for key in keys.PROJECT}
    loaded(EVERYTHING, {"p/x/Datafile.toml": ""})
    Draft202012Validator.check_schema(keys.json_schema())
    assert [*Draft202012Validator(keys.json_schema()).iter_errors(jsonable(content))] == []


@pytest.mark.parametrize(
    "text",
    [
        "x = 1",
        "targets.x = {}",
        "targets.'a b'.run = 'x'",
        "targets.x = { run = 'x', argv = ['x'] }",
        "targets.x = { run = 'x', output = 'a', outputs = ['b'] }",
        "targets.x = { run = 'x', exclude = [] }",
        "targets.x = { run = 'x', inputs = 'a' }",
        "targets.x = { run = 'x', inputs = [{ form = 'a' }] }",
        "targets.x = { run = 'x', foreach = { input = [1] } }",
        "targets.x = { run = 'x', retries = -1 }",
        "targets.x = { run = 'x', sql = 'x' }",
        "targets.x = { run = '' }",
        "sources.x = {}",
        "defaults.run = 'x'",
        "executor.kind = 'dask'",
        "pools.x = 0",
    ],
)
def test_the_schema_refuses_what_loading_refuses(text):
    complaint(text)
    assert not Draft202012Validator(keys.json_schema()).is_valid(tomli.loads(text))


def test_the_reference_has_every_key_with_its_default():
    lines = keys.reference().splitlines()
    row = "| `retries` | a whole number, at least 0 | `0` | how often it is tried again after a failure |"
    assert row in lines
    for record in (keys.DATAFILE, keys.PROJECT, keys.SOURCE, keys.TARGET):
        for key in record:
            assert any(line.startswith(f"| `{key.name}`") for line in lines)
    columns = {line.count("|") for line in lines if line.startswith("|")}
    assert columns == {5}


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
