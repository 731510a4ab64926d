"""Datafiles in memory, loaded."""

from __future__ import annotations

from textwrap import dedent

import pytest

from datamake.datafile import load
from datamake.errors import DatafileError


class Texts:
    """A tree of files in memory: path → text or bytes."""

    def __init__(self, files):
        self.files = {
            path: text.encode() if isinstance(text, str) else text for path, text in files.items()
        }

    def kind(self, path):
        if path in self.files:
            return "file"
        return "folder" if self.entries(path) else None

    def entries(self, folder):
        start = f"{folder}/" if folder else ""
        inside = [path[len(start) :] for path in sorted(self.files) if path.startswith(start)]
        return {path.split("/")[0]: "folder" if "/" in path else "file" for path in inside}

    def read(self, path):
        return self.files.get(path)


def loaded(text, files=(), **options):
    root = text if isinstance(text, bytes) else dedent(text)
    return load("Datafile.toml", Texts({"Datafile.toml": root, **dict(files)}), **options)


def complaint(text, files=(), **options):
    """The message that loading ends in, `Datafile.toml:` left out."""
    with pytest.raises(DatafileError) as caught:
        loaded(text, files, **options)
    return str(caught.value).replace("Datafile.toml:", "")
