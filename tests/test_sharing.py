"""The shared cache by hand, with two working copies and a folder that both can reach."""

from __future__ import annotations

import json

import pytest

import datamake
from datamake import sharing, upkeep
from datamake.errors import EnvironmentFailed, UsageError
from datamake.sharing import Moved

TEXT = """
[project]
cache = "{url}"

[targets.a]
output = "a.txt"
run = "echo one > {{output}}"

[targets.b]
inputs = ["a"]
output = "b/"
run = "cp {{input}} {{output}}/x; echo two > {{output}}/y"

[targets.apart]
output = "apart.txt"
run = "echo three > {{output}}"
cache = false
"""


@pytest.fixture
def pair(project, tmp_path):
    """A project, and a clone of it."""
    project.datafile(TEXT.format(url=tmp_path / "shared"))
    clone = type(project)(tmp_path / "clone", project.environment, project.patch)
    clone.root.mkdir()
    clone.datafile(project.read("Datafile.toml"))
    return project, clone


def opened(project):
    return datamake.load(str(project.root))


def sharing_reached(project):
    return sharing.reached(project.space)


def test_what_was_built_alone_is_pushed_and_pulled(pair, tmp_path):
    """Records and bytes go up, bytes come down, no output is touched; then nothing is built."""
    mine, clone = pair
    mine.datafile(mine.read("Datafile.toml").replace('cache = "', 'name = "'))
    mine.build()
    mine.datafile(clone.read("Datafile.toml"))
    with opened(mine) as space:
        assert sharing.push(space) == Moved(("a", "b"), ("apart",))
    with opened(clone) as space:
        assert sharing.pull(space, ["b"]) == Moved(("b",), ())
        assert sharing.pull(space) == Moved(("a", "b"), ("apart",))
    assert not clone.exists("a.txt")
    (tmp_path / "shared").rename(tmp_path / "gone")
    assert clone.build("a", "b").ran == []


def test_what_is_there_is_not_pushed_again(pair):
    mine, _ = pair
    mine.build()
    with opened(mine) as space:
        before = sharing.stats(space)
        assert sharing.push(space, ["b"]) == Moved(("b",), ())
        assert sharing.stats(space) == before
    assert before["records"] == 2


def test_the_shared_cache_is_shrunk_and_verified(pair, tmp_path):
    mine, clone = pair
    mine.build()
    blob = next(path for path in sorted((tmp_path / "shared").rglob("*-4")))
    blob.write_bytes(b"bad\n")
    with opened(mine) as space:
        (dropped,) = sharing.verify(space)
        assert dropped.endswith(blob.name)
        assert sharing.verify(space) == []
        assert sharing.gc(space, older_than=0.0, dry=True).entries == 2
        assert sharing.stats(space)["records"] == 2
        swept = sharing.gc(space, older_than=0.0)
        assert (swept.entries, swept.left, swept.waiting) == (2, 0, 0)
        assert sharing.stats(space)["blobs"] == 0
    assert clone.build("b").ran == ["a", "b"]


@pytest.mark.parametrize("call", [sharing.push, sharing.pull, sharing.gc, sharing.verify])
def test_without_a_shared_cache_there_is_nothing_to_do_by_hand(project, call):
    project.datafile('[targets.a]\noutput = "a"\nrun = "echo > {output}"')
    with opened(project) as space, pytest.raises(UsageError) as error:
        call(space)
    assert str(error.value) == (
        "there is no shared cache\n  hint: `cache` in `[project]` says where it is"
    )


@pytest.mark.parametrize(
    "call",
    [sharing.push, sharing.pull, sharing.gc, sharing.verify, sharing.stats, sharing_reached],
)
def test_a_store_that_refuses_fails_what_is_done_by_hand(bucket, project, call):
    project.datafile(TEXT.format(url=f"{bucket.url}cache") + bucket.storage)
    bucket.proxy.faults = lambda *_: 403
    assert project.build("b").ok
    if call is sharing.pull:  # what is here need not come from there
        project.remove(".datamake")
    with opened(project) as space, pytest.raises(EnvironmentFailed) as error:
        call(space)
    assert bucket.url in str(error.value)
    assert "hunter2" not in str(error.value)


def test_the_doctor_looks_at_the_shared_cache(bucket, project):
    """Whether it answers, not whether anything is there."""
    project.datafile(TEXT.format(url=f"{bucket.url}cache") + bucket.storage)

    def check():
        with opened(project) as space:
            checks = upkeep.doctor(space)["checks"]
        return next(each for each in checks if each["name"] == "shared cache")

    detail = f"{bucket.url}cache"
    assert check() == {"name": "shared cache", "ok": True, "detail": detail, "hint": ""}
    bucket.proxy.faults = lambda *_: 403
    found = check()
    assert not found["ok"]
    assert found["detail"].startswith(f"`{detail}/v1/clock/`: ")
    assert found["hint"]


def test_offline_nothing_is_done_by_hand(pair):
    """And the doctor does not look."""
    mine, _ = pair
    done = mine.command("cache", "push", env={"DATAMAKE_OFFLINE": "1"})
    assert (done.returncode, done.stderr) == (
        2,
        "error: the shared cache is not asked while DATAMAKE_OFFLINE is set\n",
    )
    assert "shared cache" not in mine.command("doctor", env={"DATAMAKE_OFFLINE": "1"}).stdout
    assert "shared cache" in mine.command("doctor").stdout


def test_the_command_line_says_how_much_was_moved(pair):
    mine, clone = pair
    mine.build()
    assert mine.command("cache", "push").stderr == "pushed 2 targets, 1 target not in the cache\n"
    assert clone.command("cache", "pull", "b").stderr == "pulled 1 target\n"
    assert json.loads(clone.command("cache", "pull", "a", "--json").stdout) == {
        "version": 1,
        "pulled": ["a"],
        "absent": [],
    }
    stats = clone.command("cache", "stats", "--remote").stdout
    assert [line.split()[0] for line in stats.splitlines()] == [
        "blobs",
        "blob",
        "records",
        "record",
    ]
    assert clone.command("cache", "verify", "--remote").stderr == "0 entries corrupt\n"
    going = clone.command("cache", "gc", "--remote", "--older-than", "0s", "--grace", "0s")
    assert going.stderr.startswith("would remove ")
    gone = clone.command("cache", "gc", "--remote", "--older-than", "0s", "--grace", "0s", "--yes")
    assert gone.stderr == going.stderr.replace("would remove", "removed").partition("\n")[0] + "\n"
    assert clone.command("cache", "gc", "--remote").stderr.startswith(
        "would remove 0 entries, 0 bytes"
    )
