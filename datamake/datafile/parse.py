"""The text of Datafiles → a validated `Spec`.

Knows shapes and names, not meanings: whether inputs exist or placeholders can be filled is found
out when the declarations are expanded.
"""

from __future__ import annotations

import re
from posixpath import dirname

from datamake.datafile.forms import INCLUDE, PATHS
from datamake.datafile.include import included, models
from datamake.datafile.keys import DATAFILE, PART, SOURCE
from datamake.datafile.layers import combined, merged, overridden
from datamake.datafile.positions import locate
from datamake.datafile.rules import ACTION_NAMES, broken, unfillable, unmet, unsure
from datamake.datafile.shapes import did_you_mean
from datamake.errors import DatafileError, Problem, shortened
from datamake.model import Declaration, Part, Spec
from datamake.values import NOTHING, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from datamake.datafile.shapes import Record
    from datamake.model import Tree

MOST_BYTES = 64 << 20
NONE_INHERITED: frozenset[str] = frozenset()


def load(
    file: str,
    tree: Tree,
    *,
    profile: str | None = None,
    overrides: Mapping[str, Any] = NOTHING,
    env: Mapping[str, str] = NOTHING,
    version: str = "0.1.0",
) -> Spec:
    """The project whose root Datafile is `file`, with its parts, a profile and params set by hand.

    Without `profile`, `DATAMAKE_PROFILE` of `env` counts. `overrides` are params by dotted name; a
    text is read as TOML where it can be. Raises DatafileError with all that is wrong.
    """
    loading = Loading(file, tree, profile or env.get("DATAMAKE_PROFILE"))
    loading.read_root(version)
    loading.read_parts()
    loading.find_duplicates()
    loading.raise_problems()
    loading.merge(overrides)
    loading.raise_problems()
    return loading.spec()


