"""Datafiles in memory, expanded and linked."""

from __future__ import annotations

from hashlib import md5
from posixpath import join
from textwrap import dedent

import pytest

from datamake.datafile import load, locate
from datamake.errors import DatafileError
from datamake.expand import expand
from datamake.graph import link
from datamake.patterns import glob
from datamake.values import NOTHING

NOW = "2013-03-10T12:00:00"


class Tree:
    """Files in memory: path → text. A path that ends in `/` is an empty folder.

    What has a URL is in a store; `asked` has the globs that were listed there. `links`: linked
    folder → where it leads; nothing is found in there.
    """

    def __init__(self, files, links=None):
        self.urls = [path for path in files if "://" in path]
        self.asked = []
        self.links = links or {}
        files = {path: text for path, text in files.items() if "://" not in path}
        self.files = {path: text.encode() for path, text in files.items() if path[-1] != "/"}
        self.folders = {"": {}}
        for path in sorted(files):
            folder = ""
            *above, name = path.split("/")
            for part in above:
                self.folders[folder][part] = "folder"
                folder = f"{folder}/{part}" if folder else part
                self.folders.setdefault(folder, {})
            if name:
                self.folders[folder][name] = "file"

    def kind(self, path):
        return "file" if path in self.files else "folder" if path in self.folders else None

    def entries(self, folder):
        return self.folders.get(folder, {})

    def real(self, folder):
        for start, real in self.links.items():
            if f"{folder}/".startswith(f"{start}/"):
                return join(real, folder[len(start) + 1 :]).rstrip("/")
        return folder

    def read(self, path):
        return self.files.get(path)

    def matching(self, pattern):
        self.asked.append(pattern)
        return [url for url in self.urls if glob(pattern).matches(url)]

    def digest(self, path):
        text = self.files.get(path)
        return None if text is None else f"{md5(text).hexdigest()}-{len(text)}"


def tree_of(text, files, links=None):
    """A Datafile and other files: a list of paths, or path → text."""
    others = files if isinstance(files, dict) else dict.fromkeys(files, "")
    return Tree({"Datafile.toml": dedent(text), **others}, links)


def expanded(text, files=(), *, now=NOW, made=(), variables=NOTHING):
    """What a Datafile expands to, with what is wrong with it."""
    tree = tree_of(text, files)
    return expand(load("Datafile.toml", tree), tree, now=now, made=made, variables=variables)


def linked(text, files=(), *, made=(), variables=NOTHING, links=None):
    """The graph of a Datafile."""
    tree = tree_of(text, files, links)
    expansion = expand(load("Datafile.toml", tree), tree, now=NOW, made=made, variables=variables)
    return link(expansion, tree, made=made, memo={})


def complaints(text, files=(), *, made=(), variables=NOTHING, links=None):
    """What is wrong with a Datafile, with lines and columns."""
    with pytest.raises(DatafileError) as caught:
        linked(text, files, made=made, variables=variables, links=links)
    problems = locate(caught.value.problems, tree_of(text, files))
    return "\n".join(str(problem).replace("Datafile.toml:", "") for problem in problems)


def complaint(text, files=(), *, made=()):
    """The same, where the place does not matter."""
    with pytest.raises(DatafileError) as caught:
        linked(text, files, made=made)
    return "\n".join(
        str(problem).removeprefix("Datafile.toml: ") for problem in caught.value.problems
    )


def paths(graph, name):
    """The paths that the inputs of a target come down to, and the names it needs."""
    return [[item.path for item in link.items] for link in graph.links[name]]
