"""Early cutoff by what tables say: other bytes run nothing, and what is read is always seen."""

from __future__ import annotations

import shutil

import pyarrow as pa
import pyarrow.parquet as pq
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


PLAIN = {"parquet": parquet, "arrow": arrow, "orc": as_orc}


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """Where projects lie that were built once, by the ending of their table."""
    return {ending: tmp_path_factory.mktemp("once") / ending for ending in PLAIN}


@pytest.fixture
def built(orders, once):
    """All of `orders`, built: the first time really, from then on as a copy of that."""
    pytest.importorskip("pandas")

    def of(ending):
        if once[ending].exists():
            shutil.copytree(once[ending], orders.root, dirs_exist_ok=True)
            return
        orders.declared(ending)
        orders.write(f"orders.{ending}", PLAIN[ending](ORDERS))
        assert orders.build().ran == list(CONSUMERS)
        shutil.copytree(orders.root, once[ending])

    orders.built = of
    return orders


def why(project, name):
    """What `why` says of a target, without the name."""
    done = project.command("why", name)
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


@pytest.mark.parametrize("way", OTHERS)
def test_the_same_table_in_other_bytes(built, way):
    """Runs nothing that is given it as a table, and `why` says so."""
    ending, other = OTHERS[way]
    built.built(ending)
    path = f"orders.{ending}"
    before = built.path(path).read_bytes()
    built.write(path, other())
    assert built.path(path).read_bytes() != before
    assert built.build().ran == []
    assert why(built, "sql") == ["orders: other bytes, the same table"]
    assert why(built, "frame") == why(built, "sql")


UNREAD = {
    "changed": (ORDERS.set_column(3, "note", [["W", "X", "Y", "Z"]]), "has other values"),
    "added": (ORDERS.append_column("more", [[1, 2, 3, 4]]), "was added"),
    "removed": (ORDERS.drop_columns("note"), "was removed"),
    "of another type": (ORDERS.set_column(3, "note", [[1, 2, 3, 4]]), ": string → int64"),
}


@pytest.mark.parametrize("how", UNREAD)
@pytest.mark.parametrize("ending", PLAIN)
def test_a_column_that_nobody_reads(built, how, ending):
    """May change, come and go: only those run that take all there is."""
    table, said = UNREAD[how]
    built.built(ending)
    built.write(f"orders.{ending}", PLAIN[ending](table))
    name = "more" if how == "added" else "note"
    text = f"column `{name}`{said}" if said.startswith(":") else f"column `{name}` {said}"
    assert why(built, "sql") == [f"orders: {text}: not read here"]
    assert built.build().ran == ["keep", "table", "frame"]
    assert built.build().ran == []


