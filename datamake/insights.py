"""What is known of tables by their content: what they hold, and what queries read of them.

Knows nothing of verdicts. All of it is found out once for a content, then remembered with its
digest, here and in the shared cache; only then are pyarrow and DuckDB loaded.
"""

from __future__ import annotations

import os

from datamake.action import Piece, View
from datamake.errors import DatamakeError
from datamake.files import fresh_digest
from datamake.formats import TEXT, format_of, is_note
from datamake.logical import NO_TABLE, Logical, fact
from datamake.model import KEPT, Written
from datamake.moves import remove, room
from datamake.urls import is_url, shown
from datamake.values import NOTHING, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from datamake.fingerprint import Content
    from datamake.formats import Reading
    from datamake.workspace import Workspace

    Types = tuple[tuple[str, str], ...]
    """Column and type, in order."""
    Columns = Mapping[str, "frozenset[str] | None"]
    """Table → the columns of it that are read, None: all."""


class Insights:
    """What is known of tables in one project."""

    def __init__(self, space: Workspace) -> None:
        self.space = space

    def recall(self, key: str) -> str | None:
        """A fact that was found out before, here or by others."""
        facts = self.space.state.facts
        known = facts.recall(key)
        if known is None:
            known = self.space.cache.recall(key)
            if known is not None:
                facts.note(key, known, self.space.now())
        return known

    def note(self, key: str, text: str) -> None:
        """Remember a fact, and tell others."""
        self.space.state.facts.note(key, text, self.space.now())
        self.space.cache.tell(key, text)

    def logical(self, content: Content) -> Logical | None:
        """What a table holds; None where it counts by its bytes: a text, or what is no table."""
        reading = content.link.input.reading
        form = self.format(content)
        if form is None or form in TEXT:
            return None
        key = fact(form, content.digest)
        known = self._known(
            key, content, lambda path: _held(path, reading.format, self.space.go_on), _is_held
        )
        return None if known == NO_TABLE else Logical.parsed(known)

    def format(self, content: Content) -> str | None:
        """The format of a file, or of the files of a folder; None where it is not one."""
        given = content.link.input.reading.format
        if given is not None or not content.digest.endswith("/"):
            return given or format_of(content.path)
        names = self._names(content)
        formats = {format_of(name) for name in names}
        return formats.pop() if len(formats) == 1 else None

    def types(self, content: Content) -> Types | None:
        """The columns of a table with their types; None where it cannot be read as one."""
        logical = self.logical(content)
        if logical is not None:
            return tuple((name, type_) for name, type_, _ in logical.columns)
        reading = content.link.input.reading
        key = f"types-1 {reading.text} {self.format(content)} {content.digest}"
        known = self._known(
            key, content, lambda path: _types(path, reading, self.space.go_on), _is_types
        )
        return _pairs(known)

    def typed(self, view: View) -> View:
        """A view of texts with the types of its columns; of other files as it is."""
        formats = {view.reading.format or format_of(path) for path in view.paths}
        if not formats or not formats.issubset(TEXT):
            return view
        known = self.of_view("types-1", view, lambda: _types_of(view, self.space.go_on), _is_types)
        return replace(view, types=_pairs(known))

    def of_view(
        self, what: str, view: View, found: Callable[[], str], is_one: Callable[[str], bool]
    ) -> str:
        """What is found out of all files of a view, or was before, under the name `what`.

        What was before counts if it `is_one`: it may be from a shared cache.
        """
        key = _key(self.space, what, view)
        known = self.recall(key)
        if known is None or not is_one(known):
            known = found()
            if _key(self.space, what, view) == key:
                self.note(key, known)
        return known

    def used(
        self, query: str, prelude: Sequence[str], tables: Mapping[str, Types], version: str
    ) -> Columns:
        """The columns that a query reads of these tables. Raises TableError for what is no query."""
        from xxhash import xxh3_128_hexdigest

        parts = [version, query, *prelude]
        parts += [
            cell for name, types in tables.items() for pair in types for cell in (name, *pair)
        ]
        parts += tables
        text = "".join(f"{len(part)}:{part}" for part in parts)
        key = f"columns-1 {xxh3_128_hexdigest(text.encode('utf-8', 'surrogatepass'))}"
        known = _unpacked(self.recall(key) or "", tables)
        if known is None:
            from datamake.tables.queries import used_columns

            found = used_columns(query, tables, prelude)
            known = {name: found.get(name) for name in tables}
            self.note(key, _packed(known))
        return known

    def hold(self, content: Content, *, anew: bool = False) -> None:
        """Remember what counts of a table, for who asks later what has changed.

        `anew`: it is what a target has now been made of, whatever it was in before.
        """
        if content.logical is None:
            return
        facts = self.space.state.facts
        key = f"held {content.counted}"
        if anew or facts.recall(key) is None:
            part = content.logical.part(content.columns)
            text = f"{content.digest} {self.format(content)}\n{part}"
            facts.note(key, text, self.space.now())

    def held(self, counted: str) -> tuple[Logical, Logical | None, str] | None:
        """Of what once counted: what it was, all of the table that it was in, and its digest."""
        text = self.space.state.facts.recall(f"held {counted}")
        if text is None:
            return None
        head, _, rest = text.partition("\n")
        digest, _, form = head.partition(" ")
        part, whole = Logical.parsed(rest), self.recall(fact(form, digest))
        if part is None:
            return None
        return part, Logical.parsed(whole) if whole and whole != NO_TABLE else None, digest

    def place(self, path: str) -> str:
        """The absolute path of an input that is there, or of its copy."""
        if is_url(path):
            return self.space.sources.copies.place(path)
        return self.space.files.absolute(path)

    def _known(
        self,
        key: str,
        content: Content,
        found: Callable[[str], str],
        is_one: Callable[[str], bool],
    ) -> str:
        """What is found out of a content, wherever its bytes are, or was before, if it `is_one`.

        Raises DatamakeError, for what has changed since it was digested, too.
        """
        known = self.recall(key)
        if known is not None and is_one(known):
            return known
        space, place = self.space, self.place(content.path)
        found = _naming(found, content.path)
        if is_url(content.path) and os.path.exists(place):
            known = found(place)
        elif not is_url(content.path) and space.files.digest(content.path) == content.digest:
            known = found(place)
            space.files.forget(content.path)
            if space.files.digest(content.path) != content.digest:
                raise DatamakeError(f"`{content.path}` changed while it was looked at")
        else:
            known = self._of_copy(content, found)
        self.note(key, known)
        return known

    def _of_copy(self, content: Content, found: Callable[[str], str]) -> str:
        """What is found out of a content that only the cache has."""
        from tempfile import mkdtemp

        space = self.space
        folder = mkdtemp(prefix="insight-", dir=room(os.path.join(space.root, KEPT, "tmp")))
        copy = os.path.join(folder, os.path.basename(content.path.rstrip("/")))
        try:
            if not space.cache.restore(content.digest, copy):
                raise DatamakeError(f"`{content.path}` is not there to be looked at")
            return found(copy)
        finally:
            remove(folder)

    def _names(self, content: Content) -> Sequence[str]:
        """The names of the files in a folder that are not hidden."""
        files = self.space.entries(Written(content.path, content.digest))
        return [name for name in files if not is_note(name)]


