"""The shared cache: what one machine has made is there for the others, or it is not there at all."""

from __future__ import annotations

import errno
import json
import os
import threading
import time

import pytest

from datamake.errors import EnvironmentFailed
from datamake.files import fresh_digest
from datamake.layout import blob_key
from datamake.listing import Listing
from datamake.model import Record, Written
from datamake.packs import Entry, identity, name_of, packed, signed, unpacked
from datamake.shared import Place, SharedCache
from datamake.signing import Signer
from datamake.storage.local import LocalStorage
from datamake.storage.memory import MemoryStorage
from datamake.values import replace

FINGERPRINT = "0123456789abcdef" * 2
OTHER = FINGERPRINT[::-1]
FOLDER = {"a": b"one", "deep/er/b": b"two", "c": b"one"}


class Machine:
    """A local cache of its own, a shared one, and what a build does with them."""

    def __init__(self, folder, storage, **options):
        self.folder = folder
        self.folder.mkdir(exist_ok=True)
        self.storage = storage
        self.options = options
        self.lines = []
        self.begin()

    def begin(self, **options):
        """Another run."""
        given = {**self.options, **options}
        place = Place(lambda: self.storage, "memory://team", given.pop("secret", ""))
        local = LocalStorage(f"{self.folder}/cache")
        self.cache = SharedCache(local, place, notice=self.lines.append, **given)
        return self.cache

    def make(self, content, fingerprint=FINGERPRINT):
        """Make an output with this content, and share it; its digest."""
        path = self.folder / "made" / fingerprint
        for below, text in content.items() if isinstance(content, dict) else [("", content)]:
            file = path / below if below else path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text)
        digest = fresh_digest(str(path))
        assert self.cache.store(str(path), digest)
        self.remember(digest, fingerprint)
        return digest

    def remember(self, digest, fingerprint=FINGERPRINT, time=12.5):
        outputs = (Written("out", digest, None),)
        self.cache.remember(Record("clean", fingerprint, (("a", "b", "c"),), outputs, time, 0.25))
        self.cache.flush()

    def restore(self, digest):
        """The content that comes out of the cache, or None."""
        target = self.folder / "restored"
        if not self.cache.restore(digest, str(target)):
            assert not target.exists()
            return None
        if target.is_file():
            content = target.read_bytes()
            target.unlink()
            return content
        found = [path for path in target.rglob("*") if path.is_file()]
        content = {str(path.relative_to(target)): path.read_bytes() for path in found}
        os.rename(target, f"{target}-{len(os.listdir(self.folder))}")
        return content


@pytest.fixture(params=["local", "memory"])
def storage(request, tmp_path):
    return LocalStorage(f"{tmp_path}/team") if request.param == "local" else MemoryStorage()


@pytest.fixture
def machine(storage, tmp_path):
    """Machine by name; options as of `SharedCache`."""
    return lambda name="here", **options: Machine(tmp_path / name, storage, **options)


@pytest.mark.parametrize("content", [b"", b"one", FOLDER])
@pytest.mark.parametrize("secret", ["", "hunter2"])
def test_what_one_has_made_another_has(machine, content, secret):
    """The record is there without its fields, the bytes are there byte by byte."""
    digest = machine("there", secret=secret).make(content)
    here = machine("here", secret=secret)
    assert here.cache.lookup(OTHER) is None
    found = here.cache.lookup(FINGERPRINT)
    assert found == Record("clean", FINGERPRINT, (), (Written("out", digest),), 12.5, 0.25)
    assert here.cache.has(digest)
    assert here.restore(digest) == content
    assert here.lines == []


def test_what_came_down_is_kept(machine, storage):
    """The next run asks nobody."""
    digest = machine("there").make(FOLDER)
    here = machine("here", mode="read")
    here.cache.lookup(FINGERPRINT)
    here.restore(digest)
    for key, _, _ in list(storage.entries()):
        storage.delete(key)
    here.begin()
    assert here.cache.lookup(FINGERPRINT).outputs == (Written("out", digest),)
    assert here.cache.has(digest)
    assert here.restore(digest) == FOLDER


# What others did to it


