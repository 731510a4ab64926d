"""One declaration, many targets: all forms of `foreach`, and what an instance more or less runs."""

from __future__ import annotations

import pytest

import datamake

MONTHS = """
[params]
months = ["01", "02"]

[targets.clean]
foreach = { month = "{params.months}" }
inputs = ["raw/{month}.csv"]
output = "clean/{month}.csv"
run = "sed s/x/y/ {input} > {output}"

[targets.all]
inputs = ["clean[*]"]
output = "all.csv"
run = "cat {inputs} > {output}"
"""


@pytest.fixture
def months(project):
    project.datafile(MONTHS)
    for month in ("01", "02", "03"):
        project.write(f"raw/{month}.csv", f"{month} x\n")
    assert project.build().ran == ["clean[01]", "clean[02]", "all"]
    return project


def test_an_instance_for_each_value(months):
    """In the order of the values; up to date the second time."""
    assert months.read("all.csv") == "01 y\n02 y\n"
    assert months.build().ran == []


def test_one_changed_input_runs_one_instance(months):
    """And what takes all of them."""
    months.write("raw/02.csv", "new\n")
    assert months.build().ran == ["clean[02]", "all"]
    months.write("raw/02.csv", "02 y\n")
    months.build()
    months.write("raw/02.csv", "02 x\n")
    assert months.build().ran == []


def test_an_instance_more(months):
    """Runs itself and what takes all; the others stay."""
    months.datafile(MONTHS.replace('["01", "02"]', '["01", "02", "03"]'))
    assert months.build().ran == ["clean[03]", "all"]
    assert months.read("all.csv") == "01 y\n02 y\n03 y\n"
    assert months.build().ran == []


def test_an_instance_less(months):
    """What takes all runs without it; its output stays, as no one's."""
    months.datafile(MONTHS.replace('["01", "02"]', '["02"]'))
    assert months.build().ran == ["all"]
    assert months.read("all.csv") == "02 y\n"
    assert months.exists("clean/01.csv")
    assert months.build().ran == []


def test_an_output_of_no_target_any_more_is_no_input(months):
    """A glob over outputs doesn't take what a target made that is gone; the build names it."""
    months.datafile(MONTHS.replace("clean[*]", "clean/*.csv"))
    assert months.build().ok
    months.datafile(MONTHS.replace("clean[*]", "clean/*.csv").replace('["01", "02"]', '["02"]'))
    result = months.build()
    assert months.read("all.csv") == "02 y\n"
    assert "clean/01.csv" in result.notices
    months.write("clean/own.csv", "own\n")
    assert months.build().ran == ["all"]
    assert months.read("all.csv") == "02 y\nown\n"


@pytest.mark.parametrize(
    ("foreach", "expected"),
    [
        ('{ a = ["1", "2"], b = ["x", "y"] }', ["1,x", "1,y", "2,x", "2,y"]),
        ('[{ a = "1", b = "x" }, { a = "2", b = "y" }]', ["1,x", "2,y"]),
        ('{ a = ["1", "2"], b = ["x"] }\nexclude = [{ a = "1" }]', ["2,x"]),
        ('{ a = ["1", "2"], b = ["x", "y"] }\nexclude = [{ a = "1", b = "x" }]', ["1,y", "2,x", "2,y"]),
        ('{ b = ["x"], a = [1, 2] }', ["x,1", "x,2"]),
        ('"raw/{b}/{a}.csv"', ["x,1", "x,2", "y,1"]),
    ],
)  # fmt: skip
def test_forms(project, foreach, expected):
    """Products, rows, exclusions and captures give these instances, in this order."""
    for path in ("x/1", "x/2", "y/1"):
        project.write(f"raw/{path}.csv", path)
    project.write("raw/x/deep/1.csv")
    project.datafile(f"""
[targets.t]
foreach = {foreach}
output = "out/{{b}}-{{a}}"
run = "echo {{a}} {{b}} > {{output}}"
""")
    assert project.build().ran == [f"t[{name}]" for name in expected]
    assert project.build().ran == []


