"""The formats of tables, by the name under which tables know them."""

from __future__ import annotations

from datamake.formats import (
    DEFAULT,
    ENDINGS,
    FORMATS,
    TEXT,
    Reading,
    compression_of,
    format_of,
)

__all__ = ["DEFAULT", "ENDINGS", "FORMATS", "TEXT", "Reading", "compression_of", "format_of"]
