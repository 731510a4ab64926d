"""The cache: what was made is there again, byte by byte, or it is not there at all."""

from __future__ import annotations

import errno
import os
import re
import stat

import pytest

from datamake.cache import Cache
from datamake.errors import EnvironmentFailed
from datamake.files import fresh_digest, fresh_listing
from datamake.model import Record, Written
from datamake.storage.local import LocalStorage
from datamake.storage.memory import MemoryStorage

FINGERPRINT = "0123456789abcdef" * 2


@pytest.fixture(params=["local", "memory"])
def storage(request, tmp_path):
    return LocalStorage(f"{tmp_path}/cache") if request.param == "local" else MemoryStorage()


@pytest.fixture
def lines():
    return []


@pytest.fixture
def cache(storage, lines):
    return Cache(storage, notice=lines.append)


@pytest.fixture
def made(tmp_path):
    """A file or folder that an action made; its path and digest."""

    def made(content, name="made"):
        path = tmp_path / name
        if isinstance(content, dict):
            for below, text in content.items():
                (path / below).parent.mkdir(parents=True, exist_ok=True)
                (path / below).write_bytes(text)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return str(path), fresh_digest(str(path))

    return made


def record(*outputs, fingerprint=FINGERPRINT):
    return Record("clean[01]", fingerprint, (("command", "", "cat \udcff"),), outputs, 12.5, 0.25)


def keys(storage, prefix=""):
    return sorted(key for key, _, _ in storage.entries(prefix) if not key.startswith("v1/sizes"))


@pytest.mark.parametrize("content", [b"", b"one", os.urandom(3_000_000)])
def test_a_file_comes_back(cache, made, tmp_path, content):
    """With the mode that a new file has here."""
    path, digest = made(content)
    assert not cache.has(digest)
    assert cache.store(path, digest)
    assert cache.has(digest)
    target = tmp_path / "new" / "target"
    assert cache.restore(digest, str(target))
    assert target.read_bytes() == content
    assert os.listdir(target.parent) == ["target"]


def test_modes_are_those_of_new_files(cache, made, tmp_path):
    """One blob serves the executable and the plain file."""
    path, plain = made(b"one")
    os.chmod(path, 0o700)
    digest = fresh_digest(path)
    assert digest == f"{plain}x"
    cache.store(path, digest)
    old = os.umask(0o027)
    try:
        assert cache.restore(digest, str(tmp_path / "x"))
        assert cache.restore(plain, str(tmp_path / "plain"))
    finally:
        os.umask(old)
    modes = [stat.S_IMODE(os.stat(tmp_path / name).st_mode) for name in ("x", "plain")]
    assert modes == [0o750, 0o640]


def test_a_file_that_is_there_is_replaced(cache, made, tmp_path):
    """At once; a link is, not what it leads to."""
    path, digest = made(b"new")
    cache.store(path, digest)
    (tmp_path / "old").write_bytes(b"old")
    os.symlink("old", tmp_path / "link")
    assert cache.restore(digest, str(tmp_path / "link"))
    assert (tmp_path / "link").read_bytes() == b"new"
    assert (tmp_path / "old").read_bytes() == b"old"


def test_what_is_restored_is_not_the_blob(cache, made, tmp_path):
    """A command may append to it."""
    path, digest = made(b"one")
    cache.store(path, digest)
    for place in (path, str(tmp_path / "target")):
        assert cache.restore(digest, str(tmp_path / "target"))
        with open(place, "ab") as file:
            file.write(b"more")
    assert cache.restore(digest, str(tmp_path / "again"))
    assert (tmp_path / "again").read_bytes() == b"one"


FOLDER = {"a": b"one", "deep/er/b": b"two", "new\nline": b"one", "ünï": b""}


def test_a_folder_comes_back(cache, made, tmp_path):
    """With links, empty folders and executable bits."""
    path, _ = made(FOLDER)
    os.mkdir(f"{path}/empty")
    os.symlink("er/b", f"{path}/deep/link")
    os.chmod(f"{path}/a", 0o755)
    listing = fresh_listing(path)
    assert cache.store(path, listing.digest, listing)
    assert cache.has(listing.digest)
    assert cache.listing(listing.digest) == listing
    assert cache.restore(listing.digest, f"{tmp_path}/target/")
    assert fresh_listing(str(tmp_path / "target")) == listing


def test_a_folder_is_stored_without_its_listing_too(cache, made, tmp_path):
    """Then it is read again."""
    path, digest = made({})
    os.mkdir(path)
    digest = fresh_digest(path)
    assert cache.store(path, digest)
    assert cache.restore(digest, str(tmp_path / "target"))
    assert os.listdir(tmp_path / "target") == []


