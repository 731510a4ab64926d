"""Words of commands and imports of scripts, over files held in memory."""

from __future__ import annotations

import hashlib
from posixpath import dirname

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamake.code import Code, modules, words


class Files:
    """Files in memory, as a `Tree`; counts what is read."""

    def __init__(self, texts):
        self.files = {
            path: text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
            for path, text in texts.items()
        }
        self.reads = 0

    def kind(self, path):
        assert "\0" not in path
        if path in self.files:
            return "file"
        below = f"{path}/" if path else ""
        return "folder" if any(file.startswith(below) for file in self.files) else None

    def entries(self, folder):
        return {f: "file" for f in sorted(self.files) if dirname(f) == folder}

    def digest(self, path):
        if path not in self.files:
            return None
        text = self.files[path]
        executable = "x" if text.startswith(b"#!") else ""
        return f"{hashlib.md5(text).hexdigest()}-{len(text)}{executable}"

    def read(self, path):
        self.reads += 1
        return self.files.get(path)


def implicit(given, cwd, pythonpath, files, memo, outputs=()):
    return Code(files, memo, outputs).implicit(given, cwd, pythonpath)


def closure(module, pythonpath, files):
    return Code(files, {}, ()).closure(module, pythonpath)


def counted(command, texts, cwd="", pythonpath=(".",), outputs=()):
    return implicit(words(command), cwd, pythonpath, Files(texts), {}, outputs)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("python a.py x", ["python", "a.py", "x"]),
        ("a 'b c' \"d\"e f\\ g", ["a", "b c", "de", "f g", "f", "g", "b", "c"]),
        ("a|b;c&&d(e)`f`", ["a", "b", "c", "d", "e", "f"]),
        ("cat a # not b\nc a#b ${#x}", ["cat", "a", "c", "a#b", "${#x}"]),
        ("a < in > out 2>&1 >>log", ["a", "in", "2"]),
        ("a >(b) <(c)", ["a", "b", "c"]),
        ("a \\\n b", ["a", "b"]),
        ("it's a day", ["it's", "a", "day"]),
        ('say "\\"a\\" $b', ["say", '""a"', "$b"]),
        ("sh -c 'python b.py'", ["sh", "-c", "python b.py", "python", "b.py"]),
        ("", []),
        ("\\", ["\\"]),
    ],
)
def test_words(script, expected):
    """Words end where a shell's would, and lose their quotes; what can't be is taken as it is."""
    assert words(script) == expected


COMMANDS = [
    pytest.param("python a.py x.csv", ["a.py"], id="a word"),
    pytest.param("./a.py ../main/a.py /a.py ../a.py", ["a.py"], id="never outside the root"),
    pytest.param("tool --config=conf/a.toml", ["conf/a.toml"], id="behind an equals sign"),
    pytest.param("tool --config conf//a.toml -q conf", ["conf/a.toml"], id="normalised"),
    pytest.param("bash -c 'tool conf/a.toml'", ["conf/a.toml"], id="inside a quoted script"),
    pytest.param('x "$(cat conf/a.toml)"', ["conf/a.toml"], id="inside a substitution"),
    pytest.param("cat 'a b.txt' caf\u00e9 -- -dash", ["-dash", "a b.txt", "caf\u00e9"], id="names"),
    pytest.param("tool > conf/a.toml", [], id="written to"),
    pytest.param("# a.py", [], id="a comment"),
]


@pytest.mark.parametrize(("command", "expected"), COMMANDS)
def test_a_word_that_is_a_file_counts(command, expected):
    """Whatever the way it is written; what is no file of the project doesn't."""
    texts = dict.fromkeys(
        ["a.py", "../a.py", "/a.py", "conf/a.toml", "a b.txt", "caf\u00e9", "-dash"], ""
    )
    assert counted(command, texts) == tuple(expected)


