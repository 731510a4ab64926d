"""Views: pieces put together under a name, with exactly the columns that count."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datamake.action import Piece, View
from datamake.formats import Reading
from datamake.tables import TableError
from datamake.tables.delimited import Delimited
from datamake.tables.jsonlines import Lines
from datamake.tables.views import opened


@pytest.fixture
def files(tmp_path):
    """Writes a Parquet file, gives its path."""

    def make(name, columns):
        path = str(tmp_path / name)
        pq.write_table(pa.table(columns), path)
        return path

    return make


def test_pieces_are_put_together_with_their_variables(files):
    """Variables are columns, but where there is a column of that name."""
    pieces = tuple(
        Piece(
            (files(f"{month}.parquet", {"a": [at], "kind": ["own"]}),),
            {"month": month, "kind": "x"},
        )
        for at, month in enumerate(("01", "02"))
    )
    table = opened(View("clean", pieces)).to_arrow()
    assert table.to_pylist() == [
        {"a": 0, "kind": "own", "month": "01"},
        {"a": 1, "kind": "own", "month": "02"},
    ]


def test_a_view_holds_exactly_its_columns_and_the_rows(files):
    """A name that no piece has is ignored; without columns there are still the rows."""
    pieces = (
        Piece((files("1.parquet", {"a": [1], "b": [2]}),), {"month": "01"}),
        Piece((files("2.parquet", {"a": [3]}),), {"month": "02"}),
    )
    some = View("clean", pieces, columns=frozenset({"b", "month", "nothing"}))
    assert opened(some).to_arrow().to_pylist() == [
        {"b": 2, "month": "01"},
        {"b": None, "month": "02"},
    ]
    assert opened(View("clean", pieces, columns=frozenset())).to_arrow().num_rows == 2


def test_texts_get_the_types_of_all_pieces(tmp_path):
    """A type is found in all rows of all pieces, whatever columns are asked for."""
    for name, text in (("1.csv", "a,b\n1,x\n"), ("2.csv", "a,b\n1.5,y\n")):
        (tmp_path / name).write_text(text)
    pieces = tuple(Piece((str(tmp_path / name),)) for name in ("1.csv", "2.csv"))
    view = View("raw", pieces, Reading(format="csv"), frozenset({"a"}))
    assert opened(view).to_arrow().to_pylist() == [{"a": 1.0}, {"a": 1.5}]


def test_types_that_are_known_are_not_looked_for(tmp_path, monkeypatch):
    """The values of folders and variables are columns beside them as ever."""
    folder = tmp_path / "month=01"
    folder.mkdir()
    (folder / "a.csv").write_text("a,b\n1,x\n")
    (folder / "a.jsonl").write_text('{"b": {"c": 1}}\n')
    monkeypatch.setattr(Delimited, "looking", None)
    monkeypatch.setattr(Lines, "looking", None)
    for path, types, row in (
        ("a.csv", [("a", "float32"), ("b", "string")], {"a": 1.0, "b": "x"}),
        ("a.jsonl", [("b", 'struct<"c": int64>')], {"b": {"c": 1}}),
    ):
        piece = Piece((str(folder / path),), {"year": "13"}, {"month": "01"})
        table = opened(View("t", (piece,), types=types)).to_arrow()
        assert table.to_pylist() == [{**row, "month": "01", "year": "13"}]


def test_pieces_of_other_types_are_an_error(files):
    """Both files are named, with their types."""
    paths = [files("1.parquet", {"a": [1]}), files("2.parquet", {"a": ["x"]})]
    with pytest.raises(TableError) as error:
        opened(View("clean", tuple(Piece((path,)) for path in paths)))
    assert str(error.value) == (
        "the column `a` has more than one type\n"
        f"  `{paths[0]}`: int64\n"
        f"  `{paths[1]}`: string\n"
        "  hint: bring them to one type with `standardize`"
    )
