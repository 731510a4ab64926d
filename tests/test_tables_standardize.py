"""`standardize`: every key, every format, and each wrong row found, however the rows come."""

from __future__ import annotations

import bz2
import datetime as dt
import gzip
import json
import os
import re
import sys
import weakref
from decimal import Decimal

import pyarrow as pa
import pyarrow.feather
import pyarrow.orc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stored import file
from versions import told_by_duckdb_2

from datamake.action import Piece, View
from datamake.datafile.standard import standard
from datamake.errors import DatamakeError, EnvironmentFailed
from datamake.formats import Reading
from datamake.tables import TableError, casting, delimited, feeds, jsonlines
from datamake.tables.session import Limits
from datamake.tables.standardize import REJECTS, Outcome, standardize
from datamake.threads import Ending

FLIGHTS = os.path.join(os.path.dirname(__file__), "..", "examples", "flights", "raw")


@pytest.fixture(autouse=True)
def here(tmp_path_factory, monkeypatch):
    monkeypatch.chdir(tmp_path_factory.mktemp("standardize"))


def view(*paths, **reading):
    return View("x", (Piece(paths),), Reading(**reading))


def run(found, **table):
    """The outcome for a path or views, with `out.parquet` and `rejects.parquet`."""
    views = [view(found)] if isinstance(found, str) else found
    return standardize(standard(table), views, ["out.parquet", "rejects.parquet"])


def made(found, **table):
    """The table that comes of it."""
    run(found, **table)
    return pq.read_table("out.parquet")


def rows(found, **table):
    return [tuple(row.values()) for row in made(found, **table).to_pylist()]


def apart(found, **table):
    """The right rows, and the wrong ones as (row, column, value, reason)."""
    right = rows(found, on_error="quarantine", **table)
    refused = pq.read_table("rejects.parquet")
    assert refused.schema == REJECTS
    return right, [tuple(row.values())[1:] for row in refused.to_pylist()]


def fault(found, **table):
    for left in {"out.parquet", "rejects.parquet"} & {*os.listdir()}:
        os.unlink(left)
    with pytest.raises(TableError) as caught:
        run(found, **table)
    assert not os.path.exists("out.parquet")
    assert not os.path.exists("rejects.parquet")
    return str(caught.value)


# Columns


def test_columns_come_in_their_order_with_their_types():
    file("a.csv", "a,b,c\n1,x,2013-01-01\n,y,2013-01-02\n")
    table = made("a.csv", columns={"c": "date", "n": {"from": "a", "type": "int16"}}, others="drop")
    assert table.schema == pa.schema({"c": pa.date32(), "n": pa.int16()})
    assert table.to_pylist() == [
        {"c": dt.date(2013, 1, 1), "n": 1},
        {"c": dt.date(2013, 1, 2), "n": None},
    ]


def test_others_are_kept_after_the_named_as_they_are_read():
    """Of a text with the type of all of its rows, or what was said of its source."""
    file("a.csv", "a,b,c\n1,2,3\n4,5.5,6\n")
    table = made("a.csv", columns={"x": {"from": "c", "type": "int8"}})
    assert table.schema == pa.schema({"x": pa.int8(), "a": pa.int64(), "b": pa.float64()})
    table = made([view("a.csv", schema={"a": "string"})], columns={"c": "int8"})
    assert table.schema == pa.schema({"c": pa.int8(), "a": pa.string(), "b": pa.float64()})


def test_others_may_be_dropped_or_refused():
    file("a.csv", "a,b,c\n1,2,3\n")
    assert rows("a.csv", columns={"b": "int8"}, others="drop") == [(2,)]
    assert fault("a.csv", columns={"b": "int8"}, others="fail") == (
        "there are columns that are not named: `a`, `c`\n"
        '  hint: name them in `columns`, or say `others = "drop"`'
    )


def test_a_column_that_is_not_there():
    file("a.csv", "fare,b\n1,2\n")
    assert fault("a.csv", columns={"x": {"from": "fair", "type": "int8"}}) == (
        "`a.csv` has no column `fair`\n  it has `fare`, `b`\n  hint: did you mean `fare`?"
    )
    file("a.jsonl", '{"fare":1}\n{"fare":2}\n')
    assert fault("a.jsonl", columns={"fair": "int8"}, others="drop") == (
        "`a.jsonl` has no column `fair`\n  it has `fare`\n  hint: did you mean `fare`?"
    )


def test_constants():
    """Texts, numbers and dates of TOML, with their own type or another."""
    file("a.csv", "a\n1\n2\n")
    day = dt.date(2013, 1, 31)
    columns = {
        "s": {"value": "01"},
        "i": {"value": 1},
        "f": {"value": 1.5},
        "b": {"value": True},
        "d": {"value": day},
        "t": {"value": dt.datetime(2013, 1, 31, 10)},  # noqa: DTZ001 - TOML has such
        "n": {"value": "1", "type": "decimal(5, 2)"},
    }
    table = made("a.csv", columns=columns, others="drop")
    assert [str(each) for each in table.schema.types] == [
        *("string", "int64", "double", "bool", "date32[day]", "timestamp[us]"),
        "decimal128(5, 2)",
    ]
    assert table.num_rows == 2
    assert tuple(table.to_pylist()[1].values())[4:] == (
        day,
        dt.datetime(2013, 1, 31, 10),  # noqa: DTZ001
        Decimal("1.00"),
    )
    assert fault("a.csv", columns={"n": {"value": "x", "type": "int8"}}) == (
        "column `n`: `x` is not of the type `int8`"
    )


