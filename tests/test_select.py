"""The selection grammar over a small graph."""

from __future__ import annotations

import pytest
from linked import linked, tree_of

from datamake.errors import UsageError
from datamake.select import needs_states, select

TEXT = """
[sources.raw]
path = "raw.csv"
[targets.clean]
foreach = { day = ["2013-01-05", "2013-01-30", "2013-02-03", "2014-01-01"] }
output = "clean/{day}.csv"
tags = ["daily", "x"]
run = "true"
[targets.two]
foreach = { n = ["1", "2", "10"], code = ["a,b", "c"] }
output = "two/{n}/{code}.csv"
owner = "team"
run = "true"
[targets.join]
inputs = ["clean[*]"]
output = "build/join.csv"
run = "true"
[targets.report]
inputs = ["join"]
outputs = ["build/report.html", "build/pages/", "a+b,c"]
tags = ["daily"]
argv = ["true"]
[targets.send]
inputs = ["report"]
run = "true"
[targets.off]
enabled = false
run = "true"
"""
CLEAN = [f"clean[{day}]" for day in ("2013-01-05", "2013-01-30", "2013-02-03", "2014-01-01")]
SPLIT = """
[targets.split]
output = "parts/"
run = "true"
[targets.one]
foreach = "parts/{p}"
output = "one/{p}"
run = "true"
[targets.all]
inputs = ["one[*]"]
run = "true"
"""


def selected(*expressions, **options):
    return select(linked(TEXT, ["raw.csv"]), expressions, **options)


def wrong(*expressions):
    """The message for a wrong selection."""
    with pytest.raises(UsageError) as caught:
        selected(*expressions)
    return str(caught.value)


@pytest.mark.parametrize(
    ("expression", "expected"),
    {
        "report": ["report"],
        "clean": CLEAN,
        "clean[*]": CLEAN,
        "clean[2013-01-30]": CLEAN[1:2],
        "clean[day=2013-01-30]": CLEAN[1:2],
        "clean[2013-*]": CLEAN[:3],
        "clean[2013-01-0?]": CLEAN[:1],
        "clean[2013-01-05..2013-02-03]": CLEAN[:3],
        'clean["2013-01-30"]': CLEAN[1:2],
        'two[1,"a,b"]': ['two[1,"a,b"]'],
        "two[2..10,c]": ["two[2,c]", "two[10,c]"],
        "two[code=c,n=1]": ["two[1,c]"],
        "build/report.html": ["report"],
        "./build//report.html": ["report"],
        "build/pages/": ["report"],
        "build/pages/deep/x.html": ["report"],
        "a+b,c": ["report"],
        "two/1/a,b.csv": ['two[1,"a,b"]'],
        "tag:daily": [*CLEAN, "report"],
        "owner:team": [f"two[{n},{code}]" for n in (1, 2, 10) for code in ('"a,b"', "c")],
        "kind:argv": ["report"],
        "tag:daily,kind:argv": ["report"],
        'two[1,"a,b"],owner:team': ['two[1,"a,b"]'],
        "+join": ["join", *CLEAN],
        "join+": ["join", "report", "send"],
        "1+report": ["report", "join"],
        "2+report": ["report", "join", *CLEAN],
        "join+1": ["join", "report"],
        "1+join+1": ["join", *CLEAN, "report"],
        "0+join": ["join"],
        "+build/join.csv": ["join", *CLEAN],
        "+report,tag:x": CLEAN,
        "clean[2013-*]+1,join": ["join"],
    }.items(),
)
def test_expressions(expression, expected):
    """Each form of the grammar."""
    assert selected(expression) == expected


def test_several_are_their_union():
    """Each target once, in the order of being named."""
    assert selected("send", "tag:daily", "report") == ["send", *CLEAN, "report"]
    assert selected("tag:nothing", "join") == ["join"]


def test_without_a_selection():
    """Everything."""
    assert selected()[-3:] == ["join", "report", "send"]


def test_states():
    """Asked for only when they are needed."""
    states = {"stale": {"join"}, "failed": {"send", "join"}, "missing": set()}
    assert selected("state:failed", states=lambda: states) == ["join", "send"]
    assert selected("state:stale+", states=lambda: states) == ["join", "report", "send"]
    assert needs_states(["a", "+state:stale,b"])
    assert not needs_states(["a", "tag:stale"])


def test_what_nothing_is_selected_by():
    """An error in any case, with what may have been meant."""
    assert wrong("reprot") == (
        "`reprot` is no target, and no target makes such a file\n  hint: did you mean `report`?"
    )
    listed = "\n  hint: `datamake ls` lists what there is"
    assert wrong("zzz") == f"`zzz` is no target, and no target makes such a file{listed}"
    assert wrong("raw") == "`raw` is a source, which no target makes"
    assert wrong("owner:") == "`owner:` selects nothing without a value behind it"
    assert wrong("off") == "`off` is disabled"
    assert wrong("tag:nothing", "join,send") == (
        f"nothing is selected by `tag:nothing`, `join,send`{listed}"
    )
    some = ("2013-01-05", "2013-01-30", "2013-02-03", "2014-01-01")
    there = "there is " + ", ".join(f"`clean[{day}]`" for day in some)
    assert wrong("clean[2014-01-02]") == (
        "no instance of `clean` is like `clean[2014-01-02]`\n"
        f"  {there}\n"
        "  hint: did you mean `clean[2014-01-01]`?"
    )
    assert wrong("clean[x]") == (
        f"no instance of `clean` is like `clean[x]`\n  {there}\n"
        "  hint: `datamake ls clean` lists what there is"
    )
    assert wrong("clean[1,2]") == "`clean` has the foreach variables `day`, not 2 values"
    assert wrong("state:old") == (
        "unknown state `old`\n  hint: there are `state:stale`, `state:failed`, `state:missing`"
    )
    assert wrong("") == wrong("+") == wrong("join,") == "a selection without a name"


def test_instances_yet_unknown():
    """Their pending name stands for them, for some and for what they may write."""
    graph = linked(SPLIT)
    for expression in ("one", "one[*]", "one[x]", "one/x"):
        assert select(graph, [expression]) == ["one[*]"]
    assert select(graph, ["+all"]) == ["all", "one[*]", "split"]
    assert select(graph, []) == ["split", "all", "one[*]"]
    graph.grow("one[*]", ["parts/x", "parts/y"], tree_of("", ()))
    assert select(graph, ["one[x]"]) == ["one[x]"]
    assert select(graph, ["one"]) == ["one[x]", "one[y]"]
