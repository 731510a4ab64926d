"""Fields, their hash and their differences."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from datamake.fingerprint import Content, Context, differences, fields, fingerprint, text_of
from datamake.model import Code, Input, Link, Output, Part, Surroundings, Target
from datamake.values import replace

PART = Part("Datafile.toml")
COPY = Target(
    "clean[01]",
    "clean",
    "run",
    PART,
    outputs=(Output("build/01.csv", staged=True),),
    template="cp {input} {output}",
    each={"month": "01"},
)
RAW = Content(Link(Input("path", "raw/01.csv")), "raw/01.csv", "aa-1")


def print_of(target=COPY, contents=(RAW,), context=Context()):  # noqa: B008 - a value
    return fingerprint(fields(target, contents, context))


def test_equal_things_have_equal_fingerprints():
    assert print_of() == print_of(replace(COPY, tags=("x",), description="another", owner="you"))


def test_what_decides_the_result_is_in_the_fingerprint():
    others = [
        print_of(replace(COPY, template="cp -p {input} {output}")),
        print_of(contents=(replace(RAW, digest="bb-1"),)),
        print_of(contents=(replace(RAW, path="raw/1.csv"),)),
        print_of(replace(COPY, outputs=(Output("build/1.csv", staged=True),))),
        print_of(replace(COPY, outputs=(Output("build/01.csv", staged=False),))),
        print_of(replace(COPY, params={"year": 2013})),
        print_of(replace(COPY, surroundings=Surroundings(cwd="sub"))),
        print_of(replace(COPY, surroundings=Surroundings(shell=("sh", "-c")))),
        print_of(context=Context(code=[("x.py", "cc-1")])),
        print_of(replace(COPY, template=("cp", "{input}", "{output}"), kind="argv")),
    ]
    assert len({print_of(), *others}) == len(others) + 1


def test_the_folder_of_a_staged_output_does_not_count():
    assert print_of() == print_of(replace(COPY, outputs=(Output("out/01.csv", staged=True),)))


def test_a_foreach_value_counts_where_it_is_used():
    used = replace(COPY, template="cp {input} {output} {month}")
    assert print_of() == print_of(replace(COPY, each={"month": "02"}))
    assert print_of(used) != print_of(replace(used, each={"month": "02"}))


def test_unset_and_empty_variables_differ():
    target = replace(COPY, surroundings=Surroundings(env={"TZ": None}))
    assert print_of(target, context=Context(env={"TZ": None})) != print_of(
        target, context=Context(env={"TZ": ""})
    )


def test_values_keep_their_type():
    assert len({text_of(value) for value in ("1", 1, 1.0, True, [1], ["1"])}) == 6


part = st.text(max_size=3)
lists = st.lists(st.tuples(part, part, part), max_size=4).map(tuple)


@given(lists, lists)
def test_different_fields_never_run_together(one, other):
    assert (fingerprint(one) == fingerprint(other)) == (one == other)


def reasons(old, new):
    return [(r.code, r.subject, r.old, r.new) for r in differences(old, new)]


def test_each_difference_says_what_changed_from_what_to_what():
    old = (
        ("command", "", "a"),
        ("param", "year", "2013"),
        ("input", "x", "aa-1"),
        ("env", "TZ", "unset"),
    )
    new = (
        ("command", "", "b"),
        ("param", "year", "2014"),
        ("input", "y", "bb-1"),
        ("env", "TZ", "=UTC"),
    )
    assert reasons(old, new) == [
        (Code.COMMAND_CHANGED, None, "a", "b"),
        (Code.PARAM_CHANGED, "year", "2013", "2014"),
        (Code.ENV_CHANGED, "TZ", "(unset)", "UTC"),
        (Code.INPUT_ADDED, "y", None, "bb-1"),
        (Code.INPUT_REMOVED, "x", "aa-1", None),
    ]


def test_an_input_that_changed_is_one_difference():
    old, new = (("input:a", "x", "aa-1"),), (("input:a", "x", "bb-1"),)
    assert reasons(old, new) == [(Code.INPUT_CHANGED, "x", "aa-1", "bb-1")]


def test_another_order_of_inputs_is_a_difference():
    old = (("input", "x", "aa-1"), ("input", "y", "bb-1"))
    assert [r.detail for r in differences(old, old[::-1])] == ["the inputs are in another order"]


def test_there_is_no_difference_between_equal_fields():
    assert reasons((("input", "x", "1"),), (("input", "x", "1"),)) == []