def _key(space: Workspace, what: str, view: View) -> str:
    """Of what is found out of the files of a view: where that is one, the same as of a content."""
    from xxhash import xxh3_128_hexdigest

    said = [
        f"{view.reading.format or format_of(path)}{dict(piece.keys) or ''} {_digest(space, path)}"
        for piece in view.pieces
        for path in piece.paths
    ]
    text = said[0] if len(said) == 1 else xxh3_128_hexdigest("\n".join(said).encode())
    return f"{what} {view.reading.text} {text}"


def _digest(space: Workspace, path: str) -> str | None:
    """The digest of what is at an absolute path, as it is now."""
    if path.startswith(space.sources.copies.folder):
        return fresh_digest(path)
    near = os.path.relpath(path, space.root)
    space.files.forget(near)
    return space.files.digest(near)


def _held(path: str, form: str | None, go_on: Callable[[], None]) -> str:
    from datamake.tables.logical import digest_text

    return digest_text(path, form, go_on)


def _types(path: str, reading: Reading, go_on: Callable[[], None]) -> str:
    return _types_of(View("", (Piece((path,)),), reading), go_on)


def _types_of(view: View, go_on: Callable[[], None]) -> str:
    from datamake.tables.types import text_of
    from datamake.tables.views import opened

    bare = replace(view, pieces=tuple(replace(e, variables=NOTHING) for e in view.pieces))
    schema = opened(bare, go_on).schema
    return "\0".join(cell for field in schema for cell in (field.name, text_of(field.type)))


def _pairs(text: str) -> Types:
    cells = text.split("\0") if text else []
    return tuple(zip(cells[::2], cells[1::2], strict=True))


def _naming(found: Callable[[str], str], path: str) -> Callable[[str], str]:
    """The same, with errors that name what is looked at by its path in the project, or its URL."""

    def looked(place: str) -> str:
        from datamake.tables.failures import named

        with named([place], lambda each: shown(path) + each[len(place) :]):
            return found(place)

    return looked


def _packed(columns: Columns) -> str:
    import json

    return json.dumps(
        {name: None if used is None else sorted(used) for name, used in columns.items()}
    )


def _is_held(text: str) -> bool:
    if text == NO_TABLE:
        return True
    found = Logical.parsed(text)
    return found is not None and _are_types({type_ for _, type_, _ in found.columns})


def _is_types(text: str) -> bool:
    cells = text.split("\0")
    return len(cells) % 2 == 0 and _are_types(set(cells[1::2]))


def _are_types(texts: Collection[str]) -> bool:
    from datamake.datafile.types import parsed

    try:
        for text in texts:
            parsed(text)
    except (ValueError, RecursionError):
        return False
    return True


def _unpacked(text: str, tables: Mapping[str, Types]) -> Columns | None:
    """What `_packed` made for these tables; None where something else did."""
    import json

    try:
        found = json.loads(text)
        columns = {n: None if used is None else frozenset(used) for n, used in found.items()}
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    return columns if columns.keys() == tables.keys() else None
