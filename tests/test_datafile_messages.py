"""Every message about a Datafile that does not load, with its place."""

from __future__ import annotations

import pytest
from datafiles import Texts, complaint, loaded

from datamake.datafile import load
from datamake.errors import DatafileError

# What is wrong: each message, with its place


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ouput = 'x'", "3:1: unknown key `ouput`\n  hint: did you mean `output`?"),
        ("prelude = ['x.sql']", "3:1: `prelude` is for `sql`"),
        ("previous = true", "3:1: `previous` is reserved for later"),
        ("settle = 1", "3:1: `settle` is reserved for later"),
        ("view = 1", "3:1: `view` is reserved for later"),
        ("sensitive = 1", "3:1: `sensitive` is reserved for later"),
        (
            "argv = ['x']",
            (
                "3:1: `t` has `run` and `argv`\n"
                "  exactly one of `run`, `argv`, `python`, `sql`, `standardize`, `query` and `copy` says what a target does"
            ),
        ),
        ("output = 'a'\noutputs = ['b']", "4:1: `t` has both `output` and `outputs`"),
        (
            "inputs = 'a.csv'",
            (
                "3:1: `inputs` must be a list of inputs, or a table that names them,"
                " not the string `a.csv`"
            ),
        ),
        (
            "inputs = ['a', 3]",
            "3:16: `inputs[1]` must be a string, or a table with `from`, not the number 3",
        ),
        (
            "inputs = { a = { frm = 'x' } }",
            "3:18: unknown key `inputs.a.frm`\n  hint: did you mean `from`?",
        ),
        ("inputs = [{ optional = true }]", "3:11: `inputs[0]` needs `from`"),
        (
            "inputs = { 'a b' = 'x' }",
            (
                "3:12: `a b` is not a name\n"
                "  hint: names are letters, digits, `_` and `-`, and begin with a letter or `_`"
            ),
        ),
        ("inputs = ['']", "3:11: `inputs[0]` is empty"),
        (
            "inputs = [{ from = 'x', columns = [] }]",
            "3:25: `inputs[0].columns` is empty",
        ),
        (
            "code = ['s3://b/x']",
            "3:9: `code[0]` is a URL, and only a path works here",
        ),
        ("outputs = []", "3:1: `outputs` is empty"),
        ('output = "a\\u0000"', "3:1: `output` holds a NUL character"),
        ("retries = '3'", "3:1: `retries` must be a whole number, at least 0, not the string `3`"),
        ("retries = -1", "3:1: `retries` must be a whole number, at least 0, not the number -1"),
        ("retries = true", "3:1: `retries` must be a whole number, at least 0, not `true`"),
        ("cpus = 1.5", "3:1: `cpus` must be a whole number, at least 1, not the number 1.5"),
        ("always = 'yes'", "3:1: `always` must be `true` or `false`, not the string `yes`"),
        (
            "timeout = '3x'",
            "3:1: `timeout`: `3x` is not a duration like `500ms`, `90s`, `30m`, `6h` or `1.5d`",
        ),
        (
            "timeout = []",
            '3:1: `timeout` must be a duration like `"30m"`, or a number of seconds, not a list',
        ),
        ("memory = 'lots'", "3:1: `memory`: `lots` is not a size like `500KB`, `8GB` or `1.5GiB`"),
        ("owner = 2013-01-01", "3:1: `owner` must be a string, not the date 2013-01-01"),
        ("tags = 'x'", "3:1: `tags` must be a list of strings, not the string `x`"),
        (
            "env = ['A B']",
            "3:8: `env[0]` must be the name of an environment variable, not the string `A B`",
        ),
        ("env = { A = 1 }", "3:9: `env.A` must be a string, not the number 1"),
        (
            "pool = { gpu = 0 }",
            "3:10: `pool.gpu` must be a whole number, at least 1, not the number 0",
        ),
        (
            "enabled = 'no'",
            '3:1: `enabled` must be `true`, `false` or `"{params.NAME}"`, not the string `no`',
        ),
        ("exclude = [{ a = 1 }]", "3:1: `t` has `exclude` but no `foreach`"),
        (
            "foreach = 3",
            (
                "3:1: `foreach` must be a table of variables, a list of tables, or a string,"
                " not the number 3"
            ),
        ),
        (
            "foreach = { a = 'x' }",
            (
                '3:13: `foreach.a` must be a list, `"{params.NAME}"` or a table'
                " with `from`, `to`, `every`, not the string `x`"
            ),
        ),
        (
            "foreach = { a = { from = 'x' } }",
            "3:19: `foreach.a.from` must be a date, not the string `x`",
        ),
        (
            "foreach = { a = [[1]] }",
            "3:18: `foreach.a[0]` must be a string, number, boolean or date, not a list",
        ),
        (
            "foreach = { input = [1] }",
            "3:13: `input` cannot be a name here\n  hint: it is the name of a placeholder already",
        ),
        (
            "foreach = [{ a = 1 }, { b = 1 }]",
            "3:23: `foreach[1]` has other variables than `foreach[0]`\n  `a`, then `b`",
        ),
        ("foreach = {}", "3:1: `foreach` is empty"),
        (
            "cache = 1\nshell = 'sh'",
            (
                "3:1: `cache` must be `true` or `false`, not the number 1\n"
                "4:1: `shell` must be a list of strings, not the string `sh`"
            ),
        ),
    ],
)
def test_what_is_wrong_with_a_target(text, expected):
    assert complaint(f"[targets.t]\nrun = 'true'\n{text}\n") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[target.x]", "1:2: unknown key `target`\n  hint: did you mean `targets`?"),
        (
            "qqq = 1",
            (
                "1:1: unknown key `qqq`\n  known here: `project`, `executor`, `storage`, `params`,"
                " `defaults`, `pools`, `sources`, `targets`, `profiles`"
            ),
        ),
        ("targets = 1", "1:1: `targets` must be a table of targets, not the number 1"),
        (
            "targets.x = 1",
            (
                "1:9: `targets.x` must be a table, not the number 1\n"
                "1:9: `x` does nothing\n"
                "  exactly one of `run`, `argv`, `python`, `sql`, `standardize`, `query` and `copy` says what a target does"
            ),
        ),
        (
            "[targets.x]",
            (
                "1:10: `x` does nothing\n"
                "  exactly one of `run`, `argv`, `python`, `sql`, `standardize`, `query` and `copy` says what a target does"
            ),
        ),
        (
            "[targets.'a.b']\nrun = 'x'",
            (
                "1:10: `a.b` is not a name\n"
                "  hint: names are letters, digits, `_` and `-`, and begin with a letter or `_`"
            ),
        ),
        ("[targets.x]\nrun = ' '", "2:1: `run` must be a shell script, not the string ` `"),
        ("[targets.x]\nargv = []", "2:1: `argv` is empty"),
        (
            "[targets.x]\npython = 'a.b'",
            "2:1: `python` must be `module:function`, not the string `a.b`",
        ),
        (
            "[targets.x]\ncopy = false",
            (
                "2:1: `copy` must be `true`, not `false`\n"
                "2:1: `copy` needs `inputs`\n2:1: `copy` needs `output` or `outputs`"
            ),
        ),
        (
            "[targets.x]\nsql = ' '\noutputs = ['a']",
            (
                "2:1: `sql` must be a query, not the string ` `\n"
                "3:1: `sql` writes one file, its `output`"
            ),
        ),
        ("[targets.x.standardize]", "1:12: `standardize` needs `inputs`"),
        ("[targets.x]\ninputs = []\n[targets.x.standardize]", "3:12: `standardize` needs `inputs`"),
        (
            "[targets.x.query]\nuri = 'sqlite:a.db'\n[targets.x.inputs]\na = 'b'",
            (
                "1:12: `query` needs `sql`\n3:12: `query` reads no inputs\n"
                "  hint: what a database has is no file; `version` tells whether it has changed"
            ),
        ),
        (
            "[sources.x]\nfreshness = { column = 't', warn_after = 'soon' }",
            (
                "1:10: `sources.x` needs `path`\n"
                "2:29: `freshness.warn_after`: `soon` is not a duration like "
                "`500ms`, `90s`, `30m`, `6h` or `1.5d`"
            ),
        ),
        ("[defaults]\nrun = 'x'", "2:1: `defaults.run` does not work in `[defaults]`"),
        ("[project]\ncache = ''", "2:1: `project.cache` is empty"),
        (
            "[project]\nlink = 'hard'",
            "2:1: `project.link` must be `reflink` or `copy`, not the string `hard`",
        ),
        (
            "[executor]\nkind = 'dask'",
            "2:1: `executor.kind` must be `local`, not the string `dask`",
        ),
        (
            "[storage.s3]",
            "1:10: `s3` is not a name\n  hint: it is the beginning of URLs, with `://`",
        ),
        (
            "[storage]\n's3://' = 'x'",
            "2:1: `storage.s3://` must be a table of options, not the string `x`",
        ),
        (
            "[pools]\nx = '1'",
            "2:1: `pools.x` must be a whole number, at least 1, not the string `1`",
        ),
        ("[profiles.x]\ntargets = {}", "2:1: `targets` does not work in a profile"),
        (
            "[profiles.x.project]\nnmae = 1",
            "2:1: unknown key `project.nmae`\n  hint: did you mean `name`?",
        ),
        (
            "[project]\nrequires = '~3'",
            "2:1: `project.requires`: cannot read `~3`\n  hint: write it like `>=0.3, <2`",
        ),
    ],
)
def test_what_is_wrong_elsewhere(text, expected):
    assert complaint(text) == expected


