"""The answer to a build that has nothing to do, where an image of the last one shows it.

Knows nothing of projects: where it has no answer, there is one to open.
"""

from __future__ import annotations

import os
import time

from datamake import __version__
from datamake.cli.options import Build, Scope
from datamake.cli.streams import say
from datamake.image import up_to_date
from datamake.render.text import nothing_to_do

IGNORED = ("DATAMAKE_JOBS", "DATAMAKE_CACHE", "GITHUB_STEP_SUMMARY")
"""Variables that have to be looked at before a build, wherever it comes to."""


def at_rest(build: Build) -> bool:
    """Whether the build has nothing to do; it has said so then."""
    started = time.time()
    place, talk = build.place, build.talk
    if place.directory is not None and not os.path.isdir(place.directory):
        return False
    folder = os.getcwd() if place.directory is None else os.path.realpath(place.directory)
    others = any(os.environ.get(name) for name in IGNORED) or build.running.jobs is not None
    if others or place.file or place.settings or talk.verbose or talk.json:
        return False
    if talk.events or talk.timings or talk.summary or build.scope != Scope(names=build.scope.names):
        return False
    profile = place.profile or os.environ.get("DATAMAKE_PROFILE") or ""
    count = up_to_date(folder, (profile, *build.scope.names), __version__)
    if count is not None and not talk.quiet:
        say(nothing_to_do(count, time.time() - started) + "\n")
    return count is not None
