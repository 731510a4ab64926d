"""Targets that a database answers: SQLite and PostgreSQL, with and without a version."""

from __future__ import annotations

import signal
import socket
import sqlite3
from contextlib import closing

import pyarrow.parquet as pq
import pytest
from versions import decimals_of_postgresql

import datamake
from datamake.reproduction import reproduce

pytest.importorskip("adbc_driver_sqlite")

DATAFILE = """
    [targets.orders]
    query = { uri = "sqlite:shop.db", sql = "SELECT * FROM orders ORDER BY id" }
    [targets.total]
    inputs = ["orders"]
    output = "total.txt"
    run = "wc -c < {input} > {output}"
"""
VERSIONED = DATAFILE.replace("ORDER BY id", 'ORDER BY id", version = "SELECT max(id) FROM orders')


def execute(project, script):
    connection = sqlite3.connect(project.path("shop.db"))
    connection.executescript(script)
    connection.close()


@pytest.fixture
def shop(project):
    """A database with one order."""
    execute(
        project, "CREATE TABLE orders (id INTEGER, paid REAL); INSERT INTO orders VALUES (1, 2.5)"
    )
    return project


def reproduced(project):
    with datamake.load(str(project.root)) as opened:
        return reproduce(opened, "orders")


def rows(project, path="build/orders.parquet"):
    return pq.read_table(project.path(path)).to_pylist()


def test_without_a_version_it_runs_at_every_build(shop):
    """What needs it runs only where the answer is another one."""
    shop.datafile(DATAFILE)
    assert shop.build().ran == ["orders", "total"]
    assert rows(shop) == [{"id": 1, "paid": 2.5}]
    assert shop.build().ran == ["orders"]
    execute(shop, "INSERT INTO orders VALUES (2, 5)")
    assert shop.build().ran == ["orders", "total"]
    assert rows(shop)[1] == {"id": 2, "paid": 5.0}


def test_with_a_version_it_runs_when_that_changes(shop):
    """And never else."""
    shop.datafile(VERSIONED)
    assert shop.build().ran == ["orders", "total"]
    execute(shop, "UPDATE orders SET paid = 3")
    assert shop.build().ran == []
    execute(shop, "INSERT INTO orders VALUES (2, 5)")
    assert shop.plan() == {"orders": "run", "total": "maybe"}
    assert shop.build().ran == ["orders", "total"]
    assert rows(shop) == [{"id": 1, "paid": 3.0}, {"id": 2, "paid": 5.0}]


def test_a_wrong_query_fails_its_target(shop):
    """With its line; what was there stays."""
    shop.datafile(DATAFILE)
    assert shop.build().ok
    shop.datafile(DATAFILE.replace("FROM orders", "FROM order_s"))
    built = shop.build()
    assert (built.exit_code, built.statuses["orders"]) == (1, "failed")
    assert built.errors["orders"] == "the query fails: no such table: order_s"
    assert rows(shop) == [{"id": 1, "paid": 2.5}]
    said = shop.command("build").stderr
    assert "1 | SELECT * FROM order_s ORDER BY id\n" in said
    assert "  |               ^^^^^^^\n" in said


def test_a_database_that_is_not_there_is_the_environments_failure(shop):
    """Exit status 4, and the place where it was looked for."""
    shop.datafile(DATAFILE.replace("shop.db", "nope.db"))
    done = shop.command("build")
    assert done.returncode == 4
    assert f"`sqlite:nope.db` is not there\n  it is the file {shop.root}/nope.db" in done.stderr
    assert not shop.exists("nope.db")


@decimals_of_postgresql
def test_postgresql(postgresql, project):
    """The password comes from the environment, and stands nowhere afterwards."""
    pytest.importorskip("adbc_driver_postgresql")
    postgresql.execute(
        "DROP TABLE IF EXISTS flights",
        "CREATE TABLE flights (day date, delay numeric(6, 1))",
        "INSERT INTO flights VALUES ('2013-01-01', 2.5), ('2013-01-02', NULL)",
    )
    password = postgresql.uri.split(":")[2].partition("@")[0]
    project.environment["SHOP_PASSWORD"] = password
    uri = postgresql.uri.replace(password, "{env.SHOP_PASSWORD}")
    project.datafile(f"""
        [targets.delays]
        query = {{ uri = "{uri}", sql = "SELECT * FROM flights WHERE delay > 1" }}
    """)
    done = project.command("build", "-v")
    assert (done.returncode, password in done.stdout + done.stderr) == (0, False)
    table = pq.read_table(project.path("build/delays.parquet"))
    assert str(table.schema.types[1]) == "decimal128(6, 1)"
    assert table.num_rows == 1
    wrong = project.command("build", env={"SHOP_PASSWORD": "s3cret"})
    assert wrong.returncode == 4
    assert 'password authentication failed for user "tester"' in wrong.stderr
    for path in project.root.rglob("*"):
        assert not path.is_file() or password.encode() not in path.read_bytes(), path


