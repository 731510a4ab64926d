"""The cache: what was built once is not built again, and damage to it is never an error."""

from __future__ import annotations

import os

import pytest

TEXT = """
[targets.a]
inputs = ["src.txt"]
output = "a.txt"
run = "tr a-z A-Z < {input} > {output}; echo a >> ran.log"
implicit = false

[targets.parts]
inputs = ["a"]
output = "parts/"
run = "mkdir {output}/deep; cp {input} {output}/deep/x; touch {output}/y; chmod +x {output}/y; echo parts >> ran.log"
implicit = false

[targets.b]
inputs = ["parts"]
output = "b.txt"
run = "cat {input}/deep/x > {output}; echo b >> ran.log"
implicit = false
"""
BLOBS = ".datamake/**/v1/blobs/*/*"
ACTIONS = ".datamake/**/v1/actions/*/*"


@pytest.fixture
def cached(project):
    """Contents `one` and `two` have been built; `one` is there."""
    project.datafile(TEXT)
    for text in ("two", "one"):
        project.write("src.txt", text)
        assert project.build().ran == ["a", "parts", "b"]
    project.remove("ran.log")
    project.write("src.txt", "two")
    return project


def test_switching_back_restores_and_runs_nothing(cached):
    """Files and folders, with their executable bits."""
    for text in ("two", "one") * 2:
        cached.write("src.txt", text)
        result = cached.build()
        assert (result.ran, set(result.restored)) == ([], {"a", "parts", "b"})
        assert (cached.read("b.txt"), cached.read("parts/deep/x")) == (text.upper(), text.upper())
        assert os.access(cached.path("parts/y"), os.X_OK)
        assert cached.build().statuses == dict.fromkeys(["a", "parts", "b"], "up-to-date")
    assert not cached.exists("ran.log")


def test_only_what_is_needed_is_restored(cached):
    """What is selected, nothing that is absent above it."""
    cached.remove("a.txt")
    cached.remove("parts")
    result = cached.build("b")
    assert (result.ran, result.restored) == ([], ["b"])
    assert not cached.exists("a.txt")
    assert not cached.exists("parts")
    assert cached.build("b", restore_all=True).ran == []
    assert cached.read("a.txt") == "TWO"


def test_another_content_is_always_stale(cached):
    """What is there with other content than it should have is replaced, needed or not."""
    result = cached.build("b")
    assert (result.ran, result.restored) == ([], ["a", "parts", "b"])
    assert cached.read("a.txt") == "TWO"


def test_inputs_of_what_runs_are_restored(cached):
    """Where only the last command is new; what is above them stays absent."""
    cached.remove("a.txt")
    cached.remove("parts")
    cached.datafile(TEXT.replace("echo b >>", "echo B >>"))
    result = cached.build("b")
    assert (result.ran, result.restored) == (["b"], ["parts"])
    assert cached.read("b.txt") == "TWO"


def test_all_that_reads_an_absent_input_waits_for_it(project):
    """Of several that run at once, none begins before it is restored."""
    project.datafile("""
        [targets.big]
        output = "big"
        run = "head -c 30M /dev/zero > {output}"
        [targets.reader]
        foreach = { n = ["1", "2", "3"] }
        inputs = ["big", "src"]
        output = "out/{n}"
        run = "test -e big; cp src {output}"
    """)
    project.write("src", "1")
    assert project.build().ok
    project.remove("big")
    project.write("src", "2")
    result = project.build("reader", jobs=4)
    assert (result.ran, result.restored) == ([f"reader[{n}]" for n in "123"], ["big"])


def damage(path, how):
    if how == "missing":
        path.unlink()
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "truncated":
        path.write_bytes(path.read_bytes()[:-1])
    else:
        content = path.read_bytes()
        path.write_bytes(bytes([content[0] ^ 1]) + content[1:] if content else b"x")


@pytest.mark.parametrize("how", ["missing", "empty", "truncated", "flipped"])
def test_damaged_blobs(cached, how):
    """Are misses: what they held is built again, and it is right."""
    for path in cached.files(BLOBS):
        cached.path(path).chmod(0o644)
        damage(cached.path(path), how)
    result = cached.build()
    assert (result.ok, cached.read("b.txt"), cached.read("parts/deep/x")) == (True, "TWO", "TWO")
    assert cached.build().ran == []
    cached.write("src.txt", "one")
    assert cached.build().ok
    assert cached.read("b.txt") == "ONE"