def test_trimmed_then_null_then_mapped_then_converted_then_filled():
    file("a.csv", "k,n\n 1 ,5\n2,NA\n x , \n NA ,\n")
    columns = {
        "k": {
            "type": "string",
            "trim": True,
            "map": {"1": "card", "2": "cash", "NA": "never"},
            "fill": "none",
        },
        "n": {"type": "int8", "trim": True, "fill": -1},
    }
    assert rows("a.csv", columns=columns, null=["", "NA"]) == [
        ("card", 5),
        ("cash", -1),
        ("x", -1),
        ("none", -1),
    ]


def test_a_map_makes_values_of_any_type():
    file("a.csv", "k,n\nyes,one\nno,2.5\n")
    columns = {
        "k": {"type": "bool", "map": {"yes": True, "no": False}},
        "n": {"type": "decimal(5, 2)", "map": {"one": 1.5}},
    }
    assert rows("a.csv", columns=columns) == [(True, Decimal("1.50")), (False, Decimal("2.50"))]
    file("a.parquet", "")
    pq.write_table(pa.table({"k": [1, 2, None]}), "a.parquet")
    columns = {"k": {"type": "string", "map": {"1": "card"}}}
    assert rows("a.parquet", columns=columns) == [("card",), ("2",), (None,)]


@pytest.mark.parametrize(
    ("format", "text", "moment"),
    [
        ("%d.%m.%Y %H:%M", "31.01.2013 10:30", "2013-01-31 10:30:00"),
        ("%d.%m.%Y %H:%M", " 1.1.2013 9:05 ", "2013-01-01 09:05:00"),
        ("%d.%m.%Y %H:%M", "31.02.2013 10:30", None),
        ("%d.%m.%Y %H:%M", "29.02.2012 10:30", "2012-02-29 10:30:00"),
        ("%d.%m.%Y %H:%M", "31.01.2013 24:30", None),
        ("%d.%m.%Y %H:%M", "31.01.2013 10:30 h", None),
        ("%d.%m.%Y %H:%M", "31-01-2013 10:30", None),
        ("%Y%m%d", "20130131", "2013-01-31 00:00:00"),
        ("%y/%m", "68/02", "2068-02-01 00:00:00"),
        ("%y/%m", "69/02", "1969-02-01 00:00:00"),
        ("%a, %d %b %Y %T", "Thu, 31 jan 2013 10:30:05", "2013-01-31 10:30:05"),
        ("%A %d %B %Y", "thursday 31 JANUARY 2013", "2013-01-31 00:00:00"),
        ("%F %I:%M %p", "2013-01-31 12:30 AM", "2013-01-31 00:30:00"),
        ("%F %I:%M %p", "2013-01-31 12:30 pm", "2013-01-31 12:30:00"),
        ("%F %I:%M %p", "2013-01-31 1:30 pm", "2013-01-31 13:30:00"),
        ("%F %I:%M %p", "2013-01-31 13:30 pm", None),
        ("%F %T.%f", "2013-01-31 10:30:05.25", "2013-01-31 10:30:05.250000"),
        ("%F %T.%f", "2013-01-31 10:30:05.1234567", None),
        ("100%% %F (%H)", "100% 2013-01-31 (10)", "2013-01-31 10:00:00"),
    ],
)
def test_formats_of_times(format, text, moment):
    """What is not a moment of the calendar is wrong, and no other moment."""
    file("a.csv", f'a,b\n"{text}",1\n')
    right, refused = apart(
        "a.csv", columns={"a": {"type": "timestamp[us]", "format": format}}, others="drop"
    )
    assert [str(row[0]) for row in right] == ([moment] if moment else [])
    assert refused == ([] if moment else [(1, "a", text, f"is not of the format `{format}`")])


def test_formats_of_dates_and_hours():
    file("a.csv", "d,t,z\n31.01.13,9:05:01,2013-01-31T10:00+0130\n")
    columns = {
        "d": {"type": "date", "format": "%d.%m.%y"},
        "t": {"type": "time[s]", "format": "%H:%M:%S"},
        "z": {"type": "timestamp[s, UTC]", "format": "%FT%H:%M%z"},
    }
    (row,) = made("a.csv", columns=columns).to_pylist()
    assert row["d"] == dt.date(2013, 1, 31)
    assert row["t"] == dt.time(9, 5, 1)
    assert row["z"].isoformat() == "2013-01-31T08:30:00+00:00"


def test_local_times():
    """A time that clocks left out or showed twice is wrong; texts that say a zone are no local times."""
    texts = ["2013-01-31 10:00", "2013-03-10 02:30", "2013-11-03 01:30", "2013-01-31 10:00Z"]
    file("a.csv", "\n".join(["t", *texts]))
    columns = {"t": {"type": "timestamp[us, UTC]", "tz": "America/New_York"}}
    right, refused = apart("a.csv", columns=columns)
    assert [row[0].isoformat() for row in right] == ["2013-01-31T15:00:00+00:00"]
    clocks = "is no time in `America/New_York`, or two: clocks were changed"
    assert refused == [
        (2, "t", texts[1], clocks),
        (3, "t", texts[2], clocks),
        (4, "t", texts[3], "is not of the type `timestamp[us]`"),
    ]
    columns["t"]["tz"] = "Mars/Base"
    assert fault("a.csv", columns=columns) == "`a.csv`: there is no time zone `Mars/Base`"


