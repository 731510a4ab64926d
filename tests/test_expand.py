"""From a Datafile to targets: foreach, placeholders, paths, inputs and outputs, over a fake tree."""

from __future__ import annotations

import pytest
from linked import complaint, complaints, expanded, linked

from datamake.model import POLICY, RESOURCES, SURROUNDINGS, Input, Output, Pending

MONTHS = """
[params]
months = ["01", "02"]
[targets.clean]
foreach = { month = "{params.months}" }
output = "build/{month}.csv"
run = "touch {output}"
"""


def names(text, files=(), **options):
    """The targets that a Datafile expands to, where nothing is wrong with it."""
    expansion = expanded(text, files, **options)
    assert expansion.problems == []
    return list(expansion.targets)


def each(foreach, files=(), **options):
    """What stands in the brackets of the instances of a foreach."""
    text = f"[targets.a]\nforeach = {foreach}\nrun = 'true'\n"
    return [name[2:-1] for name in names(text, files, **options)]


def only(text, files=()):
    """The one target of a Datafile."""
    expansion = expanded(text, files)
    assert expansion.problems == []
    (target,) = expansion.targets.values()
    return target


def inputs(text, files=()):
    """Kind and text of the inputs of target `a`."""
    expansion = expanded(text, files)
    assert expansion.problems == []
    target = next(target for target in expansion.targets.values() if target.family == "a")
    return [(asked.kind, asked.text) for asked in target.inputs]


# foreach


def test_a_table_is_the_product_of_its_variables():
    """The last changes fastest; the order is that of the declaration."""
    assert each('{ month = ["01", "02"], code = ["A", "B"] }') == ["01,A", "01,B", "02,A", "02,B"]


def test_values_of_all_types_are_texts():
    """As TOML writes them."""
    assert each("{ v = [1, true, 2.5, 2013-01-02] }") == ["1", "true", "2.5", "2013-01-02"]


def test_a_list_of_tables_is_exactly_these_rows():
    """No product."""
    assert each('[{ m = "01", c = "A" }, { m = "02", c = "B" }]') == ["01,A", "02,B"]


def test_a_value_that_would_break_the_name_is_quoted():
    """Commas, brackets, quotes and nothing at all."""
    assert each("{ v = ['a,b', 'c]', 'd\"e', '', 'f g'] }") == [
        '"a,b"',
        '"c]"',
        '"d""e"',
        '""',
        "f g",
    ]


def test_dates():
    """`to` is included, and what is written is as precise as `from`, or as the step needs."""
    dates = '{ day = { from = "2013-01-30", to = "2013-02-02", every = "1d" } }'
    assert each(dates) == ["2013-01-30", "2013-01-31", "2013-02-01", "2013-02-02"]
    weeks = '{ day = { from = "2013-01-30", to = "2013-02-13", every = "1w" } }'
    assert each(weeks) == ["2013-01-30", "2013-02-06", "2013-02-13"]
    months = '{ day = { from = "2013-01-31", to = "2013-03-31", every = "1mo" } }'
    assert each(months) == ["2013-01-31", "2013-02-28", "2013-03-31"]
    years = '{ day = { from = "2012-02-29", to = "2014-01-01", every = "1y" } }'
    assert each(years) == ["2012-02-29", "2013-02-28"]
    hours = each('{ hour = { from = "2013-01-01", to = "2013-01-01", every = "1h" } }')
    assert (hours[0], hours[-1], len(hours)) == ("2013-01-01T00", "2013-01-01T23", 24)


def test_dates_without_an_end():
    """Up to the last period that is over."""
    days = '{ day = { from = "2013-03-07", every = "1d" } }'
    assert each(days, now="2013-03-10T12:00:00+02:00") == ["2013-03-07", "2013-03-08", "2013-03-09"]
    months = '{ day = { from = "2013-01-01", every = "1mo" } }'
    assert each(months, now="2013-03-01T00:00:00") == ["2013-01-01", "2013-02-01"]


def test_the_instances_of_another_target():
    """Of one that is declared later, too; and less what is excluded here."""
    text = """
    [targets.b]
    foreach = "a"
    exclude = [{ v = "1" }]
    run = "echo {v}"
    [targets.a]
    foreach = { v = ["1", "2"] }
    run = "true"
    """
    assert names(text) == ["b[2]", "a[1]", "a[2]"]