@pytest.mark.parametrize("how", ["missing", "empty", "truncated", "flipped"])
def test_damaged_records(cached, how):
    """Are misses too."""
    for path in cached.files(ACTIONS):
        cached.path(path).chmod(0o644)
        damage(cached.path(path), how)
    for path in cached.files(".datamake/state*"):
        cached.remove(path)
    result = cached.build()
    assert (result.ok, cached.read("b.txt")) == (True, "TWO")
    assert cached.build().ran == []


@pytest.mark.parametrize("lost", range(8))
def test_any_one_blob_lost(cached, lost):
    """Found so late that its target was judged up to date: it is run in this build."""
    blobs = cached.files(BLOBS)
    cached.remove(blobs[lost % len(blobs)])
    for path in ("a.txt", "parts", "b.txt"):
        cached.remove(path)
    cached.datafile(TEXT.replace("echo b >>", "echo B >>"))
    result = cached.build("b")
    assert (result.ok, cached.read("b.txt")) == (True, "TWO")
    assert cached.build("b").ran == []


def test_the_state_lost(cached):
    """Up to date by the cache."""
    assert cached.build().ran == []
    for path in cached.files(".datamake/state*"):
        cached.remove(path)
    assert cached.build().ran == []
    assert not cached.exists("ran.log")


def test_a_corrupt_state(cached):
    """Is moved aside, with a line; nothing runs."""
    cached.build()
    for path in cached.files(".datamake/state*"):
        cached.write(path, b"garbage" * 1000)
    result = cached.build()
    assert (result.ok, result.ran) == (True, [])
    assert "state" in result.notices
    assert cached.build().notices == ""


@pytest.mark.parametrize(
    ("mode", "ran"),
    [
        ("read-write", []),
        ("read", []),
        ("write", ["a", "parts", "b"]),
        ("off", ["a", "parts", "b"]),
    ],
)
def test_modes(cached, mode, ran):
    """Reading and writing can be turned off."""
    assert cached.build(cache=mode).ran == ran
    assert cached.read("b.txt") == "TWO"
    assert cached.build(cache=mode).ran == []


def test_a_target_without_cache(project):
    """Is never stored or restored."""
    project.datafile(TEXT.replace("[targets.b]", "[targets.b]\ncache = false"))
    project.write("src.txt", "one")
    project.build()
    project.write("src.txt", "two")
    project.build()
    project.write("src.txt", "one")
    assert project.build().ran == ["b"]
    project.remove("b.txt")
    assert project.build().ran == ["b"]


def test_writing_into_a_restored_output_spares_the_cache(cached):
    """What is restored shares nothing with the cache that a command could change."""
    cached.build()
    with cached.path("a.txt").open("a") as file:
        file.write("scribble")
    assert cached.build().restored == ["a"]
    assert cached.read("a.txt") == "TWO"


def test_a_cache_elsewhere_is_shared(project, tmp_path, monkeypatch):
    """By working copies."""
    monkeypatch.setenv("DATAMAKE_LOCAL_CACHE", str(tmp_path / "cache"))
    project.datafile(TEXT)
    project.write("src.txt", "one")
    assert len(project.build().ran) == 3
    project.root = tmp_path / "second"
    project.datafile(TEXT)
    project.write("src.txt", "one")
    result = project.build()
    assert (result.ran, len(result.restored)) == ([], 3)
    assert project.read("b.txt") == "ONE"


@pytest.mark.parametrize("kind", ["actions", "blobs"])
def test_a_fifo_in_the_cache(project, kind):
    """Is a miss; nobody waits for what may come out of it."""
    project.datafile('[targets.a]\noutput = "a"\nrun = "echo > {output}"')
    project.build()
    (path,) = (path for path in project.files(f".datamake/cache/v1/{kind}/*/*"))
    project.remove(path)
    os.mkfifo(project.path(path))
    project.remove("a")
    project.remove(".datamake/state.sqlite")
    assert "built a" in project.command().stderr
