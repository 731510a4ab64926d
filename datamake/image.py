"""The image of a build that had nothing to do: all that it looked at, so that the next one need only
look whether anything has moved.

Knows nothing of targets. It is kept from importing anything that takes time. An image is written
only when nothing it holds was touched in the seconds before the build that looked at it, so that
equal stamps mean equal content; whatever is in doubt is left to a real build.
"""

from __future__ import annotations

import marshal
import os
import sys
import time
import zlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

FORMAT = f"image-1 {sys.hexversion:x} {sys.platform} {os.uname().machine}"
PLACE = os.path.join(".datamake", "image")
DATAFILE = "Datafile.toml"
SETTLED = 2.0
"""Seconds that all must have been at rest: file systems' clocks may be as coarse."""
COUNTED = ("DATAMAKE_ROOT", "VIRTUAL_ENV", "DATAMAKE_LOCAL_CACHE")
"""Variables that count for every project."""

Stamp = tuple[int, ...]


def up_to_date(folder: str, key: Sequence[str], version: str) -> int | None:
    """How many targets are up to date, seen from `folder`; None where only a build can tell.

    `key` is what was asked for, `version` that of datamake.
    """
    root = _root(folder)
    image = None if root is None else _read(os.path.join(root, PLACE))
    if root is None or image is None or image["key"] != (FORMAT, version, *key):
        return None
    if image["expires"] is not None and time.time() > image["expires"]:
        return None
    if any(os.environ.get(name) != value for name, value in image["env"]):
        return None
    before = os.getcwd()
    os.chdir(root)
    try:
        for path, stamp in zip(image["paths"], image["stamps"], strict=True):
            if _stamp(path) != stamp:
                return None
    finally:
        os.chdir(before)
    count: int = image["count"]
    return count


def write(
    root: str,
    started: float,
    key: Sequence[str],
    version: str,
    seen: Mapping[str, Any],
    holds: Callable[[], bool],
) -> None:
    """Write the image of a build that began at `started` (seconds since 1970).

    `seen` has its `count` of targets, the `paths` (from `root`, or absolute) that it looked at,
    whether anything was there or not, those that will be `gone` as soon as the build has ended, the
    names of the variables (`env`) that count, and `expires`. Where anything but what lies in the
    folder `own`, which datamake has just written to, was touched too lately, no image is written;
    nor where what was seen no longer `holds`, which is asked when all has been looked at.
    """
    before = os.getcwd()
    os.chdir(root)
    try:
        paths = sorted({*seen["paths"], *_datafiles_above(root)})
        found = _settled(paths, seen["own"], (started - SETTLED) * 1e9)
        if found is None or not holds():
            return
        found.update(dict.fromkeys(seen["gone"]))
        image = {
            "key": (FORMAT, version, *key),
            "count": seen["count"],
            "expires": seen["expires"],
            "env": [(name, os.environ.get(name)) for name in {*seen["env"], *COUNTED}],
            "paths": list(found),
            "stamps": list(found.values()),
        }
        _replace(marshal.dumps(image))
    except OSError:
        return  # there is none then, and the next build looks for itself
    finally:
        os.chdir(before)


def _datafiles_above(root: str) -> list[str]:
    """Where a Datafile would make `root` a part of another project."""
    found = []
    while root != os.path.dirname(root):
        root = os.path.dirname(root)
        found.append(os.path.join(root, DATAFILE))
    return found


def _settled(paths: Sequence[str], own: str, limit: float) -> dict[str, Stamp | None] | None:
    """Path → stamp; None if any, but for those in the folder `own`, was touched since `limit` (ns)."""
    found = {}
    for path in paths:
        stamp = found[path] = _stamp(path)
        if not path.startswith(f"{own}/"):
            stamp = stamp or _stamp_above(path)
            if stamp and max(stamp[1:3]) >= limit:
                return None
    return found


def _stamp_above(path: str) -> Stamp | None:
    """The stamp of the nearest folder: it tells whether what is absent has gone only now."""
    stamp = None
    while stamp is None and path and path[0] != "/":
        path = os.path.dirname(path)
        stamp = _stamp(path or ".")
    return stamp


def _replace(body: bytes) -> None:
    place = f"{PLACE}.{os.getpid()}"
    try:
        with open(place, "wb") as file:
            file.write(zlib.crc32(body).to_bytes(4, "little") + body)
        os.replace(place, PLACE)
    except OSError:
        os.unlink(place)
        raise


def _root(folder: str) -> str | None:
    """The nearest folder upwards with an image, if no Datafile stands in between."""
    while not os.path.exists(os.path.join(folder, PLACE)):
        parent = os.path.dirname(folder)
        if parent == folder or os.path.exists(os.path.join(folder, DATAFILE)):
            return None
        folder = parent
    return folder


def _read(path: str) -> dict[str, Any] | None:
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError:
        return None
    if len(content) <= 4 or content[:4] != zlib.crc32(content[4:]).to_bytes(4, "little"):
        return None
    image: dict[str, Any] = marshal.loads(content[4:])  # noqa: S302 - ours, and whole
    return image


def _stamp(path: str) -> Stamp | None:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return (
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_ino,
        status.st_mode,
    )
