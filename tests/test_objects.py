"""Remote objects: what is there, with how many requests, and their bytes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import uuid

import pytest
from emulators import EMULATED, EMULATORS

from datamake.objects import Objects
from datamake.remote import Seen
from datamake.storage.remote import RemoteStorage
from datamake.storage.transfer import STRETCHES

pytest.importorskip("fsspec")


class Place:
    """A folder in a store: its `url`, and how tests write to it."""

    def __init__(self, url, options, put, delete):
        self.url, self.options, self.put, self.delete = url, options, put, delete
        self.objects = Objects(lambda _: options)

    def look(self, *names):
        found = self.objects.look([self.url + name for name in names])
        return [[seen.url.removeprefix(self.url) for seen in found[self.url + n]] for n in names]

    def one(self, name):
        [seen] = self.objects.look([self.url + name])[self.url + name]
        return seen


def in_s3(request):
    bucket = request.getfixturevalue("bucket")
    return Place(bucket.url, bucket.options, bucket.put, bucket.delete)


def in_memory(request):
    import fsspec

    fs, root = fsspec.filesystem("memory"), f"/{uuid.uuid4().hex}/"
    return Place(
        f"memory:/{root}",
        {},
        lambda key, data: fs.pipe_file(root + key, data),
        lambda key: fs.rm(root + key),
    )


def in_files(request):
    folder = request.getfixturevalue("tmp_path") / "store"

    def put(key, data):
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(data)

    return Place(f"file://{folder}/", {}, put, lambda key: (folder / key).unlink())


def in_web(request):
    web = request.getfixturevalue("web")
    return Place(web.url, {}, web.put, lambda key: web.pages.pop("/" + key))


STORES = {"s3": in_s3, "memory": in_memory, "file": in_files, "http": in_web}


@pytest.fixture(params=[*STORES, *EMULATORS])
def place(request):
    return in_store(request)


@pytest.fixture(params=["s3", "memory", "file", *EMULATORS])
def listed(request):
    return in_store(request)


def in_store(request):
    if request.param not in EMULATED:
        return STORES[request.param](request)
    url, options = request.getfixturevalue(request.param)
    storage = RemoteStorage(url, **options)
    return Place(url, options, lambda k, d: storage.write(k, d, replace=True), storage.delete)


def test_what_is_there(place):
    """An object is found, with size and token; what is not there is nothing."""
    place.put("raw/a b+ü.csv", b"12345")
    assert place.look("raw/a b+ü.csv", "raw/gone.csv", "raw") == [["raw/a b+ü.csv"], [], []]
    seen = place.one("raw/a b+ü.csv")
    assert seen.size == 5
    assert seen.token
    assert place.one("raw/a b+ü.csv") == seen


def test_a_token_changes_with_the_content(place):
    """And only then."""
    place.put("a", b"one")
    first = place.one("a").token
    place.put("a", b"longer")
    assert place.one("a").token != first


def test_globs_and_folders(listed):
    """As among files: sorted, hidden names by themselves only, folders with all in them."""
    for key in (
        "raw/b.csv",
        "raw/a.csv",
        "raw/.h.csv",
        "raw/deep/c.csv",
        "rawer/d.csv",
        "raw/x.txt",
    ):
        listed.put(key, key.encode())
    assert listed.look("raw/*.csv") == [["raw/a.csv", "raw/b.csv"]]
    assert listed.look("raw/**/*.csv") == [["raw/a.csv", "raw/b.csv", "raw/deep/c.csv"]]
    assert listed.look("*/d.csv", "raw/[ab].csv") == [["rawer/d.csv"], ["raw/a.csv", "raw/b.csv"]]
    assert listed.look("raw/") == [
        ["raw/.h.csv", "raw/a.csv", "raw/b.csv", "raw/deep/c.csv", "raw/x.txt"]
    ]
    assert listed.look("none/", "none/*.csv") == [[], []]


def test_a_listing_gives_the_token_that_asking_gives(listed):
    """So that both ways know what was seen the other."""
    listed.put("raw/a", b"one")
    listed.put("raw/b", b"two")
    found = listed.objects.look([listed.url + "raw/"])[listed.url + "raw/"]
    for seen in found:
        assert listed.objects.look([seen.url])[seen.url] == [seen]


def test_fetching(place, tmp_path):
    """The bytes, and what was seen; the progress is told."""
    content = os.urandom(3_000_000)
    place.put("a", content)
    seen, told = place.one("a"), []
    path = str(tmp_path / "copy")
    assert place.objects.fetch(seen, path, lambda *step: told.append(step)) == seen
    with open(path, "rb") as file:
        assert file.read() == content
    assert told[0] == (0, 3_000_000)
    assert told[-1] == (3_000_000, 3_000_000)
    assert told == sorted(told)
    with pytest.raises(FileExistsError):
        place.objects.fetch(seen, path, lambda *_: None)


def test_fetching_what_is_empty(place, tmp_path):
    """No bytes are a content too."""
    place.put("a", b"")
    place.objects.fetch(place.one("a"), str(tmp_path / "copy"), lambda *_: None)
    assert (tmp_path / "copy").read_bytes() == b""


def test_what_changed_since_is_seen_anew(place, tmp_path):
    """What is brought is of one version, and said to be of it."""
    place.put("a", b"one")
    old = place.one("a")
    place.put("a", b"the other")
    now = place.objects.fetch(old, str(tmp_path / "copy"), lambda *_: None)
    assert (tmp_path / "copy").read_bytes() == b"the other"
    assert now == place.one("a") != old


def test_uploading(listed, tmp_path):
    """What is there then is what was written, in place of what was."""
    for content in (b"one", b"", os.urandom(20_000_000)):
        (tmp_path / "made").write_bytes(content)
        url = listed.url + "out/deep/a"
        seen = listed.objects.upload(str(tmp_path / "made"), url, lambda *_: None)
        assert seen == listed.one("out/deep/a")
        assert seen.size == len(content)
        copy = str(tmp_path / uuid.uuid4().hex)
        listed.objects.fetch(seen, copy, lambda *_: None)
        with open(copy, "rb") as file:
            assert file.read() == content
    assert listed.look("out/") == [["out/deep/a"]]


def test_many_threads(place, tmp_path):
    """They share the objects."""
    for number in range(24):
        place.put(f"a{number}", b"%d" % number * 1000)

    def fetch(number):
        place.objects.fetch(place.one(f"a{number}"), str(tmp_path / f"{number}"), lambda *_: None)

    threads = [threading.Thread(target=fetch, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(tmp_path / f"{n}").read_bytes() for n in range(24)] == [
        b"%d" % n * 1000 for n in range(24)
    ]


def test_archives_are_seen_by_their_object(bucket, tmp_path):
    """The name is that of the member; what is brought is the archive."""
    bucket.put("x.zip", b"PK")
    objects = Objects(lambda _: bucket.options)
    name = f"zip://a/*.csv::{bucket.url}x.zip"
    outer = bucket.url + "x.zip"
    found = objects.look([name, outer, f"zip://b.csv::{bucket.url}gone.zip"])
    [seen] = found[name]
    assert seen == Seen(name, found[outer][0].token, 2, found[outer][0].time)
    assert found[f"zip://b.csv::{bucket.url}gone.zip"] == []
    assert objects.fetch(seen, str(tmp_path / "copy"), lambda *_: None) == seen
    assert (tmp_path / "copy").read_bytes() == b"PK"


# Figures


def test_a_thousand_objects_are_one_listing(bucket):
    """By their names or by a glob: pages of a listing, and no body."""
    for number in range(1000):
        bucket.put(f"raw/part-{number:04}.csv", b"x")
    objects = Objects(lambda _: bucket.options)
    bucket.proxy.forget()
    names = [f"{bucket.url}raw/part-{number:04}.csv" for number in range(1000)]
    found = objects.look([f"{bucket.url}raw/*.csv", *names])
    assert bucket.proxy.count == 1
    bucket.proxy.forget()
    assert objects.look(names) == {name: found[name] for name in names}
    assert len(found[f"{bucket.url}raw/*.csv"]) == 1000
    assert bucket.proxy.count <= 2
    assert bucket.proxy.bodies == []


MEASURE = """
import sys
from datamake.objects import Objects
url, endpoint, folder = sys.argv[1:]
objects = Objects(lambda _: {"endpoint_url": endpoint})
used = lambda: open("/proc/self/status").read().partition("VmHWM:")[2].split()[0]
[seen] = objects.look([url])[url]
objects.fetch(seen, folder + "/copy", lambda *_: None)
down = used()
objects.upload(folder + "/copy", url + "-again", lambda *_: None)
print(down, used(), flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_memory_is_bounded(bucket, tmp_path):
    """300 MB, whatever the size of an object: here 160 MB, in several stretches and parts."""
    size = 160 << 20
    bucket.put("big", bytes(size))
    command = [sys.executable, "-c", MEASURE, bucket.url + "big", bucket.proxy.url, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    assert (tmp_path / "copy").stat().st_size == size
    assert len(bucket.proxy.bodies) == STRETCHES
    down, up = (int(used) / 1024 for used in done.stdout.split())
    assert down < 180
    assert up < 300
    assert bucket.uploads() == 0
    (tmp_path / "copy").unlink()