def test_captures_of_files():
    """One instance for each match, sorted; a capture holds no slash and does not begin with a dot."""
    files = ["raw/b/2.csv", "raw/a/1.csv", "raw/a/deep/3.csv", "raw/.x/4.csv", "raw/a/.5.csv"]
    assert each('"raw/{site}/{day}.csv"', files) == ["a,1", "b,2"]


def test_a_capture_that_stands_twice_is_the_same_both_times():
    """And what stands in doubled braces is no capture."""
    files = ["raw/a/a.csv", "raw/a/b.csv", "raw/{x}/c.csv"]
    assert each('"raw/{x}/{x}.csv"', files) == ["a"]
    assert each('"raw/{{x}}/{v}.csv"', files) == ["c"]


def test_captures_of_folders_and_params():
    """A pattern that ends in a slash is for folders; params are filled in first."""
    files = ["raw/a/1.csv", "raw/b/2.csv", "raw/c.csv"]
    assert each('"raw/{site}/"', files) == ["a", "b"]
    text = "[params]\nroot = 'raw'\n[targets.a]\nforeach = '{params.root}/{x}.csv'\nrun = 'true'"
    assert names(text, files) == ["a[c]"]


def test_no_match_is_no_instance():
    """Which is no error as long as nobody needs one."""
    assert each('"raw/{site}.csv"') == []


def test_captures_of_declared_outputs():
    """They count before they are there; what datamake made and nobody declares doesn't."""
    text = MONTHS + '[targets.b]\nforeach = "build/{m}.csv"\nrun = "true"\n'
    files = ["build/01.csv", "build/03.csv", "build/04.csv"]
    assert names(text, files, made={"build/01.csv", "build/04.csv"})[2:] == [
        "b[01]",
        "b[02]",
        "b[03]",
    ]


def test_a_folder_output_is_a_match_of_folders_alone():
    """A pattern for files is for files."""
    for foreach, expected in {"x/{v}": ["b"], "x/{v}/": ["b", "a[parts]"]}.items():
        text = (
            f'[targets.b]\noutput = "x/parts/"\nrun = "true"\n[targets.a]\nforeach = "{foreach}"\n'
        )
        assert names(text + 'run = "true"\n') == expected


def test_captures_in_the_order_of_what_they_match():
    """However they are declared: c takes what b writes, which takes what a writes."""
    text = """
    [targets.c]
    foreach = "two/{v}"
    run = "true"
    [targets.b]
    foreach = "one/{v}"
    output = "two/{v}"
    run = "true"
    [targets.a]
    output = "one/x"
    run = "true"
    """
    assert names(text) == ["c[x]", "b[x]", "a"]


def test_captures_under_a_folder_output_are_pending():
    """So is what has their instances, or may take what they write."""
    text = """
    [targets.split]
    output = "parts/"
    run = "true"
    [targets.one]
    foreach = "parts/{p}.csv"
    output = "one/{p}.csv"
    run = "true"
    [targets.same]
    foreach = "one"
    run = "echo {p}"
    [targets.next]
    foreach = "one/{q}.csv"
    run = "true"
    [targets.other]
    foreach = "one/{q}.txt"
    run = "true"
    """
    expansion = expanded(text, ["one/left.csv", "one/a.txt"])
    assert list(expansion.targets) == ["split", "other[a]"]
    assert list(expansion.pending.values()) == [
        Pending("one[*]", "one", "parts/{p}.csv", ("split",)),
        Pending("same[*]", "same", "", ("one[*]",)),
        Pending("next[*]", "next", "one/{q}.csv", ("one[*]",)),
    ]


def test_exclude_takes_combinations_out():
    """Values are compared as texts; a part of the variables is enough."""
    text = """
    [targets.a]
    foreach = { m = ["1", "2"], c = ["A", "B"] }
    exclude = [{ m = 1, c = "B" }, { m = "2" }]
    run = "true"
    """
    assert names(text) == ["a[1,A]"]


def test_a_foreach_round_in_a_circle():
    """By name or by path."""
    text = """
    [targets.a]
    foreach = "b"
    run = "true"
    [targets.b]
    foreach = "a"
    run = "true"
    """
    assert complaint(text) == "foreach goes round in a circle: a -> b -> a"
    text = """
    [targets.a]
    foreach = "b/{x}"
    output = "a/{x}"
    run = "true"
    [targets.b]
    foreach = "a/{x}"
    output = "b/{x}"
    run = "true"
    """
    assert complaint(text) == "foreach goes round in a circle: a -> b -> a"


