"""The house as CONTRIBUTING.md describes it: rooms, sizes and words."""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "datamake"
MODULES = {path.relative_to(PACKAGE).as_posix(): path for path in PACKAGE.rglob("*.py")}

INPUT_OUTPUT = {"os", "subprocess", "sqlite3", "time", "random", "shutil", "tempfile", "socket"}
HEAVY = {"pyarrow", "fsspec", "typer", "click", "rich", "duckdb", "dask", "pandas", "polars"}
LAZY = {"cli/", "render/live.py", "tables/"}
"""Loaded only by a command that shows what they make, or where there are tables."""

PROGRAMS = ("keeper.py", "calling.py")
"""Run in processes of their own, without the rest of datamake."""

WORDS = "dirty|job|node|stage|manifest|checksum|artifact|task|pipeline"
HABITS = re.compile(r"^(get|do|handle)_|Manager|Helper|^utils?$")
WORD = re.compile(rf"\b({WORDS})(s)?\b", re.IGNORECASE)
OTHERS_WORDS = {
    "jobs": "the option `--jobs` has the name that make gave it",
    "nodes": "graph --format json says nodes and edges",
    "node": "what ast, Mermaid and Graphviz call it",
}


def rooms():
    """Module or folder (`datafile/`) → (place in the table, rank), as CONTRIBUTING.md has them."""
    found = {}
    for line in (ROOT / "CONTRIBUTING.md").read_text().splitlines():
        row = re.match(r"\| (\d[a-d]?|-) \| (.+?) \|", line)
        if row:
            for module in re.findall(r"`([\w/]+(?:\.py|/))`", row[2]):
                assert module not in found, f"`{module}` has two rooms"
                found[module] = (len(found), row[1])
    return found


ROOMS = rooms()


def room(module):
    """The name of the room that `module` (`datafile/keys.py`) is in: its own, or its folder's."""
    return module if "/" not in module else module.partition("/")[0] + "/"


def rank(module):
    return ROOMS[room(module)][1] if room(module) in ROOMS else "unknown"


def place(module):
    """How far down in the table the room of `module` is; what has none yet comes last."""
    return ROOMS[room(module)][0] if room(module) in ROOMS else len(ROOMS)


@cache
def tree(module):
    return ast.parse(MODULES[module].read_text(), filename=module)


def dotted(module):
    """`cli/door.py` → `datamake.cli.door`, as imports name it."""
    name = "datamake." + module.removesuffix(".py").replace("/", ".")
    return name.removesuffix(".__init__")


BY_NAME = {dotted(module): module for module in MODULES}


def imported(node):
    """The names that one statement imports, `from a import b` as `a.b`."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def imports(module, *, inside=True):
    """(line, name) of all that a module imports; `inside` functions and for type checkers too."""
    body = tree(module)
    nodes = ast.walk(body) if inside else body.body
    return [(node.lineno, name) for node in nodes for name in imported(node)]


def own_imports(module, *, inside=True):
    """(line, module of datamake) of what a module imports from datamake."""
    for line, name in imports(module, inside=inside):
        target = BY_NAME.get(name) or BY_NAME.get(name.rpartition(".")[0])
        if target:
            yield line, target


def functions(module):
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in ast.walk(tree(module)) if isinstance(node, kinds)]


def report(faults):
    lines = sorted(faults)
    assert not lines, "\n" + "\n".join(lines)


# Rooms


def test_every_module_has_a_room():
    """A module is in CONTRIBUTING.md's table of rooms, by itself or with its folder."""
    there = {room(module) for module in MODULES}
    report(f"{module}: is not in the rooms of CONTRIBUTING.md" for module in there - ROOMS.keys())
    report(
        f"{module}: is a room of CONTRIBUTING.md, and not there" for module in ROOMS.keys() - there
    )


def test_modules_import_from_rooms_above():
    """What a module imports stands above it in the table of rooms, or in the same folder."""
    faults = []
    for module in MODULES.keys() - {"__init__.py"}:  # which imports when it is first asked
        for line, target in own_imports(module):
            if room(target) != room(module) and place(target) > place(module):
                faults.append(
                    f"datamake/{module}:{line}: rank {rank(module)} imports {target} of rank "
                    f"{rank(target)}, which stands below it in the rooms of CONTRIBUTING.md"
                )
    report(faults)


def test_no_import_circles():
    """No module imports itself by way of others, in the same folder or not."""
    edges = {module: [each for _, each in own_imports(module, inside=False)] for module in MODULES}
    done = set()

    def circle(module, path):
        if module in path:
            return [*path[path.index(module) :], module]
        if module in done:
            return None
        found = [circle(each, [*path, module]) for each in edges[module] if each != module]
        done.add(module)
        return next((each for each in found if each), None)

    circles = [circle(module, []) for module in MODULES]
    report(" -> ".join(each) for each in circles if each)


def test_ranks_0_and_1_do_no_input_or_output():
    """Inputs, clock and ids are arguments there, so that tests need no disk."""
    report(
        f"datamake/{module}:{line}: rank {rank(module)} imports `{name}`, which does I/O"
        for module in MODULES
        if rank(module) in {"0", "1"}
        for line, name in imports(module)
        if name.partition(".")[0] in INPUT_OUTPUT
    )


