"""Publication: whatever happens in between, outputs are old or new, and nothing is lost."""

from __future__ import annotations

import os
import shutil
import tempfile
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamake import moves
from datamake.errors import EnvironmentFailed
from datamake.journal import Entry, Journal, file_name, parsed, target_of
from datamake.quoting import quoted, unquoted

HOSTILE = "-a\n \t\"'%41\udcff é"


class Killed(BaseException):
    """The process ends here."""


def killed_after(steps):
    """A step function that ends the process before the operation of that number."""
    left = iter(range(steps))

    def step(_):
        if next(left, None) is None:
            raise Killed

    return step


def content(path):
    """The texts of a file, or of all files in a folder; None where nothing is."""
    if path.is_dir():
        return {name.name: content(name) for name in path.iterdir()}
    return path.read_text() if path.exists() else None


def write(path, text):
    if isinstance(text, dict):
        path.mkdir(parents=True)
        for name, inner in text.items():
            write(path / name, inner)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "tree" / ".datamake").mkdir(parents=True)
    return tmp_path / "tree"


@pytest.fixture
def elsewhere(tmp_path):
    """A folder on another file system."""
    shared = Path("/dev/shm")
    if not shared.is_dir() or shared.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is only one file system")
    folder = Path(tempfile.mkdtemp(dir=shared))
    yield folder
    shutil.rmtree(folder)


def journal(root, step=lambda _: None):
    return Journal(str(root / ".datamake"), step=step)


def place(root, kind, elsewhere):
    """The folder that is staged in, where one file system, staging or outputs are elsewhere."""
    if kind == "outputs elsewhere":
        (root / "build").symlink_to(elsewhere)
    return elsewhere if kind == "staging elsewhere" else root / ".datamake/work/t"


OLD = {
    "build/file": "old",
    "build/folder": {"a": "old", "b": {"c": "old"}},
    "build/file-now": {"a": "old"},
    "build/folder-now": "old",
    "build/foreign": {"a": "by hand"},
    "build/written": "old",
    "build/written-foreign": "by hand",
}
NEW = {
    "build/file": "new",
    "build/folder": {"a": "new"},
    "build/file-now": "new",
    "build/folder-now": {"a": "new"},
    "build/foreign": {"b": "new"},
    "build/sub/absent": "new",
    "build/written": "new",
    "build/written-foreign": "new",
    "build/written-absent": {"a": "new"},
}
IN_PLACE = [path for path in NEW if "written" in path]
STAGED = [path for path in NEW if "written" not in path]
DISPLACED = ["build/foreign", "build/written-foreign"]


def prepared(root, staging):
    for path, text in OLD.items():
        write(root / path, text)
    for path in STAGED:
        write(staging / Path(path).name, NEW[path])


def built(root, staging, journal):
    """All of a publication, as a build does it."""
    journal.begin("t", "7", IN_PLACE)
    for path in IN_PLACE:
        write(root / path, NEW[path])
    staged = [(str(staging / Path(path).name), path) for path in STAGED]
    journal.publish("t", staged, DISPLACED, b"the\nrecord")
    return journal


def leftovers(root):
    """What is under way, or was forgotten, in a tree."""
    internal = [
        path.relative_to(root).as_posix()
        for folder in ("journal", "aside", "trash")
        for path in (root / ".datamake" / folder).rglob("*")
        if path.name != ".t"  # an entry that was not shown yet; the next one overwrites it
    ]
    beside = [path for path in os.listdir(root / "build") if path.startswith(".")]
    return internal + beside


def seen(root, paths):
    return {path: found for path in paths if (found := content(root / path)) is not None}


@pytest.mark.parametrize("kind", ["one file system", "staging elsewhere", "outputs elsewhere"])
def test_publication_is_all_or_nothing(tmp_path, kind, elsewhere):
    """Killed before any operation, it is undone or finished by the next build."""
    for steps in count():
        root = tmp_path / str(steps)
        (root / ".datamake").mkdir(parents=True)
        shutil.rmtree(elsewhere)
        elsewhere.mkdir()
        staging = place(root, kind, elsewhere)
        prepared(root, staging)
        try:
            built(root, staging, journal(root, killed_after(steps)))
        except Killed:
            pass
        else:
            break
        after = journal(root)
        entries = after.open_entries()
        record = after.recover("t")
        assert entries <= {"t"}
        if record is None:
            assert seen(root, NEW) == OLD
            assert content(root / ".datamake/displaced") is None
            assert {path.name for path in staging.iterdir()} >= {Path(p).name for p in STAGED}
        else:
            assert record == b"the\nrecord"
            assert seen(root, NEW) == NEW
            kept = content(root / ".datamake/displaced/7/build")
            assert kept["foreign"] == {"a": "by hand"}
            assert kept["written-foreign"] == "by hand"
            after.finish("t")
        after.expire(now=0.0)
        assert leftovers(root) == []
    assert steps > 20


