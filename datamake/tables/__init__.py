"""Tables: what needs pyarrow or DuckDB, on local files.

Knows nothing of targets, graphs, records or caches. Modules here import pyarrow and DuckDB at
their top, and are themselves imported inside functions: a build with nothing to do loads none.
"""

from __future__ import annotations

from datamake.errors import DatamakeError, shortened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

NAMED = 12
"""Columns that are named where one is not there, at most."""


class TableError(DatamakeError):
    """A file is not the table that it should be. The headline names file, row and column."""

    exit_code = 1


def other_delimiter(names: Sequence[str]) -> str:
    """The hint at another delimiter, where all columns seem to be one."""
    other = max(",;\t|", key=names[0].count) if len(names) == 1 else ""
    if not other or other not in names[0]:
        return ""
    text = {"\t": "\\t"}.get(other, other)
    return f'if `{text}` is between the columns: `read = {{ delimiter = "{text}" }}`'


def no_column(table: str, name: str, names: Sequence[str]) -> TableError:
    """What to say of a column that a table has not; `names` are those that it has."""
    from datamake.datafile.shapes import did_you_mean

    shown = shortened(", ".join(f"`{each}`" for each in names[:NAMED]), 300)
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    hint = did_you_mean(name, names) or other_delimiter(names)
    return TableError(f"`{table}` has no column `{name}`", [f"it has {shown}{more}"], hint)