def test_how_a_text_is_read():
    """What is said here goes before what is said of the source."""
    text = "a;b\n'1,5;';é\n2;NA\n".encode("latin-1")
    source = view(file("a.csv", text), null=("x",), read={"delimiter": "|", "encoding": "latin-1"})
    options = {"delimiter": ";", "quote": "'", "decimal": ","}
    assert rows([source], read=options, null=["NA"]) == [("1,5;", "é"), ("2", None)]
    file("b.csv", "1,5;x\n")
    columns = {"n": {"from": "f0", "type": "double"}}
    options = {"delimiter": ";", "decimal": ",", "header": False}
    assert rows("b.csv", read=options, columns=columns) == [(1.5, "x")]


# Several files


def test_files_of_any_formats_are_one_table_by_column_name():
    """Rows in the order of the files; a column that only some have is null elsewhere."""
    file("a.csv", "a,b,c\n1,x,5\n")
    file("b.jsonl", '{"b":"y","a":2}\n{"a":3,"d":true}\n')
    pq.write_table(pa.table({"b": ["z"], "a": pa.array([4], pa.int32())}), "c.parquet")
    pa.feather.write_feather(pa.table({"a": [5.0]}), "d.arrow")
    pa.orc.write_table(pa.table({"a": ["6"]}), "e.orc")
    file("f.tsv.gz", gzip.compress(b"a\tb\n7\tw\n"))
    views = [
        view(name) for name in ("a.csv", "b.jsonl", "c.parquet", "d.arrow", "e.orc", "f.tsv.gz")
    ]
    table = made(views, columns={"a": "int64"})
    assert table.column("a").to_pylist() == [1, 2, 3, 4, 5, 6, 7]
    assert table.column("b").to_pylist() == ["x", "y", None, "z", None, None, "w"]
    assert table.schema.names == ["a", "b", "c", "d"]
    assert table.column("d").to_pylist() == [None, None, True, None, None, None, None]


def test_types_that_differ_are_an_error_that_shows_them():
    pq.write_table(pa.table({"a": [1], "b": [1]}), "a.parquet")
    pq.write_table(pa.table({"a": [1], "b": ["x"]}), "b.parquet")
    views = [view("a.parquet", "b.parquet")]
    assert fault(views, columns={"a": "int8"}) == (
        "the column `b` has more than one type\n"
        "  `a.parquet`: int64\n"
        "  `b.parquet`: string\n"
        "  hint: bring them to one type with `standardize`"
    )
    assert rows(views, columns={"b": "string"}) == [("1", 1), ("x", 1)]


def test_columns_of_folders_and_instances():
    """Folders `key=value` and foreach variables are columns of texts, which may be converted."""
    file("t/month=01/a.csv", "a\n1\n")
    file("t/month=02/a.csv", "a\n2\n")
    views = [View("x", (Piece(("t",), {"site": "5", "a": "9"}),))]
    assert rows(views, columns={"month": "int8"}) == [(1, 1, "5"), (2, 2, "5")]


def test_only_what_a_view_shows():
    file("a.csv", "a,b\n1,2\n")
    views = [View("x", (Piece(("a.csv",)),), columns=frozenset(["a"]))]
    assert rows(views) == [(1,)]
    assert fault(views, columns={"b": "int8"}).startswith("`a.csv` has no column `b`")


# Wrong rows


def test_the_first_wrong_row_ends_it():
    """It is named with file, row, column, value and reason; nothing is left."""
    file("a.csv", "a,b\n1,x\n2,y\n3,\n")
    named = view("a.csv")
    table = {"columns": {"b": "string not null", "a": "int8"}}
    assert fault([named], **table) == "`a.csv`: row 3, column `b` is null"
    file("b.csv", "a,b\n1,x\n999,\n")
    assert fault("b.csv", **table) == "`b.csv`: row 2, column `b` is null"
    file("b.csv", "a,b\n999,x\n1,\n")
    assert fault("b.csv", **table) == "`b.csv`: row 1, column `a`: `999` is not of the type `int8`"
    with pytest.raises(TableError, match=r"^`raw b`: row 1,"):
        standardize(
            standard(table), [view("b.csv")], ["o.parquet"], shown=lambda path: f"raw {path[0]}"
        )


def test_errors_name_files_as_they_are_shown():
    """Those of a whole file, too, and those that show several."""
    file("t/a.csv", "a\n")
    pq.write_table(pa.table({"a": [1]}), "t/b.parquet")
    pq.write_table(pa.table({"a": ["x"]}), "t/c.parquet")
    folder = os.path.abspath("t")

    def said(table, *paths):
        views = [view(*(os.path.join(folder, path) for path in paths))]
        with pytest.raises(TableError) as caught:
            standardize(standard(table), views, ["o.parquet"], shown=os.path.relpath)
        return str(caught.value)

    assert said({"columns": {"b": "int8"}}, "a.csv").startswith("`t/a.csv` has no column `b`")
    assert said({}, "b.parquet", "c.parquet").splitlines()[1:3] == [
        "  `t/b.parquet`: int64",
        "  `t/c.parquet`: string",
    ]


