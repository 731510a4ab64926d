"""The public names: each is there, and is what type checkers take it for."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import datamake

PUBLIC = Path(datamake.__file__)
IMPORTED = {
    alias.name: statement.module
    for statement in ast.walk(ast.parse(PUBLIC.read_text()))
    if isinstance(statement, ast.ImportFrom) and statement.module != "importlib"
    for alias in statement.names
}
"""Public name → the module that type checkers see it come from."""


def test_public_names_are_those_of_type_checkers():
    """`__all__`, `dir` and the imports for type checkers list the same names."""
    assert sorted(datamake.__all__) == sorted([*IMPORTED, "__version__"])
    assert dir(datamake) == sorted(datamake.__all__)


@pytest.mark.parametrize("name", sorted(IMPORTED))
def test_public_names_resolve(name):
    """A public name is the thing of the same name in the module that defines it."""
    found = getattr(datamake, name)
    assert found is getattr(import_module(IMPORTED[name]), name)
    assert found.__module__ == IMPORTED[name]


def test_other_names_are_not_there():
    with pytest.raises(AttributeError, match=r"^module 'datamake' has no attribute 'Projekt'$"):
        _ = datamake.Projekt


def test_importing_datamake_loads_nothing():
    """Each name is loaded when it is used."""
    script = "import sys, datamake; print([m for m in sys.modules if m.startswith('datamake.')])"
    command = [sys.executable, "-c", script]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"
