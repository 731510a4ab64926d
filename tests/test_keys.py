"""The JSON Schema and the reference page, made of the table that validates."""

from __future__ import annotations

import pytest
import tomli
from datafiles import complaint, loaded
from jsonschema import Draft202012Validator

from datamake.datafile import keys

EVERYTHING = """
[project]
name = "x"
default = ["a"]
include = ["p/*"]
requires = ">=0.1"
code = ["uv.lock"]
env_file = ".env"
venv = ".venv"
pythonpath = ["."]
timezone = "UTC"
platform = true
link = "copy"
cache = "s3://{env.BUCKET}/cache"
local_cache = "../cache"
models = []
local_cache_size = "1.5GiB"
[params]
year = 2013
[sources.s]
path = "raw/*.csv"
freshness = { warn_after = "12h", error_after = "{params.limit}" }
description = "d"
owner = "o"
tags = ["t"]
[defaults]
retries = 1
[targets.a]
run = "true"
inputs = ["x", { from = "y", output = "o", optional = true, fetch = false }]
outputs = { a = "a", b = "b/" }
foreach = { m = "{params.months}", d = { from = 2013-01-01, to = "2013-12-31", every = "1mo" }, n = [1, "x"] }
exclude = [{ n = 1 }]
description = "d"
owner = "o"
tags = ["t"]
code = ["lib/*.py"]
implicit = false
params = ["year"]
env = { TZ = "UTC" }
inherit_env = false
secrets = ["KEY"]
cwd = "sub"
shell = ["bash", "-c"]
venv = "venv"
cpus = 2
memory = "8GB"
pool = { gpu = 1 }
priority = -1
timeout = "30m"
retries = 2
retry_delay = 0.5
max_age = "{params.age}"
always = true
cache = false
enabled = "{params.on}"
[targets.b]
argv = ["x"]
foreach = [{ a = 1 }]
inputs = { x = "y" }
env = ["TZ"]
pool = "api"
[targets.c]
python = "a.b:c"
output = "x"
foreach = "raw/{x}.csv"
[targets.d]
copy = true
inputs = ["x"]
outputs = ["y"]
[targets.e]
sql = "select * from s"
prelude = ["macros.sql"]
schema = { id = "int64", at = { type = "date", unique = true } }
schema_mode = "subset"
checks = [{ rows = { min = 1 }, severity = "warn", name = "some", where = "id > 0" }]
[targets.f]
inputs = [{ from = "s", format = "csv", null = ["NA"], read = { delimiter = ";" }, schema = { a = "int64" }, columns = ["a"] }]
[targets.f.standardize]
columns = { a = "int64", b = { from = "B", type = "date", format = "%d.%m.%Y", fill = 2020-01-01 } }
others = "drop"
on_error = "quarantine"
[targets.g]
query = { uri = "sqlite:a.db", sql = "select 1", version = "select 2" }
[pools]
api = 1
[executor]
kind = "local"
[storage."s3://"]
endpoint_url = "{env.S3}"
client_kwargs = { verify = false }
[profiles.ci]
storage = { "s3://" = { anon = true } }
params = { months = ["01"] }
sources = { s = { tags = [] } }
"""


def jsonable(content):
    """As an editor would hand it to a JSON Schema: dates are strings."""
    if isinstance(content, dict):
        return {key: jsonable(item) for key, item in content.items()}
    if isinstance(content, list):
        return [jsonable(item) for item in content]
    return content.isoformat() if hasattr(content, "isoformat") else content


def test_every_key_loads_and_is_in_the_schema():
    content = tomli.loads(EVERYTHING)
    used = set().union(*content["targets"].values())
    assert used == {key.name for key in keys.TARGET}
    assert content["project"].keys() == {key.name for key in keys.PROJECT}
    loaded(EVERYTHING, {"p/x/Datafile.toml": ""})
    Draft202012Validator.check_schema(keys.json_schema())
    assert [*Draft202012Validator(keys.json_schema()).iter_errors(jsonable(content))] == []


@pytest.mark.parametrize(
    "text",
    [
        "x = 1",
        "targets.x = {}",
        "targets.'a b'.run = 'x'",
        "targets.x = { run = 'x', argv = ['x'] }",
        "targets.x = { run = 'x', output = 'a', outputs = ['b'] }",
        "targets.x = { run = 'x', exclude = [] }",
        "targets.x = { run = 'x', inputs = 'a' }",
        "targets.x = { run = 'x', inputs = [{ form = 'a' }] }",
        "targets.x = { run = 'x', foreach = { input = [1] } }",
        "targets.x = { run = 'x', retries = -1 }",
        "targets.x = { run = 'x', sql = 'x' }",
        "targets.x = { run = '' }",
        "sources.x = {}",
        "defaults.run = 'x'",
        "executor.kind = 'dask'",
        "pools.x = 0",
    ],
)
def test_the_schema_refuses_what_loading_refuses(text):
    complaint(text)
    assert not Draft202012Validator(keys.json_schema()).is_valid(tomli.loads(text))


def test_the_reference_has_every_key_with_its_default():
    lines = keys.reference().splitlines()
    row = "| `retries` | a whole number, at least 0 | `0` | how often it is tried again after a failure |"
    assert row in lines
    for record in (keys.DATAFILE, keys.PROJECT, keys.SOURCE, keys.TARGET):
        for key in record:
            assert any(line.startswith(f"| `{key.name}`") for line in lines)
    columns = {line.count("|") for line in lines if line.startswith("|")}
    assert columns == {5}
