"""The examples build, and do what their README says."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import pytest

import datamake

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
VIEWS = ["age", "airline", "day", "destination", "hour", "rain", "sight", "wind"]
BELOW_JOINED = [*(f"delays[{view}]" for view in VIEWS), "report"]


@pytest.fixture
def flights(tmp_path, monkeypatch):
    """A copy of the example on flights."""
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    leave = shutil.ignore_patterns("build", ".datamake", "__pycache__")
    return shutil.copytree(EXAMPLES / "flights", tmp_path / "flights", ignore=leave)


def build(root, **params):
    """Status → the targets that have it after a build, sorted."""
    with datamake.load(root, params=params) as project:
        result = project.build()
    assert result.ok, [(target.name, target.error, target.facts) for target in result.targets]
    found = {}
    for target in sorted(result.targets, key=lambda each: each.name):
        found.setdefault(target.status.value, []).append(target.name)
    return found


def test_flights(flights):
    """Built once; a month without its last flight rebuilds its own way; put back, nothing runs."""
    assert list(build(flights)) == ["built"]
    report = (flights / "build/report.html").read_bytes()
    assert list(build(flights)) == ["up-to-date"]

    month = flights / "raw/flights-2013-02.csv.gz"
    original = month.read_bytes()
    lines = gzip.decompress(original).splitlines(keepends=True)
    month.write_bytes(gzip.compress(b"".join(lines), 1))
    assert build(flights)["built"] == ["clean[02]"]

    month.write_bytes(gzip.compress(b"".join(lines[:-1])))
    built = build(flights)["built"]
    assert {"clean[02]", "joined[02]", "report"} <= set(built)
    assert set(built) <= {"clean[02]", "joined[02]", *BELOW_JOINED}
    assert (flights / "build/report.html").read_bytes() != report

    month.write_bytes(original)
    assert "built" not in build(flights)
    assert (flights / "build/report.html").read_bytes() == report


def test_a_param_of_flights(flights):
    """What counts as late runs the delays and the report again, and no months."""
    build(flights)
    built = build(flights, late=30)["built"]
    assert built == BELOW_JOINED
    assert b"30 minutes late or more" in (flights / "build/report.html").read_bytes()
    assert "built" not in build(flights)
