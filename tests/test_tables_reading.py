"""Tables read: many files as one, types of all rows, and errors that say where."""

from __future__ import annotations

import bz2
import gzip
import os
from decimal import Decimal

import pyarrow as pa
import pyarrow.feather
import pyarrow.orc
import pyarrow.parquet as pq
import pytest
from drawn_tables import PARQUET, tables
from hypothesis import given, settings
from hypothesis import strategies as st
from stored import file

from datamake.errors import DatamakeError, EnvironmentFailed
from datamake.formats import Reading
from datamake.tables import TableError, columnar, delimited, jsonlines
from datamake.tables.reading import open_table

TABLE = pa.table({"a": [1]})


def write_orc(table, path):
    pyarrow.orc.write_table(table, path, stripe_size=1 << 20)


def write_parquet(table, path):
    pq.write_table(table, path, row_group_size=1 << 16)


@pytest.fixture(autouse=True)
def here(tmp_path_factory, monkeypatch):
    monkeypatch.chdir(tmp_path_factory.mktemp("read"))


def read(paths, columns=None, **reading):
    return open_table(paths, Reading(**reading)).to_arrow(columns)


def rows(paths, columns=None, **reading):
    return read(paths, columns, **reading).to_pylist()


def fault(paths, columns=None, **reading):
    with pytest.raises(TableError) as caught:
        read(paths, columns, **reading)
    return str(caught.value)


# Text


@pytest.mark.parametrize("path", ["a.csv", "a.jsonl", "a.parquet"])
def test_reading_can_be_ended(path, monkeypatch):
    """Between any two blocks: of a text also while its types are found out."""
    monkeypatch.setattr(delimited, "BLOCK", 64)
    monkeypatch.setattr(jsonlines, "PIECE", 64)
    monkeypatch.setattr(columnar, "ROWS", 10)
    if path == "a.parquet":
        pq.write_table(pa.table({"a": range(100_000)}), path)
    else:
        file(path, "a\n" + "1\n" * 1000 if path == "a.csv" else '{"a": 1}\n' * 1000)
    calls = []

    def go_on():
        calls.append(1)
        if len(calls) == 3:
            raise DatamakeError("interrupted")

    table = open_table(path, go_on=go_on)
    for read in [lambda: table.schema, table.to_arrow][path == "a.parquet" :]:
        calls.clear()
        with pytest.raises(DatamakeError, match=r"^interrupted$"):
            read()
        assert len(calls) == 3


def test_types_are_those_of_all_rows(monkeypatch):
    """A value in the last block decides as much as one in the first."""
    monkeypatch.setattr(delimited, "BLOCK", 64)
    text = "a,b,c\n" + "1,2013-01-01,\n" * 100 + "1.5,2013-01-01 10:00,x\n"
    found = read(file("a.csv", text))
    assert found.schema == pa.schema({"a": pa.float64(), "b": pa.timestamp("us"), "c": pa.string()})
    assert found.num_rows == 101
    assert found.column("c").null_count == 100


def test_given_types_spare_looking_at_all_rows():
    """Those that are given are not looked for; a value that is not of one says where it is."""
    file("a.csv", "a,b\n1,2\n\n3,x\n")
    assert rows("a.csv", schema={"a": "decimal(5, 2)"})[0] == {"a": Decimal("1.00"), "b": "2"}
    assert fault("a.csv", schema={"b": "int64"}) == (
        "`a.csv`: row 2, column `b`: `x` is not of the type `int64`"
    )
    assert fault("a.csv", schema={"b": "list<int8>"}) == (
        "`a.csv`: column `b` cannot be read from CSV as `list<int8>`"
    )
    assert fault("a.csv", schema={"bb": "int64"}) == (
        "`a.csv` has no column `bb`\n  it has `a`, `b`\n  hint: did you mean `b`?"
    )


