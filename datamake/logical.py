"""What a table holds, in digests: of each of its columns, of some of them, of all.

Knows no files, and how a column is digested no more; see `tables.logical`.
"""

from __future__ import annotations

from struct import pack

from xxhash import xxh3_128

from datamake.quoting import quoted, unquoted
from datamake.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

NO_TABLE = "no table"
"""In place of what a content holds that cannot be read as a table."""
VERSION = "table-1"
"""Of the rules by which content is hashed: another one means that no digest holds any more."""


@value
class Logical:
    """What a table holds: the number of its rows, and (name, type, digest) of each column."""

    rows: int
    columns: tuple[tuple[str, str, str], ...]

    @property
    def whole(self) -> str:
        """The digest of it all."""
        state = xxh3_128(_framed(VERSION) + pack("<q", self.rows))
        for column in self.columns:
            state.update(b"".join(map(_framed, column)))
        return state.hexdigest()

    def part(self, columns: Collection[str] | None) -> Logical:
        """The same with only the columns of these names, and always the number of rows."""
        if columns is None:
            return self
        return Logical(self.rows, tuple(each for each in self.columns if each[0] in columns))

    def __str__(self) -> str:
        """One text, which `Logical.parsed` makes an equal one of."""
        lines = ["\t".join(map(quoted, column)) for column in self.columns]
        return "\n".join([f"{VERSION} {self.rows}", *lines])

    @staticmethod
    def parsed(text: str) -> Logical | None:
        """What `str` made, None where it did so by other rules, or something else did."""
        head, *lines = text.split("\n")
        version, _, rows = head.partition(" ")
        cells = [tuple(map(unquoted, line.split("\t"))) for line in lines]
        counted = rows.isdecimal() and len(rows) < 19
        if version != VERSION or not counted or any(len(each) != 3 for each in cells):
            return None
        return Logical(int(rows), tuple((name, type_, own) for name, type_, own in cells))


def fact(form: str, digest: str) -> str:
    """The key of the fact what a content of a format holds."""
    return f"{VERSION} {form} {digest}"


def changes(old: Logical, new: Logical) -> list[str]:
    """What has changed, a line each: rows, and columns added, removed, of other types or values."""
    lines = [] if old.rows == new.rows else [f"{old.rows:,} rows → {new.rows:,} rows"]
    before = {name: (type_, own) for name, type_, own in old.columns}
    after = {name: (type_, own) for name, type_, own in new.columns}
    lines += [f"column `{name}` was added" for name in after if name not in before]
    lines += [f"column `{name}` was removed" for name in before if name not in after]
    others = 0
    for name, now in after.items():
        then = before.get(name, now)
        if then[0] != now[0]:
            lines.append(f"column `{name}`: {then[0]} → {now[0]}")
        elif then != now and old.rows == new.rows:
            lines.append(f"column `{name}` has other values")
            others += 1
    if others == len(after) == len(before) > 1:  # as a digest of rows in their order has it
        lines.append("or the rows are in another order")
    if not lines and old.whole != new.whole:
        same = old.rows == new.rows and before == after
        lines.append("the columns are in another order" if same else "other values")
    return lines


def _framed(text: str) -> bytes:
    data = text.encode()
    return pack("<q", len(data)) + data
