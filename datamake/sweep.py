"""Looking after a shared cache: what nobody uses any more goes, what is corrupt goes.

Knows nothing of builds, but that they go on meanwhile, on other machines and without locks. Hence:

- A record goes by its last use, and is written down (`v1/dropped/`) before it goes. Its blobs stay
  for as long again as `grace`: a run that began before may go by it, and promise its blobs to others.
- A blob that no record needs stays for `grace`: its record may be about to come.

All times are those of the store, whatever the clock of this machine says.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from tempfile import TemporaryDirectory
from time import time as clock

from datamake.clone import unique
from datamake.downloads import is_right
from datamake.errors import EnvironmentFailed
from datamake.eviction import remove_abandoned
from datamake.layout import BLOB_KEY, BLOBS
from datamake.moves import remove
from datamake.packs import (
    CONTENT,
    FACT,
    LARGEST,
    NAME,
    PACKS,
    RECORD,
    blobs_of,
    identity,
    merged,
    name_of,
    packed,
    trusted,
    unpacked,
)
from datamake.signing import Signer
from datamake.threads import Threads
from datamake.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import TypeVar

    from datamake.packs import Entry
    from datamake.storage import Storage

    T = TypeVar("T")

DROPPED = "v1/dropped/"
CLOCK = "v1/clock/"
TRIES = 5
"""Times that packs are listed."""
AT_ONCE = 32
READERS = 8
"""Blobs that are on the local disk at once, to be looked at."""


@value
class Swept:
    """What went out of a shared cache, or would, and what is left. Sizes are bytes of blobs."""

    entries: int
    blobs: int
    size: int
    left: int
    waiting: int
    """Of what is left, what no record needs any more: a later sweep takes it."""


@value
class Blob:
    """A blob as it is listed."""

    key: str
    size: int
    time: float
    """When it was written; 0 where the store doesn't say."""


@value
class Pack:
    """A pack as it was found."""

    key: str
    size: int
    time: float
    """When it was written; 0 where the store doesn't say."""
    entries: list[Entry]
    corrupt: bool = False


@value
class Limits:
    """What has to go: seconds, bytes, seconds; None is no limit."""

    older_than: float | None
    max_size: int | None
    grace: float


def swept(storage: Storage, limits: Limits, *, dry: bool = False) -> Swept:
    """Drops what was not used for `older_than` seconds, then what goes beyond `max_size` bytes.

    What was used in the last `grace` seconds stays. `dry` only counts. Raises OSError and
    EnvironmentFailed where the store fails, or a newer datamake has been at work.
    """
    now = _now(storage)
    packs, dropped = _packs(storage, PACKS), _packs(storage, DROPPED)
    blobs = _blobs(storage)
    sizes = {digest: blob.size for digest, blob in blobs.items()}
    entries = merged(entry for pack in packs for entry in pack.entries)
    if not {entry.kind for entry in entries} <= {RECORD, CONTENT, FACT}:
        raise EnvironmentFailed(
            "the shared cache holds what a newer datamake wrote",
            hint="run `cache gc --remote` with that one",
        )
    going = _going(entries, sizes, now, limits)
    kept = [entry for entry in entries if identity(entry) not in going]
    since = now - limits.grace
    spared = [entry for pack in dropped if pack.time > since for entry in pack.entries]
    if limits.grace:
        spared += going.values()
    unused = blobs.keys() - _needed(kept)
    ending = [each for each in unused - _needed(spared) if (blobs[each].time or now) <= since]
    if not dry:
        _rewrite(storage, packs, going)
        _delete(storage, [blobs[digest].key for digest in ending])
        _delete(storage, [pack.key for pack in dropped if pack.time <= since])
        remove_abandoned(storage, now)
    freed = sum(sizes[digest] for digest in ending)
    waiting = sum(sizes[digest] for digest in unused) - freed
    return Swept(len(going), len(ending), freed, sum(sizes.values()) - freed, waiting)


def verified(storage: Storage, secret: str = "") -> list[str]:
    """The keys of what is corrupt, after dropping it. Reads everything. Raises as `swept` does."""
    signer = Signer(secret)
    packs, blobs = _packs(storage, PACKS), _blobs(storage)
    strong: dict[str, str] = {}
    for pack in packs:
        for entry in pack.entries:
            if trusted(entry, signer):
                strong.update(blobs_of(entry))
    anyone = Signer("")
    with TemporaryDirectory(prefix="datamake-") as folder:

        def is_whole(digest: str, key: str) -> bool:
            path = f"{folder}/{unique()}"
            try:
                storage.fetch(key, path)
                promised = strong.get(digest)
                return is_right(path, digest, promised or "", signer if promised else anyone)
            except FileNotFoundError:  # gone meanwhile
                return True
            finally:
                remove(path)

        right = _all(
            [partial(is_whole, digest, blob.key) for digest, blob in blobs.items()], READERS
        )
    wrong = [pack.key for pack in packs if pack.corrupt]
    wrong += [blob.key for blob, whole in zip(blobs.values(), right, strict=True) if not whole]
    _delete(storage, wrong)
    return wrong


