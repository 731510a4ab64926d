"""Python functions, each call in a process that has never seen another."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import uuid
import venv

import pytest
from processes import limited, linux, marked

from datamake.action import Action, Call
from datamake.process import Keepers

MODULE = """
import asyncio
import atexit
import os
import sys
import threading
import time
from pathlib import Path

seen = []

def show(**given):
    print(sorted(given.items()))

def some(output, month, other=5, *rest, params):
    assert isinstance(output, Path)
    print(output, month, other, rest, params)

def texts(output: str, inputs: "list[str] | None", named: "dict[str, Path]"):
    print(repr(output), inputs, named)

def state():
    seen.append(1)
    print(len(seen), os.environ["NAME"], os.getcwd(), sys.argv)

def wrong():
    def inner():
        raise ValueError("a s3cret\\nand more")
    inner()

def wrong_syntax():
    exec("1 +")

def leave():
    sys.exit(3)

def leave_well():
    sys.exit()

def leave_with_words():
    sys.exit("words")

def late():
    atexit.register(lambda: print("at exit"))
    threading.Thread(target=lambda: (time.sleep(0.1), print("thread"))).start()
    sys.stdout.write("no newline")

def undone():
    os.kill(os.getpid(), 9)

def background():
    if os.fork() == 0:
        os.setsid()
        time.sleep(300)

def needs(one, two, output): pass
def table(output: "pa.Table"): pass
def frame(inputs: "list[pl.LazyFrame]"): pass
def rows(one: "pl.DataFrame | None"): print("nothing" if one is None else len(one))
class Stream:
    def __arrow_c_stream__(self): pass
def stream(): return Stream()
def back(): return 5
def several(): return {"one": "a"}
def generator(): yield
async def waits(): pass
async def waits_for_more(): yield
constant = 1
"""


@pytest.fixture(scope="module")
def keepers():
    opened = Keepers()
    yield opened
    opened.close()


@pytest.fixture
def call(tmp_path):
    """Makes the action of a function of the module above."""
    (tmp_path / "given.py").write_text(MODULE)

    def made(function, arguments=(), files=(), **fields):
        name = function if ":" in function else f"given:{function}"
        tables = fields.pop("tables", {})
        asked = Call(name, (str(tmp_path),), dict(arguments), frozenset(files), tables)
        env = {**os.environ, "MARK": made.mark, **fields.pop("env", {})}
        common = {"interpreter": sys.executable, "cwd": str(tmp_path), "log": str(tmp_path / "log")}
        return Action("t", "python", call=asked, env=env, **{**common, **fields})

    made.mark = uuid.uuid4().hex
    return made


@pytest.fixture
def log(tmp_path):
    return (tmp_path / "log").read_bytes


def run(keepers, action):
    """The error and facts."""
    outcome = keepers.run(action)
    return outcome.error, outcome.facts


def test_arguments_by_name(keepers, call, log):
    """Paths as Path, unless text is asked for; what a function does not take is left out."""
    given = {"output": "out/x", "month": "01", "params": {"a": [1, 2.5, None, True]}, "more": "m"}
    assert run(keepers, call("some", given, {"output"})) == (None, ())
    assert log() == b"out/x 01 5 () {'a': [1, 2.5, None, True]}\n"


def test_arguments_by_annotation(keepers, call, log):
    """In lists and tables too."""
    given = {"output": "o", "inputs": ["a"], "named": {"n": "b"}}
    assert run(keepers, call("texts", given, set(given))) == (None, ())
    assert log() == b"'o' ['a'] {'n': PosixPath('b')}\n"


def test_a_function_that_takes_all(keepers, call, log):
    """Gets all."""
    assert run(keepers, call("show", {"b": "1", "a": "2"}, {"a"})) == (None, ())
    assert log() == b"[('a', PosixPath('2')), ('b', '1')]\n"


def test_nothing_leaks_from_call_to_call(keepers, call, log, tmp_path):
    """Each is in a process that never saw the project before, with its own surroundings."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        action = call("state", env={"NAME": name}, cwd=str(tmp_path / name))
        assert run(keepers, action) == (None, ())
        assert log() == f"1 {name} {tmp_path / name} ['given:state']\n".encode()
    (tmp_path / "given.py").write_text("def state(): print('edited')")
    assert run(keepers, call("state")) == (None, ())
    assert log() == b"edited\n"