class Loading:
    """What has been read so far, and what was wrong with it."""

    def __init__(self, file: str, tree: Tree, profile: str | None) -> None:
        self.tree = tree
        self.profile = profile or None
        self.root = Part(file, dirname(file))
        self.documents: list[tuple[Part, dict[str, Any]]] = []
        self.problems: list[Problem] = []
        self.project: Mapping[str, Any] = NOTHING
        self.params: Mapping[str, Any] = NOTHING
        self.storage: Mapping[str, Any] = NOTHING
        self.layer: Mapping[str, Any] = NOTHING
        """The tables of the profile."""

    def raise_problems(self) -> None:
        """Raise what there is, file by file, from top to bottom."""
        if self.problems:
            files = list(dict.fromkeys(problem.file for problem in self.problems))
            located = locate(self.problems, self.tree)
            raise DatafileError(
                sorted(located, key=lambda p: (files.index(p.file), p.line, p.column))
            )

    def read_root(self, version: str) -> None:
        """The root's content. Of a version that must not build it nothing else is reported."""
        content = self.content(self.root.file)
        project = content.get("project")
        requires = project.get("requires") if isinstance(project, dict) else None
        fault = unmet(requires, version)
        if fault is not None:
            self.problems.append(replace(fault, file=self.root.file))
            self.raise_problems()
        if self.profile is not None:
            self.layer = self.chosen(content.get("profiles"))
        self.project = merged(mapping(project), mapping(self.layer.get("project")))
        self.take(self.root, self.with_models(content), DATAFILE)

    def with_models(self, content: dict[str, Any]) -> dict[str, Any]:
        """The root's content with a `sql` target for each model; its own table only adds keys."""
        globs, targets = self.project.get("models", []), content.get("targets", {})
        if not globs or not PATHS.fits(globs) or not isinstance(targets, dict):
            return content
        found, problems = models(globs, self.root, self.tree)
        self.problems += problems
        for name, path in found.items():
            actions = set(ACTION_NAMES).intersection(mapping(targets.get(name)))
            if actions - {"sql"} or mapping(targets.get(name)).get("sql", path) != path:
                keys = ("targets", name, min(actions))
                headline = f"`{name}` is declared twice: it is a model, too"
                self.problems.append(Problem(headline, self.root.file, keys, (path,)))
        mine = {
            name: {"sql": path, **mapping(targets.get(name))}
            for name, path in found.items()
            if not set(ACTION_NAMES).intersection(mapping(targets.get(name)))
        }
        return {**content, "targets": {**targets, **mine}}

    def chosen(self, profiles: Any) -> Mapping[str, Any]:
        """The tables of the profile that is asked for."""
        profiles = mapping(profiles)
        if self.profile in profiles:
            return mapping(profiles[self.profile])
        listing = ", ".join(f"`{name}`" for name in profiles)
        self.problems.append(
            Problem(
                f"there is no profile `{self.profile}`",
                self.root.file,
                facts=(f"there are {listing}" if listing else "none is declared",),
                hint=did_you_mean(str(self.profile), profiles),
            )
        )
        return NOTHING

    def read_parts(self) -> None:
        """Read what the project includes, as far as that can be told."""
        include = self.project.get("include", [])
        if not INCLUDE.fits(include):
            return
        parts, problems = included(include, self.root, self.tree)
        self.problems += problems
        for part in parts:
            self.take(part, self.content(part.file), PART)

    def content(self, file: str) -> dict[str, Any]:
        """What a Datafile says; nothing, if it cannot be read."""
        try:
            return parsed(self.tree.read(file))
        except Unreadable as error:
            self.problems.append(replace(error.problem, file=file))
            return {}

    def take(self, part: Part, content: dict[str, Any], record: Record) -> None:
        """Add a document, and what is wrong with it."""
        self.documents.append((part, content))
        if not record.fits(content):
            self.problems += (replace(p, file=part.file) for p in record.faults(content, ()))
        for name, table in mapping(content.get("targets")).items():
            self.place(part, ("targets", name), broken(name, mapping(table)))
        for name, table in mapping(content.get("sources")).items():
            self.place(part, ("sources", name), unsure(mapping(table)))

    def place(self, part: Part, keys: tuple[str, str], problems: Iterable[Problem]) -> None:
        """Add problems of one declaration."""
        self.problems += (replace(p, file=part.file, keys=(*keys, *p.keys)) for p in problems)

    def find_duplicates(self) -> None:
        """Names that are declared twice, with both places."""
        first: dict[tuple[str, str], tuple[str, tuple[str, str]]] = {}
        twice: list[Problem] = []
        firsts: list[Problem] = []
        for part, content in self.documents:
            for kind, name, keys in declared(part, content):
                if (kind, name) not in first:
                    first[kind, name] = (part.file, keys)
                    continue
                twice.append(Problem(f"`{name}` is declared twice", part.file, keys))
                firsts.append(Problem("", *first[kind, name]))
        for problem, other in zip(twice, locate(firsts, self.tree), strict=True):
            self.problems.append(replace(problem, facts=(f"first at {other.place}",)))

    def merge(self, overrides: Mapping[str, Any]) -> None:
        """Lay the profile over the root's tables, and what is set by hand over the params."""
        params = {
            name: item
            for _, content in self.documents
            for name, item in content.get("params", {}).items()
        }
        params = merged(params, self.layer.get("params", {}))
        self.params, problems = overridden(params, overrides)
        self.problems += problems
        content = dict(self.documents[0][1])
        self.storage = merged(content.get("storage", {}), self.layer.get("storage", {}))
        for keys, tables in (((), content), (("profiles", str(self.profile)), self.layer)):
            self.problems += (
                replace(problem, file=self.root.file, keys=(*keys, *problem.keys))
                for problem in unfillable(tables, self.params)
            )
        for table in ("defaults", "pools"):
            if table in self.layer:
                content[table] = {**content.get(table, {}), **self.layer[table]}
        if "sources" in self.layer:
            content["sources"] = self.merged_sources(content.get("sources", {}))
        self.documents[0] = (self.root, content)

    def merged_sources(self, sources: Mapping[str, Any]) -> dict[str, Any]:
        """The sources with those of the profile, which need not repeat a path."""
        result = merged(sources, self.layer["sources"])
        for name in self.layer["sources"]:
            if "path" not in result[name]:
                keys = ("profiles", str(self.profile), "sources", name)
                self.problems += (
                    replace(problem, file=self.root.file)
                    for problem in SOURCE.faults(result[name], keys)
                )
        return result

    def spec(self) -> Spec:
        """What all of it comes to."""
        targets: dict[str, Declaration] = {}
        sources: dict[str, Declaration] = {}
        for part, content in self.documents:
            targets.update(declared_targets(part, content))
            sources.update(declared_sources(part, content))
        pools = {
            name: size
            for _, content in self.documents
            for name, size in content.get("pools", {}).items()
        }
        parts = tuple(part for part, _ in self.documents)
        profiled = frozenset(self.layer.get("project", ()))
        return Spec(
            self.project,
            self.params,
            targets,
            sources,
            parts,
            pools,
            self.profile,
            profiled,
            self.storage,
        )