def test_quarantine_takes_each_wrong_row_once():
    """With the first thing that is wrong with it; ragged rows, too; counted by data rows."""
    file("a.csv", "a,b\n1,x\n2\n\n3,z,4\nq,z\n,\n5,5\n6")
    outcome = run("a.csv", columns={"a": "int64 not null"}, on_error="quarantine")
    assert (outcome.rows, outcome.rejected, outcome.total) == (2, 5, 7)
    assert outcome.wrong[:3] == (
        "`a.csv`: row 2 has 1 values, where there are 2 columns: 2",
        "`a.csv`: row 3 has 3 values, where there are 2 columns: 3,z,4",
        "`a.csv`: row 4, column `a`: `q` is not of the type `int64`",
    )
    assert apart("a.csv", columns={"a": "int64 not null"}) == (
        [(1, "x"), (5, "5")],
        [
            (2, None, "2", "has 1 values, where there are 2 columns"),
            (3, None, "3,z,4", "has 3 values, where there are 2 columns"),
            (4, "a", "q", "is not of the type `int64`"),
            (5, "a", None, "is null"),
            (7, None, "6", "has 1 values, where there are 2 columns"),
        ],
    )
    assert pq.read_table("rejects.parquet").column("source_file").to_pylist() == ["a.csv"] * 5


def test_rejects_are_there_when_there_are_none():
    assert apart(file("a.csv", "a\n1\n")) == ([(1,)], [])


def test_bytes_that_are_no_text():
    file("a.csv", b"a,b\n\xff,1\nx,2\n")
    assert fault("a.csv", columns={"a": "string"}, others="drop") == (
        "`a.csv`: row 1, column `a`: `\ufffd` is not UTF-8\n"
        '  hint: say how it is encoded, as in `read = { encoding = "latin-1" }`'
    )
    assert apart("a.csv", columns={"a": "string", "b": "int8"}) == (
        [("x", 2)],
        [(1, "a", "\ufffd", "is not UTF-8")],
    )


@pytest.mark.parametrize(
    ("values", "type_", "wrong"),
    [
        (pa.array([1, 300]), "int8", "300"),
        (pa.array([1.0, 1.5]), "int8", "1.5"),
        (pa.array([1.0, 1e300]), "float", "1e+300"),
        (pa.array([1, 2**60 + 1]), "double", str(2**60 + 1)),
        (pa.array([1, 1000]), "decimal(5, 2)", "1000"),
        (pa.array([Decimal("1.5"), Decimal("1.2")]), "decimal(3, 0)", "1.5"),
        (pa.array([0, 2]), "bool", "2"),
        (
            pa.array([0, 1_500_000], pa.timestamp("us")),
            "timestamp[s]",
            "1970-01-01 00:00:01.500000",
        ),
        (pa.array([0, 1], pa.timestamp("us")), "date", "1970-01-01 00:00:00.000001"),
        (pa.array(["1", "x"]), "int8", "x"),
        (pa.array(["1", "1e999"]), "double", "1e999"),
        (pa.array(["1", "0x1F"]), "int64", "0x1F"),
    ],
)
def test_nothing_is_lost_by_a_cast(values, type_, wrong):
    """What does not fit is wrong; what does is converted."""
    pq.write_table(pa.table({"a": values}), "a.parquet")
    right, refused = apart("a.parquet", columns={"a": type_})
    name = {"float": "float32", "double": "float64"}.get(type_, type_)
    assert (wrong, f"is not of the type `{name}`") in [each[2:] for each in refused]
    assert len(right) + len(refused) == len(values)


@pytest.mark.parametrize(
    ("values", "type_", "message"),
    [
        (
            pa.array([0], pa.timestamp("us")),
            "timestamp[us, UTC]",
            (
                "column `a`: `timestamp[us]` cannot become `timestamp[us, UTC]`\n"
                '  hint: say its time zone, as in `tz = "UTC"`'
            ),
        ),
        (pa.array([1]), "date", "column `a`: `int64` cannot become `date`"),
        (
            pa.array([1], pa.date32()),
            "timestamp[us, UTC]",
            (
                "column `a`: `date` cannot become `timestamp[us, UTC]`\n"
                '  hint: say its time zone, as in `tz = "UTC"`'
            ),
        ),
        (
            pa.array([{"a": 1}]),
            "struct<b: int64>",
            "column `a`: `struct<a: int64>` cannot become `struct<b: int64>`",
        ),
        (pa.array(["x"]), "list<int8>", "column `a`: a text cannot say `list<int8>`"),
    ],
)
def test_what_cannot_become_another_type(values, type_, message):
    """It is told before a row is read."""
    pq.write_table(pa.table({"a": values}), "a.parquet")
    assert fault("a.parquet", columns={"a": type_}) == f"`a.parquet`: {message}"


def test_what_must_not_be_null_inside_of_values():
    lists = pa.array([[1], [None], None, [2, None], []])
    structs = pa.array([{"b": 1}, {"b": 1}, {"b": 1}, {"b": 1}, {"b": None}])
    pq.write_table(pa.table({"a": lists, "s": structs}), "a.parquet")
    columns = {"a": "list<int8 not null>", "s": "struct<b: int8 not null>"}
    right, refused = apart("a.parquet", columns=columns)
    assert right == [([1], {"b": 1}), (None, {"b": 1})]
    assert [each[:2] for each in refused] == [(2, "a"), (4, "a"), (5, "s")]
    assert refused[0][3] == "has a null in it, where the type is `list<int8 not null>`"