def test_an_exception(keepers, call, log):
    """Its text is the error; its traceback in the log begins in the function. Both are masked."""
    error, facts = run(keepers, call("wrong", secrets=("s3cret",)))
    assert error == "ValueError: a ***"
    assert facts[0] == "Traceback (most recent call last):"
    assert facts[1].endswith("in wrong")
    assert facts[-2:] == ("ValueError: a ***", "and more")
    assert b"s3cret" not in log()
    assert b"datamake" not in log()


def test_an_import_that_fails(keepers, call, tmp_path, log):
    """Begins in the module."""
    (tmp_path / "broken.py").write_text("import no_such_module\n")
    error = "ModuleNotFoundError: No module named 'no_such_module'"
    assert run(keepers, call("broken:run"))[0] == error
    assert log().decode().splitlines()[1].endswith('broken.py", line 1, in <module>')


@pytest.mark.parametrize(
    ("function", "error"),
    [
        ("leave", "exit status 3"),
        ("leave_well", None),
        ("leave_with_words", "exit status 1"),
        ("undone", "killed by SIGKILL"),
        ("wrong_syntax", "SyntaxError: invalid syntax"),
    ],
)
def test_how_a_call_ends(keepers, call, function, error):
    """As a program of its own would."""
    assert run(keepers, call(function))[0] == error


def test_the_end_of_a_call(keepers, call, log):
    """Threads are waited for, exit functions called, output is written."""
    assert run(keepers, call("late")) == (None, ())
    assert log() == b"no newlinethread\nat exit\n"


@linux
def test_what_a_call_leaves_behind(keepers, call):
    """Is ended."""
    assert run(keepers, call("background")) == (None, ())
    assert marked(call.mark) == []


@pytest.mark.parametrize(
    ("function", "error", "facts"),
    [
        (
            "needs",
            "`given:needs` takes `one`, `two`, which nothing gives it",
            ["can be given: `inputs`, `output`"],
        ),
        (
            "table",
            "`given:table` takes `output` as `pa.Table`",
            ["hint: take the path, or return the table"],
        ),
        (
            "frame",
            "`given:frame` takes `inputs` as `list[pl.LazyFrame]`, which its source does not show",
            ["hint: name a function that is written in its module, undecorated, with its types"],
        ),
        (
            "back",
            "`given:back` returned a `int`: it may return a table, a frame or nothing",
            ["hint: write what is no table to `output`"],
        ),
        (
            "several",
            "`given:several` returned a `dict` of `str`: it may return a table, a frame or nothing",
            ["hint: write what is no table to `output`"],
        ),
        ("generator", "`given:generator` is a generator, a plain function is needed", []),
        ("waits", "`given:waits` is an async function, a plain one is needed", []),
        (
            "waits_for_more",
            "`given:waits_for_more` is an async function, a plain one is needed",
            [],
        ),
        ("none:run", "there is no module `none`", ["looked in {folder}"]),
    ],
)
def test_what_cannot_be_called(keepers, call, tmp_path, function, error, facts):
    """Says why, and what to do."""
    given = {"output": "o", "inputs": ["i"]}
    found = tuple(fact.format(folder=tmp_path) for fact in facts)
    assert run(keepers, call(function, given, set(given))) == (error, found)


def test_a_function_that_is_not_there(keepers, call, tmp_path):
    """The others are named."""
    (tmp_path / "few.py").write_text("def a(): pass\ndef b(): pass\nc = 1\n")
    facts = ("it has `a`, `b`",)
    assert run(keepers, call("few:c")) == ("module `few` has no function `c`", facts)


@pytest.fixture
def bare(tmp_path):
    """A Python without any packages."""
    venv.create(tmp_path / "venv")
    return str(tmp_path / "venv" / "bin" / "python")


def of(*paths):
    """A table as it is handed over."""
    reading = {"format": None, "null": None, "schema": None, "read": {}}
    pieces = [([str(path)], {}, {}) for path in paths]
    return {"pieces": pieces, "folder": None, "reading": reading, "columns": None}


