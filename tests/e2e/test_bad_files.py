"""Files that are not the tables that they should be: a clear error, and nothing published."""

from __future__ import annotations

import gzip
import struct

import pyarrow as pa
import pytest
from stored import arrow, as_orc, parquet
from versions import told_by_pyarrow_26

ROWS = {"id": list(range(1000)), "n": ["x"] * 1000}
CSV = "id,n\n" + "".join(f"{n},x{n}\n" for n in range(1000))
PARQUET, ARROW, ORC = parquet(ROWS), arrow(ROWS), as_orc(ROWS)
FOOTER = struct.unpack("<I", PARQUET[-8:-4])[0] + 8
TWICE = pa.table([[1], [2]], names=["id", "id"])
LATIN = 'hint: say how it is encoded, as in `read = { encoding = "latin-1" }`'
EMPTY = "`NAME` is empty: it has no header"
SHORT = "`NAME`: row 1,001 has 1 values, where there are 2 columns"
FILES = {
    "Parquet that is cut": ("t.parquet", PARQUET[:-100], "`NAME` cannot be read as Parquet"),
    "empty Parquet": ("t.parquet", b"", "`NAME` cannot be read as Parquet", "Parquet file size is 0 bytes"),
    "Parquet with a footer that lies": (
        "t.parquet",
        PARQUET[:-8] + struct.pack("<I", 10**9) + b"PAR1",
        "`NAME` cannot be read as Parquet",
    ),
    "Parquet with a broken footer": (
        "t.parquet",
        PARQUET[: 20 - FOOTER] + bytes(20) + PARQUET[40 - FOOTER :],
        "`NAME` cannot be read as Parquet",
    ),
    "Parquet with broken pages": (
        "t.parquet",
        PARQUET[:4] + b"\xff" * (len(PARQUET) - FOOTER - 4) + PARQUET[-FOOTER:],
        "`NAME` cannot be read as Parquet",
    ),
    "Arrow that is cut": ("t.arrow", ARROW[:-100], "`NAME` cannot be read as Arrow"),
    "empty Arrow": ("t.arrow", b"", "`NAME` cannot be read as Arrow", "the file is empty"),
    "broken Arrow": (
        "t.arrow",
        ARROW[:200] + b"\xff" * (len(ARROW) - 400) + ARROW[-200:],
        "`NAME` cannot be read as Arrow",
    ),
    "ORC that is cut": ("t.orc", ORC[:-50], "`NAME` cannot be read as ORC"),
    "empty ORC": ("t.orc", b"", "`NAME` cannot be read as ORC"),
    "broken ORC": (
        "t.orc",
        ORC[:10] + b"\xff" * (len(ORC) - 200) + ORC[-190:],
        "`NAME` cannot be read as ORC",
    ),
    "empty CSV": ("t.csv", b"", EMPTY),
    "blank CSV": ("t.csv", b"\n\n", "`NAME` has blank lines alone: it has no header"),
    "another delimiter": (
        "t.csv",
        CSV.replace(",", ";"),
        "`NAME` has one column, `id;n`",
        'hint: if `;` is between the columns: `read = { delimiter = ";" }`',
    ),
    "a long row": (
        "t.csv",
        CSV + "1,2,3\n",
        "`NAME`: row 1,001 has 3 values, where there are 2 columns",
        "1,2,3",
    ),
    "a short row": ("t.csv", CSV + "1\n", SHORT, "1"),
    "a short row of TSV": ("t.tsv", CSV.replace(",", "\t") + "1\n", SHORT, "1"),
    "an open quote": (
        "t.csv",
        CSV + '1,"abc\n',
        "`NAME`: row 1,001, column `n`: a quote is opened and never closed",
        "abc",
    ),
    "another encoding": (
        "t.csv",
        (CSV + "7,ä\n").encode("latin-1"),
        "`NAME`: row 1,001, column `n`: `ä` is not UTF-8",
        LATIN,
    ),
    "UTF-16": ("t.csv", CSV.encode("utf-16"), "`NAME` is not encoded as UTF-8"),
    "a name twice": (
        "t.csv",
        CSV.replace("id,n", "id,id"),
        "`NAME` has more than one column `id`",
        "hint: columns are told apart by their names; change the header",
    ),
    "very many columns": (
        "t.arrow",
        arrow({f"c{n}": [1] for n in range(100_001)}),
        "`NAME` has 100,001 columns, and a table at most 100,000",
        "hint: put what is so wide into rows, or take it by its bytes",
    ),
    "a compressed text that is cut": (
        "t.csv.gz",
        gzip.compress(CSV.encode(), mtime=0)[:-200],
        "`NAME` cannot be read as CSV",
        "Truncated compressed stream",
    ),
    "a text that is not compressed": ("t.csv.gz", CSV, "`NAME` cannot be read as CSV"),
    "an empty compressed text": ("t.csv.gz", b"", EMPTY),
    "JSON that is cut": (
        "t.jsonl",
        '{"id":1}\n{"id":2',
        "`NAME`: row 2: missing a comma or '}' after an object member",
        '{"id":2',
    ),
    "JSON that is no object": (
        "t.jsonl",
        '{"id":1}\n[1]\n',
        "`NAME`: row 2 is not an object",
        "[1]",
        "hint: JSON lines have one object on each line",
    ),
    "a key of JSON twice": (
        "t.jsonl",
        '{"id":1,"id":2}\n',
        "`NAME`: row 1, column `id`: was specified twice",
        '{"id":1,"id":2}',
    ),
    "JSON of two types": (
        "t.jsonl",
        '{"id":1,"n":1}\n{"id":2,"n":"x"}\n',
        "`NAME`: row 2, column `n`: changed from number to string",
        '{"id":2,"n":"x"}',
    ),
    "JSON in another encoding": (
        "t.jsonl",
        b'{"id":1,"n":"\xff"}\n',
        "`NAME`: row 1 is not UTF-8",
        LATIN,
    ),
}  # fmt: skip
"""File, content, and what is said of it: the headline, and, if it is ours, all that follows."""