def test_a_map_without_a_type_makes_texts():
    file("a.csv", "k\n1\n2\n")
    assert rows("a.csv", columns={"k": {"map": {"1": "card"}}}) == [("card",), ("2",)]


def test_numbers_that_say_dates():
    pq.write_table(pa.table({"d": [20130131, 20130230]}), "a.parquet")
    columns = {"d": {"type": "date", "format": "%Y%m%d"}}
    assert apart("a.parquet", columns=columns) == (
        [(dt.date(2013, 1, 31),)],
        [(2, "d", "20130230", "is not of the format `%Y%m%d`")],
    )


@pytest.mark.parametrize(
    "table", [{}, {"columns": {"a": "int8"}, "others": "drop"}, {"sort_by": ["a"]}]
)
def test_it_can_be_ended(table):
    """From another thread, wherever it is."""
    file("a.csv", "a\n" + "1\n" * 100)
    ending = Ending()
    ending.end()
    with pytest.raises(DatamakeError, match=r"^interrupted$"):
        standardize(standard(table), [view("a.csv")], ["o.parquet"], Limits(ending=ending))
    assert not os.path.exists("o.parquet")


def test_times_of_tables_get_their_zone():
    pq.write_table(pa.table({"a": pa.array([0], pa.timestamp("s"))}), "a.parquet")
    columns = {"a": {"type": "timestamp[us, UTC]", "tz": "+01:00"}}
    assert rows("a.parquet", columns=columns)[0][0].isoformat() == "1969-12-31T23:00:00+00:00"


def test_lines_of_json():
    """A value is what it says in whatever way; what is no object is wrong as a whole."""
    lines = [
        '{"a":1,"b":"x","c":[1,2]}',
        '{"a":"2","b":5,"c":null}',
        "{",
        "",
        '{"a":1.5,"b":true}',
        '{"a":[3],"b":"x"}',
        "[1]",
        '{"a":3,"a":4}',
        '{"a":4,"c":["x"]}',
        '{"a":5,"c":[7]}',
    ]
    file("a.jsonl", "\n".join(lines))
    columns = {"a": "int8", "b": "string", "c": "list<int8>"}
    right, refused = apart("a.jsonl", columns=columns, others="drop")
    assert right == [(1, "x", [1, 2]), (2, "5", None), (5, None, [7])]
    assert [(row, column, value) for row, column, value, _ in refused] == [
        (3, None, "{"),
        (4, "a", "1.5"),
        (5, "a", "[3]"),
        (6, None, "[1]"),
        (7, None, '{"a":3,"a":4}'),
        (8, "c", '["x"]'),
    ]
    assert fault("a.jsonl", columns=columns, others="drop").startswith(
        "`a.jsonl`: row 3 is no object: Expecting property name"
    )


@pytest.mark.parametrize("type_", ["decimal(12, 2)", "float64", "float32", "int64"])
def test_another_decimal_sign(type_):
    """Is hinted at where it may be one, and can be said."""
    hint = 'if `,` is the decimal sign: `read = { decimal = "," }`'
    for name, text in (("a.csv", 'a\n"1,50"\n'), ("b.jsonl", '{"a":"1,50"}\n')):
        file(name, text)
        said = f"`{name}`: row 1, column `a`: `1,50` is not of the type `{type_}`"
        more = f"\n  hint: {hint}" if name == "a.csv" and type_ != "int64" else ""
        assert fault(name, columns={"a": type_}) == said + more
    for text in ("1,2,3", "1.500,2", "a,1", ","):
        file("a.csv", f'a\n"{text}"\n')
        assert "hint" not in fault("a.csv", columns={"a": type_})


MIXED = '{"id": 1, "k": "a"}\n{"id": "x", "k": "b"}\n{"id": 3, "k": "c"}\n'


@pytest.mark.parametrize("others", ["keep", "drop"])
def test_lines_of_mixed_types(others):
    """A column whose type is named is what it is asked to be; the types of others are found out."""
    file("a.jsonl", MIXED)
    columns = {"id": "string", "k": "string"} if others == "drop" else {"id": "string"}
    assert rows("a.jsonl", columns=columns, others=others) == [("1", "a"), ("x", "b"), ("3", "c")]
    columns = {**columns, "id": "int64"}
    right, refused = apart("a.jsonl", columns=columns, others=others)
    assert right == [(1, "a"), (3, "c")]
    assert refused == [(2, "id", "x", "is not of the type `int64`")]


