"""Names in order, and the circles in the way."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from datamake.order import ordered

NEEDS = st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef")))


@given(NEEDS)
def test_each_comes_after_what_it_needs(needs):
    """Or there is a circle, each of which is one."""
    order, circles = ordered(needs, lambda name: needs.get(name, []))
    assert len(order) == len(set(order))
    late = [
        (name, needed)
        for name in order
        for needed in needs.get(name, [])
        if order.index(needed) >= order.index(name)
    ]
    assert bool(late) == bool(circles)
    for circle in circles:
        assert circle[0] == circle[-1]
        assert all(b in needs[a] for a, b in pairwise(circle))


def test_one_circle_for_each_knot():
    """Not all that it has."""
    needs = {"a": ["b", "c"], "b": ["a"], "c": ["a"], "d": ["d"]}
    assert ordered(needs, needs.__getitem__)[1] == [["a", "b", "a"], ["d", "d"]]
