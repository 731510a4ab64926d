"""Tables: what needs pyarrow or DuckDB, on local files.

Knows nothing of targets, graphs, records or caches. Modules here import pyarrow and DuckDB at
their top, and are themselves imported inside functions: a build with nothing to do loads none.
"""

from __future__ import annotations

from datamake.errors import DatamakeError


class TableError(DatamakeError):
    """A file is not the table that it should be. The headline names file, row and column."""

    exit_code = 1
