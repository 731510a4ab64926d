"""Moving and removing, as a user who may not write everywhere does it."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from datamake.moves import beside, move, remove

NOBODY = 65_534


@pytest.fixture
def folder():
    """A folder of a user who may not do everything, who this process is meanwhile."""
    path = Path(tempfile.mkdtemp())
    if os.getuid() == 0:
        os.chown(path, NOBODY, -1)
        os.seteuid(NOBODY)
    yield path
    os.seteuid(os.getuid())
    if os.getuid():
        for inner in path.rglob("deep"):
            inner.parent.chmod(0o700)
            inner.chmod(0o700)
    shutil.rmtree(path)


@pytest.fixture
def protected(folder):
    """A folder in which nothing can be written, with a file deep in it."""
    deep = folder / "out" / "deep"
    deep.mkdir(parents=True)
    (deep / "file").write_text("content")
    deep.chmod(0o500)
    deep.parent.chmod(0o500)
    return deep.parent


def test_a_folder_that_cannot_be_written_is_moved(folder, protected):
    """Actions may leave their output protected; the parent folders of where it goes are made."""
    move(str(protected), str(folder / "a/b"))
    assert (folder / "a/b/deep/file").read_text() == "content"
    assert not protected.exists()


def test_a_folder_that_cannot_be_written_is_removed(protected):
    """What is datamake's to remove goes, protected or not."""
    remove(str(protected))
    assert not protected.exists()


def test_only_a_link_is_removed(tmp_path):
    """What links point to is not theirs."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/file").write_text("content")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/link").symlink_to(tmp_path / "folder")
    remove(str(tmp_path / "out"))
    remove(str(tmp_path / "out"))
    assert os.listdir(tmp_path / "folder") == ["file"]


def test_a_move_between_file_systems_is_whole(tmp_path):
    """Killed before any operation, the folder is whole at its source, or at its target alone."""
    if not os.path.isdir("/dev/shm") or os.stat("/dev/shm").st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is only one file system")
    for steps in range(100):
        source = Path(tempfile.mkdtemp(dir="/dev/shm"))
        target = tmp_path / str(steps)
        (source / "file").write_text("content")
        left = iter(range(steps))

        def step(_, left=left):
            if next(left, None) is None:
                raise KeyboardInterrupt

        try:
            move(str(source), str(target), step)
        except KeyboardInterrupt:
            whole, gone = (
                (target, source) if target.exists() and not source.exists() else (source, "")
            )
            assert os.listdir(whole) == ["file"]
            remove(beside(str(source)))
            remove(str(source))
            assert not gone or steps > 3
        else:
            break
    assert (steps, os.listdir(target), source.exists()) == (5, ["file"], False)


def test_what_is_not_there_cannot_be_moved(tmp_path):
    """That is an error, not an endless attempt to make folders."""
    with pytest.raises(FileNotFoundError):
        move(str(tmp_path / "a"), str(tmp_path / "b/c"))
