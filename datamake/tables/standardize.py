"""Files of any formats → one table of the columns that were asked for, and the rows that are wrong.

Knows nothing of targets. One thread reads ahead while another converts and writes; memory does not
grow with the data.
"""

from __future__ import annotations

from contextlib import ExitStack

import pyarrow as pa

from datamake.errors import shortened
from datamake.tables import TableError
from datamake.tables.casting import NOT_UTF8
from datamake.tables.delimited import OTHER_ENCODING, other_decimal
from datamake.tables.failures import named
from datamake.tables.feeds import DelimitedFeed, Refused
from datamake.tables.planning import Plan, files, unseen
from datamake.tables.session import NONE
from datamake.tables.writing import Writer
from datamake.threads import ahead
from datamake.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from datamake.action import View
    from datamake.datafile.standard import Column, Standard
    from datamake.tables.feeds import Chunk
    from datamake.tables.planning import File
    from datamake.tables.session import Limits

REJECTS = pa.schema(
    {
        "source_file": pa.string(),
        "row": pa.int64(),
        "column": pa.string(),
        "value": pa.string(),
        "reason": pa.string(),
    }
)
AHEAD = 3
"""Batches that are read before they are asked for."""
LONGEST = 10_000
"""Characters of a value in quarantine."""
SHOWN = 5
"""Rows in quarantine that are told."""


@value
class Outcome:
    """Rows written, rows in quarantine, and rows read; what is wrong with the first in quarantine."""

    rows: int
    rejected: int
    total: int
    wrong: tuple[str, ...] = ()


class Cleaning:
    """Reads files, and gives out the rows that are right; of the rest it keeps account."""

    def __init__(self, plan: Plan, rejects: Writer | None, shown: Callable[[str], str]) -> None:
        self.plan = plan
        self.rejects = rejects
        self.shown = shown
        self.total = 0
        self.rejected = 0
        self.wrong: list[str] = []

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The right rows of all files, in their order. Raises TableError."""
        for file, chunk in ahead(self._chunks(), AHEAD):
            self.plan.go_on()
            batch = self._cleaned(file, chunk)
            if batch.num_rows:
                yield batch
        unseen(self.plan)

    def _chunks(self) -> Iterator[tuple[File, Chunk]]:
        for file in self.plan.files:
            for chunk in file.feed.chunks(self.plan.wanted(file)):
                yield file, chunk

    def _cleaned(self, file: File, chunk: Chunk) -> pa.RecordBatch:
        made, faults = [], []
        for column in self.plan.columns:
            values, wrong = self._column(file, column, chunk.batch)
            made.append(values)
            faults += [(each.row, column.source or "", each.reason) for each in wrong]
        batch = pa.RecordBatch.from_arrays(made, schema=self.plan.schema)
        self.total += batch.num_rows + len(chunk.refused)
        if not faults and not chunk.refused:
            return batch
        first: dict[int, Refused] = {}
        named = {name for _, name, _ in faults}
        raws = {name: self._raw(file, name, chunk.batch) for name in named}
        for row, name, reason in sorted(faults, key=lambda fault: fault[0]):
            if row not in first:
                raw = raws[name]
                said = None if raw is None else text(raw[row])
                first[row] = Refused(chunk.number(row), name, said, reason)
        refused = sorted([*first.values(), *chunk.refused], key=lambda each: each.row)
        if self.rejects is None:
            raise fault(file.feed.path, refused[0], delimited=isinstance(file.feed, DelimitedFeed))
        self._reject(file, refused)
        right = [row not in first for row in range(batch.num_rows)]
        return batch.filter(pa.array(right, pa.bool_()))

    def _column(
        self, file: File, column: Column, batch: pa.RecordBatch
    ) -> tuple[pa.Array, Sequence[Any]]:
        rows = batch.num_rows
        if column.source is None:
            return pa.repeat(self.plan.constants[column.name], rows), ()
        raw = self._raw(file, column.source, batch)
        if raw is None:
            return pa.nulls(rows, self.plan.types[column.name]), ()
        casting = self.plan.casting(file, column, raw.type)
        return casting(raw, all_rows=self.rejects is not None)

    def _raw(self, file: File, name: str, batch: pa.RecordBatch) -> pa.Array | None:
        if name in file.constants:
            return pa.repeat(pa.scalar(file.constants[name], pa.string()), batch.num_rows)
        at = batch.schema.get_field_index(name)
        return None if at < 0 else batch.column(at)

    def _reject(self, file: File, refused: Sequence[Refused]) -> None:
        assert self.rejects is not None
        self.rejected += len(refused)
        path = self.shown(file.feed.path)
        for each in refused[: SHOWN - len(self.wrong)]:
            found = fault(path, each)
            self.wrong.append(": ".join([found.headline, *found.facts]))
        rows = [
            {
                "source_file": path,
                "row": each.row,
                "column": each.column,
                "value": None if each.value is None else shortened(each.value, LONGEST),
                "reason": each.reason,
            }
            for each in refused
        ]
        self.rejects.write(pa.RecordBatch.from_pylist(rows, REJECTS))


def standardize(
    standard: Standard,
    views: Sequence[View],
    outs: Sequence[str],
    limits: Limits = NONE,
    shown: Callable[[str], str] = str,
) -> Outcome:
    """Write the table, the first of `outs`, and to the second the rows in quarantine, if any.

    `limits` are those of DuckDB, where it takes that. `shown` gives the name that a path of a file
    is shown by. Raises TableError; then neither file is there.
    """
    with ExitStack() as stack:
        stack.enter_context(named([path for view in views for path in view.paths], shown))
        plan = Plan(standard, files(standard, views), limits.go_on)
        out, *rejects = outs
        refused = None
        if standard.quarantine:
            refused = stack.enter_context(Writer(rejects[0], REJECTS))
        good = stack.enter_context(Writer(out, plan.schema))
        cleaning = Cleaning(plan, refused, shown)
        rows = cleaning.batches()
        if standard.engine:
            from datamake.tables.arranging import Arrangement

            rows = Arrangement(standard, plan.schema).batches(rows, limits)
        for batch in rows:
            good.write(batch)
    return Outcome(good.rows, cleaning.rejected, cleaning.total, tuple(cleaning.wrong))


def fault(path: str, found: Refused, *, delimited: bool = False) -> TableError:
    """The first row that is wrong, where none may be."""
    where = f"`{path}`: row {found.row:,}"
    if found.column is None:
        facts = [] if found.value is None else [shortened(found.value)]
        return TableError(f"{where} {found.reason}", facts)
    where = f"{where}, column `{found.column}`"
    if found.value is None:
        return TableError(f"{where} {found.reason}")
    dtype = found.reason.partition("is not of the type `")[2]
    hint = OTHER_ENCODING if found.reason == NOT_UTF8 else ""
    if delimited and dtype:
        hint = other_decimal(found.value, dtype)
    return TableError(f"{where}: `{shortened(found.value)}` {found.reason}", hint=hint)


def text(found: pa.Scalar) -> str | None:
    """A raw value as text; bytes that are none with what stands for them."""
    if not found.is_valid:
        return None
    if pa.types.is_binary(found.type):
        return str(found.as_py().decode("utf-8", "replace"))
    return str(found)
