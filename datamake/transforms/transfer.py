"""Transfers between stores and this machine: local copies of remote objects, and uploads.

Knows nothing of targets. Unlike the other transforms it has more to say than how it went: what the
stores told, and what the objects hold.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import wait
from functools import partial

from datamake.action import Fetch, Result
from datamake.clone import unique
from datamake.content import digested
from datamake.errors import DatamakeError, EnvironmentFailed
from datamake.moves import remove
from datamake.tokens import FRESH
from datamake.urls import parsed, shown
from datamake.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeVar

    from datamake.action import Action
    from datamake.remote import Seen
    from datamake.transforms import Workshop

    T = TypeVar("T")


GLANCE = 0.2
"""Seconds between two looks whether the build is ending: a store may be silent for much longer."""


class Ended(Exception):
    """The build is ending, and the transfer with it."""


def fetched(action: Action, workshop: Workshop) -> Result:
    """Local copies of objects, from the cache or else from their stores, and what they hold."""
    os.makedirs(action.staging, exist_ok=True)
    return _result(action, workshop, lambda each: _fetched(each, action, workshop), action.fetches)


def uploaded(action: Action, workshop: Workshop) -> Result:
    """Local files (of `copies`) put where their URLs say, and what the stores say of them."""
    return _result(
        action, workshop, lambda copy: _uploaded(*copy, action.target, workshop), action.copies
    )


def _result(
    action: Action, workshop: Workshop, transfer: Callable[[T], Fetch], all_of_it: Iterable[T]
) -> Result:
    started = time.monotonic()
    try:
        waiting = [workshop.transfers.submit(partial(transfer, each)) for each in all_of_it]
        while wait(waiting, GLANCE).not_done:
            if workshop.keepers.ending:
                raise Ended  # noqa: TRY301 - as those that are on their way
        found = tuple(each.result() for each in waiting)
    except Ended:
        return Result(action.target, "interrupted")
    except DatamakeError as error:
        facts = (*error.facts, f"hint: {error.hint}") if error.hint else error.facts
        return Result(action.target, error.headline, facts, (), time.monotonic() - started)
    finally:
        workshop.progress.pop(action.target, None)
    return Result(action.target, fetched=found, duration=time.monotonic() - started)


def _fetched(fetch: Fetch, action: Action, workshop: Workshop) -> Fetch:
    """What was fetched; each version once in a build, whoever asks for it."""
    if workshop.keepers.ending:
        raise Ended
    url, token = fetch.seen.url, fetch.seen.token
    with workshop.alone(url):
        done = workshop.brought.get(url)
        if done is not None and done.seen.token == token != "":
            return replace(done, came=None)
        try:
            done = workshop.brought[url] = _brought(fetch, action, workshop)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            raise _clash(fetch) from None
    return done


def _clash(fetch: Fetch) -> EnvironmentFailed:
    """What to say of an object where there is another above or below it."""
    url, place = fetch.seen.url, fetch.place
    while not os.path.lexists(place):
        url, place = url.rpartition("/")[0], os.path.dirname(place)
    return EnvironmentFailed(
        f"`{shown(url)}` is an object, and what is below `{shown(url)}/` too: "
        "one path cannot be both a file and a folder",
        hint="rename one of them, or read only one",
    )


def _brought(fetch: Fetch, action: Action, workshop: Workshop) -> Fetch:
    if fetch.members is not None and _restored(fetch, workshop):
        return fetch
    if parsed(fetch.seen.url).archive:
        return _unpacked(fetch, action, workshop)
    staged = os.path.join(action.staging, f".{unique()}")
    seen = _downloaded(fetch, staged, action, workshop)
    came = os.stat(staged).st_size
    return replace(
        fetch, seen=seen, came=came, members=(("", _kept(staged, fetch.place, workshop)),)
    )


def _downloaded(fetch: Fetch, path: str, action: Action, workshop: Workshop) -> Seen:
    """Bring an object, or the archive that its members are in."""
    if workshop.objects is None:
        raise EnvironmentFailed(
            f"offline, and the content of `{shown(fetch.seen.url)}` is not in the cache",
            hint="build once without `--offline`",
        )
    progress = _progress(action.target, fetch.seen.url, workshop)
    return workshop.objects().fetch(fetch.seen, path, progress)


def _restored(fetch: Fetch, workshop: Workshop) -> bool:
    """Whether all that is known of it could be made from the cache."""
    cache = workshop.cache
    return cache is not None and all(
        cache.restore(digest, os.path.join(fetch.place, member) if member else fetch.place)
        for member, digest in fetch.members or ()
    )


def _unpacked(fetch: Fetch, action: Action, workshop: Workshop) -> Fetch:
    """The members of an archive, which is brought once for all that are looked for in it."""
    from datamake.archives import extract

    archive = f"{fetch.place}.archive"
    with workshop.alone(archive):
        if archive not in workshop.archives:
            os.makedirs(os.path.dirname(archive), exist_ok=True)
            workshop.archives[archive] = _downloaded(fetch, archive, action, workshop)
            fetch = replace(fetch, came=os.stat(archive).st_size)
        seen = replace(workshop.archives[archive], url=fetch.seen.url)
    folder = os.path.join(action.staging, f".{unique()}")
    found = extract(fetch.seen.url, archive, folder)
    members = tuple(
        (member, _kept(path, os.path.join(fetch.place, member), workshop)) for member, path in found
    )
    remove(folder)
    return replace(fetch, seen=seen, members=members)


def _kept(staged: str, place: str, workshop: Workshop) -> str:
    """The digest of a file, which goes where it is wanted, and into the cache."""
    digest = digested(staged, staged)[1].rstrip("x")
    if workshop.cache is not None:
        workshop.cache.keep(staged, digest)
    os.makedirs(os.path.dirname(place), exist_ok=True)
    os.replace(staged, place)
    return digest


def _uploaded(path: str, url: str, target: str, workshop: Workshop) -> Fetch:
    if workshop.keepers.ending:
        raise Ended
    if workshop.objects is None:
        raise EnvironmentFailed(f"offline, so `{shown(url)}` cannot be written")
    objects = workshop.objects()
    seen = objects.upload(path, url, _progress(target, url, workshop))
    if seen.weak:
        _rest(workshop)
        now = objects.look([url])[url]
        if [each.token for each in now] != [seen.token]:
            raise EnvironmentFailed(f"`{shown(url)}` was changed while it was written")
    return Fetch(seen, "", (("", digested(path, path)[1].rstrip("x")),))


def _rest(workshop: Workshop) -> None:
    """Waits until a change has another time than what was just written, whatever the store's clock."""
    until = time.monotonic() + FRESH
    while time.monotonic() < until:
        if workshop.keepers.ending:
            raise Ended
        time.sleep(0.1)


def _progress(target: str, url: str, workshop: Workshop) -> Callable[[int, int | None], None]:
    """Takes note of how many bytes of how many have come."""
    progress = workshop.progress.setdefault(target, {})

    def note(done: int, size: int | None) -> None:
        if workshop.keepers.ending:
            raise Ended
        progress[url] = (done, size)

    return note
