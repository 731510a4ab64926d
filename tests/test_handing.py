"""Inputs → what a function is given as tables."""

from __future__ import annotations

import pytest

from datamake.action import Piece
from datamake.errors import DatamakeError
from datamake.fingerprint import Content
from datamake.formats import Reading
from datamake.handing import tables, views
from datamake.model import Input, Link, Part, Target

PLAIN = {"format": None, "null": None, "schema": None, "read": {}}


def target(*inputs):
    return Target("t", "t", "python", Part("Datafile.toml"), inputs, template="m:f")


def given(name, *paths, **fields):
    asked = Input("path", "x", name, **fields)
    return asked, [Content(Link(asked), path, "d") for path in paths]


def found_for(kinds, *inputs):
    """What a function gets that takes parameters of these kinds."""
    contents = [content for _, some in inputs for content in some]
    return tables(target(*(asked for asked, _ in inputs)), kinds, contents, str, dict)


def table(*paths, columns=None, **reading):
    pieces = [([path], {}, {}) for path in paths]
    return {
        "pieces": pieces,
        "folder": None,
        "reading": {**PLAIN, **reading},
        "columns": columns,
    }


ONE, TWO = given("one", "1"), given("two", "2", "3")


@pytest.mark.parametrize(
    ("name", "kind", "found"),
    [
        ("one", "table", table("1")),
        ("two", "pandas", table("2", "3")),
        ("two", "list[lazy]", [table("2"), table("3")]),
        ("input", "dataset", table("1")),
        ("inputs", "table", table("1", "2", "3")),
        ("inputs", "list[table]", [table("1"), table("2"), table("3")]),
        ("inputs", "dict[table]", {"one": table("1"), "two": table("2", "3")}),
        ("two", "path", None),
        ("two", "list[path]", None),
        ("output", "table", None),
        ("other", "table", None),
    ],
)
def test_tables(name, kind, found):
    """By the names of inputs, all of them, or the first; nothing else."""
    expected = {} if found is None else {name: (kind, found)}
    assert found_for({name: kind, "more": "path"}, ONE, TWO) == expected


def test_how_it_is_read():
    """Comes along, with the columns that count."""
    reading = Reading("csv", ("NA",), {"a": "int64"}, {"delimiter": ";"})
    one = given("one", "1", columns=("a",), reading=reading)
    said = {"format": "csv", "null": ("NA",), "schema": {"a": "int64"}, "read": {"delimiter": ";"}}
    found = found_for({"one": "table"}, one)
    assert found == {"one": ("table", table("1", columns=("a",), **said))}


@pytest.mark.parametrize(
    ("kinds", "inputs", "error", "hint"),
    [
        (
            {"inputs": "table"},
            [ONE, given("two", "2", columns=("a",))],
            "`inputs` is all inputs as one table, and they are read in different ways",
            "give them names, and take each by its own",
        ),
        (
            {"inputs": "dict[table]"},
            [ONE, given(None, "2")],
            "`m:f` takes `inputs` as tables by name",
            "this is for `inputs`, which must all have names",
        ),
        (
            {"one": "dict[table]"},
            [ONE],
            "`m:f` takes `one` as tables by name",
            "this is for `inputs`, which must all have names",
        ),
        (
            {"one": "table"},
            [given("one", "s3://a/b.csv", fetch=False)],
            "`one` is to be a table, and `fetch = false` leaves it where it is",
            "take the URL, or leave out `fetch`",
        ),
    ],
)
def test_what_cannot_be_given(kinds, inputs, error, hint):
    """Says why."""
    with pytest.raises(DatamakeError) as raised:
        found_for(kinds, *inputs)
    assert (raised.value.headline, raised.value.hint) == (error, hint)


def test_views():
    """Of all files of an input, with the foreach values where there are several instances."""
    clean, one, raw = (
        Input("target", "clean[*]"),
        Input("target", "clean[1]"),
        Input("folder", "raw/"),
    )
    none, other = Input("path", "none.csv", optional=True), Input("path", "other.csv")
    contents = [
        Content(Link(clean), "1.csv", "d", "clean[1]"),
        Content(Link(clean), "2.csv", "d", "clean[2]"),
        Content(Link(one), "1.csv", "d", "clean[1]"),
        Content(Link(raw), "raw/a", "d"),
        Content(Link(raw), "raw/k=a%20b/n=__HIVE_DEFAULT_PARTITION__/b", "d"),
        Content(Link(other), "other.csv", "d"),
    ]
    found = views((clean, one, raw, none), contents, "/{}".format, lambda name: {"n": name[6]})
    deep = "/raw/k=a%20b/n=__HIVE_DEFAULT_PARTITION__/b"
    assert [each.pieces for each in found] == [
        (Piece(("/1.csv",), {"n": "1"}), Piece(("/2.csv",), {"n": "2"})),
        (Piece(("/1.csv",)),),
        (Piece(("/raw/a",)), Piece((deep,), {}, {"k": "a b", "n": None})),
        (),
    ]


def test_a_folder_is_told_where_it_is_taken_as_one():
    """What is in it is found from there."""
    raw = Input("folder", "raw/", "raw")
    files = [Content(Link(raw), path, "d") for path in ("raw/a.csv", "raw/b.csv")]
    kinds = {"raw": "dataset", "inputs": "list[dataset]"}
    found = tables(target(raw), kinds, files, "/{}".format, dict)
    assert found["raw"][1]["folder"] == "/raw/"
    assert [each["folder"] for each in found["inputs"][1]] == [None, None]
