"""Digests of files and folders: what they are of, what spares them, what is refused."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from datamake import content
from datamake.content import SPARSE, digest_of
from datamake.errors import EnvironmentFailed
from datamake.files import Files, fresh_digest, fresh_listing

LATER = 4_000_000_000.0  # seconds since 1970: a clock that finds no file racy


class Stamps(dict):
    def put(self, path, stamp, digest):
        self[path] = (stamp, digest)

    def drop(self, path):
        self.pop(path, None)


class Clock:
    now = LATER

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def files(tmp_path, clock):
    return Files(str(tmp_path), Stamps(), clock)


@pytest.fixture
def write(tmp_path):
    def write(path, text="text", mode=0o644):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        file.chmod(mode)
        return file

    return write


def test_a_file_is_its_bytes_and_whether_the_user_may_execute_it(files, write):
    """Neither time, name nor the rest of the mode count."""
    write("a", "one", 0o600)
    write("b", "one", 0o666)
    write("c", "one", 0o700)
    assert files.digest("a") == files.digest("b") == digest_of(b"one")
    assert files.digest("c") == digest_of(b"one") + "x"


def test_nothing_has_no_digest(files, write):
    """Nor has what no path can name, or a link to nothing."""
    write("file")
    os.symlink("gone", files.absolute("dangling"))
    for path in ("gone", "file/below", "x" * 300, "zero\0", "dangling"):
        assert files.digest(path) is None, path


def test_a_stamp_spares_reading(files, write):
    """Also in a later run, which has nothing but the stamps."""
    write("a", "one")
    before = files.digest("a")
    again = Files(files.absolute("").rstrip("/"), files.stamps, lambda: LATER)
    assert again.digest("a") == before
    assert (again.bytes_read, again.stats) == (0, 1)


def test_what_was_seen_is_not_looked_at_again_until_forgotten(files, write):
    """Each path is stat-ed once per run."""
    write("a", "one")
    files.digest("a")
    stats = files.stats
    files.digest("a")
    assert files.stats == stats
    write("a", "two")
    files.forget("a")
    assert files.digest("a") == digest_of(b"two")


def test_an_edit_that_keeps_size_and_mtime_is_seen(files, write):
    """The time of change gives it away."""
    file = write("a", "one")
    status = file.stat()
    files.digest("a")
    write("a", "two")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    files.forget("")
    assert files.digest("a") == digest_of(b"two")


def test_a_mode_that_changes_what_it_is_changes_the_digest(files, write):
    """chmod +x alone is a change."""
    file = write("a", "one")
    plain = files.digest("a")
    file.chmod(0o755)
    files.forget("a")
    assert files.digest("a") == f"{plain}x"


@pytest.mark.parametrize("offset", [0, 1.9, -3600], ids=["now", "two-seconds-ago", "future"])
def test_a_file_changed_lately_is_hashed_again(files, write, clock, offset):
    """Its clock may be too coarse to tell the next edit; a time to come is never trusted."""
    clock.now = write("a", "one").stat().st_mtime + offset
    for _ in range(2):
        files.forget("a")
        files.digest("a")
    assert files.bytes_read == 6
    assert files.stamps == {}


def test_a_stamp_that_no_longer_holds_is_dropped(files, write, clock):
    """When the file changed lately, and when it is gone."""
    file = write("a", "one")
    files.digest("a")
    clock.now = file.stat().st_mtime
    write("a", "two")
    files.forget("a")
    files.digest("a")
    assert files.stamps == {}
    files.stamps.put("a", (1,), "x")
    file.unlink()
    files.forget("a")
    assert files.digest("a") is None
    assert files.stamps == {}


def test_a_folder_is_all_that_is_in_it(files, write):
    """A name, a content, an executable bit, an empty folder, a link: each of them counts."""
    seen = set()

    def changed():
        files.forget("out")
        digest = files.digest("out")
        assert digest.endswith("/")
        new = digest not in seen
        seen.add(digest)
        return new

    write("out/a", "one")
    assert changed()
    write("out/a", "two")
    assert changed()
    write("out/b/c", "three")
    assert changed()
    os.rename(files.absolute("out/b/c"), files.absolute("out/b/d"))
    assert changed()
    os.chmod(files.absolute("out/b/d"), 0o755)
    assert changed()
    os.mkdir(files.absolute("out/empty"))
    assert changed()
    os.symlink("a", files.absolute("out/link"))
    assert changed()
    assert not changed()


def test_a_folder_carries_the_size_of_its_files(files, write):
    """And its slash may be given."""
    write("out/a", "12345")
    write("out/b/c", "678")
    assert files.digest("out/").endswith("-8/")
    assert files.digest("out/") == files.digest("out") == fresh_digest(files.absolute("out"))


def test_forgetting_a_folder_forgets_what_is_below_and_above(files, write):
    """As a folder output is published, and one file of a folder."""
    write("a/b/c", "one")
    above, path = files.digest("a"), files.digest("a/b/c")
    write("a/b/c", "two")
    files.forget("a/b")
    assert files.digest("a/b/c") != path
    assert files.digest("a") != above
    above = files.digest("a")
    write("a/b/c", "three")
    files.forget("a/b/c")
    assert files.digest("a") != above


def test_a_folder_whose_files_have_stamps_is_not_read(files, write):
    """As for single files, and their digests serve both."""
    write("out/a", "one")
    write("out/b/c", "two")
    listing = files.listing("out")
    read = files.bytes_read
    assert files.listing("out") == listing == fresh_listing(files.absolute("out"))
    assert files.digest("out/b/c") == digest_of(b"two")
    assert files.bytes_read == read


def test_a_link_to_a_file_is_the_file(files, write):
    """An input may be a link to somewhere else."""
    write("a", "one")
    os.symlink("a", files.absolute("link"))
    assert files.digest("link") == files.digest("a")


@pytest.mark.parametrize("target", ["/etc/passwd", "../x", "sub/../../x", "sub/.."])
def test_a_link_out_of_its_folder_is_refused(files, write, target):
    """What it leads to is no content of the folder, and would not be restored."""
    write("out/sub/a")
    os.symlink(target, files.absolute("out/link"))
    with pytest.raises(EnvironmentFailed) as refused:
        files.digest("out")
    assert str(refused.value) == (
        "`out/link` is a symbolic link that leads out of its folder\n"
        f"  it leads to `{target}`\n"
        "  hint: make it relative and without `..` behind a name, or put a copy there"
    )


def test_links_inside_a_folder_are_kept_as_links(files, write):
    """Also those that lead up, to a folder, or to nothing."""
    write("out/sub/a")
    for link, target in (("sub/up", "../b"), ("folder", "sub"), ("broken", "gone")):
        os.symlink(target, files.absolute(f"out/{link}"))
    assert files.listing("out").links == {"sub/up": "../b", "folder": "sub", "broken": "gone"}


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("a FIFO", "odd"),
        ("a FIFO", "out/odd"),
        ("a socket", "odd"),
        ("a socket", "out/odd"),
        ("a device", "odd"),
    ],
)
def test_what_has_no_content_is_refused_by_name(files, tmp_path, monkeypatch, kind, path):
    """It is never opened so that it would wait for a writer."""
    monkeypatch.chdir(tmp_path)
    os.mkdir("out")
    if kind == "a FIFO":
        os.mkfifo(path)
    elif kind == "a socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path)
    else:
        os.symlink("/dev/null", path)
    with pytest.raises(EnvironmentFailed) as refused:
        files.digest("out" if path.startswith("out") else path)
    assert str(refused.value) == f"`{path}` is neither a file nor a folder\n  it is {kind}"


def test_a_link_that_leads_to_itself_is_refused(files):
    """It is there, but cannot be read."""
    os.symlink("loop", files.absolute("loop"))
    with pytest.raises(EnvironmentFailed) as refused:
        files.digest("loop")
    assert str(refused.value) == "cannot read `loop`\n  Too many levels of symbolic links"


def test_a_file_that_changes_while_it_is_read_is_read_again(files, write, monkeypatch):
    """A torn read is never taken for the content."""
    file = write("a", "one")
    readv, edits = os.readv, iter(["two!"])

    def edited(descriptor, buffers):
        count = readv(descriptor, buffers)
        for text in edits:
            file.write_text(text)
            break
        return count

    monkeypatch.setattr(content.os, "readv", edited)
    assert files.digest("a") == digest_of(b"two!")


def test_a_file_that_never_rests_is_refused(files, write, monkeypatch):
    """After three tries."""
    file = write("a", "one")
    readv = os.readv

    def edited(descriptor, buffers):
        with file.open("a") as grown:
            grown.write("more")
        return readv(descriptor, buffers)

    monkeypatch.setattr(content.os, "readv", edited)
    with pytest.raises(EnvironmentFailed) as refused:
        files.digest("a")
    assert str(refused.value) == (
        "`a` changed while it was read\n"
        "  tried 3 times\n"
        "  hint: wait until whatever writes to it is done"
    )
    assert files.stamps == {}


NAMES = [
    "with space",
    "-rf",
    "new\nline",
    'quo"te',
    "dollar$(x)",
    "ünïcode",
    "*",
    "[x]",
    os.fsdecode(b"\xff\xfe"),
    "n" * 255,
    "\\",
    "~",
]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_will_do(files, write, name):
    """As a file, as a folder and in a listing."""
    write(f"{name}/{name}", "one")
    assert files.digest(f"{name}/{name}") == digest_of(b"one")
    assert files.digest(name) == files.listing(name).digest


def test_a_huge_sparse_file_takes_no_memory(tmp_path):
    """It is hashed piece by piece, in one buffer, and copied with its holes."""
    script = """
