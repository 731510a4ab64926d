"""Data of a web server: what it says of a version, and the bytes of it.

fsspec's own way takes every failure for "not there", and never tries again.
"""

from __future__ import annotations

import time

from datamake.storage.trying import Changed, piece
from datamake.tokens import FRESH, modified
from datamake.tokens import token as token_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from datamake.storage.opening import Store

IDENTITY = {"Accept-Encoding": "identity"}
UNASKED = frozenset({400, 403, 405, 501})
"""Statuses of servers that know no HEAD, and of signed URLs that are for GET alone."""


def probe(store: Store, url: str) -> dict[str, Any]:
    """What a server says of an object, in the words of fsspec; no body is read.

    Raises FileNotFoundError, and what aiohttp raises.
    """
    return dict(_sync(store, _probe, url))


def body(store: Store, url: str, start: int, token: str) -> Iterator[bytes]:
    """The bytes of an object from `start` on, in pieces.

    Raises Changed where the server's answer has another token, if there is one to compare with.
    """
    headers = {"Range": f"bytes={start}-"} if start else {}
    answer = _sync(store, _asked, "GET", url, headers)
    try:
        _raise_for(answer, url)
        found = token_of("http", _said(url, answer))
        if token and found and found[0] != token:
            raise Changed
        skipped = start if start and answer.status != 206 else 0
        while data := _sync(store, piece, answer.content.read):
            if skipped >= len(data):
                skipped -= len(data)
                continue
            yield data[skipped:]
            skipped = 0
    finally:
        answer.close()


def _sync(store: Store, function: Any, *arguments: Any) -> Any:
    """What an asynchronous function gives, called in the thread that fsspec has for them."""
    from fsspec.asyn import sync

    first = (store.system,) if function in (_probe, _asked) else ()
    return sync(store.system.loop, function, *first, *arguments)


async def _probe(system: Any, url: str) -> Mapping[str, Any]:
    answer = await _asked(system, "HEAD", url, {})
    answer.close()
    if answer.status in UNASKED:
        answer = await _asked(system, "GET", url, {"Range": "bytes=0-0"})
        answer.close()
    _raise_for(answer, url)
    return _said(url, answer)


async def _asked(system: Any, method: str, url: str, headers: Mapping[str, str]) -> Any:
    import aiohttp

    session = await system.set_session()
    named = dict(system.kwargs)
    named["headers"] = {**IDENTITY, **named.get("headers", {}), **headers}
    named.setdefault("timeout", aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=15))
    return await session.request(
        method, system.encode_url(url), **{"allow_redirects": True, **named}
    )


def _raise_for(answer: Any, url: str) -> None:
    if answer.status in (404, 410):
        raise FileNotFoundError(url)
    answer.raise_for_status()


def _said(url: str, answer: Any) -> dict[str, Any]:
    """The headers of an answer as an information of fsspec."""
    headers = answer.headers
    whole = headers.get("Content-Range", "").rpartition("/")[2]
    size = whole if answer.status == 206 else headers.get("Content-Length", "")
    if headers.get("Content-Encoding", "identity") != "identity":
        size = ""
    return {
        "name": url,
        "type": "file",
        "size": int(size) if size.isdigit() else None,
        "ETag": headers.get("ETag"),
        "LastModified": headers.get("Last-Modified"),
        "just_now": _just_now(headers),
    }


def _just_now(headers: Mapping[str, str]) -> float | None:
    """The time here, of what was written a moment ago by the server's clock, which may be wrong."""
    written, now = (modified({"mtime": headers.get(name)}) for name in ("Last-Modified", "Date"))
    return None if written is None or now is None or now - written >= FRESH else time.time()
