"""The session of a query: closed, the same everywhere, several at once."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import duckdb
import pyarrow as pa
import pytest

from datamake.errors import EnvironmentFailed
from datamake.tables import TableError, engine
from datamake.tables.session import Handed, Limits, close, meaning, session


@pytest.fixture
def closed(tmp_path):
    """Asks one question of a closed session, with a file that it may not read."""
    (tmp_path / "a.csv").write_text("a\n1\n")

    def ask(sql):
        with session(Limits(2, 1 << 28, str(tmp_path / "spill"))) as connection:
            close(connection)
            return connection.execute(sql.replace("DIR", str(tmp_path))).fetchall()

    return ask


@pytest.mark.parametrize(
    "sql",
    [
        "FROM read_csv('DIR/a.csv')",
        "FROM 'DIR/a.csv'",
        "FROM read_text('DIR/*')",
        "FROM glob('/*')",
        "FROM 'https://127.0.0.1:9/a.parquet'",
        "COPY (SELECT 1) TO 'DIR/b.csv'",
        "ATTACH 'DIR/b.db'",
        "EXPORT DATABASE 'DIR/b'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET threads = 1",
        "SET TimeZone = 'Asia/Tokyo'",
        "SET enable_external_access = true",
        "RESET lock_configuration",
        "PRAGMA threads = 1",
        "SELECT getenv('HOME')",
        "FROM some_table_of_python",
    ],
)
def test_there_is_nothing_outside(closed, sql):
    """No files, network, extensions, settings, variables of the environment or of Python."""
    some_table_of_python = pa.table({"a": [1]})
    with pytest.raises(duckdb.Error):
        closed(sql)
    assert some_table_of_python.num_rows == 1


def test_time_zones_work_and_are_not_the_machine_s(closed, monkeypatch):
    """UTC, with all zones known, whatever the environment says."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("LC_ALL", "th_TH.UTF-8")
    zoned = "TIMESTAMPTZ '2013-07-01 12:00:00+00'"
    asked = f"SELECT ({zoned})::VARCHAR, {zoned} AT TIME ZONE 'America/New_York', year({zoned})"
    ((text, there, year),) = closed(asked)
    assert (text, there.hour, year) == ("2013-07-01 12:00:00+00", 8, 2013)


def test_a_session_spills_where_it_may(tmp_path):
    """More than the memory that it has is put on disk, into its folder, and taken away."""
    folder = str(tmp_path / "spill")
    with session(Limits(1, 64 << 20, folder)) as connection:
        close(connection)
        connection.execute("SELECT hash(range) h, repeat('x', 40) FROM range(4_000_000) ORDER BY 1")
        assert connection.fetchone() is not None
        assert os.listdir(folder)
    assert not os.path.exists(folder) or not os.listdir(folder)


def test_sessions_have_nothing_in_common():
    """Each thread has its own tables and limits."""

    def ask(number):
        with session(Limits(number)) as connection:
            connection.execute(f"CREATE TABLE t AS SELECT {number} AS n")
            close(connection)
            return connection.execute("SELECT n, current_setting('threads') FROM t").fetchone()

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(ask, [1, 2, 3, 4])) == [(n, n) for n in (1, 2, 3, 4)]


def test_the_version_is_known_without_loading_duckdb():
    """It is what the module says."""
    assert engine.version() == f"duckdb {duckdb.__version__}"


def test_duckdb_that_is_not_there(monkeypatch):
    """The message says how to install it."""
    monkeypatch.setitem(__import__("sys").modules, "duckdb", None)
    with pytest.raises(EnvironmentFailed) as error:
        engine.duckdb()
    assert str(error.value) == (
        "this needs DuckDB\n  hint: install it: `pip install 'datamake[sql]'`"
    )


def test_nothing_is_left_of_what_a_query_means():
    """Neither tables, macros, types, databases nor settings, also after an error."""

    def broken():
        with meaning() as connection:
            connection.execute("CREATE VIEW t AS SELECT 1 AS a; CREATE MACRO f(x) AS x + 1")
            connection.execute("CREATE TYPE mood AS ENUM ('a'); CREATE SCHEMA s")
            connection.execute("CREATE VIEW s.t AS SELECT 1; ATTACH ':memory:' AS other")
            connection.execute("CREATE VIEW other.t AS SELECT 1; CREATE SCHEMA memory")
            connection.register("r", pa.table({"a": [1]}))
            connection.execute("SET TimeZone = 'Asia/Tokyo'; CREATE TEMP TABLE u AS FROM r")
            connection.execute("FROM nosuch")

    for _ in range(2):
        with pytest.raises(duckdb.Error, match="nosuch"):
            broken()
    with meaning() as connection:
        for name in ("t", "s.t", "other.t", "r", "u"):
            with pytest.raises(duckdb.Error, match="does not exist"):
                connection.execute(f"FROM {name}")
        zone = connection.execute("SELECT current_setting('TimeZone')").fetchone()
        assert zone != ("Asia/Tokyo",)


@pytest.mark.parametrize("kind", [TableError, KeyboardInterrupt, OSError])
def test_what_ends_the_batches_that_a_session_pulls(kind):
    """Is told as it was, instead of what DuckDB makes of it; what has ended well tells nothing."""
    schema = pa.schema({"a": pa.int64()})
    error = kind("row 2")

    def batches():
        yield pa.record_batch({"a": [1]}, schema)
        raise error

    with session() as connection:
        handed = Handed()
        for found in (iter(()), batches()):
            reader = pa.RecordBatchReader.from_batches(schema, handed.watched(found))
            connection.register("t", reader)
            try:
                connection.execute("CREATE OR REPLACE TABLE own AS FROM t")
            except duckdb.Error as said:
                with pytest.raises(kind) as told:
                    handed.told(said)
        assert told.value is error
        handed = Handed()
        assert next(iter(handed.watched(iter([1, 2])))) == 1
        handed.told(duckdb.Error("another"))
