"""The contents of what targets need, once what makes them is final.

Knows nothing of verdicts. Whoever drives it tells it what has become of each target (`settle`),
before it asks for those that need it.
"""

from __future__ import annotations

from posixpath import join

from datamake.errors import DatamakeError
from datamake.fingerprint import Content
from datamake.patterns import glob
from datamake.urls import shown
from datamake.values import NOTHING, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from datamake.model import Item, Link, Written
    from datamake.workspace import Workspace


@value
class Known:
    """What a target that is final has, for those that need it."""

    fingerprint: str
    outputs: tuple[Written, ...] = ()
    present: bool = True


class InputGone(DatamakeError):
    """An input that was there, or that a target was to make, is not, is too old, or tells nothing."""


class Contents:
    """The contents of inputs."""

    def __init__(self, space: Workspace, failed: Mapping[str, str] = NOTHING) -> None:
        self.space = space
        self.failed = failed
        """Inputs, by their text, that can't be had, and why."""
        self.known: dict[str, Known] = {}
        """Of each target that is final."""

    def settle(self, name: str, known: Known) -> bool:
        """Takes note of what a target has; whether others have been judged by another content."""
        before = self.known.get(name)
        self.known[name] = known
        return before is not None and (before.outputs, before.fingerprint) != (
            known.outputs,
            known.fingerprint,
        )

    def of(self, name: str, unknown: Mapping[str, object] = NOTHING) -> Iterator[Content]:
        """The inputs of a target with their contents, but for those that `unknown` targets make.

        Raises InputGone.
        """
        return self.of_links(name, self.space.graph.links.get(name, ()), unknown)

    def of_links(
        self, name: str, links: Iterable[Link], unknown: Mapping[str, object] = NOTHING
    ) -> Iterator[Content]:
        """The same of other inputs of it, or of a source."""
        remotes = self.space.graph.remotes
        for link in links:
            if link.input.text in self.failed:
                raise InputGone(self.failed[link.input.text])
            for item in link.items:
                if item.path in remotes and not link.input.fetch:
                    yield Content(link, item.path, self._version(item.path))
                elif item.producer is None and item.path in remotes:
                    if item.path not in unknown:
                        yield from self._remote(name, link, item.path)
                elif item.producer is None:
                    yield Content(link, item.path, self._file(item.path))
                elif item.producer not in unknown:
                    for path, digest in self._made(item, self.known[item.producer]):
                        yield Content(link, path, digest, item.producer)

    def _remote(self, name: str, link: Link, source: str) -> Iterator[Content]:
        """The objects of a source, but for those that targets put there: they are items themselves."""
        found = self.known[source].outputs
        asker = self.space.graph.remotes[source].askers.get(name)
        if not found and not (asker and asker.optional):
            raise InputGone(f"there is nothing at `{shown(source)}`")
        owners = self.space.graph.outputs.owners
        for each in found:
            if each.path == source or each.path not in owners:
                yield Content(link, each.path, each.digest)

    def _version(self, source: str) -> str:
        """The version of what is not fetched."""
        for seen in self.space.sources.seen(source):
            if not seen.token:
                raise InputGone(
                    f"nothing tells whether `{shown(seen.url)}` has changed: it has no version",
                    ["without `fetch = false` its content would tell"],
                )
        return self.space.sources.token(source)

    def _file(self, path: str) -> str:
        digest = self.space.files.digest(path)
        if digest is None:
            raise InputGone(f"input `{path}` is gone")
        return digest

    def _made(self, item: Item, known: Known) -> list[tuple[str, str]]:
        """Path and digest of what an item comes down to under its producer's outputs."""
        if not item.path:
            return [("", known.fingerprint)]
        for written in known.outputs:
            if written.path == item.path:
                return [(written.path, written.digest)]
            if written.path == item.inside:
                return self._inside(item, written)
        raise InputGone(f"input `{item.path}` is not there: `{item.producer}` did not make it")

    def _inside(self, item: Item, folder: Written) -> list[tuple[str, str]]:
        entries = {
            join(folder.path, name): digest for name, digest in self.space.entries(folder).items()
        }
        if item.pattern:
            pattern = glob(item.path)
            return [(path, entries[path]) for path in sorted(entries) if pattern.matches(path)]
        if item.path not in entries:
            raise InputGone(
                f"input `{item.path}` is not there",
                [f"it is not in `{folder.path}/`, which `{item.producer}` made"],
            )
        return [(item.path, entries[item.path])]

    def made_paths(self, pending: str) -> list[str]:
        """The files that what a pending foreach needs has made."""
        return [
            path
            for need in self.space.graph.needs[pending]
            for written in self.known[need].outputs
            for path in self._files(written)
        ]

    def _files(self, written: Written) -> list[str]:
        if not written.digest.endswith("/"):
            return [written.path]
        return [join(written.path, name) for name in self.space.entries(written)]
