"""`diff`: a target's data against its last build, a run, a revision of git and a file."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
from threading import Event, Thread

import pytest
from disks import mounted

import datamake
from datamake import comparison
from datamake.tables import difference, guessing
from datamake.threads import Ending

DATAFILE = """
    [sources.flights]
    path = "flights.csv"
    [targets.delays]
    inputs = ["flights"]
    output = "out/delays.csv"
    run = "sort -r {input} > {output}"
    [targets.long]
    inputs = ["delays"]
    output = "out/long.csv"
    run = "cat {input} > {output}"
    [targets.parts]
    foreach = { n = ["1", "2"] }
    inputs = ["flights"]
    output = "out/part-{n}.csv"
    run = "grep -e ^id -e ^{n} {input} > {output}"
"""
FIRST = "id,delay\n1,5\n2,7\n"
SECOND = "id,delay\n1,5\n2,8\n3,\n"


def git(project, *arguments):
    command = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", *arguments]
    done = subprocess.run(command, cwd=project.root, check=True, capture_output=True, text=True)
    return done.stdout


@pytest.fixture
def flights(project):
    """Built with two rows; `flights.csv` is in git, and in no other commit."""
    project.datafile(DATAFILE)
    project.write("flights.csv", FIRST)
    project.write(".gitignore", "out/\n")
    git(project, "init", "-q")
    git(project, "add", ".")
    git(project, "commit", "-qm", "first")
    assert project.build().ok
    return project


def diff(project, *arguments, **options):
    with datamake.load(str(project.root)) as opened:
        return opened.diff(*arguments, **options)


def failure(project, *arguments, kind=datamake.UsageError, **options):
    with pytest.raises(kind) as raised:
        diff(project, *arguments, **options)
    return str(raised.value)


def changes(document):
    return {kind: document["changes"][kind] for kind in ("added", "removed", "changed")}


def test_against_the_build_before(flights):
    """The default: what a build made is compared with what the one before it had made."""
    flights.write("flights.csv", SECOND)
    assert flights.build().ok
    found = diff(flights, "delays", key=["id"])
    assert (found["name"], found["against"], found["same"]) == ("delays", "run 1", False)
    assert found["rows"] == {"old": 2, "new": 3}
    assert changes(found) == {"added": 1, "removed": 0, "changed": 1}
    assert found["changes"]["examples"]["changed"] == [
        {"key": {"id": "2"}, "columns": {"delay": ["7", "8"]}}
    ]
    assert changes(diff(flights, "delays")) == {"added": 2, "removed": 1, "changed": None}


def test_one_build_has_nothing_before_it(flights):
    """And a source is not built at all."""
    assert failure(flights, "delays") == (
        "there is no earlier build of `delays` to compare with\n"
        "  hint: `--against` takes a file, a run that `datamake history` shows, or a revision of git"
    )
    assert failure(flights, "flights") == (
        "`flights` is a source, and not built\n"
        "  hint: `--against` a file or a folder, to compare it with that"
    )


def test_against_a_run(flights):
    """What there was after it, whichever run made that."""
    flights.write("flights.csv", SECOND)
    assert flights.build("parts").ok
    flights.write("flights.csv", FIRST.replace("5", "6"))
    assert flights.build().ok
    assert diff(flights, "delays", "1")["against"] == "run 1"
    assert changes(diff(flights, "delays", "2", key=["id"])) == (
        {"added": 0, "removed": 0, "changed": 1}
    )
    assert changes(diff(flights, "parts[2]", "2", key=["id"])) == (
        {"added": 0, "removed": 0, "changed": 1}
    )
    assert diff(flights, "delays", "3")["same"] is True


def test_all_instances_are_one_table(flights):
    """A foreach target is compared as a whole."""
    flights.write("flights.csv", SECOND)
    assert flights.build().ok
    assert diff(flights, "parts")["rows"] == {"old": 2, "new": 2}
    assert changes(diff(flights, "parts", key=["id"])) == ({"added": 0, "removed": 0, "changed": 1})


def test_variables_are_columns(flights):
    """Of a foreach target, as where it is shown: they can be keys, of instances that are gone too."""
    flights.datafile(DATAFILE.replace("grep -e ^id -e ^{n} {input}", "sed s/^[0-9]/7/ {input}"))
    git(flights, "commit", "-qam", "second")
    assert flights.build("parts").ok
    text = flights.path("Datafile.toml").read_text()
    flights.datafile(text.replace('["1", "2"]', '["2", "3"]'))
    flights.write("flights.csv", "id,delay\n1,8\n")
    assert flights.build("parts").ok
    said = failure(flights, "parts", "2", key=["n", "id"], kind=datamake.TableError)
    assert said.startswith("the key tells no rows apart: 2 rows of the old table have `n` = `2`, ")
    git(flights, "commit", "-qam", "third")
    flights.write("flights.csv", "id,delay\n1,9\n")
    assert flights.build("parts").ok
    found = diff(flights, "parts", "HEAD~1", key=["n", "delay"])
    assert [each["name"] for each in found["columns"]] == ["id", "delay", "n"]
    assert (found["rows"], changes(found)) == (
        {"old": 4, "new": 2},
        {"added": 2, "removed": 4, "changed": 0},
    )
    assert [row["n"] for row in found["changes"]["examples"]["removed"]] == ["1", "1", "2", "2"]


def test_what_is_said_of_a_table_names_it(flights):
    """By its path in the project, and when it was so: no copy of it."""
    flights.write("flights.csv", SECOND.replace("delay", "late"))
    assert flights.build().ok
    said = failure(flights, "delays", key=["late"], kind=datamake.TableError)
    assert said.splitlines()[0] == "`out/delays.csv of run 1` has no column `late`"
    said = failure(flights, "delays", "1", key=["delay"], kind=datamake.TableError)
    assert said.splitlines()[0] == "`out/delays.csv` has no column `delay`"


def test_against_a_file(flights):
    """Of a source, too."""
    flights.write("old.csv", SECOND)
    path = str(flights.path("old.csv"))
    assert changes(diff(flights, "flights", path)) == {"added": 1, "removed": 2, "changed": None}
    assert diff(flights, "delays", str(flights.path("flights.csv")))["changes"]["reordered"]


def test_against_a_revision(flights):
    """What a build of that commit made; the working copy and its state stay as they are."""
    flights.write("flights.csv", SECOND)
    assert flights.build().ok
    git(flights, "commit", "-qam", "second")
    before = flights.files("**/*.csv")
    assert diff(flights, "long", "HEAD~1", key=["id"])["against"] == "revision `HEAD~1`"
    assert changes(diff(flights, "long", "HEAD~1", key=["id"])) == (
        {"added": 1, "removed": 0, "changed": 1}
    )
    assert diff(flights, "long", "HEAD")["same"] is True
    assert flights.files("**/*.csv") == before
    assert git(flights, "worktree", "list").count("\n") == 1
    assert git(flights, "status", "--porcelain") == ""
    assert flights.build().ran == []


def test_at_a_revision_what_git_does_not_keep_is_as_it_is_now(flights):
    """Data beside the repository, folders of it, and what is ignored."""
    flights.write("data/more/extra.csv", "id,delay\n9,9\n")
    flights.write("out/by-hand.csv", "id,delay\n8,8\n")
    flights.datafile(
        DATAFILE
        + """
    [targets.all]
    inputs = ["flights.csv", "data/**/*.csv", "out/by-hand.csv"]
    output = "out/all.csv"
    run = "cat {inputs} | sort -ru > {output}"
    """
    )
    git(flights, "commit", "-qam", "second")
    assert flights.build().ok
    flights.write("flights.csv", SECOND)
    assert flights.build().ok
    assert changes(diff(flights, "all", "HEAD", key=["id"])) == (
        {"added": 1, "removed": 0, "changed": 1}
    )


def test_at_a_revision_after_clean(flights):
    """Folders of outputs are no links out of the checkout: not empty ones, nor those with more in them."""
    flights.write("out/by-hand.csv", "id,delay\n8,8\n")
    flights.datafile(
        DATAFILE
        + """
    [targets.lines]
    foreach = "out/by-{hand}.csv"
    inputs = ["out/by-{hand}.csv"]
    output = "out/deep/er/{hand}.csv"
    run = "cat {input} > {output}"
    """
    )
    git(flights, "commit", "-qam", "second")
    assert flights.build().ok
    flights.command("clean", "-y")
    assert flights.path("out/deep/er").is_dir()
    assert flights.build("long").restored == ["long"]
    assert diff(flights, "long", "HEAD")["same"] is True
    flights.remove("out/long.csv")
    flights.remove(".datamake/made")
    flights.write("out/long.csv", FIRST)
    assert diff(flights, "long", "HEAD")["rows"] == {"old": 2, "new": 2}


def test_a_revision_that_was_never_built(flights):
    """It isn't built for it."""
    flights.write("flights.csv", SECOND)
    git(flights, "commit", "-qam", "second")
    flights.write("flights.csv", FIRST)
    assert failure(flights, "long", "HEAD") == (
        "it is not known what `delays` was at `HEAD`\n"
        "  the cache has no record of it\n"
        "  hint: a build of that commit, with this cache or a shared one, makes it known"
    )
    for nothing in ("nope", "../nope.csv", "99", "-x"):
        assert failure(flights, "delays", nothing) == (
            f"`{nothing}` is no file, no run and no revision of git\n"
            "  git: fatal: Needed a single revision\n"
            "  hint: `datamake history` shows runs; a shallow clone, as in CI, has few revisions: "
            "`git fetch` more"
        )
    assert git(flights, "worktree", "list").count("\n") == 1
    assert failure(flights, "nope", "HEAD").startswith("`nope` is no target")


