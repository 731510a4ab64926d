"""Rows: products, exclusions, dates and what is no date."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from datamake.foreach import dates, product, remaining, text_of

NOW = "2013-03-10T12:30:00+01:00"


def test_dates_are_written_as_from_is():
    """As far as that tells them apart."""
    assert dates({"from": "2013-01", "to": "2013-03", "every": "1mo"}, NOW)[-1] == "2013-03"
    assert dates({"from": "2011", "to": "2013", "every": "1y"}, NOW) == ["2011", "2012", "2013"]
    assert dates({"from": "2013", "to": "2013", "every": "1mo"}, NOW)[-1] == "2013-12"
    hours = {"from": "2013-01-01 00:30", "to": "2013-01-01 02:00", "every": "1h"}
    assert dates(hours, NOW) == ["2013-01-01T00:30", "2013-01-01T01:30"]
    days = {
        "from": date(2013, 1, 1),
        "to": datetime.fromisoformat("2013-01-02T00:00:00"),
        "every": "1d",
    }
    assert dates(days, NOW) == ["2013-01-01", "2013-01-02"]


def test_complete_periods():
    """The present one is not over; its end may be now."""
    assert dates({"from": "2013-03-10T10:00", "every": "1h"}, NOW)[-1] == "2013-03-10T11:00"
    assert dates({"from": "2013-03-09", "every": "1d"}, "2013-03-11T00:00:00")[-1] == "2013-03-10"
    assert dates({"from": "2014-01-01", "every": "1d"}, NOW) == []


def test_the_end_of_time():
    """Is not passed."""
    days = {"from": "9999-12-30", "to": "9999-12-31", "every": "1d"}
    assert dates(days, NOW) == ["9999-12-30", "9999-12-31"]
    years = {"from": "9998", "to": "9999", "every": "1y"}
    assert dates(years, NOW) == ["9998", "9999"]


@pytest.mark.parametrize("text", ["", "1.2.2013", "2013-13-01", "2013-02-30", "soon", "2013-1-1"])
def test_what_is_no_date(text):
    """Is said as it stands."""
    with pytest.raises(ValueError, match="is not a date like `2013-01-01`") as caught:
        dates({"from": text, "every": "1d"}, NOW)
    assert str(caught.value) == f"`{text}` is not a date like `2013-01-01`"


def test_too_many_dates():
    """Nobody means a million hours."""
    with pytest.raises(ValueError, match=r"^foreach makes more than 1,000,000 dates$"):
        dates({"from": "1000-01-01", "to": "2013-01-01", "every": "1h"}, NOW)


def test_product_and_what_remains():
    """An exclusion names some of the variables."""
    rows = product({"a": ["1", "2"], "b": ["x"]})
    assert rows == [{"a": "1", "b": "x"}, {"a": "2", "b": "x"}]
    assert remaining(rows, [{"a": "1"}, {"a": "2", "b": "y"}]) == rows[1:]
    assert product({"a": [], "b": ["x"]}) == []


def test_a_list_is_no_single_value():
    """Nor is a table."""
    with pytest.raises(ValueError, match=r"^`\[1\]` is not a single value$"):
        text_of([1])


def test_each_day_and_no_present_where_neither_matters():
    assert dates({"from": "2013-01-30", "to": "2013-02-01"}, "") == [
        "2013-01-30",
        "2013-01-31",
        "2013-02-01",
    ]
