"""Version tokens: what a store says of an object, in one text that changes when the object does.

Knows no store: an information is the mapping that fsspec gives, of an object asked for or listed.
Only fields that a listing has too are looked at, so that both ways give the same token.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

FRESH = 2.0
"""Seconds in which an object may change again and keep a token that is of size and time alone."""
GENERATIONS = frozenset({"gs", "gcs"})
TAGS = ("ETag", "etag", "e_tag")
TIMES = (
    "LastModified",
    "last_modified",
    "updated",
    "mtime",
    "modified",
    "modify",
    "modificationTime",
    "last_write_time",
    "created",
)
BEYOND = 1e15
"""No time is that far away."""
MILLISECONDS = frozenset({"modificationTime"})


def token(scheme: str, info: Mapping[str, Any]) -> tuple[str, bool] | None:
    """The token of an object, and whether it is weak: of size and time alone.

    None where the store says nothing of a version. A token has no white space in it.
    """
    if scheme in GENERATIONS and info.get("generation"):
        return f"generation:{info['generation']}", False
    size = info.get("size")
    tag = next((str(info[name]) for name in TAGS if info.get(name)), "")
    if not tag.removeprefix("W/").strip('" '):
        tag = ""
    if tag:
        text = "etag:" + _plain(tag)
        exact = scheme in ("http", "https") and not tag.startswith("W/")
        return (text if exact or size is None else f"{text}:{size}"), False
    if info.get("sha"):
        return f"sha:{info['sha']}", False
    time = modified(info)
    if time is None or size is None:
        return None
    return f"modified:{time:.6f}".rstrip("0").rstrip(".") + f":{size}", True


def modified(info: Mapping[str, Any]) -> float | None:
    """When an object was last written, in seconds since 1970, if the store says so."""
    for name in TIMES:
        if info.get(name) is not None:
            seconds = _seconds(info[name])
            return seconds / 1000 if seconds and name in MILLISECONDS else seconds
    return None


def _plain(tag: str) -> str:
    """A tag without its quotes, which stores leave out as they like."""
    weak, bare = ("W/", tag[2:]) if tag.startswith("W/") else ("", tag)
    bare = bare.strip('"')
    return weak + "".join(each if each > " " else f"%{ord(each):02x}" for each in bare)


def _seconds(when: Any) -> float | None:
    """Seconds since 1970 of a number, a time, or a text in one of the forms that stores use."""
    if isinstance(when, (int, float)):
        return float(when) if abs(when) < BEYOND else None
    from datetime import datetime, timezone

    if isinstance(when, str):
        when = _parsed(when)
    if not isinstance(when, datetime):
        return None
    return (when if when.tzinfo else when.replace(tzinfo=timezone.utc)).timestamp()


def _parsed(text: str) -> Any:
    """The time that a text says: of HTTP, of FTP, or of ISO 8601; None if it is none of them."""
    from datetime import datetime, timezone
    from email.utils import parsedate_to_datetime

    if text[:14].isdigit():
        form = "%Y%m%d%H%M%S.%f" if "." in text else "%Y%m%d%H%M%S"
        try:
            return datetime.strptime(text, form).replace(tzinfo=timezone.utc)
        except ValueError:
            return None
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            return read(text.replace("Z", "+00:00") if "T" in text[:11] else text)
        except (ValueError, TypeError, OverflowError):
            continue
    return None
