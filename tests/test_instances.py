"""Names of instances: made from values, read again, looked up in a family."""

from __future__ import annotations

from contextlib import suppress
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamake.instances import Family, arguments, bracketed, named, parts

VALUES = st.text(max_size=6) | st.text('",[]=.*?-1', max_size=4)
ROWS = st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=6, unique=True)


def family(rows):
    found = Family("f", ["x", "y"])
    found.add(
        SimpleNamespace(name=f"f[{bracketed(row)}]", each=dict(zip("xy", row, strict=True)))
        for row in rows
    )
    return found


@given(ROWS)
def test_a_name_is_its_values(rows):
    """No two rows have the same name, and each name means its own instance."""
    names = [f"f[{bracketed(row)}]" for row in rows]
    assert len(set(names)) == len(rows)
    for name in names:
        assert named(name) == ("f", name[2:-1])
        assert family(rows).chosen(name[2:-1]) == [name]
        assert list(parts(f"a,{name}", ",")) == ["a", name]


@given(ROWS)
def test_quoted_values_mean_one_instance(rows):
    """By position and by name, whatever their characters."""
    for x, y in rows:
        quoted = ['"' + text.replace('"', '""') + '"' for text in (x, y)]
        expected = [f"f[{bracketed((x, y))}]"]
        assert family(rows).chosen(",".join(quoted)) == expected
        assert family(rows).chosen(f"y={quoted[1]},x={quoted[0]}") == expected


@given(st.text())
def test_any_text_is_read_or_refused(text):
    """Nothing else is raised."""
    with suppress(ValueError):
        assert arguments(text)


@pytest.mark.parametrize("text", ["raw/x.csv", "a b", "1a", "", "a[1]b", "a[1", "./a"])
def test_what_is_no_name(text):
    """Paths, mostly."""
    assert named(text) is None


def test_ranges():
    """Numbers count as numbers where all are; ends are included."""
    rows = [(str(n), "a") for n in (1, 2, 10, 11)]
    assert family(rows).chosen("2..10,*") == ["f[2,a]", "f[10,a]"]
    assert family([("b", "1"), ("d", "1"), ("2", "1")]).chosen("a..c,1") == ["f[b,1]"]


def test_a_value_that_looks_like_an_argument():
    """`a=b` is a value where there is no variable `a`."""
    assert family([("a=b", "c"), ("b", "c")]).chosen("a=b,c") == ["f[a=b,c]"]
    assert family([("a=b", "c"), ("b", "c")]).chosen("a=*,c") == ["f[a=b,c]"]
