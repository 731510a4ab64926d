"""What is in a store below a URL, by pages where it has them.

Knows nothing of globs and names; that is for who asks.
"""

from __future__ import annotations

from datamake.storage.transfer import patiently

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
    if store.scheme == "s3":
        for page in s3_pages(store, base, stem, deep=deep):
            yield from page
        return
    yield from _others(store, base, stem, deep=deep)


def s3_pages(
    store: Store, base: str, stem: str = "", *, deep: bool = True, after: str = ""
) -> Iterator[list[Found]]:
    """The same for S3, a request for each page, in the order of the names; from what is `after`."""
    system = store.system
    bucket, key, _ = system.split_path(store.path(base) + "/")
    key = key if key != "/" else ""
    asked: dict[str, Any] = {"Bucket": bucket, "Prefix": key + stem}
    if not deep:
        asked["Delimiter"] = "/"
    if after:
        asked["StartAfter"] = key + after
    while True:
        answer = patiently(lambda: system.call_s3("list_objects_v2", **asked))
        yield [
            (base + each["Key"][len(key) :], {**each, "size": each["Size"], "type": "file"})
            for each in answer.get("Contents", ())
            if not each["Key"].endswith("/")
        ]
        if not answer.get("IsTruncated"):
            return
        asked.pop("StartAfter", None)
        asked["ContinuationToken"] = answer["NextContinuationToken"]


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

    for info in patiently(listed):
        name = str(info["name"])
        rest = name[len(root) + 1 :]
        is_object = info["type"] in ("file", "link") and not name.endswith("/")
        if is_object and rest.startswith(stem):
            yield base + rest, info
