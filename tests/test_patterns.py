"""Globs and captures: what they match, what they find, and when two may match the same path."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from linked import Tree

from datamake.patterns import (
    below,
    capture,
    escaped,
    exactly,
    found,
    glob,
    meet,
)

NAMES = st.text("ab.*[", min_size=1, max_size=3).filter(lambda name: name not in (".", ".."))
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
SEGMENTS = st.sampled_from(
    ["**", "*", "a*", "*b", ".*", "?", "[ab]", "[!a]", "a", "b", ".a", "a?b"]
)
GLOBS = st.lists(SEGMENTS, min_size=1, max_size=4).map("/".join)


def none(path):
    return False


def test_special_characters():
    """Each stands for characters of one name; what cannot be read stands for itself."""
    assert glob("a/[[]*.c").matches("a/[x.c")
    assert glob("[]a]").matches("]")
    assert glob("[^a]").matches("^")
    assert glob("[a-c]x").matches("bx")
    assert glob("[").matches("[")
    assert glob("a.b").matches("a.b")
    assert not glob("a.b").matches("axb")
    assert not glob("[c-a]").matches("b")
    assert not glob("*").matches("a/b")
    assert not glob("[!a]").matches("/")
    assert glob("*").matches("a\nb")
    assert glob("a*c").matches("a\udcffc")


def test_a_folder_matches_all_that_is_in_it():
    """Whatever the names."""
    pattern = glob("a[1]/")
    assert pattern.matches("a[1]/.x/y")
    assert not pattern.matches("a1/x")
    assert not pattern.matches("a[1]")


@given(PATHS)
def test_an_escaped_path_matches_itself_alone(path):
    """Whatever its characters."""
    assert glob(escaped(path)).matches(path) or any(n[0] == "." for n in path.split("/"))
    assert meet(exactly(path), exactly(path))
    assert meet(below(exactly(path)), exactly(f"{path}/x"))


@given(GLOBS, GLOBS, PATHS)
@example("**/a", "a", "a")
@example("a/**", "**/b", "a/b")
def test_patterns_that_match_one_path_meet(one, other, path):
    """`meet` may be wrong in saying that two do, never in saying that they don't."""
    if glob(one).matches(path) and glob(other).matches(path):
        assert meet(glob(one).segments, glob(other).segments)
        assert meet(glob(other).segments, glob(one).segments)


def test_patterns_that_do_not_meet():
    """By their depth, their beginnings or their ends."""
    for one, other in [("a/*", "a/*/*"), ("a*", "b*"), ("*.csv", "*.txt"), ("a/**/b", "a/c")]:
        assert not meet(glob(one).segments, glob(other).segments)


@given(GLOBS, st.sets(PATHS, max_size=8))
def test_what_is_found_is_what_matches(pattern, paths):
    """The walk leaves out only folders in which nothing can match."""
    files = {p for p in paths if not any(other.startswith(f"{p}/") for other in paths)}
    tree = Tree(dict.fromkeys(files, ""))
    matching = sorted(path for path in files if glob(pattern).matches(path))
    assert sorted(found(glob(pattern), tree, none)) == matching


def test_only_folders_in_which_something_can_match_are_listed():
    """A hidden or foreign folder may be large."""
    tree = Tree(dict.fromkeys(["a/x/1", "a/.git/2", "b/3", "a/y/z/4"], ""))
    listed = []
    entries = tree.entries
    tree.entries = lambda folder: (listed.append(folder), entries(folder))[1]
    assert list(found(glob("a/*/*"), tree, none)) == ["a/x/1"]
    assert listed == ["a", "a/y", "a/x"]
    listed.clear()
    assert list(found(glob("a/**"), tree, none)) == ["a/y/z/4", "a/x/1"]
    assert listed == ["a", "a/y", "a/y/z", "a/x"]


def test_captures():
    """What is captured; `**` and `*` may stand beside."""
    assert capture("a/{x}_{y}.csv").row("a/1_2_3.csv") == {"x": "1_2", "y": "3"}
    assert capture("a/{x}.csv").row("a/.csv") is None
    assert capture("a/{x}.csv").row("a/.b.csv") is None
    assert capture("**/{x}.csv").row("a/b/c.csv") == {"x": "c"}
    assert capture("{x}/*.csv").row("a/b.csv") == {"x": "a"}
    assert capture("{x}/{x}").row("a/b") is None
    assert capture("{x}/").row("a") == {"x": "a"}
