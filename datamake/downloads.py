"""Blobs out of a shared cache into the local one, each once, verified before they count as there.

Knows nothing of records and targets.
"""

from __future__ import annotations

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

    from datamake.index import Index
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


class Downloads:
    """What comes down from a shared cache. Threads share it. `added` is told sizes in bytes."""

    def __init__(
        self,
        index: Index,
        local: LocalStorage,
        signer: Signer,
        say: Callable[[str, str], None],
        added: Callable[[int], None],
    ) -> None:
        self._index = index
        self._local = local
        self._signer = signer
        self._say = say
        self._added = added
        self._threads = Threads("datamake download", AT_ONCE)
        self._lock = Lock()
        self._open: dict[str, Future[bool]] = {}

    def begin(self, digest: str) -> Future[bool]:
        """Whether the blob of a digest will be in the local cache: it is, or it comes down.

        The future raises EnvironmentFailed where the local disk is full.
        """
        digest = digest.rstrip("x")
        with self._lock:
            if digest in self._open:
                return self._open[digest]
            if self._is_here(digest) or digest not in self._index.blobs():
                known: Future[bool] = Future()
                known.set_result(self._is_here(digest))
                return known
            future = self._threads.submit(partial(self._bring, digest))
            self._open[digest] = future
        future.add_done_callback(lambda _: self._open.pop(digest))
        return future

    def _is_here(self, digest: str) -> bool:
        try:
            size = self._local.size(blob_key(digest))
        except OSError:
            return False
        return size is not None and (digest[-1] == "/" or size == size_of(digest))

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
                folder = self._local.path("")
                raise EnvironmentFailed(f"cannot write `{folder}`", [str(error)]) from None
        self._index.lose(digest)
        return False
