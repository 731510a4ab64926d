"""Text that may hold anything, written so that it stands on one line: percent-encoding, both ways.

Knows nothing of what the text means. What is encoded is control characters, `%` itself, and the
bytes of a file name that are not UTF-8 (in text: surrogates); all else stays readable.
"""

from __future__ import annotations

import re

UNSAFE = re.compile("[\x00-\x1f%\x7f\udc80-\udcff]")
ENCODED = re.compile("%([0-9A-F]{2})")


def quoted(text: str) -> str:
    """`text` on one line, without tabs and with nothing in it that UTF-8 cannot hold."""
    if not UNSAFE.search(text):
        return text
    return UNSAFE.sub(lambda match: f"%{ord(match[0]) & 0xFF:02X}", text)


def unquoted(text: str) -> str:
    """What `quoted` was given."""
    return ENCODED.sub(_decoded, text) if "%" in text else text


def _decoded(match: re.Match[str]) -> str:
    byte = int(match[1], 16)
    return chr(byte if byte < 0x80 else 0xDC00 + byte)
