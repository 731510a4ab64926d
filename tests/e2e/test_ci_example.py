"""examples/ci does what its README says: two clones, one bucket, nothing built twice."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "ci"


@pytest.fixture
def played(s3, project):
    """What run.sh says, by section; the server has a bucket of its own, behind the proxy."""
    programs = project.root / "bin"
    programs.mkdir()
    for name, words in (("datamake", "-m datamake "), ("python3", "")):
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words}"$@"\n')
        (programs / name).chmod(0o755)
    done = subprocess.run(
        [EXAMPLE / "run.sh"],
        cwd=project.root,
        env={
            **project.environment,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "AWS_ENDPOINT_URL": s3.url,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    text = re.sub(r"\d+(\.\d+)? s\b", "TIME", done.stdout)
    return [section.strip().splitlines() for section in text.split("\n== ")]


def test_what_one_clone_has_built_the_other_does_not_build(played, s3):
    """It downloads what it asked for; when data changes, what is needed to build what is below."""
    _, _, mine, fresh, check, changed, back = played

    built = {line.split()[1] for line in mine if line.startswith("built ")}
    assert built == {"sales[2024-01]", "sales[2024-02]", "sales[2024-03]", "totals", "report", "5"}
    assert mine[-1] == "Datafile.lock: 3 changes"

    assert fresh[1:3] == ["restored report  never-built", "restored 1, up to date 4 (TIME)"]
    assert [line for line in fresh if line.startswith("build/")] == ["build/report.md"]
    assert fresh[-2:] == [
        "## datamake: restored 1, up to date 4",
        "It took TIME; the cache saved TIME.",
    ]

    assert check[-1] == "up to date: 5 targets"
    assert "exit status 3" in changed
    assert changed[-1] == "built 3, restored 2 (TIME)"

    assert "exit status 1" in back
    assert any(
        line.startswith("Datafile.lock: `s3://datamake-example/raw/2024-02") for line in back
    )
    assert not any(line.startswith("built ") for line in back)
    assert "| tea | 130 |" in back

    bodies = [request.path.partition("?")[0] for request in s3.bodies]
    raw = sorted(path.rpartition("/")[2] for path in bodies if "/raw/" in path)
    assert raw == ["2024-01.csv", "2024-02.csv", "2024-02.csv", "2024-03.csv"]
    blobs = [path for path in bodies if "/v1/blobs/" in path]
    assert len(blobs) == 1 + 2 + 3, "the report; two months; what had changed"