def test_dates(project):
    """Both ends included; formatted where asked."""
    project.datafile("""
        [targets.day]
        foreach = { day = { from = "2013-02-27", to = "2013-03-01" } }
        output = "out/{day:%Y/%m/%d}.txt"
        run = "echo {day} {day:%j} > {output}"
    """)
    days = ["2013-02-27", "2013-02-28", "2013-03-01"]
    assert project.build().ran == [f"day[{day}]" for day in days]
    assert project.read("out/2013/03/01.txt") == "2013-03-01 060\n"
    assert project.build("day[2013-02-28..2013-03-05]").statuses.keys() == {
        "day[2013-02-28]",
        "day[2013-03-01]",
    }


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        ("1h", ["2013-01-01T00", "2013-01-01T01"]),
        ("1w", ["2013-01-01", "2013-01-08", "2013-01-15"]),
        ("1mo", ["2013-01", "2013-02", "2013-03"]),
        ("1y", ["2013", "2014"]),
    ],
)
def test_periods(project, every, expected):
    """Hours, weeks, months and years: as many as there are from the first to the last."""
    last = {"1h": "2013-01-01T01", "1w": "2013-01-15", "1mo": "2013-03-01", "1y": "2014-01-01"}
    project.datafile(f"""
[targets.t]
foreach = {{ p = {{ from = "2013-01-01", to = "{last[every]}", every = "{every}" }} }}
output = "out/{{p:%Y%m%d%H}}"
run = "touch {{output}}"
""")
    assert len(project.build().ran) == len(expected)
    assert project.build().ran == []


def test_a_new_file_is_a_new_instance(project):
    """Captures over files that are there."""
    project.datafile("""
        [targets.t]
        foreach = "raw/{site}.csv"
        inputs = ["raw/{site}.csv"]
        output = "out/{site}.csv"
        run = "cp {input} {output}"
        [targets.all]
        inputs = ["t[*]"]
        output = "all"
        run = "cat {inputs} > {output}"
    """)
    project.write("raw/a.csv", "a")
    project.write("raw/b.csv", "b")
    assert project.build().ran == ["t[a]", "t[b]", "all"]
    project.write("raw/aa.csv", "aa")
    assert project.build().ran == ["t[aa]", "all"]
    project.remove("raw/b.csv")
    assert project.build().ran == ["all"]
    assert project.read("all") == "aaa"
    assert project.build().ran == []


def test_the_instances_of_another(project):
    """`foreach` may name a target, and `{variable}` picks the instance of the same value."""
    project.datafile(
        MONTHS
        + """
[targets.count]
foreach = "clean"
inputs = ["clean[{month}]"]
output = "count/{month}"
run = "wc -l < {input} > {output}"
"""
    )
    for month in ("01", "02"):
        project.write(f"raw/{month}.csv", f"{month} x\n")
    assert set(project.build("count").ran) == {
        f"{t}[0{n}]" for t in ("clean", "count") for n in (1, 2)
    }
    project.write("raw/01.csv", "x\nx\n")
    assert project.build("count").ran == ["clean[01]", "count[01]"]


def test_some_instances(months):
    """By one name, by a pattern, by the name of a variable."""
    assert set(months.build("clean[02]").statuses) == {"clean[02]"}
    assert set(months.build("clean[0*]").statuses) == {"clean[01]", "clean[02]"}
    assert set(months.build("clean[month=01]").statuses) == {"clean[01]"}