def test_what_means_null():
    """The empty text, or what is said; in JSON null alone, or what is said."""
    file("a.csv", 'a,b\n,"NA"\nNA,""\n1,x\n')
    assert rows("a.csv")[0] == {"a": None, "b": "NA"}
    assert rows("a.csv", null=("NA",))[1] == {"a": None, "b": ""}
    assert rows("a.csv", null=("NA", ""))[:2] == [{"a": None, "b": None}] * 2
    file("a.jsonl", '{"a":"","b":null}\n{"a":"NA"}\n')
    assert rows("a.jsonl") == [{"a": "", "b": None}, {"a": "NA", "b": None}]
    assert rows("a.jsonl", null=("NA",))[1] == {"a": None, "b": None}


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("a;b\n1,5;'x;y'\n", {"delimiter": ";", "decimal": ",", "quote": "'"}),
        ("a\tb\n1.5\tx;y\n", {"delimiter": "\t"}),
        ("\ufeffa,b\r\n1.5,x;y\r\n", {}),
        ('a,b\n1.5,"x;y"', {}),
        ("a,b\n1.5,x;y\n".encode("utf-16"), {"encoding": "utf-16"}),
    ],
)
def test_how_a_text_is_read(text, options):
    assert rows(file("a.csv", text), read=options) == [{"a": 1.5, "b": "x;y"}]


def test_more_of_how_a_text_is_read():
    assert rows(
        file("a.csv", "1,é\n".encode("latin-1")), read={"encoding": "latin-1", "header": False}
    ) == [{"f0": 1, "f1": "é"}]
    assert rows(file("a.csv", 'a\n"1\n2"\n')) == [{"a": "1\n2"}]
    assert rows(file("a.csv", "a\n1\n\n2\n")) == [{"a": 1}, {"a": None}, {"a": 2}]
    assert rows(file("a.csv", 'a,b\n"x ""y""",2\n')) == [{"a": 'x "y"', "b": 2}]
    assert read(file("a.csv", "a,b\n")).schema == pa.schema({"a": pa.string(), "b": pa.string()})


@pytest.mark.parametrize(("ending", "compress"), [("gz", gzip.compress), ("bz2", bz2.compress)])
def test_compressed_text(ending, compress):
    """In several parts, too; what is cut off is an error."""
    data = compress(b"a,b\n1,2\n") + compress(b"3,4\n")
    assert rows(file(f"a.csv.{ending}", data)) == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
    data = compress(b"a,b\n" + b"1,2\n" * 1000)[:-5]
    assert fault(file(f"a.csv.{ending}", data)).startswith(
        f"`a.csv.{ending}` cannot be read as CSV"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "`a.csv` is empty: it has no header"),
        (
            "a;b\n1;2\n",
            (
                "`a.csv` has one column, `a;b`\n"
                '  hint: if `;` is between the columns: `read = { delimiter = ";" }`'
            ),
        ),
        ("a,b\n1,2\n3\n", "`a.csv`: row 2 has 1 values, where there are 2 columns\n  3"),
        (
            'a,b\n1,2\n\n3,4\n5,6,"7,8"\n',
            '`a.csv`: row 3 has 3 values, where there are 2 columns\n  5,6,"7,8"',
        ),
        (
            'a,b\n1,"2\n3,4\n',
            "`a.csv`: row 1, column `b`: a quote is opened and never closed\n  2",
        ),
        (
            "a,b,a\n1,2,3\n",
            (
                "`a.csv` has more than one column `a`\n"
                "  hint: columns are told apart by their names; change the header"
            ),
        ),
        (
            "a,b\n1,2\n3,é\n".encode("latin-1"),
            (
                "`a.csv`: row 2, column `b`: `é` is not UTF-8\n"
                '  hint: say how it is encoded, as in `read = { encoding = "latin-1" }`'
            ),
        ),
        (
            "a,é\n1,2\n".encode("latin-1"),
            (
                "`a.csv` is not encoded as UTF-8\n"
                "  'utf-8' codec can't decode byte 0xe9 in position 0: unexpected end of data\n"
                '  hint: say how it is encoded, as in `read = { encoding = "latin-1" }`'
            ),
        ),
    ],
)
def test_a_bad_csv_file(text, message):
    assert fault(file("a.csv", text)) == message


def test_an_encoding_that_is_not_the_file_s():
    file("a.csv", "a,b\n1,2\n")
    assert fault("a.csv", read={"encoding": "utf-16"}) == (
        "`a.csv` is not encoded as utf-16\n"
        "  UTF-16 stream does not start with BOM\n"
        '  hint: say how it is encoded, as in `read = { encoding = "latin-1" }`'
    )
    assert "unknown encoding" in fault("a.csv", read={"encoding": "latin-99"})


