"""Blobs out of a shared cache into the local one, each once, verified before they count as there.

Knows nothing of records and targets.
"""

from __future__ import annotations

import os
from concurrent.futures import Future
from functools import partial
from threading import Lock

from datamake.clone import FULL
from datamake.content import digested
from datamake.errors import EnvironmentFailed
from datamake.layout import blob_key
from datamake.listing import parsed
from datamake.model import size_of
from datamake.threads import Threads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from datamake.blobs import Blobs
    from datamake.index import Index
    from datamake.listing import Listing
    from datamake.signing import Signer
    from datamake.storage.local import LocalStorage

AT_ONCE = 32


def is_right(path: str, digest: str, strong: str, signer: Signer) -> bool:
    """Whether a file is the blob of a digest, and has this BLAKE2b if that is to be looked at.

    Raises OSError.
    """
    if digest[-1] != "/":
        right = digested(path, path)[1].rstrip("x") == digest.rstrip("x")
    else:
        with open(path, "rb") as file:
            try:
                right = parsed(file.read()).digest == digest
            except ValueError:
                right = False
    return right and signer.strong(path) in ("", strong)


def is_here(local: LocalStorage, digest: str) -> bool:
    """Whether the blob of a digest seems to be in a local cache."""
    try:
        size = local.size(blob_key(digest))
    except OSError:
        return False
    return size is not None and (digest[-1] == "/" or size == size_of(digest))


def listing_here(blobs: Blobs, digest: str) -> Listing | None:
    """The listing of a folder, if it is in the local cache and right."""
    try:
        return blobs.listing(digest)
    except OSError:
        return None


class Downloads:
    """What comes down from a shared cache. Threads share it. `added` is told sizes in bytes.

    Its methods raise EnvironmentFailed where the local disk is full.
    """

    def __init__(
        self,
        index: Index,
        local: LocalStorage,
        blobs: Blobs,
        signer: Signer,
        say: Callable[[str, str], None],
        added: Callable[[int], None],
    ) -> None:
        self._index = index
        self._local = local
        self._blobs = blobs
        self._signer = signer
        self._say = say
        self._added = added
        self._threads = Threads("datamake download", AT_ONCE)
        self._lock = Lock()
        self._open: dict[str, Future[bool]] = {}

    def bring(self, digest: str) -> bool:
        """Whether all the bytes of a digest are in the local cache now."""
        if digest[-1] != "/":
            return self._begin(digest).result()
        listing = self.listing(digest)
        if listing is not None:
            files = [self._begin(each) for each in set(listing.files.values())]
            if min([file.result() for file in files], default=True):
                return True
        self._index.lose(digest)
        return False

    def listing(self, digest: str) -> Listing | None:
        """The listing of a folder, if it can be had."""
        return listing_here(self._blobs, digest) if self._begin(digest).result() else None

    def ahead(self, digest: str) -> None:
        """Begin to bring all the bytes of a digest."""

        def begin_files(_: Future[bool]) -> None:
            listing = listing_here(self._blobs, digest)
            for each in set(listing.files.values()) if listing else ():
                self._begin(each)

        brought = self._begin(digest)
        if digest[-1] == "/":
            brought.add_done_callback(begin_files)

    def _begin(self, digest: str) -> Future[bool]:
        """Whether the blob of a digest will be in the local cache: it is, or it comes down."""
        digest = digest.rstrip("x")
        with self._lock:
            if digest in self._open:
                return self._open[digest]
            present = is_here(self._local, digest)
            if present or digest not in self._index.blobs():
                known: Future[bool] = Future()
                known.set_result(present)
                return known
            future = self._threads.submit(partial(self._bring, digest))
            self._open[digest] = future
        future.add_done_callback(lambda _: self._open.pop(digest))
        return future

    def _bring(self, digest: str) -> bool:
        key, strong = blob_key(digest), self._index.blobs().get(digest, "")

        def make(path: str) -> None:
            self._index.reach.fetch(key, path, size_of(digest))
            if not is_right(path, digest, strong, self._signer):
                raise ValueError(key)

        try:
            self._local.put(key, make)
            self._added(self._local.size(key) or 0)
            return True
        except FileNotFoundError:
            self._say("gone", f"what a record promises is not in the shared cache: `{key}`")
        except ValueError:
            self._say("corrupt", f"dropped what was corrupt in the shared cache: `{key}`")
            self._index.drop(key)
        except OSError as error:  # of a store, it was said by whoever was asked
            if error.errno in FULL:
                if isinstance(error, EnvironmentFailed):
                    raise
                folder = self._local.path("")
                raise EnvironmentFailed(
                    f"cannot write `{folder}`", [os.strerror(error.errno)]
                ) from None
        self._index.lose(digest)
        return False
