"""What is in archives becomes files, and nothing in them is trusted."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from datamake.archives import extract
from datamake.errors import EnvironmentFailed

FILES = {"a.csv": b"one", "deep/b.csv": b"two" * 1000, "deep/c.txt": b"", "deep/d e.csv": b"\0"}


def zipped(path, files=FILES):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("deep/", b"")
        for name, data in files.items():
            archive.writestr(name, data)


def tarred(path, files=FILES, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def linked(path, name, target, kind):
    with tarfile.open(path, "a") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        archive.addfile(info)


@pytest.fixture
def unpacked(tmp_path):
    """A function: member or glob of `tmp_path/x` → what it came to."""
    folder = tmp_path / "out"

    def unpack(member, kind="tar"):
        found = extract(f"{kind}://{member}::s3://b/x.{kind}", str(tmp_path / "x"), str(folder))
        contents = {name: Path(path).read_bytes() for name, path in found}
        assert [path for _, path in found] == [f"{folder}/{name}" for name in contents]
        assert list(contents) == sorted(contents)
        return contents

    return unpack


@pytest.fixture
def refused(tmp_path, unpacked):
    """A function like `unpacked` → the message of its refusal, which left nothing."""

    def refuse(member, kind="tar"):
        with pytest.raises(EnvironmentFailed) as raised:
            unpacked(member, kind)
        assert [files for _, _, files in os.walk(tmp_path / "out") if files] == []
        return str(raised.value).replace(str(tmp_path), "TMP")

    return refuse


PACKED = {
    "zip": zipped,
    "tar": tarred,
    "tar.gz": lambda path, files=FILES: tarred(path, files, "w:gz"),
    "tar.bz2": lambda path, files=FILES: tarred(path, files, "w:bz2"),
    "tar.xz": lambda path, files=FILES: tarred(path, files, "w:xz"),
}


@pytest.mark.parametrize("kind", PACKED)
def test_members_by_name_and_by_glob(tmp_path, unpacked, kind):
    """Those that match; none is no error."""
    PACKED[kind](tmp_path / "x")
    kind = kind[:3]
    assert unpacked("gone.csv", kind) == unpacked("deep/*.py", kind) == {}
    assert unpacked("a.csv", kind) == {"a.csv": b"one"}
    assert unpacked("deep/*.csv", kind) == {"deep/b.csv": b"two" * 1000, "deep/d e.csv": b"\0"}


@pytest.mark.parametrize("kind", PACKED)
def test_all_members(tmp_path, unpacked, kind):
    """Two stars are all of them."""
    PACKED[kind](tmp_path / "x")
    assert unpacked("**", kind[:3]) == FILES


def test_gzip(tmp_path, unpacked):
    """The content has the name that the URL gives it."""
    (tmp_path / "x").write_bytes(gzip.compress(b"one") + gzip.compress(b"two"))
    assert unpacked("data.csv", "gzip") == {"data.csv": b"onetwo"}


def test_names_with_a_dot_before_them(tmp_path, unpacked):
    """As `tar cf x.tar .` writes them."""
    tarred(tmp_path / "x", {"./a.csv": b"one", "./deep//b.csv": b"two"})
    assert unpacked("**") == {"a.csv": b"one", "deep/b.csv": b"two"}


def test_hard_links_are_the_file(tmp_path, unpacked):
    """tar writes a file with two names once."""
    tarred(tmp_path / "x")
    linked(tmp_path / "x", "same.csv", "deep/b.csv", tarfile.LNKTYPE)
    assert unpacked("same.csv") == {"same.csv": b"two" * 1000}


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_of_two_with_one_name_the_last_counts(tmp_path, unpacked):
    """As for tar and unzip."""
    with zipfile.ZipFile(tmp_path / "x", "w") as archive:
        archive.writestr("a", b"one")
        archive.writestr("a", b"two")
    assert unpacked("a", "zip") == {"a": b"two"}


def test_nothing_is_executable(tmp_path, unpacked):
    """Whatever the archive says."""
    with zipfile.ZipFile(tmp_path / "x", "w") as archive:
        info = zipfile.ZipInfo("a")
        info.external_attr = 0o100777 << 16
        archive.writestr(info, b"one")
    unpacked("a", "zip")
    assert not os.access(tmp_path / "out" / "a", os.X_OK)


@pytest.mark.parametrize("name", ["/etc/x", "deep/../../x", "../x", "a\0b"])
def test_names_that_lead_out(tmp_path, refused, name):
    """They are refused, where they are asked for."""
    tarred(tmp_path / "x", {"a.csv": b"one"})
    with tarfile.open(tmp_path / "x", "a", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo(name)
        archive.addfile(info)
    if name != "/etc/x":  # what has `..` in it is matched by no glob
        return
    assert refused("**") == (
        "`tar://**::s3://b/x.tar`: the archive is refused\n  '/etc/x' in it leads out of it"
    )


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices(tmp_path, refused, kind):
    """A link to itself, out of the archive, or to nothing."""
    tarred(tmp_path / "x")
    linked(tmp_path / "x", "z.csv", "z.csv", kind)
    assert refused("**") == (
        "`tar://**::s3://b/x.tar`: the archive is refused\n  `z.csv` in it is a link, and no file"
    )


def test_links_in_zips(tmp_path, refused):
    """A link is a file with a mark."""
    with zipfile.ZipFile(tmp_path / "x", "w") as archive:
        info = zipfile.ZipInfo("a")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, b"/etc/passwd")
    assert refused("a", "zip") == (
        "`zip://a::s3://b/x.zip`: the archive is refused\n  `a` in it is a link, and no file"
    )


def test_encrypted_members(tmp_path, refused):
    """There is nobody to ask for the password."""
    zipped(tmp_path / "x")
    data = bytearray((tmp_path / "x").read_bytes())
    data[data.rindex(b"PK\1\2") + 8] |= 1
    (tmp_path / "x").write_bytes(data)
    assert refused("**", "zip") == (
        "`zip://**::s3://b/x.zip`: the archive is refused\n"
        "  `deep/d e.csv` in it is encrypted\n"
        "  hint: unpack it by a target with a command"
    )


def test_unknown_packing(tmp_path, refused):
    """Python does not know all that zip has."""
    zipped(tmp_path / "x", {"a": b"one"})
    data = bytearray((tmp_path / "x").read_bytes())
    for mark, offset in ((b"PK\1\2", 10), (b"PK\3\4", 8)):
        place = data.rindex(mark) + offset
        data[place : place + 2] = b"\x09\0"
    (tmp_path / "x").write_bytes(data)
    assert refused("a", "zip") == (
        "`zip://a::s3://b/x.zip`: the archive is refused\n"
        "  it is packed in a way that Python cannot read: That compression method is not supported"
    )


@pytest.mark.parametrize(
    ("kind", "said"),
    [("zip", "File is not a zip file"), ("gzip", "Not a gzipped file (b'no')"), ("tar", None)],
)
def test_what_is_no_archive(tmp_path, refused, kind, said):
    """And says so."""
    (tmp_path / "x").write_bytes(b"no archive at all")
    message = refused("a", kind)
    assert message.startswith(f"`s3://b/x.{kind}` is no {kind}, or a broken one\n")
    assert said is None or message.endswith(f"\n  {said}")


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.xz", "gzip"])
def test_broken_archives(tmp_path, refused, kind):
    """What was made of them until then is removed."""
    if kind == "gzip":
        (tmp_path / "x").write_bytes(gzip.compress(os.urandom(100_000)))
    else:
        files = {"a": os.urandom(100_000), "b": os.urandom(100_000), "c": b""}
        PACKED[kind](tmp_path / "x", files)
    data = bytearray((tmp_path / "x").read_bytes())
    if kind == "tar":
        data[101_000:103_000] = b"\xff" * 2000
    else:
        data[60_000:60_010] = b"\0" * 10
    (tmp_path / "x").write_bytes(data)
    kind = kind.partition(".")[0]
    message = refused("a" if kind == "gzip" else "**", kind)
    assert message.startswith(f"`s3://b/x.{kind}` is no {kind}, or a broken one\n")


def test_headers_that_lead_back(tmp_path, refused):
    """A size below nothing: the next header would be this one, or one before it, for ever."""
    for back in (512, 1024):
        first, last = tarfile.TarInfo("first"), tarfile.TarInfo("last")
        data = bytearray(last.tobuf(tarfile.GNU_FORMAT))
        data[124:136] = b"\xff" + (256**11 - back).to_bytes(11, "big")
        data[148:156] = b" " * 8
        data[148:156] = b"%06o\0 " % sum(data)
        (tmp_path / "x").write_bytes(first.tobuf() * 2 + data + bytes(10240))
        assert (
            refused("**") == "`s3://b/x.tar` is no tar, or a broken one\n  a header in it is broken"
        )


def test_a_disk_without_room(tmp_path, refused, monkeypatch):
    """What says to be bigger than the disk is not begun."""
    zipped(tmp_path / "x")
    full = os.statvfs_result([0] * 10)
    monkeypatch.setattr(os, "statvfs", lambda _: full)
    assert refused("a.csv", "zip") == (
        "`zip://a.csv::s3://b/x.zip`: the disk is full\n"
        "  it was being unpacked to `TMP/out`, which is removed again\n"
        "  hint: make room; `datamake cache gc` takes what was not used for long"
    )


def test_a_file_where_a_folder_would_be(tmp_path, refused):
    """It cannot be on a disk as it is in the archive."""
    tarred(tmp_path / "x", {"a": b"one", "a/b": b"two"})
    assert refused("**") == (
        "`tar://**::s3://b/x.tar`: the archive is refused\n"
        "  `TMP/out/a`: two members of it are one file on this disk"
    )