def test_at_a_revision_with_checks(flights):
    """Checks of sources and of targets say nothing of what there was, known or not."""
    flights.datafile(
        """
    [sources.flights]
    path = "flights.csv"
    schema = { id = "int64", delay = "int64" }
    checks = [{ rows = { min = 1 } }]
    [targets.delays]
    inputs = ["flights"]
    output = "out/delays.csv"
    run = "sort -r {input} > {output}"
    checks = [{ volume = "90%" }, { unique = ["id"] }]
    """
    )
    git(flights, "commit", "-qam", "second")
    assert flights.build().ok
    flights.write("flights.csv", SECOND)
    assert flights.build().ok
    assert diff(flights, "delays", "HEAD")["rows"] == {"old": 2, "new": 3}


def test_at_a_revision_with_a_database(flights):
    """Its data is what the last run with the same declaration made of it; its version as last seen."""
    flights.datafile(
        """
    [targets.open]
    query = { uri = "sqlite:d.db", sql = "select * from t" }
    output = "out/open.csv"
    [targets.told]
    query = { uri = "sqlite:d.db", sql = "select * from t", version = "select max(id) from t" }
    output = "out/told.csv"
    [targets.seen]
    output = "out/seen.txt"
    always = true
    run = "echo seen > {output}"
    [targets.both]
    inputs = ["open", "told", "seen"]
    output = "out/both.csv"
    run = "cat out/open.csv > {output}"
    """
    )
    with sqlite3.connect(flights.path("d.db")) as database:
        database.execute("create table t as select 1 as id, 5 as delay")
    flights.write(".gitignore", "out/\nd.db\n")
    git(flights, "commit", "-qam", "second")
    flights.write("out/open.csv", "id,delay\n")
    assert failure(flights, "open", "HEAD") == (
        "it is not known what `open` was at `HEAD`\n"
        "  it runs at every build, and no run of it as it is there is remembered\n"
        "  hint: a build of that commit here makes it known"
    )
    assert flights.build().ok
    assert [diff(flights, name, "HEAD")["same"] for name in ("open", "told", "both")] == [True] * 3
    flights.datafile(
        flights.path("Datafile.toml").read_text().replace("cat out/open", "sort out/open")
    )
    assert flights.build().ok
    assert diff(flights, "both", "HEAD")["rows"] == {"old": 1, "new": 1}
    database.execute("insert into t values (2, 6)")
    database.commit()
    database.close()
    assert flights.build().ok
    assert failure(flights, "both", "HEAD") == (
        "it is not known what `both` was at `HEAD`\n"
        "  the cache has no record of it\n"
        "  taken as last made, as they run at every build: `open`, `seen`\n"
        "  hint: a build of that commit, with this cache or a shared one, makes it known"
    )


