"""Names that are Python's to know: time zones and encodings of texts.

Knows nothing of where they stand. What it asks is imported where there is one to ask about.
"""

from __future__ import annotations

import re

from datamake.datafile.shapes import nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

OFFSET = re.compile(r"[+-][0-9]{2}:?[0-9]{2}")

USUAL = (
    *("utf-8", "utf-16", "utf-32", "latin-1", "iso-8859-15", "cp437", "cp850", "cp1250", "cp1251"),
    *("cp1252", "mac-roman", "koi8-r", "shift-jis", "euc-jp", "gb18030", "big5", "euc-kr"),
)
"""Encodings that may have been meant."""


def zone_reason(found: Any) -> str:
    """The rest of a message for a text that is no time zone, where this machine knows any."""
    if type(found) is not str or "{" in found or found == "UTC" or OFFSET.fullmatch(found):
        return ""
    import zoneinfo

    try:
        zoneinfo.ZoneInfo(found)
    except (KeyError, ValueError, OSError):
        known = zoneinfo.available_timezones()
        return _not_there("time zone", found, known) if known else ""
    return ""


def encoding_reason(found: Any) -> str:
    """The rest of a message for a text that is no encoding of texts."""
    if type(found) is not str or "{" in found:
        return ""
    import codecs

    try:
        if isinstance(codecs.encode("", found), bytes):
            return ""
    except (LookupError, ValueError, TypeError):  # the last: of bytes, as `base64`
        pass
    return _not_there("encoding", found, USUAL)


def _not_there(what: str, found: str, known: Iterable[str]) -> str:
    near = nearest(found, sorted(known))
    return f": there is no {what} `{found}`" + (f"; did you mean `{near}`?" if near else "")
