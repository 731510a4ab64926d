"""What `sql`, `standardize` and `query` targets do, as far as their declaration says it.

Knows texts, and neither data nor DuckDB.
"""

from __future__ import annotations

from datamake.datafile.shapes import did_you_mean
from datamake.datafile.standard import standard, text_of
from datamake.filling import varies
from datamake.urls import database, shown
from datamake.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence
    from typing import Any

    from datamake.datafile.standard import Standard
    from datamake.errors import DatamakeError
    from datamake.filling import Texts
    from datamake.model import Declaration, Target, Tree

    Tables = Callable[[str, Sequence[str]], Sequence[str]]
    """A query and what runs before it → the names of the tables that it reads.

    Raises DatamakeError for what is no query.
    """

ENDING = ".sql"
VERSION = "-- what tells whether it has changed:"
"""Between the two queries of a `query`, where they are shown; no part of what counts."""


@value
class Query:
    """What is asked of a database; `version` is `""` where nothing tells whether it has changed."""

    uri: str
    sql: str
    version: str = ""


@value
class Script:
    """A query in SQL, its placeholders not yet filled, with what runs before."""

    text: str
    path: str = ""
    """The file that it is in, if it is in one."""
    prelude: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    """All files that it is read from, those of the prelude last."""

    @property
    def before(self) -> tuple[str, ...]:
        """The files of the prelude."""
        return self.files[len(self.files) - len(self.prelude) :]

    def file_of(self, text: str) -> str:
        """The file that a text is in: one of the prelude, or that of the query; `""` for none."""
        return dict(zip(self.prelude, self.before, strict=True)).get(text, self.path)

    def located(self, error: DatamakeError) -> DatamakeError:
        """The same error, at the file that it is about where it is about one."""
        path = self.file_of(error.text) if error.text else ""
        headline = f"`{path}`: {error.headline}"
        return type(error)(headline, error.facts, error.hint) if path else error


def preludes(target: Target) -> tuple[str, ...]:
    """The files that run before the query of a target."""
    return target.recipe.before if target.kind == "sql" else ()


def in_file(text: str) -> bool:
    """Whether `sql` names the file of a query, and is none itself."""
    return text.strip().endswith(ENDING) and len(text.split()) == 1


def files_vary(declaration: Declaration, variables: Container[str]) -> bool:
    """Whether the instances of a `sql` target have queries in different files."""
    table = declaration.table
    query = table["sql"] if in_file(table["sql"]) else ""
    return varies(query, variables) or varies(table.get("prelude", ()), variables)


def script(texts: Texts, tree: Tree) -> Script:
    """The query of a declaration. Raises `filling.Fault`."""
    table = texts.declaration.table
    text, path = table["sql"], ""
    if in_file(text):
        path = texts.path(texts.filled(text.strip(), {}, "sql"))
        text = _content(texts, tree, path, "sql")
    before = [
        texts.path(texts.filled(each, {}, "prelude", at))
        for at, each in enumerate(table.get("prelude", ()))
    ]
    prelude = [_content(texts, tree, each, "prelude", at) for at, each in enumerate(before)]
    return Script(text, path, tuple(prelude), tuple(filter(None, (path, *before))))


def _content(texts: Texts, tree: Tree, path: str, *keys: str | int) -> str:
    """The text of a file of SQL."""
    tree.digest(path)  # so that it counts as looked at
    content = tree.read(path)
    if content is None:
        folder, _, name = path.rpartition("/")
        near = did_you_mean(name, [each for each in tree.entries(folder) if each.endswith(ENDING)])
        raise texts.fault(f"`{path}` is not there", *keys, hint=near)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise texts.fault(f"`{path}` is not UTF-8", *keys) from None


def filled_in(texts: Texts, given: Any, row: Mapping[str, str], *keys: str | int) -> Any:
    """The same with the placeholders of all its strings filled."""
    if isinstance(given, str):
        return texts.filled(given, row, *keys)
    if isinstance(given, dict):
        return {key: filled_in(texts, each, row, *keys, key) for key, each in given.items()}
    if isinstance(given, list):
        return [filled_in(texts, each, row, *keys, at) for at, each in enumerate(given)]
    return given


def standard_of(texts: Texts, row: Mapping[str, str]) -> Standard:
    """What a `standardize` says for the instance with these values. Raises `filling.Fault`."""
    filled: Any = filled_in(texts, texts.declaration.table["standardize"], row, "standardize")
    try:
        return standard(filled)
    except ValueError as error:
        raise texts.fault(str(error), "standardize") from None


def query_of(texts: Texts, row: Mapping[str, str]) -> Query:
    """What a `query` says for the instance with these values. Raises `filling.Fault`."""
    table = texts.declaration.table["query"]
    uri = texts.filled(table["uri"], {**row, "env": texts.variables}, "query", "uri")
    try:
        database(uri)
    except ValueError as error:  # by its name, where it is a variable: it may be a secret
        raise texts.fault(f"`{shown(table['uri'])}` {error}", "query", "uri") from None
    if in_file(table["sql"]):
        hint = "write it down here: only a `sql` target takes it from a file"
        raise texts.fault(f"`{table['sql']}` is no query", "query", "sql", hint=hint)
    return Query(uri, table["sql"], table.get("version", ""))


def template(declaration: Declaration) -> str | tuple[str, ...]:
    """What a declaration does, its placeholders not yet filled; `""` where that is in a recipe."""
    table, kind = declaration.table, declaration.kind
    if kind == "query":
        given = table["query"]
        return "\n".join([given["sql"], *([given["version"]] if "version" in given else ())])
    found = "" if kind in ("copy", "standardize") else table[kind]
    return tuple(found) if isinstance(found, list) else found


def recipe_of(texts: Texts, row: Mapping[str, str]) -> tuple[str | None, Any]:
    """What the kind of an instance says in place of the template, if it does, and its recipe.

    Raises `filling.Fault`.
    """
    if texts.declaration.kind == "standardize":
        found = standard_of(texts, row)
        return text_of(found), found
    if texts.declaration.kind == "query":
        query = query_of(texts, row)
        version = f"\n{VERSION}\n{query.version}" if query.version else ""
        return f"-- {shown(query.uri)}\n{query.sql}{version}", query
    return None, None
