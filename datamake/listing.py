r"""The listing of a folder: its content as a text that has one form only, and back.

Knows nothing of disks. A listing may come from a cache that others write, so reading one refuses
whatever could lead out of the folder.

    datamake listing 1\n
    HASH-SIZE[x] PATH\0            a file
    link PATH\0TARGET\0           a symbolic link
    folder PATH\0                 an empty folder

Sorted by path, as bytes. Paths are relative to the folder, with `/`.
"""

from __future__ import annotations

import re
from os import fsdecode, fsencode

from xxhash import xxh3_128_hexdigest

from datamake.model import size_of
from datamake.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HEADER = b"datamake listing 1\n"
FILE = re.compile(r"[0-9a-f]{32}-(0|[1-9][0-9]*)x?").fullmatch


LONGEST = 4096
"""Characters of a path, more than the system takes of bytes."""


@value
class Listing:
    """All that is in a folder, by relative path."""

    files: Mapping[str, str]
    """Path → digest."""
    links: Mapping[str, str]
    """Path → where it leads, as written in the link."""
    folders: tuple[str, ...]
    """The empty ones; the others follow from what is in them."""

    @property
    def text(self) -> bytes:
        """The one form of it."""
        lines = [(fsencode(path), fsencode(digest)) for path, digest in self.files.items()]
        lines += [(fsencode(path), b"folder") for path in self.folders]
        lines += [(fsencode(path), b"link") for path in self.links]
        lines.sort()
        targets = {fsencode(path): fsencode(target) for path, target in self.links.items()}
        pieces = [HEADER]
        for path, what in lines:
            pieces.append(b"%b %b\0" % (what, path))
            if what == b"link":
                pieces.append(targets[path] + b"\0")
        return b"".join(pieces)

    @property
    def digest(self) -> str:
        """The folder's digest."""
        size = sum(map(size_of, self.files.values()))
        return f"{xxh3_128_hexdigest(self.text)}-{size}/"


def parsed(text: bytes) -> Listing:
    """The listing that has this text. Raises ValueError where no folder of ours has such a one."""
    if not text.startswith(HEADER) or (len(text) > len(HEADER) and not text.endswith(b"\0")):
        raise ValueError("not a listing")
    listing = Listing({}, {}, ())
    files: dict[str, str] = {}
    links: dict[str, str] = {}
    folders: list[str] = []
    rest = iter(text[len(HEADER) :].split(b"\0")[:-1])
    for line in rest:
        what, space, path = fsdecode(line).partition(" ")
        if what == "link":
            links[path] = fsdecode(next(rest, b""))
        elif what == "folder":
            folders.append(path)
        elif FILE(what) and space:
            files[path] = what
        else:
            raise ValueError("not a listing")
    listing = Listing(files, links, tuple(folders))
    _check(listing)
    if listing.text != text:
        raise ValueError("a listing out of order")
    return listing


def inside(path: str, target: str) -> bool:
    """Whether a link at `path` leads to somewhere in the same folder, whatever else is in it.

    `..` may only come first: behind a name that is a link itself it would lead out of what that
    one leads to.
    """
    parts = target.rstrip("/").split("/")
    ups = 0
    while ups < len(parts) and parts[ups] == "..":
        ups += 1
    names = parts[ups:]
    if names == ["."]:
        names = []
    return ups <= path.count("/") and all(name not in {"", ".", ".."} for name in names)


def _check(listing: Listing) -> None:
    """Raise ValueError unless creating all of it in an empty folder stays in that folder."""
    solid = {*listing.files, *listing.links, *listing.folders}
    if len(solid) != len(listing.files) + len(listing.links) + len(listing.folders):
        raise ValueError("a path twice")
    checked: set[str] = set()
    for path in solid:
        if len(path) > LONGEST:
            raise ValueError("a path longer than any")
        if not {"", ".", ".."}.isdisjoint(path.split("/")):
            raise ValueError("a path that leads out of the folder")
        for parent in parents(path):
            if parent in checked:
                break
            if parent in solid:
                raise ValueError("a path below what is no folder")
            checked.add(parent)
    if not all(inside(path, target) for path, target in listing.links.items()):
        raise ValueError("a link that leads out of the folder")


def parents(path: str) -> Iterable[str]:
    """The folders that a relative path lies in, the nearest first, without the root."""
    cut = path.rfind("/")
    while cut > 0:
        path = path[:cut]
        yield path
        cut = path.rfind("/")
