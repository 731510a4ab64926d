"""`standardize`: its shape, what is wrong with it, and what of it counts."""

from __future__ import annotations

import datetime as dt

import pytest
import tomli
from jsonschema import Draft202012Validator

from datamake.datafile.standard import STANDARDIZE, Column, Standard, faults, standard, text_of
from datamake.datafile.types import parsed

WHOLE = """
null = ["", "NA"]
read = { delimiter = ";", quote = "'", encoding = "latin-1", decimal = ",", header = true }
others = "drop"
filter = "fare > 0"
drop_duplicates = ["id"]
sort_by = ["picked_up_at", "-fare"]
on_error = "quarantine"
rejects = "bad/{month}.parquet"
[columns]
id = "int64 not null"
fare = { from = "Fare_amt", type = "decimal(10, 2)", fill = 0 }
kind = { type = "string", trim = true, map = { "1" = "card", "2" = "cash" } }
picked_up_at = { from = "pickup", type = "timestamp[us, UTC]", format = "%d.%m.%Y %H:%M", tz = "America/New_York" }
month = { value = "{month}" }
"""


def wrong(text):
    """The messages for a table, of its shape or else of what it says."""
    table = tomli.loads(text)
    keys = ("targets", "t", "standardize")
    found = [] if STANDARDIZE.fits(table) else [*STANDARDIZE.faults(table, keys)]
    return [str(each) for each in found or faults(table)]


def test_every_key_fits():
    """What the reference has as its example is right, here and in the JSON Schema."""
    table = tomli.loads(WHOLE)
    assert wrong(WHOLE) == []
    assert {*table} == {key.name for key in STANDARDIZE}
    Draft202012Validator.check_schema(STANDARDIZE.schema())
    assert [*Draft202012Validator(STANDARDIZE.schema()).iter_errors(table)] == []


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        (
            "columns = { a = 'int46' }",
            ["`standardize.columns.a`: `int46` is not a type; did you mean `int64`?"],
        ),
        (
            "columns = { a = { type = 'timestamp' } }",
            ["`standardize.columns.a.type`: `timestamp` needs a unit, as in `timestamp[us]`"],
        ),
        (
            "columns = { a = { typ = 'int64' } }",
            ["unknown key `standardize.columns.a.typ`\n  hint: did you mean `type`?"],
        ),
        (
            "columns = { a = 1 }",
            ['`standardize.columns.a` must be a type like `"int64"`, or a table, not the number 1'],
        ),
        (
            "columns = { a = { type = 'date', format = '%d.%Q' } }",
            [
                (
                    "`standardize.columns.a.format` has `%Q`, which is none of "
                    "%Y %y %m %b %B %d %a %A %H %I %p %M %S %f %z %F %T %%"
                )
            ],
        ),
        (
            "columns = { a = { type = 'timestamp[us, UTC]', tz = 'Europe/Berln' } }",
            [
                (
                    "`standardize.columns.a.tz`: there is no time zone `Europe/Berln`; "
                    "did you mean `Europe/Berlin`?"
                )
            ],
        ),
        (
            "columns = { a = 'list<timestamp[us, Europ]>' }",
            ["`standardize.columns.a`: there is no time zone `Europ`; did you mean `Europe/Rome`?"],
        ),
        (
            "read = { encoding = 'latin-99' }",
            [
                (
                    "`standardize.read.encoding`: there is no encoding `latin-99`; "
                    "did you mean `latin-1`?"
                )
            ],
        ),
        (
            "read = { encoding = 'base64' }",
            ["`standardize.read.encoding`: there is no encoding `base64`"],
        ),
        (
            "others = 'kep'",
            ["`standardize.others` must be `keep`, `drop` or `fail`, not the string `kep`"],
        ),
        (
            "on_error = 'skip'",
            ["`standardize.on_error` must be `fail` or `quarantine`, not the string `skip`"],
        ),
        ("null = ''", ["`standardize.null` must be a list of strings, not the string ``"]),
        (
            "read = { delimiter = '||', decmal = ',' }",
            [
                "`standardize.read.delimiter` must be one character, not the string `||`",
                "unknown key `standardize.read.decmal`\n  hint: did you mean `decimal`?",
            ],
        ),
        (
            "drop_duplicates = 'id'",
            [
                (
                    "`standardize.drop_duplicates` must be `true`, `false` or a list of columns, "
                    "not the string `id`"
                )
            ],
        ),
        ("columns = { '' = 'int64' }", ["`` is not a name\n  hint: a column has a name"]),
    ],
)
def test_what_has_another_shape(text, messages):
    """Each mistake is named, with what may have been meant."""
    assert wrong(text) == messages


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        (
            "columns = { a = { type = 'timestamp[us]', tz = 'UTC' } }",
            [
                "column `a`: `tz` needs a type with a zone\n  hint: as in `timestamp[us, UTC]`",
            ],
        ),
        (
            "columns = { a = { type = 'int64', format = '%d' } }",
            [
                (
                    "column `a`: `format` needs a type of dates or times\n"
                    "  hint: as in `date` or `timestamp[us]`"
                )
            ],
        ),
        (
            "columns = { a = { type = 'date', format = '%d.%m.' } }",
            ["column `a`: `format` has no `%Y`\n  the type is `date`"],
        ),
        (
            "columns = { a = { type = 'time', format = '%M' } }",
            ["column `a`: `format` has no `%H`\n  the type is `time`"],
        ),
        (
            "columns = { a = { type = 'time', format = '%I:%M' } }",
            ["column `a`: `format` has `%I` and no `%p`"],
        ),
        (
            "columns = { a = { type = 'date', format = '%F %d' } }",
            ["column `a`: `format` has `%d` more than once"],
        ),
        (
            "columns = { a = { type = 'timestamp[us, UTC]', format = '%F %T' } }",
            [
                'column `a`: nothing says the time zone of its texts\n  hint: say it, as in `tz = "UTC"`'
            ],
        ),
        (
            "columns = { a = { type = 'timestamp[us]', format = '%F %T%z' } }",
            ["column `a`: `%z` in `format` does not go with the type `timestamp[us]`"],
        ),
        (
            "columns = { a = { type = 'timestamp[us, UTC]', format = '%F %T%z', tz = 'UTC' } }",
            ["column `a`: `%z` in `format` does not go with `tz`"],
        ),
        (
            "columns = { a = { value = 1, fill = 2 } }",
            ["column `a` has both `value` and `fill`"],
        ),
        (
            "others = 'drop'\nsort_by = ['-fair']\ndrop_duplicates = ['x']\ncolumns = { fare = 'int8' }",
            [
                "`drop_duplicates` has `x`, which is no output column",
                "`sort_by` has `fair`, which is no output column\n  hint: did you mean `fare`?",
            ],
        ),
        (
            "rejects = 'x.parquet'",
            [('`rejects` takes rows only in quarantine\n  hint: say `on_error = "quarantine"`')],
        ),
        (
            "others = 'drop'\nsort_by = ['a desc', 'a ASC']\ncolumns = { a = 'int8' }",
            [
                "`sort_by` has `a desc`, which is no output column\n  hint: `-a` says that",
                "`sort_by` has `a ASC`, which is no output column\n  hint: `a` says that",
            ],
        ),
        ("sort_by = ['x']", []),
        ("columns = { a = { type = '{params.type}', tz = 'UTC' } }", []),
        ("columns = { a = { type = 'timestamp[us, UTC]', tz = '{params.zone}' } }", []),
        ("columns = { a = { type = 'timestamp[us, -02:30]', tz = 'Asia/Tokyo' } }", []),
        ("read = { encoding = '{params.encoding}' }", []),
        ("read = { encoding = 'CP1252' }", []),
    ],
)
def test_what_does_not_go_together(text, messages):
    assert wrong(text) == messages


def test_the_value():
    """Defaults are those of the reference; a type alone is a column of the same name."""
    assert standard({}) == Standard()
    made = standard(tomli.loads(WHOLE))
    assert made.columns[0] == Column("id", "id", parsed("int64 not null"))
    assert made.columns[1] == Column("fare", "Fare_amt", parsed("decimal(10, 2)"), 0)
    assert made.columns[4] == Column("month", constant="{month}")
    assert (made.distinct, made.all_distinct, made.quarantine, made.engine) == (
        ("id",),
        False,
        True,
        True,
    )
    assert not standard({"columns": {"a": "int64"}, "filter": " "}).engine
    with pytest.raises(ValueError, match="`int` is not a type; did you mean `int64`"):
        standard({"columns": {"a": "int"}})


def test_what_counts_is_readable():
    """A line for each thing, in words that stay; a difference of lines tells what has changed."""
    assert text_of(standard(tomli.loads(WHOLE))).splitlines() == [
        "column 'id': int64 not null",
        "column 'fare': decimal(10, 2), from 'Fare_amt', fill 0",
        "column 'kind': string, trim, map '1' 'card', map '2' 'cash'",
        (
            "column 'picked_up_at': timestamp[us, UTC], from 'pickup', "
            "format '%d.%m.%Y %H:%M', tz America/New_York"
        ),
        "column 'month': value '{month}'",
        "others: drop",
        "null: '', 'NA'",
        "read.decimal: ','",
        "read.delimiter: ';'",
        "read.encoding: 'latin-1'",
        "read.header: True",
        'read.quote: "\'"',
        "filter: fare > 0",
        "drop_duplicates: 'id'",
        "sort_by: 'picked_up_at', '-fare'",
        "on_error: quarantine",
    ]
    assert text_of(Standard()) == ""


def test_what_means_the_same_counts_the_same():
    """Other ways to write a type, the order of a map and of null texts, what is default anyway."""
    one = {
        "columns": {"a": {"type": "decimal(5,2)", "map": {"x": "1", "y": 2}}},
        "null": ["a", "b"],
    }
    other = {
        "columns": {"a": {"type": "decimal(5, 2)", "map": {"y": 2, "x": "1"}, "from": "a"}},
        "null": ["b", "a"],
        "others": "keep",
        "on_error": "fail",
        "rejects": "elsewhere.parquet",
    }
    assert text_of(standard(one)) == text_of(standard(other))
    moment = tomli.loads("a = 2013-01-01T00:00:00")["a"]
    values = [1, 1.0, "1", True, dt.date(2013, 1, 1), dt.time(10), moment]
    texts = {text_of(standard({"columns": {"a": {"value": each}}})) for each in values}
    assert len(texts) == len(values)