def declared_targets(part: Part, content: Mapping[str, Any]) -> Iterator[tuple[str, Declaration]]:
    """The targets of a Datafile, with its defaults."""
    defaults = content.get("defaults", {})
    space = part.space
    inherited = NONE_INHERITED
    for short, table in content.get("targets", {}).items():
        if defaults:
            inherited = frozenset(defaults.keys() - table.keys())
            table = combined(defaults, table)  # noqa: PLW2901 - with what it inherits
        for kind in ACTION_NAMES:
            if kind in table:
                break
        name = space + short
        yield name, Declaration(name, part, kind, table, inherited)


def declared_sources(part: Part, content: Mapping[str, Any]) -> Iterator[tuple[str, Declaration]]:
    """The sources of a Datafile."""
    for short, table in content.get("sources", {}).items():
        name = part.space + short
        yield name, Declaration(name, part, "source", table)


def declared(part: Part, content: Mapping[str, Any]) -> Iterator[tuple[str, str, tuple[str, str]]]:
    """What may be declared only once: its kind, its name in the project, its keys."""
    for table, kind, space in (
        ("sources", "name", part.space),
        ("targets", "name", part.space),
        ("params", "param", ""),
        ("pools", "pool", ""),
    ):
        for name in mapping(content.get(table)):
            yield kind, space + name, (table, name)


def mapping(found: Any) -> Mapping[str, Any]:
    """A table, or an empty one in place of anything else: what is wrong is reported elsewhere."""
    return found if isinstance(found, dict) else NOTHING


# From bytes to tables


class Unreadable(Exception):
    """A text is no TOML."""

    def __init__(self, message: str, line: int = 0, column: int = 0, hint: str = "") -> None:
        self.problem = Problem(message, line=line, column=column, hint=hint)
        super().__init__(message)


def parsed(content: bytes | None) -> dict[str, Any]:
    """What a Datafile says. Raises Unreadable."""
    from tomli import TOMLDecodeError, loads

    if content is None:
        raise Unreadable("cannot be read: there is no such file")
    if len(content) > MOST_BYTES:
        raise Unreadable(f"is larger than {MOST_BYTES >> 20} MiB")
    text = decoded(content)
    try:
        return loads(text)
    except TOMLDecodeError as error:
        message = error.msg[:1].lower() + error.msg[1:]
        hint = toml_hint(message, text[error.pos :])
        raise Unreadable(message, error.lineno, error.colno, hint) from None
    except RecursionError:
        raise Unreadable("tables or lists are nested too deeply") from None
    except ValueError:
        found = re.search(r"[0-9_]{4000,}", text)
        line, column = place(text, found.start() if found else 0)
        raise Unreadable("a number has too many digits", line, column) from None


def toml_hint(message: str, rest: str) -> str:
    """What to do about the commonest mistakes; `rest` is what stands there."""
    if message.startswith("unescaped '\\'"):
        return "in single quotes `\\` is nothing special"
    word = re.match(r"[^\s,#'\"\[\]{}]+", rest)
    if message != "invalid value" or word is None:
        return ""
    if word[0].lower() in ("true", "false"):
        return f"write `{word[0].lower()}`"
    return f'a text stands in quotes: `"{shortened(word[0])}"`'


def decoded(content: bytes) -> str:
    """The text of a Datafile. Raises Unreadable."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8")
        shown = f"`0x{error.object[error.start]:02x}`"
        raise Unreadable(f"is not UTF-8: byte {shown}", *place(before, len(before))) from None


def place(text: str, offset: int) -> tuple[int, int]:
    """Line and column of an offset."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)