DAMAGES = {
    "missing": lambda storage, key, data: storage.delete(key),
    "empty": lambda storage, key, data: storage.write(key, b"", replace=True),
    "truncated": lambda storage, key, data: storage.write(key, data[:-1], replace=True),
    "flipped": lambda storage, key, data: storage.write(
        key, data[:-1] + bytes([data[-1] ^ 1]), replace=True
    ),
}


def keys(storage, prefix):
    return sorted(key for key, _, _ in storage.entries(prefix))


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("content", [b"one", FOLDER], ids=["file", "folder"])
def test_a_damaged_blob_is_a_miss_and_comes_back(machine, storage, how, content):
    """Said once, dropped, and sent again by whoever builds it; nothing half is left here."""
    digest = machine("there").make(content)
    for number, key in enumerate(keys(storage, "v1/blobs/")):
        whole = storage.read(key)
        DAMAGES[how](storage, key, whole)
        here = machine(f"here-{number}")
        assert here.cache.lookup(FINGERPRINT)
        assert here.cache.has(digest)
        assert here.restore(digest) is None
        assert not here.cache.has(digest)
        assert storage.size(key) is None
        said = {
            "missing": "what a record promises is not in the shared cache",
        }.get(how, "dropped what was corrupt in the shared cache")
        assert here.lines == [f"{said}: `{key}`"]
        assert here.make(content) == digest
        assert storage.read(key) == whole
        assert machine(f"then-{number}").cache.lookup(FINGERPRINT)


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_pack_is_dropped(machine, storage, how):
    """What it told is not known any more, and what the others tell is."""
    machine("there").make(b"one")
    (damaged,) = keys(storage, "v1/packs/")
    machine("other").make(b"two", OTHER)
    DAMAGES[how](storage, damaged, storage.read(damaged))
    here = machine()
    assert here.cache.lookup(FINGERPRINT) is None
    assert here.cache.lookup(OTHER)
    said = f"dropped what was corrupt in the shared cache: `{damaged}`"
    assert here.lines == ([] if how == "missing" else [said])
    assert storage.size(damaged) is None


def test_nothing_is_dropped_by_who_may_only_read(machine, storage):
    """It is a miss all the same."""
    digest = machine("there").make(b"one")
    (key,) = keys(storage, "v1/blobs/")
    storage.write(key, b"xxx", replace=True)
    here = machine(mode="read")
    here.cache.lookup(FINGERPRINT)
    assert here.restore(digest) is None
    assert storage.read(key) == b"xxx"
    assert here.lines == [f"dropped what was corrupt in the shared cache: `{key}`"]


def test_what_is_corrupt_here_comes_from_there(machine):
    """The local copy is dropped, as ever."""
    there = machine("there")
    digest = there.make(b"one")
    (blob,) = there.folder.glob("cache/v1/blobs/*/*")
    blob.chmod(0o644)
    blob.write_bytes(b"xxx")
    assert there.begin().has(digest)
    assert there.restore(digest) == b"one"
    assert len(there.lines) == 1


def poisoned(storage, body, kind="record", made=9.0):
    """A pack by somebody else."""
    data = packed([Entry(kind, FINGERPRINT, made, body)])
    storage.write(f"v1/packs/{name_of(data)}", data)


DIGEST = "0" * 32 + "-3"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "null",
        "[" * 100_000,
        '{"outputs":[["out","../../../etc/passwd-3",null]]}',
        '{"blobs":{"../../../etc/passwd":""},"duration":1,"target":"t","outputs":[]}'[:-1],
        f'{{"blobs":{{}},"duration":1,"target":"t","outputs":[["out","{DIGEST}",null]]}}',
        *(
            f'{{"blobs":{{"{DIGEST}":""}},"duration":{duration},"target":"t","outputs":[]}}'
            for duration in ('"x"', "NaN", "Infinity", "-1", "1e300", f"1{'0' * 400}")
        ),
    ],
)
def test_a_record_that_is_none_is_not_there(machine, storage, body):
    """Whoever builds it next puts things right."""
    poisoned(storage, body)
    here = machine()
    assert here.cache.lookup(FINGERPRINT) is None
    assert here.restore(DIGEST) is None
    here.make(b"one")
    assert machine("then").cache.lookup(FINGERPRINT)


