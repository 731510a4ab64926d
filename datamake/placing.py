"""Where the outputs of a target go: as declared, or by default.

Knows nothing of what other targets write.
"""

from __future__ import annotations

from posixpath import join

from datamake.datafile.placeholders import Placeholder, pieces
from datamake.formats import FORMATS, SHEETS, format_of
from datamake.instances import bracketed
from datamake.model import KEPT, TABULAR, Output
from datamake.patterns import below, escaped, fixed
from datamake.urls import READ_ONLY, is_url, shown
from datamake.values import NOTHING, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from datamake.filling import Fault, Texts
    from datamake.model import Tree

DEFAULT_OUTPUT = TABULAR | {"python"}
STAGED = TABULAR | {"python", "copy"}


@value
class Slot:
    """An output as declared."""

    text: str
    keys: tuple[str | int, ...]
    name: str | None = None
    staged: bool = False
    apart: bool = False

    @property
    def folder(self) -> bool:
        """Whether it is declared as a folder."""
        return bool(self.keys) and self.text.endswith("/")


class Places:
    """The outputs of a declaration. `used` are the names of its action's placeholders."""

    def __init__(
        self, texts: Texts, variables: tuple[str, ...], used: Collection[str], tree: Tree
    ) -> None:
        self.texts = texts
        self.variables = variables
        self.tree = tree
        self.name = texts.declaration.name
        self.foreach = "foreach" in texts.declaration.table
        self._used = used
        self.slots = [*self._slots(), *self._rejects()]

    def of(self, row: Mapping[str, str]) -> tuple[Output, ...]:
        """Those of the instance with these foreach values. Raises `filling.Fault`."""
        return tuple(self._output(slot, row) for slot in self.slots)

    def templates(self) -> Iterator[tuple[str, ...]]:
        """Where outputs of instances yet unknown may lie, as segments of globs. Raises Fault."""
        for slot in self.slots:
            if slot.keys:
                text = "".join(self._shape(piece, slot) for piece in pieces(slot.text))
            else:
                text = f"{slot.text}*.parquet"
            if is_url(text):
                if slot.folder:
                    raise self._no_file(slot, slot.text, "folder")
                path = text
            else:
                path = self.texts.path(text, escaped(self.texts.folder))
                path = self._followed(path, fixed(path.split("/")[:-1]), slot)
            segments = tuple(path.split("/"))
            yield below(segments) if slot.folder else segments

    def _shape(self, piece: str | Placeholder, slot: Slot) -> str:
        if isinstance(piece, str):
            return escaped(piece)
        if piece.name in self.variables:
            return "/".join("*" for _ in piece.format.split("/"))
        row = dict.fromkeys(self.variables, "")
        return escaped(self.texts.filled(piece.text, row, *slot.keys, whole=slot.text))

    def _slots(self) -> Iterator[Slot]:
        declaration = self.texts.declaration
        table = declaration.table
        used = self._used
        every = declaration.kind in STAGED or "outputs" in used
        if "output" in table:
            yield Slot(table["output"], ("output",), None, every or "output" in used)
            return
        given = table.get("outputs")
        if given is None:
            if declaration.kind in DEFAULT_OUTPUT:
                yield Slot(self._default(), (), None, staged=True)
            return
        named = given.items() if isinstance(given, dict) else ((None, path) for path in given)
        for index, (name, path) in enumerate(named):
            staged = every or f"outputs.{name}" in used or (index == 0 and "output" in used)
            yield Slot(path, ("outputs", index if name is None else name), name, staged)

    def _rejects(self) -> Iterator[Slot]:
        """Where rows in quarantine go."""
        given = self.texts.declaration.table.get("standardize", NOTHING)
        if given.get("on_error") == "quarantine":
            keys = ("standardize", "rejects") if "rejects" in given else ()
            text = given.get("rejects") or self._default("rejects/")
            yield Slot(text, keys, "rejects", staged=True, apart=True)

    def _default(self, folder: str = "") -> str:
        """`build/<name>.parquet`, with a place for the instance."""
        name = self.name.removeprefix(self.texts.declaration.part.space)
        return f"build/{folder}{name}/" if self.foreach else f"build/{folder}{name}.parquet"

    def _output(self, slot: Slot, row: Mapping[str, str]) -> Output:
        path = self._path(slot, row)
        if self.texts.declaration.kind in TABULAR and (slot.folder or not format_of(path)):
            raise self.texts.fault(
                f"the output `{shown(path)}` is not a table by its ending",
                *slot.keys,
                hint="write CSV: a spreadsheet opens it"
                if path.lower().endswith(SHEETS)
                else f"a table is written as {', '.join(FORMATS)}",
            )
        if is_url(path):
            return Output(self._remote(slot, path), slot.name, staged=True, apart=slot.apart)
        first = path.partition("/")[0]
        if first in ("", ".", ".."):
            raise self.texts.fault(f"the output `{path}` lies outside the project", *slot.keys)
        path = self._followed(path, path.rpartition("/")[0], slot)
        if path.partition("/")[0] == KEPT:
            raise self.texts.fault(f"the output `{path}` lies in datamake's own folder", *slot.keys)
        return Output(path, slot.name, slot.folder, slot.staged, slot.apart)

    def _followed(self, path: str, folder: str, slot: Slot) -> str:
        """A path, or glob, in `folder`, where that is once links are followed."""
        real = self.tree.real(folder)
        if real == folder:
            return path
        if real[:1] == "/":
            raise self.texts.fault(
                f"the output `{path}` lies outside the project",
                *slot.keys,
                facts=[f"`{folder}` leads to `{real}`"],
                hint="name a place in the project; a folder output may itself be a link to another disk",
            )
        return join(real, path[len(folder) + 1 :])

    def _path(self, slot: Slot, row: Mapping[str, str]) -> str:
        if not slot.keys and self.foreach:
            return self.texts.path(f"{slot.text}{_file_name(row)}.parquet")
        text = self.texts.filled(slot.text, row, *slot.keys)
        return text if is_url(text) else self.texts.path(text)

    def _remote(self, slot: Slot, text: str) -> str:
        """A URL that can be written to."""
        url = self.texts.url(text, *slot.keys)
        fault = ""
        if url.archive:
            fault = "lies in an archive, which cannot be written to"
        elif url.kind != "path":
            raise self._no_file(slot, text, url.kind)
        elif url.scheme in READ_ONLY:
            fault = f"cannot be written: `{url.scheme}://` is only for reading"
        if fault:
            raise self.texts.fault(f"the output `{shown(text)}` {fault}", *slot.keys)
        return url.text

    def _no_file(self, slot: Slot, text: str, kind: str) -> Fault:
        """What to say of an output at the URL of a folder or glob."""
        return self.texts.fault(
            f"the output `{shown(text)}` is a {kind}, and not one file",
            *slot.keys,
            hint="name each file, with `foreach` where there are many, or pack them into one",
        )


def _file_name(row: Mapping[str, str]) -> str:
    """The values of an instance as a file name; what a name can't have is percent-encoded."""
    text = bracketed(row.values()).replace("%", "%25").replace("/", "%2F")
    return f"%2E{text[1:]}" if text.startswith(".") else text
