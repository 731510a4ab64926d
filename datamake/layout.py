"""How a cache is laid out in its storage: keys, and the text of an action record.

Knows neither storage nor policy. A cache is written by others too: what is not exactly of this form
counts as not there.

    v1/blobs/ab/HASH-SIZE            the bytes of a file
    v1/blobs/ab/HASH-SIZE.folder     the listing of a folder
    v1/actions/ab/FINGERPRINT        the record of an action, JSON
    v1/sizes/BYTES-...               marks that add up to the size; see `eviction`
    tmp/                             what is being written
"""

from __future__ import annotations

import re

from xxhash import xxh3_128_hexdigest

from datamake.model import Record, Written

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

VERSION = 1
BLOBS = "v1/blobs/"
ACTIONS = "v1/actions/"
DIGEST = re.compile(r"[0-9a-f]{32}-(?:0|[1-9][0-9]{0,18})[x/]?").fullmatch
BLOB_KEY = re.compile(
    r"v1/blobs/([0-9a-f]{2})/(\1[0-9a-f]{30}-(?:0|[1-9][0-9]{0,18}))(\.folder)?"
).fullmatch
ACTION_KEY = re.compile(r"v1/actions/([0-9a-f]{2})/(\1[0-9a-f]{30})").fullmatch


def blob_key(digest: str) -> str:
    """Where the bytes of a file are, or the listing of a folder. An executable is a file."""
    assert DIGEST(digest), digest
    name = f"{digest[:-1]}.folder" if digest[-1] == "/" else digest.rstrip("x")
    return f"{BLOBS}{digest[:2]}/{name}"


def action_key(fingerprint: str) -> str:
    """Where the record of an action is."""
    return f"{ACTIONS}{fingerprint[:2]}/{fingerprint}"


def encoded(record: Record) -> bytes:
    """The text of an action record."""
    content = {
        "version": VERSION,
        "fingerprint": record.fingerprint,
        "target": record.target,
        "time": record.time,
        "duration": record.duration,
        "outputs": [[out.path, out.digest, out.name] for out in record.outputs],
        "fields": [list(field) for field in record.fields],
    }
    return _dumped({**content, "hash": _hash(content)})


def decoded(fingerprint: str, data: bytes) -> Record | None:
    """The record that an action record's text stands for; None unless it is whole, for this
    fingerprint and of this version.
    """
    import json

    try:
        content = json.loads(data)
        told = content.pop("hash")
        if content["version"] != VERSION or content["fingerprint"] != fingerprint:
            return None
        if told != _hash(content):
            return None
        outputs = tuple(Written(path, digest, name) for path, digest, name in content["outputs"])
        if not all(DIGEST(out.digest) for out in outputs):
            return None
        return Record(
            target=content["target"],
            fingerprint=fingerprint,
            fields=tuple((kind, subject, text) for kind, subject, text in content["fields"]),
            outputs=outputs,
            time=content["time"],
            duration=content["duration"],
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


def newer(data: bytes) -> bool:
    """Whether an action record says that it is of a version that is not known here."""
    import json

    try:
        version = json.loads(data)["version"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return False
    return isinstance(version, int) and version > VERSION


def _hash(content: dict[str, Any]) -> str:
    return str(xxh3_128_hexdigest(_dumped(content)))


def _dumped(content: dict[str, Any]) -> bytes:
    import json

    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