def test_publication_killed_in_recovery(tmp_path):
    """Recovery may be killed too, any number of times."""
    for first in count():
        for second in count():
            root = tmp_path / f"{first}-{second}"
            (root / ".datamake").mkdir(parents=True)
            staging = root / ".datamake/work"
            prepared(root, staging)
            try:
                built(root, staging, journal(root, killed_after(first)))
                return
            except Killed:
                pass
            try:
                journal(root, killed_after(second)).recover("t")
                shutil.rmtree(root)
                break
            except Killed:
                record = journal(root).recover("t")
            assert seen(root, NEW) == (OLD if record is None else NEW)
            shutil.rmtree(root)


@pytest.mark.parametrize("kind", ["one file system", "outputs elsewhere"])
def test_undoing_is_all_or_nothing(tmp_path, kind, elsewhere):
    """Killed before any operation, the old outputs come back and the half-written ones are kept.

    On another file system an old output may be in the place of a half-written one's.
    """
    halves = {"written": "half", "written-foreign": "half", "written-absent": {"b": "half"}}
    for steps in count():
        root = tmp_path / str(steps)
        (root / ".datamake").mkdir(parents=True)
        shutil.rmtree(elsewhere)
        elsewhere.mkdir()
        prepared(root, place(root, kind, elsewhere))
        failing = journal(root, killed_after(steps))
        begun = False
        try:
            failing.begin("t", "7", IN_PLACE)
            for name, half in halves.items():
                write(root / "build" / name, half)
            begun = True
            failing.undo("t")
        except Killed:
            journal(root).recover("t")
        else:
            return
        assert seen(root, NEW) == OLD
        assert leftovers(root) == []
        if begun and kind == "one file system":
            assert content(root / ".datamake/failed/t/build") == halves


def test_nothing_is_left_of_a_publication(root):
    """Once it is finished, there is neither an entry nor an old output."""
    prepared(root, root / ".datamake/work")
    done = built(root, root / ".datamake/work", journal(root))
    assert done.open_entries() == {"t"}
    done.finish("t")
    assert done.open_entries() == set()
    assert seen(root, NEW) == NEW
    assert leftovers(root) == []


def test_recovery_without_an_entry(root):
    """A target that no build was at work on needs no recovery."""
    assert journal(root).open_entries() == set()
    assert journal(root).recover("t") is None


def test_what_is_published_stays_after_a_kill_between_recording_and_finishing(root):
    """The record is given once more, and the outputs are left as they are."""
    write(root / "staged", "new")
    first = journal(root)
    first.begin("t", "1", ())
    first.publish("t", [(str(root / "staged"), "out")], (), b"record")
    write(root / "out", "by hand, later")
    assert journal(root).recover("t") == b"record"
    assert content(root / "out") == "by hand, later"


def test_no_entry_is_written_for_a_target_that_only_stages(root):
    """Before it is published there is nothing to undo, so a run costs no file."""
    journal(root).begin("t", "1", ())
    assert os.listdir(root / ".datamake") == []


def test_failed_candidates_replace_those_of_the_last_failure(root):
    """Staged and in-place candidates of one failure are together in the target's folder."""
    failing = journal(root)
    for text in ("first", "second"):
        failing.begin("clean[01]", "1", ["log"])
        write(root / "log", text)
        write(root / f"staging/{text}.csv", text)
        failing.undo("clean[01]")
        failing.keep_failed("clean[01]", str(root / "staging"))
    assert content(root / ".datamake/failed/clean[01]") == {"log": "second", "second.csv": "second"}
    assert not (root / "staging").exists()


def test_on_a_full_disk_failed_candidates_are_not_kept(root, monkeypatch):
    """They may be what has filled it. Nor are those of the failure before."""
    write(root / ".datamake/failed/t", {"earlier": ""})
    write(root / "log", "old")
    failing = journal(root)
    failing.begin("t", "1", ["log"])
    write(root / "log", "half")
    write(root / "staging/x", "half")
    monkeypatch.setattr(moves, "ROOM", 2**60)
    failing.keep_failed("t", str(root / "staging"))
    failing.undo("t")
    assert content(root / "log") == "old"
    assert not (root / ".datamake/failed/t").exists()
    assert not (root / "staging").exists()


