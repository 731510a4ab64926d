"""Which format a file has."""

from __future__ import annotations

import pytest

from datamake.formats import compression_of, format_of


@pytest.mark.parametrize(
    ("path", "format_", "compression"),
    [
        ("a/b.parquet", "parquet", None),
        ("b.arrow", "arrow", None),
        ("b.feather", "arrow", None),
        ("b.orc", "orc", None),
        ("b.CSV", "csv", None),
        ("b.v2.tsv.gz", "tsv", "gzip"),
        ("b.jsonl.zst", "jsonl", "zstd"),
        ("b.ndjson.bz2", "jsonl", "bz2"),
        ("b.json.lz4", "jsonl", "lz4"),
        ("b.parquet.gz", None, "gzip"),
        ("b.gz", None, "gzip"),
        ("b.txt", None, None),
        ("csv", None, None),
        (".csv", None, None),
        ("a.csv/b", None, None),
    ],
)
def test_endings_name_formats(path, format_, compression):
    """Only text is compressed as a whole."""
    assert format_of(path) == format_
    assert compression_of(path) == compression
