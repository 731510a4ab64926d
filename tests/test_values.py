"""Values: what `dataclass(frozen=True, slots=True)` gives, without importing it."""

from __future__ import annotations

import pytest

from datamake.values import NOTHING, replace, value


@value
class Point:
    """A point."""

    x: int
    y: int = 0
    name: str = ""

    @property
    def far(self) -> bool:
        return self.x > 10


def test_fields_are_taken_by_place_and_by_name():
    assert (Point(1).x, Point(1).y, Point(1, name="a").name) == (1, 0, "a")


def test_equality_and_hash_go_by_fields_and_class():
    assert Point(1, 2) == Point(1, 2)
    assert Point(1, 2) != Point(1, 3)
    assert Point(1) != (1, 0, "")
    assert len({Point(1), Point(1), Point(2)}) == 2


def test_a_field_that_is_missing_or_unknown_is_an_error():
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
        Point()
    with pytest.raises(TypeError, match="unexpected keyword argument 'z'"):
        Point(1, z=2)


def test_there_is_no_room_for_other_attributes():
    with pytest.raises(AttributeError):
        Point(1).z = 2


def test_a_copy_differs_where_asked():
    assert replace(Point(1, 2), y=3) == Point(1, 3)


def test_it_shows_its_fields_and_keeps_its_properties():
    assert repr(Point(1)) == "Point(x=1, y=0, name='')"
    assert Point(11).far
    assert Point.__doc__ == "A point."


def test_nobody_can_fill_the_empty_mapping():
    with pytest.raises(TypeError):
        NOTHING["a"] = 1
