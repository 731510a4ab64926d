"""The cache where others share it: the local one before a shared one, looked into and added to.

Knows nothing of targets and graphs. What comes down is kept in the local cache, and verdicts need
nothing but packs. As with the local one, nothing that is wrong with it is an error of the build.
"""

from __future__ import annotations

from contextlib import suppress
from time import time

from datamake.cache import Cache, unheard
from datamake.downloads import Downloads
from datamake.index import Index
from datamake.layout import action_key, encoded
from datamake.packs import (
    CONTENT,
    FACT,
    RECORD,
    Entry,
    blobs_of,
    content_entry,
    content_key,
    content_of,
    fact_entry,
    record_of,
    signed,
)
from datamake.reach import Reach
from datamake.signing import Signer
from datamake.uploads import Uploads
from datamake.urls import hidden, shown
from datamake.values import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from datamake.cache import Contents
    from datamake.listing import Listing
    from datamake.model import Record
    from datamake.storage import Storage
    from datamake.storage.local import LocalStorage

WEEK = 7 * 86400.0
"""Seconds after which a record that is used is told again, so that no `gc` takes it for unused."""


@value
class Place:
    """Where a shared cache is."""

    storage: Callable[[], Storage]
    """Opens it, when it is first needed."""
    name: str
    """For people: its URL, without secrets."""
    secret: str = ""
    """What its entries are signed with; `""` for no signatures."""


class SharedCache(Cache):
    """The cache in a local storage, and one in a place that others use too.

    The mode holds for both, but what comes down is kept here in `read` too.
    """

    def __init__(
        self,
        storage: LocalStorage,
        place: Place,
        mode: str = "read-write",
        max_size: int | None = None,
        notice: Callable[[str], None] = unheard,
        clock: Callable[[], float] = time,
    ) -> None:
        super().__init__(storage, mode, max_size, notice, clock)
        signer = Signer(place.secret)
        reach = Reach(place.storage, place.name, notice)
        reach.writes = self.writes
        self._local = storage
        self._signer = signer
        self._index = Index(reach, storage, signer, self._say)
        self._down = Downloads(
            self._index, storage, self._blobs, signer, self._say, self._added.append
        )
        self._up = Uploads(self._index, storage, self._blobs, signer)

    def has(self, digest: str) -> bool:
        """Whether all its bytes are here, or are there by what records say."""
        return super().has(digest) or (self.reads and digest.rstrip("x") in self._index.blobs())

    def listing(self, digest: str) -> Listing | None:
        """The listing of a folder, wherever it is."""
        found = super().listing(digest)
        return self._down.listing(digest) if found is None and self.reads else found

    def lookup(self, fingerprint: str) -> Record | None:
        """The record of the action with this fingerprint; one from others has no fields."""
        record = super().lookup(fingerprint)
        if record is not None or not self.reads:
            return record
        entry = self._index.find(RECORD, fingerprint)
        record = record_of(entry) if entry else None
        if entry is None or record is None:
            return None
        self._renew(entry)
        with suppress(OSError):  # a disk that cannot be written
            self._local.write(action_key(fingerprint), encoded(record), replace=True)
        return record

    def remember(self, record: Record) -> bool:
        """Store the record of an action here, and begin to share it."""
        stored = super().remember(record)
        if stored:
            self.share(record)
        return stored

    def restore(self, digest: str, path: str) -> bool:
        """Make what has this digest at an absolute path, once it is here; see `Cache.restore`."""
        if not self.reads:
            return False
        for _ in range(2):  # what is here may turn out to be corrupt
            brought = self.bring(digest)
            if super().restore(digest, path):
                return True
            if not brought:
                break
        return False

    def ahead(self, digests: Iterable[str]) -> None:
        """Begin to bring here what will soon be restored."""
        for digest in digests if self.reads else ():
            self._down.ahead(digest)

    def content(self, url: str, token: str) -> Contents | None:
        """What others say that an object holds as long as it has this version token."""
        if not self.reads or shown(url) != url:
            return None
        entry = self._index.find(CONTENT, content_key(url, token))
        if entry is None:
            return None
        self._renew(entry)
        return content_of(entry)

    def note(self, url: str, token: str, contents: Contents) -> None:
        """Tell others what an object holds as long as it has this version token.

        Nothing is told of a URL with a secret in it.
        """
        if self.writes and shown(url) == url:
            entry = content_entry(url, token, contents, self._clock())
            self._up.entry(signed(entry, self._signer))

    def recall(self, key: str) -> str | None:
        """A fact that others have found out."""
        entry = self._index.find(FACT, key) if self.reads else None
        if entry is None:
            return None
        self._renew(entry)
        return entry.body

    def tell(self, key: str, text: str) -> None:
        """Tell others a fact, at the end of the run, if they don't know it."""
        known = self._index.find(FACT, key) if self.writes else None
        if self.writes and (known is None or known.body != text):
            self._up.entry(signed(fact_entry(key, text, self._clock()), self._signer))

    def flush(self) -> bool:
        """At the end of a run: wait until others can have what was stored; False where they can't."""
        with suppress(OSError, ValueError):  # said by whoever was asked
            self._up.flush()
        reach = self._index.reach
        return reach.reads and reach.writes == self.writes

    def share(self, record: Record) -> bool:
        """Begin to share a record; False where its bytes are not here, or it was made by hand.

        Nothing more is told of one that is shared by now.
        """
        if record.accepted or not self.writes or any(hidden(out.path) for out in record.outputs):
            return False
        entry = self._index.find(RECORD, record.fingerprint)
        told = record_of(entry) if entry else None
        if entry and told and told.outputs == record.outputs:
            promised = self._index.blobs()
            if all(digest in promised for digest in blobs_of(entry)):
                return True
        return self._up.record(record)

    def bring(self, digest: str) -> bool:
        """Whether all the bytes of a digest are in the local cache now.

        Raises EnvironmentFailed where its disk is full.
        """
        return self._down.bring(digest)

    def _renew(self, entry: Entry) -> None:
        if self.writes and entry.used < self._clock() - WEEK:
            self._up.entry(replace(entry, used=0.0))
