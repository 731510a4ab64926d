"""Datafiles: from text to a validated `Spec`.

Knows nothing of what the declarations expand to, nor of how anything is built.
"""

from __future__ import annotations

from datamake.datafile.parse import load
from datamake.datafile.positions import locate, place, setting

__all__ = ["load", "locate", "place", "setting"]
