"""Signatures: another text, another place of a boundary, another secret has another one."""

from __future__ import annotations

from hashlib import blake2b

import pytest

from datamake.signing import Signer


def test_a_signature_is_of_these_texts_in_this_order():
    """Where one ends and the next begins counts too."""
    signer = Signer("hunter2")
    texts = [("a", "b"), ("b", "a"), ("ab", ""), ("", "ab"), ("ab",), ("a", "b", ""), ("1:a", "b")]
    signatures = [signer.signature(*each) for each in texts]
    assert len(set(signatures)) == len(texts)
    assert all(signer.accepts(s, *each) for s, each in zip(signatures, texts, strict=True))
    assert not signer.accepts(signatures[0], *texts[1])


@pytest.mark.parametrize("signature", ["", "0" * 64, "é", "\ud800", " "])
def test_what_is_no_signature_is_refused(signature):
    assert not Signer("hunter2").accepts(signature, "a")


def test_secrets_differ():
    """Long ones, short ones, and those that are not text."""
    secrets = ["a", "b", "a" * 64, "a" * 65, "a\udcff"]
    assert len({Signer(secret).signature("text") for secret in secrets}) == len(secrets)


def test_texts_may_hold_anything():
    """Names of files that are no UTF-8 do."""
    assert len(Signer("hunter2").signature("\udcff\0", "\ud800")) == 64


def test_without_a_secret_nothing_is_signed(tmp_path):
    """And all is believed."""
    assert Signer("").signature("a") == ""
    assert Signer("").accepts("whatever", "a")
    assert Signer("").strong(str(tmp_path / "absent")) == ""


def test_the_hash_of_a_file_is_that_of_its_bytes(tmp_path):
    """However many there are."""
    data = b"0123456789" * 300_000
    (tmp_path / "a").write_bytes(data)
    assert Signer("x").strong(str(tmp_path / "a")) == blake2b(data, digest_size=32).hexdigest()
