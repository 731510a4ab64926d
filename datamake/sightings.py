"""What this machine remembers of remote objects: what was last seen, and what each token stood for.

Knows nothing of stores. A part of `state`, and like it kept in memory until it is written.
"""

from __future__ import annotations

from datamake.database import loaded, packed, stored, unpacked
from datamake.model import Seen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from datamake.database import Change, Database, Row

    Members = tuple[tuple[str, str], ...]
    """What an object holds: (`""`, its digest), or each member of an archive with its digest."""


class Sightings:
    """What is remembered of remote objects. For one thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._learnt: dict[tuple[str, str], Members] = {}
        self._seen: dict[str, list[Seen]] = {}

    def members(self, url: str, token: str) -> Members | None:
        """What an object held when it had this token."""
        if (url, token) in self._learnt:
            return self._learnt[url, token]
        return self._database.read(
            _members,
            "SELECT members FROM contents WHERE url = ? AND token = ?",
            (stored(url), token),
        )

    def learn(self, url: str, token: str, members: Members) -> None:
        """Remember what an object holds."""
        self._learnt[url, token] = members

    def last(self, source: str) -> list[Seen] | None:
        """What was last seen of a source; None where it never was."""
        if source in self._seen:
            return self._seen[source]
        return self._database.read(
            _sighting, "SELECT objects FROM sightings WHERE source = ?", (stored(source),)
        )

    def see(self, source: str, objects: list[Seen]) -> None:
        """Remember what there is of a source now."""
        if objects != self.last(source):
            self._seen[source] = objects

    def changes(self) -> list[Change]:
        """What is new since this was last asked."""
        learnt: list[Row] = [
            (stored(url), token, packed([text for member in members for text in member]))
            for (url, token), members in self._learnt.items()
        ]
        seen = [(stored(source), _packed(objects)) for source, objects in self._seen.items()]
        self._learnt, self._seen = {}, {}
        return [
            ("REPLACE INTO contents VALUES (?, ?, ?)", learnt),
            ("REPLACE INTO sightings VALUES (?, ?)", seen),
        ]


def _members(rows: list[Row]) -> Members | None:
    if not rows:
        return None
    texts = unpacked(rows[0][0])
    return tuple(zip(texts[::2], texts[1::2], strict=True))


def _packed(objects: Sequence[Seen]) -> str | bytes:
    return packed(
        [
            text
            for seen in objects
            for text in (seen.url, seen.token, _text(seen.size), _text(seen.time), "~" * seen.weak)
        ]
    )


def _text(number: float | None) -> str:
    return "" if number is None else repr(number)


def _sighting(rows: list[Row]) -> list[Seen] | None:
    if not rows:
        return None
    texts = iter(unpacked(loaded(rows[0][0])))
    return [
        Seen(url, token, int(size) if size else None, float(time) if time else None, bool(weak))
        for url, token, size, time, weak in zip(texts, texts, texts, texts, texts)  # noqa: B905 - one iterator
    ]