def test_undo_does_nothing_once_publishing_has_begun(root):
    """What is half published is finished, never undone."""
    write(root / "out/in-the-way", "a file where a folder should be")
    stuck = journal(root)
    stuck.begin("t", "1", ())
    write(root / "staging/x", "new")
    staged = [(str(root / "gone"), "a"), (str(root / "staging/x"), "out/in-the-way/x")]
    with pytest.raises(EnvironmentFailed) as caught:
        stuck.publish("t", staged, (), b"")
    assert str(caught.value) == (
        f"the outputs of `t` cannot be published\n  `{root}/out/in-the-way/x`: Not a directory"
    )
    stuck.keep_failed("t", str(root / "staging"))
    stuck.undo("t")
    assert stuck.open_entries() == {"t"}
    assert content(root / "staging") == {"x": "new"}


def test_the_link_of_a_user_stays(root):
    """A folder output that is a link to another disk is replaced there."""
    write(root / "disk/out/old", "old")
    write(root / "staged/new", "new")
    (root / "out").symlink_to("disk/out")
    linked = journal(root)
    linked.begin("t", "1", ())
    linked.publish("t", [(str(root / "staged"), "out")], (), b"")
    assert os.readlink(root / "out") == "disk/out"
    assert content(root / "disk/out") == {"new": "new"}


def test_displaced_files_of_equal_runs_are_all_kept(root):
    """Run numbers begin again when the state is deleted."""
    for text in ("one", "two"):
        write(root / "out", text)
        write(root / "staged", "new")
        again = journal(root)
        again.begin("t", "1", ())
        again.publish("t", [(str(root / "staged"), "out")], ["out"], b"")
    assert content(root / ".datamake/displaced/1") == {"out": "one", "out~2": "two"}


def test_an_entry_that_cannot_be_read(root):
    """After a loss of power an entry may be empty; what was set aside is kept, if not put back."""
    write(root / ".datamake/journal/clean[01]", "")
    write(root / ".datamake/aside/clean[01]/0", "old")
    after = journal(root)
    assert after.open_entries() == {"clean[01]"}
    assert after.recover("clean[01]") is None
    assert content(root / ".datamake/failed/clean[01]") == {"aside": {"0": "old"}}
    assert after.open_entries() == set()


def test_old_candidates_expire(root):
    """What was displaced or failed is kept for fourteen days, the trash not at all."""
    day = 86_400
    for folder in ("displaced/1", "failed/t", "displaced/2", "failed/u", "trash/x"):
        write(root / ".datamake" / folder / "file", "")
        age = 15 if folder[-1] in "1t" else 13
        os.utime(root / ".datamake" / folder, (0, (100 - age) * day))
    journal(root).expire(now=100.0 * day)
    assert content(root / ".datamake/displaced") == {"2": {"file": ""}}
    assert content(root / ".datamake/failed") == {"u": {"file": ""}}
    assert content(root / ".datamake/trash") == {}


def test_folders_that_cannot_be_written_are_replaced(root):
    """An action may have left folders without the right to write in them."""
    write(root / "out", {"deep": {"a": "old"}})
    write(root / "staged", {"deep": {"a": "new"}})
    for folder in ("out/deep", "staged/deep"):
        (root / folder).chmod(0o500)
    protected = journal(root)
    protected.begin("t", "1", ())
    protected.publish("t", [(str(root / "staged"), "out")], (), b"")
    assert content(root / "out/deep/a") == "new"
    assert content(root / ".datamake/trash") == {}


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("clean[01]", "clean[01]"),
        ('clean["a,b"]', 'clean["a,b"]'),
        ("sales.clean[é 1]", "sales.clean[é 1]"),
        ("a[x/y]", "a[x%2Fy]"),
        ("a[100%]", "a[100%25]"),
        ("a[\n\udcff]", "a[%0A%FF]"),
        ("..", "%2E."),
    ],
)
def test_file_names(target, name):
    """A target's files have its name, but for what a file name cannot have."""
    assert file_name(target) == name
    assert target_of(name) == target


def test_long_file_names():
    """A name that is too long for a file keeps its start, and differs from all others."""
    names = {file_name("é" * 300 + end) for end in "ab"}
    assert len(names) == 2
    assert all(200 < len(name.encode()) <= 240 for name in names)
    assert all(name.startswith("é" * 100) for name in names)
    assert {target_of(name) for name in names} == {None}


TEXT = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\udc80\udcff%\n\t"))


@given(TEXT)
def test_quoting(text):
    """Any text can be written on one line, and read again."""
    line = quoted(text)
    assert unquoted(line) == text
    line.encode()
    assert not set(line) & {"\n", "\t", "\0"}


@given(TEXT, st.lists(st.tuples(TEXT, TEXT)), st.binary() | st.none())
def test_entries_are_read_as_they_were_written(target, pairs, record):
    """Entries hold any path and any record; half an entry is none."""
    entry = Entry(target, "1")
    entry.in_place = entry.staged = pairs
    entry.displaced = {path for path, _ in pairs}
    entry.record = record
    assert vars(parsed(entry.written())) == vars(entry)
    assert parsed(entry.written()[: -1 - len(record or b"")]) is None
