"""Looking after a shared cache: what nobody uses goes, what a build of the last day needs stays."""

from __future__ import annotations

import json

import pytest

from datamake.errors import EnvironmentFailed
from datamake.files import fresh_digest
from datamake.layout import blob_key
from datamake.model import Record, Written
from datamake.packs import Entry, name_of, packed, signed
from datamake.shared import Place, SharedCache
from datamake.signing import Signer
from datamake.storage.local import LocalStorage
from datamake.storage.memory import MemoryStorage
from datamake.sweep import Limits, counted, swept, verified

DAY = 86400.0
MONTH = 30 * DAY


class Team:
    """A shared cache with a clock of its own, and machines that use it."""

    def __init__(self, folder):
        self.folder = folder
        self.now = 1000 * DAY
        self.storage = MemoryStorage(clock=lambda: self.now)
        self.names = 0

    def machine(self, **options):
        """A machine that has nothing yet."""
        self.names += 1
        local = LocalStorage(f"{self.folder}/{self.names}/cache")
        place = Place(lambda: self.storage, "memory://team", options.pop("secret", ""))
        return SharedCache(local, place, clock=lambda: self.now, **options)

    def make(self, number, content, cache=None, **options):
        """Makes an output and shares it; its digest."""
        cache = cache or self.machine(**options)
        path = self.folder / f"made-{number}"
        for below, text in content.items() if isinstance(content, dict) else [("", content)]:
            file = path / below if below else path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text)
        digest = fresh_digest(str(path))
        cache.store(str(path), digest)
        outputs = (Written("out", digest),)
        cache.remember(Record("t", fingerprint(number), (), outputs, self.now))
        cache.flush()
        return digest

    def has(self, number):
        """Whether a new machine gets it, record and bytes."""
        cache = self.machine()
        record = cache.lookup(fingerprint(number))
        return record is not None and cache.bring(record.outputs[0].digest)

    def sweep(self, older_than=MONTH, max_size=None, grace=DAY, **options):
        return swept(self.storage, Limits(older_than, max_size, grace), **options)

    def keys(self, prefix):
        return sorted(key for key, _, _ in self.storage.entries(prefix))


def fingerprint(number):
    return f"{number:032x}"


@pytest.fixture
def team(tmp_path):
    return Team(tmp_path)


def test_what_is_not_used_goes_in_two_steps(team):
    """The record first, its bytes when `grace` has gone by once more."""
    team.make(1, {"a": b"one", "b": b"same"})
    size = sum(len(team.storage.read(key)) for key in team.keys("v1/blobs/")) - len(b"same")
    team.now += 20 * DAY
    team.make(2, {"a": b"two", "b": b"same"})
    team.now += 11 * DAY
    dry = team.sweep(dry=True)
    assert (dry.entries, dry.blobs, dry.waiting) == (1, 0, size)
    assert team.has(1)
    assert team.sweep() == dry
    assert not team.has(1)
    assert len(team.keys("v1/blobs/")) == 5
    team.now += DAY / 2
    assert team.sweep().blobs == 0
    team.now += DAY
    done = team.sweep()
    assert (done.entries, done.blobs, done.size, done.waiting) == (0, 2, size, 0)
    assert len(team.keys("v1/blobs/")) == 3
    assert team.keys("v1/dropped/") == []
    assert team.has(2)


def test_what_is_used_stays(team):
    """The last use counts, whoever it was by."""
    team.make(1, b"one")
    for _ in range(5):
        team.now += 20 * DAY
        cache = team.machine()
        assert cache.lookup(fingerprint(1))
        cache.flush()
        assert team.sweep().entries == 0
    assert team.has(1)


def test_a_build_beside_gc_finds_what_it_went_by(team):
    """It has seen a record before it was dropped, and needs the bytes up to a day later."""
    digest = team.make(1, b"one")
    team.now += MONTH + DAY
    build = team.machine()
    assert build.lookup(fingerprint(1)).outputs[0].digest == digest
    assert team.sweep().entries == 1
    team.now += DAY / 2
    team.sweep()
    assert build.bring(digest)
    build.flush()
    assert team.has(1)


def test_a_build_beside_gc_promises_what_stays(team):
    """It does not send what a record promised when it began; that is dropped, and gc runs twice."""
    team.make(1, b"one")
    team.now += MONTH + DAY
    build = team.machine()
    assert build.lookup(fingerprint(9)) is None
    team.sweep()
    sent = []
    store = team.storage.store
    team.storage.store = lambda key, path: (sent.append(key), store(key, path))
    team.now += DAY / 2
    team.make(2, b"one", build)
    assert sent == []
    team.now += DAY
    team.sweep()
    team.now += DAY
    team.sweep()
    assert team.has(2)


def test_without_grace_a_build_beside_gc_loses(team):
    """So that the tests above are known to test something."""
    digest = team.make(1, b"one")
    build = team.machine()
    assert build.lookup(fingerprint(1))
    team.now += 1
    assert team.sweep(older_than=0, grace=0).blobs == 1
    assert not build.bring(digest)


def test_bytes_whose_record_is_still_to_come_stay(team):
    """A build sends them first. After a day they are what a killed one left."""
    team.make(1, b"one")
    for key in team.keys("v1/packs/"):
        team.storage.delete(key)
    team.now += DAY - 1
    assert team.sweep().blobs == 0
    team.now += 2
    assert team.sweep(dry=True).blobs == 1
    assert team.keys("v1/blobs/") != []
    assert team.sweep().blobs == 1
    assert team.keys("v1/blobs/") == []