def test_stores_and_executors_know_nothing_of_the_graph():
    """State, cache, transforms and executors get what they need as arguments."""
    graph = {"expand.py", "graph.py", "select.py", "schedule.py", "staleness.py"}
    report(
        f"datamake/{module}:{line}: rank {rank(module)} imports {target}"
        for module in MODULES
        if rank(module).startswith("2")
        for line, target in own_imports(module)
        if target in graph
    )


def test_heavy_libraries_are_imported_where_they_are_needed():
    """A build with nothing to do pays for none of them."""
    report(
        f"datamake/{module}:{line}: `{name}` takes long to import; import it inside a function"
        for module in MODULES
        if not module.startswith(tuple(LAZY))
        for line, name in imports(module, inside=False)
        if name.partition(".")[0] in HEAVY
    )


def test_only_the_command_line_prints_and_exits():
    """The core raises and emits events; two modules are programs of their own."""
    calls = [
        (module, node)
        for module in MODULES
        if not module.startswith(("cli/", "__main__", *PROGRAMS))
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Call)
    ]
    report(
        f"datamake/{module}:{call.lineno}: `{ast.unparse(call.func)}` outside the command line"
        for module, call in calls
        if ast.unparse(call.func) in {"print", "sys.exit", "exit", "os._exit", "input"}
    )


# Sizes


def test_files_are_small():
    lengths = {module: len(path.read_text().splitlines()) for module, path in MODULES.items()}
    report(f"datamake/{m}: {n} lines, more than 400" for m, n in lengths.items() if n > 400)


def test_functions_are_small():
    """At most 50 lines and 6 parameters besides self."""
    faults = []
    for module in MODULES:
        for node in functions(module):
            place = f"datamake/{module}:{node.lineno}: {node.name}"
            length = node.end_lineno - node.lineno + 1
            names = [each.arg for each in (*node.args.posonlyargs, *node.args.args)]
            taken = len(names) + len(node.args.kwonlyargs) - (names[:1] in (["self"], ["cls"]))
            if length > 50:
                faults.append(f"{place} has {length} lines, more than 50")
            if taken > 6:
                faults.append(f"{place} has {taken} parameters, more than 6")
    report(faults)


def test_classes_are_small():
    """At most 200 lines and 15 methods."""
    faults = []
    for module in MODULES:
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.ClassDef):
                place = f"datamake/{module}:{node.lineno}: {node.name}"
                length = node.end_lineno - node.lineno + 1
                methods = sum(isinstance(each, ast.FunctionDef) for each in node.body)
                if length > 200:
                    faults.append(f"{place} has {length} lines, more than 200")
                if methods > 15:
                    faults.append(f"{place} has {methods} methods, more than 15")
    report(faults)


# Words


def defined(module):
    """(line, name) of every name that a module defines."""
    for node in ast.walk(tree(module)):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr


def test_names_use_the_words_of_the_house():
    """One word per thing; the others are listed in CONTRIBUTING.md as not used."""
    faults = []
    for module in MODULES:
        for line, name in defined(module):
            words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).replace("_", " ")
            found = WORD.search(words)
            if found and found[0].lower() not in OTHERS_WORDS:
                faults.append(f"datamake/{module}:{line}: `{name}` says {found[0]}")
            if HABITS.search(name):
                faults.append(f"datamake/{module}:{line}: `{name}` is not named for its result")
    report(faults)


def test_messages_use_the_words_of_the_house():
    faults = []
    for module in MODULES:
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found = WORD.search(node.value)
                if found and found[0].lower() not in OTHERS_WORDS:
                    faults.append(f"datamake/{module}:{node.lineno}: a text says {found[0]}")
    report(faults)


def test_words_that_are_not_used_are_listed_for_people():
    """CONTRIBUTING.md has the words that these tests refuse."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    listed = re.search(r"^Not used: (.*?);", text, re.MULTILINE)
    assert sorted(WORDS.split("|")) == sorted(listed[1].split(", "))


# These tests


@pytest.mark.parametrize(
    ("statement", "names"),
    [
        ("import a.b, c", ["a.b", "c"]),
        ("from a import b, c", ["a.b", "a.c"]),
        ("x = 1", []),
    ],
)
def test_imports_are_found(statement, names):
    assert imported(ast.parse(statement).body[0]) == names


def test_no_two_modules_have_the_same_docstring():
    """Each module says its own one job in its first line."""
    first = {m: (ast.get_docstring(tree(m)) or "").split("\n")[0] for m in MODULES}
    silent = [
        f"datamake/{module}: says nothing of its job" for module in first if not first[module]
    ]
    report(silent)
    report(
        f"{line!r} is the job of {n} modules"
        for line, n in Counter(first.values()).items()
        if n > 1
    )


def test_only_declared_libraries_are_imported():
    """The package runs with what pyproject.toml asks for, and the standard library."""
    declared = re.findall(r'"([a-z-]+)[><=]', (ROOT / "pyproject.toml").read_text())
    known = {
        *(each.replace("-", "_") for each in declared),
        *sys.stdlib_module_names,
        "datamake",
        "typing_extensions",
    }
    report(
        f"datamake/{module}:{line}: `{name}` is in no dependency of pyproject.toml"
        for module in MODULES
        for line, name in imports(module)
        if name.partition(".")[0] not in known
    )