def test_faults_have_their_row_wherever_it_is(monkeypatch):
    """Counted over all blocks."""
    monkeypatch.setattr(delimited, "BLOCK", 64)
    file("a.csv", "a,b\n" + "1,2\n" * 1000 + "x,2\n")
    assert fault("a.csv", schema={"a": "int64", "b": "int64"}) == (
        "`a.csv`: row 1,001, column `a`: `x` is not of the type `int64`"
    )
    file("a.csv", "a,b\n" + "1,2\n" * 1000 + "1\n")
    assert fault("a.csv").startswith("`a.csv`: row 1,001 has 1 values")
    file("a.csv", "a,b\n" + "1,2\n" * 1000 + "1,\xff\n".replace("\xff", "é" * 40))
    assert fault("a.csv", schema={"b": "int64"}).endswith(
        "`" + "é" * 40 + "` is not of the type `int64`"
    )


def test_a_row_that_is_too_long(monkeypatch):
    monkeypatch.setattr(delimited, "BLOCK", 1 << 20)
    file("a.csv", "a,b\n" + "x" * (1 << 21) + ",2\n")
    assert fault("a.csv") == "`a.csv` has a row of more than 1 MiB"


def test_a_million_columns():
    """Whatever the format, there is an end to it."""
    names = ",".join(f"c{at}" for at in range(1_000_000))
    assert fault(file("a.csv", f"{names}\n")) == "`a.csv` has a row of more than 4 MiB"
    line = ",".join(f'"c{at}":1' for at in range(100_001))
    assert fault(file("a.jsonl", f"{{{line}}}\n")) == (
        "`a.jsonl` has 100,001 columns, and a table at most 100,000\n"
        "  hint: put what is so wide into rows, or take it by its bytes"
    )


# JSON lines


def test_json_has_types_of_its_own(monkeypatch):
    """All rows decide; a text is a string unless it is said otherwise; what nothing has is a string."""
    monkeypatch.setattr(jsonlines, "PIECE", 40)
    file(
        "a.jsonl",
        '{"a":1,"t":"2013-01-01T10:00:00Z"}\n\n{"a":2.5,"b":[{"x":1}]}\n'
        '{"b":[{"y":null}]}\n{"a":1,"c":null,"b":[]}',
    )
    found = read("a.jsonl")
    item = pa.struct({"x": pa.int64(), "y": pa.string()})
    assert found.schema == pa.schema(
        {"a": pa.float64(), "t": pa.string(), "b": pa.list_(item), "c": pa.string()}
    )
    assert found.to_pylist()[2] == {"a": None, "t": None, "b": [{"x": None, "y": None}], "c": None}
    assert rows("a.jsonl", ["t"], schema={"t": "timestamp[us, UTC]"})[0]["t"].hour == 10


def test_an_empty_json_file():
    """It has the columns that are given; so has one whose rows leave some out."""
    assert fault(file("a.jsonl", "\n")) == (
        "`a.jsonl` has no columns\n  hint: it is empty: say in `schema` which columns there are"
    )
    assert read("a.jsonl", schema={"a": "int8"}).schema == pa.schema({"a": pa.int8()})
    file("a.jsonl", '{"a":1}\n')
    assert rows("a.jsonl", schema={"b": "date"}) == [{"a": 1, "b": None}]


def test_given_types_in_json():
    file("a.jsonl", '{"a":"1.5","b":"10:00","c":"2013-01-01","d":5,"e":"x"}\n')
    types = {"a": "decimal(5, 2)", "b": "time", "c": "date", "d": "uint8", "e": "binary"}
    found = read("a.jsonl", schema=types)
    assert [str(each) for each in found.schema.types] == [
        "decimal128(5, 2)",
        "time64[us]",
        "date32[day]",
        "uint8",
        "binary",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '{"a":1}\n\n{"a":"x"}\n',
            '`a.jsonl`: row 2, column `a`: changed from number to string\n  {"a":"x"}',
        ),
        (
            '{"a":1}\n[1]\n',
            (
                "`a.jsonl`: row 2 is not an object\n  [1]\n"
                "  hint: JSON lines have one object on each line"
            ),
        ),
        ('{"a":1}\n{"a":\n', '`a.jsonl`: row 2: invalid value\n  {"a":'),
        ('{"a":1,"a":2}\n', '`a.jsonl`: row 1, column `a`: was specified twice\n  {"a":1,"a":2}'),
        (
            b'{"a":1}\n{"a":"\xff"}\n',
            (
                "`a.jsonl`: row 2 is not UTF-8\n"
                '  hint: say how it is encoded, as in `read = { encoding = "latin-1" }`'
            ),
        ),
    ],
)
def test_a_bad_json_file(text, message):
    assert fault(file("a.jsonl", text)) == message


