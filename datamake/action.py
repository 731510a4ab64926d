"""What an executor carries out, as values: an action, and what became of it.

Knows nothing of why. Paths are absolute.
"""

from __future__ import annotations

from datamake.formats import DEFAULT
from datamake.values import NOTHING, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from datamake.formats import Reading
    from datamake.model import Output, Written
    from datamake.remote import Seen


@value
class Slot:
    """An output of an action that is about to run."""

    output: Output
    path: str
    """Where the action writes it: the real path, or one in the staging folder."""


@value
class Call:
    """A Python function to call, and what it may be given by name."""

    function: str
    """`module:function`."""
    paths: tuple[str, ...]
    """Absolute folders put first on `sys.path`."""
    arguments: Mapping[str, Any]
    """Parameter → text, list or mapping as JSON has them."""
    files: frozenset[str]
    """The parameters whose values are paths, or would be if the function had them."""
    tables: Mapping[str, tuple[str, Any]] = NOTHING
    """Of these, those that are given tables: what kind, and of which files; see `tables.handed`."""


@value
class Piece:
    """Files or folders of one content, and the values that come with it.

    `paths` are absolute; `variables` become columns of strings where there is none of that name,
    `keys`, which the folders say that they are in, in any case.
    """

    paths: tuple[str, ...]
    variables: Mapping[str, str] = NOTHING
    keys: Mapping[str, str | None] = NOTHING


@value
class View:
    """A table under a name. It holds exactly the columns with these names (None: all), and its rows.

    `types` are those of the columns of a text where they are known: they are not looked for again.
    """

    name: str
    pieces: tuple[Piece, ...]
    reading: Reading = DEFAULT
    columns: frozenset[str] | None = None
    types: Sequence[tuple[str, str]] | None = None

    @property
    def paths(self) -> list[str]:
        """Those of all its pieces."""
        return [path for piece in self.pieces for path in piece.paths]


@value
class Tabular:
    """What an action of a kind that writes a table does: a query, a `Standard` or a `Query`.

    `threads` and `memory` (bytes) are what it may take, `folder` is where it may spill.
    """

    recipe: Any
    views: tuple[View, ...] = ()
    prelude: tuple[str, ...] = ()
    threads: int = 1
    memory: int | None = None
    folder: str = ""
    urls: Mapping[str, str] = NOTHING
    """Local copy → the URL of what it is a copy of, as it is shown."""


@value
class Checking:
    """What must hold of a table: a `Schema` and `Check`s, and what these need to see."""

    schema: Any
    checks: tuple[Any, ...]
    view: View | None = None
    """The table; None: what the action has written."""
    references: tuple[View, ...] = ()
    """What checks refer to."""
    volumes: tuple[int, ...] = ()
    """Numbers of rows of the last builds."""
    now: float = 0.0
    """Seconds since 1970."""
    root: str = ""
    """Of the project."""
    memory: int | None = None
    """Bytes that it may take."""


@value
class Fetch:
    """A remote object of which local copies are wanted."""

    seen: Seen
    place: str
    """Where its copy goes; of an archive the folder for those of its members."""
    members: tuple[tuple[str, str], ...] | None = None
    """What it holds, as far as is known: `""` and its digest, or an archive's members and theirs."""
    came: int | None = None
    """How many bytes came from its store; None where the cache had them."""


@value
class Action:
    """One concrete, expanded piece of work, with all that an executor needs."""

    target: str
    kind: str
    argv: tuple[str, ...] = ()
    call: Call | None = None
    tabular: Tabular | None = None
    checking: Checking | None = None
    copies: tuple[tuple[str, str], ...] = ()
    """From → to, for `copy`, `restore` (from a digest) and `upload` (to a URL)."""
    fetches: tuple[Fetch, ...] = ()
    """For `fetch`."""
    projections: tuple[tuple[View, str], ...] = ()
    """Tables of which a copy is written first, and where to: `folder/N/name`."""
    cwd: str = ""
    env: Mapping[str, str] = NOTHING
    interpreter: str = ""
    """Of a `python` action."""
    log: str = ""
    secrets: tuple[str, ...] = ()
    """Values that are masked in the log."""
    timeout: float | None = None
    slots: tuple[Slot, ...] = ()
    staging: str = ""
    """The folder that staged outputs are written in, or `""`."""
    cache: bool = True
    """Whether the outputs' bytes go into the store."""
    as_tables: bool = False
    """Whether what it writes counts as tables for others, so that they are digested as such."""


@value
class Result:
    """What became of an action. `error` is None if it succeeded."""

    target: str
    error: str | None = None
    facts: tuple[str, ...] = ()
    outputs: tuple[Written, ...] = ()
    duration: float = 0.0
    stored: bool = False
    """Whether the cache has all the outputs' bytes."""
    lost: bool = False
    """Whether it failed because the cache has no longer what was to be restored."""
    environment: bool = False
    """Whether what it needs failed, and not the action itself."""
    held: tuple[tuple[str, str], ...] = ()
    """Facts of what the outputs hold as tables; see `insights`."""
    checked: tuple[Any, ...] = ()
    """What came of checks, as `tables.checks.results.Checked`s."""
    notices: tuple[str, ...] = ()
    """Lines for people, of what was good enough."""
    fetched: tuple[Fetch, ...] = ()
    """What stores told while objects were fetched or uploaded, and what these hold."""
