"""The files of a project: kinds, entries, and what is looked at again."""

from __future__ import annotations

import os

import pytest

from datamake.errors import EnvironmentFailed
from datamake.files import Files
from datamake.tree import LocalTree


class Stamps(dict):
    def put(self, path, stamp, digest):
        self[path] = (stamp, digest)

    def drop(self, path):
        self.pop(path, None)


@pytest.fixture
def root(tmp_path):
    for path in ("b.csv", "raw/2.csv", "raw/1.csv", "raw/deep/x", ".datamake/state"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
    return tmp_path


@pytest.fixture
def tree(root):
    return LocalTree(Files(str(root), Stamps()))


def test_entries_are_sorted_names_with_kinds(tree):
    """`.datamake` is not among them."""
    assert list(tree.entries("").items()) == [("b.csv", "file"), ("raw", "folder")]
    assert list(tree.entries("raw")) == ["1.csv", "2.csv", "deep"]
    assert tree.entries("gone") == tree.entries("b.csv") == tree.entries("zero\0") == {}


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("", "folder"),
        ("raw", "folder"),
        ("raw/1.csv", "file"),
        ("raw/3.csv", None),
        ("gone/x", None),
        ("b.csv/x", None),
        ("/", "folder"),
        ("/gone-from-here", None),
        ("..", "folder"),
        (".datamake", None),
        ("x" * 300, None),
    ],
)
def test_kind_of_a_path(tree, path, kind):
    """Also of what is outside of the root."""
    assert tree.kind(path) == kind


@pytest.mark.parametrize(
    ("folder", "real"),
    [
        ("", ""),
        ("raw/deep", "raw/deep"),
        ("gone/deep", "gone/deep"),
        ("ln", "raw"),
        ("ln/deep", "raw/deep"),
        ("raw/ln2/1", "later/1"),
        ("raw/ln2/up", "later/up"),
        ("self/ln/deep", "raw/deep"),
        ("far", "/usr"),
        ("far/lib/x", None),
        ("back/raw", "raw"),
        ("loop/x", "loop/x"),
        ("../x", "../x"),
        ("/x", "/x"),
        ("s3://b/x", "s3://b/x"),
        ("zero\0/x", "zero\0/x"),
        ("x/" * 1500 + "x", "x/" * 1500 + "x"),
    ],
)
def test_where_a_folder_is(tree, root, folder, real):
    """Once links are followed, whether they lead to anything or not."""
    links = {"ln": "raw", "raw/ln2": "../later", "self": ".", "far": "/usr", "loop": "loop"}
    for path, to in {**links, "back": str(root)}.items():
        os.symlink(to, root / path)
    assert tree.real(folder) == (os.path.realpath("/usr/lib/x") if real is None else real)


def test_followed_links_are_among_what_was_looked_at(tree, root):
    """A link that leads elsewhere tomorrow is another one then."""
    os.symlink("raw", root / "ln")
    assert tree.real("ln/deep") == "raw/deep"
    assert "ln" in tree.looked
    os.unlink(root / "ln")
    os.symlink("other", root / "ln")
    assert tree.real("ln/deep") == "raw/deep"
    tree.forget("")
    assert tree.real("ln/deep") == "other/deep"


def test_links_are_followed(tree, root):
    """One to nothing is nothing; what has no content counts as a file until it is digested."""
    os.symlink("raw", root / "folder")
    os.symlink("b.csv", root / "file")
    os.symlink("gone", root / "broken")
    os.symlink("loop", root / "loop")
    os.mkfifo(root / "fifo")
    kinds = {name: tree.kind(name) for name in ("folder", "file", "broken", "loop", "fifo")}
    assert kinds == {
        "folder": "folder",
        "file": "file",
        "broken": None,
        "loop": "file",
        "fifo": "file",
    }
    with pytest.raises(EnvironmentFailed):
        tree.read("fifo")


def test_a_file_is_read(tree):
    """Folders and what is missing are None."""
    assert tree.read("raw/1.csv") == b"raw/1.csv"
    assert tree.read("raw") is None
    assert tree.read("gone") is None


def test_each_folder_is_listed_once(tree):
    """However many paths are asked for."""
    for name in range(100):
        tree.kind(f"raw/{name}")
        tree.entries("raw")
    assert tree.lists == 1


def test_what_is_published_is_seen_without_listing_again(tree, root):
    """In its place in the order, with the folders that came with it."""
    assert tree.kind("build/out/a") is None
    tree.entries("")
    tree.entries("raw")
    for path in ("raw/0.csv", "build/out/a"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("new")
        tree.forget(path)
    assert list(tree.entries("raw")) == ["0.csv", "1.csv", "2.csv", "deep"]
    assert list(tree.entries("")) == ["b.csv", "build", "raw"]
    assert tree.kind("build/out/a") == "file"
    assert tree.lists == 3


def test_what_is_removed_is_gone(tree, root):
    """A file, and a folder with all below it."""
    tree.entries("raw")
    tree.entries("raw/deep")
    (root / "raw/1.csv").unlink()
    tree.forget("raw/1.csv")
    assert tree.kind("raw/1.csv") is None
    os.rename(root / "raw", root / "away")
    tree.forget("raw/")
    assert tree.kind("raw/deep/x") is None
    assert tree.kind("raw") is None


def test_digests_follow_what_is_forgotten(tree, root):
    """The tree and the files know the same."""
    before = tree.digest("b.csv")
    (root / "b.csv").write_text("new")
    tree.forget("b.csv")
    assert tree.digest("b.csv") != before