@pytest.mark.parametrize("time", [float("nan"), float("inf"), -1.0, 1e300])
def test_times_that_are_none(machine, storage, time):
    """The pack is corrupt: no order of what was made when, nor a date, could be told with them."""
    digest = machine("there").make(b"one")
    body = {"target": "t", "duration": 1, "outputs": [["out", digest, None]]}
    poisoned(storage, json.dumps({**body, "blobs": {digest: ""}}), made=time)
    here = machine()
    assert here.cache.lookup(FINGERPRINT).time == 12.5
    (line,) = here.lines
    assert line.startswith("dropped what was corrupt in the shared cache")


def test_no_path_of_a_record_is_written_to(machine, storage, tmp_path):
    """It says what an action once wrote, and is there to be compared."""
    path = tmp_path / "evil"
    digest = machine("there").make(b"one")
    body = {
        "target": "clean",
        "duration": 1,
        "outputs": [[f"../../{path}", digest, None]],
        "blobs": {digest: ""},
    }
    poisoned(storage, json.dumps(body), made=20.0)
    here = machine()
    assert here.cache.lookup(FINGERPRINT).outputs[0].path == f"../../{path}"
    assert here.restore(digest) == b"one"
    assert not path.exists()


def test_a_listing_that_leads_out_of_its_folder_is_corrupt(machine, storage, tmp_path):
    """Though its hash is right, and a record says so."""
    evil = machine("there").make(b"evil")
    listings = (
        Listing({"../evil": evil}, {}, ()),
        Listing({f"{tmp_path}/evil": evil}, {}, ()),
        Listing({"out/evil": evil}, {"out": ".."}, ()),
    )
    for number, listing in enumerate(listings):
        digest = listing.digest
        storage.write(f"v1/blobs/{digest[:2]}/{digest[:-1]}.folder", listing.text)
        body = {"target": "t", "duration": 1, "outputs": [["out", digest, None]]}
        poisoned(storage, json.dumps({**body, "blobs": {digest: "", evil: ""}}), made=20.0 + number)
        here = machine(f"here-{number}")
        assert here.cache.lookup(FINGERPRINT)
        assert here.restore(digest) is None
        assert here.lines[0].startswith("dropped what was corrupt in the shared cache")
        assert not (tmp_path / "evil").exists()


def test_what_a_newer_datamake_wrote_is_left_alone(machine, storage):
    """It is not used, and survives when packs are merged."""
    poisoned(storage, "{}", kind="record2")
    here = machine()
    assert here.cache.lookup(FINGERPRINT) is None
    for number in range(20):
        here.begin()
        here.make(b"%d" % number, f"{number:032x}")
    assert len(keys(storage, "v1/packs/")) < 20
    kinds = {entry.kind for entry in all_entries(storage)}
    assert kinds == {"record", "record2"}


def all_entries(storage):
    packs = [(key, storage.read(key)) for key in keys(storage, "v1/packs/")]
    return [entry for key, data in packs for entry in unpacked(key[9:], data, 0.0)]


# Many machines


def test_two_that_make_the_same_agree_in_the_end(machine):
    """Whoever was later counts, for all and in whatever order packs are listed."""
    results = [machine(name).make(name.encode()) for name in ("first", "second")]
    for number in range(2):
        here = machine(f"here-{number}")
        digest = here.cache.lookup(FINGERPRINT).outputs[0].digest
        assert digest in results
        assert here.restore(digest)
    late = machine("late")
    path = late.folder / "late"
    path.write_bytes(b"late")
    late.cache.store(str(path), fresh_digest(str(path)))
    late.remember(fresh_digest(str(path)), time=13.5)
    assert machine("then").cache.lookup(FINGERPRINT).outputs[0].digest == fresh_digest(str(path))


def test_many_write_at_once(machine, storage, tmp_path):
    """Nobody waits, nothing is lost, and packs are merged by several at the same time."""
    machines = [machine(f"m{number}") for number in range(8)]

    def work(number):
        for turn in range(6):
            machines[number].begin()
            machines[number].make(b"%d %d" % (number, turn), f"{number * 100 + turn:032x}")
            machines[number].make(b"same", FINGERPRINT)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    here = machine()
    for number in range(8):
        for turn in range(6):
            record = here.cache.lookup(f"{number * 100 + turn:032x}")
            assert here.restore(record.outputs[0].digest) == b"%d %d" % (number, turn)
    assert here.restore(here.cache.lookup(FINGERPRINT).outputs[0].digest) == b"same"
    assert len(keys(storage, "v1/packs/")) < 40
    assert [line for each in machines for line in each.lines] == []