def test_what_can_be_wrong_with_a_foreach():
    """All of it is said at once, each with its place."""
    text = """\
    [params]
    one = "1"
    [targets.a]
    foreach = { m = "{params.ona}" }
    run = "true"
    [targets.b]
    foreach = { m = "{params.one}" }
    run = "true"
    [targets.c]
    foreach = { m = ["1", "2", "1"] }
    run = "true"
    [targets.d]
    foreach = "nothing"
    run = "true"
    [targets.e]
    foreach = "f"
    run = "true"
    [targets.f]
    run = "true"
    [targets.g]
    foreach = "raw/{day:%Y}.csv"
    run = "true"
    [targets.h]
    foreach = "raw/{x}"
    exclude = [{ y = 1 }]
    run = "true"
    """
    assert complaints(text) == (
        "4:13: unknown param `ona`\n"
        "  hint: did you mean `one`?\n"
        "7:13: `{params.one}` is no list\n"
        "13:1: `nothing` is neither a foreach target nor a path with captures\n"
        "  hint: a capture is like `{site}` in `raw/{site}.csv`\n"
        "16:1: `f` has no `foreach`, hence no instances\n"
        "21:1: `{day:%Y}` cannot be a capture\n"
        "10:1: several instances of `c` have the same name\n"
        "  `c[1]`\n"
        "25:1: `y` in `exclude` is no foreach variable"
    )


def test_an_unknown_placeholder_in_the_output_of_captured_instances():
    """It is said before any file is looked for, with its place and the variables there are."""
    text = """
    [targets.a]
    foreach = "raw/{day}.csv"
    output = "out/{days}.csv"
    run = "true > {output}"
    """
    expected = (
        "4:1: unknown placeholder `{days}`\n"
        "  known here: `{day}`\n"
        "  hint: did you mean `{day}`? otherwise write it literally as `{{days}}`"
    )
    assert complaints(text, ["raw/1.csv"]) == complaints(text) == expected


def test_params_on_their_own_are_no_text():
    """`{params}` is a file, which only commands are given."""
    text = """
    params = { n = 3, limits = { high = 1 } }
    [targets.a]
    output = "out/{params}.csv"
    run = "cp {params} {output}"
    """
    assert complaints(text) == (
        "4:1: unknown placeholder `{params}`\n"
        "  known here: `{params.n}`, `{params.limits}`, `{params.limits.high}`\n"
        "  hint: did you mean `{params.n}`? otherwise write it literally as `{{params}}`"
    )


def test_too_many_instances():
    """A product that nobody can have meant."""
    values = ", ".join(f'"{index}"' for index in range(1001))
    text = f"[targets.a]\nforeach = {{ x = [{values}], y = [{values}] }}\nrun = 'true'\n"
    assert complaint(text) == (
        "foreach makes 1,002,001 instances (1,001 x 1,001), and at most 1,000,000 may be"
    )


# Inputs


def test_inputs_by_name_and_by_path():
    """Names, paths, globs and folders, normalised; sources are their paths."""
    text = """
    [sources.s]
    path = "raw/s.csv"
    [sources.g]
    path = "raw/*.csv"
    [targets.b]
    run = "true"
    [targets.a]
    inputs = ["s", "g", "b", "raw/./x/../y.csv", "raw//*.txt", "raw/z/", "./b", "./"]
    run = "true"
    """
    assert inputs(text) == [
        ("path", "raw/s.csv"),
        ("glob", "raw/*.csv"),
        ("target", "b"),
        ("path", "raw/y.csv"),
        ("glob", "raw/*.txt"),
        ("folder", "raw/z/"),
        ("path", "b"),
        ("folder", "./"),
    ]


def test_named_inputs_and_their_options():
    """Each has its name, its place, and what it asks for."""
    text = """
    [targets.b]
    outputs = { good = "g.csv", bad = "b.csv" }
    run = "true"
    [targets.a]
    inputs = { x = { from = "b", output = "bad" }, y = { from = "n.csv", optional = true } }
    run = "true"
    """
    target = expanded(text).targets["a"]
    assert target.inputs == (
        Input("target", "b", "x", "bad", False, ("targets", "a", "inputs", "x")),
        Input("path", "n.csv", "y", None, True, ("targets", "a", "inputs", "y")),
    )


