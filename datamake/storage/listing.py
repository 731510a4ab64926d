"""What is in a store below a URL, by pages where it has them.

Knows nothing of globs and names; that is for who asks.
"""

from __future__ import annotations

from datamake.storage import s3
from datamake.storage.trying import patiently

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from datamake.storage.opening import Store

    Found = tuple[str, Mapping[str, Any]]


def infos(store: Store, base: str, stem: str = "", *, deep: bool = True) -> Iterator[Found]:
    """URL and information of each object below `base`, which ends in `/`.

    Of these only those that `stem` begins the rest of; not `deep`, only those in the folder itself.
    Nothing there is no error. Raises what the store raises.
    """
    if store.scheme != "s3":
        yield from _others(store, base, stem, deep=deep)
        return
    root = store.path(base).rstrip("/") + "/"
    for page, _ in s3.pages(store, root, stem, deep=deep):
        for path, info in page:
            yield base + path[len(root) :], info


def _others(store: Store, base: str, stem: str, *, deep: bool) -> Iterator[Found]:
    system, root = store.system, store.path(base).rstrip("/")
    named: dict[str, Any] = {"prefix": stem} if stem and store.scheme in ("gs", "az") else {}

    def listed() -> list[Mapping[str, Any]]:
        try:
            if deep:
                found = store.call(system.find, root, detail=True, withdirs=False, **named)
                return list(found.values())
            return list(store.call(system.ls, root, detail=True))
        except (FileNotFoundError, NotADirectoryError):
            return []

    for info in patiently(listed, store.tries):
        name = str(info["name"])
        rest = name[len(root) + 1 :]
        is_object = info["type"] in ("file", "link") and not name.endswith("/")
        if is_object and rest.startswith(stem):
            yield base + rest, info
