"""Copies of files: whole or not there, with a mode of their own."""

from __future__ import annotations

import errno
import os
import resource
from contextlib import contextmanager

import pytest
from disks import done, mounted

from datamake import clone as module
from datamake.clone import clone, copy, reflinks, write
from datamake.content import SPARSE


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    old = os.umask(0o027)
    yield tmp_path
    os.umask(old)


@contextmanager
def limited(size):
    """A limit on the size of files, which a write reaches as it reaches a full disk: short first.

    It holds for this whole process, hence for what pytest prints too.
    """
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)


def mode(path):
    return os.stat(path).st_mode & 0o777


@pytest.mark.parametrize(("given", "made"), [(0o600, 0o640), (0o777, 0o750), (0o4755, 0o750)])
def test_a_clone_keeps_whether_it_is_executable_and_nothing_else(here, given, made):
    """The rest of the mode is the umask's."""
    (here / "a").write_bytes(b"one")
    os.chmod("a", given)
    clone("a", f"{here}/b")
    assert ((here / "b").read_bytes(), mode("b")) == (b"one", made)


def test_a_clone_is_a_file_of_its_own(here):
    """Appending to it leaves the original alone."""
    (here / "a").write_bytes(b"one")
    clone("a", "b")
    with open("b", "ab") as file:
        file.write(b"more")
    assert (here / "a").read_bytes() == b"one"


def test_a_clone_replaces_what_is_there_and_leaves_nothing_else(here):
    """A link too, not what it leads to."""
    (here / "a").write_bytes(b"one")
    (here / "c").write_bytes(b"kept")
    os.symlink("c", "b")
    clone("a", "b")
    assert (here / "b").read_bytes() == b"one"
    assert (here / "c").read_bytes() == b"kept"
    assert sorted(os.listdir()) == ["a", "b", "c"]


def test_a_clone_that_fails_leaves_the_old_one(here):
    """And no half of the new one."""
    (here / "a").write_bytes(b"x" * 200_000)
    (here / "b").write_bytes(b"old")
    with limited(100_000), pytest.raises(OSError, match="File too large") as full:
        clone("a", "b")
    assert full.value.errno == errno.EFBIG
    assert (here / "b").read_bytes() == b"old"
    assert sorted(os.listdir()) == ["a", "b"]


def test_a_write_that_is_cut_short_is_an_error():
    """A single write on a full disk is short without an error."""
    with limited(1000), pytest.raises(OSError, match="File too large") as full:
        write("a", b"x" * 3000)
    assert full.value.errno == errno.EFBIG


@pytest.mark.parametrize("fails", [errno.EXDEV, errno.ENOSYS, errno.EINVAL])
def test_without_the_kernel_the_bytes_are_copied(here, monkeypatch, fails):
    """Where it cannot copy between these two files."""
    data = os.urandom(3 * module.PIECE + 5)
    (here / "a").write_bytes(data)

    def refused(*_):
        raise OSError(fails, "no")

    monkeypatch.setattr(module.os, "copy_file_range", refused, raising=False)
    copy("a", "b")
    assert (here / "b").read_bytes() == data


def test_holes_stay_holes(here):
    """At the start, between and at the end."""
    with open("a", "wb") as file:
        for place in range(2):
            file.seek(SPARSE * (1 + 2 * place))
            file.write(b"data")
        file.truncate(SPARSE * 4 + 5)
    copy("a", "b")
    assert (here / "b").read_bytes() == (here / "a").read_bytes()
    assert os.stat("b").st_blocks <= os.stat("a").st_blocks + 16


def test_asking_for_reflinks_leaves_nothing(here):
    """It tries, whatever the answer."""
    assert reflinks(str(here)) in {True, False}
    assert os.listdir() == []


@pytest.mark.parametrize("kind", ["btrfs", "xfs"])
def test_clones_share_their_blocks_where_they_can(here, kind):
    """A copy takes no room until it is written to."""
    with open("image", "wb") as image:
        image.truncate(512 * 2**20)
    done(f"mkfs.{kind}", "-q", "image")
    (here / "disk").mkdir()
    with mounted(here / "disk", kind, "-o", "loop", here / "image") as disk:
        assert reflinks(str(disk))
        (disk / "a").write_bytes(os.urandom(2**25))
        os.sync()
        before = os.statvfs(disk)
        clone(str(disk / "a"), str(disk / "b"))
        os.sync()
        assert (before.f_bavail - os.statvfs(disk).f_bavail) * before.f_frsize < 2**22
        with open(disk / "b", "r+b") as file:
            file.write(b"other")
        assert (disk / "a").read_bytes()[5:] == (disk / "b").read_bytes()[5:]
        assert (disk / "a").read_bytes()[:5] != b"other"