def test_a_folder_never_takes_the_place_of_another(cache, made, tmp_path):
    """The caller has to make room."""
    path, digest = made(FOLDER)
    cache.store(path, digest)
    (tmp_path / "target").mkdir()
    (tmp_path / "target/kept").touch()
    before = sorted(os.listdir(tmp_path))
    assert not cache.restore(digest, str(tmp_path / "target"))
    assert os.listdir(tmp_path / "target") == ["kept"]
    assert sorted(os.listdir(tmp_path)) == before


DAMAGES = {
    "missing": lambda storage, key, data: storage.delete(key),
    "empty": lambda storage, key, data: storage.write(key, b"", replace=True),
    "truncated": lambda storage, key, data: storage.write(key, data[:-1], replace=True),
    "flipped": lambda storage, key, data: storage.write(
        key, data[:-1] + bytes([data[-1] ^ 1]), replace=True
    ),
    "swapped": lambda storage, key, data: storage.write(key, b"other bytes", replace=True),
}


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("content", [b"one", {"a": b"one", "b/c": b"two"}], ids=["file", "folder"])
def test_a_damaged_blob_is_not_there(cache, storage, made, tmp_path, how, content):
    """Each of the blobs in turn; it is dropped, nothing is left, and it can be stored again."""
    path, digest = made(content)
    cache.store(path, digest)
    blobs = keys(storage, "v1/blobs/")
    assert blobs
    for key in blobs:
        DAMAGES[how](storage, key, storage.read(key))
        before = sorted(os.listdir(tmp_path))
        assert not cache.restore(digest, str(tmp_path / "target"))
        assert sorted(os.listdir(tmp_path)) == before
        assert storage.size(key) is None
        assert not cache.has(digest)
        assert cache.store(path, digest)
        assert cache.restore(digest, str(tmp_path / "target"))
        os.rename(tmp_path / "target", tmp_path / key.rpartition("/")[2])


def test_a_corrupt_blob_costs_one_line(cache, storage, made, lines, tmp_path):
    """However many there are."""
    for text in (b"one", b"two"):
        path, digest = made(text)
        cache.store(path, digest)
        key = keys(storage, "v1/blobs/")[-1]
        storage.write(key, b"xxx", replace=True)
        cache.restore(digest, str(tmp_path / "target"))
    assert len(lines) == 1
    assert re.fullmatch(
        r"dropped what was corrupt in the cache: `v1/blobs/../[0-9a-f]{32}-3`", lines[0]
    )


def test_another_folders_listing_is_not_this_ones(cache, storage, made, tmp_path):
    """Though it is a right one."""
    digests = [made({"a": text}, f"made-{text}")[1] for text in (b"one", b"two")]
    for digest, text in zip(digests, (b"one", b"two"), strict=True):
        cache.store(f"{tmp_path}/made-{text}", digest)
    first, second = (f"v1/blobs/{digest[:2]}/{digest[:-1]}.folder" for digest in digests)
    storage.write(first, storage.read(second), replace=True)
    assert not cache.restore(digests[0], str(tmp_path / "target"))
    assert storage.size(first) is None


def test_a_forged_listing_writes_nowhere(cache, storage, made, tmp_path):
    """Though its hash is right."""
    from datamake.listing import Listing

    path, digest = made(b"evil")
    cache.store(path, digest)
    for listing in (
        Listing({"../evil": digest}, {}, ()),
        Listing({f"{tmp_path}/evil": digest}, {}, ()),
        Listing({"out/evil": digest}, {"out": ".."}, ()),
    ):
        forged = listing.digest
        storage.write(f"v1/blobs/{forged[:2]}/{forged[:-1]}.folder", listing.text)
        assert not cache.restore(forged, str(tmp_path / "target" / "out"))
        assert not (tmp_path / "evil").exists()
        assert not (tmp_path / "target" / "evil").exists()


def test_a_record_comes_back(cache):
    """All of it, whatever the texts are."""
    old = record(Written("build/\udcff\n", "0" * 32 + "-3x", "a"), Written("b", "1" * 32 + "-0/"))
    assert cache.lookup(FINGERPRINT) is None
    assert cache.remember(old)
    assert cache.lookup(FINGERPRINT) == old
    new = record(Written("b", "2" * 32 + "-0"))
    assert cache.remember(new)
    assert cache.lookup(FINGERPRINT) == new