def counted(storage: Storage) -> dict[str, int]:
    """How many blobs and records there are, and their bytes. Raises as `swept` does."""
    blobs, packs = _blobs(storage), _packs(storage, PACKS)
    return {
        "blobs": len(blobs),
        "blob_bytes": sum(blob.size for blob in blobs.values()),
        "records": len({e.key for pack in packs for e in pack.entries if e.kind == RECORD}),
        "record_bytes": sum(pack.size for pack in packs),
    }


# What is there


def _now(storage: Storage) -> float:
    """The time by the clock of the store."""
    key = f"{CLOCK}{unique()}"
    storage.write(key, b"")
    try:
        times = [time for each, _, time in storage.entries(CLOCK) if each == key]
    finally:
        storage.delete(key)
    return times[0] if times and times[0] else clock()


def _blobs(storage: Storage) -> dict[str, Blob]:
    """Digest → what is there of it."""
    found = {}
    for key, size, time in storage.entries(BLOBS):
        blob = BLOB_KEY(key)
        if blob:
            found[blob[2] + ("/" if blob[3] else "")] = Blob(key, size, time)
    return found


def _packs(storage: Storage, folder: str) -> list[Pack]:
    """All packs in a folder.

    Others may merge some while they are listed and read, so they are listed until there is none
    that is not known; what has been read counts, though it may be gone by then.
    """
    found: dict[str, Pack] = {}
    for _ in range(TRIES):
        new = [
            partial(_pack, storage, key, size, time)
            for key, size, time in storage.entries(folder)
            if NAME(key[len(folder) :]) and key not in found
        ]
        if not new:
            return list(found.values())
        found.update((pack.key, pack) for pack in _all(new, AT_ONCE) if pack is not None)
    raise EnvironmentFailed("the shared cache changes all the time", hint="try again later")


def _pack(storage: Storage, key: str, size: int, time: float) -> Pack | None:
    """A pack, unless it is gone."""
    if size > LARGEST:
        return Pack(key, size, time, [], corrupt=True)
    try:
        data = storage.read(key)
    except FileNotFoundError:
        return None
    try:
        return Pack(key, size, time, unpacked(key.rpartition("/")[2], data, time))
    except ValueError:
        return Pack(key, size, time, [], corrupt=True)


def _needed(entries: Iterable[Entry]) -> set[str]:
    """The digests of all blobs that some records need."""
    return {digest for entry in entries for digest in blobs_of(entry)}


# What goes


def _going(
    entries: Iterable[Entry], sizes: Mapping[str, int], now: float, limits: Limits
) -> dict[tuple[str, ...], Entry]:
    """The entries that go, by identity; least recently used first."""
    uses = Counter(digest for entry in entries for digest in blobs_of(entry))
    left = sum(sizes.get(digest, 0) for digest in uses)
    going = {}
    for entry in sorted(entries, key=lambda entry: entry.used or now):
        used, blobs = entry.used or now, blobs_of(entry)
        if limits.grace and used > now - limits.grace:
            break
        expired = limits.older_than is not None and used < now - limits.older_than
        if not expired and not (blobs and limits.max_size is not None and left > limits.max_size):
            continue
        going[identity(entry)] = entry
        uses.subtract(blobs.keys())
        left -= sum(sizes.get(digest, 0) for digest in blobs if not uses[digest])
    return going


def _rewrite(
    storage: Storage, packs: Iterable[Pack], going: Mapping[tuple[str, ...], Entry]
) -> None:
    """Takes entries out of the packs that they are in, once it is written down that they go."""
    if not going:
        return
    touched = [pack for pack in packs if any(identity(entry) in going for entry in pack.entries)]
    kept = merged(e for pack in touched for e in pack.entries if identity(e) not in going)
    for folder, entries in ((DROPPED, going.values()), (PACKS, kept)):
        if entries:
            data = packed(entries)
            storage.write(folder + name_of(data), data, replace=True)
    _delete(storage, [pack.key for pack in touched])


def _delete(storage: Storage, keys: Iterable[str]) -> None:
    _all([partial(storage.delete, key) for key in keys], AT_ONCE)


def _all(calls: Iterable[Callable[[], T]], at_once: int) -> list[T]:
    """What the calls come to, in their order."""
    threads = Threads("datamake sweep", at_once)
    futures = [threads.submit(call) for call in calls]
    return [future.result() for future in futures]