def test_a_file_with_the_characters_of_a_glob():
    """A file that is there is that file; a foreach value has no special characters either."""
    text = """
    [targets.a]
    foreach = { n = ["1[2]"] }
    inputs = ["raw/x[1].csv", "raw/y[1].csv", "raw/{n}.csv", "raw/{n}/*.csv"]
    run = "true"
    """
    assert inputs(text, ["raw/x[1].csv"]) == [
        ("path", "raw/x[1].csv"),
        ("glob", "raw/y[1].csv"),
        ("path", "raw/1[2].csv"),
        ("glob", "raw/1[[]2]/*.csv"),
    ]


def test_the_instance_with_the_same_value():
    """A value that would read as something else is quoted."""
    text = """
    [targets.b]
    foreach = { m = ["1", "x,y"] }
    run = "true"
    [targets.a]
    foreach = { m = ["x,y"] }
    inputs = ["b[{m}]", "b[m={m}]", "b[*]", "b"]
    run = "true"
    """
    assert [asked for _, asked in inputs(text)] == ['b["x,y"]', 'b[m="x,y"]', "b[*]", "b"]


def test_a_name_may_come_from_a_param():
    """It is looked up once it is filled in."""
    text = """
    [params]
    which = "b"
    [targets.b]
    run = "true"
    [targets.a]
    inputs = ["{params.which}", "{params.which}.csv"]
    run = "true"
    """
    assert inputs(text) == [("target", "b"), ("path", "b.csv")]


def test_what_can_be_wrong_with_an_input():
    """URLs, brackets, outputs, globs of folders, placeholders, disabled targets."""
    text = """\
    [targets.b]
    outputs = { good = "g.csv", bad = "b.csv" }
    run = "true"
    [targets.off]
    enabled = false
    run = "true"
    [targets.a1]
    inputs = ["zip://x::y.zip"]
    run = "true"
    [targets.a2]
    inputs = [{ from = "b", output = "god" }]
    run = "true"
    [targets.a3]
    inputs = [{ from = "x.csv", output = "good" }]
    run = "true"
    [targets.a4]
    inputs = ["b[1]"]
    run = "true"
    [targets.a5]
    inputs = ["off"]
    run = "true"
    [targets.a6]
    inputs = ["raw/*/"]
    run = "true"
    [targets.a7]
    inputs = ["raw/{mont}.csv"]
    run = "true"
    [targets.a8]
    inputs = [{ from = "raw/*.csv", fetch = false }]
    run = "true"
    [targets.a9]
    inputs = [{ from = "s3://raw/a.csv", fetch = false }]
    output = "a.csv"
    copy = true
    [targets.b1]
    inputs = ["https://h/raw/*.csv"]
    run = "true"
    [targets.b2]
    foreach = "https://h/{x}.csv"
    run = "true"
    """
    assert complaints(text) == (
        "39:1: `https://h/*.csv`: a web server does not say what it has\n"
        "  hint: name each file by itself\n"
        "8:11: `zip://x::y.zip`: what stands behind `::` is no URL\n"
        "  hint: a target can unpack an archive of the project; `file:///...` is a URL, too\n"
        "11:11: `b` has no output named `god`\n"
        "  its outputs are `good`, `bad`\n"
        "  hint: did you mean `good`?\n"
        "14:11: `output` is one output of a target, and `x.csv` is no target\n"
        "17:11: `b` has no instances: it has no `foreach`\n"
        "20:11: the input `off` is disabled\n"
        "23:11: `raw/*/` matches folders, and not files\n"
        "  hint: `raw/*/**` matches all files in them\n"
        "26:11: unknown placeholder `{mont}`\n"
        "  none is known here\n"
        "  hint: write it literally as `{{mont}}`\n"
        "29:11: `fetch` is for URLs, and `raw/*.csv` is no URL\n"
        "32:11: `copy` needs the content, so `fetch` cannot be `false`\n"
        "36:11: `https://h/raw/*.csv`: a web server does not say what it has\n"
        "  hint: name each file by itself"
    )


# Outputs


def test_outputs_named_and_unnamed():
    """One, a list, a table; a slash makes a folder, and has no place in the path."""
    text = '[targets.a]\noutput = "build//x.csv"\nrun = "true"\n'
    assert only(text).outputs == (Output("build/x.csv"),)
    text = '[targets.a]\noutputs = ["x.csv", "parts/"]\nrun = "cp x {outputs}"\n'
    assert only(text).outputs == (
        Output("x.csv", staged=True),
        Output("parts", folder=True, staged=True),
    )
    text = '[targets.a]\noutputs = { x = "x.csv", y = "y.csv" }\nrun = "cp x {outputs.y}"\n'
    assert only(text).outputs == (Output("x.csv", "x"), Output("y.csv", "y", staged=True))


