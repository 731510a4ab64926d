"""Files → datasets."""

from __future__ import annotations

import pyarrow as pa
import pytest

from datamake.formats import DEFAULT, Reading
from datamake.tables import TableError
from datamake.tables.datasets import dataset
from datamake.tables.writing import Writer


def written(path, rows):
    table = pa.Table.from_pylist(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    with Writer(str(path), table.schema) as writer:
        writer.write(table.combine_chunks().to_batches()[0])
    return str(path)


@pytest.mark.parametrize("ending", ["parquet", "arrow", "orc", "csv", "tsv", "jsonl", "csv.gz"])
def test_formats(tmp_path, ending):
    """All that there are, several files as one."""
    paths = [written(tmp_path / f"{n}.{ending}", [{"a": n, "b": "x y"}]) for n in (1, 2)]
    assert dataset(paths).to_table().to_pylist() == [{"a": 1, "b": "x y"}, {"a": 2, "b": "x y"}]


def test_a_folder(tmp_path):
    """With the folders of keys and values inside of it."""
    written(tmp_path / "year=2013" / "1.parquet", [{"a": 1}])
    written(tmp_path / "year=2014" / "1.parquet", [{"a": 2}])
    found = dataset([str(tmp_path)]).to_table().sort_by("a").to_pylist()
    assert found == [{"a": 1, "year": 2013}, {"a": 2, "year": 2014}]


def test_texts(tmp_path):
    """Are read as it is said."""
    path = tmp_path / "x.txt"
    path.write_bytes("1,5;'ä;b';NA\n".encode("latin-1"))
    read = {"delimiter": ";", "quote": "'", "encoding": "latin-1", "decimal": ",", "header": False}
    reading = Reading("csv", ("NA",), None, read)
    assert dataset([str(path)], reading).to_table().to_pylist() == [
        {"f0": 1.5, "f1": "ä;b", "f2": None}
    ]


@pytest.mark.parametrize("names", [["a.parquet", "b.csv"], ["a.txt"], ["a"]])
def test_what_is_no_dataset(tmp_path, names):
    """Is named."""
    paths = [tmp_path / name for name in names]
    for path in paths:
        path.write_text("a\n1\n")
    with pytest.raises(TableError) as raised:
        dataset(list(map(str, paths)), DEFAULT)
    assert raised.value.headline == "a dataset has files of one format"
    assert list(raised.value.facts) == [f"`{path}`" for path in paths]
