"""The listing of a folder: one form, and nothing that leads out of it."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamake.content import digest_of
from datamake.listing import HEADER, Listing, inside, parsed

ONE = digest_of(b"one")


def text(*lines):
    return HEADER + b"".join(line + b"\0" for line in lines)


def test_the_text_is_sorted_and_ends_each_line_with_zero():
    """So that names with newlines need no escape."""
    listing = Listing({"b": ONE, "a\nb": f"{ONE}x"}, {"l": "b"}, ("e",))
    one = ONE.encode()
    assert listing.text == text(one + b"x a\nb", one + b" b", b"folder e", b"link l", b"b")
    assert listing.digest.endswith("-6/")


names = st.binary(min_size=1, max_size=8).map(
    lambda name: os.fsdecode(name.replace(b"/", b"_").replace(b"\0", b"_").replace(b".", b"_"))
)


@given(st.dictionaries(names, st.binary().map(digest_of)), st.sets(names))
def test_what_is_written_is_read_back(files, folders):
    """Whatever the names are."""
    listing = Listing(files, {}, tuple(sorted(folders - set(files), key=os.fsencode)))
    assert parsed(listing.text) == listing


def test_an_empty_folder_has_a_listing():
    """Of one line."""
    assert parsed(HEADER) == Listing({}, {}, ())


@pytest.mark.parametrize(
    "forged",
    [
        b"",
        b"datamake listing 2\n",
        text(b"nonsense"),
        text(b"folder"),
        text(ONE.encode() + b" ../x"),
        text(ONE.encode() + b" /etc/passwd"),
        text(ONE.encode() + b" a/../../x"),
        text(ONE.encode() + b" ./a"),
        text(ONE.encode() + b" a//b"),
        text(ONE.encode() + b" "),
        text(ONE.encode() + b" " + b"a/" * 500_000 + b"a"),
        text(b"../../etc/passwd-3 a"),
        text(ONE.encode() + b" a", ONE.encode() + b" a"),
        text(ONE.encode() + b" b", ONE.encode() + b" a"),
        text(ONE.encode() + b" a", ONE.encode() + b" a/b"),
        text(b"link a", b"b", ONE.encode() + b" a/b"),
        text(ONE.encode() + b" a/b", b"folder a"),
        text(b"link a", b"/etc"),
        text(b"link a", b"../x"),
        text(b"link a", b""),
        text(b"link a"),
        text(ONE.encode() + b" a")[:-1],
    ],
)
def test_a_forged_listing_is_refused(forged):
    """Whoever can write to a cache must not be able to write elsewhere."""
    with pytest.raises(ValueError):  # noqa: PT011 - all that callers tell apart
        parsed(forged)


@pytest.mark.parametrize(
    ("path", "target", "claim"),
    [
        ("a", "b", True),
        ("a", "b/c/", True),
        ("a", ".", True),
        ("a/b", "..", True),
        ("a/b", "../c", True),
        ("a", "..", False),
        ("a/b", "../..", False),
        ("a/b/l", "up/../x", False),
        ("a", "/b", False),
        ("a", "", False),
    ],
)
def test_a_link_leads_inside_or_not(path, target, claim):
    """Whatever other links are there: `..` behind a name may be anywhere."""
    assert inside(path, target) is claim
