"""What is remote, as values: what stores tell of objects, who asks for them, how old they may be.

Knows no stores.
"""

from __future__ import annotations

from datamake.values import value


@value
class Seen:
    """A remote object as its store told of it."""

    url: str
    token: str = ""
    """Its version token; `""` where the store has none."""
    size: int | None = None
    """Bytes."""
    time: float | None = None
    """When it was last modified, in seconds since 1970."""
    weak: bool = False
    """Whether the token is of size and time alone: never shared, nor trusted while it is fresh."""


@value
class Asker:
    """A target that has something at a URL as an input."""

    target: str
    file: str
    place: tuple[str | int, ...]
    """The keys of the input in the Datafile `file`."""
    fetch: bool
    optional: bool


@value
class Remote:
    """What is asked for at a URL: a remote source, or an output of a target."""

    text: str
    """The URL, URL glob or URL folder."""
    askers: dict[str, Asker]
    """By target, in order."""

    @property
    def fetch(self) -> bool:
        """Whether an action gets a copy of it, not just its URL."""
        return any(asker.fetch for asker in self.askers.values())

    @property
    def optional(self) -> bool:
        """Whether it may be absent."""
        return all(asker.optional for asker in self.askers.values())


@value
class Freshness:
    """How old the data of a source may be, in seconds."""

    warn_after: float | None = None
    error_after: float | None = None
    column: str | None = None
    """Whose greatest value is the time of the data; None: when the store last saw it modified."""
