"""Early cutoff by what tables say: other bytes run nothing, and what is read is always seen."""

from __future__ import annotations

import pyarrow as pa
import pytest
from stored import arrow, as_orc, parquet

ORDERS = pa.table(
    {
        "id": [1, 2, 3, 4],
        "kind": ["a", "b", "a", "c"],
        "fare": [1.5, 2.5, 3.5, 4.5],
        "note": ["w", "x", "y", "z"],
    }
)
KINDS = pa.table({"kind": ["a", "b", "c"], "label": ["A", "B", "C"], "rank": [1, 2, 3]})
CONSUMERS = {
    "sql": 'sql = "select id, kind, fare from orders"',
    "drop": """standardize = { others = "drop", columns = { id = "int64", kind = "string" } }""",
    "keep": """standardize = { columns = { id = "int64" } }""",
    "table": 'python = "work:table"',
    "frame": 'python = "work:frame"',
}
WORK = """
from __future__ import annotations
import pyarrow as pa
TYPE_CHECKING = False
if TYPE_CHECKING:
    import pandas as pd

def table(orders: pa.Table):
    return orders

def frame(orders: pd.DataFrame, output):
    output.write_text(str(orders.sum()))
"""


@pytest.fixture
def orders(project):
    """One target of each kind that is given orders as a table, by its input's ending."""

    def declared(ending="parquet", only=None):
        text = ""
        for name, action in CONSUMERS.items():
            if only is None or name in only:
                text += f'[targets.{name}]\ninputs = {{ orders = "orders.{ending}" }}\n{action}\n'
        project.datafile(text)

    project.declared = declared
    project.write("work.py", WORK)
    return project


def why(project, name):
    """What `why` says of a target, without the name."""
    done = project.cli("why", name)
    return [line.strip() for line in done.stdout.splitlines()[1:]]


def recoded(column):
    return ORDERS.set_column(1, "kind", column)


def strict(table):
    schema = pa.schema([field.with_nullable(False) for field in table.schema])
    return table.cast(schema)


def described(table):
    fields = [field.with_metadata({"unit": "none"}) for field in table.schema]
    return table.cast(pa.schema(fields, {"pandas": "{}", "made": "today"}))


KIND = ORDERS["kind"]
OTHERS = {
    "recompressed": ("parquet", lambda: parquet(ORDERS, compression="zstd")),
    "not compressed": ("parquet", lambda: parquet(ORDERS, compression="none")),
    "row groups": ("parquet", lambda: parquet(ORDERS, row_group_size=1)),
    "version 1.0": ("parquet", lambda: parquet(ORDERS, version="1.0")),
    "data pages 2": ("parquet", lambda: parquet(ORDERS, data_page_version="2.0")),
    "no dictionary": ("parquet", lambda: parquet(ORDERS, use_dictionary=False)),
    "no statistics": ("parquet", lambda: parquet(ORDERS, write_statistics=False)),
    "no schema of Arrow": ("parquet", lambda: parquet(ORDERS, store_schema=False)),
    "metadata": ("parquet", lambda: parquet(described(ORDERS))),
    "not null": ("parquet", lambda: parquet(strict(ORDERS))),
    "large": ("parquet", lambda: parquet(recoded(KIND.cast(pa.large_string())))),
    "view": ("parquet", lambda: parquet(recoded(KIND.cast(pa.string_view())))),
    "dictionary": ("parquet", lambda: parquet(recoded(KIND.dictionary_encode()))),
    "batches": ("arrow", lambda: arrow(ORDERS, rows=1)),
    "compressed Arrow": ("arrow", lambda: arrow(ORDERS, compression="zstd")),
    "dictionaries of Arrow": ("arrow", lambda: arrow(recoded(KIND.dictionary_encode()))),
    "large of Arrow": ("arrow", lambda: arrow(recoded(KIND.cast(pa.large_string())))),
    "view of Arrow": ("arrow", lambda: arrow(recoded(KIND.cast(pa.string_view())))),
    "not null in Arrow": ("arrow", lambda: arrow(strict(described(ORDERS)))),
    "recompressed ORC": ("orc", lambda: as_orc(ORDERS, compression="zstd")),
    "version of ORC": ("orc", lambda: as_orc(ORDERS, file_version="0.11")),
    "dictionary in ORC": ("orc", lambda: as_orc(ORDERS, dictionary_key_size_threshold=1.0)),
}
PLAIN = {"parquet": parquet, "arrow": arrow, "orc": as_orc}


@pytest.mark.parametrize("way", OTHERS)
def test_the_same_table_in_other_bytes(orders, way):
    """Runs nothing that is given it as a table, and `why` says so."""
    pytest.importorskip("pandas")
    ending, other = OTHERS[way]
    orders.declared(ending)
    path = f"orders.{ending}"
    orders.write(path, PLAIN[ending](ORDERS))
    assert orders.build().ran == list(CONSUMERS)
    before = orders.path(path).read_bytes()
    orders.write(path, other())
    assert orders.path(path).read_bytes() != before
    assert orders.build().ran == []
    assert why(orders, "sql") == ["orders: other bytes, the same table"]
    assert why(orders, "frame") == why(orders, "sql")