def test_what_the_cache_lost_is_not_known(flights):
    """Bytes go; what it was is still known."""
    flights.write("flights.csv", SECOND)
    assert flights.build().ok
    flights.remove(".datamake/cache/v1/blobs")
    assert failure(flights, "delays").startswith(
        "what `delays` was then is not in the cache any more\n  `out/delays.csv`, "
    )


def test_what_was_made_anew_of_the_same(flights):
    """History has what each run made, whatever the cache has a record of."""
    flights.write("flights.csv", SECOND)
    assert flights.build("delays", force=True).ok
    assert flights.build("delays", force=True).ok
    assert diff(flights, "delays")["same"] is True
    assert diff(flights, "delays", "2")["same"] is True
    assert diff(flights, "delays", "1")["rows"] == {"old": 2, "new": 3}


def test_a_key_that_tells_no_rows_apart(flights):
    """The first one that is there twice is told."""
    flights.write("old.csv", "id,delay\n1,5\n1,6\n2,5\n")
    said = failure(
        flights, "delays", str(flights.path("old.csv")), key=["id"], kind=datamake.TableError
    )
    assert said == (
        "the key tells no rows apart: 2 rows of the old table have `id` = `1`\n"
        "  hint: name more columns: `--key a,b`"
    )


def test_the_command(flights):
    """Text by default; Markdown, JSON and HTML by `--format`."""
    flights.write("flights.csv", SECOND)
    assert flights.build().ok
    done = flights.command("diff", "delays", "--key", "id")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "delays: differs from run 1\n"
        "\n"
        "Rows: 3, before 2; 1 added, 1 changed (delay in 1)\n"
        "\n"
        "Statistics\n"
        "  column         before  after\n"
        "  id      max    2       3\n"
        "  id      mean   1.5     2\n"
        "  delay   nulls  0       1\n"
        "  delay   max    7       8\n"
        "  delay   mean   6       6.5\n"
        "\n"
        "Rows added\n"
        "  id  delay\n"
        "  3   null\n"
        "\n"
        "Rows changed\n"
        "  id  column  before  after\n"
        "  2   delay   7       8\n"
    )
    shown = flights.command("diff", "delays", "--format", "markdown", "--against", "HEAD")
    assert shown.stdout.startswith("## delays: differs from revision &#96;HEAD&#96;\n")
    document = json.loads(flights.command("diff", "delays", "--format", "json").stdout)
    assert (document["version"], document["changes"]["added"]) == (1, 2)
    assert flights.command("diff", "delays", "--format", "html").stdout.startswith(
        "<!doctype html>"
    )
    wrong = flights.command("diff", "delays", "--format", "pdf")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "`pdf` is no format of a difference" in wrong.stderr


