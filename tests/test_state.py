"""The state: written in batches, shared by builds, begun anew where it cannot be read."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamake import database
from datamake.database import packed, unpacked
from datamake.errors import EnvironmentFailed
from datamake.history import TargetRun
from datamake.model import Record, Written
from datamake.state import State

HOSTILE = "a'b\"\n\t%é\udcff"
STAMP = (5, -1, 1_763_800_000_000_000_000, 2**64 - 1, True)


@pytest.fixture
def folder(tmp_path):
    return str(tmp_path / ".datamake")


@pytest.fixture
def notices():
    return []


@pytest.fixture
def open_state(folder, notices):
    """Opens the state, as often as one likes; all are closed in the end."""
    opened = []

    def open_state(**options):
        opened.append(State(folder, notice=notices.append, **options))
        return opened[-1]

    yield open_state
    for state in opened:
        state.close()


def record(target="t", **changes):
    fields = (("command", "", "cp a b"), ("input", HOSTILE, "D-1"))
    outputs = (Written(f"out/{target}", "D1-1"), Written("b", "D2-2x", "named"))
    values = {"fields": fields, "outputs": outputs, "time": 1.5, "duration": 0.25, **changes}
    return Record(target, "F1", **values)


def without_fields(one):
    return Record(
        one.target, one.fingerprint, (), one.outputs, one.time, one.duration, one.accepted
    )


# What is remembered


@pytest.mark.parametrize("target", ["clean[01]", HOSTILE])
def test_records_are_read_again(open_state, target):
    """A record comes back without its fields, which are read when they are asked for."""
    written = record(target, accepted=True)
    state = open_state()
    state.write(written)
    assert state.records() == {target: written}
    state.commit()
    later = open_state()
    assert later.records() == {target: without_fields(written)}
    assert later.fields(target) == written.fields
    assert later.fields("unknown") == ()


def test_records_without_outputs(open_state):
    """A target may have neither outputs nor fields."""
    state = open_state()
    state.write(record(outputs=(), fields=()))
    state.commit()
    assert open_state().records() == {"t": record(outputs=(), fields=())}


def test_records_are_forgotten(open_state):
    """Before and after they are committed."""
    state = open_state()
    state.write(record("a"))
    state.write(record("b"))
    state.commit()
    state.records()
    state.forget("a")
    assert list(state.records()) == ["b"]
    assert state.fields("a") == ()
    state.commit()
    later = open_state()
    assert list(later.records()) == ["b"]
    assert later.fields("a") == ()


def test_what_is_not_committed_is_not_written(open_state):
    """Nothing is written before the commit; what was read sooner or later is completed with it."""
    state = open_state()
    state.write(record())
    assert open_state().records() == {}
    assert list(state.records()) == ["t"]


def test_a_record_of_another_build_is_seen_when_it_is_asked_for(open_state):
    """All are read once; one is read again after its lock was waited for."""
    first, second = open_state(), open_state()
    assert first.records() == {}
    second.write(record())
    second.commit()
    assert first.records() == {}
    assert first.refresh("t") == without_fields(record())
    assert first.records() == {"t": without_fields(record())}
    assert first.fields("t") == record().fields
    second.forget("t")
    second.commit()
    assert first.refresh("t") is None
    assert first.records() == {}


def test_stamps_are_read_again(open_state):
    """A stamp may have any size and time; one that was dropped is gone."""
    stamps = open_state().stamps
    assert stamps.get("a") is None
    state = open_state()
    state.stamps.put(HOSTILE, STAMP, "D-5x")
    state.stamps.put("b", STAMP, "D-1")
    state.stamps.put("c", STAMP, "D-1")
    state.commit()
    state.stamps.drop("b")
    state.stamps.drop("never there")
    assert state.stamps.get("b") is None
    state.commit()
    later = open_state()
    assert later.stamps.get(HOSTILE) == (STAMP, "D-5x")
    assert later.stamps.get("b") is None
    assert later.stamps.get("c") == (STAMP, "D-1")


def test_stamps_are_used_from_any_thread(open_state):
    """Executors digest outputs in threads of their own, while the engine commits."""
    state = open_state()

    def digest(name):
        for number in range(500):
            state.stamps.put(f"{name}-{number}", STAMP, "D-1")
            assert state.stamps.get(f"{name}-{number}")

    threads = [threading.Thread(target=digest, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        state.commit()
    state.commit()
    later = open_state()
    assert all(later.stamps.get(f"{name}-{n}") for name in "abc" for n in range(500))


def test_facts_about_code_are_read_again(open_state):
    """They are a mapping; no facts are not the same as unknown ones."""
    state = open_state()
    state.memo["key"] = (HOSTILE, "", "b")
    state.memo["none"] = ()
    state.memo["empty"] = ("",)
    state.commit()
    assert open_state().memo == {"key": (HOSTILE, "", "b"), "none": (), "empty": ("",)}


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\udcff\0\n "))))
def test_texts_are_packed(texts):
    """Any texts can be kept as one."""
    assert unpacked(packed(texts)) == tuple(texts)


# History


def result(run, target="t", status="built", **changes):
    return TargetRun(
        run, target, status, changes.get("started", 10.0), changes.get("duration", 2.0), "F1"
    )


def test_runs_are_remembered(open_state):
    """A run that was killed has no end."""
    state = open_state()
    first = state.history.start_run(1.0)
    second = state.history.start_run(5.0)
    state.history.end_run(first, 2.5, {"built": 3, "up-to-date": 4}, 1)
    state.commit()
    runs = open_state().history.runs(10)
    assert [run.run for run in runs] == [second, first]
    assert (runs[0].duration, runs[0].exit_code) == (None, None)
    assert runs[1].summary == {"built": 3, "up-to-date": 4}
    assert (runs[1].time, runs[1].duration, runs[1].exit_code) == (1.0, 2.5, 1)
    assert len(open_state().history.runs(1)) == 1


def test_what_became_of_a_target_is_remembered(open_state):
    """Newest first, with the reason."""
    state = open_state()
    rows = [
        TargetRun(state.history.start_run(1.0), HOSTILE, "failed", 1.0, 2.0, "F1"),
        TargetRun(
            state.history.start_run(2.0), HOSTILE, "built", 2.0, 3.0, "F2", "input-changed", HOSTILE
        ),
    ]
    for row in rows:
        state.history.add(row)
        state.history.add(result(row.run, "other"))
    state.commit()
    later = open_state().history
    assert later.target_runs(HOSTILE, 10) == rows[::-1]
    assert later.target_runs(HOSTILE, 1) == rows[1:]


def test_durations_are_those_of_the_last_build(open_state):
    """A target that was restored or failed takes as long as when it was built, and so does one whose
    record is forgotten."""
    state = open_state()
    for status, duration in (("built", 2.0), ("built", 3.0), ("failed", 9.0), ("restored", 0.1)):
        run = state.history.start_run(1.0)
        state.history.add(result(run, status=status, duration=duration))
        state.commit()
    state.forget("t")
    state.commit()
    assert open_state().history.durations() == {"t": 3.0}


def test_reasons_are_counted(open_state):
    """Of what was built, the most frequent first."""
    state = open_state()
    run = state.history.start_run(1.0)
    reasons = ["forced", "input-changed", "input-changed", "", "expired"]
    for number, reason in enumerate(reasons):
        state.history.add(TargetRun(run, f"t{number}", "built", 1.0, 1.0, "F", reason))
    state.history.add(TargetRun(run, "failed", "failed", 1.0, 1.0, "F", "always"))
    state.commit()
    assert list(state.history.reasons().items()) == [
        ("input-changed", 2),
        ("expired", 1),
        ("forced", 1),
    ]


def test_old_runs_go(open_state):
    """A thousand runs are kept, and the durations of all targets."""
    state = open_state()
    first = state.history.start_run(1.0)
    state.history.add(result(first, "old"))
    for number in range(1_000):
        last = state.history.start_run(float(number))
    state.history.add(result(last, "new"))
    state.history.end_run(last, 1.0, {}, 0)
    state.commit()
    history = open_state().history
    assert len(history.runs(2_000)) == 1_000
    assert history.target_runs("old", 10) == []
    assert len(history.target_runs("new", 10)) == 1
    assert history.durations() == {"old": 2.0, "new": 2.0}


def test_stamps_of_files_that_are_gone_go(open_state, tmp_path):
    """Now and then what only grows is looked through."""
    (tmp_path / "there").write_text("")
    state = open_state()
    state.stamps.put("there", STAMP, "D-1")
    state.stamps.put("gone", STAMP, "D-1")
    state.memo["old code"] = ()
    for _ in range(100):
        assert open_state().stamps.get("gone") == open_state().stamps.get("there")
        run = state.history.start_run(1.0)
        state.history.end_run(run, 1.0, {}, 0)
        state.commit()
    later = open_state()
    assert later.stamps.get("there")
    assert later.stamps.get("gone") is None
    assert later.memo == {}


# How it is written


def test_all_is_read_and_written_at_once(open_state):
    """The number of statements does not depend on how much there is."""
    state = open_state()
    for number in range(100):
        state.write(record(f"t{number}"))
        state.stamps.put(f"p{number}", STAMP, "D-1")
    state.stamps.get("p")
    before = state.statements
    state.commit()
    assert state.statements - before == 5  # begin, records, fields, stamps, commit
    state.commit()
    assert state.statements - before == 5
    later = open_state()
    before = later.statements
    for number in range(100):
        assert later.records()[f"t{number}"]
        assert later.stamps.get(f"p{number}")
        assert later.memo == {}
    assert later.statements - before == 3


HAMMER = """
import sys
from datamake.model import Record
from datamake.state import State
state = State(sys.argv[1], notice=print)
for number in range(int(sys.argv[3])):
    state.history.start_run(1.0)
    state.write(Record(f"{sys.argv[2]}-{number}", "F"))
    state.commit()
    print(number, flush=True)