def test_tables_where_there_is_no_arrow(keepers, call, bare, tmp_path):
    """Say what is missing, and where; what takes none needs none."""
    given = {"one": "x.csv"}
    hint = f"hint: install it where the function runs, for `{bare}`"
    action = call("rows", given, given, tables={"one": ("table", of("x.csv"))}, interpreter=bare)
    assert run(keepers, action) == (
        "`given:rows`: it takes `one` as `pl.DataFrame | None`, and `pyarrow` cannot be imported",
        ("No module named 'pyarrow'", hint),
    )
    assert run(keepers, call("stream", interpreter=bare)) == (
        "`given:stream`: it returned a table, and `pyarrow` cannot be imported",
        ("No module named 'pyarrow'", hint),
    )
    assert run(keepers, call("show", given, interpreter=bare)) == (None, ())


@pytest.mark.parametrize("missing", ["pandas", "polars"])
def test_frames_where_there_are_none(keepers, call, tmp_path, missing):
    """Name what they need."""
    (tmp_path / "x.csv").write_text("a\n1\n")
    (tmp_path / f"{missing}.py").write_text(f"raise ImportError('not there', name='{missing}')")
    tables = {"one": (missing, of(tmp_path / "x.csv"))}
    assert run(keepers, call("rows", {"one": "x.csv"}, {"one"}, tables=tables)) == (
        f"`given:rows`: it takes `one` as `pl.DataFrame | None`, and `{missing}` cannot be imported",
        ("not there", f"hint: install it where the function runs, for `{sys.executable}`"),
    )


def test_no_file_at_all(keepers, call, log):
    """Is None."""
    tables = {"one": ("table", of())}
    assert run(keepers, call("rows", {"one": []}, {"one"}, tables=tables)) == (None, ())
    assert log() == b"nothing\n"


SLOW = """
import signal
import sys
import time

def run():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        open("begun", "w").close()
        time.sleep(60)
    finally:
        print("cleaned")
"""


def test_a_timeout_of_a_call(keepers, call, log, tmp_path):
    """Ends it like a command: it may clean up."""
    (tmp_path / "slow.py").write_text(SLOW)
    keepers.grace = 60
    outcome = limited(lambda s: run(keepers, call("slow:run", timeout=s)), tmp_path / "begun")
    assert outcome[0].startswith("timed out after ")
    assert log() == b"cleaned\n"


def test_project_modules_of_any_name(keepers, call, tmp_path, log):
    """Even those that datamake has modules or the keeper parts of."""
    for name in ("keeper", "calling", "capture", "model", "files"):
        (tmp_path / f"{name}.py").write_text(f"def run(): print('mine: {name}')")
        assert run(keepers, call(f"{name}:run")) == (None, ())
        assert log() == f"mine: {name}\n".encode()


def test_pythonpath_of_the_action(keepers, call, tmp_path, log):
    """Counts, behind the folders of the project."""
    (tmp_path / "extra").mkdir()
    (tmp_path / "extra" / "further.py").write_text("def run(): print('found')")
    action = call("further:run", env={"PYTHONPATH": str(tmp_path / "extra")})
    assert run(keepers, action) == (None, ())
    assert log() == b"found\n"


def test_an_interpreter_that_is_not_there(keepers, call):
    """Is named."""
    error = "cannot run `/no/python`: No such file or directory"
    facts = ("hint: this is the Python of `venv`, `.venv` or the active environment",)
    assert run(keepers, call("show", interpreter="/no/python")) == (error, facts)


def test_an_interpreter_that_is_none(keepers, call):
    """What ends without an answer cannot call functions."""
    error = "`/bin/true` cannot call functions"
    facts = ("hint: Python 3.8 or newer is needed",)
    assert run(keepers, call("show", interpreter="/bin/true")) == (error, facts)


@pytest.mark.parametrize("minor", range(8, 16))
def test_other_versions_of_python(keepers, call, log, minor):
    """From 3.8, whatever datamake's own is."""
    name = f"python3.{minor}"
    if subprocess.run([shutil.which(name) or "false", "-c", ""], check=False).returncode:
        pytest.skip(f"there is no {name}")
    given = {"output": "out/x", "month": "\udcff", "params": {"a": [1, 2.5, None, True]}}
    action = call("some", given, {"output"}, interpreter=shutil.which(name))
    assert run(keepers, action) == (None, ())
    assert log() == b"out/x \\udcff 5 () {'a': [1, 2.5, None, True]}\n"