@pytest.mark.parametrize("on_error", ["fail", "quarantine"])
def test_lines_of_mixed_types_that_nobody_names(on_error):
    """They are an error, that of their row: lines before it that are no objects are counted."""
    file("a.jsonl", MIXED)
    assert fault("a.jsonl", columns={"k": "string"}, on_error=on_error) == (
        '`a.jsonl`: row 2, column `id`: changed from number to string\n  {"id": "x", "k": "b"}'
    )
    file("b.jsonl", '{"k": 0.1}\n{nothing\n{"k": "s", "id": 1.5}\n{"id": false}\n')
    number = fault("b.jsonl", columns={"k": "string"}, on_error=on_error).splitlines()[0]
    assert (
        number
        == {
            "fail": "`b.jsonl`: row 2: missing a name for object member",
            "quarantine": "`b.jsonl`: row 4, column `id`: changed from number to boolean",
        }[on_error]
    )


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "`a.csv` is empty: it has no header"),
        ("a.csv", b"a,b,a\n1,2,3\n", "`a.csv` has more than one column `a`"),
        ("a.csv", b'a\n1\n"2\n', "`a.csv`: row 2, column `a`: a quote is opened and never closed"),
        (
            "a.csv.gz",
            gzip.compress(b"a\n" + b"1\n" * 9999, mtime=0)[:-9],
            "`a.csv.gz` cannot be read as CSV",
        ),
        (
            "a.jsonl.bz2",
            bz2.compress(b"{}\n" * 99)[:-9],
            "`a.jsonl.bz2` cannot be read as JSON lines",
        ),
        ("a.parquet", b"PAR1", "`a.parquet` cannot be read as Parquet"),
        ("a.txt", b"a\n1\n", "`a.txt` is not a table by its ending"),
        ("a.csv", b"a;b\n1;2\n", "`a.csv` has one column, `a;b`"),
        ("a.jsonl", b'{"a":"\xff"}\n', "`a.jsonl`: row 1 is not UTF-8"),
    ],
)
@pytest.mark.parametrize("on_error", ["fail", "quarantine"])
def test_files_that_are_wrong_as_a_whole(name, content, message, on_error):
    """They are an error in quarantine too: nobody knows which of their rows are right."""
    assert fault(file(name, content), on_error=on_error).startswith(message)


def test_a_byte_order_mark_is_no_part_of_a_name():
    assert made(file("a.csv", "\ufeffa,b\n1,2\n"), columns={"a": "int8"}).schema.names == ["a", "b"]


def test_two_columns_of_one_name():
    pq.write_table(pa.table([[1], [2]], ["a", "a"]), "a.parquet")
    assert fault("a.parquet") == (
        "`a.parquet` has more than one column `a`\n  hint: columns are told apart by their names"
    )


def test_no_columns_and_no_files():
    file("a.csv", "a\n1\n")
    assert fault("a.csv", others="drop") == "there are no columns\n  hint: name them in `columns`"
    assert fault([]) == "a table needs a file"


# Whole rows


ROWS = "id,n,s\n2,5,b\n1,7,a\n2,3,B\n,1,a\n3,,\n1,9,z\n"


@pytest.mark.parametrize(
    ("table", "ids"),
    [
        ({"filter": "n > 3"}, [2, 1, 1]),
        ({"filter": "n > 3 -- or less\n and s <> 'a'"}, [2, 1]),
        ({"filter": "TRUE"}, [2, 1, 2, None, 3, 1]),
        ({"drop_duplicates": ["id"]}, [2, 1, None, 3]),
        ({"drop_duplicates": True}, [2, 1, 2, None, 3, 1]),
        ({"sort_by": ["id"]}, [1, 1, 2, 2, 3, None]),
        ({"sort_by": ["-id", "-n"]}, [3, 2, 2, 1, 1, None]),
        ({"sort_by": ["s"]}, [2, 1, None, 2, 1, 3]),
        ({"sort_by": ["-n"], "drop_duplicates": ["id"], "filter": "n < 9"}, [1, 2, None]),
    ],
)
def test_rows_are_filtered_told_apart_and_sorted(table, ids):
    """In this order: filter, first of those alike, order; ties and nulls stay as they were read."""
    pytest.importorskip("duckdb")
    found = rows(file("a.csv", ROWS), columns={"id": "int8", "n": "int8"}, **table)
    assert [row[0] for row in found] == ids


@pytest.mark.parametrize(
    "type_",
    [
        *("float16", "duration[ns]", "timestamp[ns, America/New_York]", "time[ns]", "timestamp[s]"),
        *("decimal(38, 3)", "uint64", "binary[3]", "date64"),
    ],
)
def test_values_come_out_of_sql_as_they_went_in(type_):
    """Those of types that DuckDB has not, too."""
    pytest.importorskip("duckdb")
    texts = {"date64": "2013-01-31", "binary[3]": "abc", "time[ns]": "10:00:00.123456789"}
    stamp = "2013-01-31 10:00:00.123456789Z"
    text = texts.get(type_, "7" if "stamp" not in type_ else stamp[: 19 if "[s]" in type_ else 30])
    file("a.csv", f"a,n\n{text},1\n,2\n{text},3\n")
    plain = made("a.csv", columns={"a": type_})
    sorted_ = made("a.csv", columns={"a": type_}, sort_by=["-n"])
    assert sorted_.schema == plain.schema
    assert sorted_.equals(plain.take([2, 1, 0]))
    assert made("a.csv", columns={"a": type_}, drop_duplicates=["a"]).equals(plain.slice(0, 2))


