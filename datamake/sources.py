"""The remote sources of a project in one run: what there is, what it holds, and local copies of it.

Knows nothing of targets and verdicts. A source is the text of an input: the URL of an object, glob,
folder or archive's members. What has the same version token holds the same; what it holds is known
from earlier runs, or from others by the shared cache.
"""

from __future__ import annotations

from datamake import urls
from datamake.action import Action, Fetch
from datamake.cache import Unshared
from datamake.copies import Copies
from datamake.errors import EnvironmentFailed
from datamake.model import Written
from datamake.tokens import FRESH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
    from typing import Any

    from datamake.objects import Objects
    from datamake.remote import Seen
    from datamake.sightings import Members, Sightings

UNKNOWN = "?"
"""In place of a digest: something is there, and nobody knows its content."""


class Sources:
    """What is known of remote sources in this run.

    `sightings` remembers what was seen and learnt, `options` says those of a URL's store, `now` is
    the clock. Local copies are in the folder `kept`.
    """

    def __init__(
        self,
        kept: str,
        sightings: Sightings,
        options: Callable[[str], Mapping[str, Any]],
        now: Callable[[], float],
    ) -> None:
        self.sightings = sightings
        self.shared = Unshared()
        """What others have learnt."""
        self.written: Container[str] = ()
        """The URLs that targets write, by what is known yet: no part of a glob or folder."""
        self.offline = False
        """Whether no request may be made."""
        self.copies = Copies(kept)
        self._options = options
        self._now = now
        self._seen: dict[str, list[Seen]] = {}
        self._listed: dict[str, Seen] = {}
        """Objects that were seen by way of any source."""
        self._learnt: dict[tuple[str, str], Members] = {}
        self._begun: dict[str, float] = {}
        """Source → when its fetch began."""
        self._objects: Objects | None = None

    def begin(self, *, offline: bool) -> None:
        """A run begins, and looks at everything anew."""
        self.offline = offline
        self._seen.clear()
        self._listed.clear()
        self._learnt.clear()

    @property
    def objects(self) -> Objects:
        """The way to the stores, opened when it is first needed."""
        if self._objects is None:
            from datamake.objects import Objects

            self._objects = Objects(self._options)
        return self._objects

    def look(self, sources: Iterable[str], outputs: Iterable[str] = ()) -> None:
        """Finds out what there is now of each source, all at once, unless that is known by now.

        Raises EnvironmentFailed where a store can't be asked, or where nothing may be asked and a
        source was never seen; an output that was never seen is not there then.
        """
        new = [source for source in dict.fromkeys(sources) if source not in self._seen]
        self._seen.update((url, [self._listed[url]]) for url in new if url in self._listed)
        new = [source for source in new if source not in self._seen]
        written = [url for url in dict.fromkeys(outputs) if url not in self._seen]
        if not new and not written:
            return
        if self.offline:
            last = self.sightings.last
            self._seen.update((url, last(url) or []) for url in written)
            self._seen.update(self._last(new))
            return
        found = self.objects.look([*new, *written])
        self._seen.update(found)
        for source, objects in found.items():
            self.sightings.see(source, objects)
            self._listed.update((seen.url, seen) for seen in objects)

    def hint(self, source: str) -> str:
        """What may have been meant by a source of which nothing is there; `""` if unknown."""
        return "" if self.offline else self.objects.hint(source)

    def seen(self, source: str) -> Sequence[Seen]:
        """What there is of a source; empty where nothing is."""
        self.look([source])
        written = self.written
        return [
            each for each in self._seen[source] if each.url == source or each.url not in written
        ]

    def matching(self, glob: str) -> list[str]:
        """The URLs of the objects that a glob matches."""
        return [seen.url for seen in self.seen(glob)]

    def forget(self, source: str) -> None:
        """Look again at a source when it is next asked about."""
        self._seen.pop(source, None)
        self._listed.pop(source, None)

    def contents(self, source: str) -> tuple[Written, ...] | None:
        """The objects of a source with their digests; None while that of any is unknown."""
        found: list[Written] = []
        for seen in self.seen(source):
            members = self._members(seen)
            if members is None:
                return None
            found += (Written(url_of(seen, member), digest) for member, digest in members)
        return tuple(found)

    def token(self, source: str) -> str:
        """The version of all that there is of a source, in one text."""
        return "token:" + " ".join(seen.token for seen in self.seen(source))

    def digest(self, url: str) -> str | None:
        """The digest of one object; None where nothing is, `UNKNOWN` where only that is known."""
        self.look((), [url])
        for seen in self._seen[url]:
            members = self._members(seen)
            return members[0][1] if members else UNKNOWN
        return None

    def fetching(self, source: str, made: Sequence[Written] = ()) -> Action:
        """The action that brings local copies of a source, and finds out what it holds.

        `made` is what a target has put there, if that is where it comes from.
        """
        self._begun[source] = self._now()
        digests = {written.path: written.digest for written in made}
        fetches = []
        for seen in self.seen(source):
            members = self._members(seen)
            if seen.url in digests:
                members = (("", digests[seen.url]),)
            archive = urls.parsed(seen.url).archive
            place = self.copies.members(seen.url) if archive else self.copies.place(seen.url)
            fetches.append(Fetch(seen, place, members))
        return Action(
            target=source, kind="fetch", fetches=tuple(fetches), staging=self.copies.folder
        )

    def learn(self, source: str, fetched: Sequence[Fetch]) -> None:
        """Takes note of what was fetched, or put there: its tokens as they are now.

        What was fetched is remembered if its token was to be trusted before it was read.
        """
        begun = self._begun.pop(source, None)
        self._seen[source] = [fetch.seen for fetch in fetched]
        self.sightings.see(source, self._seen[source])
        for fetch in fetched:
            seen, members = fetch.seen, fetch.members or ()
            self._learnt[seen.url, seen.token] = members
            if begun is None or _trusted(seen, begun):
                self.sightings.learn(seen.url, seen.token, members)
                if not seen.weak:
                    self.shared.note(seen.url, seen.token, members)
            for member, _ in members:
                self.copies.made(url_of(seen, member))

    def _members(self, seen: Seen) -> Members | None:
        """What an object holds, from this run, earlier ones, or others by the shared cache."""
        key = (seen.url, seen.token)
        known = self._learnt.get(key)
        if known is None and seen.token:
            known = self.sightings.members(*key)
            if known is None and not seen.weak:
                known = self.shared.content(*key)
            if known is not None:
                self._learnt[key] = known
        return known

    def _last(self, sources: Collection[str]) -> dict[str, list[Seen]]:
        """What was last seen of each. Raises EnvironmentFailed."""
        found = {source: self.sightings.last(source) for source in sources}
        never = [source for source, objects in found.items() if objects is None]
        if never:
            raise EnvironmentFailed(
                "offline, and never seen before: "
                + ", ".join(f"`{urls.shown(source)}`" for source in never),
                hint="build once without `--offline`",
            )
        return {source: objects for source, objects in found.items() if objects is not None}


def _trusted(seen: Seen, when: float) -> bool:
    """Whether a token says that nothing has changed: not a weak one that is too fresh then."""
    if not seen.weak:
        return bool(seen.token)
    return seen.time is not None and seen.time < when - FRESH


def url_of(seen: Seen, member: str) -> str:
    """The URL of a member of what was seen; of `""`, its own."""
    if not member:
        return seen.url
    url = urls.parsed(seen.url)
    return f"{url.archive}://{member}::{url.outer}"
