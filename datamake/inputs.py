"""The inputs of a declaration: names, paths, URLs, globs and folders, with their placeholders filled.

Knows which names are declared, and whether a path is a file; not what a target writes.
"""

from __future__ import annotations

import re

from datamake.datafile.shapes import IDENTIFIER, did_you_mean
from datamake.datafile.units import seconds
from datamake.filling import varies
from datamake.formats import DEFAULT, Reading
from datamake.instances import Argument, arguments, bracketed, named
from datamake.model import Input
from datamake.patterns import escaped, is_glob
from datamake.remote import Freshness
from datamake.urls import WEB, is_url
from datamake.values import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from datamake.filling import Texts
    from datamake.model import Part, Spec, Tree

    Keys = tuple[str | int, ...]


READING = frozenset(["format", "null", "read", "schema"])


class Names:
    """The declared names, and what each is."""

    def __init__(self, spec: Spec) -> None:
        self.declared = {**spec.targets, **spec.sources}
        self.disabled: set[str] = set()
        self.sources: dict[str, Input] = {}
        """The paths of the sources, as soon as they are known."""

    def full(self, name: str, part: Part) -> str | None:
        """A name as the whole project knows it; that of the part's own name space comes first."""
        if part.space and part.space + name in self.declared:
            return part.space + name
        return name if name in self.declared else None

    def seen_from(self, part: Part) -> list[str]:
        """All names, those of the part's own name space without it too."""
        own = [name[len(part.space) :] for name in self.declared if name.startswith(part.space)]
        return [*own, *self.declared] if part.space else own

    def meant(self, text: str, part: Part) -> tuple[str, str | None] | None:
        """The full name and what stands in brackets, or None if the text is no declared name."""
        found = named(text)
        full = self.full(found[0], part) if found else None
        return (full, found[1]) if found and full else None


@value
class Entry:
    """One element of `inputs`."""

    text: str
    keys: Keys
    place: Keys
    name: str | None = None
    output: str | None = None
    optional: bool = False
    fetch: bool = True
    columns: tuple[str, ...] | None = None
    reading: Reading = DEFAULT
    meant: tuple[str, str | None] | None = None
    """The full name that it is, and what stands in brackets."""
    glob: bool = False


def _label(table: str) -> str:
    """How a table that a query reads can be an input, as an example."""
    if re.fullmatch(IDENTIFIER, table):
        return f'{table} = "raw/{table}.csv"'
    return f'NAME = "{table}"'


