"""What this machine remembers of remote objects: what was last seen, and what each token stood for.

Knows nothing of stores. A part of `state`, and like it kept in memory until it is written. Of URLs
with secrets these are not written; objects that only such URLs name are not remembered.
"""

from __future__ import annotations

from datamake.database import loaded, packed, stored, unpacked
from datamake.remote import Seen
from datamake.urls import hidden, shown
from datamake.values import replace

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
            (stored(_key(url)), token),
        )

    def learn(self, url: str, token: str, members: Members) -> None:
        """Remember what an object holds."""
        self._learnt[url, token] = members

    def last(self, source: str) -> list[Seen] | None:
        """What was last seen of a source; None where it never was."""
        if source in self._seen:
            return self._seen[source]
        found = self._database.read(
            _sighting, "SELECT objects FROM sightings WHERE source = ?", (stored(_key(source)),)
        )
        return found and [seen if seen.url else replace(seen, url=source) for seen in found]

    def see(self, source: str, objects: list[Seen]) -> None:
        """Remember what there is of a source now."""
        if objects != self.last(source):
            self._seen[source] = objects

    def changes(self) -> list[Change]:
        """What is new since this was last asked."""
        learnt: list[Row] = [
            (stored(_key(url)), token, packed([text for member in members for text in member]))
            for (url, token), members in self._learnt.items()
        ]
        seen = [
            (stored(_key(source)), _packed(source, objects))
            for source, objects in self._seen.items()
            if not any(hidden(each.url) and each.url != source for each in objects)
        ]
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


def _key(url: str) -> str:
    """A name of a URL that holds no secret of it."""
    if not hidden(url):
        return url
    from hashlib import blake2b

    return f"{shown(url)} {blake2b(url.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _packed(source: str, objects: Sequence[Seen]) -> str | bytes:
    """What there is of a source; where that is an object, its URL is left out."""
    return packed(
        [
            text
            for seen in objects
            for text in (
                "" if seen.url == source else seen.url,
                seen.token,
                _text(seen.size),
                _text(seen.time),
                "~" * seen.weak,
            )
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
