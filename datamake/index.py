"""What the packs of a shared cache say, read once a run; packs written, and merged when many.

Knows nothing of builds. Packs are kept in the local cache, so a run reads only those that are new.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from threading import RLock

from xxhash import xxh3_128_hexdigest

from datamake.packs import (
    LARGEST,
    NAME,
    PACKS,
    RECORD,
    blobs_of,
    merged,
    name_of,
    packed,
    trusted,
    unpacked,
)
from datamake.threads import Threads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from datamake.packs import Entry
    from datamake.reach import Reach
    from datamake.signing import Signer
    from datamake.storage.local import LocalStorage

TRIES = 3
"""Times that packs are listed: others may merge some while they are read."""
READERS = 16
SMALL = 4 << 20
"""Bytes from which on a pack is left alone by those who merge."""
MANY = 16
"""Small packs that there may be."""


class Index:
    """The entries of a shared cache that are signed as they should be. Threads share it."""

    def __init__(
        self, reach: Reach, local: LocalStorage, signer: Signer, say: Callable[[str, str], None]
    ) -> None:
        self.reach = reach
        self._local = local
        self._signer = signer
        self._say = say
        self._kept = f"{PACKS}{xxh3_128_hexdigest(reach.place.encode())}/"
        """The folder of packs in the local cache."""
        self._lock = RLock()
        self._entries: dict[tuple[str, str], Entry] | None = None
        self._blobs: dict[str, str] | None = None
        self._packs: dict[str, tuple[int, float]] = {}
        """Key → size and time of those that were read."""

    def find(self, kind: str, key: str) -> Entry | None:
        """The entry with this key."""
        return self._loaded().get((kind, key))

    def blobs(self) -> Mapping[str, str]:
        """Digest → BLAKE2b of the blobs that records promise to be there."""
        with self._lock:
            if self._blobs is None:
                self._blobs = {}
                for entry in self._loaded().values():
                    if entry.kind == RECORD:
                        self._blobs.update(blobs_of(entry))
            return self._blobs

    def lose(self, digest: str) -> None:
        """Take note that a blob is not there, whatever was promised."""
        with self._lock:
            self.blobs()
            assert self._blobs is not None
            self._blobs.pop(digest.rstrip("x"), None)

    def drop(self, key: str) -> None:
        """Remove a pack or a blob, if that may be."""
        with suppress(OSError):  # a store that can only be read
            self.reach.delete(key)

    def publish(self, entries: list[Entry]) -> None:
        """Put entries where others find them. Raises OSError."""
        self._write(entries)
        if sum(size < SMALL for size, _ in self._packs.values()) > MANY:
            self._merge()

    def _loaded(self) -> dict[tuple[str, str], Entry]:
        with self._lock:
            if self._entries is None:
                self._entries = {}
                with suppress(OSError):  # said by whoever was asked
                    self._take(self._read_all())
            return self._entries

    def _take(self, entries: Iterable[Entry]) -> None:
        assert self._entries is not None
        ignored = 0
        for entry in entries:
            if not trusted(entry, self._signer):
                ignored += 1
                continue
            place = (entry.kind, entry.key)
            known = self._entries.get(place)
            if known is None or _precedence(known) < _precedence(entry):
                self._entries[place] = entry
        if ignored:
            what = "entry that is" if ignored == 1 else "entries that are"
            self._say("sign", f"ignored {ignored:,} {what} not signed with DATAMAKE_CACHE_KEY")

    def _read_all(self) -> list[Entry]:
        """The entries of all packs that are there. Raises OSError."""
        threads = Threads("datamake packs", READERS)
        found: list[Entry] = []
        for _ in range(TRIES):
            listed = {
                key: (size, time)
                for key, size, time in self.reach.entries(PACKS)
                if NAME(key[len(PACKS) :]) and size <= LARGEST and key not in self._packs
            }
            reading = {
                key: threads.submit(partial(self._read, key, *about))
                for key, about in listed.items()
            }
            gone = False
            for key, future in reading.items():
                try:
                    found += future.result()
                    self._packs[key] = listed[key]
                except FileNotFoundError:
                    gone = True
                except OSError:
                    continue
                except ValueError:
                    self._say("corrupt", f"dropped what was corrupt in the shared cache: `{key}`")
                    self.drop(key)
            if not gone:
                break
        self._forget_gone()
        return found

    def _read(self, key: str, size: int, written: float) -> list[Entry]:
        """The entries of a pack. Raises OSError, and ValueError where it is corrupt."""
        name = key[len(PACKS) :]
        with suppress(OSError, ValueError):
            return unpacked(name, self._local.read(self._kept + name), written)
        data = self.reach.read(key, size)
        entries = unpacked(name, data, written)
        self._keep(name, data)
        return entries

    def _write(self, entries: list[Entry]) -> str:
        """The key of the pack that now has these entries. Raises OSError."""
        data = packed(entries)
        name = name_of(data)
        self.reach.write(PACKS + name, data)
        self._keep(name, data)
        self._packs[PACKS + name] = (len(data), 0.0)
        return PACKS + name

    def _merge(self) -> None:
        """Make one of the small packs. What others merge meanwhile is twice there, never lost."""
        small = {key: about for key, about in self._packs.items() if about[0] < SMALL}
        entries = [entry for key, about in small.items() for entry in self._read(key, *about)]
        whole = self._write(merged(entries))
        for key in small.keys() - {whole}:
            self.drop(key)
            del self._packs[key]

    def _keep(self, name: str, data: bytes) -> None:
        with suppress(OSError):  # then it is read again the next time
            self._local.write(self._kept + name, data, replace=True)

    def _forget_gone(self) -> None:
        """Drop the packs kept here that are there no more."""
        with suppress(OSError):  # a disk that cannot be written
            for key, _, _ in list(self._local.entries(self._kept)):
                if PACKS + key[len(self._kept) :] not in self._packs:
                    self._local.delete(key)


def _precedence(entry: Entry) -> tuple[float, str, float]:
    """What says which entry counts, whatever the order that they are read in."""
    return entry.made, entry.body, entry.used