def test_a_pack_that_is_merged_while_it_is_read_is_not_missed(machine, storage):
    """Packs are listed again where one is gone."""
    machine("there").make(b"one")
    (key,) = keys(storage, "v1/packs/")
    entries = unpacked(key[9:], storage.read(key), 1.0)
    read = storage.read

    def merged_meanwhile(name, *arguments):
        if name == key and storage.size(key) is not None:
            data = packed(entries)
            storage.write(f"v1/packs/{name_of(data)}", data)
            storage.delete(key)
        return read(name, *arguments)

    storage.read = merged_meanwhile
    assert machine().cache.lookup(FINGERPRINT)


def test_packs_are_read_once(machine, storage):
    """The next run asks what there is, and reads what is new."""
    there, here = machine("there"), machine()
    there.make(b"one")
    assert here.cache.lookup(OTHER) is None
    there.begin()
    there.make(b"two", OTHER)
    asked = []
    read = storage.read
    storage.read = lambda key, *rest: (asked.append(key), read(key, *rest))[1]
    here.begin()
    assert here.cache.lookup(FINGERPRINT)
    assert here.cache.lookup(OTHER)
    assert len(asked) == 1


def test_bytes_that_are_there_are_not_sent_again(machine, storage):
    """By the word of a record; of no record, they are: nobody knows how long they stay."""
    there = machine("there")
    there.make(FOLDER)
    sent = []
    store = storage.store
    storage.store = lambda key, path: (sent.append(key), store(key, path))
    here = machine()
    here.make({**FOLDER, "new": b"new"}, OTHER)
    assert len(sent) == 2
    assert sent[-1].endswith(".folder") or sent[0].endswith(".folder")
    for key in keys(storage, "v1/packs/"):
        storage.delete(key)
    machine("late").make(FOLDER, OTHER)
    assert len(sent) == 5


# Trust


def flipped(text):
    return text[:-1] + ("0" if text[-1] != "0" else "1")


FORGED = {
    "body": lambda e: Entry(e.kind, e.key, e.made, e.body.replace("0.25", "0.35"), e.signature),
    "key": lambda e: Entry(e.kind, OTHER, e.made, e.body, e.signature),
    "kind": lambda e: Entry("content", e.key, e.made, e.body, e.signature),
    "time": lambda e: Entry(e.kind, e.key, e.made + 1, e.body, e.signature),
    "signature": lambda e: Entry(e.kind, e.key, e.made, e.body, flipped(e.signature)),
    "unsigned": lambda e: Entry(e.kind, e.key, e.made, e.body),
    "unreadable": lambda e: Entry(e.kind, e.key, e.made, e.body, "\u00e9"),
}


@pytest.mark.parametrize("how", FORGED)
def test_what_is_not_signed_as_it_should_be_is_ignored(machine, storage, how):
    """With one line, whatever is wrong with it."""
    digest = machine("there", secret="hunter2").make(b"one")
    (key,) = keys(storage, "v1/packs/")
    (entry,) = all_entries(storage)
    storage.delete(key)
    data = packed([FORGED[how](entry)])
    storage.write(f"v1/packs/{name_of(data)}", data)
    here = machine(secret="hunter2")
    for fingerprint in (FINGERPRINT, OTHER):
        assert here.cache.lookup(fingerprint) is None
    assert not here.cache.has(digest)
    assert here.restore(digest) is None
    assert here.lines == ["ignored 1 entry that is not signed with DATAMAKE_CACHE_KEY"]


def test_another_secret_is_none(machine):
    """Nor is none; without one, all is believed."""
    machine("there", secret="hunter2").make(b"one")
    machine("other").make(b"two", OTHER)
    for secret, known in (
        ("hunter2", {FINGERPRINT}),
        ("hunter3", set()),
        ("", {FINGERPRINT, OTHER}),
    ):
        here = machine(f"here-{secret}", secret=secret)
        assert {each for each in (FINGERPRINT, OTHER) if here.cache.lookup(each)} == known


