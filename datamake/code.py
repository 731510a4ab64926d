"""Text of a command or script → the words and imports that are files of the project.

Knows no targets: what counts, and what is an input instead, is for the graph to say.
"""

from __future__ import annotations

import re
from posixpath import basename, dirname, join, normpath

from datamake.annotations import kinds
from datamake.model import size_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import (
        Callable,
        Container,
        Iterable,
        Iterator,
        Mapping,
        MutableMapping,
        Sequence,
    )

    from datamake.model import Tree

    Memo = MutableMapping[str, tuple[str, ...]]

READ_AT_MOST = 1 << 20
"""Bytes. What is larger, or is of no known kind, is no script; it counts, but isn't read."""

LONGEST = 4096
"""Characters that a path may have."""

WORD = re.compile(
    r"""\#[^\n]* | \\\n                          # a comment, a line that goes on
    | (?P<into> >[>|&]?[ \t]* )?                 # what is written to isn't read
      (?P<word> (?: [^\s;&|<>()`'"\\]+ | \\. | '[^']*' | "(?:[^"\\]|\\.)*" | ['"\\] )+ )""",
    re.VERBOSE | re.DOTALL,
)
QUOTED = re.compile(
    r"""\\(?P<escaped>.)|'(?P<single>[^']*)'|"(?P<double>(?:[^"\\]|\\.)*)\"""", re.DOTALL
)
ESCAPED = re.compile(r'\\([$`"\\\n])')
SHEBANG = re.compile(rb"#![ \t]*(?:\S*/env(?:[ \t]+-\S+)*[ \t]+)?(?:\S*/)?(\w+)")
DOTTED = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+(?P<base>[.\w]+)[ \t]+import[ \t]*(?P<names>\([^)]*\)|[^#;\n]*)"
    r"|import[ \t]+(?P<modules>[^#;\n]+))",
    re.MULTILINE,
)
SHELLS = frozenset({"sh", "bash", "dash", "ksh", "zsh"})


def words(script: str) -> list[str]:
    """The words of a shell text, quotes removed, but for what it redirects output to.

    Of a quoted word that holds several, as after `sh -c`, these too, behind all others.
    """
    found: list[str] = []
    waiting = [script]
    while waiting:
        text = waiting.pop()
        for match in WORD.finditer(text):
            word = match["word"]
            if word is None or match["into"]:
                continue
            if "'" in word or '"' in word or "\\" in word:
                word = QUOTED.sub(unquoted, word)
                if len(word.split(None, 1)) > 1:
                    waiting.append(word)
            found.append(word)
    return found


def unquoted(match: re.Match[str]) -> str:
    """What a quoted piece of a word stands for."""
    if match["escaped"] is not None:
        return "" if match["escaped"] == "\n" else match["escaped"]
    if match["single"] is not None:
        return match["single"]
    return ESCAPED.sub(lambda escape: escape[1].strip("\n"), match["double"])