WORDED = ("a key of JSON twice", "JSON of two types")
"""What pyarrow finds, and says in its own words."""


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=[told_by_pyarrow_26] * (case in WORDED)) for case in FILES],
)
def test_a_bad_file(project, case):
    """Fails whatever takes it as a table, by the same words; what was there stays."""
    name, content, *said = FILES[case]
    project.datafile(f"""
        [targets.query]
        inputs = {{ t = "{name}" }}
        sql = "select count(id) as n, max(id) as m from t"
        [targets.standard]
        inputs = ["{name}"]
        standardize = {{ columns = {{ id = "int64" }} }}
        [targets.function]
        inputs = {{ t = "{name}" }}
        python = "work:run"
        [targets.checked]
        inputs = ["{name}"]
        output = "build/{name}"
        copy = true
        checks = [{{ not_null = ["id"] }}]
    """)
    project.write("work.py", "import pyarrow as pa\n\ndef run(t: pa.Table): return t\n")
    project.path("build").mkdir()
    for target in ("query", "standard", "function"):
        project.write(f"build/{target}.parquet", "mine")
    project.write(name, content if isinstance(content, bytes) else content.encode())
    built = project.build(keep_going=True)
    assert set(built.statuses.values()) == {"failed"}, built
    for target in built.result.targets:
        shown = f"build/{name}" if target.name == "checked" else name
        expected = [each.replace("NAME", shown) for each in said]
        assert [target.error, *target.facts][: len(expected)] == expected
        assert str(project.root) not in "".join(target.facts)
    assert project.files("build/*") == [
        f"build/{target}.parquet" for target in ("function", "query", "standard")
    ]
    assert project.files(".datamake/bug*") == []


@pytest.mark.parametrize(
    ("ending", "write"), [("parquet", parquet), ("arrow", arrow), ("orc", as_orc)]
)
def test_a_name_twice(project, ending, write):
    """Is told by what has to tell columns apart."""
    project.datafile(f"""
        [targets.query]
        inputs = {{ t = "t.{ending}" }}
        sql = "select id from t"
        [targets.standard]
        inputs = ["t.{ending}"]
        standardize = {{ columns = {{ id = "int64" }} }}
    """)
    project.write(f"t.{ending}", write(TWICE))
    assert project.build(keep_going=True).errors == {
        "query": "SQL cannot tell the columns of `t` apart",
        "standard": f"`t.{ending}` has more than one column `id`",
    }


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_byte_order_mark(project, ending):
    """Is no part of the first name."""
    project.datafile(f"""
        [targets.query]
        inputs = {{ t = "t.{ending}" }}
        sql = "select id from t"
    """)
    text = "id,n\n7,x\n" if ending == "csv" else '{"id": 7}\n'
    project.write(f"t.{ending}", b"\xef\xbb\xbf" + text.encode())
    assert project.build().ran == ["query"]