@told_by_duckdb_2
@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            {"filter": "m > 1"},
            ("there is no column `m`\n  1 | m > 1\n    | ^"),
        ),
        (
            {"filter": "a > random()"},
            (
                "`random()` is left to chance\n"
                "  1 | a > random()\n"
                "    |     ^^^^^^^^\n"
                "  hint: take it from a column, as `hash(id)` does"
            ),
        ),
        (
            {"filter": "a IN (SELECT a FROM this)"},
            (
                "a filter sees the columns of one row alone\n"
                "  1 | a IN (SELECT a FROM this)\n"
                "    |                     ^^^^"
            ),
        ),
        (
            {"filter": "a > 0 and\n  this.aa > 1"},
            (
                "there is no column `aa`\n"
                "  2 |   this.aa > 1\n"
                "    |   ^^^^^^^\n"
                "  hint: did you mean `a`?"
            ),
        ),
        ({"filter": "a > (1"}, "syntax error at or near `)`\n  1 | a > (1\n    |      ^"),
        ({"filter": "a > 1; SELECT 1"}, "syntax error at or near `;`"),
        ({"filter": "b::int > 1"}, "could not convert string 'x' to INT32"),
        ({"sort_by": ["-bb"]}, "`sort_by` has `bb`, which is no output column"),
        ({"columns": {"a": "decimal(40, 2)"}, "sort_by": ["a"]}, "column `a`: SQL has no values"),
    ],
)
def test_what_sql_cannot_do(table, message):
    pytest.importorskip("duckdb")
    file("a.csv", "a,b\n1,x\n")
    assert fault("a.csv", **{"columns": {"a": "int8"}, **table}).startswith(message)


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_a_column_without_a_name(name):
    """Has values as all others have: pandas writes the index of a frame so."""
    if name == "a.parquet":
        pq.write_table(pa.table({"": [7, 8], "b": ["x", "y"]}), name)
    else:
        file(name, ",b\n7,x\n8,y\n" if name == "a.csv" else '{"":7,"b":"x"}\n{"":8,"b":"y"}\n')
    assert made(name).to_pylist() == [{"": 7, "b": "x"}, {"": 8, "b": "y"}]
    columns = {"id": {"from": "", "type": "int8"}, "c": {"value": "k"}}
    assert made(name, columns=columns, others="drop").to_pylist() == [
        {"id": 7, "c": "k"},
        {"id": 8, "c": "k"},
    ]


def test_names_that_sql_cannot_say():
    """As that of an index, which pandas writes without one."""
    pytest.importorskip("duckdb")
    file("a.csv", ",b,n\0l\n1,x,q\n2,y,p\n1,z,r\n2,y,p\n")
    table = {"sort_by": ["n\0l"], "drop_duplicates": ["", "b"], "filter": "b > 'w'"}
    assert made("a.csv", **table).to_pylist() == [
        {"": 2, "b": "y", "n\0l": "p"},
        {"": 1, "b": "x", "n\0l": "q"},
        {"": 1, "b": "z", "n\0l": "r"},
    ]


def test_wrong_rows_are_told_through_sql():
    """An error while DuckDB asks for rows is the error; quarantine is as without it."""
    pytest.importorskip("duckdb")
    file("a.csv", "a,b\n1,x\nq,y\n3,z\n")
    table = {"columns": {"a": "int8"}, "sort_by": ["-a"]}
    assert fault("a.csv", **table) == "`a.csv`: row 2, column `a`: `q` is not of the type `int8`"
    assert apart("a.csv", **table) == (
        [(3, "z"), (1, "x")],
        [(2, "a", "q", "is not of the type `int8`")],
    )


# All of it, against a naive model

CELLS = ["1", "-5", "300", "x", "", "NA", "1.5", " 7 ", "2013-01-31", "2013-02-30", '"a,b"', "é"]
TABLE = {
    "null": ["", "NA"],
    "columns": {
        "i": "int8 not null",
        "f": {"from": "n", "type": "decimal(5, 1)", "fill": 0},
        "d": "date",
        "s": {"type": "string", "trim": True, "map": {"x": "mapped"}},
    },
}


def number(text, pattern):
    return re.fullmatch(pattern, text.strip()) and Decimal(text.strip())


def model(cells):
    """The row that four texts come to, or the first column that is wrong."""
    i, n, d, s = (None if cell in ("", "NA") else cell.strip('"') for cell in cells)
    whole = i and number(i, "-?[0-9]+")
    if whole is None or not -128 <= whole <= 127:
        return "i"
    value = 0 if n is None else number(n, "-?[0-9.]+")
    if value is None:
        return "n"
    day = None
    if d is not None:
        try:
            day = dt.date.fromisoformat(d.strip())
        except ValueError:
            return "d"
    text = None if s is None or s.strip() in ("", "NA") else s.strip()
    return int(whole), value, day, "mapped" if text == "x" else text