@pytest.mark.parametrize("value", ["a,b", "a[b]", "a b", "ä", "$x", "'", '"', "*"])
def test_values_may_be_anything(project, value):
    """Names of instances quote what they have to; commands get the value as it is."""
    project.datafile("""
[targets.t]
foreach = { v = ["{params.v}"] }
output = "out/{v}"
run = "printf %s {v} > {output}"
[params]
v = ""
""")
    result = project.build(params={"v": value})
    assert (result.ok, len(result.ran)) == (True, 1)
    assert project.read(f"out/{value}") == value
    assert project.build(*result.ran, params={"v": value}).statuses == {result.ran[0]: "up-to-date"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('foreach = { v = ["1", "1"] }\noutput = "{v}"', "t[1]"),
        ('foreach = { v = ["1", "2"] }\noutput = "same"', "same"),
        ('foreach = { v = ["1"] }\ninputs = ["none[*]"]\noutput = "{v}"', "none"),
        ('foreach = "nothing/{v}"\noutput = "{v}"\n[targets.u]\ninputs = ["t[*]"]\noutput = "u"\nrun = "x"', "t[*]"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(project, text, words):
    """Equal names, equal outputs, patterns without a match."""
    head, _, rest = text.partition("\n[")
    project.datafile(f'[targets.t]\nrun = "touch {{output}}"\n{head}\n{"[" + rest if rest else ""}')
    with pytest.raises(datamake.DatafileError, match=r"."):
        project.build()
    with pytest.raises(datamake.DatafileError) as raised:
        project.build()
    assert words in str(raised.value)


def test_captures_do_not_match_what_is_of_no_target_any_more(project):
    """As globs don't."""
    project.datafile("""
        [targets.t]
        foreach = "raw/{n}"
        inputs = ["raw/{n}"]
        output = "t/{n}"
        run = "cp {input} {output}"
        [targets.u]
        foreach = "t/{n}"
        inputs = ["t/{n}"]
        output = "u/{n}"
        run = "cp {input} {output}"
    """)
    project.write("raw/a", "a")
    project.write("raw/b", "b")
    assert project.build().ran == ["t[a]", "t[b]", "u[a]", "u[b]"]
    project.remove("raw/b")
    assert set(project.build().statuses) == {"t[a]", "u[a]"}


def test_a_file_that_was_left_over_and_then_changed_is_its_owners(months):
    """Only what is as datamake made it is left over."""
    months.datafile(MONTHS.replace("clean[*]", "clean/*.csv"))
    assert months.build().ok
    months.datafile(MONTHS.replace("clean[*]", "clean/*.csv").replace('["01", "02"]', '["02"]'))
    assert months.build().ran == ["all"]
    assert months.read("all.csv") == "02 y\n"
    months.write("clean/01.csv", "mine\n")
    assert months.build().ran == ["all"]
    assert months.read("all.csv") == "mine\n02 y\n"


EMPTY = """
    [targets.each]
    foreach = "raw/{site}.csv"
    inputs = ["raw/{site}.csv"]
    output = "sites/{site}"
    run = "cp {input} {output}"
    [targets.same]
    foreach = "each"
    run = "echo {site}"
    [targets.other]
    run = "true"
"""


def test_files_that_give_no_instances_are_said_to(project):
    """In a build, in status and in a plan, each time."""
    line = "`each` has no instances: nothing matches `raw/{site}.csv`\n"
    project.datafile(EMPTY)
    assert project.build().notices + "\n" == line
    assert project.build().notices + "\n" == line
    status = f"up-to-date  other\n\n{line}up to date: 1 target\n"
    assert project.command("status").stdout == status
    assert project.command("status", "-v").stdout.endswith(f"\n\n{line}up to date: 1 target\n")
    assert project.command("build", "-n").stdout == f"{line}up to date: 1 target\n"
    assert project.command("status", "--json").stderr == line
    project.write("raw/a.csv")
    assert project.build().notices == ""


def test_a_selection_of_no_instances_says_why(project):
    """Also where it has those of a target that has none; `exclude` may be why."""
    project.datafile(EMPTY.replace("inputs", 'exclude = [{ site = "a" }]\ninputs'))
    project.write("raw/a.csv")
    for name in ("each", "same"):
        assert project.command("build", name).stderr == (
            f"error: nothing is selected by `{name}`\n"
            "  `each` has no instances: nothing that `exclude` leaves matches `raw/{site}.csv`\n"
            "  hint: `datamake ls` lists what there is\n"
        )