@pytest.mark.parametrize("content", [b"one", FOLDER], ids=["file", "folder"])
def test_the_right_hash_is_not_enough(machine, storage, content):
    """Each blob has the BLAKE2b too that a signed record promises, or it is no such blob."""
    digest = machine("there", secret="hunter2").make(content)
    (key,) = keys(storage, "v1/packs/")
    (entry,) = all_entries(storage)
    body = json.loads(entry.body)
    assert len(body["blobs"]) == (1 if content == b"one" else 3)
    storage.delete(key)
    for number, (blob, strong) in enumerate(body["blobs"].items()):
        assert len(strong) == 64
        forged = json.dumps({**body, "blobs": {**body["blobs"], blob: flipped(strong)}})
        data = packed([signed(replace(entry, body=forged), Signer("hunter2"))])
        storage.write(f"v1/packs/{name_of(data)}", data)
        here = machine(f"here-{number}", secret="hunter2")
        assert here.cache.lookup(FINGERPRINT)
        assert here.restore(digest) is None
        dropped = f"dropped what was corrupt in the shared cache: `{blob_key(blob)}`"
        assert here.lines == [dropped]
        storage.delete(f"v1/packs/{name_of(data)}")
        machine(f"again-{number}", secret="hunter2").make(content)
        for left in keys(storage, "v1/packs/"):
            storage.delete(left)


def test_what_was_not_signed_is_sent_again(machine):
    """Those who have the secret go by nothing that those without it say."""
    machine("there").make(FOLDER)
    digest = machine("signs", secret="hunter2").make(FOLDER)
    here = machine(secret="hunter2")
    assert here.cache.lookup(FINGERPRINT)
    assert here.restore(digest) == FOLDER


def test_merging_keeps_what_is_signed_with_other_secrets(machine, storage):
    """Each goes on with what it believes."""
    for number in range(20):
        secret = ("", "one", "two")[number % 3]
        machine(f"m{number}", secret=secret).make(b"%d" % number, f"{number:032x}")
    assert len(keys(storage, "v1/packs/")) < 20
    for secret, count in (("", 20), ("one", 7), ("two", 6)):
        here = machine(f"here-{secret}", secret=secret)
        assert sum(here.cache.lookup(f"{each:032x}") is not None for each in range(20)) == count


# Contents of remote objects

URL = "s3://raw/a.zip"


@pytest.mark.parametrize("secret", ["", "hunter2"])
def test_what_a_token_stands_for_is_known_to_all(machine, secret):
    """Of that URL and token, and by who may tell."""
    there = machine("there", secret=secret)
    contents = (("a.csv", DIGEST), ("b/c.csv", DIGEST))
    there.cache.note(URL, "etag:1", contents)
    there.cache.flush()
    here = machine(secret=secret)
    assert here.cache.content(URL, "etag:1") == contents
    assert here.cache.content(URL, "etag:2") is None
    assert here.cache.content("s3://raw/b.zip", "etag:1") is None
    assert machine("w", secret=secret, mode="write").cache.content(URL, "etag:1") is None
    reader = machine("r", secret=secret, mode="read")
    reader.cache.note(URL, "etag:2", contents)
    reader.cache.flush()
    assert machine("then", secret=secret).cache.content(URL, "etag:2") is None


def test_nothing_is_told_of_outputs_at_urls_with_secrets(machine, storage):
    """The record is for this machine alone."""
    there = machine("there")
    digest = there.make(b"one", OTHER)
    outputs = (Written("sftp://me:hunter2@h/x", digest),)
    assert there.cache.remember(Record("t", FINGERPRINT, (), outputs, 1.0))
    assert there.cache.flush()
    assert {entry.key for entry in all_entries(storage)} == {OTHER}


def test_nothing_is_told_of_urls_with_secrets(machine, storage):
    """Nor asked: a name without its secret might stand for another object."""
    there = machine("there")
    url = "https://acme.example/a.csv?token=hunter2"
    there.cache.note(url, "etag:1", (("", DIGEST),))
    there.cache.flush()
    assert keys(storage, "") == []
    assert there.cache.content(url, "etag:1") is None


