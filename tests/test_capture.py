"""The log of a command: masked, and never too long."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from datamake import capture
from datamake.capture import MASK, Log, Masking


def test_a_log_is_shortened_again_and_again(tmp_path, monkeypatch):
    """Head and tail are right wherever the cuts fall, and the count is exact."""
    monkeypatch.setattr(capture, "LOG_LIMIT", 1000)
    monkeypatch.setattr(capture, "LOG_HEAD", 300)
    monkeypatch.setattr(capture, "LOG_TAIL", 200)
    whole = b"".join(b"%06d\n" % number for number in range(2000))
    log = Log(str(tmp_path / "log"), ())
    for start in range(0, len(whole), 37):
        log.add(whole[start : start + 37])
    log.close()
    text = (tmp_path / "log").read_bytes()
    head, tail = text[:300], text[300 + len(capture.CUT % 0) :]
    assert text[300 : -len(tail)] == capture.CUT % (len(whole) - 300 - len(tail))
    assert (head, tail) == (whole[:300], whole[-len(tail) :])
    assert 200 <= len(tail) < 700


def masked(pieces, secrets):
    masking = Masking(tuple(secrets))
    return b"".join(map(masking.masked, pieces)) + masking.rest()


WORDS = st.sampled_from([b"s3", b"cret", b"s3cret", b"s3cret!", b"hun", b"ter2", b"!", b"x" * 9])


@given(st.lists(st.lists(WORDS).map(b"".join)))
def test_where_output_is_split_means_nothing_to_masking(pieces):
    """The longest secret counts."""
    secrets = (b"s3cret", b"hunter2", b"s3cret!")
    whole = b"".join(pieces)
    for secret in (b"s3cret!", b"s3cret", b"hunter2"):
        whole = whole.replace(secret, MASK)
    assert masked(pieces, secrets) == whole


@given(
    st.lists(st.text("ab").map(str.encode)),
    st.lists(st.text("ab", min_size=1, max_size=5).map(str.encode), min_size=1),
)
def test_secrets_that_overlap(pieces, secrets):
    """The first that starts wins, of those the longest, wherever the output is split."""
    assert masked(pieces, secrets) == masked([b"".join(pieces)], secrets)