def test_what_only_looks_needs_no_folder_of_its_own(project):
    """What does not fit into memory, and copies, go to the system's where `.datamake` is read only."""
    pytest.importorskip("duckdb")
    project.datafile("""
        [targets.t]
        sql = "select 1 as a"
        checks = [{ sql = "from this where a > 1" }]
    """)
    assert project.build().ok
    (project.root / "old.parquet").write_bytes((project.root / "build/t.parquet").read_bytes())
    with mounted(project.path(".datamake"), "tmpfs", "-o", "ro", "tmpfs"):
        found = project.cli("diff", "t", "--against", "old.parquet", "--key", "a")
        assert (found.returncode, found.stderr) == (0, "")
        found = project.cli("check")
        assert (found.returncode, found.stdout) == (0, "passed t  1 check\n")


@pytest.mark.parametrize("busy", ["reading", "comparing"])
def test_ctrl_c(flights, monkeypatch, busy):
    """Ends it wherever it is; nothing is left of it."""
    ended = Event()
    looks = []

    class Told(Ending):
        def end(self):
            super().end()
            ended.set()

    def interrupted(*_):
        looks.append(1)
        os.kill(os.getpid(), signal.SIGINT)
        assert ended.wait(10)

    def compared(rows):
        Thread(target=interrupted).start()
        return rows._row("SELECT count(*) FROM old, range(100000000000) AS a")

    monkeypatch.setattr(comparison, "Ending", Told)
    if busy == "reading":
        monkeypatch.setattr(guessing.TextGuess, "look", interrupted)
    else:
        monkeypatch.setattr(difference._Rows, "as_wholes", compared)
    with pytest.raises(KeyboardInterrupt):
        diff(flights, "flights", str(flights.path("flights.csv")))
    assert looks == [1] * (2 if busy == "reading" else 1)
    assert flights.files(".datamake/tmp/*") == []