def edited(old, new):
    return lambda data: data.replace(old, new)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: b"garbage \xff",
        lambda data: data[:-1],
        lambda data: b"[" * 100_000,
        lambda data: b"[]",
        lambda data: b"{}",
        lambda data: b'{"hash":1,"version":1}',
        edited(b'"version":1', b'"version":2'),
        edited(b'"duration":0.25', b'"duration":0.35'),
        edited(b"0-3x", b"1-3x"),
        edited(FINGERPRINT.encode(), FINGERPRINT[::-1].encode()),
    ],
)
def test_a_damaged_record_is_not_there(cache, storage, damage):
    """Nor is one of a newer format, nor another's."""
    cache.remember(record(Written("a", "0" * 32 + "-3x")))
    (key,) = keys(storage)
    storage.write(key, damage(storage.read(key)), replace=True)
    assert cache.lookup(FINGERPRINT) is None
    assert cache.remember(record())
    assert cache.lookup(FINGERPRINT) == record()


def test_a_record_with_what_is_no_digest_is_not_there(cache):
    """It would be a path."""
    cache.remember(record(Written("a", "../../../etc/passwd-3")))
    assert cache.lookup(FINGERPRINT) is None


@pytest.mark.parametrize(
    ("mode", "reads", "writes"),
    [
        ("read-write", True, True),
        ("read", True, False),
        ("write", False, True),
        ("off", False, False),
    ],
)
def test_modes(storage, made, tmp_path, mode, reads, writes):
    """Whether anything is taken from the cache, whether anything is put there."""
    there, digest = made(b"one")
    full = Cache(storage)
    full.store(there, digest)
    full.remember(record())
    cache = Cache(storage, mode)
    assert cache.has(digest) is reads
    assert (cache.lookup(FINGERPRINT) is not None) is reads
    assert cache.restore(digest, str(tmp_path / "target")) is reads
    path, other = made({"a": b"two"}, "other")
    assert cache.store(path, other) is writes
    assert (cache.listing(other) is not None) is (reads and writes)
    assert cache.remember(record(fingerprint=FINGERPRINT[::-1])) is writes
    assert full.has(other) is writes


def test_what_is_larger_than_the_cache_is_not_stored(storage, made, lines):
    """And a line says so."""
    cache = Cache(storage, max_size=5, notice=lines.append)
    assert not cache.store(*made(b"123456", "big.csv"))
    assert not cache.store(*made({"a": b"123", "b": b"456"}, "parts"))
    assert cache.store(*made(b"12345", "small.csv"))
    assert lines == [
        "`big.csv` is larger than the cache may become, so it is not stored",
        "`parts` is larger than the cache may become, so it is not stored",
    ]


def failing(number):
    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_cache_that_cannot_be_written_costs_one_line(
    cache, storage, made, lines, monkeypatch, number
):
    """The build goes on."""
    for method in ("store", "write"):
        monkeypatch.setattr(storage, method, failing(number))
    for text in (b"one", b"two"):
        assert not cache.store(*made(text))
        assert not cache.remember(record())
    assert lines == [f"cannot store in the cache, going on without: {os.strerror(number)}"]


def test_a_cache_that_cannot_be_read_is_empty(cache, storage, made, tmp_path, monkeypatch):
    """A broken disk is no error either."""
    path, digest = made({"a": b"one"})
    cache.store(path, digest)
    cache.remember(record())
    for method in ("read", "fetch", "size"):
        monkeypatch.setattr(storage, method, failing(errno.EIO))
    assert not cache.has(digest)
    assert cache.lookup(FINGERPRINT) is None
    assert not cache.restore(digest, str(tmp_path / "target"))
    assert not cache.restore(fresh_digest(f"{path}/a"), str(tmp_path / "target"))


def test_a_full_disk_under_the_target_is_said(cache, storage, made, tmp_path, monkeypatch):
    """It is not the cache's fault."""
    path, digest = made(b"one")
    cache.store(path, digest)
    monkeypatch.setattr(storage, "fetch", failing(errno.ENOSPC))
    with pytest.raises(EnvironmentFailed) as full:
        cache.restore(digest, f"{tmp_path}/target")
    assert str(full.value) == f"cannot write `{tmp_path}/target`\n  No space left on device"


def test_what_changed_since_it_was_digested_never_comes_back(cache, made, tmp_path):
    """It was stored under a digest that it does not have."""
    path, digest = made(b"one")
    with open(path, "wb") as file:
        file.write(b"two")
    cache.store(path, digest)
    assert not cache.restore(digest, str(tmp_path / "target"))


def test_storing_again_writes_nothing(cache, storage, made, monkeypatch):
    """It is only marked as used."""
    path, digest = made(b"one")
    cache.store(path, digest)
    monkeypatch.setattr(storage, "store", failing(errno.EIO))
    assert cache.store(path, digest)
