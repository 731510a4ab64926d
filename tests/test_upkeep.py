"""Keeping a project in order: only what datamake made goes, and what is wrong is found."""

from __future__ import annotations

import os
import threading
import time

import pytest

import datamake
from datamake import upkeep
from datamake.locks import Locks
from datamake.made import Made

TEXT = """
[targets.clean]
foreach = { month = ["01", "02"] }
inputs = ["raw/{month}.csv"]
output = "build/clean/{month}.csv"
run = "cp {inputs} {output}"

[targets.parts]
inputs = ["clean[01]"]
output = "build/parts/"
run = "cp {inputs} {output}/a; cp {inputs} {output}/b"

[targets.log]
output = "build/log.txt"
run = "echo done > build/log.txt"
"""
OUTPUTS = ["build/clean/01.csv", "build/clean/02.csv", "build/log.txt", "build/parts"]


@pytest.fixture
def built(project):
    """A project that was built, with files of a person beside."""
    project.datafile(TEXT)
    for month in ("01", "02"):
        project.write(f"raw/{month}.csv", month)
    project.write("build/notes.txt", "mine")
    assert project.build().ok
    return project


def clean(project, *select, **options):
    """What was removed, sorted, and the notices."""
    with datamake.load(str(project.root)) as opened:
        removed = upkeep.clean(opened, select, **options)
        return sorted(removed), opened.space.notices


def test_all_outputs_are_removed(built):
    """And nothing else; the next build restores them."""
    assert clean(built) == (OUTPUTS, [])
    assert built.files("build/**/*.*") == ["build/notes.txt"]
    assert built.files("raw/*") == ["raw/01.csv", "raw/02.csv"]
    assert Made(str(built.path(".datamake"))).load() == {}
    assert clean(built) == ([], [])
    again = built.build()
    assert (again.ran, len(again.restored)) == ([], 4)


def test_selected_outputs_are_removed(built):
    """Only theirs, not of what they need."""
    assert clean(built, "parts", "clean[02]") == (["build/clean/02.csv", "build/parts"], [])
    assert built.exists("build/clean/01.csv")


def test_what_was_changed_stays(built):
    """With a line about it, be it a file or something in a folder."""
    built.write("build/log.txt", "by hand")
    built.write("build/parts/c", "by hand")
    removed, notices = clean(built)
    assert removed == ["build/clean/01.csv", "build/clean/02.csv"]
    assert sorted(notices) == [
        "left `build/log.txt`: it was changed since datamake made it",
        "left `build/parts`: it was changed since datamake made it",
    ]
    assert built.read("build/parts/c") == "by hand"


def test_what_datamake_did_not_make_stays(project):
    """A file of a person where an output would be."""
    project.datafile(TEXT)
    project.write("raw/01.csv")
    project.write("raw/02.csv")
    project.write("build/log.txt", "done\n")
    assert clean(project) == ([], [])
    assert project.read("build/log.txt") == "done\n"


def test_orphans_are_removed(built):
    """Outputs of targets that are no more, and of no others."""
    built.datafile(TEXT.replace('["01", "02"]', '["01"]'))
    assert clean(built, orphans=True) == (["build/clean/02.csv"], [])
    assert clean(built, orphans=True) == ([], [])
    assert built.exists("build/clean/01.csv")


def test_outputs_of_instances_that_are_not_known_are_no_orphans(built):
    """A foreach over what another target makes has none until that is up to date."""
    text = """
    [targets.split]
    inputs = ["raw/01.csv"]
    output = "build/split/"
    run = "cp {inputs} {output}/a.csv"

    [targets.each]
    foreach = "build/split/{name}.csv"
    inputs = ["build/split/{name}.csv"]
    output = "build/each/{name}.csv"
    run = "cp {inputs} {output}"
    """
    built.datafile(text)
    assert built.build().ok
    removed, _ = clean(built, orphans=True)
    assert removed == OUTPUTS
    assert built.exists("build/each/a.csv")


def test_nothing_goes_unless_it_is_confirmed(built):
    """Whoever is asked sees what would go."""
    asked = []
    assert clean(built, "clean", confirm=asked.extend) == ([], [])
    assert asked == OUTPUTS[:2]
    assert built.exists("build/clean/01.csv")


def test_what_is_changed_meanwhile_stays(built):
    """It is looked at once more, after the question."""

    def confirm(_):
        built.write("build/log.txt", "by hand")
        return True

    removed, notices = clean(built, "log", confirm=confirm)
    assert (removed, built.read("build/log.txt")) == ([], "by hand")
    assert notices == ["left `build/log.txt`: it was changed since datamake made it"]


