"""What counts for a target beside its declaration and its inputs: code, variables, versions.

Knows nothing of verdicts.
"""

from __future__ import annotations

import os

from datamake import surroundings
from datamake.counting import values
from datamake.datafile import queries
from datamake.errors import DatamakeError
from datamake.fingerprint import Context
from datamake.tables.engine import version
from datamake.values import NOTHING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from datamake.model import Target
    from datamake.tables.databases import Interruptible
    from datamake.workspace import Workspace

PATIENCE = 300.0
"""Seconds that a database may take to say its version, where a target has no `timeout`."""


class Contexts:
    """The contexts of a project's targets. `variables` are those of the environment."""

    def __init__(self, space: Workspace, variables: Mapping[str, str]) -> None:
        self.space = space
        self.variables = variables
        self._versions: dict[str, str] = {}
        """Interpreters' versions, and what databases said to queries."""

    def of(self, target: Target) -> Context:
        """That of one target."""
        space = self.space
        code = [
            (path, digest)
            for path in space.graph.code.get(target.name, ())
            if (digest := space.files.digest(path)) is not None
        ]
        around = target.surroundings
        env = surroundings.counted(target, self.variables) if around.env else NOTHING
        python = self._python(target) if target.kind == "python" else ""
        platform = surroundings.platform() if space.spec.project.get("platform") else ""
        return Context(code, env, python, platform, engine(target), self._version(target))

    def _version(self, target: Target) -> str:
        """What a database says of its data, as last seen where nothing may be asked.

        Raises TableError, EnvironmentFailed.
        """
        if target.kind != "query" or not target.recipe.version:
            return ""
        if self.space.sources.offline:
            fields = self.space.state.fields(target.name)
            return next((text for kind, _, text in fields if kind == "version"), "")
        query = queries.filled(target.recipe.version, values(target))
        folder = os.path.join(self.space.root, target.surroundings.cwd)
        key = f"{folder}\n{target.recipe.uri}\n{query}"
        if key not in self._versions:
            from datamake.tables.databases import version

            self._versions[key] = _timed(
                lambda interruptible: version(target.recipe.uri, query, folder, interruptible),
                target.policy.timeout or PATIENCE,
            )
        return self._versions[key]

    def _python(self, target: Target) -> str:
        around = target.surroundings
        programs = surroundings.folder_of_programs(self.space.root, around, self.space.spec.project)
        if programs not in self._versions:
            self._versions[programs] = surroundings.python_version(programs)
        return self._versions[programs]


def _timed(call: Callable[[Interruptible], str], limit: float) -> str:
    """What a call comes to, which Ctrl-C ends, and so many seconds. Raises TableError for the last."""
    from threading import Timer

    from datamake.tables import TableError
    from datamake.threads import Ending, attended

    ending, late = Ending(), []

    def expire() -> None:
        late.append(limit)
        ending.end()

    timer = Timer(limit, expire)
    timer.daemon = True
    timer.start()
    try:
        return attended(lambda: call(ending.interruptible), ending.end)
    except DatamakeError:
        if not late:
            raise
        raise TableError(
            f"its `version` took longer than {limit:g} s", hint="`timeout` is how long it may take"
        ) from None
    finally:
        timer.cancel()


def engine(target: Target) -> str:
    """What carries out a target that reads tables, with its version."""
    if target.kind == "sql":
        return version("duckdb") or ""
    if target.kind != "standardize":
        return ""
    packages = ("pyarrow", "duckdb") if target.recipe.engine else ("pyarrow",)
    return " ".join(filter(None, map(version, packages)))
