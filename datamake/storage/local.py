"""A storage in a local folder, which many processes may use at once.

Knows nothing of what it keeps. All is written under `tmp/` first and then renamed, so a reader sees
the whole of it or nothing. What a killed process left there are entries like others, below `tmp/`.
Nothing is synced to the disk: who reads has to verify what it reads.
"""

from __future__ import annotations

import os

from datamake.clone import copy, unique, write
from datamake.moves import remove

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class LocalStorage:
    """A storage in the folder `root`, which the first write creates.

    Files in it and outside `share` their blocks where the file system can.
    """

    def __init__(self, root: str, *, share: bool = True) -> None:
        self._share = share
        self._prefix = root.rstrip("/") + "/"

    def read(self, key: str, start: int = 0, count: int | None = None) -> bytes:
        """`count` bytes (fewer at the end) from `start`, or all that follows."""
        with open(self._prefix + key, "rb", buffering=0, opener=_without_waiting) as file:
            if start:
                file.seek(start)
            return file.read(-1 if count is None else count)

    def fetch(self, key: str, path: str) -> None:
        """Make a new local file of it, by reflink where possible."""
        copy(self._prefix + key, path, plain=True, share=self._share)

    def write(self, key: str, data: bytes, *, replace: bool = False) -> bool:
        """Put bytes there; whether they were: without `replace`, what is there stays."""
        staged = self._staged(lambda path: write(path, data))
        try:
            self._put(key, staged, os.replace if replace else os.link)
        except FileExistsError:
            return False
        finally:
            remove(staged)
        return True

    def store(self, key: str, path: str) -> None:
        """Put the content of a local file there, by reflink where possible."""
        self.put(key, lambda target: copy(path, target, plain=True, share=self._share))

    def put(self, key: str, make: Callable[[str], None]) -> None:
        """Put there what `make` writes into the new file whose path it is given."""
        staged = self._staged(make)
        try:
            self._put(key, staged, os.replace)
        except BaseException:
            remove(staged)
            raise

    def path(self, key: str) -> str:
        """The path of the file that it is in; nobody may write to it."""
        return self._prefix + key

    def size(self, key: str) -> int | None:
        """How many bytes are there, None where nothing is."""
        try:
            return os.stat(self._prefix + key).st_size
        except FileNotFoundError:
            return None

    def touch(self, key: str) -> bool:
        """Note that it was used now; False where nothing is."""
        try:
            os.utime(self._prefix + key)
        except FileNotFoundError:
            return False
        except OSError:  # a disk that cannot be written, or another user's file
            return True
        return True

    def delete(self, key: str) -> None:
        """Remove it, if it is there."""
        remove(self._prefix + key)

    def entries(self, prefix: str = "") -> Iterator[tuple[str, int, float]]:
        """Key, size and time of last use of all below a prefix."""
        folders = [prefix]
        while folders:
            folder = folders.pop()
            try:
                scan = os.scandir(self._prefix + folder)
            except (FileNotFoundError, NotADirectoryError):
                continue
            with scan:
                for entry in scan:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(f"{folder}{entry.name}/")
                        continue
                    try:
                        status = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue
                    yield folder + entry.name, status.st_size, status.st_mtime

    def _staged(self, make: Callable[[str], None]) -> str:
        """The path of a new file under `tmp/`, filled by `make`."""
        path = f"{self._prefix}tmp/{unique()}"
        try:
            try:
                make(path)
            except FileNotFoundError as error:
                if error.filename != path:
                    raise
                os.makedirs(f"{self._prefix}tmp", exist_ok=True)
                make(path)
        except BaseException:
            remove(path)
            raise
        return path

    def _put(self, key: str, staged: str, move: Callable[[str, str], None]) -> None:
        target = self._prefix + key
        try:
            move(staged, target)
        except FileNotFoundError:
            os.makedirs(target[: target.rindex("/")], exist_ok=True)
            move(staged, target)


def _without_waiting(path: str, flags: int) -> int:
    """Opens what should be a file; if it is a FIFO, it is an empty one."""
    return os.open(path, flags | os.O_NONBLOCK)