def test_cleaning_waits_for_builds(built):
    """It has the tree for itself."""
    building = Locks(str(built.path(".datamake")))
    assert building.take_tree(exclusive=False)
    removed = []
    thread = threading.Thread(target=lambda: removed.extend(clean(built)[0]))
    thread.start()
    time.sleep(0.3)
    assert (removed, built.files("build/*.txt")) == ([], ["build/log.txt", "build/notes.txt"])
    building.close()
    thread.join()
    assert sorted(removed) == OUTPUTS


# The cache


def test_the_cache_is_counted(built):
    """With how often it helped."""
    clean(built)
    built.build()
    built.write("raw/02.csv", "other")
    built.build()
    with datamake.load(str(built.root)) as opened:
        stats = upkeep.cache_stats(opened)
    assert (stats["built"], stats["hits"], stats["hit_rate"]) == (5, 4, 0.444)
    assert stats["misses"] == ["never-built 4", "input-changed 1"]
    assert stats["records"] == 5


def test_a_record_that_was_enough_counts_as_a_hit(project):
    """The bytes of `a` stay in the cache, as nothing needs them; it was not built all the same."""
    project.datafile("""
        [targets.a]
        output = "a"
        run = "echo > {output}"

        [targets.b]
        inputs = ["a"]
        output = "b"
        run = "cp {input} {output}"
    """)
    project.build("b")
    for path in ("a", "b", ".datamake/state.sqlite"):
        project.remove(path)
    assert project.build("b").restored == ["b"]
    with datamake.load(str(project.root)) as opened:
        stats = upkeep.cache_stats(opened)
    assert (stats["built"], stats["hits"], stats["hit_rate"]) == (0, 2, 1.0)


def test_the_cache_is_shrunk(built):
    """To a size; a dry run only counts."""
    with datamake.load(str(built.root)) as opened:
        would = upkeep.cache_gc(opened, max_size=0, dry=True)
        assert upkeep.cache_gc(opened).entries == 0
        freed = upkeep.cache_gc(opened, max_size=0)
        assert (would.entries, would.size) == (freed.entries, freed.size)
        assert upkeep.cache_stats(opened)["blobs"] == 0


def test_the_cache_is_verified(built):
    """What is corrupt is named, and gone."""
    blob = next(path for path in built.files(".datamake/cache/v1/blobs/*/*"))
    os.chmod(built.path(blob), 0o600)
    built.write(blob, "other")
    with datamake.load(str(built.root)) as opened:
        assert upkeep.cache_verify(opened) == [blob.removeprefix(".datamake/cache/")]
        assert upkeep.cache_verify(opened) == []


# The installation


def checks(project):
    with datamake.load(str(project.root)) as opened:
        document = upkeep.doctor(opened)
    assert document["version"] == 1
    return {check["name"]: check for check in document["checks"]}


def test_all_is_well(built):
    """Each check says what it saw."""
    found = checks(built)
    assert [name for name, check in found.items() if not check["ok"]] == []
    assert found["datamake"]["detail"].startswith(f"{datamake.__version__}, on Python 3.")
    assert found["state"]["detail"] == "4 records"
    assert found["cache"]["detail"] == str(built.path(".datamake/cache"))
    assert built.files(".datamake/.datamake-*") == []


def test_without_a_project(built):
    """The installation can be looked at anywhere."""
    names = [check["name"] for check in upkeep.doctor(None)["checks"]]
    assert names[:3] == ["datamake", "sqlite", "xxhash"]
    assert "state" not in names


@pytest.mark.parametrize(("seconds", "word"), [(3_600, "behind"), (-3_600, "ahead of")])
def test_a_wrong_clock(built, monkeypatch, seconds, word):
    """A file system whose clock is another one's."""
    now = time.time
    monkeypatch.setattr(upkeep.time, "time", lambda: now() + seconds)
    clock = checks(built)["clock"]
    assert not clock["ok"]
    assert clock["detail"] == f"that of the file system is 3,600 s {word} this machine's"


def test_a_state_that_was_unreadable(built):
    """What was noticed on the way is said again."""
    built.write(".datamake/state.sqlite", "no database" * 100)
    state = checks(built)["state"]
    assert not state["ok"]
    assert state["detail"] == ("state was unreadable and is begun anew: .datamake/state.corrupt-1")


def test_what_is_missing(built, monkeypatch):
    """No bash, no interpreter, a cache that cannot be written."""
    built.datafile(TEXT.replace("[targets.clean]", "[targets.clean]\nvenv = 'x'"))
    (built.root / "file").write_text("")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("VIRTUAL_ENV", str(built.root / "absent"))
    monkeypatch.setenv("DATAMAKE_LOCAL_CACHE", str(built.root / "file"))
    found = checks(built)
    assert {name for name, check in found.items() if not check["ok"]} == {
        "bash",
        "python of targets",
        "cache",
    }
    assert found["cache"]["detail"] == f"{built.root}/file: Not a directory"