def test_a_version_of_several_values(shop):
    """Is told with them apart, and `show` says which of the queries it is."""
    versioned = VERSIONED.replace("SELECT max(id)", "SELECT max(id), count(*)")
    shop.datafile(versioned)
    shop.build()
    execute(shop, "INSERT INTO orders VALUES (12, 5)")
    why = shop.command("why", "orders").stdout
    assert why.splitlines()[1] == "  input-changed: the database: 1, 1 → 12, 2"
    shop.datafile(versioned.replace("SELECT max(id), count(*) FROM", "SELECT id, paid FROM"))
    shop.build()
    execute(shop, "DELETE FROM orders WHERE id = 1")
    said = "the database: 1, 2.5; 12, 5.0 → 12, 5.0"
    assert said in shop.command("why", "orders").stdout
    shown = shop.command("show", "orders").stdout
    assert "-- what tells whether it has changed:\n" in shown.replace("\n  ", "\n"), shown


def test_a_version_has_the_time_that_its_target_has(project, postgresql):
    """As where another one has locked the table."""
    postgresql.execute("CREATE TABLE locked (n int)")
    project.datafile(f"""
        [targets.q]
        timeout = "500ms"
        query = {{ uri = "{postgresql.uri}", sql = "SELECT 1 AS a", version = "SELECT count(*) FROM locked" }}
    """)
    driver = pytest.importorskip("adbc_driver_postgresql.dbapi")
    with driver.connect(postgresql.uri) as other, other.cursor() as cursor:
        cursor.execute("LOCK TABLE locked")
        done = project.cli("build")
    assert done.returncode == 1
    assert "its `version` took longer than 0.5 s\n  hint: `timeout` is how long" in done.stderr
    assert project.build().ran == ["q"]


def test_a_server_that_never_answers(project):
    """Is waited for no longer than the target has time, and not after Ctrl-C."""
    pytest.importorskip("adbc_driver_postgresql")
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        port = silent.getsockname()[1]
        said = f"""
            [targets.q]
            TIMEOUT
            query = {{ uri = "postgresql://u:s3cret@127.0.0.1:{port}/db", sql = "SELECT 1" }}
        """
        project.datafile(said.replace("TIMEOUT", 'timeout = "300ms"'))
        assert project.build().errors == {"q": "took longer than 0.3 s"}
        project.datafile(said.replace("TIMEOUT", ""))
        with project.start("build") as process:
            for _ in range(2):
                with silent.accept()[0] as asked:
                    asked.recv(1)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=20)
        assert process.returncode == 130


def test_two_files_of_one_name_have_two_versions(project):
    """They are relative to where their targets run."""
    for name, number in (("a", 1), ("b", 2)):
        project.write(
            f"{name}/Datafile.toml",
            f"""
            [targets.{name}]
            query = {{ uri = "sqlite:t.db", sql = "SELECT n FROM t", version = "SELECT n FROM t" }}
        """,
        )
        with closing(sqlite3.connect(project.path(f"{name}/t.db"))) as connection, connection:
            connection.executescript(f"CREATE TABLE t (n INTEGER); INSERT INTO t VALUES ({number})")
    project.datafile("""
        [project]
        include = ["*"]
    """)
    assert project.build().ran == ["a", "b"]
    with closing(sqlite3.connect(project.path("b/t.db"))) as connection, connection:
        connection.execute("UPDATE t SET n = 3")
    assert project.build().ran == ["b"]


def test_a_query_of_a_database_stands_in_the_datafile(project):
    """A file is none."""
    project.datafile('[targets.a]\nquery = { uri = "sqlite:a.db", sql = "queries/a.sql" }')
    assert project.cli("build").stderr == (
        "Datafile.toml:3:32: `queries/a.sql` is no query\n"
        "  hint: write it down here: only a `sql` target takes it from a file\n"
    )


@pytest.mark.parametrize("text", [DATAFILE, VERSIONED])
def test_it_is_reproduced(shop, text):
    """Of the database where it is, relative to the project, asked once more; with or without a version."""
    shop.datafile(text)
    assert shop.build().ok
    found = reproduced(shop)
    assert (found["error"], found["same"]) == (None, True)
    execute(shop, "UPDATE orders SET paid = 3")
    assert reproduced(shop)["same"] is False
    execute(shop, "INSERT INTO orders VALUES (2, 5)")
    if text == DATAFILE:
        assert reproduced(shop)["same"] is False
        shop.remove("build/orders.parquet")
    with pytest.raises(datamake.UsageError, match="`orders` cannot be reproduced: it is not up to"):
        reproduced(shop)


def test_a_database_that_a_variable_says(project):
    """Is shown without its password, and not at all where it is none."""
    connected = sqlite3.connect(project.path("d.db"))
    connected.execute("CREATE TABLE t AS SELECT 1 AS a")
    connected.close()
    project.datafile("""
        [targets.t]
        query = { uri = "{env.DB}", sql = "select * from t" }
    """)
    assert project.command("build", env={"DB": "sqlite:d.db"}).returncode == 0
    assert pq.read_table(project.path("build/t.parquet")).to_pylist() == [{"a": 1}]
    away = project.command("build", env={"DB": "postgresql://u:s3cret@127.0.0.1:1/x"})
    assert away.returncode == 4
    assert "`postgresql://127.0.0.1:1/x` cannot be read" in away.stderr
    wrong = project.command("build", env={"DB": "host=h password=s3cret"})
    assert wrong.returncode == 2
    assert wrong.stderr == (
        "Datafile.toml:4:11: `{env.DB}` leads to no database: "
        "it begins with `sqlite:` or `postgresql://`\n"
    )
    for path in project.root.rglob("*"):
        assert not path.is_file() or b"s3cret" not in path.read_bytes(), path
