"""The files of a project as they are on the local disk, each folder listed once.

Knows nothing of what the files are for. `.datamake` is never seen.
"""

from __future__ import annotations

import os

from datamake.content import opened
from datamake.files import ABSENT, Remembered, unreadable
from datamake.model import KEPT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from datamake.files import Files


class LocalTree:
    """A `model.Tree` over the root of `files`. For one thread; `forget` what was written.

    `listed` knows which objects a URL glob matches.
    """

    def __init__(self, files: Files, listed: Callable[[str], list[str]] = lambda _: []) -> None:
        self.files = files
        self.matching = listed
        self._folders = Remembered()
        self._unsorted: set[str] = set()
        self._real = {"": ""}
        self._links: set[str] = set()
        self.lists = 0
        """How many folders were listed."""

    def kind(self, path: str) -> str | None:
        """`"file"`, `"folder"` or None where nothing is; symbolic links are followed.

        A FIFO, socket or device counts as a file here: digesting it says what it is.
        """
        if not path:
            return "folder"
        folder, _, name = path.rpartition("/")
        if name in {".", ".."} or (not folder and path[0] == "/"):
            return _kind(self.files.absolute(path))
        return self._known(folder).get(name)

    def entries(self, folder: str) -> Mapping[str, str]:
        """Name → kind of what is in a folder (`""` is the root), sorted; empty if absent."""
        folder = folder.rstrip("/")
        known = self._known(folder)
        if folder in self._unsorted:
            self._unsorted.discard(folder)
            known = dict(sorted(known.items()))
            self._folders.keep(folder, known)
        return known

    def real(self, folder: str) -> str:
        """Where a folder is once links are followed; absolute outside of the root.

        It need not be there. What is above the root or absolute is not followed.
        """
        if folder[:1] == "/" or folder.partition("/")[0] == "..":
            return folder
        below = []
        while folder not in self._real:
            folder, _, name = folder.rpartition("/")
            below.append(name)
        found = self._real[folder]
        for name in reversed(below):
            folder = f"{folder}/{name}" if folder else name
            found = self._real[folder] = self._followed(f"{found}/{name}" if found else name)
        return found

    def _followed(self, path: str) -> str:
        """Where a path leads, in a folder that has no links on the way."""
        absolute = self.files.absolute(path)
        if not os.path.islink(absolute):
            return path
        self._links.add(path)
        root, found = os.path.realpath(self.files.absolute("")), os.path.realpath(absolute)
        return found[len(root) :].lstrip("/") if f"{found}/".startswith(f"{root}/") else found

    def read(self, path: str) -> bytes | None:
        """The content of a file, or None. Raises EnvironmentFailed where it cannot be read."""
        if self.kind(path) != "file":
            return None
        try:
            with open(opened(self.files.absolute(path), path), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise unreadable(path, error) from None

    def digest(self, path: str) -> str | None:
        """The digest of a file or folder, or None."""
        return self.files.digest(path)

    @property
    def looked(self) -> set[str]:
        """Every path that was looked at: folders listed, files digested, links followed."""
        folders = (folder or "." for folder in self._folders.values)
        return {*self.files.looked, *folders, *self._links}

    def forget(self, path: str) -> None:
        """Look again at a path, where something was just published or removed."""
        path = path.rstrip("/")
        if not path:
            self._real = {"": ""}
        self.files.forget(path)
        self._folders.forget(path)
        while path:
            folder, _, name = path.rpartition("/")
            known = self._folders.values.get(folder)
            if known is not None:
                kind = _kind(self.files.absolute(path))
                if known.get(name) == kind:
                    return
                if kind is None:
                    del known[name]
                else:
                    known[name] = kind
                    self._unsorted.add(folder)
            path = folder

    def _known(self, folder: str) -> dict[str, str]:
        known: dict[str, str] | None = self._folders.values.get(folder)
        if known is None:
            self.lists += 1
            known = _listed(self.files.absolute(folder), folder)
            self._folders.keep(folder, known)
        return known


def _listed(folder: str, shown: str) -> dict[str, str]:
    """Name → kind, sorted; empty where there is no such folder."""
    try:
        with os.scandir(folder) as entries:
            kinds = [(entry.name, _entry_kind(entry)) for entry in entries if entry.name != KEPT]
    except ValueError:  # no path can hold a zero
        return {}
    except OSError as error:
        if error.errno in ABSENT:
            return {}
        raise unreadable(shown or ".", error) from None
    return {name: kind for name, kind in sorted(kinds) if kind}


def _entry_kind(entry: os.DirEntry[str]) -> str | None:
    if entry.is_symlink():
        return _kind(entry.path)
    return "folder" if entry.is_dir() else "file"


def _kind(path: str) -> str | None:
    try:
        os.stat(path)
    except FileNotFoundError:
        return None
    except OSError:
        return "file"
    return "folder" if os.path.isdir(path) else "file"
