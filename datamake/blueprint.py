"""One declared target → its instances, one for each row of foreach values.

Knows nothing of what other targets write, and takes the rows as given.
"""

from __future__ import annotations

from posixpath import join

from datamake.datafile.placeholders import Placeholder, faults, listed, names, pieces
from datamake.filling import varies
from datamake.habits import KEYS, HabitsReader
from datamake.inputs import Inputs
from datamake.instances import bracketed
from datamake.model import KEPT, Output, Target
from datamake.patterns import below, escaped, fixed
from datamake.urls import READ_ONLY, is_url, shown
from datamake.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from datamake.errors import Problem
    from datamake.filling import Fault, Texts
    from datamake.habits import Habits
    from datamake.inputs import Names
    from datamake.model import Tree

BUILT_IN = ("input", "inputs", "output", "outputs", "params", "target", "root", "cpus", "work")
DEFAULT_OUTPUT = frozenset(["python", "sql", "standardize", "query"])
STAGED = frozenset(["python", "sql", "standardize", "query", "copy"])


@value
class Slot:
    """An output as declared."""

    text: str
    keys: tuple[str | int, ...]
    name: str | None = None
    staged: bool = False

    @property
    def folder(self) -> bool:
        """Whether it is declared as a folder."""
        return bool(self.keys) and self.text.endswith("/")


class Blueprint:
    """What all instances of a target have in common."""

    def __init__(
        self, texts: Texts, variables: tuple[str, ...], declared: Names, tree: Tree
    ) -> None:
        declaration = texts.declaration
        self.name = declaration.name
        self.declaration = declaration
        self.variables = variables
        self.foreach = "foreach" in declaration.table
        self.texts = texts
        self.tree = tree
        given = "" if declaration.kind == "copy" else declaration.table[declaration.kind]
        self.template: str | tuple[str, ...] = tuple(given) if isinstance(given, list) else given
        self.inputs = Inputs(texts, declared, variables, tree)
        script = self.template if isinstance(self.template, str) else "\0".join(self.template)
        self._used = names(script, shell=declaration.kind == "run")
        self.slots = list(self._slots())
        self._habits: Habits | None = None
        self._vary = self.foreach and any(
            key in KEYS and varies(given, variables) for key, given in declaration.table.items()
        )

    def target(self, row: Mapping[str, str]) -> Target:
        """The instance with these foreach values. Raises `filling.Fault`."""
        declaration, table = self.declaration, self.declaration.table
        habits = self._habits
        if habits is None:
            habits = HabitsReader(self.texts, row).habits(self._used)
            self._habits = None if self._vary else habits
        return Target(
            f"{self.name}[{bracketed(row.values())}]" if self.foreach else self.name,
            self.name,
            declaration.kind,
            declaration.part,
            self.inputs.of(row),
            tuple(self._output(slot, row) for slot in self.slots),
            self.template,
            row,
            habits.params,
            habits.declared,
            habits.code,
            table.get("implicit", True),
            habits.surroundings,
            habits.resources,
            habits.policy,
            tuple(table.get("tags", ())),
            table.get("owner", ""),
            table.get("description", ""),
        )

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

    def problems(self) -> Iterator[Problem]:
        """What is wrong with the placeholders of the action."""
        kind = self.declaration.kind
        texts = [self.template] if isinstance(self.template, str) else list(self.template)
        known: list[str] = []
        for index, text in enumerate(texts):
            if "{" not in text:
                continue
            known = known or self._known()
            found = faults(text, known, shell=kind == "run")
            keys = (kind,) if isinstance(self.template, str) else (kind, index)
            yield from (self.texts.placed(problem, *keys) for problem in found)

    def _known(self) -> list[str]:
        """The names of placeholders that the action may use."""
        return [
            *BUILT_IN,
            *self.variables,
            *(f"inputs.{name}" for name in self.inputs.labels),
            *(f"outputs.{slot.name}" for slot in self.slots if slot.name),
            *listed(self.texts.params),
        ]

    def _slots(self) -> Iterator[Slot]:
        declaration = self.declaration
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

    def _default(self) -> str:
        """`build/<name>.parquet`, with a place for the instance."""
        name = self.name.removeprefix(self.declaration.part.space)
        return f"build/{name}/" if self.foreach else f"build/{name}.parquet"

    def _output(self, slot: Slot, row: Mapping[str, str]) -> Output:
        path = self._path(slot, row)
        if is_url(path):
            return Output(self._remote(slot, path), slot.name, staged=True)
        first = path.partition("/")[0]
        if first in ("", ".", ".."):
            raise self.texts.fault(f"the output `{path}` lies outside the project", *slot.keys)
        path = self._followed(path, path.rpartition("/")[0], slot)
        if path.partition("/")[0] == KEPT:
            raise self.texts.fault(f"the output `{path}` lies in datamake's own folder", *slot.keys)
        return Output(path, slot.name, slot.folder, slot.staged)

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
