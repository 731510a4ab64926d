"""What is in a zip, tar or gzip → files.

Knows nothing of where an archive came from, but for its name in messages. Nothing in one is trusted:
names that lead elsewhere and links are refused, and no link is ever made.
"""

from __future__ import annotations

import os

from datamake.clone import FULL
from datamake.content import PIECE
from datamake.errors import DatamakeError, EnvironmentFailed
from datamake.patterns import glob
from datamake.urls import parsed, shown
from datamake.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    import tarfile
    import zipfile
    from collections.abc import Callable, Iterator
    from typing import Any

    from datamake.urls import Url

CORRUPT = frozenset({"BadZipFile", "TarError", "LZMAError", "error", "EOFError", "BadGzipFile"})
"""Names of the errors that libraries raise for what is broken, `error` that of zlib."""
LINK = 0o120000
KIND = 0o170000


@value
class Member:
    """One file of an archive."""

    name: str
    size: int | None
    open: Callable[[], Any]
    """Opens it as a binary file."""


def extract(name: str, archive: str, folder: str) -> list[tuple[str, str]]:
    """Make files of all members of the local `archive` that the URL `name` asks for.

    Member and absolute path, sorted; each is at `folder`, which has none of them, by its own name.
    None where nothing matches. Memory is bounded. Raises EnvironmentFailed for an archive that is
    corrupt, encrypted, holds what is no file under a name asked for, or does not fit on the disk;
    what was made is then removed.
    """
    url = parsed(name)
    made: dict[str, str] = {}
    try:
        for member in _members(url, archive):
            path = os.path.join(folder, *member.name.split("/"))
            if member.name in made:  # of two with one name the last counts, as for tar and unzip
                os.unlink(path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            _write(member, path, made)
    except BaseException as error:
        for path in made.values():
            os.unlink(path)
        if isinstance(error, DatamakeError) or not isinstance(error, Exception):
            raise
        raise _failure(name, url, folder, error) from None
    return sorted(made.items())


def _members(url: Url, archive: str) -> Iterator[Member]:
    """The members that a URL asks for."""
    if url.archive == "gzip":
        import gzip

        yield Member(url.member, None, lambda: gzip.open(archive))  # noqa: SIM115 - closed by who reads
        return
    pattern = glob(url.member)
    found = _zipped if url.archive == "zip" else _tarred
    for name, member in found(url.text, archive, pattern.matches):
        if member is None:
            raise _refused(url.text, f"`{name}` in it is a link, and no file")
        yield member


def _zipped(
    url: str, archive: str, matches: Callable[[str], bool]
) -> Iterator[tuple[str, Member | None]]:
    import zipfile

    with zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            name = _name(url, info.filename, matches)
            if info.is_dir() or not name:
                continue
            if info.flag_bits & 1:
                raise _refused(
                    url, f"`{name}` in it is encrypted", "unpack it by a target with a command"
                )
            linked = info.external_attr >> 16 & KIND == LINK
            yield name, None if linked else Member(name, info.file_size, _opener(opened, info))


def _tarred(
    url: str, archive: str, matches: Callable[[str], bool]
) -> Iterator[tuple[str, Member | None]]:
    import tarfile

    files: dict[str, tarfile.TarInfo] = {}
    with tarfile.open(archive, "r:*") as opened:
        for info in opened:
            if opened.offset <= info.offset:  # else `tarfile` goes round in circles
                raise EOFError("a header in it is broken")
            name = _name(url, info.name, matches)
            # a hard link is another name of a file before it, which tar writes once
            same = files.get(info.linkname) if info.islnk() else info
            if same is not None and same.isfile():
                files[info.name] = same
            if info.isdir() or not name:
                continue
            if same is None or not same.isfile():
                yield name, None
            else:
                yield name, Member(name, same.size, _opener(opened, same))
        _check_end(opened)


def _check_end(opened: tarfile.TarFile) -> None:
    """Raises EOFError where a tar does not end as one: `tarfile` takes a broken header for the end."""
    stream: Any = opened.fileobj
    stream.seek(opened.offset)
    rest = stream.read(512)
    if rest.strip(b"\0") or len(rest) not in (0, 512):
        raise EOFError("a header in it is broken")
    while stream.read(PIECE):  # to the end, where the packing has its own proof
        pass


def _opener(opened: zipfile.ZipFile | tarfile.TarFile, info: Any) -> Callable[[], Any]:
    method: Any = getattr(opened, "extractfile", None) or opened.open
    return lambda: method(info)


def _name(url: str, name: str, matches: Callable[[str], bool]) -> str:
    """The path of a member, if it is asked for: without `./`; else empty."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    plain = "/".join(parts)
    if not plain or not matches(plain):
        return ""
    if name.startswith("/") or ".." in parts or "\0" in name:
        raise _refused(url, f"{name!r} in it leads out of it")
    return plain


def _write(member: Member, path: str, made: dict[str, str]) -> None:
    """Make a new file of a member, and note that it is made."""
    _check_room(member, path)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    made[member.name] = path
    with open(file, "wb", buffering=0) as target, member.open() as source:
        while data := source.read(PIECE):
            view = memoryview(data)
            while view:
                view = view[target.write(view) :]


def _check_room(member: Member, path: str) -> None:
    """Raises OSError where a member says of itself that it does not fit on the disk."""
    from errno import ENOSPC

    disk = os.statvfs(os.path.dirname(path))
    if (member.size or 0) > disk.f_bavail * disk.f_frsize:
        raise OSError(ENOSPC, f"`{member.name}` has {member.size} bytes")


def _failure(name: str, url: Url, folder: str, error: Exception) -> EnvironmentFailed:
    """What to raise for an error of a library or of the disk."""
    said = " ".join(str(error).split())
    names = {kind.__name__ for kind in type(error).__mro__}
    if isinstance(error, OSError) and error.errno in FULL:
        return EnvironmentFailed(
            f"`{shown(name)}`: the disk is full",
            [f"it was being unpacked to `{folder}`, which is removed again"],
            "make room; `datamake cache gc` takes what was not used for long",
        )
    if isinstance(error, FileExistsError):
        return _refused(name, f"`{error.filename}`: two members of it are one file on this disk")
    if isinstance(error, (NotImplementedError, RuntimeError)):
        return _refused(name, f"it is packed in a way that Python cannot read: {said}")
    if names & CORRUPT or (isinstance(error, OSError) and error.errno is None):
        return EnvironmentFailed(
            f"`{shown(url.outer)}` is no {url.archive}, or a broken one", [said] if said else []
        )
    return EnvironmentFailed(f"`{shown(name)}` cannot be unpacked", [said])


def _refused(name: str, fact: str, hint: str = "") -> EnvironmentFailed:
    return EnvironmentFailed(f"`{shown(name)}`: the archive is refused", [fact], hint)
