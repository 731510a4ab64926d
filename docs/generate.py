"""Writes the reference pages from the tables that the code itself works by."""  # noqa: INP001 - no package

from __future__ import annotations

from typing import TYPE_CHECKING

from datamake import cli
from datamake.datafile import keys

if TYPE_CHECKING:
    from pathlib import Path


def datafile(output: Path) -> None:
    """The keys of the Datafile."""
    output.write_text(keys.reference(), encoding="utf-8")


def commands(output: Path) -> None:
    """The commands and their options."""
    output.write_text(cli.reference(), encoding="utf-8")
