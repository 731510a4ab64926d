"""Targets that are Python functions."""

from __future__ import annotations

import pytest

TEXT = """
[params]
factor = 3
other = 1

[targets.double]
inputs = { source = "src.txt" }
output = "double.txt"
python = "work.double:run"

[targets.scaled]
foreach = { name = ["x", "y"] }
inputs = ["double"]
output = "scaled/{name}.txt"
params = ["factor"]
python = "work.scale:run"
"""
DOUBLE = """
from pathlib import Path
from work.common import times

def run(source, output):
    Path(output).write_text(str(times(int(Path(source).read_text()), 2)))
"""
SCALE = """
from pathlib import Path

def run(input, output: Path, params, name):
    print("scaling", name)
    assert isinstance(output, Path)
    output.write_text(name + str(int(Path(input).read_text()) * params["factor"]))
"""


@pytest.fixture
def python(project):
    project.datafile(TEXT)
    project.write("src.txt", "21")
    project.write("work/__init__.py")
    project.write("work/common.py", "def times(a, b):\n    return a * b\n")
    project.write("work/double.py", DOUBLE)
    project.write("work/scale.py", SCALE)
    result = project.build()
    assert (result.ran, result.errors) == (["double", "scaled[x]", "scaled[y]"], {})
    return project


def test_functions_get_what_they_name(python):
    """Inputs, outputs, params and foreach variables."""
    assert python.read("double.txt") == "42"
    assert python.read("scaled/y.txt") == "y126"
    assert python.build().ran == []


def test_what_a_function_imports_counts(python):
    """Of the project, directly or not; and nothing else."""
    python.write("work/unused.py", "")
    assert python.build().ran == []
    python.write("work/common.py", "def times(a, b):\n    return b * a\n")
    assert python.build().ran == ["double"]
    python.write("work/__init__.py", "# changed\n")
    assert set(python.build().ran) == {"double", "scaled[x]", "scaled[y]"}


def test_exactly_its_params_count(python):
    """Those it declares."""
    assert python.build(params={"other": 2}).ran == []
    assert python.build(params={"factor": 2}).ran == ["scaled[x]", "scaled[y]"]


def test_an_exception_is_a_failure(python):
    """With its traceback in the log; the old output stays."""
    python.write(
        "work/double.py",
        "def run(source, output):\n    open(output, 'w').write('half')\n    1 / 0\n",
    )
    result = python.build()
    assert result.statuses["double"] == "failed"
    assert "ZeroDivisionError" in result.errors["double"] + str(result.result.targets[0].facts)
    assert python.read("double.txt") == "42"
    assert "ZeroDivisionError" in python.command("log", "double").stdout


@pytest.mark.parametrize(
    ("python_", "source", "words"),
    [
        ("work.none:run", "", "work.none"),
        ("work.double:none", DOUBLE, "none"),
        ("work.double:run", "def run(what): pass", "what"),
        ("work.double:run", "import no_such_module\n" + DOUBLE, "no_such_module"),
        ("work.double:run", "def run(:", "SyntaxError"),
        ("work.double:run", "import sys\ndef run(output): sys.exit(3)", "3"),
        ("work.double:run", "import os\ndef run(output): os._exit(4)", "4"),
    ],
)
def test_what_cannot_be_called(python, python_, source, words):
    """Is a failure, or an error of the Datafile, that names it."""
    python.datafile(TEXT.replace("work.double:run", python_))
    if source:
        python.write("work/double.py", source)
    done = python.command("build", "double")
    assert done.returncode in (1, 2)
    assert words in done.stderr


def test_what_it_prints_is_logged(python):
    """As of a command."""
    assert python.command("log", "scaled[x]").stdout == "scaling x\n"


def test_one_does_not_see_another(project):
    """Each function runs in a process of its own."""
    project.datafile("""
        [targets.t]
        foreach = { n = ["1", "2", "3"] }
        output = "out/{n}"
        python = "work:run"
    """)
    project.write(
        "work.py",
        "seen = []\n\ndef run(output, n):\n    seen.append(n)\n    open(output, 'w').write(str(seen))\n",
    )
    assert len(project.build().ran) == 3
    assert [project.read(f"out/{n}") for n in (1, 2, 3)] == ["['1']", "['2']", "['3']"]
    assert project.build().ran == []


def test_a_folder_and_several_outputs(project):
    """Outputs by name are a mapping of paths; a folder is there."""
    project.datafile("""
        [targets.t]
        outputs = { one = "one.txt", many = "many/" }
        python = "work:run"
    """)
    project.write(
        "work.py",
        "from pathlib import Path\n\ndef run(outputs):\n"
        "    Path(outputs['one']).write_text('1')\n"
        "    for n in '12':\n        Path(outputs['many'], n).write_text(n)\n",
    )
    result = project.build()
    assert (result.ran, result.errors) == (["t"], {})
    assert project.files("many/*") == ["many/1", "many/2"]
    assert project.build().ran == []


def test_a_module_in_its_working_directory(project):
    """Is found there first, and counts."""
    project.datafile("""
        [targets.t]
        cwd = "sub"
        output = "t.txt"
        python = "work:run"
    """)
    project.write("work.py", "no python")
    project.write("sub/work.py", "def run(output): output.write_text('1')\n")
    assert project.build().ran == ["t"]
    assert project.build().ran == []
    project.write("sub/work.py", "def run(output): output.write_text('2')\n")
    assert project.build().ran == ["t"]
    assert project.read("t.txt") == "2"
