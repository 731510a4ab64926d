"""The examples build, and do what their README says; and so do those of the guide to tables."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import datamake

pytest.importorskip("duckdb")
ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
GUIDE = ROOT / "docs/tables.md"
VIEWS = ["age", "airline", "day", "destination", "hour", "rain", "sight", "wind"]
BELOW_JOINED = [*(f"by_{view}" for view in VIEWS), "report"]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VARIES = [
    (r"\d+(\.\d+)? s\b", "TIME"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "WHEN"),
    (r"\b([0-9a-f]{32}|[0-9a-f]{12})\b", "DIGEST"),
]
"""What is another each time, or with other versions of what is installed."""


@pytest.fixture
def flights(tmp_path, monkeypatch):
    """A copy of the example on flights."""
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    leave = shutil.ignore_patterns("build", ".datamake", "__pycache__")
    return shutil.copytree(EXAMPLES / "flights", tmp_path / "flights", ignore=leave)


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """Where the example on flights lies once it was built."""
    return tmp_path_factory.mktemp("once") / "flights"


@pytest.fixture
def built(flights, once):
    """A copy of the example on flights that was built: the first time here, from then on there."""
    if once.exists():
        return shutil.copytree(once, flights, dirs_exist_ok=True)
    assert list(build(flights)) == ["built"]
    shutil.copytree(flights, once)
    return flights


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """Runs a command in a folder, as someone does who has just cloned it; gives what it says."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "datamake").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m datamake "$@"\n')
    (programs / "datamake").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("COLUMNS", "200")

    def said(command, folder):
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
            text=True,
            check=False,
        )
        return done.stdout

    return said


def build(root, **params):
    """Status → the targets that have it after a build, sorted."""
    with datamake.load(root, params=params) as project:
        result = project.build()
    assert result.ok, [(target.name, target.error, target.facts) for target in result.targets]
    found = {}
    for target in sorted(result.targets, key=lambda each: each.name):
        found.setdefault(target.status.value, []).append(target.name)
    return found


def comparable(text):
    """The lines of an output, without what varies; those of a parallel build have no order."""
    for pattern, word in VARIES:
        text = re.sub(pattern, word, text)
    return sorted(re.sub("  +", "  ", line.rstrip()) for line in text.splitlines())


def blocks(page, language):
    """The texts of all examples of a page in a language."""
    return [text for found, text in BLOCK.findall(page.read_text()) if found == language]


def commands(block):
    """(command, what it says) of an example."""
    parts = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    return [part.partition("\n")[::2] for part in parts]


def test_what_the_readme_of_flights_shows(flights, shell):
    """Each command says what stands below it."""
    (flights / ".gitignore").write_text("build/\n.datamake/\n__pycache__/\n")
    shell("git init -q && git add -A", flights)
    shown = blocks(EXAMPLES / "flights/README.md", "console")
    pairs = [pair for block in shown for pair in commands(block)]
    assert len(pairs) > 20
    for command, expected in pairs:
        assert comparable(shell(command, flights)) == comparable(expected), command


@pytest.fixture
def orders(tmp_path):
    """Makes a project of a Datafile of the guide to tables, in a folder of its own."""
    (table,) = (each for each in blocks(GUIDE, "text") if each.startswith("id,"))
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/customers.csv").write_text("name,country\nann,NO\nbob,SE\n")
    (tmp_path / "raw/orders.csv").write_text(table)

    def made(word):
        (text,) = (each for each in blocks(GUIDE, "toml") if word in each)
        (tmp_path / "Datafile.toml").write_text(text)
        return tmp_path

    return made


def test_checks_of_the_guide_to_tables(orders, shell):
    """They fail as it says."""
    (command, expected) = commands(blocks(GUIDE, "console")[1])[0]
    assert comparable(shell(command, orders("paid back"))) == comparable(expected)


def test_changes_in_the_guide_to_tables(orders, shell):
    """A column that the query does not read has changed: what `why` and `diff` say of it."""
    root = orders("[targets.totals]")
    table = root / "raw/orders.csv"
    table.write_text(table.read_text().replace("2,,", "3,ann,").replace("-7.00,lst", "7.00,lost"))
    shell("datamake", root)
    table.write_text(table.read_text().replace("2024-01-05", "2024-02-05"))
    shell("datamake", root)
    why, _, diff = (commands(block)[0] for block in blocks(GUIDE, "console"))
    for command, expected in (why, diff):
        assert comparable(shell(command, root)) == comparable(expected), command


def test_what_is_known_of_the_flights(built):
    """Rows and cancelled flights of each month, destinations without an airport; none in quarantine."""
    assert list(build(built)) == ["up-to-date"]
    with datamake.load(built) as project:
        months = {month: project.table(f"clean[{month}]") for month in ("01", "02", "03")}
        found = {month: (t.num_rows, t["dep_time"].null_count) for month, t in months.items()}
        assert found == {"01": (27_004, 521), "02": (24_951, 1_261), "03": (28_834, 861)}
        for month, table in months.items():
            assert project.table(f"joined[{month}]").num_rows == table.num_rows
        of = {row["dest"]: row for row in project.table("by_destination").to_pylist()}
        nowhere = {dest: row["flights"] for dest, row in of.items() if row["airport"] is None}
        assert nowhere == {"BQN": 268, "PSE": 90, "SJU": 1_472, "STT": 198}
        checks = {each["name"]: each["checks"] for each in project.check(["clean"])["checked"]}
    wrong = [
        {each["kind"]: each["violations"] for each in found if each["violations"]}
        for found in checks.values()
    ]
    assert wrong == [{"references": 680}, {"references": 608}, {"references": 740}]


def test_weather_and_flights_meet_in_utc(built):
    """Clocks in New York are five hours behind in winter, and four from 10 March 2013 on."""
    with datamake.load(built) as project:
        hours = [row["hour"] for row in project.table("weather").to_pylist()]
        blind = [row for row in project.table("by_sight").to_pylist() if row["band"] is None]
    assert len(hours) == 6_463
    assert hours[0].isoformat() == "2013-01-01T06:00:00+00:00"
    assert max(hours).isoformat() == "2013-04-01T03:00:00+00:00"
    assert blind[0]["flights"] == 81


def test_a_param_of_flights(built):
    """What counts as late runs the delays and the report again, and no months."""
    assert build(built, late=30)["built"] == BELOW_JOINED
    assert b"30 minutes late or more" in (built / "build/report.html").read_bytes()
    assert "built" not in build(built)
