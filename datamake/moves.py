"""Files and folders moved and removed, from one file system to another too.

Knows nothing of why. A move between file systems is a copy beside its destination, which then
appears there whole; whoever is killed in it can begin it again, as long as the source is there.
"""

from __future__ import annotations

import os
from errno import EXDEV
from stat import S_ISDIR

from xxhash import xxh3_64_hexdigest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

ROOM = 2**24
"""Bytes that are free on a disk that is not full."""


def move(source: str, target: str, step: Callable[[str], None] = lambda _: None) -> None:
    """Rename, with parent folders made; a file takes the place of a file.

    `step` is told of each operation before it is done.
    """
    step("rename")
    try:
        _rename(source, target)
    except OSError as error:
        if error.errno != EXDEV:
            raise
        _move_far(source, target, step)


def discard(path: str, trash: str, step: Callable[[str], None] = lambda _: None) -> None:
    """Remove what is at `path` in one moment: by way of `trash`, or from a name beside it."""
    step("rename to the trash")
    try:
        _rename(path, trash)
    except OSError as error:
        if error.errno != EXDEV:
            raise
        trash = beside(path)
        remove(trash)
        os.rename(path, trash)
    step("empty the trash")
    remove(trash)


def is_full(folder: str) -> bool:
    """Whether its disk has next to no room left."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize < ROOM


def room(folder: str) -> str:
    """The folder, made in one that is there, to write to for a while; if that cannot be, the system's."""
    try:
        os.mkdir(folder)
    except FileExistsError:
        pass
    except OSError:
        folder = ""
    if folder and os.access(folder, os.W_OK):
        return folder
    from tempfile import gettempdir

    return gettempdir()


def remove(path: str) -> None:
    """Remove a file, or a folder with all in it; fine if it is not there, or goes meanwhile."""
    try:
        if is_folder(path):
            _empty(path)
            os.rmdir(path)
        else:
            os.unlink(path)
    except FileNotFoundError:
        pass


def beside(path: str) -> str:
    """Where, next to `path`, a copy of it is made or it waits to be removed."""
    name = xxh3_64_hexdigest(os.fsencode(path))
    return os.path.join(os.path.dirname(path), f".datamake-{name}")


def is_folder(path: str) -> bool:
    """Whether a folder is at `path`, which a link to one is not."""
    try:
        return S_ISDIR(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _rename(source: str, target: str) -> None:
    try:
        os.rename(source, target)
        return
    except FileNotFoundError:
        if not os.path.lexists(source):
            raise
        os.makedirs(os.path.dirname(target), exist_ok=True)
    except PermissionError:
        if not is_folder(source) or os.lstat(source).st_mode & 0o200:
            raise
        os.chmod(source, 0o700)  # the right to write in a folder is needed to move it
    _rename(source, target)


def _move_far(source: str, target: str, step: Callable[[str], None]) -> None:
    copied, gone = beside(target), beside(source)
    step("copy")
    remove(copied)
    _copy(source, copied)
    step("rename the copy")
    os.rename(copied, target)
    step("rename what was copied")
    os.rename(source, gone)
    step("remove what was copied")
    remove(gone)


def _copy(source: str, target: str) -> None:
    from shutil import copy2, copytree

    if is_folder(source):
        copytree(source, target, symlinks=True)
    else:
        copy2(source, target, follow_symlinks=False)


def _empty(folder: str) -> None:
    try:
        names = os.listdir(folder)
        for name in names:
            remove(os.path.join(folder, name))
    except PermissionError:
        if os.lstat(folder).st_mode & 0o700 == 0o700:
            raise
        os.chmod(folder, 0o700)
        _empty(folder)