def test_one_column_of_json_has_one_type(monkeypatch):
    monkeypatch.setattr(jsonlines, "PIECE", 10)
    file("a.jsonl", '{"a":1}\n{"a":2}\n{"a":["x"]}\n')
    assert fault("a.jsonl") == (
        "`a.jsonl`: rows from 3 on, column `a`: `list<string>`, where it was `int64` before\n"
        "  hint: one column has one type; say which in `schema`, or mend the file"
    )


def test_a_text_that_is_not_of_its_type_in_json():
    file("a.jsonl", '{"a":"2013-01-01"}\n{"a":"soon"}\n')
    assert fault("a.jsonl", schema={"a": "date"}) == (
        "`a.jsonl`: row 2, column `a`: `soon` is not of the type `date`"
    )
    assert fault("a.jsonl", schema={"a": "int64"}) == (
        '`a.jsonl`: row 1, column `a`: changed from number to string\n  {"a":"2013-01-01"}'
    )


def test_an_endless_line(monkeypatch):
    monkeypatch.setattr(jsonlines, "PIECE", 1 << 18)
    monkeypatch.setattr(jsonlines, "LONGEST", 1 << 20)
    file("a.json", '{"a":1}\n[' + "1," * (1 << 20))
    assert fault("a.json") == (
        "`a.json`: row 2 has more than 1 MiB\n  hint: JSON lines have one object on each line"
    )


# Parquet, Arrow and ORC


@pytest.mark.parametrize("ending", ["parquet", "arrow", "orc"])
def test_a_file_that_is_cut_off(ending):
    table = pa.table({"a": range(1000), "b": ["x"] * 1000})
    if ending == "parquet":
        pq.write_table(table, "a.parquet")
    elif ending == "orc":
        pyarrow.orc.write_table(table, "a.orc")
    else:
        with pa.OSFile("a.arrow", "wb") as out, pa.ipc.new_file(out, table.schema) as writer:
            writer.write_table(table)
    shown = {"parquet": "Parquet", "arrow": "Arrow", "orc": "ORC"}[ending]
    with open(f"a.{ending}", "rb") as out:
        whole = out.read()
    for length in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        message = fault(file(f"a.{ending}", whole[:length]))
        assert message.startswith(f"`a.{ending}` cannot be read as {shown}\n  ")


def test_a_parquet_footer_that_lies():
    """It says that there are more rows than there are."""
    table = pa.table({"a": pa.array([True] * 1000)})
    pq.write_table(table, "a.parquet", compression="none", write_statistics=False)
    with open("a.parquet", "rb") as out:
        data = out.read()
    told = data.replace(b"\xd0\x0f", b"\xd2\x0f")  # 1000 as footers write it, and 1001
    assert "a.parquet" in fault(file("a.parquet", told))


def test_columns_are_chosen_by_name():
    """In the order of the table; dots are nothing special; one that is not there is an error."""
    table = pa.table({"s": [{"b": 1}], "s.b": [5], "x": [2], "y.z": [3]})
    pq.write_table(table, "a.parquet")
    assert rows("a.parquet", ["x", "s.b"]) == [{"s.b": 5, "x": 2}]
    assert rows("a.parquet", ["s"]) == [{"s": {"b": 1}}]
    assert fault("a.parquet", ["xx"]) == (
        "`a.parquet` has no column `xx`\n  it has `s`, `s.b`, `x`, `y.z`\n  hint: did you mean `x`?"
    )
    assert len(read("a.parquet", [])) == 1


@settings(deadline=None, max_examples=30)
@given(st.data())
def test_columns_are_those_of_the_whole_table(tmp_path_factory, data):
    table = data.draw(tables(PARQUET))
    path = str(tmp_path_factory.mktemp("columns") / "a.parquet")
    pq.write_table(table, path)
    names = data.draw(st.lists(st.sampled_from(table.schema.names), unique=True))
    whole = open_table(path).to_arrow()
    places = [at for at, name in enumerate(table.schema.names) if name in names]
    found = open_table(path).to_arrow(names)
    assert found.schema == whole.select(places).schema
    assert repr(found.to_batches()) == repr(whole.select(places).to_batches())


def test_a_table_says_its_rows_where_it_knows():
    pq.write_table(pa.table({"a": [1, 2]}), "a.parquet")
    assert open_table("a.parquet").rows() == 2
    assert open_table(file("a.csv", "a\n1\n")).rows() is None


# Several files


