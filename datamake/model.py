"""The nouns of datamake, as values and enums; no behaviour beyond properties.

Knows nothing of files, of storage or of how anything is carried out. Paths are relative to the
project root, with `/`, unless a name says otherwise. A *digest* is text: `HASH-SIZE` (32 hex
digits of XXH3-128, then bytes), with `x` behind it for an executable file and `/` for a folder,
whose hash is that of its listing and whose size is the sum of its files'.
"""

from __future__ import annotations

from enum import Enum

from datamake.formats import DEFAULT, Reading
from datamake.values import NOTHING, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Protocol

    class Tree(Protocol):
        """What expanding and linking may ask of the files of a project."""

        def kind(self, path: str) -> str | None:
            """`"file"`, `"folder"` or None where nothing is; symbolic links are followed."""

        def entries(self, folder: str) -> Mapping[str, str]:
            """Name → kind of what is in a folder (`""` is the root), sorted; empty if absent."""

        def real(self, folder: str) -> str:
            """Where a folder is once links are followed; absolute outside of the root."""

        def read(self, path: str) -> bytes | None:
            """The content of a file, or None."""

        def digest(self, path: str) -> str | None:
            """The digest of a file, or None."""

        def matching(self, pattern: str) -> list[str]:
            """The URLs of the objects that a URL glob matches. Raises EnvironmentFailed."""


TABULAR = frozenset(["sql", "standardize", "query"])
"""Kinds of targets that get tables, never paths, and write one."""
KEPT = ".datamake"
"""The folder, in the project root, of all that datamake keeps."""


class Status(str, Enum):
    """What became of a target in a build, or in a plan would become of it."""

    UP_TO_DATE = "up-to-date"
    BUILT = "built"
    RESTORED = "restored"
    FAILED = "failed"
    BLOCKED = "blocked"
    SKIPPED = "skipped"
    RUN = "run"
    RESTORE = "restore"
    MAYBE = "maybe"
    CHECK = "check"


class Code(str, Enum):
    """Why a target is stale: the reason codes."""

    NEVER_BUILT = "never-built"
    COMMAND_CHANGED = "command-changed"
    INPUT_CHANGED = "input-changed"
    INPUT_ADDED = "input-added"
    INPUT_REMOVED = "input-removed"
    PARAM_CHANGED = "param-changed"
    ENV_CHANGED = "env-changed"
    CODE_CHANGED = "code-changed"
    OUTPUT_MISSING = "output-missing"
    OUTPUT_CHANGED = "output-changed"
    UPSTREAM = "upstream"
    FORCED = "forced"
    ALWAYS = "always"
    EXPIRED = "expired"
    RULES_CHANGED = "rules-changed"
    CHECK_CHANGED = "check-changed"


@value
class Reason:
    """One cause of staleness: what changed, and from what to what."""

    code: Code
    detail: str
    subject: str | None = None
    old: str | None = None
    new: str | None = None


# What a person wrote


@value
class Part:
    """One Datafile of a project: the root's, or an included one."""

    file: str
    """The Datafile's path."""
    folder: str = ""
    """What its paths are relative to; `""` for the root."""
    space: str = ""
    """Prefix of its names, `"sales."`, or `""`."""


@value
class Declaration:
    """A source or target as declared: validated, defaults merged, placeholders not yet filled."""

    name: str
    """With its name space: `sales.clean`."""
    part: Part
    kind: str
    """`run`, `argv`, `python` or `copy`; of a source, `source`."""
    table: Mapping[str, Any]
    """Its keys and values as TOML gave them, those of `[defaults]` included."""
    inherited: frozenset[str] = frozenset()
    """The keys of `table` that come from `[defaults]` alone (their place in the file is there)."""


@value
class Spec:
    """The validated, unexpanded content of a project's Datafiles, with the profile merged in."""

    project: Mapping[str, Any]
    params: Mapping[str, Any]
    targets: Mapping[str, Declaration]
    sources: Mapping[str, Declaration]
    parts: tuple[Part, ...]
    """The root's first."""
    pools: Mapping[str, int] = NOTHING
    profile: str | None = None
    profiled: frozenset[str] = frozenset()
    """The keys of `project` that the profile sets."""
    storage: Mapping[str, Mapping[str, Any]] = NOTHING
    """Beginning of URLs → options of their stores, placeholders not yet filled; see `urls`."""


# What it expands to


@value
class Input:
    """Something that a target reads, with its placeholders filled."""

    kind: str
    """`target` (by name), `path`, `glob`, `folder`, or `remote`: a URL of any of these."""
    text: str
    """The name (`clean[*]`), the path from the project root (`raw/*.csv`, `raw/`), or the URL."""
    name: str | None = None
    """Its name in a table of `inputs`."""
    output: str | None = None
    """The output of the target that is asked for, where it is one of several."""
    optional: bool = False
    place: tuple[str | int, ...] = ()
    """Keys that lead to it in the Datafile."""
    fetch: bool = True
    """Whether an action gets a local copy of what is remote, and not its URL."""
    columns: tuple[str, ...] | None = None
    """Of a table the columns that count, None: all."""
    reading: Reading = DEFAULT
    """How it is read, where it is a table."""


