"""The options of a build and of every command, as values; both doors make these same values.

Knows nothing of Typer, nor of how options are written.
"""

from __future__ import annotations

from datamake.errors import UsageError
from datamake.values import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

CACHE_MODES = ("read-write", "read", "write", "off")


@value
class Place:
    """Which project is meant, and with what params."""

    directory: str | None = None
    file: str | None = None
    profile: str | None = None
    settings: tuple[str, ...] = ()
    """`KEY=VALUE`, as written."""

    def over(self, other: Place) -> Place:
        """A place with what this one leaves open taken from `other`; settings add up."""
        return Place(
            self.directory if self.directory is not None else other.directory,
            self.file if self.file is not None else other.file,
            self.profile if self.profile is not None else other.profile,
            (*other.settings, *self.settings),
        )


HERE = Place()


@value
class Scope:
    """What a build or a plan is about."""

    names: tuple[str, ...] = ()
    select: tuple[str, ...] = ()
    """The same as `names`."""
    exclude: tuple[str, ...] = ()
    since: str | None = None
    always_make: bool = False
    force: bool = False
    only: bool = False
    restore_all: bool = False

    @property
    def arguments(self) -> dict[str, Any]:
        """What `Project.plan` and `Project.build` are called with."""
        return {
            "select": (*self.names, *self.select),
            "exclude": self.exclude,
            "since": self.since,
            "always_make": self.always_make,
            "force": self.force,
            "only": self.only,
            "restore_all": self.restore_all,
        }


@value
class Running:
    """How a build runs."""

    jobs: str | None = None
    """As written; a whole number from 1 once `with_environment` has seen it."""
    keep_going: bool = False
    cache: str | None = None
    no_wait: bool = False
    offline: bool = False
    locked: bool = False

    @property
    def arguments(self) -> dict[str, Any]:
        """What `Project.build` is called with beside its scope."""
        return {
            "jobs": int(self.jobs) if self.jobs else None,
            "keep_going": self.keep_going,
            "cache": self.cache or CACHE_MODES[0],
            "no_wait": self.no_wait,
            "offline": self.offline,
            "locked": self.locked,
        }


@value
class Talk:
    """What a build says, and where."""

    quiet: bool = False
    verbose: bool = False
    no_progress: bool = False
    json: bool = False
    events: str | None = None
    timings: str | None = None
    summary: str | None = None


@value
class Limits:
    """What is to go from a cache, as written: a size and times."""

    max_size: str | None = None
    older_than: str | None = None
    grace: str = "24h"


NOWHERE = Scope()
USUAL = Running()
PLAIN = Talk()


@value
class Build:
    """A whole `build` command."""

    place: Place = HERE
    scope: Scope = NOWHERE
    running: Running = USUAL
    talk: Talk = PLAIN


def with_environment(build: Build, environment: Mapping[str, str]) -> Build:
    """A build with the `DATAMAKE_` variables in place of what was not given.

    Raises UsageError for a value that an option or variable cannot have.
    """
    running = build.running
    jobs, option = running.jobs, "--jobs"
    if jobs is None:
        jobs, option = environment.get("DATAMAKE_JOBS") or None, "DATAMAKE_JOBS"
    if jobs is not None and not (jobs.isdecimal() and int(jobs) >= 1):
        raise UsageError(f"`{option}` is a whole number from 1, not `{jobs}`")
    cache = running.cache or environment.get("DATAMAKE_CACHE") or None
    if cache is not None and cache not in CACHE_MODES:
        known = ", ".join(f"`{mode}`" for mode in CACHE_MODES)
        raise UsageError(f"`{cache}` is no mode of the cache", [f"known: {known}"])
    running = replace(running, jobs=jobs, cache=cache)
    talk = build.talk
    if environment.get("DATAMAKE_NO_PROGRESS"):
        talk = replace(talk, no_progress=True)
    return Build(placed(build.place, environment), build.scope, running, talk)


def placed(place: Place, environment: Mapping[str, str]) -> Place:
    """A place with the profile from the environment where none was given."""
    profile = environment.get("DATAMAKE_PROFILE")
    return replace(place, profile=profile) if place.profile is None and profile else place
