"""What the databases have in common: their drivers, and what those say.

Knows no database.
"""

from __future__ import annotations

from importlib import import_module

from datamake.errors import EnvironmentFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

SHOWN = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


class Told:
    """What a driver says: its text, whether it is the environment, the place in a query (from 0)."""

    def __init__(
        self,
        text: str,
        *,
        environment: bool = False,
        place: Callable[[str], int | None] | None = None,
        hint: str = "",
    ) -> None:
        self.text = text
        self.environment = environment
        self.place = place
        self.hint = hint


def driver(name: str) -> Any:
    """The ADBC driver of a database. Raises EnvironmentFailed with an install hint."""
    try:
        return import_module(f"adbc_driver_{name}.dbapi")
    except ImportError:
        raise EnvironmentFailed(
            f"needs the ADBC driver of {SHOWN[name]}",
            hint="install it: `pip install 'datamake[db]'`",
        ) from None


def failures() -> tuple[type[Exception], ...]:
    """What drivers raise."""
    try:
        return (import_module("adbc_driver_manager").Error,)
    except ImportError:
        return ()
