"""What objects may be called: hostile names, and URLs that the environment completes."""

from __future__ import annotations

import pytest

import datamake
from e2e.test_stores import STORES

NAMES = [
    "a b.csv",
    'it\'s "quoted".csv',
    "two\nlines.csv",
    "ünïcode.csv",
    "u\u0308.csv",
    "a%2Fb.csv",
    "100%.csv",
    "a+b.csv",
    "a#b.csv",
    "a?b.csv",
    "a*b.csv",
    "a[b].csv",
    "{x}.csv",
    "a\\b.csv",
    "$(touch pwned).csv",
    "-rf",
]
LISTING = ["file", "memory", "s3"]


@pytest.fixture(params=LISTING)
def store(request):
    return STORES[request.param](request)


def test_hostile_names(store, project):
    """By folder, glob and captures; each object is one argument, and stays what it is."""
    names = [name for name in NAMES if "\n" not in name or not store.url.startswith("s3")]
    for name in names:
        store.put(f"in/{name}", name.encode())
    project.later(3)
    project.datafile(f"""
    [project]
    {store.storage}
    [targets.folder]
    inputs = ["{store.url}in/"]
    output = "folder/"
    run = "cp {{input}}/* {{output}}"
    [targets.glob]
    inputs = ["{store.url}in/*"]
    output = "glob/"
    run = "cp {{inputs}} {{output}}"
    [targets.each]
    foreach = "{store.url}in/{{name}}"
    inputs = ["{store.url}in/{{name}}"]
    output = "each/{{name}}"
    run = "cat {{input}} > {{output}}"
    """)
    assert len(project.build().ran) == 2 + len(names)
    for folder in ("folder", "glob", "each"):
        assert {path.name: path.read_text() for path in project.path(folder).iterdir()} == {
            name: name for name in names
        }
    assert not project.exists("pwned")
    assert project.build().ran == []


@pytest.mark.parametrize("store", ["memory", "s3"], indirect=True)
def test_a_name_that_no_file_can_have(store, project):
    """Of a very long one the local copy has only the ending; empty ones and dots are kept apart."""
    names = ["x" * 300 + ".csv", "/x.csv", "%/x.csv", "./x.csv", "%./x.csv"]
    names = [name for name in names if "memory" not in store.url or "/x" not in name[:3]]
    for name in names:
        store.put(f"in/{name}", f"{name[-9:]}\n".encode())
    project.later(3)
    project.datafile(f"""
    [project]
    {store.storage}
    [targets.all]
    inputs = ["{store.url}in/"]
    output = "all.txt"
    run = "find {{input}} -name '*.csv' -type f -exec cat {{}} + > {{output}}"
    """)
    assert project.build().ran == ["all"]
    assert sorted(project.read("all.txt").split()) == sorted(name[-9:] for name in names)
    assert project.build().ran == []


@pytest.mark.parametrize("store", ["s3"], indirect=True)
@pytest.mark.parametrize("inputs", ["'STOREin/'", "'STOREin/**'", "'STOREin/a', 'STOREin/a/b'"])
def test_a_file_and_a_folder_of_one_name(store, project, inputs):
    """S3 may have both; here they cannot be."""
    project.datafile(f"""
    [project]
    {store.storage}
    [targets.all]
    inputs = [{inputs.replace("STORE", store.url)}]
    output = "all.txt"
    run = "true > {{output}}"
    """)
    store.put("in/a", b"1")
    store.put("in/a/b", b"2")
    built = project.build(keep_going=True)
    assert (built.exit_code, "all" in built.ran) == (4, False)
    error = (
        f"`{store.url}in/a` is an object, and what is below `{store.url}in/a/` too: "
        "one path cannot be both a file and a folder"
    )
    assert [said for name, said in built.errors.items() if name != "all"] == [error]


