"""The shared cache in S3: how many requests it takes, and what requests that fail do to it."""

from __future__ import annotations

import os
import threading

import pytest

from datamake.errors import EnvironmentFailed
from datamake.files import fresh_digest
from datamake.model import Record, Written
from datamake.shared import Place, SharedCache
from datamake.storage import open_storage
from datamake.storage.local import LocalStorage
from datamake.sweep import Limits, counted, swept, verified

FOLDER = {f"part-{number:02}": b"%d" % number * 999 for number in range(30)}


@pytest.fixture
def machine(bucket, tmp_path):
    """A machine by name, which has nothing yet but what it got before."""

    def machine(name="here", **options):
        def opened():
            return open_storage(f"{bucket.url}team", **bucket.options)

        place = Place(opened, f"{bucket.url}team", options.pop("secret", ""))
        lines = []
        local = LocalStorage(f"{tmp_path}/{name}/cache")
        cache = SharedCache(local, place, notice=lines.append, **options)
        cache.lines = lines
        return cache

    return machine


@pytest.fixture
def make(tmp_path):
    """Makes outputs with these contents, and shares them: number → digest."""

    def make(cache, contents):
        digests = []
        for number, content in enumerate(contents):
            path = tmp_path / "made" / str(number)
            for below, text in content.items() if isinstance(content, dict) else [("", content)]:
                file = path / below if below else path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(text)
            digest = fresh_digest(str(path))
            cache.store(str(path), digest)
            outputs = (Written("out", digest),)
            cache.remember(Record("t", f"{number:032x}", (), outputs, 1.0))
            digests.append(digest)
        cache.flush()
        return digests

    return make


def restored(cache, digest, path):
    """What comes out of the cache: bytes, or those of the files by name."""
    if not cache.restore(digest, str(path)):
        return None
    if path.is_file():
        return path.read_bytes()
    return {name: (path / name).read_bytes() for name in os.listdir(path)}


@pytest.mark.parametrize("secret", ["", "hunter2"])
def test_a_fresh_clone_asks_for_packs_and_what_it_needs(machine, make, s3, tmp_path, secret):
    """Two requests for what is known of 200 records, one for each blob that is restored."""
    contents = [b"%d" % number * 99 for number in range(200)] + [FOLDER]
    digests = make(machine("there", secret=secret), contents)
    here = machine(secret=secret)
    s3.forget()
    for number, digest in enumerate(digests):
        assert here.lookup(f"{number:032x}").outputs[0].digest == digest
        assert here.has(digest)
    assert s3.count == 2
    s3.forget()
    assert restored(here, digests[7], tmp_path / "seven") == contents[7]
    assert restored(here, digests[-1], tmp_path / "folder") == FOLDER
    assert restored(here, digests[-1], tmp_path / "again") == FOLDER
    assert len(s3.bodies) == s3.count == 1 + 1 + len(FOLDER)
    assert here.lines == []