def test_a_cache_is_kept_to_a_size(team):
    """Least recently used first, as far as needed; what was used within `grace` stays."""
    for number in range(5):
        team.now += DAY
        team.make(number, b"%d" % number * 100)
    done = team.sweep(None, 250)
    assert (done.entries, done.left, done.waiting) == (3, 500, 300)
    assert [team.has(number) for number in range(5)] == [False] * 3 + [True] * 2
    assert team.sweep(None, 0).entries == 1
    assert team.has(4)


def test_shared_bytes_go_with_the_last_record(team):
    """Dropping one of two records frees nothing."""
    team.make(1, b"same")
    team.now += DAY
    team.make(2, b"same")
    team.now += 2 * DAY
    done = team.sweep(2.5 * DAY, grace=0)
    assert (done.entries, done.blobs) == (1, 0)
    assert team.has(2)


def test_packs_that_are_merged_meanwhile_are_not_missed(team):
    """They are listed until there is no new one: what is not known would lose its bytes."""
    team.make(1, b"one")
    team.make(2, b"two")
    team.now += 2 * DAY
    keys = team.keys("v1/packs/")
    data = packed(
        [
            Entry("record", fingerprint(number), 1.0, body(team, number), "", team.now)
            for number in (1, 2)
        ]
    )
    entries = team.storage.entries

    def merged_behind(prefix=""):
        """The listing was past the name of the merged pack when that appeared."""
        if prefix == "v1/packs/" and team.storage.size(keys[0]) is not None:
            listed = [each for each in entries(prefix) if each[0] == keys[0]]
            team.storage.write(f"v1/packs/{name_of(data)}", data)
            for key in keys:
                team.storage.delete(key)
            return iter(listed)
        return entries(prefix)

    team.storage.entries = merged_behind
    assert team.sweep().blobs == 0
    assert team.has(1)
    assert team.has(2)


def body(team, number):
    digest = team.machine().lookup(fingerprint(number)).outputs[0].digest
    outputs = [["out", digest, None]]
    return json.dumps({"target": "t", "duration": 1, "outputs": outputs, "blobs": {digest: ""}})


def test_the_clock_of_this_machine_does_not_count(team, monkeypatch):
    """The store says when something was written, and what time it is."""
    team.make(1, b"one")
    monkeypatch.setattr("time.time", lambda: 1e12)
    monkeypatch.setattr("datamake.sweep.clock", lambda: 1e12)
    assert team.sweep().entries == 0
    assert team.keys("v1/clock/") == []


def test_what_a_newer_datamake_wrote_is_not_judged(team):
    """Nobody here knows which bytes it needs."""
    team.make(1, b"one")
    data = packed([Entry("record2", fingerprint(1), 1.0, "{}")])
    team.storage.write(f"v1/packs/{name_of(data)}", data)
    before = team.keys("")
    with pytest.raises(EnvironmentFailed) as newer:
        team.sweep()
    assert str(newer.value) == (
        "the shared cache holds what a newer datamake wrote\n"
        "  hint: run `cache gc --remote` with that one"
    )
    assert team.keys("") == before


def test_foreign_keys_are_left_alone(team):
    """Those of other versions, and of other programs."""
    foreign = ["v2/blobs/x", "v1/blobs/README", "v1/packs/notes.txt", "v1/packs/../x", "a"]
    for key in foreign:
        team.storage.write(key, b"foreign")
    team.make(1, b"one")
    team.now += 10 * MONTH
    team.sweep(0, 0, 0)
    assert team.keys("") == sorted([*foreign, *team.keys("v1/dropped/")])


@pytest.mark.parametrize("secret", ["", "hunter2"])
def test_all_is_read_again(team, secret):
    """What is corrupt is named and dropped: blobs, listings, packs; the rest is not."""
    team.make(1, {"a": b"one", "b": b"two"}, secret=secret)
    team.make(2, b"three", secret=secret)
    assert verified(team.storage, secret) == []
    for prefix, number in (("v1/blobs/", 0), ("v1/blobs/", -1), ("v1/packs/", 0)):
        key = team.keys(prefix)[number]
        team.storage.write(key, team.storage.read(key)[:-1] + b"?", replace=True)
        assert verified(team.storage, secret) == [key]
        assert team.storage.size(key) is None
    assert verified(team.storage, secret) == []


def test_other_bytes_than_a_signed_record_promises_are_corrupt(team):
    """Though their hash is right; where nothing is promised, the hash is enough."""
    digest = team.make(1, b"one", secret="hunter2")
    content = {"target": "t", "duration": 1, "outputs": [], "blobs": {digest: "0" * 64}}
    for key in team.keys("v1/packs/"):
        team.storage.delete(key)
    entry = Entry("record", fingerprint(1), 1.0, json.dumps(content))
    for secret, wrong in (("hunter3", []), ("hunter2", [blob_key(digest)])):
        data = packed([signed(entry, Signer(secret))])
        team.storage.write(f"v1/packs/{name_of(data)}", data)
        assert verified(team.storage, "hunter2") == wrong


def test_what_is_there_is_counted(team):
    """Blobs and records, and their bytes."""
    team.make(1, b"one")
    team.make(2, b"three")
    found = counted(team.storage)
    size = found.pop("record_bytes")
    assert found == {"blobs": 2, "blob_bytes": 8, "records": 2}
    assert size > 200