UNREAD = {
    "changed": (ORDERS.set_column(3, "note", [["W", "X", "Y", "Z"]]), "has other values"),
    "added": (ORDERS.append_column("more", [[1, 2, 3, 4]]), "was added"),
    "removed": (ORDERS.drop_columns("note"), "was removed"),
    "of another type": (ORDERS.set_column(3, "note", [[1, 2, 3, 4]]), ": string → int64"),
}


@pytest.mark.parametrize("how", UNREAD)
@pytest.mark.parametrize("ending", PLAIN)
def test_a_column_that_nobody_reads(orders, how, ending):
    """May change, come and go: only those run that take all there is."""
    pytest.importorskip("pandas")
    orders.declared(ending)
    table, said = UNREAD[how]
    path = f"orders.{ending}"
    orders.write(path, PLAIN[ending](ORDERS))
    assert orders.build().ran == list(CONSUMERS)
    orders.write(path, PLAIN[ending](table))
    name = "more" if how == "added" else "note"
    text = f"column `{name}`{said}" if said.startswith(":") else f"column `{name}` {said}"
    assert why(orders, "sql") == [f"orders: {text}: not read here"]
    assert orders.build().ran == ["keep", "table", "frame"]
    assert orders.build().ran == []


READ = {
    "values": (ORDERS.set_column(2, "fare", [[1.5, 2.5, 3.5, 5.5]]), ["column `fare` has other values"]),
    "type": (
        ORDERS.set_column(2, "fare", [pa.array([1.5, 2.5, 3.5, 4.5], pa.float32())]),
        ["column `fare`: float64 → float32"],
    ),
    "rows": (ORDERS.slice(1), ["4 rows → 3 rows"]),
    "order of rows": (
        ORDERS.sort_by([("id", "descending")]),
        ["column `id` has other values", "column `kind` has other values", "column `fare` has other values"],
    ),
    "a null": (ORDERS.set_column(2, "fare", [[1.5, 2.5, 3.5, None]]), ["column `fare` has other values"]),
    "a zero's sign": (ORDERS.set_column(2, "fare", [[1.5, 2.5, 3.5, -0.0]]), ["column `fare` has other values"]),
}  # fmt: skip


@pytest.mark.parametrize("how", READ)
def test_what_is_read_is_seen(orders, how):
    """And `why` says what of it has changed."""
    orders.declared(only=["sql"])
    table, said = READ[how]
    orders.write("orders.parquet", parquet(ORDERS))
    assert orders.build().ran == ["sql"]
    orders.write("orders.parquet", parquet(table))
    shown = why(orders, "sql")
    assert [line for line in shown if line in said] == said, shown
    assert orders.build().ran == ["sql"]
    assert orders.build().ran == []


def test_which_of_several_files_has_changed(project):
    """Is said where paths don't count, and where one name stands for several."""
    project.datafile("""
        [targets.all]
        inputs = ["a.parquet", "b.parquet"]
        standardize = { columns = { id = "int64" } }
        [targets.sums]
        inputs = { t = "?.parquet" }
        sql = "select sum(id) as sum from t"
    """)
    project.write("a.parquet", parquet({"id": [1], "n": [1]}))
    project.write("b.parquet", parquet({"id": [2], "n": [2]}))
    assert project.build().ran == ["all", "sums"]
    project.write("b.parquet", parquet({"id": [2], "n": [3]}))
    assert why(project, "sums") == ["b.parquet: column `n` has other values: not read here"]
    project.write("b.parquet", parquet({"id": [3], "n": [2]}))
    said = ["input-changed: b.parquet", "column `id` has other values"]
    assert why(project, "all") == said
    assert why(project, "sums") == said


def test_a_text_that_may_come_out_the_same(project):
    """Is no reason to run, as long as it is not known."""
    project.datafile("""
        [targets.text]
        inputs = ["in.txt"]
        output = "text.csv"
        run = "tail -n +2 {input} > {output}"
        [targets.sql]
        sql = "select * from text"
        [targets.all]
        inputs = ["text"]
        standardize = { columns = { id = "int64" } }
        [targets.table]
        inputs = { orders = "text" }
        python = "work:table"
    """)
    project.write("work.py", WORK)
    project.write("in.txt", "first\nid\n1\n")
    assert sorted(project.build().ran) == ["all", "sql", "table", "text"]
    project.write("in.txt", "other\nid\n1\n")
    assert project.plan() == {"text": "run", "sql": "maybe", "all": "maybe", "table": "maybe"}
    assert project.build().ran == ["text"]
    project.write("in.txt", "other\nid\n2\n")
    assert sorted(project.build().ran) == ["all", "sql", "table", "text"]
