"""What keeps a cache to its size, and what reads all of it again."""

from __future__ import annotations

import multiprocessing
import os
import time

import pytest

from datamake import eviction
from datamake.cache import Cache
from datamake.content import digest_of
from datamake.eviction import DAY, Freed
from datamake.layout import blob_key
from datamake.model import Record, Written
from datamake.storage.local import LocalStorage
from datamake.storage.memory import MemoryStorage


class Clock:
    now = 1_000_000.0

    def __call__(self):
        self.now += 1
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def storage(clock):
    return MemoryStorage(clock=clock)


@pytest.fixture
def opened(storage, clock):
    """Another process's cache in the same storage."""
    return lambda size=None: Cache(storage, max_size=size, clock=clock)


@pytest.fixture
def blob(tmp_path):
    """Stores a blob of 1,000 bytes and returns its digest."""

    def blob(cache, number):
        data = b"%d" % number * 1000
        (tmp_path / "made").write_bytes(data)
        digest = digest_of(data)
        assert cache.store(str(tmp_path / "made"), digest)
        return digest

    return blob


def test_the_least_recently_used_goes_first(opened, blob):
    """Using is restoring, storing again or being asked for."""
    cache = opened(3_000)
    digests = [blob(cache, number) for number in range(5)]
    cache.has(digests[0])
    blob(cache, 1)
    assert cache.trim() == Freed(2, 2_000, 3_000)
    assert [cache.has(digest) for digest in digests] == [True, True, False, False, True]


def test_a_cache_within_its_size_is_counted_once(opened, blob, storage, monkeypatch):
    """Later builds add what they stored; those that stored nothing do nothing at all."""
    opened_once = opened(10_000)
    blob(opened_once, 0)
    assert opened_once.trim() == Freed(0, 0, 1_000)
    monkeypatch.setattr(eviction, "shrunk", None)
    for number in range(1, 9):
        cache = opened(10_000)
        blob(cache, number)
        assert cache.trim() is None
    monkeypatch.setattr(storage, "entries", None)
    assert cache.trim() is None


def test_several_processes_keep_to_one_size(opened, blob):
    """What the others stored counts."""
    first, second = opened(5_000), opened(5_000)
    blob(first, 0)
    first.trim()
    for number in range(1, 4):
        blob(first, number)
    for number in range(4, 7):
        blob(second, number)
    assert first.trim() is None
    assert second.trim() == Freed(2, 2_000, 5_000)


def test_what_a_killed_build_stored_is_counted_after_a_day(opened, blob, clock):
    """It left no mark."""
    first = opened(2_500)
    blob(first, 0)
    first.trim()
    blob(opened(2_500), 1)
    last = opened(2_500)
    blob(last, 2)
    assert last.trim() is None
    clock.now += DAY
    blob(last, 3)
    assert last.trim() == Freed(2, 2_000, 2_000)


def test_a_large_cache_is_shrunk_further(opened, blob, monkeypatch):
    """So that not every build has to count it."""
    monkeypatch.setattr(eviction, "MANY", 5)
    cache = opened(9_500)
    for number in range(10):
        blob(cache, number)
    assert cache.trim() == Freed(2, 2_000, 8_000)


def test_what_was_used_lately_is_spared(opened, blob, clock):
    """By the grace that gc is given."""
    cache = opened()
    blob(cache, 0)
    clock.now += 100
    blob(cache, 1)
    assert cache.gc(max_size=0, grace=50) == Freed(1, 1_000, 1_000)
    assert cache.gc(max_size=0) == Freed(1, 1_000, 0)


def test_what_was_not_used_for_long_goes(opened, blob, clock):
    """Whatever the size is."""
    cache = opened()
    blob(cache, 0)
    clock.now += 100
    blob(cache, 1)
    assert cache.gc(older_than=50) == Freed(1, 1_000, 1_000)