def test_the_first_output_is_staged_by_output():
    """In arguments as in a script; not in a comment."""
    text = '[targets.a]\noutputs = ["x", "y"]\nargv = ["cp", "{input}", "{output}"]\n'
    assert [output.staged for output in only(text).outputs] == [True, False]
    text = '[targets.a]\noutput = "x"\nrun = "touch x # {output}"\n'
    assert only(text).outputs == (Output("x"),)


def test_default_output():
    """Of `python`; what a file name can't have is percent-encoded."""
    assert only('[targets.a]\npython = "m:f"\n').outputs == (
        Output("build/a.parquet", staged=True),
    )
    text = '[targets.a]\nforeach = { m = ["1/2", ".%"], c = ["x"] }\npython = "m:f"\n'
    outputs = [target.outputs[0].path for target in expanded(text).targets.values()]
    assert outputs == ["build/a/1%2F2,x.parquet", "build/a/%2E%25,x.parquet"]
    assert only('[targets.a]\nrun = "true"\n').outputs == ()


def test_outputs_that_cannot_be():
    """Outside the project, or in datamake's own folder; also by a foreach value."""
    text = """\
    [targets.a]
    output = "../x"
    run = "true"
    [targets.b]
    outputs = ["ok", "/x"]
    run = "true"
    [targets.c]
    foreach = { v = [".."] }
    output = "build/{v}/{v}/x"
    run = "true"
    [targets.d]
    output = ".datamake/x"
    run = "true"
    [targets.e]
    output = "./"
    run = "true"
    """
    assert complaints(text) == (
        "2:1: the output `../x` lies outside the project\n"
        "5:18: the output `/x` lies outside the project\n"
        "9:1: the output `../x` lies outside the project\n"
        "12:1: the output `.datamake/x` lies in datamake's own folder\n"
        "15:1: the output `.` lies outside the project"
    )


LINKS = {"out": "/mnt/big", "own": ".datamake/work", "in": "real/deep", "top": ""}


def test_outputs_behind_linked_folders():
    """Are where the links lead, which may not be outside the project."""
    text = """\
    [targets.a]
    output = "out/x"
    run = "true"
    [targets.b]
    outputs = ["own/x"]
    run = "true"
    [targets.c]
    foreach = { v = ["1"] }
    output = "out/{v}/x"
    run = "true"
    [targets.d]
    foreach = "out/{v}"
    output = "d/{v}"
    run = "true"
    """
    assert complaints(text, links=LINKS) == (
        "2:1: the output `out/x` lies outside the project\n"
        "  `out` leads to `/mnt/big`\n"
        "  hint: name a place in the project; a folder output may itself be a link to another disk\n"
        "5:12: the output `.datamake/work/x` lies in datamake's own folder\n"
        "9:1: the output `out/1/x` lies outside the project\n"
        "  `out/1` leads to `/mnt/big/1`\n"
        "  hint: name a place in the project; a folder output may itself be a link to another disk"
    )


@pytest.mark.parametrize(
    ("declared", "path"),
    [("in/x", "real/deep/x"), ("in/er/x", "real/deep/er/x"), ("top/x", "x"), ("out/", "out")],
)
def test_an_output_is_where_links_lead(declared, path):
    """Of a folder output the folder itself stays the link that it is."""
    graph = linked(f'[targets.a]\noutput = "{declared}"\nrun = "true"\n', links=LINKS)
    assert list(graph.outputs.owners) == [path]


# The rest


def test_what_deviates_in_nothing_is_shared():
    """And nothing is filled in the action."""
    target = only('[targets.a]\nrun = "echo {target}"\n')
    assert target.surroundings is SURROUNDINGS
    assert target.resources is RESOURCES
    assert target.policy is POLICY
    assert (target.template, target.kind, target.implicit) == ("echo {target}", "run", True)


def test_habits():
    """Durations and sizes are numbers, a pool's name is one of it, env may take values."""
    text = """
    [targets.a]
    run = "true"
    memory = "1GB"
    pool = "api"
    timeout = "2m"
    retry_delay = 3
    env = ["TZ"]
    cwd = "sub/"
    shell = ["sh", "-c"]
    secrets = ["KEY"]
    code = ["lib//*.py"]
    tags = ["x"]
    """
    target = only(text)
    assert (target.resources.memory, target.resources.pool) == (10**9, {"api": 1})
    assert (target.policy.timeout, target.policy.retry_delay) == (120.0, 3.0)
    around = target.surroundings
    assert (around.env, around.cwd, around.shell) == ({"TZ": None}, "sub", ("sh", "-c"))
    assert (around.secrets, target.code, target.tags) == (("KEY",), ("lib/*.py",), ("x",))