@value
class Output:
    """A file or folder that a target writes."""

    path: str
    name: str | None = None
    folder: bool = False
    staged: bool = False
    """Given to the action by placeholder (or by its kind), hence published only on success."""
    apart: bool = False
    """Had only by its name: no part of what the target stands for."""

    @property
    def remote(self) -> bool:
        """Whether it is at a URL."""
        return "://" in self.path


@value
class Resources:
    """What running a target takes."""

    cpus: int = 1
    memory: int | None = None
    """Bytes."""
    pool: Mapping[str, int] = NOTHING
    priority: int = 0


@value
class Policy:
    """When and how often a target is run. Times are seconds."""

    timeout: float | None = None
    retries: int = 0
    retry_delay: float = 1.0
    max_age: float | None = None
    always: bool = False
    cache: bool = True


@value
class Surroundings:
    """What an action sees around it."""

    cwd: str = ""
    shell: tuple[str, ...] | None = None
    """None: `bash -euo pipefail -c`, or no shell at all where none is needed."""
    venv: str | None = None
    env: Mapping[str, str | None] = NOTHING
    """Variables that count; None takes the value from the environment."""
    inherit_env: bool = True
    secrets: tuple[str, ...] = ()


@value
class Assertions:
    """What must hold of a table: a `Schema` and `Check`s, as the Datafile has them."""

    schema: Any = None
    checks: tuple[Any, ...] = ()


RESOURCES = Resources()
POLICY = Policy()
SURROUNDINGS = Surroundings()


@value
class Target:
    """A declared unit to bring up to date: an instance, where `foreach` is used."""

    name: str
    """`clean`, or `clean[01]`."""
    family: str
    """The declared name, `clean`."""
    kind: str
    part: Part
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    template: str | tuple[str, ...] = ""
    """The script, the arguments, `module:function` or query, its placeholders not yet filled; of
    `standardize` what it does, in words."""
    each: Mapping[str, str] = NOTHING
    """The values of its foreach variables."""
    params: Mapping[str, Any] = NOTHING
    """The params that count: those its template names, and those it declares."""
    declared_params: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    """Paths and globs."""
    implicit: bool = True
    surroundings: Surroundings = SURROUNDINGS
    resources: Resources = RESOURCES
    policy: Policy = POLICY
    tags: tuple[str, ...] = ()
    owner: str = ""
    description: str = ""
    prelude: tuple[str, ...] = ()
    """Of `sql`: the texts of the files that run before."""
    recipe: Any = None
    """Of `standardize` a `Standard`, of `query` a `Query`, of `sql` a `Script`."""
    assertions: Assertions | None = None
    """What must hold of its output."""


@value
class Pending:
    """A foreach target whose instances are known only when other targets are up to date."""

    name: str
    """`clean[*]`."""
    family: str
    pattern: str
    """A path with captures, from the project root; `""` where it has another target's instances."""
    needs: tuple[str, ...] = ()
    """The targets, or pending names, that must be up to date first."""


# How targets hang together


@value
class Item:
    """One file, folder or target that an input comes down to."""

    path: str
    """`""` for a target without outputs; of a remote source the URL, URL glob or URL folder."""
    producer: str | None = None
    """The target that makes it."""
    inside: str | None = None
    """The producer's folder output that `path` lies in, where it is not an output itself."""
    pattern: bool = False
    """`path` is a glob over the files in `inside`."""


@value
class Link:
    """An input and what it comes down to, sorted by path but for instances, which keep their order."""

    input: Input
    items: tuple[Item, ...] = ()
    table: bool = False
    """Whether the action gets it as a table, so that it counts by what it holds."""


# What was seen, and what follows


@value
class Written:
    """An output with its content."""

    path: str
    digest: str
    name: str | None = None

    @property
    def size(self) -> int:
        """Bytes."""
        return size_of(self.digest)


def size_of(digest: str) -> int:
    """The size, in bytes, that a digest carries."""
    return int(digest.partition("-")[2].rstrip("x/"))


Field = tuple[str, str, str]
"""One thing that decides an action's result: its kind, its subject, its value."""


@value
class Record:
    """What was seen when a target last came up to date."""

    target: str
    fingerprint: str
    fields: tuple[Field, ...] = ()
    outputs: tuple[Written, ...] = ()
    time: float = 0.0
    """Of the success, in seconds since 1970."""
    duration: float = 0.0
    """Seconds that running it took."""
    accepted: bool = False
    """Recorded by hand (`accept`), so never to be shared."""


@value
class Verdict:
    """What a target's record, inputs and outputs say of it."""

    status: Status
    """`UP_TO_DATE`, `RUN`, `RESTORE`, `CHECK` or, in a plan, `MAYBE`."""
    reasons: tuple[Reason, ...] = ()
    fingerprint: str = ""
    """`""` while an input's content is not known."""
    fields: tuple[Field, ...] = ()
    outputs: tuple[Written, ...] = ()
    """The content that its outputs have, or will have once restored."""
    present: bool = True
    """Whether all outputs are there; False leaves them to the cache."""
    checked: str = ""
    """The fingerprint of what must hold of its outputs."""
    results: tuple[Any, ...] | None = None
    """What came of that for this content, where it is known."""