import os, resource, sys
sys.path.insert(0, sys.argv[1])
from datamake.content import digested
from datamake.clone import copy
with open("sparse", "wb") as file:
    file.truncate(1 << 28)
    file.seek(1 << 27)
    file.write(b"data")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
copy("sparse", "copied")
print(digested("sparse", "")[1] == digested("copied", "")[1], os.stat("copied").st_blocks < 1000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000)
"""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    run = subprocess.run(
        [sys.executable, "-c", script, root],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.stdout, run.stderr) == ("True True\nTrue\n", "")


@pytest.mark.parametrize("data", [{0: 5}, {SPARSE - 7: 9}, {3: 4_000_000, 2 * SPARSE - 1: 1}, {}])
def test_holes_count_as_the_zeros_that_they_read_as(files, tmp_path, data):
    """Though they are not read."""
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(2 * SPARSE)
        for start, length in data.items():
            file.seek(start)
            file.write(b"x" * length)
    assert files.digest("sparse") == digest_of((tmp_path / "sparse").read_bytes())


def test_a_folder_of_many_files_is_linear(files, tmp_path):
    """100,000 of them would be 20 times this."""
    for number in range(5_000):
        (tmp_path / f"{number}").touch()
    listing = files.listing("")
    assert len(listing.files) == 5_000
    stats = files.stats
    assert files.listing("") == listing
    assert files.stats == stats
