"""Placeholders: what is one, and what it comes to in paths, arguments and shell scripts."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamake.datafile.placeholders import (
    PathText,
    PlaceholderError,
    arguments,
    faults,
    filled,
    misplacements,
    names,
    only,
    pieces,
    quoted,
    script,
)

VALUES = {
    "input": PathText("raw/a b.csv"),
    "inputs": {"flights": PathText("-x.csv"), "odd": PathText("o'k")},
    "output": PathText("out.csv"),
    "params": {"year": 2013, "months": ["01", "02"], "limits": {"high": 1.5}, "strict": True},
    "month": "01",
    "day": "2013-01-05",
}


def message(function, text, values=VALUES):
    with pytest.raises(PlaceholderError) as caught:
        function(text, values)
    return str(caught.value.problem)


# What is a placeholder


@pytest.mark.parametrize(
    "text",
    [
        "awk '{print $1}'",
        "${HOME}/x",
        "${{month}}",
        "echo {a,b} {1..3} {} { }",
        "find . -exec rm {} \\;",
        "jq '{id:.id}'",
        "{month }",
        "{.month}",
        "{month.}",
        "${HOME:-{a,b}}",
    ],
)
def test_what_is_no_placeholder_stays(text):
    """Only a brace pair around exactly a name is one, and never after `$`."""
    assert names(text) == ()
    assert script(text, VALUES) == text
    assert filled(text, VALUES) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{month}}", "{month}"),
        ("{{{month}}}", "{{month}}"),
        ("{{day:%Y}}", "{day:%Y}"),
        ("{{month}", "{01"),
        ("{month}}", "01}"),
        ("{{a,b}}", "{{a,b}}"),
        ("a{month}{month}b", "a0101b"),
        ("", ""),
    ],
)
def test_double_braces_are_literal(text, expected):
    assert filled(text, VALUES) == expected


def test_names_are_listed_once_in_order():
    assert names("{b} {a.x} {b} {{c}} {d:%Y} {e:raw} {f:g}") == ("b", "a.x", "d", "e")


def test_names_in_comments_of_a_script_do_not_count():
    text = "cat {input} # {output}\n"
    assert names(text) == ("input", "output")
    assert names(text, shell=True) == ("input",)


def test_pieces_say_where_and_how_they_are_written():
    before, piece = pieces("x '{day:%Y}")
    assert (before, piece.name, piece.format, piece.raw) == ("x '", "day", "%Y", False)
    assert (piece.quote, piece.start, piece.text) == ("'", 3, "{day:%Y}")


def test_a_placeholder_that_is_all_of_a_text():
    assert only("{params.year}") == "params.year"
    assert [only(text) for text in ("x{a}", "{a}{b}", "a", "", "{{a}}", "{a:%Y}")] == [None] * 6


# Plain texts


def test_values_in_plain_texts():
    text = "{params.year}/{params.limits.high}/{params.strict}/{month}/it's '{day}'"
    assert filled(text, VALUES) == "2013/1.5/true/01/it's '2013-01-05'"


def test_flat_names_win_over_tables():
    """`{params}` is a file, `{params.year}` a value, where both are given."""
    values = {"params": PathText("p.json"), "params.year": 2013, "params.limits": {"high": 1}}
    assert filled("{params} {params.year} {params.limits.high}", values) == "p.json 2013 1"


@pytest.mark.parametrize(
    ("value", "form", "expected"),
    [
        ("2013-01-05", "%Y/%m/%d", "2013/01/05"),
        ("2013-01-05T06", "%H:%M", "06:00"),
        ("2013-01-05T06:30:00Z", "%H:%M", "06:30"),
        ("2013-02", "%d.%m.%y", "01.02.13"),
        ("2013", "%Y%m", "201301"),
    ],
)
def test_dates_are_formatted(value, form, expected):
    assert filled(f"{{day:{form}}}", {"day": value}) == expected


def test_dates_of_toml_are_values_too():
    import tomli

    values = tomli.loads("day = 2013-01-05\ntime = 2013-01-05T06:00:00Z")
    expected = "2013-01-05 05.01. 2013-01-05T06:00:00+00:00"
    assert filled("{day} {day:%d.%m.} {time}", values) == expected


def test_what_is_no_date_cannot_be_formatted():
    assert message(filled, "{month:%Y}") == "`{month:%Y}` wants a date, and `month` is `01`"
    assert message(filled, "{day:Y}") == (
        "`Y` in `{day:Y}` is neither `raw` nor the format of a date\n"
        "  hint: a format is like `%Y/%m/%d`; write it literally as `{{day:Y}}`"
    )


def test_a_list_does_not_fit_into_a_plain_text():
    expected = "one value fits into `a{params.months}`, and this is a list of 2: `01`, `02`"
    assert message(filled, "a{params.months}") == expected


# What is wrong


def test_an_unknown_name_lists_the_known_ones():
    assert message(filled, "{mouth}", {"month": 1, "params": {"year": 1}}) == (
        "unknown placeholder `{mouth}`\n"
        "  known here: `{month}`, `{params}`, `{params.year}`\n"
        "  hint: did you mean `{month}`? otherwise write it literally as `{{mouth}}`"
    )


def test_of_many_known_names_some_are_listed():
    known = [f"name{number}" for number in range(30)]
    (problem,) = faults("{print}", known)
    assert problem.facts[0].endswith("`{name19}` and 10 more")
    assert problem.hint == "write it literally as `{{print}}`"


def test_environment_variables_work_where_they_are_given():
    assert filled("{env.HOST}", {"env": {"HOST": "h"}}) == "h"
    assert message(filled, "{env.X}", {"env": {}}) == "the environment variable `X` is not set"
    assert message(filled, "{env.X}") == (
        "`{env.X}` does not work here: only in `[storage]`, `project.cache` and URLs"
    )


def test_what_is_wrong_can_be_told_without_values():
    assert faults("{a} {b:%Y} {env.X} {c:1} '{a}'", ["a", "b", "env.*"]) == []
    found = faults("'{a}' {a:b} '{print}' # {c}", ["a"], shell=True)
    assert [problem.message for problem in found] == [
        "`{a}` stands inside quotes",
        "`b` in `{a:b}` is neither `raw` nor the format of a date",
        "unknown placeholder `{print}`",
    ]


def test_what_is_misplaced_can_be_told_without_values():
    found = misplacements("'{a.x}' {b} | awk '{print}'", ["a", "b"])
    assert [problem.message for problem in found] == ["`{a.x}` stands inside quotes"]


def test_a_nul_character_is_refused():
    assert message(script, "x {a}", {"a": "\0"}) == "`{a}` holds a NUL character"


# Shell scripts


def test_each_value_is_quoted_by_itself():
    text = "cp {input} {output}; x --in={inputs.flights} {inputs} {params.months}{month}"
    expected = """cp 'raw/a b.csv' out.csv; x --in=./-x.csv ./-x.csv 'o'"'"'k' 01 0201"""
    assert script(text, VALUES) == expected


def test_only_a_path_gets_a_dot_before_a_dash():
    values = {"option": "-v", "input": PathText("-v")}
    assert script("x {option} {input}", values) == "x -v ./-v"
    assert arguments(["{option}", "{input}"], values) == ["-v", "./-v"]


def test_raw_is_put_in_as_it_is():
    assert script("'{input:raw}' {params.months:raw}", VALUES) == "'raw/a b.csv' 01 02"


INSIDE_QUOTES = (
    "`{input}` stands inside quotes\n"
    "  hint: remove the quotes, since each value is quoted by itself;"
    " `{input:raw}` is put in as it is"
)


@pytest.mark.parametrize(
    "text",
    [
        "cat '{input}'",
        'cat "{input}"',
        'cat "a $(cat "b") {input}"',
        "cat $'it\\'s {input}'",
        'cat "\\"{input}"',
        'cat "${x:-{input}}"',
        'cat "${x:-"{input}"}"',
        "# don't\ncat '{input}'",
        "cat \\'\\\" '{input}'",
        "((i<<2))\n'{input}'",
        "cat <<EOF\nit's\nEOF\ncat '{input}'",
    ],
)
def test_inside_quotes_is_an_error(text):
    assert message(script, text) == INSIDE_QUOTES


@pytest.mark.parametrize(
    "text",
    [
        'cat "$(cat {input})"',
        "cat 'a'{input}'b'",
        'cat "a"{input}"b"',
        "cat it\\'s {input}",
        "# don't\ncat {input}",
        "cat ${x:-{input}}",
        "cat <<EOF\nit's\nEOF\ncat {input}",
        "cat <<-'E O'\n\tit's\n\tE O\ncat {input}",
        "cat <<A <<B\n'\nA\n'\nB\ncat {input}",
        "cat <<<word {input}",
        "x=$((1<<2)); cat {input}",
        "echo a#'b' {input}",
        "echo $# {input}",
        "((echo a); cat {input})",
        "case x in (x) cat {input};; esac",
        "case x in x) cat {input};; esac",
        "echo $'it\\'s' {input}",
        "cat `date` {input}",
    ],
)
def test_in_the_open_it_is_none(text):
    assert script(text, VALUES) == text.replace("{input}", "'raw/a b.csv'")


def test_a_here_document_and_backquotes_take_raw_values_only():
    assert message(script, "cat <<'EOF'\n{input}\nEOF\n") == (
        "`{input}` stands in a here-document, where quotes mean nothing\n"
        "  hint: `{input:raw}` is put in as it is"
    )
    assert message(script, "x=`cat {input}`") == (
        "`{input}` stands inside backquotes\n  hint: write `$(...)` instead of them"
    )
    assert script("cat <<EOF\n{month:raw}\nEOF", VALUES) == "cat <<EOF\n01\nEOF"


def test_arithmetic_takes_numbers():
    assert script("echo $(( {params.year} + 1 ))", VALUES) == "echo $(( 2013 + 1 ))"
    expected = "`{input}` is `'raw/a b.csv'`, which is no number for arithmetic"
    assert message(script, "echo $(( {input} ))") == expected


def test_comments_stay_as_they_are():
    """What is commented out may name what is not there any more."""
    text = "cat {month} # {gone} '\n#{input}\n"
    assert script(text, VALUES) == text.replace("{month}", "01")


HOSTILE = [
    "; touch pwned",
    "$(touch pwned)",
    "`touch pwned`",
    "a\nb",
    "~",
    "*",
    "",
    "é'\"\\",
    "a=b",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_values_reach_the_command_as_they_are(text, tmp_path):
    command = script('printf %s {x}; printf %s "$(printf %s {x})."', {"x": text})
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, check=True)
    assert done.stdout.decode() == f"{text}{text}."
    assert list(tmp_path.iterdir()) == []


@given(st.text(st.characters(exclude_characters="\0")))
def test_quoted_words_are_read_back(text):
    import shlex

    assert shlex.split(quoted(text)) == [text]


@given(st.text("ab {}:%$'\"`\\#<\n().", max_size=60))
def test_any_text_can_be_read(text):
    """Pieces put together are the text, but for what was escaped."""
    whole = "".join(piece if isinstance(piece, str) else piece.text for piece in pieces(text))
    assert len(whole) <= len(text)
    assert "{{" in text or whole == text


# Arguments


def test_an_argument_that_is_a_list_becomes_several():
    argv = ["x", "{inputs}", "--y={params.year}", "{input}", "{params.months}", "'{month}'"]
    expected = ["x", "./-x.csv", "o'k", "--y=2013", "raw/a b.csv", "01", "02", "'01'"]
    assert arguments(argv, VALUES) == expected


def test_an_empty_list_is_no_argument():
    assert arguments(["x", "{inputs}"], {"inputs": []}) == ["x"]


def test_an_error_says_which_argument():
    with pytest.raises(PlaceholderError) as caught:
        arguments(["x", "--in={inputs}"], VALUES)
    assert caught.value.problem.keys == (1,)
    expected = "one value fits into `--in={inputs}`, and this is a list of 2: `./-x.csv`, `o'k`"
    assert str(caught.value.problem) == expected
