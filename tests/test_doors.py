"""Two doors: a plain build without Typer, everything with it; both read arguments alike."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from datamake import __main__ as front
from datamake.cli import app, build, door
from datamake.cli.options import Build, Place, Running, Scope, Talk, with_environment
from datamake.errors import UsageError

PLAIN = [
    [],
    ["build"],
    ["build", "report", "clean[01]"],
    ["build", "build"],
    ["build", "-j", "4"],
    ["build", "--jobs", "4", "a", "-k", "b"],
    ["build", "-k", "--keep-going", "-B", "--always-make", "--force"],
    ["build", "-q"],
    ["build", "--quiet", "--verbose", "-v", "--no-progress", "--json"],
    ["-C", "sub", "build", "a"],
    ["build", "-C", "sub", "-f", "Other.toml", "--profile", "ci"],
    ["--profile", "a", "build", "--profile", "b"],
    ["-f", "a.toml", "-C", "b", "build", "--file", "c.toml"],
    ["-j", "4", "-k"],
    ["-C", "sub", "-j", "4", "a"],
    ["--directory", "sub"],
]
OTHER = [
    ["build", "-n"],
    ["build", "-kq"],
    ["build", "-j4"],
    ["build", "--jobs=4"],
    ["build", "--set", "a=1"],
    ["build", "--", "-x"],
    ["build", "-j"],
    ["build", "-C", "-x"],
    ["build", "--help"],
    ["build", ""],
    ["--version"],
    ["-h"],
    ["status"],
    ["bild"],
    ["-C", "sub", "status"],
    ["report"],
]


@pytest.fixture
def built(monkeypatch):
    """The builds that Typer's door asks for."""
    found = []

    def note(asked):
        found.append(asked)
        return 0

    monkeypatch.setattr(app, "run_build", note)
    monkeypatch.setattr(build, "run_build", note)
    monkeypatch.setattr(app, "has_datafile", lambda _: True)
    for name in [name for name in os.environ if name.startswith("DATAMAKE_")]:
        monkeypatch.delenv(name)
    return found


@pytest.mark.parametrize("arguments", PLAIN, ids=" ".join)
def test_both_doors_give_the_same_options(arguments, built):
    plain = door.plain_build(arguments)
    assert plain is not None
    assert app.main(arguments) == 0
    assert built == [with_environment(plain, {})]


@pytest.mark.parametrize("arguments", OTHER, ids=" ".join)
def test_all_else_is_left_to_typer(arguments):
    assert door.plain_build(arguments) is None


def test_what_is_given_reaches_the_build(built):
    """Every option of `build`, in the form that Typer takes."""
    arguments = (
        "-C x --set a=1 build r -s s --exclude e --since main -B --force --only --restore-all "
        "-j3 -k --cache read --no-wait --offline --locked "
        "-qv --no-progress --json --events ev --timings ti --summary su --set b=2"
    )
    assert app.main(arguments.split()) == 0
    assert built == [
        Build(
            Place("x", settings=("a=1", "b=2")),
            Scope(("r",), ("s",), ("e",), "main", True, True, True, True),
            Running("3", True, "read", True, True, True),
            Talk(True, True, True, True, "ev", "ti", "su"),
        )
    ]


def test_variables_stand_in_for_options():
    variables = {
        "DATAMAKE_JOBS": "3",
        "DATAMAKE_CACHE": "off",
        "DATAMAKE_PROFILE": "ci",
        "DATAMAKE_NO_PROGRESS": "1",
    }
    found = with_environment(Build(), variables)
    assert found.running.arguments["jobs"] == 3
    assert found.running.arguments["cache"] == "off"
    assert found.place.profile == "ci"
    assert found.talk.no_progress
    given = Build(Place(profile="mine"), running=Running("5", cache="read"))
    found = with_environment(given, variables)
    assert (found.place.profile, found.running.jobs, found.running.cache) == ("mine", "5", "read")
    assert with_environment(Build(), dict.fromkeys(variables, "")) == Build()


@pytest.mark.parametrize(
    ("asked", "variables", "message"),
    [
        (Running("0"), {}, "`--jobs` is a whole number from 1, not `0`"),
        (Running(), {"DATAMAKE_JOBS": "x"}, "`DATAMAKE_JOBS` is a whole number from 1, not `x`"),
        (
            Running(cache="on"),
            {},
            "`on` is no mode of the cache\n  known: `read-write`, `read`, `write`, `off`",
        ),
    ],
)
def test_wrong_values_are_refused(asked, variables, message):
    with pytest.raises(UsageError) as error:
        with_environment(Build(running=asked), variables)
    assert str(error.value) == message


HEAVY = ["rich", "pydantic", "pyarrow", "fsspec", "duckdb", "dask"]
LIGHT = ["typer", "click", *HEAVY, "typing", "dataclasses", "pathlib", "json", "subprocess"]


def loaded(project, names, *arguments):
    """Which of `names` are loaded once `datamake` has run in `project`, and its exit status."""
    program = (
        "import sys; from datamake.__main__ import main; status = main();"
        f"print([name for name in {names} if name in sys.modules], status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=project.root,
        env=project.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()[-1]


def test_a_build_with_nothing_to_do_loads_next_to_nothing(project):
    project.datafile('[targets.a]\noutput = "a"\nrun = "echo > {output}"')
    assert project.cli("build").returncode == 0
    assert loaded(project, LIGHT, "build") == "[] 0"


def test_help_loads_no_pictures(project):
    assert loaded(project, HEAVY, "--help") == "[] 0"
    assert loaded(project, HEAVY, "build", "--help") == "[] 0"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("-n", "build -n"),
        ("-j4 a", "build -j4 a"),
        ("-C x --set=a=1 --set b=2 --json", "-C x --set=a=1 --set b=2 build --json"),
        ("-C x status -v", "-C x status -v"),
        ("-Cx -n", "-Cx -n"),
        ("--help", "--help"),
        ("-C", "-C"),
    ],
)
def test_build_may_be_left_out_before_its_options(arguments, expected):
    assert app.with_command(arguments.split()) == expected.split()


def test_an_interrupt_while_modules_are_loaded(monkeypatch, capsys):
    """Ctrl-C just after the start is no traceback."""

    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(front, "at_rest", interrupted)
    monkeypatch.setattr(sys, "argv", ["datamake"])
    assert front.main() == 130
    assert capsys.readouterr().err == "interrupted\n"