SCRIPTS = [
    pytest.param(
        {"a.sh": "bash b.sh\n. conf.env", "b.sh": "./c 'd e'", "c": "", "d e": "", "conf.env": ""},
        "sh a.sh",
        {"a.sh", "b.sh", "c", "d e", "conf.env"},
        id="the words of a shell script, and of those it runs",
    ),
    pytest.param(
        {"a.sh": "bash a.sh b.sh", "b.sh": "bash c.sh", "c.sh": "bash b.sh"},
        "sh a.sh",
        {"a.sh", "b.sh", "c.sh"},
        id="scripts that run each other",
    ),
    pytest.param(
        {
            "tool": "#!/usr/bin/env -S bash -eu\ncat words.txt",
            "words.txt": "other.txt",
            "other.txt": "",
        },
        "./tool",
        {"tool", "words.txt"},
        id="a script by its first line; other text isn't read further",
    ),
    pytest.param(
        {"tool.v2": "#!/bin/sh\ncat words.txt", "words.txt": "", "data.csv": "words.txt"},
        "./tool.v2 data.csv",
        {"tool.v2", "data.csv", "words.txt"},
        id="by its first line, whatever its ending, if it can be run",
    ),
    pytest.param(
        {"bin/tool": "#!/usr/bin/python3\nimport lib", "bin/lib.py": "", "lib.py": ""},
        "bin/tool",
        {"bin/tool", "bin/lib.py"},
        id="Python by its first line; its own folder comes first",
    ),
    pytest.param(
        {"a.sh": "python -m pkg.mod", "pkg/__init__.py": "", "pkg/mod.py": "import x", "x.py": ""},
        "sh a.sh",
        {"a.sh", "pkg/__init__.py", "pkg/mod.py", "x.py"},
        id="a module that a shell script runs",
    ),
    pytest.param(
        {"a.sh": b"\xff\xfe 'caf\xe9.txt' \x00 b\x00c", "caf\udce9.txt": b""},
        "sh a.sh",
        {"a.sh", "caf\udce9.txt"},
        id="any bytes",
    ),
]


@pytest.mark.parametrize(("texts", "command", "expected"), SCRIPTS)
def test_a_script_counts_with_what_it_runs(texts, command, expected):
    """A script of the project is read for its own words or imports, as deep as it goes."""
    assert set(counted(command, texts)) == expected


MODULES = {
    "main.py": "",
    "pkg/__init__.py": "from pkg import base",
    "pkg/base.py": "",
    "pkg/__main__.py": "",
    "pkg/near.py": "from . import far\nfrom .sub import deep as d",
    "pkg/far.py": "from .near import x\nfrom .... import outside",
    "pkg/sub/__init__.py": "",
    "pkg/sub/deep.py": "from ..base import *",
    "space/part.py": "",
    "lib/late.py": "",
    "lib/main.py": "",
}
IMPORTS = [
    pytest.param("import os, json", [], id="none of the project's"),
    pytest.param("import pkg.base", ["pkg/__init__.py", "pkg/base.py"], id="a module"),
    pytest.param("from pkg import base, x", ["pkg/__init__.py", "pkg/base.py"], id="a submodule"),
    pytest.param(
        "def late():\n  try:\n    import pkg\n  except ImportError: pass",
        ["pkg/__init__.py", "pkg/base.py"],
        id="anywhere in the text",
    ),
    pytest.param(
        "import pkg.near",
        [
            *("pkg/__init__.py", "pkg/base.py", "pkg/far.py", "pkg/near.py"),
            *("pkg/sub/__init__.py", "pkg/sub/deep.py"),
        ],
        id="relative, in a circle",
    ),
    pytest.param("import space.part", ["space/part.py"], id="a package without __init__"),
    pytest.param("from space import part", ["space/part.py"], id="from such a package"),
    pytest.param(
        "import late, main", ["lib/late.py", "main.py"], id="the first folder that has it"
    ),
    pytest.param("import late\nprint 'old'", ["lib/late.py"], id="what this Python can't parse"),
    pytest.param(
        "from pkg import (base as b,\n  x)\nexec 'old'",
        ["pkg/__init__.py", "pkg/base.py"],
        id="names in brackets that it can't parse",
    ),
    pytest.param("'\\d'; import late", ["lib/late.py"], id="what Python warns of"),
    pytest.param("import " + "a." * 5000 + "a", [], id="far too deep"),
    pytest.param(b"\xff\x00import late", [], id="bytes that are no text"),
]


@pytest.mark.parametrize(("text", "expected"), IMPORTS)
def test_a_python_script_counts_with_its_imports(text, expected):
    """What it imports of the project counts, directly or not, as read from the source."""
    texts = {**MODULES, "scripts/run.py": text}
    found = counted("python scripts/run.py", texts, pythonpath=(".", "lib", "/out", "../out"))
    assert found == tuple(sorted([*expected, "scripts/run.py"]))


def test_a_function_counts_with_its_imports():
    """The module of a function is looked for on the Python path alone."""
    assert closure("pkg.base", ["."], Files(MODULES)) == ("pkg/__init__.py", "pkg/base.py")
    assert closure("late", ["lib/"], Files(MODULES)) == ("lib/late.py",)
    assert closure("late", ["."], Files(MODULES)) == ()