@pytest.mark.parametrize("header", ["id,n\n", "id,n", "id,n\r\n"])
def test_a_table_without_rows(project, header):
    """Is one, whether its header has an end or not."""
    project.datafile("""
        [targets.query]
        inputs = { t = "t.csv" }
        sql = "select count(id) as n from t"
        [targets.standard]
        inputs = ["t.csv"]
        standardize = { columns = { id = "int64" } }
    """)
    project.write("t.csv", header)
    assert sorted(project.build().ran) == ["query", "standard"]


def test_a_source_that_is_broken(project):
    """Fails its check by its own name, and what needs it waits."""
    project.datafile("""
        [sources.raw]
        path = "raw/*.csv"
        checks = [{ not_null = ["id"] }]
        [targets.n]
        inputs = ["raw"]
        output = "n.txt"
        run = "cat {inputs} | wc -l > {output}"
    """)
    project.write("raw/a.csv", "id\n1\n")
    project.write("raw/b.csv", "id\n1,2\n")
    built = project.build()
    assert built.statuses == {"raw": "failed", "n": "blocked"}
    assert built.errors["raw"] == "`raw/b.csv`: row 1 has 2 values, where there are 1 columns"


def test_a_row_that_is_neither_utf8_nor_of_the_right_length(project):
    """Is told by its encoding, without a word of Python's, in quarantine too."""
    project.datafile("""
        [targets.t]
        inputs = [{ from = "a.csv", read = { delimiter = ";" } }]
        standardize = { columns = { Nr = "int64" }, on_error = "quarantine" }
    """)
    project.write("a.csv", "Nr;Name\n1;ok\n2;Größe;zuviel\n".encode("latin-1"))
    done = project.command("build")
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[0].endswith("`a.csv` is not encoded as UTF-8")
    assert lines[1] == '  hint: say how it is encoded, as in `read = { encoding = "latin-1" }`'
    assert len(lines) == 3


@pytest.mark.parametrize("more", ["", ", on_error = 'quarantine'"])
def test_such_a_row_behind_the_first_block(project, more):
    """The same, with its number; one that is too long and is UTF-8 is told as that."""
    project.datafile(f"""
        [targets.t]
        inputs = ["a.csv"]
        standardize = {{ columns = {{ id = "int64", n = "string" }}{more} }}
    """)
    begin = b"id,n\n" + b"1,abcdefghijklmnop\n" * 250_000
    project.write("a.csv", begin + "2,Größe,zuviel\n".encode("latin-1"))
    done = project.cli("build")
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[0].endswith("`a.csv` is not encoded as UTF-8")
    assert lines[1:3] == ["  row 250,001: 2,Gr??e,zuviel", f"  {LATIN}"]
    assert len(lines) == 4
    project.write("a.csv", begin + "2,Größe\ufffd,zuviel\n".encode())
    wrong = "row 250,001 has 3 values, where there are 2 columns"
    found = project.build()
    assert (
        found.notices.startswith("t: 1 of 250,001 rows")
        if more
        else found.errors == {"t": f"`a.csv`: {wrong}"}
    )


def test_a_value_in_another_encoding(project):
    """Is told with its column, and what to do."""
    project.datafile("""
        [targets.t]
        inputs = ["a.csv"]
        standardize = { columns = { name = "string" } }
    """)
    project.write("a.csv", "id,name\n1,Größe\n".encode("latin-1"))
    lines = project.cli("build").stderr.splitlines()
    assert lines[0].endswith("`a.csv`: row 1, column `name`: `Gr\ufffd\ufffde` is not UTF-8")
    assert lines[1] == f"  {LATIN}"
