"""The list of files made: appended to by any number of builds, and read again whatever happened."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamake.errors import EnvironmentFailed
from datamake.made import Made


@pytest.fixture
def folder(tmp_path):
    return str(tmp_path)


def lines(tmp_path):
    return (tmp_path / "made").read_bytes().split(b"\n")


def test_what_was_made_is_read_again(folder):
    """The last digest of a path counts, and what was removed is not there."""
    made = Made(folder)
    assert made.load() == {}
    made.add("a b", "D1-1")
    made.add("folder", "D2-9/")
    made.add("a b", "D3-1x")
    made.add("gone", "D4-1")
    made.remove(["gone", "never there"])
    assert made.load() == {"a b": "D3-1x", "folder": "D2-9/"}
    assert Made(folder).load() == made.load()


def test_what_is_known_is_not_written_again(folder, tmp_path):
    """Files that come out the same do not make the list longer."""
    made = Made(folder)
    for _ in range(3):
        made.add("a", "D-1")
        made.remove(["b"])
    assert lines(tmp_path) == [b"D-1 a", b""]


@given(
    st.lists(
        st.text(
            st.characters(exclude_characters="\0", exclude_categories=["Cs"])
            | st.sampled_from("\udc80\udcff%\n\r\t ")
        ).filter(bool)
    )
)
def test_any_path(tmp_path_factory, paths):
    """Paths hold whatever file names hold."""
    folder = str(tmp_path_factory.mktemp("tree"))
    made = Made(folder)
    for path in paths:
        made.add(path, "D-1")
    assert Made(folder).load() == dict.fromkeys(paths, "D-1")


@pytest.mark.parametrize("torn", [b"D-1 b", b"D-", b"D-1 \xc3", b"\0"])
def test_a_line_that_was_not_written_to_its_end(folder, tmp_path, torn):
    """It counts neither before nor after others are appended to it."""
    (tmp_path / "made").write_bytes(b"D-1 a\n" + torn)
    made = Made(folder)
    assert made.load() == {"a": "D-1"}
    made.add("c", "D-1")
    assert Made(folder).load() == {"a": "D-1", "c": "D-1"}


def test_dead_lines_go(folder, tmp_path):
    """The list is written anew when most of its lines say nothing any more."""
    made = Made(folder)
    made.add("kept", "D-1")
    for number in range(1_500):
        made.add("changing %\n", f"D{number}-1")
    assert len(lines(tmp_path)) < 1_002
    assert Made(folder).load() == {"kept": "D-1", "changing %\n": "D1499-1"}
    assert os.listdir(folder) == ["made"]


def test_several_builds_write_at_once(folder, tmp_path):
    """Nothing is lost, though one of them writes the list anew meanwhile."""
    code = (
        "import sys; from datamake.made import Made\n"
        "for n in range(1_500): Made(sys.argv[1]).add(f'process-{n}', 'D-1')"
    )
    process = subprocess.Popen([sys.executable, "-c", code, folder])

    def churn(name):
        made = Made(folder)
        for number in range(2_000):
            made.add(name, f"D{number}-1")

    threads = [threading.Thread(target=churn, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert process.wait() == 0
    expected = {f"process-{number}": "D-1" for number in range(1_500)}
    assert Made(folder).load() == {**expected, "a": "D1999-1", "b": "D1999-1"}
    assert len(lines(tmp_path)) < 5_500


def test_a_list_that_cannot_be_written(tmp_path):
    """It is said, with the system's reason; reading it needs nothing."""
    made = Made(str(tmp_path / "absent"))
    assert made.load() == {}
    with pytest.raises(EnvironmentFailed) as caught:
        made.add("a", "D-1")
    assert str(caught.value) == (
        "the list of files made cannot be written: `.datamake/made`\n  No such file or directory"
    )
