"""What stores say of many objects, asked with few requests: by listings where names are close.

Knows nothing of globs and archives. What a listing leaves out is asked for by itself, for listings
may lie, be old, or be forbidden.
"""

from __future__ import annotations

import os
from functools import partial

from datamake.errors import DatafileError, Problem
from datamake.remote import Seen
from datamake.storage import s3
from datamake.storage.failures import NO_BUCKET, code_of, status_of
from datamake.storage.listing import infos
from datamake.storage.trying import patiently
from datamake.threads import Threads
from datamake.tokens import modified, token

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any, TypeVar

    from datamake.storage.opening import Store, Stores

    Folder = tuple[str, str, bool]
    """URL ending in `/`, what the rest of a name begins with, whether folders in it count."""
    T = TypeVar("T")
    U = TypeVar("U")

FEW = 4
"""So many objects are asked for one by one: a listing would not be quicker."""
PAGE = 1000
"""Names that one request may tell of."""
POOR = 8
"""Names below which a page of a listing was not worth its request."""
BURST = 32


class Asking:
    """Questions to stores, `workers` at a time."""

    def __init__(self, stores: Stores, workers: int) -> None:
        self._stores = stores
        self._workers = workers

    def folders(self, wanted: Mapping[Folder, str]) -> dict[Folder, list[Seen]]:
        """The objects in folders. Folder → the URL that a message names. Raises DatafileError."""
        return dict(zip(wanted, self._parallel(self._folder, list(wanted.items())), strict=True))

    def objects(self, urls: Iterable[str]) -> dict[str, Seen]:
        """What is at URLs of objects, without what is not there."""
        groups: dict[tuple[str, str], list[str]] = {}
        for url in urls:
            scheme = self._stores.at(url)[0].scheme
            groups.setdefault((scheme, _group(scheme, url)), []).append(url)
        single: list[str] = []
        listed: list[list[str]] = []
        for (scheme, _), members in groups.items():
            if scheme == "http" or len(members) < FEW:
                single += members
            else:
                members.sort(key=os.fsencode)
                size = PAGE if scheme == "s3" else len(members)
                listed += [members[n : n + size] for n in range(0, len(members), size)]
        found: dict[str, Seen] = {}
        for part in self._parallel(self._listed, listed):
            found.update(part)
        single += [url for group in listed for url in group if url not in found]
        for seen in self._parallel(self.object, single):
            if seen is not None:
                found[seen.url] = seen
        return found

    def object(self, url: str) -> Seen | None:
        """What is at the URL of an object, None for nothing."""
        store, path = self._stores.at(url)
        try:
            info = _info(store, url, path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except Exception as error:  # noqa: BLE001 - whatever a library raises
            raise store.failure(url, error) from None
        return None if info.get("type") == "directory" else seen_of(store, url, info)

    def _folder(self, wanted: tuple[Folder, str]) -> list[Seen]:
        (base, stem, deep), shown = wanted
        store, _ = self._stores.at(base)
        try:
            return [seen_of(store, url, info) for url, info in infos(store, base, stem, deep=deep)]
        except Exception as error:  # noqa: BLE001 - whatever a library raises
            failed = store.failure(shown, error)
            if not isinstance(error, FileNotFoundError):
                raise failed from None
            if code_of(error) != NO_BUCKET:
                return []
            raise DatafileError([Problem(failed.headline, hint=failed.hint)]) from None

    def _listed(self, urls: list[str]) -> dict[str, Seen]:
        """Some of what is at these URLs, which are sorted; what is left out may be there too."""
        store, _ = self._stores.at(urls[0])
        try:
            if store.scheme == "s3":
                return _scanned(store, urls)
            base = urls[0].rpartition("/")[0] + "/"
            wanted = set(urls)
            return {
                url: seen_of(store, url, info)
                for url, info in infos(
                    store, base, _common(urls[0], urls[-1])[len(base) :], deep=False
                )
                if url in wanted
            }
        except FileNotFoundError:
            return {}
        except Exception as error:  # noqa: BLE001 - whatever a library raises
            if status_of(error) == 403 or isinstance(error, PermissionError):
                return {}  # who may not list may still read
            raise store.failure(urls[0], error) from None

    def _parallel(self, call: Callable[[T], U], items: Sequence[T]) -> list[U]:
        """What a call gives for each, in order; the first error ends it."""
        if len(items) < 2:
            return [call(item) for item in items]
        threads = Threads("datamake asking", self._workers)
        waiting = [threads.submit(partial(call, item)) for item in items]
        try:
            return [each.result() for each in waiting]
        except BaseException:
            threads.drop()
            raise


def seen_of(store: Store, url: str, info: Mapping[str, Any]) -> Seen:
    """An object as an information of fsspec tells of it."""
    text, weak = token(store.scheme, info) or ("", False)
    return Seen(url, text, info.get("size"), info.get("just_now") or modified(info), weak)


def _group(scheme: str, url: str) -> str:
    """What one listing can be of: a bucket of S3, elsewhere a folder."""
    if scheme == "s3":
        return "/".join(url.split("/", 3)[:3])
    return url.rpartition("/")[0]


def _scanned(store: Store, urls: list[str]) -> dict[str, Seen]:
    """What pages of a listing of S3 tell of sorted URLs.

    A page begins with the first name that is not known yet, so no page is in vain. Where names are
    far apart, so that pages tell of few, more and more are left out between them.
    """
    base = "/".join(urls[0].split("/", 3)[:3]) + "/"
    root = store.path(base).rstrip("/") + "/"
    stem = _common(urls[0], urls[-1])[len(base) :]
    wanted, found = set(urls), {}
    place, burst = 0, BURST
    while place < len(urls):
        after = _before(urls[place][len(base) :])
        page, more = next(s3.pages(store, root, stem, after=after))
        listed = {base + path[len(root) :]: info for path, info in page}
        found.update({url: seen_of(store, url, listed[url]) for url in wanted & listed.keys()})
        last = os.fsencode(max(listed, key=os.fsencode, default=urls[place])) if more else None
        begun = place
        while place < len(urls) and (last is None or os.fsencode(urls[place]) <= last):
            place += 1
        if place - begun < POOR:
            place += burst
            burst *= 2
    return found


def _common(one: str, other: str) -> str:
    """What two texts begin with, and so all between them in order."""
    size = next(
        (n for n, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), None
    )
    return one[: min(len(one), len(other)) if size is None else size]


def _before(key: str) -> str:
    """A text that a key comes right after, in the order of a listing."""
    rest, last = key[:-1], ord(key[-1])
    return f"{rest}{chr(last - 1)}~" if 0x21 < last < 0x7F else rest


def _info(store: Store, url: str, path: str) -> Mapping[str, Any]:
    """What a store says of one object, in one request."""
    if store.scheme == "s3":
        return s3.info(store, path)
    if store.scheme == "http":
        from datamake.storage.web import probe

        return patiently(lambda: probe(store, url))
    info: Mapping[str, Any] = patiently(lambda: store.call(store.system.info, path), store.tries)
    return info