@pytest.mark.parametrize(
    "contents",
    [
        [["../a", DIGEST]],
        [["/a", DIGEST]],
        [["a", "../../x-3"]],
        [["a"]],
        {},
        None,
        3,
        [[1, DIGEST]],
    ],
)
def test_contents_that_are_none_are_not_there(machine, storage, contents):
    """They would lead to paths."""
    data = packed([Entry("content", f"{URL}\netag:1", 9.0, json.dumps(contents))])
    storage.write(f"v1/packs/{name_of(data)}", data)
    assert not machine().cache.content(URL, "etag:1")


# By hand


def test_what_is_here_is_shared_by_hand(machine, storage):
    """Each record once, and none whose bytes are gone or that a person made."""
    here = machine()
    path = here.folder / "made"
    path.write_bytes(b"one")
    digest = fresh_digest(str(path))
    record = Record("clean", FINGERPRINT, (), (Written("out", digest),), 1.0)
    assert not here.cache.share(record)
    here.cache.store(str(path), digest)
    assert not here.cache.share(replace(record, accepted=True))
    for _ in range(2):
        assert here.begin().share(record)
        here.cache.flush()
        assert len(keys(storage, "v1/packs/")) == 1
    then = machine("then")
    then.cache.lookup(FINGERPRINT)
    then.cache.ahead([digest, digest])
    assert then.cache.bring(digest)
    assert not then.cache.bring(DIGEST)
    assert then.restore(digest) == b"one"


def test_what_is_used_after_a_week_is_told_again(machine, storage):
    """So that no `gc` takes it for unused; not by who may only read."""
    machine("there").make(b"one")
    (entry,) = all_entries(storage)
    for mode, days, renewed in (
        ("read", 8, False),
        ("read-write", 6, False),
        ("read-write", 8, True),
    ):
        ((_, _, before),) = storage.entries("v1/packs/")
        here = machine(f"{mode}-{days}", mode=mode, clock=lambda d=days: time.time() + d * 86400)
        assert here.cache.lookup(FINGERPRINT)
        here.cache.flush()
        ((_, _, after),) = storage.entries("v1/packs/")
        assert (after > before) is renewed
    assert set(map(identity, all_entries(storage))) == {identity(entry)}


# A store that fails


def test_a_store_that_cannot_be_opened_costs_one_line(machine):
    """The local cache serves."""
    here = machine()

    def closed():
        raise EnvironmentFailed("no package", hint="pip install it")

    place = Place(closed, "s3://team")
    here.cache = SharedCache(LocalStorage(f"{here.folder}/cache"), place, notice=here.lines.append)
    digest = here.make(b"one")
    assert here.cache.lookup(FINGERPRINT)
    assert here.cache.lookup(OTHER) is None
    assert here.restore(digest) == b"one"
    assert here.lines == [
        "cannot reach the shared cache `s3://team`, going on without it: no package; pip install it"
    ]


def failing(error):
    def fail(*_, **__):
        raise error

    return fail


@pytest.mark.parametrize(
    "error", [OSError(errno.EIO, "I/O"), EnvironmentFailed("Input/output error")]
)
def test_a_store_that_cannot_be_read_costs_one_line(machine, storage, error):
    """Nothing is asked of it any more, and what is built is kept here."""
    machine("there").make(b"one")
    storage.entries = failing(error)
    here = machine()
    assert here.cache.lookup(FINGERPRINT) is None
    storage.read = storage.store = storage.write = None
    digest = here.make(b"two", OTHER)
    assert here.restore(digest) == b"two"
    line = "cannot reach the shared cache `memory://team`, going on without it: Input/output error"
    assert here.lines == [line]


def test_a_store_that_cannot_be_written_can_be_read(machine, storage):
    """What is built here is not shared, with one line; no more is tried than it takes to know."""
    digest = machine("there").make(b"one")
    tried = []

    def refuse(key, *_, **__):
        tried.append(key)
        raise EnvironmentFailed("denied")

    storage.store = storage.write = refuse
    here = machine()
    for number in range(8):
        here.make(b"%d" % number, f"{number:032x}")
    assert here.restore(digest) == b"one"
    assert len(tried) <= 6
    assert here.lines == [
        "cannot write to the shared cache `memory://team`, so not all is shared: denied"
    ]