READ = {
    "values": (ORDERS.set_column(2, "fare", [[1.5, 2.5, 3.5, 5.5]]), ["column `fare` has other values"]),
    "type": (
        ORDERS.set_column(2, "fare", [pa.array([1.5, 2.5, 3.5, 4.5], pa.float32())]),
        ["column `fare`: float64 → float32"],
    ),
    "rows": (ORDERS.slice(1), ["4 rows → 3 rows"]),
    "order of rows": (
        ORDERS.sort_by([("id", "descending")]),
        ["column `id` has other values", "column `kind` has other values", "column `fare` has other values", "or the rows are in another order"],
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


QUERIES = {
    "where": ("select id from orders where fare > 2", "id fare"),
    "join on": ("select o.id from orders o join kinds k on o.kind = k.kind", "id kind kinds.kind"),
    "using": ("select id from orders join kinds using (kind)", "id kind kinds.kind"),
    "left join": ("select fare from orders o left join kinds k on k.rank = o.id", "id fare kinds.rank"),
    "natural": (
        "select id from orders natural join kinds",
        "id kind fare note kinds.kind kinds.label kinds.rank",
    ),
    "order by": ("select id from orders order by fare desc limit 2", "id fare"),
    "order by place": ("select kind, fare f from orders order by 2", "kind fare"),
    "group by": ("select count(*) as n from orders group by kind", "kind"),
    "group by all": ("select kind, count(*) as n from orders group by all", "kind"),
    "having": ("select kind from orders group by kind having max(fare) > 3", "kind fare"),
    "filter": ("select count(*) filter (where fare > 2) as n from orders", "fare"),
    "window": ("select sum(fare) over (partition by kind) as f from orders", "kind fare"),
    "named window": ("select sum(id) over w as s from orders window w as (order by fare)", "id fare"),
    "qualify": ("select id from orders qualify row_number() over (order by fare) = 1", "id fare"),
    "subquery": ("select id from orders where kind in (select kind from kinds)", "id kind kinds.kind"),
    "derived": ("select id from (select id, fare f from orders) where f > 2", "id fare"),
    "scalar": ("select id, (select max(rank) from kinds) as m from orders", "id kinds.rank"),
    "cte": ("with o as (from orders select id, fare * 2 as f) select id from o where f > 3", "id fare"),
    "star of a cte": ("with o as (select * from orders) select id from o where fare > 2", "id fare"),
    "recursive": (
        "with recursive r as (select min(id) as i from orders union all select i + 1 from r where i < (select max(rank) from kinds)) select i from r",
        "id kinds.rank",
    ),
    "correlated": (
        "select id from orders o where fare > (select rank from kinds where kind = o.kind)",
        "id kind fare kinds.rank kinds.kind",
    ),
    "exists": (
        "select id from orders o where exists (select 1 from kinds k where k.kind = o.kind and rank > 1)",
        "id kind kinds.rank kinds.kind",
    ),
    "lateral": (
        "select x from orders o, lateral (select rank + fare as x from kinds where kind = o.kind)",
        "kind fare kinds.kind kinds.rank",
    ),
    "union": ("select id from orders union select rank from kinds", "id kinds.rank"),
    "except": ("select kind from orders except select kind from kinds", "kind kinds.kind"),
    "distinct on": ("select distinct on (kind) id from orders order by kind, fare", "id kind fare"),
    "case": ("select case when fare > 2 then 1 else 0 end as x from orders", "fare"),
    "struct": ("select struct_pack(a := kind).a as x from orders", "kind"),
    "lambda": ("select list_transform([1], lambda x: x + fare) as l from orders", "fare"),
    "pivot": ("from (select kind, fare from orders) pivot (sum(fare) for kind in ('a'))", "kind fare"),
    "quoted": ('select "ID" from "Orders"', "id"),
    "alias of its own": ("select id as fare from orders where fare > 2", "id fare"),
    "star": ("select * from orders", "id kind fare note"),
    "star of one": ("select o.* from orders o, kinds", "id kind fare note"),
    "star without": ("select * exclude (note) from orders", "id kind fare note"),
    "columns": ("select columns('f.*') from orders", "id kind fare note"),
    "count": ("select count(*) as n from orders", ""),
    "macro": ("select twice(fare) as x from orders where id in ids()", "id fare kinds.rank"),
}  # fmt: skip
"""Query → the columns of orders, and of kinds, that it reads."""

MACROS = """
create macro twice(x) as x + x;
create macro ids() as (select list(rank) from kinds);
create macro never() as (select max(label) from kinds);
"""
CHANGES = {
    "id": [[4, 2, 3, 9]],
    "kind": [["b", "b", "a", "x"]],
    "fare": [[9.5, 2.5, 0.5, 4.5]],
    "note": [["no"] * 4],
}
KIND_CHANGES = {"kind": [["a", "q", "b"]], "label": [["no"] * 3], "rank": [[3, 2, 9]]}


def changed(table, name, values):
    return table.set_column(table.column_names.index(name), name, values)


@pytest.mark.parametrize("clause", QUERIES)
def test_wherever_a_column_is_read(project, clause):
    """A change to it runs the query, and a change to any other does not."""
    sql, names = QUERIES[clause]
    project.datafile(f"""
        [sources]
        orders = {{ path = "orders.parquet" }}
        kinds = {{ path = "kinds.parquet" }}
        [targets.made]
        prelude = ["macros.sql"]
        sql = '''{sql}'''
    """)
    project.write("macros.sql", MACROS)
    project.write("orders.parquet", parquet(ORDERS))
    project.write("kinds.parquet", parquet(KINDS))
    assert project.build().ran == ["made"]
    every = [("orders", ORDERS, name, name) for name in ORDERS.column_names]
    every += [("kinds", KINDS, name, f"kinds.{name}") for name in KINDS.column_names]
    seen = set()
    for file, table, name, known in every:
        values = (CHANGES if file == "orders" else KIND_CHANGES)[name]
        project.write(f"{file}.parquet", parquet(changed(table, name, values)))
        if project.plan()["made"] == "run":
            seen.add(known)
        project.write(f"{file}.parquet", parquet(table))
    assert seen == set(names.split())


def test_the_number_of_rows(project):
    """Counts, whichever columns do."""
    project.datafile("""
        [sources.orders]
        path = "orders.parquet"
        [targets.n]
        sql = "select count(*) as n from orders"
    """)
    project.write("orders.parquet", parquet(ORDERS))
    assert project.build().ran == ["n"]
    project.write("orders.parquet", parquet(ORDERS.select(["note"])))
    assert project.build().ran == []
    project.write("orders.parquet", parquet(ORDERS.slice(1)))
    assert why(project, "n") == ["input-changed: orders", "4 rows → 3 rows"]
    assert project.build().ran == ["n"]


STANDARDS = {
    "filter": "filter = 'price > 2'",
    "drop_duplicates": "drop_duplicates = ['price']",
    "sort_by": "sort_by = ['-price']",
}


@pytest.mark.parametrize("key", STANDARDS)
def test_what_a_standard_reads(project, key):
    """Are the columns that it names, from wherever they are taken."""
    project.datafile(f"""
        [targets.s]
        inputs = ["orders.parquet"]
        [targets.s.standardize]
        others = "drop"
        columns = {{ id = "int64", price = {{ from = "fare", type = "double" }} }}
        {STANDARDS[key]}
    """)
    project.write("orders.parquet", parquet(ORDERS))
    assert project.build().ran == ["s"]
    project.write("orders.parquet", parquet(changed(ORDERS, "kind", CHANGES["kind"])))
    assert why(project, "s") == ["orders.parquet: column `kind` has other values: not read here"]
    assert project.build().ran == []
    project.write("orders.parquet", parquet(changed(ORDERS, "fare", CHANGES["fare"])))
    assert why(project, "s") == ["input-changed: orders.parquet", "column `fare` has other values"]
    assert project.build().ran == ["s"]


def test_columns_of_an_input(project):
    """All else in it is hidden from commands and functions, and does not count."""
    declared = 'inputs = [{ from = "orders.parquet", columns = ["id", "fare"] }]\n'
    project.datafile(f"""
        [targets.run]
        {declared}
        output = "run.txt"
        run = "cat names.py | python3 - {{input}} > {{output}}"
        [targets.argv]
        {declared}
        output = "argv.txt"
        argv = ["python3", "names.py", "{{input}}", "{{output}}"]
        [targets.path]
        {declared}
        output = "path.txt"
        python = "work:path"
        [targets.table]
        {declared}
        python = "work:table"
    """)
    names = "import sys, pyarrow.parquet as pq\nprint(*pq.read_schema(sys.argv[1]).names)\n"
    project.write(
        "names.py", names + "if len(sys.argv) > 2: open(sys.argv[2], 'w').write('done')\n"
    )
    project.write(
        "work.py",
        """
import pyarrow as pa
import pyarrow.parquet as pq

def path(input, output):
    output.write_text(" ".join(pq.read_schema(input).names))

def table(input: pa.Table):
    return input
""",
    )
    project.write("orders.parquet", parquet(ORDERS))
    every = ["argv", "path", "run", "table"]
    assert sorted(project.build().ran) == every
    assert project.read("run.txt") == "id fare\n"
    assert project.read("path.txt") == "id fare"
    assert pq.read_schema(project.path("build/table.parquet")).names == ["id", "fare"]
    for table in (ORDERS.drop_columns("note"), changed(ORDERS, "kind", CHANGES["kind"])):
        project.write("orders.parquet", parquet(table))
        assert project.build().ran == []
        project.write("orders.parquet", parquet(table, compression="gzip"))
        assert project.build().ran == []
    project.write("orders.parquet", parquet(ORDERS.drop_columns("fare")))
    assert set(project.build(keep_going=True).errors.values()) == {
        "`orders.parquet` has no column `fare`"
    }
    project.write("orders.parquet", parquet(changed(ORDERS, "fare", CHANGES["fare"])))
    assert sorted(project.build().ran) == every


def test_texts_count_by_their_bytes(project):
    """Also the columns that nobody reads; and so does what only looks like a table."""
    project.datafile("""
        [targets.csv]
        inputs = { t = "t.csv" }
        sql = "select id from t"
        [targets.lines]
        inputs = { t = "t.jsonl" }
        sql = "select id from t"
    """)
    project.write("t.csv", "id,n\n1,1\n")
    project.write("t.jsonl", '{"id": 1}\n')
    assert sorted(project.build().ran) == ["csv", "lines"]
    project.write("t.csv", "id,n\n1,2\n")
    project.write("t.jsonl", '{"id":1}\n')
    assert why(project, "csv")[0] == "input-changed: t"
    assert sorted(project.build().ran) == ["csv", "lines"]
    assert project.build().ran == []


MONTHS = """
[targets.month]
foreach = {{ month = {} }}
inputs = ["raw/{{month}}.parquet"]
output = "build/month/{{month}}.parquet"
copy = true
[targets.all]
sql = "select sum(id) as s from month"
[targets.by]
sql = 'select month, sum(id) as s from "month[*]" group by month'
[targets.one]
sql = 'select * from "month[02]"'
"""


def test_instances(project):
    """One more is one more input of those that take all; their variables are columns."""
    project.datafile(MONTHS.format('["01", "02"]'))
    for month in ("01", "02", "03"):
        project.write(f"raw/{month}.parquet", parquet({"id": [int(month)], "n": [0]}))
    assert sorted(project.build().ran) == ["all", "by", "month[01]", "month[02]", "one"]
    assert pq.read_table(project.path("build/by.parquet")).to_pylist() == [
        {"month": "01", "s": 1},
        {"month": "02", "s": 2},
    ]
    assert pq.read_table(project.path("build/one.parquet")).to_pylist() == [{"id": 2, "n": 0}]
    project.write("raw/01.parquet", parquet({"id": [1], "n": [5]}))
    assert project.build().ran == ["month[01]"]
    project.datafile(MONTHS.format('["01", "02", "03"]'))
    assert sorted(project.build().ran) == ["all", "by", "month[03]"]
    assert project.build().ran == []
    assert pq.read_table(project.path("build/all.parquet")).to_pylist() == [{"s": 6}]


def test_the_rejects_of_a_standard(project):
    """Are a table by their name, and count apart from the table that they are not in."""
    project.datafile("""
        [targets.trips]
        inputs = ["trips.csv"]
        standardize = { on_error = "quarantine", columns = { id = "int64 not null" } }
        [targets.bad]
        inputs = { bad = { from = "trips", output = "rejects" } }
        sql = "select reason, count(*) as n from bad group by reason"
        [targets.sum]
        sql = "select sum(id) as s from trips"
    """)
    project.write("trips.csv", "id\n1\nx\n")
    assert sorted(project.build().ran) == ["bad", "sum", "trips"]
    assert pq.read_table(project.path("build/bad.parquet")).to_pylist() == [
        {"reason": "is not of the type `int64`", "n": 1}
    ]
    project.write("trips.csv", "id\n1\ny\n")
    assert project.build().ran == ["trips"]
    project.write("trips.csv", "id\n2\ny\n")
    assert project.build().ran == ["trips", "sum"]
    project.write("trips.csv", "id\n2\ny\nz\n")
    assert project.build().ran == ["trips", "bad"]


def test_why_beside_what_is_not_known_yet(project):
    """A table that has changed is a reason of a query although another of its inputs is stale."""
    project.datafile("""
        [sources.b]
        path = "b.parquet"
        [targets.a]
        inputs = ["a.csv"]
        standardize = { columns = { id = "int64" } }
        [targets.q]
        sql = "select id, v from b join a using (id)"
    """)
    project.write("a.csv", "id\n1\n")
    project.write("b.parquet", parquet({"id": [1, 2], "v": [1, 2], "y": [1, 2]}))
    assert project.build().ok
    project.write("a.csv", "id\n1\n2\n")
    project.write("b.parquet", parquet({"id": [1, 2], "v": [1, 2], "y": [3, 2]}))
    assert project.plan()["q"] == "maybe"
    project.write("b.parquet", parquet({"id": [1, 2], "v": [5, 2], "y": [3, 2]}))
    assert project.plan()["q"] == "run"