def test_all_that_is_wrong_is_reported_from_top_to_bottom():
    text = "[targets.a]\nrun = 1\n[sources.b]\npth = 'x'\n[params]\n'a b' = 1\n[targets.c]\n"
    lines = complaint(text, profile="x").splitlines()
    places = [line.split(" ")[0] for line in lines if not line.startswith("  ")]
    assert places == ["", "2:1:", "4:1:", "6:1:", "7:10:"]


def test_placeholders_in_quotes_are_found_when_it_is_loaded():
    """But not what only looks like a placeholder, which is another's to judge."""
    text = """\
        [targets.t]
        foreach = { month = ["01"] }
        run = '''cat "{input}" '{month}' "{month:raw}" | awk '{print}' > {output}'''
    """
    inside = "  hint: remove the quotes, since each value is quoted by itself;"
    assert complaint(text) == (
        f"3:1: `{{input}}` stands inside quotes\n{inside} `{{input:raw}}` is put in as it is\n"
        f"3:1: `{{month}}` stands inside quotes\n{inside} `{{month:raw}}` is put in as it is"
    )


# What is no TOML


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a = \n", "1:5: invalid value"),
        (
            b"a = build/cmd.txt # x\n",
            '1:5: invalid value\n  hint: a text stands in quotes: `"build/cmd.txt"`',
        ),
        (b"a = [True]\n", "1:6: invalid value\n  hint: write `true`"),
        (
            b'a = "C:\\data"\n',
            "1:10: unescaped '\\' in a string\n  hint: in single quotes `\\` is nothing special",
        ),
        (b"\n[x\n", "2:3: expected ']' at the end of a table declaration"),
        (b"a = 'x\n", '2:1: expected "\'"'),
        (b"a = 1\na = 2\n", "2:6: cannot overwrite a value"),
        ("é = 'ü\udcff'".encode("utf-8", "surrogateescape"), "1:7: is not UTF-8: byte `0xff`"),
        (b"\n x = " + b"9" * 5000, "2:6: a number has too many digits"),
        (b"x = " + b"[" * 5000 + b"]" * 5000, " tables or lists are nested too deeply"),
        (b"#" * (64 << 20) + b"\n", " is larger than 64 MiB"),
    ],
)
def test_what_is_no_toml(content, expected):
    assert complaint(content) == expected


def test_params_that_are_nested_too_deeply():
    """What goes through them calls itself, which has an end."""
    nested = "must be a value, nested at most 100 deep"
    load("Datafile.toml", Texts({"Datafile.toml": f"params.{'x.' * 99}x = 1\n"}))
    assert nested in complaint(f"params.{'x.' * 900}x = 1\n")
    assert nested in complaint(f"params.x = {'[' * 101}{']' * 101}\n")


def test_a_broken_part_is_reported_with_the_rest():
    text = "project.include = ['p']\nx = 1\n"
    assert complaint(text, {"p/Datafile.toml": "a = \n"}) == (
        "2:1: unknown key `x`\n  known here: `project`, `executor`, `storage`, `params`, `defaults`,"
        " `pools`, `sources`, `targets`, `profiles`\n"
        "p/1:5: invalid value"
    )


def test_no_file():
    with pytest.raises(DatafileError) as caught:
        load("Datafile.toml", Texts({}))
    assert str(caught.value) == "Datafile.toml: cannot be read: there is no such file"


def test_a_byte_order_mark_is_no_error():
    assert loaded(b"\xef\xbb\xbf[params]\nx = 1\n").params == {"x": 1}
