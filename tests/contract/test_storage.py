"""What every storage must do. A new one adds a factory."""

from __future__ import annotations

import os
import threading
import time
import uuid

import pytest
from emulators import EMULATED, EMULATORS

from datamake.storage import open_storage
from datamake.storage.local import LocalStorage
from datamake.storage.memory import MemoryStorage
from datamake.storage.remote import RemoteStorage


def in_s3(request):
    bucket = request.getfixturevalue("bucket")
    return RemoteStorage(bucket.url + "cache", **bucket.options)


FACTORIES = {
    "local": lambda request: LocalStorage(f"{request.getfixturevalue('tmp_path')}/storage"),
    "memory": lambda _: MemoryStorage(),
    "s3": in_s3,
    "remote memory": lambda _: RemoteStorage(f"memory://{uuid.uuid4().hex}"),
    "remote files": lambda request: RemoteStorage(
        f"file://{request.getfixturevalue('tmp_path')}/s"
    ),
}
NOTES_USES = ("local", "memory")


@pytest.fixture(params=[*FACTORIES, *EMULATORS])
def storage(request):
    if request.param in EMULATED:
        url, options = request.getfixturevalue(request.param)
        return RemoteStorage(url + "cache", **options)
    return FACTORIES[request.param](request)


def keys(storage, prefix=""):
    return sorted(key for key, _, _ in storage.entries(prefix))


def test_what_is_written_is_read(storage):
    """All of it or a stretch, which may go beyond the end."""
    assert storage.write("a/b", b"0123456789")
    assert storage.read("a/b") == b"0123456789"
    assert storage.read("a/b", 4) == b"456789"
    assert storage.read("a/b", 4, 2) == b"45"
    assert storage.read("a/b", 8, 5) == b"89"
    assert storage.read("a/b", 20, 5) == b""
    assert storage.size("a/b") == 10


def test_what_is_stored_is_fetched(storage, tmp_path):
    """From and to local files; the copy is not executable."""
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(b"one")
    source.chmod(0o755)
    storage.store("a/b/c", str(source))
    storage.fetch("a/b/c", str(target))
    assert target.read_bytes() == b"one"
    assert not os.access(target, os.X_OK)
    source.write_bytes(b"two")
    assert storage.read("a/b/c") == b"one"
    storage.store("a/b/c", str(source))
    assert storage.read("a/b/c") == b"two"


def test_fetching_never_replaces(storage, tmp_path):
    """The path must be new."""
    storage.write("a", b"one")
    (tmp_path / "there").write_bytes(b"kept")
    with pytest.raises(FileExistsError):
        storage.fetch("a", str(tmp_path / "there"))
    assert (tmp_path / "there").read_bytes() == b"kept"


def test_the_first_writer_wins_unless_told_otherwise(storage):
    """And hears whether it was the first."""
    assert storage.write("a/b", b"one")
    assert not storage.write("a/b", b"two")
    assert storage.read("a/b") == b"one"
    assert storage.write("a/b", b"three", replace=True)
    assert storage.read("a/b") == b"three"


def test_one_of_many_writers_wins(storage):
    """What is there is what the winner wrote."""
    won = []

    def write(number):
        if storage.write("a/b", b"%d" % number * 10_000):
            won.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert storage.read("a/b") == b"%d" % won[0] * 10_000


def test_what_is_not_there(storage, tmp_path):
    """Reading raises, asking does not, deleting is no matter."""
    with pytest.raises(FileNotFoundError):
        storage.read("a/b")
    with pytest.raises(FileNotFoundError):
        storage.fetch("a/b", str(tmp_path / "target"))
    assert storage.size("a/b") is None
    assert storage.touch("a/b") is False
    storage.delete("a/b")
    assert keys(storage) == keys(storage, "a/") == []


def test_entries_are_below_a_prefix(storage):
    """With their sizes, and no half-written ones."""
    for key, data in (("a/b", b"1"), ("a/c/d", b"22"), ("ab/c", b"333"), ("e", b"")):
        storage.write(key, data)
    assert keys(storage) == ["a/b", "a/c/d", "ab/c", "e"]
    assert keys(storage, "a/") == ["a/b", "a/c/d"]
    assert {key: size for key, size, _ in storage.entries("a/")} == {"a/b": 1, "a/c/d": 2}


def test_what_is_deleted_is_gone(storage):
    """Only that."""
    storage.write("a/b", b"1")
    storage.write("a/c", b"2")
    storage.delete("a/b")
    assert keys(storage) == ["a/c"]


@pytest.mark.parametrize("storage", NOTES_USES, indirect=True)
def test_touching_notes_the_use(storage):
    """The times are what an eviction goes by."""
    storage.write("a", b"1")
    storage.write("b", b"2")
    before = {key: used for key, _, used in storage.entries()}
    time.sleep(0.02)  # more than a tick of the clock that file systems go by
    assert storage.touch("a")
    after = {key: used for key, _, used in storage.entries()}
    assert after["a"] > before["a"]
    assert after["b"] == before["b"]


def test_a_source_that_is_not_there_stores_nothing(storage, tmp_path):
    """Nor leaves it anything half-written."""
    with pytest.raises(FileNotFoundError):
        storage.store("a", str(tmp_path / "gone"))
    assert keys(storage) == []


def test_opening_by_url(tmp_path):
    """A path is a local folder; what is remote is not asked before it is used."""
    for place in (str(tmp_path), f"file://{tmp_path}"):
        open_storage(place).write("a", b"1", replace=True)
    assert (tmp_path / "a").read_bytes() == b"1"
    assert isinstance(open_storage("memory://x"), MemoryStorage)
    assert isinstance(open_storage("s3://bucket/x", anon=True), RemoteStorage)


def test_a_write_that_fails_leaves_nothing(tmp_path, monkeypatch):
    """On a local disk that gets full half-way."""
    storage = LocalStorage(str(tmp_path))
    storage.write("a", b"old")
    monkeypatch.setattr(os, "pwrite", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match="full"):
        storage.write("a", b"new", replace=True)
    assert storage.read("a") == b"old"
    assert keys(storage) == ["a"]