def test_one_blob_that_cannot_be_read_is_one_miss(machine, storage):
    """The others are still asked for."""
    one, two = machine("there").make(b"one"), machine("other").make(b"two", OTHER)
    fetch = storage.fetch

    def fails_once(key, path):
        if key == blob_key(one):
            raise OSError(errno.EIO, "I/O")
        fetch(key, path)

    storage.fetch = fails_once
    here = machine()
    assert here.cache.lookup(FINGERPRINT)
    assert here.restore(one) is None
    assert not here.cache.has(one)
    assert here.cache.lookup(OTHER)
    assert here.restore(two) == b"two"
    assert here.lines == ["cannot read all of the shared cache `memory://team`: Input/output error"]


@pytest.mark.parametrize("method", ["entries", "read", "fetch", "store", "write"])
def test_a_store_that_hangs_is_given_up(machine, storage, method, monkeypatch):
    """Whatever it is that gets no answer; a build goes on, and ends."""
    digest = machine("there").make(b"one")
    monkeypatch.setattr("datamake.reach.PATIENCE", 0.2)
    forever = threading.Event()
    setattr(storage, method, lambda *_, **__: forever.wait(30) and [])
    here = machine()
    here.cache.lookup(FINGERPRINT)
    here.cache.restore(digest, str(here.folder / "restored"))
    here.make(b"two", OTHER)
    forever.set()
    what = "cannot reach the shared cache `memory://team`, going on without it: no answer in time"
    assert here.lines == [what]


def test_a_large_pack_may_take_its_time(machine, storage, monkeypatch):
    """As long as a slow line needs for it; what is larger than any is not asked for."""
    machine("there").make(b"one")
    monkeypatch.setattr("datamake.reach.PATIENCE", 0.1)
    monkeypatch.setattr("datamake.reach.SLOWEST", 10)
    read = storage.read
    storage.read = lambda *given: time.sleep(0.3) or read(*given)
    here = machine()
    assert here.cache.lookup(FINGERPRINT)
    assert here.lines == []
    monkeypatch.setattr("datamake.index.LARGEST", 10)
    storage.read = lambda *_: pytest.fail("asked for")
    assert machine("then").cache.lookup(FINGERPRINT) is None


def test_a_long_upload_that_fails_in_the_end_takes_no_other_along(machine, storage, monkeypatch):
    """It was answered: what waits for it is not the build."""
    for name, value in (("PATIENCE", 0.2), ("SHARE", 0.1), ("SLOWEST", 0.1)):
        monkeypatch.setattr(f"datamake.reach.{name}", value)
    store = storage.store

    def fails_late(key, path):
        if key.endswith("-5"):
            time.sleep(0.3)
            raise OSError(errno.EIO, "I/O")
        store(key, path)

    storage.store = fails_late
    here = machine()
    here.make(b"three")
    here.make(b"one", OTHER)
    then = machine("then")
    assert then.cache.lookup(FINGERPRINT) is None
    assert then.cache.lookup(OTHER)
    what = "cannot write to the shared cache `memory://team`, so not all is shared"
    assert here.lines == [f"{what}: Input/output error"]


def test_a_full_disk_is_no_fault_of_the_store(machine, storage):
    """There is no way around it."""
    digest = machine("there").make(b"one")
    storage.fetch = failing(OSError(errno.ENOSPC, "No space left on device"))
    here = machine()
    here.cache.lookup(FINGERPRINT)
    with pytest.raises(EnvironmentFailed) as full:
        here.restore(digest)
    assert str(full.value) == f"cannot write `{here.folder}/cache/`\n  No space left on device"


@pytest.mark.parametrize("mode", ["read", "write", "off"])
def test_modes(machine, storage, mode):
    """They hold for the shared cache as for the local one."""
    digest = machine("there").make(b"one")
    before = keys(storage, "")
    here = machine(mode=mode)
    reads = mode == "read"
    assert (here.cache.lookup(FINGERPRINT) is not None) is reads
    assert here.cache.has(digest) is reads
    assert (here.restore(digest) is not None) is reads
    path = here.folder / "two"
    path.write_bytes(b"two")
    assert here.cache.store(str(path), fresh_digest(str(path))) is (mode == "write")
    here.remember(fresh_digest(str(path)), OTHER)
    assert (keys(storage, "") != before) is (mode == "write")
    if mode == "write":
        here.make(FOLDER, FINGERPRINT[1:] + "0")
        assert machine("then").cache.lookup(FINGERPRINT[1:] + "0")