def test_foreach_values_in_habits():
    """They are filled in for each instance."""
    text = """
    [targets.a]
    foreach = { m = ["1", "2"] }
    env = { MONTH = "m{m}" }
    timeout = "{m}h"
    run = "true"
    """
    targets = expanded(text).targets.values()
    assert [target.surroundings.env["MONTH"] for target in targets] == ["m1", "m2"]
    assert [target.policy.timeout for target in targets] == [3600.0, 7200.0]
    assert [target.each for target in targets] == [{"m": "1"}, {"m": "2"}]


def test_params_that_count():
    """Those that the action names, and those that are declared; dots lead into tables."""
    text = """
    [params]
    year = 2013
    other = 1
    limits = { high = 3, low = 1 }
    [targets.a]
    params = ["limits.high"]
    run = "echo {params.year} # {params.other}"
    """
    target = only(text)
    assert target.params == {"year": 2013, "limits.high": 3}
    assert target.declared_params == ("limits.high",)


def test_placeholders_of_the_action_are_checked():
    """Although they are filled only when it runs."""
    text = """\
    [params]
    year = 2013
    [targets.a]
    inputs = { x = "x.csv" }
    output = "y"
    run = "cp {inputs.z} {output}"
    [targets.b]
    params = ["yeer"]
    timeout = "{params.year}y"
    argv = ["cp", "{outputs.x}"]
    [targets.c]
    params = ["yeer"]
    run = "true"
    """
    assert complaints(text, ["x.csv"]) == (
        "6:1: unknown placeholder `{inputs.z}`\n"
        "  known here: `{input}`, `{inputs}`, `{output}`, `{outputs}`, `{params}`, `{target}`, "
        "`{root}`, `{cpus}`, `{work}`, `{inputs.x}`, `{params.year}`\n"
        "  hint: did you mean `{inputs.x}`? otherwise write it literally as `{{inputs.z}}`\n"
        "10:15: unknown placeholder `{outputs.x}`\n"
        "  known here: `{input}`, `{inputs}`, `{output}`, `{outputs}`, `{params}`, `{target}`, "
        "`{root}`, `{cpus}`, `{work}`, `{params.year}`\n"
        "  hint: did you mean `{outputs}`? otherwise write it literally as `{{outputs.x}}`\n"
        "12:11: unknown param `yeer`\n"
        "  hint: did you mean `year`?"
    )


def test_disabled_targets_are_not_there():
    """By hand, or by a param, which has to be true or false."""
    text = """
    [params]
    on = true
    off = false
    what = "no"
    [targets.a]
    enabled = "{params.on}"
    run = "true"
    [targets.b]
    enabled = "{params.off}"
    run = "true"
    [targets.c]
    enabled = false
    run = "true"
    """
    assert names(text) == ["a"]
    text += '[targets.d]\nenabled = "{params.what}"\nrun = "true"\n'
    assert complaint(text) == "`{params.what}` is neither true nor false"


def test_parts():
    """Paths, default outputs and the working directory are those of the part's folder."""
    text = '[project]\ninclude = { sales = "parts/[1]" }\n'
    part = """
    [sources.raw]
    path = "raw/*.csv"
    [targets.clean]
    foreach = "raw/{day}.csv"
    inputs = ["raw/{day}.csv", "raw", "../x.csv", "*.txt"]
    python = "m:f"
    [targets.all]
    inputs = ["clean[*]"]
    run = "true"
    """
    files = {"parts/[1]/Datafile.toml": part, "parts/[1]/raw/a.csv": ""}
    expansion = expanded(text, files)
    assert expansion.problems == []
    clean, every = expansion.targets.values()
    assert (clean.name, clean.surroundings.cwd) == ("sales.clean[a]", "parts/[1]")
    assert [(asked.kind, asked.text) for asked in clean.inputs] == [
        ("path", "parts/[1]/raw/a.csv"),
        ("glob", "parts/[[]1]/raw/*.csv"),
        ("path", "parts/x.csv"),
        ("glob", "parts/[[]1]/*.txt"),
    ]
    assert clean.outputs == (Output("parts/[1]/build/clean/a.parquet", staged=True),)
    assert (every.name, every.inputs[0].text) == ("sales.all", "sales.clean[*]")
