"""What is remembered of remote objects."""

from __future__ import annotations

import sqlite3

import pytest

from datamake.remote import Seen
from datamake.state import State


@pytest.fixture
def state(tmp_path):
    """Opens the state, again and again."""
    opened = []

    def open_state(**options):
        opened.append(State(str(tmp_path / ".datamake"), notice=pytest.fail, **options))
        return opened[-1]

    yield open_state
    for one in opened:
        one.close()


def test_contents_by_token(state):
    """What a token stood for is known to the next run, archives' members too."""
    first = state()
    first.sightings.learn("s3://b/x", '"e1"-3', (("", "ab-3"),))
    first.sightings.learn("zip://*::s3://b/x", "t", (("a\nb", "cd-1"), ("c", "ef-2")))
    first.commit()
    again = state().sightings
    assert again.members("s3://b/x", '"e1"-3') == (("", "ab-3"),)
    assert again.members("zip://*::s3://b/x", "t") == (("a\nb", "cd-1"), ("c", "ef-2"))
    assert again.members("s3://b/x", "another") is None


def test_what_was_seen_last(state):
    """What was last seen of a source is there as it was told, nothing of it included."""
    objects = [
        Seen("s3://b/x", "e", 3, 1700000000.25),
        Seen("sftp://h/ü\udcff", "3-1", None, None, True),
    ]
    first = state()
    first.sightings.see("s3://b/*", objects)
    first.sightings.see("s3://b/none", [])
    first.commit()
    again = state().sightings
    assert again.last("s3://b/*") == objects
    assert again.last("s3://b/none") == []
    assert again.last("s3://b/other") is None


def test_nothing_new_writes_nothing(state):
    """Seeing the same again costs no write."""
    first = state()
    first.sightings.see("s3://b/x", [Seen("s3://b/x", "e")])
    first.commit()
    again = state()
    again.sightings.see("s3://b/x", [Seen("s3://b/x", "e")])
    assert all(not rows for _, rows in again.sightings.changes())


def test_an_older_state_is_brought_up_to_date(state, tmp_path):
    """A state from before there were remote sources keeps its records, and is only read as it is."""
    first = state()
    first.history.start_run(1.0)
    first.close()
    path = tmp_path / ".datamake" / "state.sqlite"
    with sqlite3.connect(path) as raw:
        raw.executescript("DROP TABLE contents; DROP TABLE sightings; PRAGMA user_version = 1")
    raw.close()
    assert state(readonly=True).sightings.last("s3://b/x") is None
    again = state()
    assert again.sightings.last("s3://b/x") is None
    assert [run.run for run in again.history.runs(5)] == [1]


def test_secrets_of_urls_are_not_written(state, tmp_path):
    """What such a URL held is known to the next run all the same; by its secret, which counts."""
    url, other = "https://me:hunter2@h/x", "https://me:hunter3@h/x"
    first = state()
    first.sightings.learn(url, "t", (("", "ab-3"),))
    first.sightings.see(url, [Seen(url, "t", 3)])
    first.sightings.see("sftp://me:hunter2@h/*", [Seen("sftp://me:hunter2@h/a", "t", 3)])
    first.commit()
    again = state().sightings
    assert again.members(url, "t") == (("", "ab-3"),)
    assert again.last(url) == [Seen(url, "t", 3)]
    assert (again.members(other, "t"), again.last(other)) == (None, None)
    assert again.last("sftp://me:hunter2@h/*") is None
    written = [path.read_bytes() for path in (tmp_path / ".datamake").iterdir() if path.is_file()]
    assert not any(b"hunter" in data for data in written)
