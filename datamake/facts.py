"""What was once found out of a content, by key → text: what tables hold, what checks found.

Knows nothing of what the texts mean. A part of `state`, and like it kept in memory until it is
written. Facts never change; those that have grown old are forgotten, and found out again.
"""

from __future__ import annotations

from datamake.database import loaded, stored

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datamake.database import Change, Database, Row

OLD = 180 * 86400.0
"""Seconds after which a fact is forgotten."""


class Facts:
    """Facts of one project. For one thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, str | None] = {}
        self._new: dict[str, tuple[float, str]] = {}

    def recall(self, key: str) -> str | None:
        """The text of a fact."""
        if key not in self._known:
            self._known[key] = self._database.read(
                _text, "SELECT text FROM facts WHERE key = ?", (stored(key),)
            )
        return self._known[key]

    def note(self, key: str, text: str, time: float) -> None:
        """Remember a fact that was found out at a time, in seconds since 1970."""
        self._known[key] = text
        self._new[key] = time, text

    def all(self) -> dict[str, str]:
        """All of them."""
        found = self._database.read(_facts, "SELECT key, text FROM facts")
        return {**found, **{key: text for key, (_, text) in self._new.items()}}

    def changes(self, *, sweep: bool) -> list[Change]:
        """What is new since this was last asked; at a `sweep` what is old goes."""
        new: list[Row] = [(stored(k), time, stored(text)) for k, (time, text) in self._new.items()]
        self._new = {}
        return [
            ("REPLACE INTO facts VALUES (?, ?, ?)", new),
            ("DELETE FROM facts WHERE time < strftime('%s', 'now') - ?", [(OLD,)] if sweep else []),
        ]


def _facts(rows: list[Row]) -> dict[str, str]:
    return {loaded(key): loaded(text) for key, text in rows}


def _text(rows: list[Row]) -> str | None:
    return loaded(rows[0][0]) if rows else None
