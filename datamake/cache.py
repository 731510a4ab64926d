"""The cache: what actions made (fingerprint → record), and the bytes of it (digest → blob).

Knows nothing of targets and graphs. Nothing that is wrong with a cache is an error of the build:
what is missing, torn or forged is not there, and what cannot be stored costs one line. The paths
in a record are for comparing, never for writing to.
"""

from __future__ import annotations

import os
from errno import EROFS
from time import time

from datamake.blobs import Blobs
from datamake.clone import FULL
from datamake.errors import EnvironmentFailed
from datamake.eviction import Freed, corrupt, counts, kept_to_size, shrunk
from datamake.layout import action_key, decoded, encoded
from datamake.model import size_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from datamake.listing import Listing
    from datamake.model import Record
    from datamake.storage import Storage

    Contents = tuple[tuple[str, str], ...]


def unheard(line: str) -> None:
    """Where lines go that nobody asked for."""


class Unshared:
    """What a cache does for those who share it, where nobody does: nothing."""

    def content(self, url: str, token: str) -> Contents | None:
        """What others say that an object holds as long as it has this version token.

        Member → digest; the object itself is the member `""`.
        """

    def note(self, url: str, token: str, contents: Contents) -> None:
        """Tell others what an object holds as long as it has this version token."""

    def recall(self, key: str) -> str | None:
        """A fact that others have found out; see `facts`."""

    def tell(self, key: str, text: str) -> None:
        """Tell others a fact."""

    def flush(self) -> bool:
        """At the end of a run, before `trim`: wait until others can have what was stored."""
        return True


class Cache(Unshared):
    """The cache in a storage. Threads may share it, and processes its storage.

    Modes: `read-write`, `read` (nothing is stored), `write` (nothing is looked up or restored) and
    `off`. `max_size` is in bytes; None is no limit. `notice` gets lines for people.
    """

    def __init__(
        self,
        storage: Storage,
        mode: str = "read-write",
        max_size: int | None = None,
        notice: Callable[[str], None] = unheard,
        clock: Callable[[], float] = time,
    ) -> None:
        self.reads = mode in {"read-write", "read"}
        self.writes = mode in {"read-write", "write"}
        self.max_size = max_size
        self._storage = storage
        self._blobs = Blobs(storage, self._corrupt)
        self._notice = notice
        self._clock = clock
        self._said: set[str] = set()
        self._added: list[int] = []

    def has(self, digest: str) -> bool:
        """Whether all its bytes seem to be there, by their sizes; of a folder those of each file.

        It counts as a use, so that what was just found is not what an eviction takes first.
        """
        try:
            return self.reads and self._blobs.has(digest)
        except OSError:
            return False

    def listing(self, digest: str) -> Listing | None:
        """The listing of a folder, if it is there and right."""
        try:
            return self._blobs.listing(digest) if self.reads else None
        except OSError:
            return None

    def lookup(self, fingerprint: str) -> Record | None:
        """The record of the action with this fingerprint."""
        if not self.reads:
            return None
        key = action_key(fingerprint)
        try:
            data = self._storage.read(key)
            self._storage.touch(key)
        except OSError:
            return None
        return decoded(fingerprint, data)

    def remember(self, record: Record) -> bool:
        """Store the record of an action, in place of an older one; whether that worked."""
        if not self.writes:
            return False
        data = encoded(record)
        try:
            self._storage.write(action_key(record.fingerprint), data, replace=True)
        except OSError as error:
            return self._not_stored(error)
        self._added.append(len(data))
        return True

    def store(self, path: str, digest: str, listing: Listing | None = None) -> bool:
        """Store what is at an absolute path and has this digest; whether that worked.

        The `listing` of a folder, where the caller has it, spares reading all its files again.
        """
        if not self.writes:
            return False
        path = path.rstrip("/")
        if self.max_size is not None and size_of(digest) > self.max_size:
            name = path.rpartition("/")[2]
            self._notice(f"`{name}` is larger than the cache may become, so it is not stored")
            return False
        try:
            self._added.append(self._blobs.store(path, digest, listing))
        except OSError as error:
            return self._not_stored(error)
        return True

    def keep(self, path: str, digest: str) -> None:
        """Keep a file that came from elsewhere, in mode `read` too, so that it need not again."""
        if self.reads or self.writes:
            try:
                self._added.append(self._blobs.store(path, digest))
            except OSError as error:
                self._not_stored(error)

    def restore(self, digest: str, path: str) -> bool:
        """Make what has this digest at an absolute path; False where it isn't all there and right.

        A file that is there is replaced, at once; in a folder's place there must be nothing.
        Raises EnvironmentFailed where the disk of `path` is full or cannot be written.
        """
        try:
            return self.reads and self._blobs.restore(digest, path.rstrip("/"))
        except OSError as error:
            if error.errno in FULL or error.errno == EROFS:
                raise EnvironmentFailed(f"cannot write `{path}`", [_text(error)]) from None
            return False

    def trim(self) -> Freed | None:
        """At the end of a build: keep to `max_size`. Costs nothing where nothing was stored."""
        added = sum(self._added)
        self._added.clear()
        if not added or self.max_size is None:
            return None
        try:
            return kept_to_size(self._storage, self._clock(), self.max_size, added)
        except OSError as error:
            self._say("shrink", f"cannot shrink the cache: {_text(error)}")
            return None

    def gc(
        self,
        max_size: int | None = None,
        older_than: float | None = None,
        grace: float = 0.0,
        *,
        dry: bool = False,
    ) -> Freed:
        """Remove what was not used for `older_than` seconds, and what goes beyond `max_size` bytes.

        What was used in the last `grace` seconds stays. `dry` only counts. Raises
        EnvironmentFailed.
        """
        try:
            return shrunk(
                self._storage,
                self._clock(),
                max_size=max_size,
                older_than=older_than,
                grace=grace,
                dry=dry,
            )
        except OSError as error:
            raise EnvironmentFailed("cannot shrink the cache", [_text(error)]) from None

    def verify(self) -> list[str]:
        """The keys of what is corrupt, after dropping it. Raises EnvironmentFailed."""
        try:
            return corrupt(self._storage)
        except OSError as error:
            raise EnvironmentFailed("cannot verify the cache", [_text(error)]) from None

    def stats(self) -> dict[str, int]:
        """How many blobs and records there are, and their bytes."""
        return counts(self._storage)

    def _not_stored(self, error: OSError) -> bool:
        self._say("store", f"cannot store in the cache, going on without: {_text(error)}")
        return False

    def _corrupt(self, key: str) -> None:
        self._say("corrupt", f"dropped what was corrupt in the cache: `{key}`")

    def _say(self, about: str, line: str) -> None:
        """One line about one thing, however often it happens."""
        if about not in self._said:
            self._said.add(about)
            self._notice(line)


def _text(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error)
