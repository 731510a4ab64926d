"""The lock file: what is written is read again, what is broken is said with its line, what moved too."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamake.errors import DatafileError
from datamake.lockfile import HEADER, Locked, moved, parsed, text_of, token_of_all

ONE, TWO = f"{1:032x}-12", f"{2:032x}-7"
X, Y = "s3://b/x.csv", "s3://b/y.csv"


def words(problems):
    return [str(problem) for problem in problems]


def test_one_sorted_line_a_source():
    entries = {
        Y: Locked("etag-2:7", TWO),
        X: Locked("etag-1:12", ONE),
        "https://example.com/a b.csv": Locked("Wed, 01 Jan 2025:5"),
        "s3://b/raw/*.csv": Locked("", ONE),
    }
    assert text_of(entries) == (
        f"{HEADER}https://example.com/a%20b.csv Wed,%2001%20Jan%202025:5 -\n"
        f"s3://b/raw/*.csv - {ONE}\n"
        f"s3://b/x.csv etag-1:12 {ONE}\n"
        f"s3://b/y.csv etag-2:7 {TWO}\n"
    )


TEXTS = st.text(st.characters(codec="utf-8"), max_size=9)


@given(
    st.dictionaries(
        TEXTS.filter(bool),
        st.builds(Locked, TEXTS | st.sampled_from(["-", "#", "%2D"]), st.sampled_from(["", ONE])),
    )
)
def test_what_is_written_is_read_again(entries):
    """Whatever is in a URL or a token."""
    assert parsed(text_of(entries)) == entries


def test_comments_empty_lines_and_line_ends_of_windows_are_nothing():
    assert parsed(f"# one\r\n\r\n{X} a -\r\n\n# two\n") == {X: Locked("a")}


def test_what_branches_have_locked_alike_is_no_conflict():
    """After a merge by union a line may stand twice."""
    assert parsed(f"{X} a -\n{X} a -\n") == {X: Locked("a")}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        *(
            (
                f"# head\n{line}\n",
                (
                    "Datafile.lock:2:1: this line is not a URL, a version token and a digest\n"
                    "  hint: remove it; `datamake lock` writes the file anew"
                ),
            )
            for line in (X, f"{X} a", f"{X} a {ONE} b", f"{X} a  {ONE}", f"{X} a sha", "- a -")
        ),
        (
            f"{X} a {ONE}\n<<<<<<< HEAD\n{Y} a -\n=======\n{Y} b -\n>>>>>>> other\n",
            (
                "Datafile.lock:2:1: git could not merge what two branches have locked\n"
                "  hint: keep one line for each source; `datamake lock` writes the file anew"
            ),
        ),
        (
            f"{X} a -\n{Y} a -\n{X} b -\n{X}\n",
            (
                "Datafile.lock:3:1: `s3://b/x.csv` is locked twice\n"
                "  hint: keep the line that is meant; `datamake lock` writes the file anew\n"
                "Datafile.lock:4:1: this line is not a URL, a version token and a digest\n"
                "  hint: remove it; `datamake lock` writes the file anew"
            ),
        ),
    ],
)
def test_what_is_broken_is_said_with_its_line(text, message):
    with pytest.raises(DatafileError) as error:
        parsed(text)
    assert str(error.value) == message


def test_what_has_moved_is_said_with_old_and_new():
    locked = {X: Locked("a", ONE), Y: Locked("b")}
    present = {X: Locked("c"), Y: Locked("b", TWO), "s3://b/z.csv": Locked("d")}
    assert words(moved(locked, present)) == [
        (
            "Datafile.lock: `s3://b/x.csv` has moved\n"
            "  locked: a\n"
            "  now: c\n"
            "  hint: `datamake lock --update 's3://b/x.csv'` takes it as it is now"
        ),
        "Datafile.lock: `s3://b/z.csv` is not locked\n  hint: `datamake lock` locks it",
    ]


def test_the_same_content_has_not_moved():
    assert moved({X: Locked("a", ONE)}, {X: Locked("b", ONE)}) == []


def test_without_tokens_the_content_says():
    assert moved({X: Locked("", ONE)}, {X: Locked("", ONE)}) == []
    (problem,) = moved({X: Locked("", ONE)}, {X: Locked("", TWO)})
    assert problem.facts == (f"locked: {ONE}", f"now: {TWO}")


def test_other_content_under_the_same_token_has_moved():
    (problem,) = moved({X: Locked("a", ONE)}, {X: Locked("a", TWO)})
    assert problem.facts == (f"locked: {ONE}", f"now: {TWO}")


def test_what_is_no_longer_asked_for_does_not_matter():
    assert moved({X: Locked("a"), Y: Locked("b")}, {Y: Locked("b")}) == []


def test_the_token_of_several_objects():
    """It changes with each of them, and not with their order."""
    pairs = [(X, "a"), (Y, "b")]
    assert token_of_all(pairs) == token_of_all(reversed(pairs))
    assert token_of_all(pairs).startswith("2:")
    others = [[(X, "a"), (Y, "c")], [(X, "a")], [(X, "a"), ("s3://b/z", "b")], []]
    assert len({token_of_all(each) for each in [pairs, *others]}) == 5
