"""Words of commands and imports of scripts, over files held in memory."""

from __future__ import annotations

import hashlib
from posixpath import dirname

import pytest

from datamake.code import Code, closure, implicit, modules, words


class Files:
    """Files in memory, as a `Tree`; counts what is read."""

    def __init__(self, texts):
        self.files = {
            path: text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
            for path, text in texts.items()
        }
        self.reads = 0

    def kind(self, path):
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
    texts = dict.fromkeys(["a.py", "conf/a.toml", "a b.txt", "caf\u00e9", "-dash"], "")
    assert counted(command, texts) == tuple(expected)
