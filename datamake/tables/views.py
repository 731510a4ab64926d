"""What an action is handed under a name: the files of one table, and which of its columns count.

Knows nothing of who made them.
"""

from __future__ import annotations

import pyarrow as pa

from datamake.tables.reading import Table, TextTable, files_in, table_of
from datamake.values import undisturbed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from typing import Any

    from datamake.action import Piece, View


def opened(view: View, go_on: Callable[[], None] = undisturbed) -> Table:
    """The pieces of a view as one table, by column name; `go_on` is that of `open_table`.

    Raises TableError.
    """
    found = [(piece.variables, pair) for piece in view.pieces for pair in located(piece)]
    whole = table_of([pair for _, pair in found], view.reading, go_on)
    if view.types is not None and isinstance(whole, TextTable):
        whole.know(view.types)
    if view.columns is None and not any(piece.variables for piece in view.pieces):
        return whole
    return _Seen(whole, [variables for variables, _ in found], view.columns)


def located(piece: Piece) -> list[tuple[str, dict[str, str | None]]]:
    """The files, with the values that folders give them. Raises TableError."""
    found = [pair for path in piece.paths for pair in files_in(path)]
    return [(path, {**piece.keys, **keys}) for path, keys in found]


class _Seen(Table):
    """A table with further columns, one value for each file, and without those that don't count."""

    def __init__(
        self,
        whole: Table,
        variables: Sequence[Mapping[str, str]],
        columns: Collection[str] | None,
    ) -> None:
        names = set(whole.schema.names)
        own = [{key: each[key] for key in each if key not in names} for each in variables]
        further = dict.fromkeys(key for each in own for key in each)
        fields = [*whole.schema, *(pa.field(key, pa.string()) for key in further)]
        self.whole = whole
        self.parts = whole.parts
        self.go_on = whole.go_on
        self.keys = [{**keys, **each} for keys, each in zip(whole.keys, own, strict=True)]
        self.schema = pa.schema([e for e in fields if columns is None or e.name in columns])

    def part_batches(self, part: Any, names: set[str]) -> Iterator[pa.RecordBatch]:
        return self.whole.part_batches(part, names)