def test_files_are_put_together_by_name():
    """What a file does not have is null there; texts get the types of all files."""
    file("a.csv", "a,b\n1,x\n")
    file("b.csv", "c,a\n2013-01-01,1.5\n")
    found = read(["a.csv", "b.csv"])
    assert found.schema == pa.schema({"a": pa.float64(), "b": pa.string(), "c": pa.date32()})
    assert [row["b"] for row in found.to_pylist()] == ["x", None]
    assert rows(["b.csv", "a.csv"], ["b"]) == [{"b": None}, {"b": "x"}]


def test_files_of_other_types():
    pq.write_table(pa.table({"a": [1]}), "a.parquet")
    pq.write_table(pa.table({"a": ["x"]}), "b.parquet")
    assert fault(["a.parquet", "b.parquet"]) == (
        "the column `a` has more than one type\n"
        "  `a.parquet`: int64\n"
        "  `b.parquet`: string\n"
        "  hint: bring them to one type with `standardize`"
    )


def test_a_folder_is_a_table():
    """`key=value` folders are columns; notes of other programs are none of it."""
    for month in ("02", "01"):
        file(f"d/year=2013/month={month}/x.csv", f"a\n{month}\n")
    file("d/_SUCCESS", "")
    file("d/year=2013/.x.csv.crc", "")
    assert rows("d") == [
        {"a": 1, "year": "2013", "month": "01"},
        {"a": 2, "year": "2013", "month": "02"},
    ]
    assert rows("d", ["month"]) == [{"month": "01"}, {"month": "02"}]
    file("d/year=a%2Fb/month=__HIVE_DEFAULT_PARTITION__/x.csv", "a\n3\n")
    assert rows("d")[2] == {"a": 3, "year": "a/b", "month": None}


def test_a_folder_has_one_format():
    file("d/a.csv", "a\n1\n")
    file("d/b.jsonl", "{}\n")
    assert fault("d") == (
        "the files of one table have one format\n  `d/a.csv`: csv\n  `d/b.jsonl`: jsonl"
    )
    file("d/b.txt", "")
    assert fault("d/b.txt") == (
        "`d/b.txt` is not a table by its ending\n"
        '  hint: say what it is, as in `format = "csv"`: parquet, arrow, orc, csv, tsv, jsonl'
    )
    assert rows(file("d/c.txt", "a\n1\n"), format="csv") == [{"a": 1}]
    assert fault(file("d/b.xlsx", "PK")) == (
        "`d/b.xlsx` is not a table by its ending\n  hint: save the sheet as CSV, and read that"
    )


def test_what_is_not_there():
    assert fault("a.csv") == "`a.csv` is not there"
    os.mkdir("d")
    assert fault("d") == "`d` has no files"


def test_files_are_not_all_open_at_once():
    """A folder may have more files than a process may open."""
    from resource import RLIMIT_NOFILE, getrlimit, setrlimit

    for ending in ("parquet", "arrow", "csv"):
        for at in range(60):
            path = file(f"{ending}/{at:02}.{ending}", "a\n1\n")
            if ending == "parquet":
                pq.write_table(pa.table({"a": [1]}), path)
            elif ending == "arrow":
                pyarrow.feather.write_feather(pa.table({"a": [1]}), path)
    kept = getrlimit(RLIMIT_NOFILE)
    setrlimit(RLIMIT_NOFILE, (len(os.listdir("/dev/fd")) + 20, kept[1]))
    try:
        assert [len(read(ending)) for ending in ("parquet", "arrow", "csv")] == [60, 60, 60]
    finally:
        setrlimit(RLIMIT_NOFILE, kept)


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet", "a.arrow", "a.orc"])
def test_what_is_no_file_is_not_waited_for(name):
    """As a FIFO would be."""
    os.mkfifo(name)
    with pytest.raises(EnvironmentFailed) as caught:
        open_table(name)
    assert str(caught.value) == f"`{name}` is neither a file nor a folder\n  it is a FIFO"


@pytest.mark.parametrize(("name", "write"), [("a.parquet", write_parquet), ("a.orc", write_orc)])
def test_a_file_that_gets_shorter_while_it_is_read(name, write):
    """Is told of; mapped into memory, it would end the process."""
    write(pa.table({"a": [os.urandom(20) for _ in range(400_000)]}), name)
    batches = open_table(name).batches()
    next(batches)
    os.truncate(name, 1000)
    with pytest.raises(
        TableError, match=f"`{name}` (cannot be read as|has .* rows, where it says)"
    ):
        list(batches)
