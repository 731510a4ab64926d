"""What a run has made, on its way into a shared cache: blobs first, then a pack of the records.

Knows nothing of targets. Blobs go in threads while the run goes on; records are told at its end.
"""

from __future__ import annotations

from functools import partial

from datamake.downloads import is_here, is_right, listing_here
from datamake.layout import blob_key
from datamake.packs import record_entry, signed
from datamake.threads import Threads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from concurrent.futures import Future

    from datamake.blobs import Blobs
    from datamake.index import Index
    from datamake.model import Record
    from datamake.packs import Entry
    from datamake.signing import Signer
    from datamake.storage.local import LocalStorage

AT_ONCE = 16


class Uploads:
    """What goes up into a shared cache. One thread uses it."""

    def __init__(self, index: Index, local: LocalStorage, blobs: Blobs, signer: Signer) -> None:
        self._index = index
        self._local = local
        self._blobs = blobs
        self._signer = signer
        self._threads = Threads("datamake upload", AT_ONCE)
        self._sent: dict[str, Future[str]] = {}
        """Digest → its BLAKE2b, once it is there."""
        self._records: dict[str, tuple[Record, Iterable[str]]] = {}
        self._entries: dict[tuple[str, str], Entry] = {}

    def record(self, record: Record) -> bool:
        """Publish a record, its blobs before it; False where they are not in the local cache."""
        needed: set[str] = set()
        for written in record.outputs:
            needed.add(written.digest.rstrip("x"))
            if written.digest[-1] == "/":
                listing = listing_here(self._blobs, written.digest)
                if listing is None:
                    return False
                needed.update(digest.rstrip("x") for digest in listing.files.values())
        if not all(is_here(self._local, digest) for digest in needed):
            return False
        for digest in needed - self._sent.keys():
            self._sent[digest] = self._threads.submit(partial(self._send, digest))
        self._records[record.fingerprint] = (record, needed)
        return True

    def entry(self, entry: Entry) -> None:
        """Publish an entry as it is."""
        self._entries[entry.kind, entry.key] = entry

    def flush(self) -> int:
        """Wait for all that was published, and tell others: of how many records. Raises OSError."""
        records = [self._entry(record, blobs) for record, blobs in self._records.values()]
        there = [entry for entry in records if entry is not None]
        entries = [*there, *self._entries.values()]
        self._records, self._entries = {}, {}
        if entries:
            self._index.publish(entries)
        return len(there)

    def _entry(self, record: Record, blobs: Iterable[str]) -> Entry | None:
        """The entry of a record, unless some blob of it could not be sent."""
        try:
            strong = {digest: self._sent[digest].result() for digest in blobs}
        except (OSError, ValueError):
            return None
        return signed(record_entry(record, strong), self._signer)

    def _send(self, digest: str) -> str:
        """The BLAKE2b of a blob that is now there. Raises OSError, ValueError if it is corrupt.

        One that a record promises is not sent again: who drops a record spares its blobs for as
        long as a run may have gone by it. Any other is, since nobody knows how long it will stay.
        """
        key = blob_key(digest)
        path = self._local.path(key)
        strong = self._signer.strong(path)
        known = self._index.blobs().get(digest)
        if known is None or strong not in ("", known):
            if not is_right(path, digest, strong, self._signer):
                raise ValueError(key)
            self._index.reach.store(key, path)
        return strong
