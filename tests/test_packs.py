"""Packs: entries come back as they were, or it is said that they don't."""

from __future__ import annotations

import gzip
import json

import pytest

from datamake.model import Record, Written
from datamake.packs import (
    Entry,
    blobs_of,
    merged,
    name_of,
    packed,
    record_entry,
    record_of,
    signed,
    trusted,
    unpacked,
)
from datamake.signing import Signer
from datamake.values import replace

DIGEST = "0" * 32 + "-3"
ENTRY = Entry("record", "f" * 32, 1.5, '{"a":"\\u00e9\\n"}', "ab", 2.5)


def read(data, written=9.0):
    return unpacked(name_of(data), data, written)


def test_entries_come_back():
    """Whatever they hold; without a use they have the time of their pack."""
    entries = [
        ENTRY,
        Entry("record2", "\udcff\0\r\u2028\n", 0.1 + 0.2, "", ""),
        Entry("content", "s3://b/\u00e9 x\netag:1", 2e11, "[]", "", 3.0),
    ]
    found = {entry.key: entry for entry in read(packed(entries))}
    assert found == {e.key: replace(e, used=e.used or 9.0) for e in entries}


def test_a_pack_has_one_form():
    """So that two machines that merge the same write the same."""
    other = replace(ENTRY, key="e" * 32)
    assert packed([ENTRY, other]) == packed([other, ENTRY])


def test_people_can_read_it():
    """With tools that are everywhere."""
    (line,) = gzip.decompress(packed([ENTRY])).splitlines()
    assert json.loads(line) == ["record", "f" * 32, 1.5, '{"a":"\\u00e9\\n"}', "ab", 2.5]


@pytest.mark.parametrize(
    "text",
    [
        b"garbage",
        b"[]",
        b"{}",
        b"null",
        b'["a","b",1,"c","d"]',
        b'["a","b",1,"c","d",0,0]',
        b'["a",2,1,"c","d",0]',
        b'["a","b","x","c","d",0]',
        b'["a","b",1,["c"],"d",0]',
        b'["a","b",1' + b"0" * 400 + b',"c","d",0]',
        b"[" * 100_000,
        b"\xff\xff",
    ],
)
def test_what_is_no_entry_spoils_its_pack(text):
    """Nobody of ours wrote it."""
    data = gzip.compress(packed_text([ENTRY]) + b"\n" + text)
    with pytest.raises(ValueError, match="not an entry"):
        read(data)


def packed_text(entries):
    return gzip.decompress(packed(entries))


@pytest.mark.parametrize("damage", [lambda d: b"", lambda d: d[:-1], lambda d: d[:-9] + b"x" * 9])
def test_a_pack_that_is_not_whole_is_none(damage):
    """Its name says it, or gzip."""
    data = packed([ENTRY])
    with pytest.raises(ValueError, match="not what its name says"):
        unpacked(name_of(data), damage(data), 9.0)
    with pytest.raises(ValueError, match=r"not a pack|more than anybody would write"):
        read(damage(data) or b"x")


def test_a_pack_that_fills_the_memory_is_none(monkeypatch):
    """A few kilobytes may stand for gigabytes."""
    monkeypatch.setattr("datamake.packs.LARGEST", 1000)
    with pytest.raises(ValueError, match="more than anybody would write"):
        read(packed([replace(ENTRY, body=" " * 1001)]))


def test_the_last_use_counts():
    """Of the same entry; another signature makes another."""
    other = replace(ENTRY, signature="cd", used=1.0)
    entries = merged([ENTRY, replace(ENTRY, used=7.0), other, replace(ENTRY, used=5.0)])
    assert entries == [replace(ENTRY, used=7.0), other]


def test_the_use_is_not_signed():
    """It is the store's to say; all else is."""
    signer = Signer("hunter2")
    entry = signed(ENTRY, signer)
    assert trusted(replace(entry, used=99.0), signer)
    for change in ({"kind": "x"}, {"key": "x"}, {"made": 1.6}, {"body": "x"}, {"signature": "x"}):
        assert not trusted(replace(entry, **change), signer)


def test_a_record_comes_back_without_its_fields():
    """With all that can be in a path or a name."""
    outputs = (Written("build/\udcff\n", f"{DIGEST}x", "a"), Written("b", f"{DIGEST}/"))
    record = Record("clean[\u00e9]", "f" * 32, (("a", "b", "c"),), outputs, 12.5, 0.25)
    entry = record_entry(record, {DIGEST: "", f"{DIGEST}/": "ab"})
    (found,) = read(packed([entry]))
    assert record_of(found) == replace(record, fields=())
    assert blobs_of(found) == {DIGEST: "", f"{DIGEST}/": "ab"}
    assert record_of(record_entry(record, {DIGEST: ""})) is None
