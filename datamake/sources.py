"""The remote sources of a project in one run: what there is, what it holds, and local copies of it.

Knows nothing of targets and verdicts. A source is the text of an input: the URL of an object, glob,
folder or archive's members. What has the same version token holds the same; what it holds is known
from earlier runs, or from others by the shared cache.
"""

from __future__ import annotations

import os

from datamake import urls
from datamake.action import Action, Fetch
from datamake.clone import unique
from datamake.errors import EnvironmentFailed
from datamake.model import Written
from datamake.moves import remove

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from datamake.model import Seen
    from datamake.objects import Objects
    from datamake.sightings import Members
    from datamake.workspace import Workspace

FRESH = 2.0
"""Seconds in which an object may change again and keep a token that is of size and time alone."""
UNKNOWN = "?"
"""In place of a digest: something is there, and nobody knows its content."""


class Sources:
    """What is known of remote sources in this run. `offline` makes no request."""

    def __init__(self, space: Workspace, *, offline: bool = False) -> None:
        self.space = space
        self.offline = offline
        self.copies = os.path.join(space.folder, "remote", unique())
        """The folder of local copies, absolute."""
        self._seen: dict[str, list[Seen]] = {}
        self._learnt: dict[tuple[str, str], Members] = {}
        self._placed: dict[str, tuple[int, ...]] = {}
        """Local copy → how it was when it was made."""
        self._objects: Objects | None = None

    @property
    def objects(self) -> Objects:
        """The way to the stores, opened when it is first needed."""
        if self._objects is None:
            from datamake.objects import Objects

            space = self.space
            self._objects = Objects(
                lambda url: urls.options(
                    space.spec.storage, url, space.variables, space.spec.params
                ),
                space.now,
            )
        return self._objects

    def look(self, sources: Iterable[str], outputs: Iterable[str] = ()) -> None:
        """Finds out what there is now of each source, all at once, unless that is known by now.

        Raises EnvironmentFailed where a store can't be asked, or where nothing may be asked and a
        source was never seen; an output that was never seen is not there then.
        """
        new = [source for source in dict.fromkeys(sources) if source not in self._seen]
        written = [url for url in dict.fromkeys(outputs) if url not in self._seen]
        if not new and not written:
            return
        if self.offline:
            last = self.space.state.sightings.last
            self._seen.update((url, last(url) or []) for url in written)
            self._seen.update(self._last(new))
            return
        found = self.objects.look([*new, *written])
        for source, objects in found.items():
            self.space.state.sightings.see(source, objects)
        self._seen.update(found)

    def seen(self, source: str) -> Sequence[Seen]:
        """What there is of a source; empty where nothing is."""
        self.look([source])
        return self._seen[source]

    def matching(self, glob: str) -> list[str]:
        """The URLs of the objects that a glob matches."""
        return [seen.url for seen in self.seen(glob)]

    def forget(self, source: str) -> None:
        """Look again at a source when it is next asked about."""
        self._seen.pop(source, None)

    def contents(self, source: str) -> tuple[Written, ...] | None:
        """The objects of a source with their digests; None while that of any is unknown."""
        found: list[Written] = []
        for seen in self.seen(source):
            members = self._members(seen)
            if members is None:
                return None
            found += (Written(url_of(seen, member), digest) for member, digest in members)
        return tuple(found)

    def here(self, contents: Iterable[Written]) -> bool:
        """Whether there are local copies of all of these."""
        return all(self.place(each.path) in self._placed for each in contents)

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
        digests = {written.path: written.digest for written in made}
        fetches = []
        for seen in self.seen(source):
            members = self._members(seen)
            if seen.url in digests:
                members = (("", digests[seen.url]),)
            fetches.append(Fetch(seen, self._place(seen), members))
        return Action(target=source, kind="fetch", fetches=tuple(fetches), staging=self.copies)

    def learn(self, source: str, fetched: Sequence[Fetch]) -> None:
        """Takes note of what was fetched, or put there: its tokens as they are now."""
        self._seen[source] = [fetch.seen for fetch in fetched]
        self.space.state.sightings.see(source, self._seen[source])
        for fetch in fetched:
            seen, members = fetch.seen, fetch.members or ()
            self._learnt[seen.url, seen.token] = members
            if self._trusted(seen):
                self.space.state.sightings.learn(seen.url, seen.token, members)
                if not seen.weak:
                    self.space.cache.note(seen.url, seen.token, members)
            for member, _ in members:
                copy = self.place(url_of(seen, member))
                if os.path.exists(copy):
                    self._placed[copy] = _stamp(copy)

    def place(self, url: str) -> str:
        """The absolute path of the local copy of an object or a member, or of a folder of them."""
        return os.path.join(self.copies, *_segments(url))

    def touched(self, url: str) -> bool:
        """Whether a local copy is not as it was made."""
        copy = self.place(url)
        try:
            return _stamp(copy) != self._placed.get(copy)
        except OSError:
            return True

    def close(self) -> None:
        """Removes the local copies."""
        if self._placed or os.path.isdir(self.copies):
            remove(self.copies)

    def _place(self, seen: Seen) -> str:
        """Where the copy of what was seen goes; of an archive the folder for those of its members."""
        archive = urls.parsed(seen.url).archive
        return os.path.join(self.copies, *_archived(seen.url)) if archive else self.place(seen.url)

    def _members(self, seen: Seen) -> Members | None:
        """What an object holds, from this run, earlier ones, or others by the shared cache."""
        key = (seen.url, seen.token)
        known = self._learnt.get(key)
        if known is None and self._trusted(seen):
            known = self.space.state.sightings.members(*key)
            if known is None and not seen.weak:
                known = self.space.cache.content(*key)
            if known is not None:
                self._learnt[key] = known
        return known

    def _trusted(self, seen: Seen) -> bool:
        """Whether a token says that nothing has changed: not a weak one that is too fresh."""
        if not seen.weak:
            return bool(seen.token)
        return seen.time is not None and seen.time < self.space.now() - FRESH

    def _last(self, sources: Collection[str]) -> dict[str, list[Seen]]:
        """What was last seen of each. Raises EnvironmentFailed."""
        found = {source: self.space.state.sightings.last(source) for source in sources}
        never = [source for source, objects in found.items() if objects is None]
        if never:
            raise EnvironmentFailed(
                "offline, and never seen before: "
                + ", ".join(f"`{urls.shown(source)}`" for source in never),
                hint="build once without `--offline`",
            )
        return {source: objects for source, objects in found.items() if objects is not None}


