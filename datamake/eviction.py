"""What keeps a cache to its size: least recently used first; and what reads all of it again.

Knows nothing of actions, only of keys, sizes and times of last use.

How the size is known without listing everything at the end of each build, although several working
copies may share the cache: whoever stored something leaves an empty mark, `v1/sizes/BYTES-...`, and
the size is the sum of the marks. A full count replaces the marks that it found when it began by
one, `v1/sizes/BYTES-counted-...`. What is stored meanwhile may be counted twice, which only brings
the next count forward; what a killed build stored is missed, hence there is a full count a day.
"""

from __future__ import annotations

from datamake.clone import unique
from datamake.content import PIECE
from datamake.layout import ACTION_KEY, ACTIONS, BLOB_KEY, BLOBS, decoded, newer
from datamake.listing import parsed
from datamake.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datamake.storage import Storage

SIZES = "v1/sizes/"
DAY = 86400.0
MANY = 10_000
"""A cache of so many entries is shrunk by a tenth more, so that not every build has to count it."""


@value
class Freed:
    """What an eviction removed, or would: files, bytes; and the bytes that are left."""

    entries: int
    size: int
    left: int


def shrunk(
    storage: Storage,
    now: float,
    *,
    max_size: int | None = None,
    older_than: float | None = None,
    grace: float = 0.0,
    dry: bool = False,
) -> Freed:
    """Removes what was not used for `older_than` seconds, then what goes beyond `max_size` bytes.

    What was used in the last `grace` seconds stays. Raises OSError.
    """
    marks = list(storage.entries(SIZES))
    known = [
        (used, size, key)
        for prefix, form in ((BLOBS, BLOB_KEY), (ACTIONS, ACTION_KEY))
        for key, size, used in storage.entries(prefix)
        if form(key)
    ]
    known.sort()
    total = left = sum(size for _, size, _ in known)
    limit = total if max_size is None else max_size
    if total > limit and len(known) > MANY:
        limit -= limit // 10
    removed = 0
    for used, size, key in known:
        expired = older_than is not None and used < now - older_than
        spared = grace and used > now - grace
        if spared or not (expired or left > limit):
            break
        removed += 1
        left -= size
        if not dry:
            storage.delete(key)
    if not dry:
        remove_abandoned(storage, now)
        storage.write(f"{SIZES}{left}-counted-{unique()}", b"")
        for key, _, _ in marks:
            storage.delete(key)
    return Freed(removed, total - left, left)


def kept_to_size(storage: Storage, now: float, max_size: int, added: int) -> Freed | None:
    """Notes that `added` bytes were stored, and shrinks the cache if it is too large by now.

    None where it was not counted. Raises OSError.
    """
    size, counted, marks = added, 0.0, 0
    for key, _, used in storage.entries(SIZES):
        text, _, kind = key[len(SIZES) :].partition("-")
        if not text.isdigit():
            continue
        size += int(text)
        marks += 1
        if kind.startswith("counted"):
            counted = max(counted, used)
    if size <= max_size and now - DAY < counted <= now + DAY and marks < MANY:
        storage.write(f"{SIZES}{added}-{unique()}", b"")
        return None
    return shrunk(storage, now, max_size=max_size)


def corrupt(storage: Storage) -> list[str]:
    """The keys of what is not what its key says, after dropping them. Reads everything."""
    wrong = []
    for key, _, _ in storage.entries(BLOBS):
        blob = BLOB_KEY(key)
        if blob and not _whole(storage, key, blob.group(2), folder=bool(blob.group(3))):
            wrong.append(key)
    for key, _, _ in storage.entries(ACTIONS):
        action = ACTION_KEY(key)
        if action and not _readable(storage, key, action.group(2)):
            wrong.append(key)
    for key in wrong:
        storage.delete(key)
    return wrong


def counts(storage: Storage) -> dict[str, int]:
    """How many blobs and records there are, and their bytes."""
    found = {"blobs": 0, "blob_bytes": 0, "records": 0, "record_bytes": 0}
    for prefix, form, name in ((BLOBS, BLOB_KEY, "blob"), (ACTIONS, ACTION_KEY, "record")):
        for key, size, _ in storage.entries(prefix):
            if form(key):
                found[f"{name}s"] += 1
                found[f"{name}_bytes"] += size
    return found


def remove_abandoned(storage: Storage, now: float) -> None:
    """Removes what killed processes left half-written; no write takes a day."""
    for key, _, used in storage.entries("tmp/"):
        if used < now - DAY:
            storage.delete(key)


def _whole(storage: Storage, key: str, digest: str, *, folder: bool) -> bool:
    from xxhash import xxh3_128

    state = xxh3_128()
    size = 0
    text = b""
    try:
        while piece := storage.read(key, size, PIECE):
            state.update(piece)
            size += len(piece)
            if folder:
                text += piece
        if not folder:
            return digest == f"{state.hexdigest()}-{size}"
        return parsed(text).digest == f"{digest}/"
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False


def _readable(storage: Storage, key: str, fingerprint: str) -> bool:
    try:
        data = storage.read(key)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return decoded(fingerprint, data) is not None or newer(data)
