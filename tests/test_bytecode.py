"""Byte code that is older than its source goes, and no other."""

from __future__ import annotations

import os
import py_compile
import sys

import pytest

from datamake.bytecode import forget_outdated


@pytest.fixture
def kept(tmp_path):
    """The byte code of `mod.py` and of `mod2.py`, written after them."""
    for name in ("mod", "mod2"):
        (tmp_path / f"{name}.py").write_text("X = 1\n")
        py_compile.compile(str(tmp_path / f"{name}.py"))
    folder = tmp_path / "__pycache__"
    later = (tmp_path / "mod2.py").stat().st_ctime_ns + 1
    for path in folder.iterdir():
        os.utime(path, ns=(later, later))
    return folder


def test_what_is_younger_than_its_source_stays(kept, tmp_path):
    before = sorted(os.listdir(kept))
    forget_outdated(str(tmp_path / "mod.py"))
    assert sorted(os.listdir(kept)) == before


def test_what_is_older_than_the_last_change_goes(kept, tmp_path):
    """Also where the source's own time was set to what it was before."""
    source = tmp_path / "mod.py"
    old = source.stat().st_mtime_ns
    while source.stat().st_ctime_ns <= min(path.stat().st_mtime_ns for path in kept.iterdir()):
        source.write_text("X = 2\n")
        os.utime(source, ns=(old, old))
    forget_outdated(str(source))
    assert os.listdir(kept) == [f"mod2.{sys.implementation.cache_tag}.pyc"]


def test_without_byte_code_there_is_nothing_to_do(tmp_path):
    (tmp_path / "mod.py").write_text("")
    forget_outdated(str(tmp_path / "mod.py"))
    forget_outdated(str(tmp_path / "gone.py"))
    assert os.listdir(tmp_path) == ["mod.py"]
