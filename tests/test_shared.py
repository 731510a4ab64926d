"""The shared cache: what one machine has made is there for the others, or it is not there at all."""

from __future__ import annotations

import os

import pytest

from datamake.files import fresh_digest
from datamake.model import Record, Written
from datamake.shared import Place, SharedCache
from datamake.storage.local import LocalStorage
from datamake.storage.memory import MemoryStorage

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
