"""Durations and sizes."""

from __future__ import annotations

import pytest

from datamake.datafile.units import seconds, shortened, size


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("500ms", 0.5),
        ("90s", 90),
        ("30m", 1800),
        ("1.5h", 5400),
        ("2d", 172800),
        ("1w", 604800),
        ("45", 45),
        ("3 h", 10800),
        (30, 30),
        (0.5, 0.5),
        (0, 0),
    ],
)
def test_durations(text, expected):
    assert seconds(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("500KB", 500_000),
        ("8GB", 8_000_000_000),
        ("1.5GiB", 1_610_612_736),
        ("8 gb", 8_000_000_000),
        ("0.3KB", 300),
        ("7B", 7),
        ("100", 100),
        (1024, 1024),
    ],
)
def test_sizes(text, expected):
    assert size(text) == expected


@pytest.mark.parametrize(
    "text", ["", "m", "5x", "5M", "-1s", "1e3s", "1,5h", "inf", "nan", "٣s", -1, True, float("nan")]
)
def test_what_is_no_duration(text):
    expected = f"`{text}` is not a duration like `500ms`, `90s`, `30m`, `6h` or `1.5d`"
    with pytest.raises(ValueError, match=r"duration") as caught:
        seconds(text)
    assert str(caught.value) == expected


@pytest.mark.parametrize("text", ["", "GB", "5XB", "5G", "-1KB", "1e3", "8GB\n"])
def test_what_is_no_size(text):
    with pytest.raises(ValueError, match=r"size") as caught:
        size(text)
    assert str(caught.value) == f"`{text}` is not a size like `500KB`, `8GB` or `1.5GiB`"


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0s"),
        (0.5, "500ms"),
        (1, "1s"),
        (1.5, "1.5s"),
        (90, "90s"),
        (5400, "90m"),
        (86400, "1d"),
        (14 * 86400, "2w"),
        (365 * 86400, "365d"),
        (170.4, "2.8m"),
        (8.2e8 + 0.5, "1355.8w"),
    ],
)
def test_shortened(amount, text):
    """In the largest unit that divides it; else about, and never with an exponent."""
    assert shortened(amount) == text
