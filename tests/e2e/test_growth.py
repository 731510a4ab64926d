"""Instances that are known only when another target is up to date: the graph grows in the build."""

from __future__ import annotations

import pytest

SPLIT = """
[targets.split]
inputs = ["src.txt"]
output = "parts/"
run = "while read -r name; do echo content of $name > {output}/$name.txt; done < {input}"

[targets.each]
foreach = "parts/{name}.txt"
inputs = ["parts/{name}.txt"]
output = "each/{name}"
run = "sed s/of/OF/ {input} > {output}"

[targets.all]
inputs = ["each[*]"]
output = "all.txt"
run = "cat {inputs} > {output}"
"""


@pytest.fixture
def split(project):
    project.datafile(SPLIT)
    project.write("src.txt", "a\nb\n")
    return project


def test_the_graph_grows(split):
    """First the target that makes the files, then an instance for each, then what takes all."""
    assert split.plan() == {"split": "run", "each[*]": "maybe", "all": "run"}
    assert split.build().ran == ["split", "each[a]", "each[b]", "all"]
    assert split.read("all.txt") == "content OF a\ncontent OF b\n"
    assert split.build().ran == []
    assert split.plan().keys() == {"split", "each[a]", "each[b]", "all"}


def test_one_more(split):
    """Runs what is new and what takes all."""
    split.build()
    split.write("src.txt", "a\nab\nb\n")
    assert split.build().ran == ["split", "each[ab]", "all"]
    assert split.build().ran == []


def test_one_less(split):
    """What takes all runs without it."""
    split.build()
    split.write("src.txt", "b\n")
    assert split.build().ran == ["split", "all"]
    assert split.read("all.txt") == "content OF b\n"
    assert split.build().ran == []
    split.write("src.txt", "a\nb\n")
    assert split.build().ran == []
    assert split.read("all.txt") == "content OF a\ncontent OF b\n"


def test_instances_can_be_selected_once_known(split):
    """By name."""
    split.build()
    split.write("src.txt", "a\nb\nc\n")
    assert split.build("each").ran == ["split", "each[c]"]
    assert split.build("each[c]").statuses["each[c]"] == "up-to-date"


def test_growth_upon_growth(split):
    """The instances of a target whose own instances are not known yet."""
    split.datafile(
        SPLIT
        + """
[targets.again]
foreach = "each"
inputs = ["each[{name}]"]
output = "again/{name}"
run = "cp {input} {output}"
"""
    )
    result = split.build("again")
    assert sorted(result.ran) == ["again[a]", "again[b]", "each[a]", "each[b]", "split"]
    assert split.build("again").ran == []


def test_parallel_growth(split):
    """Many instances, several at a time."""
    split.write("src.txt", "".join(f"n{n}\n" for n in range(30)))
    result = split.build(jobs=4)
    assert (result.ok, len(result.ran)) == (True, 32)
    assert len(split.read("all.txt").splitlines()) == 30
    assert split.build(jobs=4).ran == []


def test_no_match_fails_who_needs_one(split):
    """It is known only in the build, hence an error of the target that asks."""
    split.datafile(SPLIT.replace("while read", "touch {output}/other.csv; while read"))
    split.write("src.txt", "")
    result = split.build()
    assert result.statuses["split"] == "built"
    assert result.statuses["all"] == "failed"
    assert "each[*]" in result.errors["all"]


def test_a_missing_input_found_late_fails_its_target(split):
    """The others go on."""
    split.datafile(SPLIT.replace('["parts/{name}.txt"]', '["parts/{name}.txt", "raw/{name}"]'))
    split.write("raw/a", "")
    result = split.build(keep_going=True)
    assert result.statuses["each[a]"] == "built"
    assert result.statuses["each[b]"] == "failed"
    assert result.statuses["all"] == "blocked"
    assert "raw/b" in result.errors["each[b]"]


def test_a_failure_above_blocks_what_would_grow(split):
    """Nothing below is started."""
    split.datafile(SPLIT.replace("while read", "false; while read"))
    result = split.build()
    assert result.statuses["split"] == "failed"
    assert result.statuses["all"] == "blocked"
    assert result.ran == []


SITES = """
    [targets.split]
    inputs = ["all.txt"]
    output = "sites/"
    run = "for s in $(cat {inputs}); do echo $s > {output}/$s.csv; done"
    [targets.sum]
    foreach = "sites/{site}.csv"
    inputs = ["sites/{site}.csv"]
    output = "sums/{site}"
    run = "wc -c < {input} > {output}"
"""


@pytest.mark.parametrize("known", [False, True])
def test_one_instance_of_what_grows_can_be_asked_for(project, known):
    """Before its instances are known, too."""
    project.datafile(SITES)
    project.write("all.txt", "A B C\n")
    if known:
        assert project.build("split").ran == ["split"]
    assert project.build("sum[A]").ran == (["sum[A]"] if known else ["split", "sum[A]"])
    assert project.build("sum").ran == ["sum[B]", "sum[C]"]


def test_an_instance_that_turns_out_not_to_be_fails(project):
    project.datafile(SITES)
    project.write("all.txt", "A\n")
    result = project.build("sum[Z]")
    assert result.ran == ["split"]
    assert result.exit_code == 1
    assert "sum[Z]" in result.errors["sum[*]"]


def test_that_nothing_matches_is_said_once_it_is_known(project):
    """Not while what would match is still to be made."""
    project.datafile(SITES)
    project.write("all.txt", "")
    assert "has no instances" not in project.command("build", "-n").stdout
    assert project.build().notices == ""
    project.write("all.txt", "A\n")
    project.datafile(SITES.replace("sites/{site}.csv", "sites/{site}.tsv"))
    assert project.build().notices == "`sum` has no instances: nothing matches `sites/{site}.tsv`"
