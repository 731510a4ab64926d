"""What is not so with the older releases that Python 3.10 gets."""

from __future__ import annotations

from importlib.metadata import version

import pytest


def _before(package, major):
    return int(version(package).partition(".")[0]) < major


LISTS_OF_ONE_SIZE = not _before("pyarrow", 26)
"""Whether pyarrow reads from Parquet what it has written, also where such a list is null."""

told_by_pyarrow_26 = pytest.mark.skipif(
    _before("pyarrow", 26),
    reason="pyarrow before 26 tells of JSON in other words, and loads pandas",
)
whole_with_duckdb_2 = pytest.mark.skipif(
    _before("duckdb", 2),
    reason="DuckDB before 2 sorts -0.0 as 0.0, and has no fields without names",
)
told_by_duckdb_2 = pytest.mark.skipif(
    _before("duckdb", 2), reason="DuckDB before 2 says where something begins, not where it ends"
)
read_by_duckdb_2 = pytest.mark.skipif(
    _before("duckdb", 2),
    reason="DuckDB before 2 makes several statements of PIVOT, and tells less of ALL",
)
decimals_of_postgresql = pytest.mark.skipif(
    version("adbc-driver-postgresql").split(".")[:2] < ["1", "13"],
    reason="the driver before 1.13 says nothing of the digits of a numeric",
)
