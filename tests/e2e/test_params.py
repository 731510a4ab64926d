"""Params, profiles and placeholders: what counts is what is used."""

from __future__ import annotations

import json

import pytest

import datamake

DATAFILE = """
[params]
year = 2013
name = "x"
limits = { low = 1, high = 9 }

[targets.a]
output = "a.txt"
run = "echo {params.year} > {output}"

[targets.b]
output = "b.txt"
run = "echo {params.name} {params.limits.high} > {output}"

[profiles.ci]
params = { year = 1999 }
"""


@pytest.fixture
def params(project):
    project.datafile(DATAFILE)
    assert project.build().ran == ["a", "b"]
    return project


def test_only_users_of_a_param_run(params):
    """And going back restores."""
    result = params.build(params={"year": 2014})
    assert (result.ran, params.read("a.txt")) == (["a"], "2014\n")
    assert result.codes["a"] == ["param-changed"]
    result = params.build()
    assert (result.ran, result.restored, params.read("a.txt")) == ([], ["a"], "2013\n")


def test_a_part_of_a_table(params):
    """Only the value that is used counts."""
    params.datafile(DATAFILE.replace("low = 1", "low = 2"))
    assert params.build().ran == []
    params.datafile(DATAFILE.replace("high = 9", "high = 8"))
    assert params.build().ran == ["b"]


def test_a_profile(params):
    """Overrides, and is overridden."""
    assert params.build(profile="ci").ran == ["a"]
    assert params.read("a.txt") == "1999\n"
    assert params.build(profile="ci", params={"year": 2000}).ran == ["a"]
    assert params.read("a.txt") == "2000\n"


def test_set(params):
    """TOML where it is, text where the param is a text."""
    assert params.command("build", "--set", "year=2014", "--set", "name=2014").returncode == 0
    assert (params.read("a.txt"), params.read("b.txt")) == ("2014\n", "2014 9\n")
    assert params.command("--set", "name=it's $HOME", "build", "b").returncode == 0
    assert params.read("b.txt") == "it's $HOME 9\n"


def test_a_number_is_not_its_text(params):
    """A type counts."""
    params.datafile(DATAFILE.replace("year = 2013", 'year = "2013"'))
    assert params.build().ran == ["a"]


def test_declared_params_count(project):
    """Without a placeholder, and as a JSON file with one."""
    text = """
[params]
year = 2013
other = 1
limits = { high = 9 }
[targets.a]
output = "a.json"
params = ["year", "limits.high"]
run = "cp {params} {output}"
"""
    project.datafile(text)
    assert project.build().ran == ["a"]
    assert json.loads(project.read("a.json"))["year"] == 2013
    assert project.build(params={"other": 2}).ran == []
    assert project.build(params={"year": 2014}).ran == ["a"]


def test_params_in_paths(project):
    """A param may choose an input; its path counts then."""
    project.datafile("""
        [params]
        which = "a"
        [targets.t]
        inputs = ["raw/{params.which}.csv"]
        output = "t.csv"
        run = "cp {input} {output}"
    """)
    project.write("raw/a.csv", "a")
    project.write("raw/b.csv", "b")
    assert project.build().ran == ["t"]
    assert project.build(params={"which": "b"}).ran == ["t"]
    assert project.read("t.csv") == "b"
    assert project.build(params={"which": "a"}).restored == ["t"]


def test_a_list_is_several_words(project):
    """Each quoted by itself; as text inside quotes where asked for raw."""
    project.datafile("""
        [params]
        list = ["a b", "$c", "d'e"]
        [targets.t]
        output = "t.txt"
        run = "printf '%s\\n' {params.list} > {output}; echo \\"{target:raw}!\\" >> {output}"
    """)
    assert project.build().ran == ["t"]
    assert project.read("t.txt") == "a b\n$c\nd'e\nt!\n"


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ("echo {foo} > {output}", "{{foo}}"),
        ("echo {params.none} > {output}", "params.none"),
        ("echo '{output}'", "quotes"),
    ],
)
def test_wrong_placeholders_are_refused(project, run, words):
    """With what to write instead."""
    project.datafile(f'[params]\nyear = 1\n[targets.t]\noutput = "t"\nrun = "{run}"\n')
    with pytest.raises(datamake.DatafileError) as raised:
        project.build()
    assert words in str(raised.value)


def test_a_param_nobody_declared_is_refused(params):
    """So that a typing error isn't silent."""
    with pytest.raises(datamake.DatamakeError) as raised:
        params.build(params={"yaer": 2014})
    assert "yaer" in str(raised.value)


def test_work_survives_a_failure(project):
    """`{work}` is there again for the next try of the same fingerprint, and goes with success."""
    project.datafile("""
        [targets.t]
        output = "t.txt"
        run = "echo . >> {work}/tries; test $(wc -l < {work}/tries) = 3; cp {work}/tries {output}"
    """)
    assert project.build().statuses == {"t": "failed"}
    assert project.build().statuses == {"t": "failed"}
    assert project.build().ran == ["t"]
    assert project.read("t.txt") == ".\n.\n.\n"
    assert not project.build(always_make=True).ok