class Inputs:
    """All inputs of a declaration. Raises `filling.Fault`."""

    def __init__(self, texts: Texts, names: Names, variables: Container[str], tree: Tree) -> None:
        self.texts = texts
        self.names = names
        self.tree = tree
        self.variables = variables
        entries = [self._entry(*each) for each in _entries(texts.declaration.table)]
        if texts.declaration.kind == "sql":
            entries = [self._labelled(entry, entries) for entry in entries]
        self.labels = tuple(entry.name for entry in entries if entry.name)
        self._known: list[Entry | Input] = [
            entry if varies(entry.text, variables) else self._input(entry, {}) for entry in entries
        ]

    def read(self, tables: Iterable[str]) -> None:
        """Take in the tables that a query reads, each under the name that it has there."""
        known = {(asked.name or "").casefold() for asked in self._known}
        part = self.texts.declaration.part
        for table in tables:
            if table.casefold() in known:
                continue
            known.add(table.casefold())
            meant = self.names.meant(table, part) or self._alike(table, part)
            if meant is None:
                raise self.texts.fault(
                    f"the query reads `{table}`, which is no source or target",
                    "sql",
                    hint=did_you_mean(table, self.names.seen_from(part))
                    or f"a path can be an input: `inputs = {{ {_label(table)} }}`",
                )
            entry = Entry(table, ("sql",), self.texts.place("sql"), table)
            self._known.append(self._named(entry, *meant, {}))

    def _alike(self, table: str, part: Part) -> tuple[str, str | None] | None:
        """The name that is the same but for upper and lower case, which SQL does not tell apart."""
        same = [n for n in self.names.seen_from(part) if n.casefold() == table.casefold()]
        return self.names.meant(same[0], part) if len(same) == 1 else None

    def of(self, row: Mapping[str, str]) -> tuple[Input, ...]:
        """The inputs of the instance with these foreach values."""
        return tuple(
            self._input(each, row) if isinstance(each, Entry) else each for each in self._known
        )

    def _labelled(self, entry: Entry, entries: Sequence[Entry]) -> Entry:
        """An input of a query with the name that it has there."""
        if entry.name is not None:
            return entry
        name = entry.text.partition("[")[0]
        alike = [each for each in entries if each.text.partition("[")[0] == name]
        if entry.meant is None or len(alike) > 1:
            hint = f'name it: `inputs = {{ NAME = "{entry.text}" }}`'
            raise self.texts.fault(
                f"the query cannot name the input `{entry.text}`", *entry.keys, hint=hint
            )
        return replace(entry, name=name)

    def _entry(self, keys: Keys, name: str | None, given: Any) -> Entry:
        table = given if isinstance(given, dict) else {"from": given}
        text = table["from"]
        meant = self.names.meant(text, self.texts.declaration.part)
        glob = meant is None and is_glob(self.texts.fixed(text, self.variables, *keys))
        output = self.texts.filled(table["output"], {}, *keys) if "output" in table else None
        return Entry(
            text,
            keys,
            self.texts.place(*keys),
            name,
            output,
            table.get("optional", False),
            table.get("fetch", True),
            self._columns(table, *keys),
            reading(self.texts, table, *keys),
            meant,
            glob,
        )

    def _columns(self, table: Mapping[str, Any], *keys: str | int) -> tuple[str, ...] | None:
        given = table.get("columns")
        if given is None:
            return None
        fill = self.texts.filled
        return tuple(fill(each, {}, *keys, "columns", at) for at, each in enumerate(given))

    def _input(self, entry: Entry, row: Mapping[str, str]) -> Input:
        if entry.meant is not None:
            return self._named(entry, *entry.meant, row)
        text = self.texts.filled(entry.text, row, *entry.keys)
        if text != entry.text:
            meant = self.names.meant(text, self.texts.declaration.part)
            if meant is not None:
                return self._named(entry, *meant, row)
        if entry.output is not None:
            raise self.texts.fault(
                f"`output` is one output of a target, and `{text}` is no target", *entry.keys
            )
        return self._path(entry, text, row)

    def _path(self, entry: Entry, text: str, row: Mapping[str, str]) -> Input:
        kind, path = located(self.texts, self.tree, text, entry.keys, glob=entry.glob)
        if kind in ("glob", "remote") and row:
            values = {variable: escaped(each) for variable, each in row.items()}
            literal = self.texts.filled(entry.text, values, *entry.keys)
            if kind == "glob":
                path = self.texts.path(literal, escaped(self.texts.folder))
            elif literal != text and self.texts.url(text).scheme not in WEB:
                path = self.texts.url(literal, *entry.keys).text
        return self._made(entry, kind, path)

    def _named(
        self, entry: Entry, full: str, brackets: str | None, row: Mapping[str, str]
    ) -> Input:
        keys = entry.keys
        if full in self.names.disabled:
            raise self.texts.fault(f"the input `{full}` is disabled", *keys)
        declaration = self.names.declared[full]
        if brackets is not None and "foreach" not in declaration.table:
            raise self.texts.fault(f"`{full}` has no instances: it has no `foreach`", *keys)
        if entry.output is not None:
            self._check_output(entry, full, declaration.table)
        if declaration.kind == "source":
            source = self.names.sources[full]
            found = self._made(entry, source.kind, source.text)
            return found if entry.reading != DEFAULT else replace(found, reading=source.reading)
        if brackets is None:
            return self._made(entry, "target", full)
        if "{" in brackets:
            brackets = self._brackets(brackets, row, keys)
        return self._made(entry, "target", f"{full}[{brackets}]")

    def _check_output(self, entry: Entry, full: str, table: Mapping[str, Any]) -> None:
        outputs = table.get("outputs")
        known = list(outputs) if isinstance(outputs, dict) else []
        if table.get("standardize", {}).get("on_error") == "quarantine":
            known = ["rejects"]
        if entry.output in known:
            return
        shown = ", ".join(f"`{name}`" for name in known)
        raise self.texts.fault(
            f"`{full}` has no output named `{entry.output}`",
            *entry.keys,
            facts=(f"its outputs are {shown}" if known else "its outputs have no names",),
            hint=did_you_mean(entry.output or "", known),
        )

    def _brackets(self, brackets: str, row: Mapping[str, str], keys: Keys) -> str:
        """What stands in brackets, its values quoted where they would mean something else."""
        try:
            given = arguments(brackets)
        except ValueError as error:
            raise self.texts.fault(str(error), *keys) from None
        return ",".join(self._argument(each, row, keys) for each in given)

    def _argument(self, argument: Argument, row: Mapping[str, str], keys: Keys) -> str:
        name = f"{argument.variable}=" if argument.variable else ""
        text = self.texts.filled(argument.text, row, *keys)
        if argument.exact or text != argument.text:
            text = bracketed([text])
        return name + text

    def _made(self, entry: Entry, kind: str, text: str) -> Input:
        if not entry.fetch and kind in ("path", "glob", "folder"):
            raise self.texts.fault(
                f"`fetch` is for URLs, and `{entry.text}` is no URL", *entry.keys
            )
        if not entry.fetch and self.texts.declaration.kind == "copy":
            raise self.texts.fault(
                "`copy` needs the content, so `fetch` cannot be `false`", *entry.keys
            )
        if entry.columns is not None and not entry.fetch:
            raise self.texts.fault(
                "`columns` takes a copy, so `fetch` cannot be `false`", *entry.keys
            )
        return Input(
            kind,
            text,
            entry.name,
            entry.output,
            entry.optional,
            entry.place,
            entry.fetch,
            entry.columns,
            entry.reading,
        )


