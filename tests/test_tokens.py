"""Version tokens of each kind of store, from what it says when asked and when listed."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from datamake.tokens import modified, token

NOW = datetime(2026, 5, 17, 10, 30, 0, 250_000, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("scheme", "info", "expected"),
    [
        ("s3", {"ETag": '"abc-12"', "size": 7}, ("etag:abc-12:7", False)),
        ("s3", {"ETag": "abc-12", "Size": 7, "size": 7}, ("etag:abc-12:7", False)),
        ("gs", {"generation": "1700", "etag": "CAE=", "size": 7}, ("generation:1700", False)),
        ("abfs", {"etag": "0x8DC", "size": 7}, ("etag:0x8DC:7", False)),
        ("https", {"ETag": '"x y"', "size": 7}, ("etag:x%20y", False)),
        ("https", {"ETag": 'W/"x"', "size": 7}, ("etag:W/x:7", False)),
        (
            "http",
            {"LastModified": "Tue, 14 Nov 2023 22:13:20 GMT", "size": 7},
            ("modified:1700000000:7", True),
        ),
        ("http", {"LastModified": "Tue, 14 Nov 2023 22:13:20 GMT", "size": None}, None),
        ("http", {"size": 7}, None),
        ("http", {"ETag": '""', "size": 7}, None),
        ("http", {"ETag": 'W/""', "size": 7}, None),
        ("github", {"sha": "a94a8fe5", "size": 7}, ("sha:a94a8fe5", False)),
        ("sftp", {"mtime": NOW, "size": 7}, ("modified:1779013800.25:7", True)),
        ("memory", {"created": NOW, "size": 7}, ("modified:1779013800.25:7", True)),
        ("ftp", {"modify": "20231114221320", "size": 0}, ("modified:1700000000:0", True)),
        (
            "webhdfs",
            {"modificationTime": 1700000000500, "size": 7},
            ("modified:1700000000.5:7", True),
        ),
        ("other", {"size": 7, "name": "x"}, None),
    ],
)
def test_tokens(scheme, info, expected):
    """A generation, a tag, a hash; else size and time, which is weak; else nothing."""
    assert token(scheme, info) == expected


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (1700000000.5, 1700000000.5),
        ("2023-11-14T22:13:20Z", 1700000000),
        ("2023-11-14T22:13:20.500000+00:00", 1700000000.5),
        (datetime(2023, 11, 14, 22, 13, 20), 1700000000),  # noqa: DTZ001 - as some stores have it
        ("yesterday", None),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        (10**400, None),
        (float("nan"), None),
        ("99999999999999", None),
        ([], None),
    ],
)
def test_times(when, expected):
    """In all the forms that stores have; a time without a zone is UTC."""
    assert modified({"mtime": when}) == expected
    assert modified({"size": 7}) is None