"""


def hammer(folder, name, times):
    command = [sys.executable, "-c", HAMMER, folder, name, str(times)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_several_builds_write_at_once(open_state, folder):
    """They even make the file at the same time; each has its own run numbers."""
    others = [hammer(folder, name, 100) for name in "abc"]
    assert [other.communicate()[0].split() for other in others] == [
        [str(number) for number in range(100)]
    ] * 3
    assert {f"{name}-{number}" for name in "abc" for number in range(100)} == set(
        open_state().records()
    )
    assert len(open_state().history.runs(1_000)) == 300


def test_what_was_committed_survives_a_kill(open_state, folder, notices):
    """Whenever it comes."""
    for name in "abcde":
        other = hammer(folder, name, 100_000)
        seen = [other.stdout.readline() for _ in range(random.Random(name).randrange(1, 60))]
        other.send_signal(signal.SIGKILL)
        other.communicate()
        assert open_state().records().keys() >= {f"{name}-{number.strip()}" for number in seen}
    assert notices == []


# What goes wrong


def written(open_state, count=300):
    """A closed state with something of everything."""
    state = open_state()
    for number in range(count):
        state.write(record(f"t{number}"))
        state.stamps.put(f"p{number}", STAMP, "D-1")
        state.memo[f"m{number}"] = ("a", "b")
        state.history.add(result(state.history.start_run(1.0), f"t{number}"))
    state.commit()
    state.close()


def everything(state):
    """Read all there is, and write something."""
    for number in range(0, 300, 50):
        state.fields(f"t{number}")
        state.refresh(f"t{number}")
        state.stamps.get(f"p{number}")
        state.history.target_runs(f"t{number}", 3)
    state.history.durations()
    state.history.runs(500)
    state.memo.get("m1")
    state.records()
    state.history.end_run(state.history.start_run(1.0), 1.0, {"built": 1}, 0)
    state.write(record("new"))
    state.commit()


NOTICE = "state was unreadable and is begun anew: .datamake/state.corrupt-{}"


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" * 500])
def test_a_file_that_is_no_database(open_state, folder, notices, content):
    """It is moved away with its log, and all goes on with a new one."""
    for number in (1, 2):
        os.makedirs(folder, exist_ok=True)
        for suffix in ("", "-wal"):
            with open(f"{folder}/state.sqlite{suffix}", "wb") as file:
                file.write(content)
        state = open_state()
        everything(state)
        state.close()
        assert notices == [NOTICE.format(n) for n in range(1, number + 1)]
        assert list(open_state().records()) == ["new"]
        with open(f"{folder}/state.corrupt-{number}", "rb") as file:
            assert file.read() == content


@pytest.mark.parametrize("content", ["", "x"])
def test_an_empty_file_is_a_new_state(open_state, folder, notices, content):
    """As SQLite sees it, a file of less than a page is empty."""
    os.makedirs(folder)
    with open(f"{folder}/state.sqlite", "w") as file:
        file.write(content)
    everything(open_state())
    assert notices == []


def test_a_damaged_file_never_stops_a_build(open_state, folder, notices, tmp_path):
    """Wherever the damage is, it is noticed or does not matter, and what is written is kept."""
    written(open_state)
    shutil.copy(f"{folder}/state.sqlite", tmp_path / "good")
    size = os.path.getsize(tmp_path / "good")
    for seed in range(60):
        chance = random.Random(seed)
        shutil.rmtree(folder)
        os.makedirs(folder)
        content = bytearray((tmp_path / "good").read_bytes())
        start, length = chance.randrange(size), chance.choice([1, 8, 500, 5_000, 50_000])
        content[start : start + length] = chance.randbytes(len(content[start : start + length]))
        with open(f"{folder}/state.sqlite", "wb") as file:
            file.write(content[: chance.choice([size, size, size // 2])])
        state = open_state()
        everything(state)
        state.close()
        assert open_state().records()["new"] == without_fields(record("new"))
    assert len(notices) > 30


def test_damage_that_is_found_late(open_state, folder, notices):
    """What is in memory is written to the new file."""
    written(open_state)
    state = open_state()
    state.write(record("kept"))
    with open(f"{folder}/state.sqlite", "r+b") as file:
        file.write(b"x" * os.path.getsize(f"{folder}/state.sqlite"))
    state.commit()
    assert notices == [NOTICE.format(1)]
    assert list(open_state().records()) == ["kept"]


def test_damage_that_two_builds_find(open_state, folder, notices):
    """The second one goes on with what the first one began anew."""
    written(open_state)
    first, second = open_state(), open_state()
    with open(f"{folder}/state.sqlite", "r+b") as file:
        file.write(b"x" * os.path.getsize(f"{folder}/state.sqlite"))
    for state, name in ((first, "first"), (second, "second")):
        state.write(record(name))
        state.commit()
    assert notices == [NOTICE.format(1)]
    assert list(open_state().records()) == ["first", "second"]


def test_a_state_of_other_tables(open_state, folder, notices):
    """A database that is not a state is moved away too."""
    os.makedirs(folder)
    foreign = sqlite3.connect(f"{folder}/state.sqlite")
    foreign.execute("CREATE TABLE records (something)")
    foreign.close()
    everything(open_state())
    assert notices == [NOTICE.format(1)]


def test_a_state_that_is_deleted_meanwhile(open_state, folder, notices):
    """That is allowed at any time; the next build begins anew."""
    state = open_state()
    state.write(record())
    state.commit()
    shutil.rmtree(folder)
    everything(state)
    state.close()
    everything(open_state())
    assert notices == []


def test_a_newer_state(open_state, folder):
    """It is left as it is."""
    os.makedirs(folder)
    newer = sqlite3.connect(f"{folder}/state.sqlite")
    newer.execute("PRAGMA user_version = 999")
    newer.close()
    for readonly in (True, False):
        with pytest.raises(EnvironmentFailed) as caught:
            open_state(readonly=readonly)
        assert str(caught.value) == (
            "the state was written by a newer datamake: `.datamake/state.sqlite`\n"
            "  its version is 999; this datamake knows 3\n"
            "  hint: update datamake, or delete the file: what is lost is time and history"
        )


def test_a_state_that_stays_locked(open_state, monkeypatch):
    """Another process that does not let go is an error in the end."""
    monkeypatch.setattr(database, "PATIENCE", 0.01)
    first, second = open_state(), open_state()
    first._database._execute("BEGIN IMMEDIATE")
    second.write(record())
    with pytest.raises(EnvironmentFailed) as caught:
        second.commit()
    assert str(caught.value) == (
        "the state cannot be used: `.datamake/state.sqlite`\n  database is locked"
    )


def test_a_full_disk(open_state):
    """It is said, and what was there stays."""
    state = open_state()
    state.write(record("a"))
    state.commit()
    state._database._execute("PRAGMA max_page_count = 20")
    for number in range(1_000):
        state.write(record(f"t{number}"))
    with pytest.raises(EnvironmentFailed) as caught:
        state.commit()
    assert str(caught.value) == (
        "the state cannot be used: `.datamake/state.sqlite`\n  database or disk is full"
    )
    assert list(open_state().records()) == ["a"]


class OldFileSystem(sqlite3.Connection):
    """Files there cannot be written ahead: there is no shared memory."""

    def execute(self, sql, *values):
        if sql == "PRAGMA journal_mode = WAL":
            raise sqlite3.OperationalError("locking protocol")
        return super().execute(sql, *values)


def test_a_file_system_that_cannot_write_ahead(open_state, monkeypatch, folder, notices):
    """The state is kept as databases were before, and may be deleted there too."""
    monkeypatch.setattr(
        database,
        "_connected",
        lambda path: sqlite3.connect(path, isolation_level=None, factory=OldFileSystem),
    )
    state = open_state()
    everything(state)
    assert state._database._execute("PRAGMA journal_mode").fetchone() == ("delete",)
    shutil.rmtree(folder)
    os.makedirs(folder)
    everything(state)
    assert list(open_state().records()) == ["new"]
    assert notices == []


# Only read


def test_nothing_is_made_to_read_a_state_that_is_not_there(open_state, folder):
    """It is as if empty."""
    state = open_state(readonly=True)
    everything(state)
    assert state.history.start_run(1.0) == 0
    assert open_state(readonly=True).records() == {}
    assert not os.path.exists(folder)


def test_a_state_that_is_only_read(open_state):
    """What is remembered meanwhile is not written."""
    written(open_state)
    state = open_state(readonly=True)
    everything(state)
    assert len(state.records()) == 301
    later = open_state()
    assert len(later.records()) == 300
    assert len(later.history.runs(500)) == 300


def test_damage_in_a_state_that_is_only_read(open_state, folder, notices):
    """It counts as empty, and stays where it is."""
    os.makedirs(folder)
    with open(f"{folder}/state.sqlite", "wb") as file:
        file.write(b"no database" * 100)
    everything(open_state(readonly=True))
    assert notices == ["state cannot be read: .datamake/state.sqlite"]
    assert os.listdir(folder) == ["state.sqlite"]


READ = """
import sys
from datamake.model import Record
from datamake.state import State
state = State(sys.argv[1], notice=print)
records = len(state.records())
state.write(Record("more", "F"))
state.commit()
print(state.readonly, records)
"""


@pytest.mark.parametrize("path", ["tree", "a?b#c%41 é"])
@pytest.mark.parametrize("open_elsewhere", [False, True])
def test_a_disk_that_is_only_read(tmp_path, path, open_elsewhere):
    """A command that reads does not fail there, and has what was committed."""
    folder = str(tmp_path / path / ".datamake")
    state = State(folder, notice=print)
    state.write(record())
    state.commit()
    if not open_elsewhere:
        state.close()
    mount = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && exec "$2" -c "$3" "$1"'
    command = ["unshare", "-m", "sh", "-c", mount, "sh", folder, sys.executable, READ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    state.close()
    if "permitted" in done.stderr or "denied" in done.stderr:
        pytest.skip("mounting takes rights")
    assert (done.stdout, done.stderr) == ("True 1\n", "")


def test_what_another_process_writes_is_noticed(open_state):
    mine, other = open_state(), open_state()
    mine.stamps.put("a", (1, 2, 3, 4, 0), "11-1")
    mine.commit()
    assert not mine.disturbed
    other.stamps.put("b", (1, 2, 3, 4, 0), "11-1")
    other.commit()
    assert mine.disturbed