def test_a_dry_run_removes_nothing(opened, blob, storage):
    """It says what would go."""
    cache = opened()
    digest = blob(cache, 0)
    before = sorted(storage.entries())
    assert cache.gc(max_size=0, dry=True) == Freed(1, 1_000, 0)
    assert sorted(storage.entries()) == before
    assert cache.has(digest)


def test_only_what_is_ours_is_removed(opened, blob, storage, clock):
    """Other versions and other people's files stay; half-written files go after a day."""
    others = ["v2/blobs/x", "v1/blobs/ab/notes.txt", "README", f"v1/blobs/zz/{'z' * 32}-1"]
    for key in [*others, "tmp/old"]:
        storage.write(key, b"kept")
    clock.now += DAY
    storage.write("tmp/new", b"kept")
    cache = opened()
    blob(cache, 0)
    assert cache.gc(max_size=0) == Freed(1, 1_000, 0)
    left = {key for key, _, _ in storage.entries() if not key.startswith("v1/sizes/")}
    assert left == {*others, "tmp/new"}


def test_verifying_finds_and_drops_what_is_corrupt(opened, blob, storage, tmp_path):
    """Blobs, listings and records; a record of a newer format is not for us to judge."""
    cache = opened()
    good, bad = blob(cache, 0), blob(cache, 1)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/a").write_bytes(b"one")
    cache.store(str(tmp_path / "folder"), f"{'0' * 32}-3/")
    for digit in "0123":
        cache.remember(Record("a", digit * 32, outputs=(Written("a", good),)))
    assert cache.verify() == []
    folder = next(key for key, _, _ in storage.entries() if key.endswith(".folder"))
    records = [f"v1/actions/{digit * 2}/{digit * 32}" for digit in "0123"]
    storage.write(blob_key(bad), b"x", replace=True)
    storage.write(folder, storage.read(folder).replace(b" a\0", b" b\0"), replace=True)
    storage.write(records[1], storage.read(records[0]), replace=True)
    storage.write(records[2], b"", replace=True)
    storage.write(records[3], b'{"version":2}', replace=True)
    assert sorted(cache.verify()) == sorted([blob_key(bad), folder, records[1], records[2]])
    assert cache.verify() == []
    assert cache.has(good)
    assert storage.size(records[3])


def test_stats(opened, blob):
    """What there is of each kind."""
    cache = opened()
    blob(cache, 0)
    cache.remember(Record("a", "0" * 32))
    stats = cache.stats()
    assert stats.pop("record_bytes") > 50
    assert stats == {"blobs": 1, "blob_bytes": 1_000, "records": 1}


def hammered(folder, seed, seconds):
    """Stores, restores and shrinks for a while; the number of bytes that came back wrong."""
    cache = Cache(LocalStorage(f"{folder}/cache"), max_size=30_000, notice=print)
    wrong = restored = 0
    end = time.monotonic() + seconds
    turn = seed
    while time.monotonic() < end:
        turn += 7
        data = b"%d" % (turn % 50) * 500
        made, target = f"{folder}/{seed}-made", f"{folder}/{seed}-target"
        with open(made, "wb") as file:
            file.write(data)
        assert cache.store(made, digest_of(data))
        if cache.restore(digest_of(data), target):
            restored += 1
            with open(target, "rb") as file:
                wrong += file.read() != data
        if turn % 3 == 0:
            cache.trim()
        if turn % 11 == 0:
            cache.gc(max_size=5_000)
    os._exit(100 if wrong else 0 if restored else 101)


def test_many_processes_at_once(tmp_path):
    """Nothing wrong ever comes back, nothing fails, and nothing is left half-written."""
    fork = multiprocessing.get_context("spawn")
    processes = [fork.Process(target=hammered, args=(str(tmp_path), n, 0.7)) for n in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    cache = Cache(LocalStorage(f"{tmp_path}/cache"), max_size=30_000)
    assert cache.verify() == []
    assert list(LocalStorage(f"{tmp_path}/cache").entries("tmp/")) == []
