"""Which Datafiles a project includes, and which files are models.

Knows the names in folders, and nothing of what is in the files.
"""

from __future__ import annotations

import re
from posixpath import basename, dirname, join, normpath

from datamake.datafile.shapes import IDENTIFIER, NAME_RULE
from datamake.errors import Problem
from datamake.model import Part

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from datamake.model import Tree

NAME = "Datafile.toml"
MAGIC = re.compile(r"[*?[]")
KEYS = ("project", "include")


def included(
    include: Sequence[str] | Mapping[str, str], root: Part, tree: Tree
) -> tuple[list[Part], list[Problem]]:
    """The parts, each once, in the order of `include`; and what is wrong with it."""
    parts: dict[tuple[str, str], Part] = {}
    problems = []
    entries: list[tuple[str | int, str, str]] = (
        [(space, f"{space}.", path) for space, path in include.items()]
        if hasattr(include, "items")
        else [(index, "", path) for index, path in enumerate(include)]
    )
    for key, space, path in entries:
        files = [file for file in datafiles(join(root.folder, path), tree) if file != root.file]
        for file in files:
            parts.setdefault((file, space), Part(file, dirname(file), space))
        if not files:
            headline = f"`{path}` {missing(path)}"
            problems.append(Problem(headline, root.file, (*KEYS, key)))
    return list(parts.values()), problems


def models(globs: Sequence[str], root: Part, tree: Tree) -> tuple[dict[str, str], list[Problem]]:
    """Name → the path, from the root's folder, of the query that it is; and what is wrong."""
    found: dict[str, str] = {}
    problems = []

    def refuse(index: int, message: str, *facts: str) -> None:
        problems.append(Problem(message, root.file, ("project", "models", index), facts))

    for index, text in enumerate(globs):
        paths = matching(normpath(join(root.folder, text)).split("/"), tree)
        paths = [path for path in paths if path.endswith(".sql") and tree.kind(path) == "file"]
        for path in paths:
            name = basename(path)[: -len(".sql")]
            if not re.match(IDENTIFIER, name):
                refuse(index, f"`{path}` cannot be a target: {NAME_RULE}")
            elif found.setdefault(name, path) != path:
                refuse(index, f"two models have the name `{name}`", found[name], path)
        if not paths:
            refuse(index, f"`{text}` matches no file that ends in `.sql`")
    own = f"{root.folder}/" if root.folder else ""
    return {name: path[len(own) :] for name, path in found.items()}, problems


def missing(path: str) -> str:
    """The rest of a message for a path that leads to no Datafile."""
    if normpath(path).startswith(("..", "/")):
        return "lies outside the project"
    return (
        "matches no Datafile"
        if MAGIC.search(path)
        else f"is neither a Datafile nor a folder with a `{NAME}`"
    )


def datafiles(path: str, tree: Tree) -> list[str]:
    """The Datafiles that a path or glob stands for."""
    path = normpath(path)
    if path.startswith(("..", "/")):
        return []
    if not MAGIC.search(path) or tree.kind(path) is not None:
        found, wild = [path], False
    else:
        found, wild = list(matching(path.split("/"), tree)), True
    result = []
    for each in found:
        file = normpath(join(each, NAME))
        if tree.kind(each) == "file" and (not wild or each.endswith(".toml")):
            result.append(each)
        elif tree.kind(file) == "file":
            result.append(file)
    return result


def matching(segments: Sequence[str], tree: Tree) -> list[str]:
    """What there is that the segments of a glob match, sorted; hidden names are not matched."""
    from fnmatch import fnmatchcase

    found = [""]
    for segment in segments:
        if segment == "**":
            found = [below for folder in found for below in folders(folder, tree)]
        elif MAGIC.search(segment):
            found = [
                join(folder, name)
                for folder in found
                for name in tree.entries(folder)
                if fnmatchcase(name, segment) and not name.startswith(".")
            ]
        else:
            found = [join(folder, segment) for folder in found]
    return list(dict.fromkeys(found))


def folders(folder: str, tree: Tree) -> Iterator[str]:
    """A folder and all below it, hidden ones aside."""
    waiting = [folder]
    while waiting:
        folder = waiting.pop()
        yield folder
        inner = [
            join(folder, name)
            for name, kind in tree.entries(folder).items()
            if kind == "folder" and not name.startswith(".")
        ]
        waiting.extend(reversed(inner))