def located(texts: Texts, tree: Tree, text: str, keys: Keys, *, glob: bool) -> tuple[str, str]:
    """A path or URL that somebody wrote: its kind, as of an Input, and a path from the root."""
    path = texts.path(text)
    url = is_url(text)
    near = not url or tree.kind(texts.path(text.partition("/")[0])) == "folder"
    if (url or glob) and near and tree.kind(path) == "file":
        return "path", path
    if url:
        return "remote", texts.url(text, *keys).text
    if glob and text.endswith("/"):
        hint = f"`{text}**` matches all files in them"
        raise texts.fault(f"`{text}` matches folders, and not files", *keys, hint=hint)
    if glob:
        return "glob", texts.path(text, escaped(texts.folder))
    return ("folder", f"{path}/") if text.endswith("/") else ("path", path)


def source(texts: Texts, tree: Tree) -> Input:
    """The path or URL, glob or folder of a source. Raises `filling.Fault`."""
    text = texts.filled(texts.declaration.table["path"], {}, "path")
    kind, path = located(texts, tree, text, ("path",), glob=is_glob(text))
    read = reading(texts, texts.declaration.table)
    return Input(kind, path, place=texts.place("path"), reading=read)


def reading(texts: Texts, table: Mapping[str, Any], *keys: str | int) -> Reading:
    """How a source or input is read where it is a table. Raises `filling.Fault`."""
    if READING.isdisjoint(table):
        return DEFAULT

    def filled(text: Any, *further: str | int) -> Any:
        return texts.filled(text, {}, *keys, *further) if isinstance(text, str) else text

    null = table.get("null")
    return Reading(
        table.get("format"),
        None if null is None else tuple(filled(e, "null", at) for at, e in enumerate(null)),
        types_of(table["schema"]) if "schema" in table else None,
        {key: filled(each, "read", key) for key, each in table.get("read", {}).items()},
    )


def types_of(schema: Mapping[str, Any]) -> Mapping[str, str]:
    """Column → type, of those columns of a `schema` that say one."""
    found = ((n, e["type"] if isinstance(e, dict) else e) for n, e in schema.items() if e)
    return dict(found)


def freshness(texts: Texts) -> Freshness | None:
    """How old the data of a source may be, if it says so. Raises `filling.Fault`."""
    table = texts.declaration.table.get("freshness")
    if table is None:
        return None
    if table.keys() <= {"column"}:
        raise texts.fault("`freshness` needs `warn_after` or `error_after`", "freshness")
    warn, error = (_duration(texts, table, key) for key in ("warn_after", "error_after"))
    found = Freshness(warn, error, table.get("column"))
    if found.warn_after and found.error_after and found.warn_after >= found.error_after:
        raise texts.fault(
            "`error_after` is not longer than `warn_after`, which hence says nothing", "freshness"
        )
    return found


def _duration(texts: Texts, table: Mapping[str, Any], key: str) -> float | None:
    if key not in table:
        return None
    try:
        return seconds(texts.filled(str(table[key]), {}, "freshness", key))
    except ValueError as error:
        raise texts.fault(f"`freshness.{key}`: {error}", "freshness", key) from None


def _entries(table: Mapping[str, Any]) -> Iterator[tuple[Keys, str | None, Any]]:
    given = table.get("inputs", ())
    if isinstance(given, dict):
        yield from ((("inputs", name), name, each) for name, each in given.items())
    else:
        yield from ((("inputs", index), None, each) for index, each in enumerate(given))