def url_of(seen: Seen, member: str) -> str:
    """The URL of a member of what was seen; of `""`, its own."""
    if not member:
        return seen.url
    url = urls.parsed(seen.url)
    return f"{url.archive}://{member}::{url.outer}"


def _segments(url: str) -> list[str]:
    """The path of the local copy of a URL in the folder of all copies; it ends in the same name."""
    found = urls.parsed(url)
    if found.archive:
        return [*_archived(url), *found.member.split("/")]
    path, mark, query = (
        found.place.partition("?") if found.scheme in urls.WEB else (found.place, "", "")
    )
    folders = path.rstrip("/").split("/")
    if mark:
        folders.insert(-1, _hash(query))
    return [found.scheme, *map(_safe, folders)]


def _archived(url: str) -> list[str]:
    """The same for the folder of an archive's members."""
    found = urls.parsed(url)
    return [found.archive, _hash(found.outer)]


def _hash(text: str) -> str:
    from xxhash import xxh3_64_hexdigest

    return str(xxh3_64_hexdigest(text.encode("utf-8", "surrogateescape")))


def _safe(segment: str) -> str:
    """A segment of a URL as the name of a file."""
    return f"%{segment}" if segment in ("", ".", "..") else segment.replace("\0", "%00")


def _stamp(path: str) -> tuple[int, ...]:
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino
