"""Schemas and checks as a Datafile says them: what is right, what is wrong and where, what counts."""

from __future__ import annotations

import pytest
import tomli
from jsonschema import Draft202012Validator

from datamake.datafile import check_forms
from datamake.datafile.checks import (
    Check,
    Column,
    Schema,
    broken,
    checks_of,
    fields,
    referred,
    schema_of,
)

EVERYTHING = """
schema_mode = "subset"
[schema]
id = { type = "int64 not null", description = "order number", unique = true, not_null = true }
"a b" = "float"
kind = { type = "string", accepted = ["card", "cash"], matches = '^[[:alpha:]&&]{3,}\\b$' }
at = { type = "timestamp[us, UTC]", between = [2013-01-01, 2013-12-31], fresh = "2d" }
shop = { type = "int32", references = "sales.shops.id" }
[[checks]]
rows = { min = 1, max = 10 }
[[checks]]
not_null = ["id", "kind"]
where = '''
  kind = 'card'
  -- or not
'''
severity = "warn"
[[checks]]
unique = ["id", ["kind", "at"]]
name = "keys"
[[checks]]
accepted = { kind = ["card"], shop = [1, 2] }
[[checks]]
between = { id = [0, 1e9] }
[[checks]]
references = { shop = "sales.shops.id" }
[[checks]]
fresh = { at = 3600 }
[[checks]]
volume = "12.5%"
[[checks]]
sql = "SELECT * FROM this WHERE id % 2 = 1 -- all that are odd, of whatever kind they may be"
"""
SHAPES = {key.name: key.shape for key in check_forms.KEYS}


def declared(text):
    table = tomli.loads(text)
    assert all(SHAPES[key].fits(value) for key, value in table.items())
    return table


def complaints(text):
    """What is wrong with each key of a target, `KEYS -> message`."""
    found = []
    table = tomli.loads(text)
    for key, value in table.items():
        if not SHAPES[key].fits(value):
            found += SHAPES[key].faults(value, ("targets", "t", key))
    found = found or list(broken(table))
    return "\n".join(str(problem) for problem in found)


def test_all_that_may_be_said():
    """A column is a type or a table; each table of `checks` is one check, or one for each column."""
    table = declared(EVERYTHING)
    assert schema_of(table) == Schema(
        (
            Column("id", "int64 not null", "order number"),
            Column("a b", "float32"),
            Column("kind", "string"),
            Column("at", "timestamp[us, UTC]"),
            Column("shop", "int32"),
        ),
        "subset",
    )
    assert schema_of(table).types["id"] == "int64 not null"
    assert schema_of({}) is None
    checks = checks_of(table)
    assert [check.name for check in checks] == [
        "not_null(id)",
        "unique(id)",
        "accepted(kind)",
        "matches(kind)",
        "between(at)",
        "fresh(at)",
        "references(shop)",
        "rows",
        "not_null(id, kind) where kind = 'card' -- or not",
        "keys(id)",
        "keys(kind, at)",
        "accepted(kind) 2",
        "accepted(shop)",
        "between(id)",
        "references(shop) 2",
        "fresh(at) 2",
        "volume",
        "sql(SELECT * FROM this WHERE id % 2 = 1 -- all that are o...",
    ]
    assert checks[8] == Check(
        "not_null", checks[8].name, ("id", "kind"), (), "warn", "kind = 'card'\n  -- or not"
    )
    assert [check.arguments for check in checks if check.kind in ("rows", "fresh", "volume")] == [
        (172800.0,),
        (1, 10),
        (3600.0,),
        (0.125,),
    ]
    assert [check.name for check in checks if not check.timeless] == [
        "fresh(at)",
        "fresh(at) 2",
        "volume",
    ]


def test_the_json_schema_takes_what_is_right():
    """Editors agree about what there may be, and refuse two kinds in one check."""
    table = tomli.loads(EVERYTHING)
    del table["schema"]["at"]["between"]  # JSON has no dates
    for key, shape in SHAPES.items():
        Draft202012Validator.check_schema(shape.schema())
        Draft202012Validator(shape.schema()).validate(table[key])
    both = [{"not_null": ["a"], "unique": ["a"]}]
    assert not Draft202012Validator(SHAPES["checks"].schema()).is_valid(both)


def test_what_is_referred_to_becomes_an_edge():
    """The last dot parts the column from a name, which may have a name space."""
    assert referred(checks_of(declared(EVERYTHING))) == (("sales.shops", "id"),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("schema = {}", "`schema` is empty"),
        ("schema = { a = 'innt64' }", "`schema.a`: `innt64` is not a type; did you mean `int64`?"),
        (
            "schema = { a = { type = 'decimal(1)' } }",
            "`schema.a.type`: `decimal(1)` needs precision and scale, as in `decimal(12, 2)`",
        ),
        (
            "schema = { a = { typ = 'int64' } }",
            "unknown key `schema.a.typ`\n  hint: did you mean `type`?",
        ),
        ("schema = { a = { description = 'x' } }", "`schema.a` needs `type`"),
        (
            "schema = { a = { type = 'int64', unique = false } }",
            "`schema.a.unique` must be `true`, not `false`",
        ),
        (
            "schema = { a = 3 }",
            "`schema.a` must be a type, or a table with `type`, not the number 3",
        ),
        ("schema_mode = 'exact'", "`schema_mode` does nothing without `schema`"),
        (
            "schema_mode = 'loose'",
            "`schema_mode` must be `exact` or `subset`, not the string `loose`",
        ),
        (
            "checks = { rows = { min = 1 } }",
            "`checks` must be a list of tables, each one check, not a table",
        ),
        (
            "checks = [{ betwen = { a = [1, 2] } }]",
            "unknown key `checks[0].betwen`\n  hint: did you mean `between`?",
        ),
        (
            "checks = [{ name = 'x' }]",
            (
                "a check needs to say what it checks\n  one of: `rows`, `not_null`, `unique`, "
                "`accepted`, `between`, `matches`, `references`, `fresh`, `volume`, `sql`"
            ),
        ),
        (
            "checks = [{ not_null = ['a'], unique = ['a'] }]",
            "a check has `not_null` and `unique`\n  each table of `checks` is one check",
        ),
        ("checks = [{ not_null = [] }]", "`checks[0].not_null` is empty"),
        (
            "checks = [{ unique = [3] }]",
            "`checks[0].unique[0]` must be a column, or a list of them, not the number 3",
        ),
        ("checks = [{ rows = {} }]", "`rows` needs `min` or `max`"),
        (
            "checks = [{ rows = { min = 3, max = 2 } }]",
            "`rows` allows no number of rows\n  hint: `min` is above `max`",
        ),
        (
            "checks = [{ matches = { a = '(a' } }]",
            "`checks[0].matches.a` is not a regular expression: missing ), unterminated subpattern",
        ),
        (
            "checks = [{ matches = { a = '(?<!a)b' } }]",
            "`checks[0].matches.a` has `(?<!`, which regular expressions do not have here",
        ),
        (
            "checks = [{ between = { a = [3, 2] } }]",
            "`checks[0].between.a` holds nothing: the first limit is above the second",
        ),
        (
            "checks = [{ between = { a = [3, 'x'] } }]",
            "`checks[0].between.a` has limits of two kinds",
        ),
        (
            "checks = [{ between = { a = [nan, 3] } }]",
            "`checks[0].between.a` has a limit that is not in any order",
        ),
        (
            "checks = [{ between = { a = [3] } }]",
            "`checks[0].between.a` must be a list of two values, the least and the greatest, not a list",
        ),
        (
            "checks = [{ references = { a = 'shops' } }]",
            "`checks[0].references.a` must name a target or source and its column, as in `orders.id`",
        ),
        (
            "checks = [{ fresh = { a = '2x' } }]",
            "`checks[0].fresh.a`: `2x` is not a duration like `500ms`, `90s`, `30m`, `6h` or `1.5d`",
        ),
        (
            "checks = [{ volume = '30' }]",
            '`checks[0].volume` must be a share like `"30%"`, not the string `30`',
        ),
        (
            "checks = [{ sql = 'x', where = 'a' }]",
            "`where` does not work with `sql`\n  hint: write it into the query",
        ),
        ("checks = [{ volume = '3%', where = 'a' }]", "`where` does not work with `volume`"),
        (
            "checks = [{ rows = { min = 1 }, severity = 'bad' }]",
            "`checks[0].severity` must be `error` or `warn`, not the string `bad`",
        ),
        (
            "schema = { origin = 'string' }\nchecks = [{ unique = [['orign', '{params.x}']] }]",
            "the schema has no column `orign`\n  hint: did you mean `origin`?",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text, message):
    """Names, types, regular expressions and durations are looked at before anything runs."""
    assert complaints(text) == message


@pytest.mark.parametrize(
    "pattern", [r"\pL+", "[(?=]", r"\\1", "[[:^digit:]-]", "[]a]", "[^]a[]", r"[\]a]", "a{2,3}", ""]
)
def test_regular_expressions_that_are_right(pattern):
    """What only looks like something that there is not, and what Python does not know."""
    assert check_forms.REGEX.fits(pattern)


def test_placeholders_are_let_through():
    """A type, duration or limit may come from a param; it is looked at again once it is filled."""
    text = """
        schema = { a = "decimal({params.p}, 2)" }
        checks = [{ fresh = { a = "{params.age}" } }, { between = { a = ["{params.low}", 3] } }]
    """
    assert complaints(text) == ""
    with pytest.raises(ValueError, match="is not a type"):
        schema_of({"schema": {"a": "nonsense"}})


def test_what_counts():
    """Names, severities and modes count, for they change what is said and done; descriptions do not.

    The order of columns and checks means nothing.
    """
    one = declared("""
        schema = { b = { type = "int64", description = "x" }, a = "string" }
        checks = [{ unique = ["b"], severity = "warn" }, { not_null = ["a"], where = "b > 1" }]
    """)
    other = declared("""
        schema = { a = "string", b = "int64" }
        checks = [{ not_null = ["a"], where = "b > 1" }, { unique = ["b"], severity = "warn" }]
    """)
    found = fields(schema_of(one), checks_of(one))
    assert found == fields(schema_of(other), checks_of(other))
    assert found == (
        ("rules", "", "checks-1"),
        ("schema", "", "exact"),
        ("schema", "a", "string"),
        ("schema", "b", "int64"),
        ("check", "not_null(a) where b > 1", 'not_null ["a"] where "b > 1" error'),
        ("check", "unique(b)", 'unique ["b"] warn'),
    )
    assert fields(None, ()) == ()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("{ accepted = { a = [1] } }", "{ accepted = { a = ['1'] } }"),
        ("{ accepted = { a = [1] } }", "{ accepted = { a = [1, 2] } }"),
        ("{ unique = [['a', 'b']] }", "{ unique = ['a', 'b'] }"),
        ("{ rows = { min = 1 } }", "{ rows = { max = 1 } }"),
        ("{ rows = { min = 1 } }", "{ rows = { min = 1 }, severity = 'warn' }"),
        ("{ rows = { min = 1 } }", "{ rows = { min = 1 }, name = 'x' }"),
        ("{ between = { a = [1, 2] } }", "{ between = { a = [1, 3] } }"),
        ("{ fresh = { a = '1d' } }", "{ fresh = { a = '2d' } }"),
        ("{ references = { a = 'b.c' } }", "{ references = { a = 'b.d' } }"),
        ("{ sql = 'SELECT 1' }", "{ sql = 'SELECT 2' }"),
    ],
)
def test_a_change_of_a_check_counts(one, other):
    """Whatever it is that is changed."""
    tables = [declared(f"checks = [{each}]") for each in (one, other)]
    assert len({fields(None, checks_of(table)) for table in tables}) == 2
