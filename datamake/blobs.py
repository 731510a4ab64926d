"""The store: the bytes of files and folders by digest, in a storage.

Knows nothing of actions, sizes and modes. Whatever it hands out was verified; what turns out to be
wrong is dropped and counts as not there.
"""

from __future__ import annotations

import os

from datamake.clone import sibling
from datamake.content import digested
from datamake.files import fresh_listing
from datamake.layout import blob_key
from datamake.listing import Listing, parents, parsed
from datamake.model import size_of
from datamake.moves import remove

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from datamake.storage import Storage


class Blobs:
    """The store in a storage. `dropped` is told the key of what was wrong."""

    def __init__(self, storage: Storage, dropped: Callable[[str], None]) -> None:
        self._storage = storage
        self._dropped = dropped

    def has(self, digest: str) -> bool:
        """Whether all the bytes seem to be there, by their sizes; of a folder those of each file.

        It counts as a use, so that what was just found is not what an eviction takes first.
        """
        if digest[-1] != "/":
            return self._there(digest)
        listing = self.listing(digest)
        return listing is not None and all(map(self._there, set(listing.files.values())))

    def listing(self, digest: str) -> Listing | None:
        """The listing of a folder, if it is there and right."""
        key = blob_key(digest)
        try:
            listing = parsed(self._storage.read(key))
        except FileNotFoundError:
            return None
        except ValueError:
            self._drop(key)
            return None
        if listing.digest != digest:
            self._drop(key)
            return None
        self._storage.touch(key)
        return listing

    def store(self, path: str, digest: str, listing: Listing | None = None) -> int:
        """How many bytes had to be stored for what is at an absolute path. Raises OSError.

        Of a folder the files come first: where there is a listing, its files were there too.
        """
        if digest[-1] != "/":
            return self._store_file(path, digest)
        listing = listing or fresh_listing(path)
        added = sum(self._store_file(f"{path}/{name}", it) for name, it in listing.files.items())
        text = listing.text
        self._storage.write(blob_key(listing.digest), text, replace=True)
        return added + len(text)

    def restore(self, digest: str, path: str) -> bool:
        """Whether what has this digest could be made at an absolute path. Raises OSError.

        A file that is there is replaced, at once; in a folder's place there must be nothing.
        """
        staged = sibling(path)
        make = self._make_folder if digest[-1] == "/" else self._make_file
        done = False
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if make(digest, staged):
                os.rename(staged, path)
                done = True
        finally:
            if not done:
                remove(staged)
        return done

    def _there(self, digest: str) -> bool:
        key = blob_key(digest)
        return self._storage.size(key) == size_of(digest) and self._storage.touch(key)

    def _store_file(self, path: str, digest: str) -> int:
        if self._there(digest):
            return 0
        self._storage.store(blob_key(digest), path)
        return size_of(digest)

    def _make_file(self, digest: str, path: str) -> bool:
        """Whether a new file with this digest could be made. May leave a wrong one."""
        key = blob_key(digest)
        try:
            self._storage.fetch(key, path)
        except FileNotFoundError:
            return False
        bare = digest.rstrip("x")
        if digested(path, path)[1] != bare:
            self._drop(key)
            return False
        if bare != digest:
            mode = os.stat(path).st_mode
            os.chmod(path, mode | (mode & 0o444) >> 2)
        self._storage.touch(key)
        return True

    def _make_folder(self, digest: str, path: str) -> bool:
        """Whether a new folder with this digest could be made. May leave half of it.

        Links come last, so nothing is ever written through one.
        """
        listing = self.listing(digest)
        if listing is None:
            return False
        os.mkdir(path)
        folders = {folder for name in (*listing.files, *listing.links) for folder in parents(name)}
        for folder in folders | {*listing.folders}:
            os.makedirs(f"{path}/{folder}", exist_ok=True)
        for name, content in listing.files.items():
            if not self._make_file(content, f"{path}/{name}"):
                return False
        for name, target in listing.links.items():
            os.symlink(target, f"{path}/{name}")
        return True

    def _drop(self, key: str) -> None:
        self._dropped(key)
        try:  # noqa: SIM105 - contextlib costs start-up time
            self._storage.delete(key)
        except OSError:  # a cache that can only be read; what is wrong there is found each time
            pass