def test_what_a_function_takes():
    """Is read from the module that has it, once."""
    text = "import pyarrow as pa\ndef run(a: pa.Table, b): pass\n"
    tree, memo = Files({"src/work/m.py": text, "src/work/__init__.py": text}), {}
    for _ in range(2):
        code = Code(tree, memo, ())
        assert code.given("work.m", "run", ["src"]) == {"a": "table", "b": "path"}
        assert code.given("work", "run", ["src"]) == {"a": "table", "b": "path"}
        assert code.given("work.m", "other", ["src"]) == {}
        assert code.given("work.none", "run", ["src"]) == {}
        assert code.given("none", "run", ["src"]) == {}
        assert tree.reads == 2


@pytest.mark.parametrize("flag", ["-m pkg.sub.deep", "-mpkg.sub.deep", "-u -m pkg.sub.deep -m"])
def test_a_module_that_is_run_counts(flag):
    """`python -m` looks from the working directory."""
    texts = {f"part/{path}": text for path, text in MODULES.items()}
    expected = ["__init__.py", "base.py", "sub/__init__.py", "sub/deep.py"]
    found = counted(f"python {flag}", texts, cwd="part", pythonpath=())
    assert found == tuple(f"part/pkg/{path}" for path in expected)


def test_a_package_that_is_run_counts_with_its_main():
    """`python -m pkg` runs its `__main__`."""
    assert "pkg/__main__.py" in counted("python -m pkg", MODULES)


def test_words_are_relative_to_the_working_directory():
    """Also those of scripts, whose own folder doesn't matter; imports are relative to the script."""
    texts = {
        "part/a.sh": "cat b.txt; python ../s/c.py",
        "part/b.txt": "",
        "b.txt": "",
        "s/c.py": "",
    }
    assert counted("sh a.sh", texts, cwd="part") == ("part/a.sh", "part/b.txt", "s/c.py")


def test_an_output_counts_unread():
    """What targets make counts before it is there, and isn't looked into."""
    texts = {"gen.py": "import other", "other.py": "", "run.py": "import made"}
    outputs = {"gen.py", "made.py", "later.sh"}
    found = counted("python gen.py; sh later.sh; python run.py", texts, outputs=outputs)
    assert found == ("gen.py", "later.sh", "made.py", "run.py")


def test_what_is_remembered_is_not_read():
    """With the memo of a run before, nothing is read; a changed content is."""
    memo = {}
    texts = {**MODULES, "a.sh": "python main.py; python -m pkg; ./tool", "tool": "#!/bin/sh\nb"}
    first = Files(texts)
    before = implicit(["sh", "a.sh"], "", ["."], first, memo)
    again = Files(texts)
    assert implicit(["sh", "a.sh"], "", ["."], again, memo) == before
    assert (first.reads > 0, again.reads) == (True, 0)
    changed = Files({**texts, "a.sh": "cat main.py"})
    assert implicit(["sh", "a.sh"], "", ["."], changed, memo) == ("a.sh", "main.py")
    assert changed.reads == 1


def test_one_script_of_many_targets_is_looked_up_once():
    """A thousand targets that run one script cost little more than one."""
    tree = Files({**MODULES, "run.py": "import pkg.near", "run.sh": "python run.py"})
    code = Code(tree, {}, ())
    code.implicit(["run.sh"], "", ["."])
    asked = []
    tree.kind = lambda path: asked.append(path) or ("file" if path in tree.files else None)
    for number in range(1000):
        assert len(code.implicit(["sh", "run.sh", f"raw/{number}.csv"], "", ["."])) == 8
    assert len(asked) == 3000


def test_what_is_large_is_not_read():
    """A file that is too large for a script counts, and isn't read."""
    tree = Files({"large": "#!/bin/sh\ncat small\n" + "#" * 2**20, "small": ""})
    assert implicit(["./large"], "", (), tree, {}) == ("large",)
    assert tree.reads == 0


@given(st.text(alphabet=st.sampled_from("ab.'\"\\$`#=-/ \n\t<>;&|(){}*\0é")))
def test_no_text_is_too_strange(text):
    """Words and imports of anything can be asked for."""
    files = Files({"a": "#!/bin/sh\n" + text, "b.py": text, "a.sh": text})
    assert set(implicit([*words(text), "a", "b.py"], "", ["."], files, {})) <= set(files.files)
    assert all(isinstance(name, str) for name in modules(text.encode()))
