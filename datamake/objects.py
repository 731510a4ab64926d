"""Remote objects: what is there, in bulk, and their bytes, brought and taken.

Knows nothing of targets, caches, and what was seen before. A URL names an object, what a glob
matches, a folder, or what is in an archive: then its archive is looked at and brought.
"""

from __future__ import annotations

import os
from itertools import islice

from datamake.asking import Asking
from datamake.datafile.shapes import nearest
from datamake.errors import DatamakeError
from datamake.patterns import MAGIC
from datamake.patterns import glob as pattern_of
from datamake.storage.failures import NO_BUCKET, StoreFailed, code_of
from datamake.storage.listing import infos
from datamake.storage.opening import Stores
from datamake.storage.transfer import download, upload
from datamake.storage.trying import Changed
from datamake.tokens import token
from datamake.urls import WEB, UrlError, base, parsed, shown
from datamake.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from datamake.asking import Folder
    from datamake.remote import Seen
    from datamake.storage.transfer import Progress
    from datamake.urls import Url

COMPARED = 1000
"""Objects whose names are compared with one that is not there."""
TRIES = 3
"""How often an object is read that changes meanwhile."""


class Objects:
    """What is in stores. `options` gives those of a URL's store; threads may share it."""

    def __init__(self, options: Callable[[str], Mapping[str, Any]], workers: int = 32) -> None:
        self._stores = Stores(options)
        self._asking = Asking(self._stores, workers)

    def look(self, names: Sequence[str]) -> dict[str, list[Seen]]:
        """What is there, by name, in the order of their URLs: nothing, an object, or those that a
        glob or folder has; for what is in an archive, its archive under that name.

        Raises EnvironmentFailed, DatafileError where a bucket is not there.
        """
        urls = {name: parsed(name) for name in names}
        places = {name: url.outer or url.text for name, url in urls.items()}
        kinds = {place: parsed(place) for place in places.values()}
        folders = {place: _folder(url) for place, url in kinds.items() if url.kind != "path"}
        listed = self._asking.folders({folder: place for place, folder in folders.items()})
        known = {seen.url: seen for found in listed.values() for seen in found}
        exact = [place for place, url in kinds.items() if url.kind == "path"]
        known.update(self._asking.objects(place for place in exact if place not in known))
        there = {place: [known[place]] if place in known else [] for place in exact}
        for place, folder in folders.items():
            pattern = pattern_of(place)
            matching = [seen for seen in listed[folder] if pattern.matches(seen.url)]
            _check_names(place, matching)
            there[place] = sorted(matching, key=lambda seen: seen.url)
        return {
            name: [replace(seen, url=name) for seen in there[place]]
            if urls[name].outer
            else there[place]
            for name, place in places.items()
        }

    def hint(self, name: str) -> str:
        """What may have been meant by the name of an object that is not there; `""` if unknown."""
        url = parsed(name)
        place = url.outer or url.text
        if url.scheme in WEB or parsed(place).kind != "path":
            return ""
        store, _ = self._stores.at(place)
        folder = base(place)
        try:
            if next(infos(store, f"{place}/"), None) is not None:
                return f"`{shown(place)}/` is a folder"
            listed = islice(infos(store, folder, deep=False), COMPARED)
            near = nearest(place[len(folder) :], [found[len(folder) :] for found, _ in listed])
        except Exception as error:  # noqa: BLE001 - whatever a library raises: it was asked in vain
            return "there is no such bucket" if code_of(error) == NO_BUCKET else ""
        return f"did you mean `{shown(folder + near)}`?" if near else ""

    def fetch(self, seen: Seen, path: str, progress: Progress) -> Seen:
        """Make the new file `path` with an object, or with the archive that one is in.

        What it then has, which is not what was seen if it changed since. An error leaves no file.
        Raises EnvironmentFailed, FileExistsError.
        """
        url = parsed(seen.url)
        place = url.outer or url.text
        for _ in range(TRIES):
            store, _ = self._stores.at(place)
            try:
                download(store, place, path, seen.size, seen.token, progress)
                if store.tells_changes:
                    return replace(seen, size=os.stat(path).st_size)
            except Changed:
                pass
            except FileNotFoundError:
                raise _gone(place) from None
            except (DatamakeError, FileExistsError):
                raise
            except Exception as error:  # noqa: BLE001 - whatever a library raises
                raise store.failure(place, error) from None
            now = self._asking.object(place)
            if now is None:
                _remove(path)
                raise _gone(place)
            now = replace(now, url=seen.url)
            if os.path.exists(path):
                if now.token == seen.token:
                    return replace(seen, size=os.stat(path).st_size)
                os.unlink(path)
            seen = now
        raise StoreFailed(
            f"`{shown(place)}` changed while it was read",
            [f"tried {TRIES} times"],
            "wait until whatever writes to it is done",
        )

    def upload(self, path: str, url: str, progress: Progress) -> Seen:
        """Put a local file at a URL, whole or not at all; what its store says of it then.

        Raises EnvironmentFailed.
        """
        place = parsed(url).text
        store, _ = self._stores.at(place)
        try:
            tag = upload(store, place, path, progress)
        except DatamakeError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a library raises
            raise store.failure(place, error) from None
        seen = self._asking.object(place)
        if seen is None:
            raise StoreFailed(
                f"`{shown(place)}` was written, and is not there",
                hint="does anything else remove it?",
            )
        size = os.stat(path).st_size
        if seen.size not in (None, size) or (
            tag and token(store.scheme, {"ETag": tag, "size": size}) != (seen.token, False)
        ):
            raise StoreFailed(
                f"`{shown(place)}` was changed while it was written",
                hint="does anything else write it?",
            )
        return seen


def _folder(url: Url) -> Folder:
    """What to list for a glob or folder: a folder, what names in it begin with, whether deep."""
    folder = base(url.text)
    rest = url.text[len(folder) :]
    if url.kind == "folder":
        return folder, "", True
    first, slash, _ = rest.partition("/")
    return folder, MAGIC.split(first, maxsplit=1)[0], bool(slash) or "**" in first


def _check_names(place: str, found: Sequence[Seen]) -> None:
    """Raises StoreFailed for an object whose name, behind that of its store, makes no URL."""
    for seen in found:
        if "::" in seen.url or ".." in seen.url:
            try:
                parsed(seen.url)
            except UrlError as error:
                raise StoreFailed(
                    f"`{shown(place)}` has an object that no URL names",
                    [str(error)],
                    "rename it, or write a glob that leaves it out",
                ) from None


def _gone(url: str) -> StoreFailed:
    return StoreFailed(
        f"`{shown(url)}` is gone",
        ["it was there when the build asked for it"],
        "build again when whatever writes there is done",
    )


def _remove(path: str) -> None:
    try:  # noqa: SIM105 - contextlib costs start-up time
        os.unlink(path)
    except FileNotFoundError:
        pass