def test_blobs_come_down_many_at_once(machine, make, s3, tmp_path):
    """At least 16 in flight, though only two threads restore; each body is asked for once."""
    contents = [b"%d" % number * 99 for number in range(64)]
    digests = make(machine("there"), contents)
    here = machine()
    here.lookup("0" * 32)
    s3.forget()
    s3.gather(16, "/blobs/")
    here.ahead(digests)
    work = [(number, digest) for number, digest in enumerate(digests)]

    def restore():
        while work:
            number, digest = work.pop()
            assert restored(here, digest, tmp_path / f"r{number}") == contents[number]

    threads = [threading.Thread(target=restore) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(s3.bodies) == 64
    assert s3.most >= 16


def tenth(fault):
    """Every tenth request fails in this way, the first one of all among them."""
    return lambda method, path, number: fault if number % 10 == 0 else None


@pytest.mark.parametrize("fault", [500, 503, "cut", "drop"])
def test_requests_that_fail_are_made_again(machine, make, s3, bucket, tmp_path, fault):
    """One in ten, up and down: all is there in the end, whole, and nobody hears of it."""
    contents = [b"%d" % number * 999 for number in range(60)] + [FOLDER]
    s3.faults = tenth(fault)
    there = machine("there")
    digests = make(there, contents)
    here = machine()
    for number, digest in enumerate(digests):
        assert here.lookup(f"{number:032x}")
        assert restored(here, digest, tmp_path / f"r{number}") == contents[number]
    assert (there.lines, here.lines) == ([], [])
    sizes = {key.rpartition("/")[2]: len(bucket.read(key)) for key in bucket.keys("team/v1/blobs/")}
    assert all(name.endswith((f"-{size}", ".folder")) for name, size in sizes.items())


@pytest.mark.parametrize("fault", [403, 500, "drop", "hang"])
def test_a_store_that_does_not_serve_costs_one_line(
    machine, make, s3, tmp_path, monkeypatch, fault
):
    """What was built is in the local cache; from then on nothing is asked."""
    monkeypatch.setattr("datamake.reach.PATIENCE", 1.0)
    s3.faults = lambda method, path, number: fault
    here = machine()
    assert here.lookup("0" * 32) is None
    s3.forget()
    (digest,) = make(here, [b"one"])
    assert restored(here, digest, tmp_path / "one") == b"one"
    assert s3.count == 0
    (line,) = here.lines
    url = here.lines[0].partition("`")[2].partition("`")[0]
    assert line.startswith(f"cannot reach the shared cache `{url}`, going on without it: ")
    assert "hunter2" not in line


def test_a_bucket_that_is_not_there_is_said(bucket, make, tmp_path):
    """It is not an empty cache, neither for a build nor for who asks."""

    def opened():
        return open_storage("s3://b-no-such-bucket/team", **bucket.options)

    lines = []
    local = LocalStorage(f"{tmp_path}/here/cache")
    here = SharedCache(local, Place(opened, "s3://b-no-such-bucket/team"), notice=lines.append)
    assert here.lookup("0" * 32) is None
    make(here, [b"one"])
    assert lines == [
        (
            "cannot reach the shared cache `s3://b-no-such-bucket/team`, going on without it: "
            "`s3://b-no-such-bucket/team/v1/packs/`: there is no such bucket; "
            "check its name, and `endpoint_url` in `[storage]`"
        )
    ]
    with pytest.raises(EnvironmentFailed, match="there is no such bucket"):
        counted(opened())


def test_who_may_only_read_reads(machine, make, s3, bucket, tmp_path):
    """One line says that nothing is shared."""
    (digest,) = make(machine("there"), [b"one"])
    s3.faults = lambda method, path, number: 403 if method in ("PUT", "POST", "DELETE") else None
    here = machine()
    assert here.lookup("0" * 32)
    before = bucket.keys()
    make(here, [b"two", b"three"])
    assert restored(here, digest, tmp_path / "one") == b"one"
    assert bucket.keys() == before
    (line,) = here.lines
    assert line.startswith(
        f"cannot write to the shared cache `{bucket.url}team`, so not all is shared"
    )


def test_packs_are_merged(machine, make, s3, bucket):
    """So that a fresh clone has a few to read, however many runs there were."""
    for number in range(40):
        make(machine(f"m{number}"), [b"%d" % number] * (number % 2 + 1))
    assert len(bucket.keys("team/v1/packs/")) <= 17
    here = machine()
    s3.forget()
    assert here.lookup("0" * 31 + "1")
    assert s3.count <= 18


def test_it_is_swept_verified_and_counted(machine, make, bucket, tmp_path):
    """In S3 as anywhere."""
    make(machine("there"), [b"one", b"two", FOLDER])
    storage = open_storage(f"{bucket.url}team", **bucket.options)
    found = counted(storage)
    assert (found["blobs"], found["records"]) == (3 + len(FOLDER), 3)
    assert swept(storage, Limits(0, None, 86400.0)).entries == 0
    blob = bucket.keys("team/v1/blobs/")[0]
    bucket.put(blob, b"?")
    assert verified(storage) == [blob.removeprefix("team/")]
    assert swept(storage, Limits(0, None, 0)).entries == 3
    assert all("/dropped/" in key for key in bucket.keys("team/"))
