"""Line and column of keys and elements in any valid TOML."""

from __future__ import annotations

import tomli
from hypothesis import given
from hypothesis import strategies as st

from datamake.datafile import locate, place
from datamake.datafile.positions import Places
from datamake.errors import Problem
from datamake.model import Declaration, Part

TEXT = '''\
# [targets.none]
top = 1
[targets.clean] # "
inputs = { a = "x, # ]", "b c" = { from = "y" }, }
list = [
  "one", # "two"
  ["three", 4], 1979-05-27 07:32:00,
  { x.y = 1 },
]
text = """
[targets.fake]
x = 1 \\""" ]"""
raw = \'\'\'
[x]'\'\'\'
after = 2
  nested."dotted \\u00e9".key = -1.5e3
[ targets . "dé" . sub ]
é = 'x'
'''.replace("é =", '"é" =')


def at(*keys, text=TEXT):
    return Places(text).place(keys)


def test_keys_of_tables():
    assert at("top") == (2, 1)
    assert at("targets") == (3, 2)
    assert at("targets", "clean") == (3, 10)
    assert at("targets", "clean", "inputs") == (4, 1)
    assert at("targets", "dé", "sub", "é") == (18, 1)


def test_keys_of_inline_tables():
    assert at("targets", "clean", "inputs", "a") == (4, 12)
    assert at("targets", "clean", "inputs", "b c") == (4, 26)
    assert at("targets", "clean", "inputs", "b c", "from") == (4, 36)


def test_elements_of_lists():
    assert at("targets", "clean", "list", 0) == (6, 3)
    assert at("targets", "clean", "list", 1, 0) == (7, 4)
    assert at("targets", "clean", "list", 2) == (7, 17)
    assert at("targets", "clean", "list", 3, "x", "y") == (8, 7)


def test_texts_of_several_lines_are_skipped():
    assert at("targets", "clean", "after") == (15, 1)
    assert at("targets", "clean", "nested", "dotted é", "key") == (16, 26)
    assert at("targets", "fake") == (3, 2)


def test_the_nearest_thing_around_what_is_not_there():
    assert at("targets", "clean", "inputs", "zzz", 3) == (4, 1)
    assert at("nothing") == (0, 0)


def test_tables_of_an_array():
    text = "[[a]]\nx = 1\n[[a]]\nx = 2\n[[a.b]]\nx = 3\n[a.c]\nx = 4\n"
    assert at("a", 1, text=text) == (3, 3)
    assert at("a", 1, "x", text=text) == (4, 1)
    assert at("a", 1, "b", 0, "x", text=text) == (6, 1)
    assert at("a", 1, "c", "x", text=text) == (8, 1)
    assert at("a", 0, "x", text=text) == (2, 1)


def test_a_header_counts_more_than_what_implies_it():
    text = "[a.b.c]\nx = 1\n[a.b]\ny = 1\n"
    assert at("a", "b", text=text) == (3, 4)


def test_quotes_before_the_end_of_a_text():
    text = 'a = [""""x\\""""", \'\'\'\'x\'\'\'\', 1]'
    assert len(tomli.loads(text)["a"]) == 3
    assert at("a", 1, text=text) == (1, 19)
    assert at("a", 2, text=text) == (1, 30)


def test_line_ends_of_windows():
    assert at("b", 1, text="a = 1\r\nb = [1, # x\r\n 2]\r\n") == (3, 2)


KEYS = st.text(st.characters(codec="utf-8"), max_size=4)
VALUES = st.recursive(
    st.integers(0, 9) | st.booleans() | st.text("a'\"\\]}#,=\n\t[", max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


def written(value):
    """A value as TOML, in the form that it gives."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{written(k)} = {written(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[ # [\n" + "".join(f"  {written(each)} ,\n" for each in value) + "]"
    if not isinstance(value, str):
        return str(value).lower()
    if "'" not in value and value.isprintable():
        return f"'{value}'"
    return '"' + "".join(f"\\U{ord(char):08x}" for char in value) + '"'


def paths(value, keys=()):
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield (*keys, key)
        if isinstance(inner, (dict, list)):
            yield from paths(inner, (*keys, key))


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_everything_in_any_valid_text_is_found_in_order(content):
    text = "".join(f"{written(key)} = {written(value)}\n" for key, value in content.items())
    assert tomli.loads(text) == content
    offsets = Places(text).offsets
    assert list(offsets) == list(paths(content))
    assert list(offsets.values()) == sorted(offsets.values())


class Texts(dict):
    """Path → text; as much of a tree as is asked for here."""

    def read(self, path):
        return self[path].encode() if path in self else None


def test_problems_get_their_places():
    """But those that have one, or no keys, or whose file is gone."""
    problems = [
        Problem("one", "a.toml", ("x", 1)),
        Problem("two", "b.toml", ("y",)),
        Problem("three", "a.toml", line=7, column=3),
        Problem("four", "c.toml", ("y",)),
        Problem("five"),
    ]
    tree = Texts({"a.toml": "x = [1, 2]", "b.toml": "\ufeff\ny = 1"})
    located = locate(problems, tree)
    expected = ["a.toml:1:9: one", "b.toml:2:1: two", "a.toml:7:3: three", "c.toml: four", "five"]
    assert [str(problem) for problem in located] == expected


def test_places_in_a_declaration():
    """A part's file has no name space, and what is inherited stands in the defaults."""
    part = Part("sales/Datafile.toml", "sales", "sales.")
    target = Declaration("sales.clean", part, "run", {}, frozenset(["tags"]))
    source = Declaration("sales.raw", part, "source", {})
    assert place(target) == ("targets", "clean")
    assert place(target, "inputs", 0) == ("targets", "clean", "inputs", 0)
    assert place(target, "tags", 1) == ("defaults", "tags", 1)
    assert place(source, "path") == ("sources", "raw", "path")
