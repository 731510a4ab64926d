"""The text of queries: layout and comments don't count, everything else does."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamake.datafile.sql import literal, plain, quoted_spans, tokens

PARTS = st.sampled_from(
    (
        *("select", "a", "1", "1.5", "'it''s'", "e'a\\'b'", '"a b"', "$$x 'y$$", "$t$ -- $$ $t$"),
        *("(", ")", ",", ".", "-", "+", "*", "::", "->", "=", "<>", "[", "]", ":", "=>", "//", "%"),
        *("from", "order", "by", "left", "join", "count", "over", "date", "1e-5", "x'ff'", "|"),
        *("é", "_x", "in", ";"),
    )
)
BLANKS = st.sampled_from([" ", "\n", "\t ", "\r\n", " /* a /* 'b */ c */ ", " -- x '\n", " --\r"])


def test_a_query_is_laid_out_by_clauses():
    """One line for each clause, further in inside of a subquery; comments and semicolons are gone."""
    sql = """with big as (select id,count (*) n -- how many
    from sales . orders o left  join lines l using (id) where n>-1 and s='a -- b' group by id)
    /* all of them */ select *, sum(n) over (partition by id order by n) from big order by 1 limit 3;"""
    assert plain(sql) == (
        "with big as (select id, count(*) n\n"
        "  from sales.orders o\n"
        "  left join lines l using (id)\n"
        "  where n > - 1 and s = 'a -- b'\n"
        "  group by id)\n"
        "select *, sum(n) over (partition by id order by n)\n"
        "from big\n"
        "order by 1\n"
        "limit 3"
    )


@given(st.lists(st.tuples(PARTS, BLANKS, BLANKS), max_size=12))
def test_blanks_and_comments_never_count(parts):
    """The same tokens with other blanks between them have one plain text, which has that itself."""
    one = "".join(part + blank for part, blank, _ in parts)
    other = "".join(part + blank for part, _, blank in parts)
    if not strings_meet(tokens(one)) and not strings_meet(tokens(other)):
        assert plain(one) == plain(other)
    assert plain(plain(one)) == plain(one)


@given(st.lists(st.tuples(PARTS, BLANKS), max_size=12))
def test_a_plain_text_has_the_same_tokens(parts):
    """Nothing is lost, put together or taken apart."""
    sql = "".join(part + blank for part, blank in parts)
    found = [token.text for token in tokens(sql)]
    while found and found[-1] == ";":
        found.pop()
    assert [token.text for token in tokens(plain(sql))] == found


def strings_meet(found):
    """Two strings on two lines are one, and on one line a mistake."""
    pairs = pairwise(found)
    return any(one.kind == two.kind == "text" for one, two in pairs)


def test_strings_on_two_lines_are_another_query():
    assert plain("select 'a'\n'b'") != plain("select 'a' 'b'")


def test_quotes_and_comments_are_found():
    """Also those that nothing ends."""
    sql = "a 'b' -- c\n\"d\" /* e /* f */ */ $$g$$ 'h"
    assert [(sql[start:end], kind) for start, end, kind in quoted_spans(sql)] == [
        ("'b'", "text"),
        ("-- c", "comment"),
        ('"d"', "name"),
        ("/* e /* f */ */", "comment"),
        ("$$g$$", "text"),
        ("'h", "text"),
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("it's", "'it''s'"),
        (True, "true"),
        (None, "NULL"),
        (-3, "(-3)"),
        (1.5, "1.5"),
        (1e-7, "1e-07"),
        (float("-inf"), "'-inf'::DOUBLE"),
        (dt.date(2013, 1, 2), "DATE '2013-01-02'"),
        (dt.time(4, 5, 6), "TIME '04:05:06'"),
        (dt.datetime(2013, 1, 2, 3), "TIMESTAMP '2013-01-02 03:00:00'"),  # noqa: DTZ001
        (
            dt.datetime(2013, 1, 2, 3, tzinfo=dt.timezone.utc),
            "TIMESTAMPTZ '2013-01-02 03:00:00+00:00'",
        ),
        (["a", 1], "('a', 1)"),
        ([], "(SELECT NULL WHERE false)"),
    ],
)
def test_literals(value, shown):
    assert literal(value) == shown


def test_a_table_is_no_literal():
    with pytest.raises(ValueError, match="SQL has no literal for a dict"):
        literal({"a": 1})


@given(
    st.one_of(
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
        st.integers(-(1 << 62), 1 << 62),
        st.floats(allow_nan=False),
        st.booleans(),
        st.dates(),
        st.datetimes(),
        st.times(),
    )
)
def test_a_literal_is_read_as_its_value(value):
    """DuckDB reads each literal as the value that it was made of, also after a minus."""
    with duckdb.connect() as connection:
        assert connection.execute(f"select {literal(value)} = $1", [value]).fetchone() == (True,)
        none = connection.execute(
            f"select 'x' in {literal([])}, 'x' not in {literal([])}"
        ).fetchone()
    assert none == (False, True)
