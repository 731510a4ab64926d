"""Locks: one holder at a time, in this process or another, and none that is left behind."""

from __future__ import annotations

import subprocess
import sys

import pytest

from datamake.errors import EnvironmentFailed
from datamake.locks import Locks, offset

OTHER = """
import sys
from datamake.locks import Locks
locks = Locks(sys.argv[1])
for line in sys.stdin:
    print(eval(line), flush=True)
"""


class Other:
    """A second process that evaluates expressions on its own `locks`."""

    def __init__(self, folder):
        self.process = subprocess.Popen(
            [sys.executable, "-c", OTHER, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, expression):
        self.process.stdin.write(expression + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def kill(self):
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def folder(tmp_path):
    return str(tmp_path)


@pytest.fixture
def other(folder):
    other = Other(folder)
    yield other
    other.kill()


@pytest.fixture
def locks(folder):
    locks = Locks(folder)
    yield locks
    locks.close()


def test_a_target_has_one_holder_in_a_process(folder, locks):
    """Two projects of one process keep each other out, though the system would not."""
    second = Locks(folder)
    assert locks.take("a")
    assert not second.take("a")
    assert not locks.take("a")
    assert second.take("b")
    locks.release("a")
    assert second.take("a")
    second.close()


def test_a_target_has_one_holder_among_processes(locks, other):
    """Another build does not get what this one holds, until it lets go."""
    assert locks.take("a\udcff")
    assert other("locks.take('a\\udcff'), locks.take('b')") == "(False, True)"
    assert not locks.take("b")
    locks.release("a\udcff")
    assert other("locks.take('a\\udcff')") == "True"


def test_locks_of_a_killed_process_are_free(locks, other):
    """There is nothing to unlock by hand."""
    assert other("locks.take('a'), locks.take_tree(exclusive=True)") == "(True, True)"
    assert not locks.take("a")
    other.kill()
    assert locks.take("a")
    assert locks.take_tree(exclusive=False)


def test_closing_leaves_the_locks_of_others(folder, locks, other):
    """The system drops all locks of a process with the first descriptor that it closes."""
    second = Locks(folder)
    assert second.take("b")
    assert second.take_tree(exclusive=False)
    assert locks.take("a")
    assert locks.take_tree(exclusive=False)
    second.close()
    assert other("locks.take('a'), locks.take('b')") == "(False, True)"
    assert other("locks.take_tree(exclusive=True)") == "False"


def test_closing_frees_everything(folder, locks, other):
    """A project that is closed holds nothing, and its file is closed with the last of them."""
    assert locks.take("a")
    assert locks.take_tree(exclusive=True)
    locks.close()
    locks.close()
    assert other("locks.take('a'), locks.take_tree(exclusive=True)") == "(True, True)"


def test_builds_share_the_tree(folder, locks, other):
    """What takes the tree for itself waits for all builds, of this process too."""
    second = Locks(folder)
    assert locks.take_tree(exclusive=False)
    assert second.take_tree(exclusive=False)
    assert other("locks.take_tree(exclusive=False)") == "True"
    other("locks.release_tree()")
    assert not second.take_tree(exclusive=True)
    locks.release_tree()
    assert other("locks.take_tree(exclusive=True)") == "False"
    second.release_tree()
    assert other("locks.take_tree(exclusive=True)") == "True"
    assert not locks.take_tree(exclusive=False)
    assert not second.take_tree(exclusive=True)


def test_who_has_the_tree_keeps_builds_out(folder, locks):
    """Among the projects of one process too."""
    second = Locks(folder)
    assert locks.take_tree(exclusive=True)
    assert not second.take_tree(exclusive=False)
    assert not second.take_tree(exclusive=True)
    locks.release_tree()
    assert second.take_tree(exclusive=True)
    second.close()


def test_a_lock_file_that_is_deleted(folder, tmp_path, locks):
    """Whoever comes later locks the new file."""
    assert locks.take("a")
    (tmp_path / "locks").unlink()
    later = Locks(folder)
    assert later.take("a")
    later.close()
    locks.release("a")


def test_a_tree_that_cannot_be_locked(tmp_path):
    """It is said, with the system's reason."""
    with pytest.raises(EnvironmentFailed) as caught:
        Locks(str(tmp_path / "absent")).take("a")
    assert str(caught.value) == (
        "the tree cannot be locked: `.datamake/locks`\n"
        "  No such file or directory\n"
        "  hint: the folder must be writable, on a file system that has locks"
    )


def test_offsets_leave_the_tree_its_byte():
    """A target's byte is beyond the tree's, and within what any system can lock."""
    offsets = {offset(f"clean[{number}]") for number in range(10_000)}
    assert len(offsets) == 10_000
    assert min(offsets) >= 16
    assert max(offsets) < 2**63
