"""The figures of tables: standardizing, digesting and checking them, and functions that do nothing."""

from __future__ import annotations

import glob
import gzip
import shutil
import sys
import tempfile

from measuring import BUILD, in_turn, seconds

NUMBERS = (
    *("year", "month", "day", "dep_time", "sched_dep_time", "dep_delay", "arr_time"),
    *("sched_arr_time", "arr_delay", "flight", "air_time", "distance", "hour", "minute"),
)
ARROW = f"""
import pyarrow as pa, pyarrow.csv as csv, pyarrow.parquet as pq
types = {{**dict.fromkeys({NUMBERS!r}, pa.int64()), "time_hour": pa.timestamp("us", "UTC")}}
options = csv.ConvertOptions(column_types=types, null_values=["", "NA"], strings_can_be_null=True)
with csv.open_csv("flights.csv", convert_options=options) as reader:
    with pq.ParquetWriter("arrow.parquet", reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch)
"""
STANDARDIZE = f"""
from datamake.datafile.standard import standard
from datamake.tables.standardize import standardize
from datamake.action import Piece, View
columns = dict.fromkeys({NUMBERS!r}, "int64")
columns |= dict.fromkeys(["carrier", "tailnum", "origin", "dest"], "string")
columns["time_hour"] = "timestamp[us, UTC]"
given = standard({{"null": ["", "NA"], "columns": columns}})
standardize(given, [View("flights", (Piece(("flights.csv",)),))], ["out.parquet"])
"""
MONTHS = "examples/flights/raw/flights-2013-*.csv.gz"


def standardize(runs):
    """1 GB of flights in CSV: at least 0.6 times the throughput of pyarrow, and at most 1 GB."""
    with tempfile.TemporaryDirectory() as folder:
        flights(folder, 10**9)
        arrow, made = in_turn(
            max(3, runs // 5),
            lambda: seconds([sys.executable, "-c", ARROW], folder),
            lambda: seconds([sys.executable, "-c", STANDARDIZE], folder),
        )
    return "`standardize` of 1 GB of CSV", made, arrow, "pyarrow, CSV to Parquet", 1.67


def flights(folder, size):
    """Flights as CSV, months repeated up to so many bytes."""
    rows = b""
    for path in sorted(glob.glob(MONTHS)):
        with gzip.open(path) as file:
            header = file.readline()
            rows += file.read()
    with open(f"{folder}/flights.csv", "wb") as file:
        file.write(header)
        file.writelines(rows for _ in range(size // len(rows) + 1))


def python(script):
    """The command that runs a script."""
    return [sys.executable, "-c", script]


READ = "import pyarrow.parquet as pq; pq.read_table('arrow.parquet')"
DIGEST = "from datamake.tables.logical import digest; digest('arrow.parquet')"


def digest(runs):
    """What a Parquet file holds: at most twice the time of pyarrow reading it."""
    with tempfile.TemporaryDirectory() as folder:
        flights(folder, 5 * 10**8)
        seconds(python(ARROW), folder)
        read, made = in_turn(
            max(5, runs // 2),
            lambda: seconds(python(READ), folder),
            lambda: seconds(python(DIGEST), folder),
        )
    return (
        "logical digest of 5 M flights in Parquet",
        made,
        read,
        "`pyarrow.parquet.read_table`",
        2.0,
    )


SCAN = """
import duckdb
columns = ("dep_delay", "origin", "dest", "flight", "carrier", "distance", "time_hour")
ends = ", ".join(f"min({each}), max({each}), count({each})" for each in columns)
connection = duckdb.connect(config={"threads": 1})
connection.sql(f"select {ends} from 'arrow.parquet'").to_arrow_table()
"""
CHECKS = """
from datamake.datafile.checks import checks_of
from datamake.tables.checks import verify
from datamake.tables.reading import open_table
given = {"checks": [
    {"rows": {"min": 1}}, {"not_null": ["origin", "dest"]},
    {"accepted": {"origin": ["EWR", "JFK", "LGA"]}}, {"between": {"distance": [1, 10000]}},
    {"between": {"dep_delay": [-500, 5000]}}, {"matches": {"carrier": "^[A-Z0-9]{2}$"}},
    {"not_null": ["flight"]}, {"between": {"flight": [1, 10000]}}, {"fresh": {"time_hour": "9000d"}},
]}
import time
from datamake.tables.checks.bound import Sights
verify(open_table("arrow.parquet"), None, checks_of(given), Sights(now=time.time()))
"""


def checks(runs):
    """All checks of a table: at most 1.5 times one scan of the columns that they use."""
    with tempfile.TemporaryDirectory() as folder:
        flights(folder, 2 * 10**9)
        seconds(python(ARROW), folder)
        scan, made = in_turn(
            max(5, runs // 2),
            lambda: seconds(python(SCAN), folder),
            lambda: seconds(python(CHECKS), folder),
        )
    return "nine checks of 20 M flights in Parquet", made, scan, "a scan by DuckDB", 1.5


FUNCTIONS = """
[targets.nothing]
foreach = {{ n = [{numbers}] }}
output = "out/{{n}}"
python = "nothing:nothing"
"""
NOTHING = """
def nothing(output):
    output.write_text("")
"""


def functions(runs):
    """A `python` target that does nothing: 20 ms beyond the first, so 51 of them 1 s longer."""
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/nothing.py", "w") as file:
            file.write(NOTHING)

        def built(count):
            for name in ("out", ".datamake"):
                shutil.rmtree(f"{folder}/{name}", ignore_errors=True)
            with open(f"{folder}/Datafile.toml", "w") as file:
                file.write(FUNCTIONS.format(numbers=", ".join(map(str, range(count)))))
            return seconds([*BUILD, "-j1"], folder)

        one, many = in_turn(max(5, runs // 2), lambda: built(1), lambda: built(51))
    each = [(more - first) / 50 for first, more in zip(one[:2], many[:2], strict=True)]
    return "one more `python` target that does nothing", [*each, many[2]], [0.02], "20 ms", 1.0