@settings(deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from(CELLS), min_size=4, max_size=4) | st.just(["1"] * 3), max_size=40
    ),
    st.integers(40, 200),
)
def test_each_wrong_row_is_found(drawn, block):
    """However the rows are cut: those are right, and those are refused, that are so one by one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "BLOCK", block)
        file("h.csv", "i,n,d,s\n" + "".join(",".join(row) + "\n" for row in drawn))
        right, refused = apart("h.csv", **TABLE)
    wanted = [model(row) if len(row) == 4 else None for row in drawn]
    assert right == [each for each in wanted if isinstance(each, tuple)]
    assert [each[:2] for each in refused] == [
        (at, each) for at, each in enumerate(wanted, 1) if not isinstance(each, tuple)
    ]
    assert [each[2] for each in refused if each[1]] == [
        value_of(row, column)
        for row, column in zip(drawn, wanted, strict=True)
        if isinstance(column, str)
    ]


def value_of(row, column):
    """The text of a column as it is in a file."""
    text = row["ind".index(column)].strip('"')
    return None if text in ("", "NA") else text


@settings(deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(CELLS), min_size=4, max_size=4), max_size=20),
    st.integers(40, 200),
)
def test_every_format_says_the_same(drawn, block):
    """Texts in CSV, JSON lines and Parquet come to the same rows and the same refused ones."""
    cells = [[cell.strip('"') for cell in row] for row in drawn]
    file("h.csv", "i,n,d,s\n" + "".join(",".join(row) + "\n" for row in drawn))
    lines = [json.dumps(dict(zip("inds", row, strict=True))) + "\n" for row in cells]
    file("h.jsonl", "".join(lines))
    columns = [pa.array([row[at] for row in cells], pa.string()) for at in range(4)]
    pq.write_table(pa.table(columns, list("inds")), "h.parquet", row_group_size=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "BLOCK", block)
        patch.setattr(jsonlines, "PIECE", block)
        found = [
            apart(f"h.{ending}", **TABLE, others="drop") for ending in ("csv", "jsonl", "parquet")
        ]
    for right, refused in found[1:]:
        assert right == found[0][0]
        assert [each[:2] for each in refused] == [each[:2] for each in found[0][1]]


# Figures that hold


def test_memory_does_not_grow(monkeypatch):
    """No more batches are read ahead than may be, and none is kept."""
    alive, most = [], []

    class Counted(feeds.Chunk):
        __slots__ = ("__weakref__",)

    real = feeds.DelimitedFeed.chunks

    def chunks(self, wanted):
        for each in real(self, wanted):
            counted = Counted(each.batch, each.first, each.gaps, each.refused)
            alive.append(weakref.ref(counted))
            most.append(sum(ref() is not None for ref in alive))
            yield counted

    monkeypatch.setattr(delimited, "BLOCK", 1 << 10)
    monkeypatch.setattr(feeds.DelimitedFeed, "chunks", chunks)
    file("a.csv", "a\n" + "12345\n" * 20_000)
    assert run("a.csv", columns={"a": "int64"}) == Outcome(20_000, 0, 20_000)
    assert len(most) > 50
    assert max(most) <= 8


def test_the_same_rows_are_the_same_bytes(monkeypatch):
    """However they come."""
    text = "a,b\n" + "".join(f"{n},x{n % 7}\n" for n in range(5000))
    file("a.csv", text)
    found = set()
    for block in (1 << 12, 1 << 20):
        monkeypatch.setattr(delimited, "BLOCK", block)
        run("a.csv", columns={"a": "int64"})
        with open("out.parquet", "rb") as out:
            found.add(out.read())
    assert len(found) == 1


def test_the_flights():
    """Three months, typed; the flights without a departure time are those that have none."""
    numbers = ["year", "month", "day", "dep_time", "dep_delay", "distance"]
    columns = {**dict.fromkeys(numbers, "int32"), "time_hour": "timestamp[us, UTC]"}
    names = [os.path.join(FLIGHTS, f"flights-2013-0{month}.csv.gz") for month in (1, 2, 3)]
    table = made([view(*names)], columns=columns, null=["", "NA"])
    assert (table.num_rows, table.column("dep_time").null_count) == (80_789, 2_643)
    assert table.column("time_hour")[0].as_py().isoformat() == "2013-01-01T10:00:00+00:00"
    pytest.importorskip("duckdb")
    kept = made([view(*names)], columns=columns, null=["", "NA"], filter="dep_time IS NULL")
    assert kept.equals(table.filter(table.column("dep_time").is_null()))


def test_duckdb_is_asked_for_where_it_takes_it(monkeypatch):
    """A hint says how it is installed; nothing else loads it."""
    file("a.csv", "a\n1\n")
    monkeypatch.setitem(sys.modules, "duckdb", None)
    assert rows("a.csv", columns={"a": "int8"}) == [(1,)]
    with pytest.raises(EnvironmentFailed) as caught:
        run("a.csv", sort_by=["a"])
    assert str(caught.value) == (
        "this needs DuckDB\n  hint: install it: `pip install 'datamake[sql]'`"
    )


def test_a_table_has_no_million_columns():
    """Told by the header, before a row is read."""
    header = ",".join(f"c{n}" for n in range(100_001))
    assert fault(file("a.csv", f"{header}\n")) == (
        "`a.csv` has 100,001 columns, and a table at most 100,000\n"
        "  hint: put what is so wide into rows, or take it by its bytes"
    )


def test_what_is_wrong_is_not_looked_at_again_and_again():
    """Where all of it is: each value once, and hardly more, whatever is around it."""
    asked = []

    def convert(values):
        asked.append(len(values))
        return values.cast(pa.int64())

    texts = pa.array([f"x{number}" for number in range(1000)] + ["1", None])
    made, wrong = casting.apart(texts, convert, all_rows=True)
    assert (made[1000:].to_pylist(), wrong) == ([1, None], list(range(1000)))
    assert len(asked) < 1500
    slices = [pa.array(["0x1", "2", "3"]).slice(at, 1) for at in (1, 2)]
    assert [casting.told(each, pa.int64()).to_pylist() for each in slices] == [[2], [3]]
    with pytest.raises(pa.ArrowInvalid):
        casting.told(pa.array(["1", "0x1"]).slice(1), pa.int64())
