"""Secrets: they are said nowhere and kept nowhere, whatever is done with what they open."""

from __future__ import annotations

import zlib

import pytest

SECRET = "hunter2"
DATAFILE = """
[project]
cache = "../shared"

[storage."http://"]
headers = { X-Key = "{env.SECRET}" }

[targets.fetched]
inputs = ["http://{env.PLACE}/a.csv{env.QUERY}"]
output = "fetched.txt"
run = "wc -c < {input} > {output}"

[targets.handed]
inputs = [{ from = "http://{env.PLACE}/a.csv{env.QUERY}", fetch = false }]
output = "handed.txt"
run = "echo {input} | wc -l > {output}"

[targets.copied]
inputs = ["http://{env.PLACE}/a.csv{env.QUERY}"]
output = "copied.txt"
copy = true

[targets.fails]
inputs = ["http://{env.PLACE}/a.csv{env.QUERY}"]
output = "fails.txt"
run = "cat {input}/x"

[targets.fails_too]
inputs = [{ from = "http://{env.PLACE}/a.csv{env.QUERY}", fetch = false }]
output = "fails_too.txt"
run = "cat {input}"
"""


def contents(folder):
    """Of all that is in a folder; packs unpacked."""
    for path in folder.rglob("*"):
        yield str(path).encode()
        if path.is_file():
            data = path.read_bytes()
            yield zlib.decompress(data, wbits=31) if path.suffix == ".gz" else data


@pytest.mark.parametrize("where", ["password", "query"])
def test_secrets_of_urls_and_options(web, project, where):
    """Built, failed, locked, explained; in no message, log, summary, state, record or lock file."""
    web.put("a.csv", b"1\n")
    place, query = web.url[7:-1], f"?X-Amz-Signature={SECRET}"
    if where == "password":
        place, query = f"me:{SECRET}@{place}", ""
    names = {"SECRET": SECRET, "PLACE": place, "QUERY": query, "DATAMAKE_CACHE_KEY": SECRET}
    project.environment.update(names)
    project.datafile(DATAFILE)
    commands = ["build -k -v --summary s.md", "lock", "build -k --locked", "status --json"]
    said = ""
    for command in [*commands, "why fails", "show handed --json", "history --json", "log fails"]:
        done = project.command(*command.split())
        said += done.stdout + done.stderr
        assert done.returncode in (0, 1), done
    assert SECRET not in said
    assert project.read("handed.txt").strip() == "1"
    assert not [each for each in contents(project.root.parent) if SECRET.encode() in each]