@pytest.mark.parametrize("store", ["memory", "s3"], indirect=True)
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("a::b.csv", "only `zip://`, `tar://` and `gzip://` may stand before `::`"),
        ("../up.csv", "holds `..`, which means nothing in a URL"),
    ],
)
def test_an_object_that_no_url_names(store, project, name, why):
    """Is an error that says so; a glob may leave it out."""
    for key in (f"in/{name}", "in/plain.csv"):
        store.put(key, b"1\n")
    text = f"""
    [project]
    {store.storage}
    [targets.all]
    inputs = ["{store.url}in/"]
    output = "all.txt"
    run = "cat $(find {{input}} -type f) > {{output}}"
    """
    project.datafile(text)
    with pytest.raises(datamake.EnvironmentFailed) as caught:
        project.build()
    message = str(caught.value)
    assert message.startswith(f"`{store.url}in/` has an object that no URL names\n")
    assert why in message
    assert message.endswith("\n  hint: rename it, or write a glob that leaves it out")
    project.datafile(text.replace("in/", "in/p*"))
    assert project.build().ran == ["all"]


def test_many_objects_in_a_folder(store, project):
    """Are fetched at once, and known at the next build."""
    for number in range(200):
        store.put(f"in/{number % 10}/{number}", b"x")
    project.later(3)
    project.datafile(f"""
    [project]
    {store.storage}
    [targets.all]
    inputs = ["{store.url}in/"]
    output = "all.txt"
    run = "cat {{input}}/*/* | wc -c > {{output}}"
    """)
    assert project.build().ran == ["all"]
    assert int(project.read("all.txt")) == 200
    assert project.build().ran == []


def test_hostile_names_of_outputs(store, project):
    """What would be a glob or nothing at all is refused, all other names come out as they are."""
    names = [name for name in NAMES if not {"*", "?", "[", "\n", "{"}.intersection(name)]
    rows = ", ".join("'''" + name + "'''" for name in names)
    project.patch.setattr("datamake.transforms.transfer.FRESH", 0.0)
    project.datafile(f"""
    [project]
    {store.storage}
    [targets.put]
    foreach = {{ name = [{rows}] }}
    output = "{store.url}out/{{name}}"
    run = "printf 1 > {{output}}"
    """)
    assert len(project.build().ran) == len(names)
    assert {store.read(f"out/{name}") for name in names} == {b"1"}
    assert project.build().ran == []
    project.datafile(f"""
    [project]
    {store.storage}
    [targets.put]
    output = "{store.url}out/a*b"
    run = "true > {{output}}"
    """)
    with pytest.raises(datamake.DatafileError) as caught:
        project.build()
    assert f"the output `{store.url}out/a*b` is a glob, and not one file" in str(caught.value)


NAMED_BY_THE_ENVIRONMENT = """
[sources.raw]
path = "SCHEME://{env.PLACE}/raw.csv"
[targets.take]
inputs = ["raw", "SCHEME://{env.PLACE}/more/*.csv"]
output = "SCHEME://{env.PLACE}/out/{env.WHO}.txt"
run = "cat {inputs} > {output}"
"""


def test_environment_variables_in_urls(store, project):
    """Complete those of sources, inputs and outputs; another value is another place."""
    project.patch.setattr("datamake.transforms.transfer.FRESH", 0.0)
    scheme, _, place = store.url.rstrip("/").partition("://")
    text = NAMED_BY_THE_ENVIRONMENT.replace("SCHEME", scheme)
    project.datafile("[project]\n" + store.storage + text)
    store.put("raw.csv", b"1\n")
    store.put("more/x.csv", b"2\n")
    project.later(3)
    project.patch.setenv("PLACE", place)
    for who in ("me", "you"):
        project.patch.setenv("WHO", who)
        assert project.build().ran == ["take"]
        assert store.read(f"out/{who}.txt") == b"1\n2\n"
        assert project.build().ran == []


def test_environment_variables_that_are_not_set(project):
    """Are said at each place that needs one, before anything is asked for."""
    text = NAMED_BY_THE_ENVIRONMENT.replace("SCHEME", "s3")
    project.datafile(text)
    done = project.command("build")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "Datafile.toml:4:1: the environment variable `PLACE` is not set\n"
        "Datafile.toml:6:18: the environment variable `PLACE` is not set\n"
    )
    project.write(".env", "PLACE=\n")
    project.write("Datafile.toml", '[project]\nenv_file = ".env"\n' + text)
    done = project.command("build")
    assert done.returncode == 2
    assert done.stderr == (
        "Datafile.toml:5:1: `s3:///raw.csv` names no bucket\n"
        "Datafile.toml:7:18: `s3:///more/*.csv` names no bucket\n"
    )