def modules(source: bytes) -> tuple[str, ...]:
    """The imports of a Python text: `a.b`, `a.name` for `from a import name`, `..a` if relative.

    Of a text that this Python cannot parse, what looks like imports.
    """
    import ast
    import warnings

    names: dict[str, None] = {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return tuple(dict.fromkeys(apparent(source.decode("latin-1"))))
    for part in ast.walk(tree):
        if isinstance(part, ast.Import):
            names.update((alias.name, None) for alias in part.names)
        elif isinstance(part, ast.ImportFrom):
            base = "." * part.level + (part.module or "")
            names.update((member(base, alias.name), None) for alias in part.names)
    return tuple(names)


def apparent(text: str) -> Iterator[str]:
    """What looks like imports in a text that is not quite Python."""
    for match in IMPORT.finditer(text):
        names = (match["names"] or match["modules"]).strip("()").split(",")
        for name in (name.split()[0] for name in names if name.split()):
            yield member(match["base"], name) if match["base"] else name


def member(base: str, name: str) -> str:
    """`name` in the module `base`, which may be a module itself."""
    return base + name if base.endswith(".") else f"{base}.{name}"


class Code:
    """What the commands and functions of a project read as code; remembers what it has looked up.

    `memo` keeps the words and imports of a content, under its digest, beyond a run. `outputs` are
    paths that targets make: they count, whether they are there or not, but are never read.
    """

    def __init__(self, tree: Tree, memo: Memo, outputs: Container[str]) -> None:
        self.tree = tree
        self.memo = memo
        self.outputs = outputs
        self.reached: dict[tuple[tuple[str, ...], tuple[str, ...]], tuple[str, ...]] = {}
        self.named: dict[tuple[str, str, tuple[str, ...]], tuple[list[str], list[str]]] = {}

    def implicit(
        self, script_words: Iterable[str], cwd: str, pythonpath: Sequence[str]
    ) -> tuple[str, ...]:
        """The files that words of a command in `cwd` name, and what these run or import; sorted."""
        search = folders(pythonpath)
        files: set[str] = set()
        scripts, imported = self.sought(script_words, cwd, search)
        seen = set(scripts)
        while scripts or imported:
            files.update(imported)
            further: list[str] = []
            imported = []
            for script in scripts:
                files.add(script)
                language = self.language(script)
                if language == "python":
                    files.update(self.imports((script,), (dirname(script), *search)))
                elif language == "shell":
                    called, more = self.called(script, cwd, search)
                    further += called
                    imported += more
            scripts = [script for script in further if script not in seen]
            seen.update(scripts)
        return tuple(sorted(files))

    def closure(self, module: str, pythonpath: Sequence[str]) -> tuple[str, ...]:
        """The files of a Python module and of all that it imports of the project; sorted."""
        search = folders(pythonpath)
        return tuple(sorted(self.imports(tuple(self.module(module, search)), search)))

    def given(self, module: str, function: str, pythonpath: Sequence[str]) -> Mapping[str, str]:
        """What the function of a module of the project is given; see `annotations.kinds`."""
        files = tuple(self.module(module, folders(pythonpath)))
        last = module.rpartition(".")[2]
        if not files or basename(files[-1].removesuffix("/__init__.py")) not in (
            last,
            f"{last}.py",
        ):
            return {}

        def found(source: bytes) -> tuple[str, ...]:
            return tuple(text for pair in kinds(source, function).items() for text in pair)

        texts = iter(self.facts(f"given {function}", files[-1], found))
        return dict(zip(texts, texts))  # noqa: B905 - one iterator

    def called(self, script: str, cwd: str, search: tuple[str, ...]) -> tuple[list[str], list[str]]:
        """What the words of a shell script name, as `sought`."""
        key = (script, cwd, search)
        if key not in self.named:
            self.named[key] = self.sought(self.facts("words", script, listed), cwd, search)
        return self.named[key]

    def sought(
        self, script_words: Iterable[str], cwd: str, search: tuple[str, ...]
    ) -> tuple[list[str], list[str]]:
        """The files that words are, and those of the modules that follow a `-m`."""
        files: dict[str, None] = {}
        imported: list[str] = []
        previous = ""
        for word in script_words:
            for text in (word, word.partition("=")[2]) if "=" in word else (word,):
                path = inside(cwd, text)
                if path and self.there(path):
                    files[path] = None
            name = word if previous == "-m" else word[2:] if word.startswith("-m") else ""
            if name and DOTTED.fullmatch(name):
                imported += self.run_as_module(name, (cwd, *search))
            previous = word
        return list(files), imported

    def run_as_module(self, name: str, search: tuple[str, ...]) -> tuple[str, ...]:
        """The files that `python -m name` reads of the project."""
        start = tuple(self.module(name, search))
        if start and start[-1].endswith("/__init__.py"):
            start = (*start, *self.module(f"{name}.__main__", search))
        return self.imports(start, search)

    def imports(self, start: tuple[str, ...], search: tuple[str, ...]) -> tuple[str, ...]:
        """Python files, and all they import of the project, directly or not."""
        key = (start, search)
        if key not in self.reached:
            seen = dict.fromkeys(start)
            waiting = list(seen)
            while waiting:
                path = waiting.pop()
                for name in self.facts("imports", path, modules):
                    new = [file for file in self.imported(name, path, search) if file not in seen]
                    seen.update(dict.fromkeys(new))
                    waiting += new
            self.reached[key] = tuple(seen)
        return self.reached[key]

    def imported(self, name: str, path: str, search: tuple[str, ...]) -> Iterator[str]:
        """The files that importing `name` in the file `path` reads of the project."""
        absolute = name.lstrip(".")
        level = len(name) - len(absolute)
        if not level:
            yield from self.module(name, search)
            return
        folder = dirname(path)
        for _ in range(level - 1):
            if not folder:
                return
            folder = dirname(folder)
        if absolute:
            yield from self.module(absolute, (folder,))

    def module(self, name: str, search: Sequence[str]) -> Iterator[str]:
        """The files of a module and of the packages it is in, as far as the project has them."""
        for part in name.split("."):
            file, search = self.step(part, search)
            if file:
                yield file
            if not search:
                return

    def step(self, part: str, search: Sequence[str]) -> tuple[str, list[str]]:
        """The file of the module `part` in these folders, and the folders of its submodules."""
        spaces: list[str] = []
        for folder in search:
            path = join(folder, part)
            package = f"{path}/__init__.py"
            if self.there(package):
                return package, [path]
            if self.there(f"{path}.py"):
                return f"{path}.py", []
            if self.tree.kind(path) == "folder":
                spaces.append(path)
        return "", spaces

    def there(self, path: str) -> bool:
        """Whether `path` is a file of the project, or will be."""
        return path in self.outputs or self.tree.kind(path) == "file"

    def language(self, path: str) -> str:
        """`python`, `shell` or `""`: by its ending, or by the first line of what can be run."""
        if path.endswith(".py"):
            return "python"
        if path.endswith((".sh", ".bash")):
            return "shell"
        if "." in basename(path) and not (self.tree.digest(path) or "").endswith("x"):
            return ""
        return "".join(self.facts("shebang", path, interpreter))

    def facts(
        self, kind: str, path: str, found: Callable[[bytes], tuple[str, ...]]
    ) -> tuple[str, ...]:
        """What `found` says of a file's content, which is read only if the memo hasn't got it."""
        if path in self.outputs:
            return ()
        digest = self.tree.digest(path)
        if digest is None or size_of(digest) > READ_AT_MOST:
            return ()
        key = f"{kind}:{digest}"
        if key not in self.memo:
            self.memo[key] = found(self.tree.read(path) or b"")
        return self.memo[key]


def listed(source: bytes) -> tuple[str, ...]:
    """The words of a shell script."""
    return tuple(words(source.decode("utf-8", "surrogateescape")))


def interpreter(source: bytes) -> tuple[str, ...]:
    """The language that a script's first line names, if it is one that is read."""
    match = SHEBANG.match(source)
    name = match[1].decode() if match else ""
    if name.startswith("python"):
        return ("python",)
    return ("shell",) if name in SHELLS else ()


def folders(pythonpath: Sequence[str]) -> tuple[str, ...]:
    """Those of these folders that are in the project, normalised."""
    paths = (inside("", folder) for folder in pythonpath)
    return tuple(path for path in paths if path is not None)


def inside(cwd: str, text: str) -> str | None:
    """The path, from the root, of what is `text` from `cwd`; None outside the project."""
    if not text or text[0] == "/" or "\0" in text or len(text) > LONGEST:
        return None
    path = normpath(join(cwd, text))
    if path == ".":
        return ""
    return None if path == ".." or path.startswith("../") else path
