"""Packs: what runs have to tell of actions and remote objects, many entries in one object.

Knows nothing of where packs are. A pack is gzip over lines of JSON, sorted,

    [kind, key, made, body, signature, used]

and is never changed. Kinds that are not known here are a newer datamake's: nobody looks them up,
and whoever merges packs keeps them as they are. The paths in a body are for comparing only.
"""

from __future__ import annotations

import json
import re
import zlib
from io import BytesIO

from datamake.content import digest_of
from datamake.layout import DIGEST
from datamake.model import Record, Written
from datamake.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from datamake.signing import Signer

    Contents = tuple[tuple[str, str], ...]

PACKS = "v1/packs/"
NAME = re.compile(r"[0-9a-f]{32}-[1-9][0-9]{0,18}\.gz").fullmatch
RECORD = "record"
CONTENT = "content"
FACT = "fact"
LARGEST = 1 << 30
"""Bytes that a pack may unfold to: nobody's memory is filled by a forged one."""
LATEST = 253_402_300_799
"""The last second, since 1970, that a date can be of."""


@value
class Entry:
    """One thing that is known to all who share a cache. Times are seconds since 1970."""

    kind: str
    key: str
    made: float
    """Of two with the same key, the one made later counts."""
    body: str
    signature: str = ""
    used: float = 0.0
    """When a run last used it, by the clock of the store; 0 as long as that is its pack's time."""


def signed(entry: Entry, signer: Signer) -> Entry:
    """The entry with its signature."""
    return Entry(entry.kind, entry.key, entry.made, entry.body, signer.signature(*_texts(entry)))


def trusted(entry: Entry, signer: Signer) -> bool:
    """Whether the entry is signed as it should be."""
    return signer.accepts(entry.signature, *_texts(entry))


def _texts(entry: Entry) -> tuple[str, ...]:
    return entry.kind, entry.key, repr(entry.made), entry.body


# Packs


def packed(entries: Iterable[Entry]) -> bytes:
    """The pack of some entries: the same, whatever their order."""
    lines = sorted(
        json.dumps([e.kind, e.key, e.made, e.body, e.signature, e.used], separators=(",", ":"))
        for e in entries
    )
    squeeze = zlib.compressobj(wbits=31)
    return squeeze.compress("\n".join(lines).encode()) + squeeze.flush()


def name_of(pack: bytes) -> str:
    """The name that a pack has."""
    return f"{digest_of(pack)}.gz"


def unpacked(name: str, pack: bytes, written: float) -> list[Entry]:
    """The entries of a pack that was written at a time. Raises ValueError if it is not whole."""
    if name_of(pack) != name:
        raise ValueError("not what its name says")
    unfold = zlib.decompressobj(wbits=31)
    try:
        text = unfold.decompress(pack, LARGEST)
    except zlib.error:
        raise ValueError("not a pack") from None
    if not unfold.eof:
        raise ValueError("more than anybody would write")
    return [_entry(line, written) for line in BytesIO(text)]  # line by line: there may be 2^30


def _entry(line: bytes, written: float) -> Entry:
    """The entry of a line. Raises ValueError."""
    try:
        kind, key, made, body, signature, used = json.loads(line)
        times = _seconds(made), _seconds(used)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise ValueError("not an entry") from None
    if not all(isinstance(each, str) for each in (kind, key, body, signature)):
        raise ValueError("not an entry")
    return Entry(kind, key, times[0], body, signature, times[1] or written)


def _seconds(number: object) -> float:
    """A time or a duration. Raises ValueError for what nobody could count or show."""
    if not isinstance(number, (int, float)) or not 0 <= number <= LATEST:
        raise ValueError("not a number of seconds")
    return float(number)


def merged(entries: Iterable[Entry]) -> list[Entry]:
    """The entries, each once, with its last use."""
    found: dict[tuple[str, ...], Entry] = {}
    for entry in entries:
        same = identity(entry)
        if same not in found or found[same].used < entry.used:
            found[same] = entry
    return list(found.values())


def identity(entry: Entry) -> tuple[str, ...]:
    """What two entries have in common that are the same but for their use."""
    return (*_texts(entry), entry.signature)


# Records


def record_entry(record: Record, blobs: Mapping[str, str]) -> Entry:
    """The entry of a record. `blobs`: the digest of each blob that it needs → its BLAKE2b.

    Fields are left out: who has the fingerprint has what it was made from.
    """
    content = {
        "target": record.target,
        "duration": record.duration,
        "outputs": [[out.path, out.digest, out.name] for out in record.outputs],
        "blobs": blobs,
    }
    return Entry(RECORD, record.fingerprint, float(record.time), _dumped(content))


def record_of(entry: Entry) -> Record | None:
    """The record, without fields, that an entry stands for; None if it is not a right one."""
    blobs = blobs_of(entry)
    try:
        content = json.loads(entry.body)
        outputs = tuple(Written(path, digest, name) for path, digest, name in content["outputs"])
        if not all(DIGEST(out.digest) and out.digest.rstrip("x") in blobs for out in outputs):
            return None
        return Record(
            target=str(content["target"]),
            fingerprint=entry.key,
            outputs=outputs,
            time=entry.made,
            duration=_seconds(content["duration"]),
        )
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


def blobs_of(entry: Entry) -> Mapping[str, str]:
    """Digest → BLAKE2b of each blob that a record needs, the files in folders too."""
    try:
        blobs = json.loads(entry.body)["blobs"].items()
        return {digest: str(strong) for digest, strong in blobs if DIGEST(digest)}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}


# Contents of remote objects


def content_entry(url: str, token: str, contents: Contents, made: float) -> Entry:
    """The entry that says what an object holds as long as it has a version token."""
    return Entry(CONTENT, content_key(url, token), made, _dumped(contents))


def content_key(url: str, token: str) -> str:
    """The key of such an entry."""
    return f"{url}\n{token}"


def content_of(entry: Entry) -> Contents | None:
    """Member → digest, as an entry has them; None if it is not a right one."""
    try:
        contents = tuple((member, digest) for member, digest in json.loads(entry.body))
        return contents if all(DIGEST(d) and _is_member(m) for m, d in contents) else None
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def _is_member(path: str) -> bool:
    return path == "" or {"", ".", ".."}.isdisjoint(path.split("/"))


# Facts


def fact_entry(key: str, text: str, made: float) -> Entry:
    """The entry that says what was once found out of a content; see `facts`."""
    return Entry(FACT, key, made, text)


def _dumped(content: object) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"))
