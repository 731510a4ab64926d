"""Remote inputs and outputs: what is asked for, fetched, known by its token, uploaded."""

from __future__ import annotations

from email.utils import formatdate

import pyarrow.parquet as pq
import pytest
from remote_servers import Site

import datamake
from datamake.acceptance import accept
from datamake.reproduction import reproduce


@pytest.fixture
def remote(bucket, project):
    """A project that reads a bucket."""
    project.bucket = bucket
    bucket.put("raw/a.csv", b"1\n2\n")
    bucket.put("raw/b.csv", b"3\n")

    def datafile(text):
        project.datafile("[project]\n" + bucket.storage + text.replace("BUCKET/", bucket.url))

    project.remote = datafile
    return project


SUM = """
[targets.sum]
inputs = ["BUCKET/raw/a.csv"]
output = "sum.txt"
run = "awk '{s += $1} END {print s}' {input} > {output}"
"""


def test_an_object_is_an_input(remote):
    """It is downloaded once; nothing is when nothing changed; a new version is fetched anew."""
    remote.remote(SUM)
    assert remote.build().ran == ["sum"]
    assert remote.read("sum.txt") == "3\n"
    assert len(remote.bucket.proxy.bodies) == 1
    remote.bucket.proxy.forget()
    assert remote.build().ran == []
    assert remote.bucket.proxy.bodies == []
    remote.bucket.put("raw/a.csv", b"1\n2\n4\n")
    assert remote.build().codes["sum"] == ["input-changed"]
    assert remote.read("sum.txt") == "7\n"


def test_the_same_bytes_under_a_new_version(remote):
    """A new token costs a download, and rebuilds nothing if the content is the same."""
    remote.remote(SUM)
    remote.build()
    remote.bucket.put("raw/a.csv", b"5\n")
    remote.build()
    remote.bucket.put("raw/a.csv", b"1\n2\n")
    assert remote.build().restored == ["sum"]
    remote.bucket.proxy.forget()
    remote.bucket.put("raw/a.csv", b"1\n2\n")
    assert remote.build().ran == []
    assert remote.bucket.proxy.bodies == []


GLOB = """
[targets.sum]
inputs = ["BUCKET/raw/*.csv"]
output = "sum.txt"
run = "cat {inputs} | awk '{s += $1} END {print s}' > {output}"
"""


def test_a_glob_is_listed(remote):
    """Added, changed and removed objects count; unchanged ones are not fetched again."""
    remote.remote(GLOB)
    assert remote.build().ran == ["sum"]
    assert remote.read("sum.txt") == "6\n"
    remote.bucket.proxy.forget()
    assert remote.build().ran == []
    assert [request.listing for request in remote.bucket.proxy.requests] == [True]
    remote.bucket.put("raw/c.csv", b"10\n")
    remote.bucket.put("raw/d.txt", b"10\n")
    assert remote.build().codes["sum"] == ["input-added"]
    assert remote.read("sum.txt") == "16\n"
    assert len(remote.bucket.proxy.bodies) == 1
    remote.bucket.delete("raw/a.csv")
    assert remote.build().codes["sum"] == ["input-removed"]


def test_a_folder_is_a_folder(remote):
    """Its placeholder is a local folder with all that is in it."""
    remote.bucket.put("raw/deep/er/x", b"1\n")
    remote.remote("""
[targets.list]
inputs = ["BUCKET/raw/"]
output = "list.txt"
run = "cd {input} && find . -type f | sort > $DATAMAKE_ROOT/list.txt"
""")
    remote.build()
    assert remote.read("list.txt").split() == ["./a.csv", "./b.csv", "./deep/er/x"]


def test_local_copies_are_gone_afterwards(remote):
    """And have the name of the object while they are there."""
    remote.remote("""
[targets.name]
inputs = ["BUCKET/raw/a.csv"]
output = "name.txt"
run = "basename {input} > {output}"
""")
    remote.build()
    assert remote.read("name.txt") == "a.csv\n"
    assert remote.files(".datamake/remote/*") == []


def test_a_declared_source(remote):
    """Is used by its name; two targets share one download."""
    remote.remote("""
[sources.raw]
path = "BUCKET/raw/a.csv"
[targets.one]
inputs = ["raw"]
output = "one.txt"
copy = true
[targets.two]
inputs = ["raw"]
output = "two.txt"
run = "wc -l < {input} > {output}"
""")
    assert remote.build().ran == ["one", "two"]
    assert (remote.read("one.txt"), remote.read("two.txt")) == ("1\n2\n", "2\n")
    assert len(remote.bucket.proxy.bodies) == 1


def test_what_two_sources_have(remote):
    """Is downloaded once."""
    remote.remote("""
[targets.all]
inputs = ["BUCKET/raw/a.csv", "BUCKET/raw/*.csv", "BUCKET/raw/"]
output = "all.txt"
run = "true > {output}"
""")
    assert remote.build(jobs=8).ran == ["all"]
    assert len(remote.bucket.proxy.bodies) == 2


def test_not_fetched(remote):
    """The URL is handed over, nothing is downloaded, and the token counts."""
    remote.remote("""
[targets.name]
inputs = [{ from = "BUCKET/raw/a.csv", fetch = false }]
output = "name.txt"
run = "echo {input} > {output}"
""")
    assert remote.build().ran == ["name"]
    assert remote.read("name.txt") == f"{remote.bucket.url}raw/a.csv\n"
    assert remote.build().ran == []
    remote.bucket.put("raw/a.csv", b"new")
    assert remote.build().ran == ["name"]
    assert remote.bucket.proxy.bodies == []


def test_not_fetched_and_changed_while_it_ran(remote):
    """Then the target stays stale."""
    remote.remote("""
[targets.name]
inputs = [{ from = "BUCKET/raw/a.csv", fetch = false }]
output = "name.txt"
run = "curl -sf -X PUT -H 'Authorization: AWS testing:x' -d 3 $PLACE/raw/a.csv; echo 1 > {output}"
env = ["PLACE"]
""")
    name = remote.bucket.name
    remote.patch.setenv("PLACE", f"http://{remote.bucket.proxy.behind}/{name}")
    built = remote.build()
    assert built.errors == {"name": f"changed while it ran: s3://{name}/raw/a.csv"}
    assert not remote.exists("name.txt")


def test_in_a_plan_an_unknown_content_is_a_maybe(remote):
    """A plan downloads nothing; what has never been built runs in any case."""
    remote.remote(SUM)
    assert remote.plan() == {"sum": "run"}
    remote.build()
    assert remote.plan() == {"sum": "up-to-date"}
    remote.bucket.put("raw/a.csv", b"5\n")
    remote.bucket.proxy.forget()
    assert remote.plan() == {"sum": "maybe"}
    assert remote.bucket.proxy.bodies == []


def test_an_output_at_a_url(remote):
    """It is uploaded when all has passed, and known by its token; changed by hand it is made anew."""
    remote.remote("""
[targets.up]
output = "BUCKET/out/x.txt"
run = "echo made > {output}"
""")
    assert remote.build().ran == ["up"]
    assert remote.bucket.read("out/x.txt") == b"made\n"
    remote.bucket.proxy.forget()
    assert remote.build().ran == []
    assert remote.bucket.proxy.bodies == []
    remote.bucket.put("out/x.txt", b"other")
    assert remote.build().restored == ["up"]
    assert remote.bucket.read("out/x.txt") == b"made\n"
    remote.bucket.delete("out/x.txt")
    assert remote.build().restored == ["up"]
    assert remote.bucket.read("out/x.txt") == b"made\n"


def test_what_reads_an_output_at_a_url(remote):
    """Runs after it, and gets a local copy without asking the store for the bytes."""
    remote.remote("""
[targets.down]
inputs = ["BUCKET/out/x.txt"]
output = "x.txt"
run = "cat {input} > {output}"
[targets.up]
output = "BUCKET/out/x.txt"
run = "echo made > {output}"
""")
    assert remote.build().ran == ["up", "down"]
    assert remote.read("x.txt") == "made\n"
    assert remote.bucket.proxy.bodies == []
    assert remote.build().ran == []
    remote.remove("x.txt")
    assert remote.build(cache="off").ran == ["down"]
    assert remote.read("x.txt") == "made\n"


def test_a_failed_target_uploads_nothing(remote):
    """What is at the URL stays."""
    remote.bucket.put("out/x.txt", b"good")
    remote.remote("""
[targets.up]
output = "BUCKET/out/x.txt"
run = "echo half > {output}; exit 1"
""")
    assert not remote.build().ok
    assert remote.bucket.read("out/x.txt") == b"good"


def test_copies_between_stores(remote, web):
    """From anywhere to anywhere."""
    web.put("page.txt", b"page")
    remote.remote(f"""
[targets.up]
inputs = ["{web.url}page.txt"]
output = "BUCKET/page.txt"
copy = true
""")
    assert remote.build().ran == ["up"]
    assert remote.bucket.read("page.txt") == b"page"
    assert remote.build().ran == []
    web.put("page.txt", b"other")
    assert remote.build().ran == ["up"]


def test_instances_by_captures(remote):
    """A foreach over a URL lists it; each instance reads its own object."""
    remote.remote("""
[targets.clean]
foreach = "BUCKET/raw/{name}.csv"
inputs = ["BUCKET/raw/{name}.csv"]
output = "clean/{name}.txt"
run = "wc -l < {input} > {output}"
""")
    assert sorted(remote.build().ran) == ["clean[a]", "clean[b]"]
    remote.bucket.put("raw/c.csv", b"")
    assert remote.build().ran == ["clean[c]"]
    remote.bucket.proxy.forget()
    assert remote.build().ran == []
    assert remote.bucket.proxy.count <= 2
    assert remote.bucket.proxy.bodies == []


def test_members_of_archives(remote, tmp_path):
    """One download of the archive; what it holds is known by its token."""
    import zipfile

    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("in/a.csv", "1\n")
        archive.writestr("in/b.csv", "2\n")
        archive.writestr("c.txt", "3\n")
    remote.bucket.put("x.zip", (tmp_path / "x.zip").read_bytes())
    remote.remote("""
[targets.all]
inputs = ["zip://in/*.csv::BUCKET/x.zip"]
output = "all.txt"
run = "cat {inputs} > {output}"
[targets.one]
inputs = ["zip://c.txt::BUCKET/x.zip"]
output = "one.txt"
run = "cat {input} > {output}"
""")
    assert sorted(remote.build().ran) == ["all", "one"]
    assert len(remote.bucket.proxy.bodies) == 1
    assert (remote.read("all.txt"), remote.read("one.txt")) == ("1\n2\n", "3\n")
    remote.bucket.proxy.forget()
    assert remote.build().ran == []
    assert remote.bucket.proxy.bodies == []


def test_a_member_that_is_not_there(remote):
    """Fails the target that asks for it, once the archive is there."""
    import gzip

    remote.bucket.put("x.csv.gz", gzip.compress(b"1\n"))
    remote.bucket.put("x.tar", b"\0" * 10240)
    remote.remote("""
[targets.none]
inputs = ["tar://x.csv::BUCKET/x.tar"]
output = "none.txt"
run = "cat {input} > {output}"
[targets.one]
inputs = ["gzip://x.csv::BUCKET/x.csv.gz"]
output = "one.txt"
run = "cat {input} > {output}"
""")
    built = remote.build(keep_going=True)
    assert built.errors == {"none": f"there is nothing at `tar://x.csv::{remote.bucket.url}x.tar`"}
    assert remote.read("one.txt") == "1\n"


def test_offline(remote):
    """No request is made; what was never seen is an error."""
    remote.remote(SUM)
    remote.build()
    remote.bucket.put("raw/a.csv", b"9\n")
    remote.bucket.proxy.forget()
    assert remote.build(offline=True).ran == []
    remote.remove("sum.txt")
    assert remote.build(offline=True, force=True).ran == ["sum"]
    assert remote.bucket.proxy.count == 0
    remote.remote(SUM.replace("a.csv", "b.csv"))
    with pytest.raises(datamake.EnvironmentFailed) as caught:
        remote.build(offline=True)
    assert str(caught.value) == (
        f"offline, and never seen before: `{remote.bucket.url}raw/b.csv`\n"
        "  hint: build once without `--offline`"
    )


def test_what_is_not_there(remote):
    """All of it at once, with who asks for it, and nothing runs; what is optional may be absent."""
    remote.remote("""
[targets.one]
inputs = ["BUCKET/none/x.csv", "BUCKET/none/*.csv"]
output = "one.txt"
run = "true > {output}"
[targets.two]
inputs = [{ from = "BUCKET/none/y.csv", optional = true }]
output = "two.txt"
run = "true > {output}"
""")
    with pytest.raises(datamake.DatafileError) as caught:
        remote.build()
    url = remote.bucket.url
    assert str(caught.value) == (
        f"Datafile.toml:6:11: there is nothing at `{url}none/x.csv`\n"
        "  needed by `one`\n"
        f"Datafile.toml:6:45: there is nothing at `{url}none/*.csv`\n"
        "  needed by `one`"
    )
    assert remote.build("two").ran == ["two"]


def test_what_may_have_been_meant(remote):
    """A name that is near, a folder; a bucket that is not there is no empty one."""
    url = remote.bucket.url
    for name, hint in {"a.cvs": f"did you mean `{url}raw/a.csv`?", "": f"`{url}raw/` is a folder",
                       "quite.different": ""}.items():  # fmt: skip
        place = f"{url}raw/{name}".rstrip("/")
        remote.remote(f"[targets.one]\ninputs = ['{place}']\noutput = 'one'\ncopy = true")
        with pytest.raises(datamake.DatafileError) as caught:
            remote.build()
        assert caught.value.problems[0].message == f"there is nothing at `{place}`"
        assert caught.value.problems[0].hint == hint
    for declared, complaint in {
        "inputs = ['s3://nobody/x.csv']": "there is nothing at `s3://nobody/x.csv`",
        "inputs = ['s3://nobody/*']": "`s3://nobody/*`: there is no such bucket",
        "foreach = 's3://nobody/{x}'\ninputs = ['{x}']": "`s3://nobody/*`: there is no such bucket",
    }.items():
        remote.remote(f"[targets.one]\n{declared}\noutput = 'o'\nrun = 'true'")
        with pytest.raises(datamake.DatafileError) as caught:
            remote.build()
        assert caught.value.problems[0].message == complaint
        assert caught.value.problems[0].hint


def test_a_fetch_that_fails(remote):
    """Blocks what needs it, with exit status 4; the rest is built."""
    remote.remote(SUM + '[targets.other]\noutput = "other.txt"\nrun = "true > {output}"\n')
    remote.bucket.proxy.faults = lambda method, path, n: (
        403 if method == "GET" and "list-type" not in path else None
    )
    built = remote.build(keep_going=True)
    source = f"{remote.bucket.url}raw/a.csv"
    assert built.statuses == {"other": "built", source: "failed", "sum": "blocked"}
    assert built.exit_code == 4


def test_many_objects(bucket, project):
    """A no-op with 200 objects under one prefix takes at most three requests, and no body."""
    for number in range(200):
        bucket.put(f"many/{number}", b"x")
    names = ",\n".join(f'"{bucket.url}many/{number}"' for number in range(200))
    project.datafile(
        f"[project]\n{bucket.storage}\n[targets.all]\ninputs = [{names}]\n"
        'output = "all.txt"\nrun = "cat {inputs} | wc -c > {output}"\n'
    )
    assert project.build().ran == ["all"]
    assert len(bucket.proxy.bodies) == 200
    bucket.proxy.forget()
    assert project.build().ran == []
    assert bucket.proxy.count <= 3
    assert bucket.proxy.bodies == []


FRESH = """
[sources.raw]
path = "BUCKET/raw/a.csv"
freshness = { warn_after = "1h", error_after = "2d" }
[sources.near]
path = "local/*.csv"
freshness = { error_after = "1d" }
[targets.remote]
inputs = ["raw"]
output = "remote.txt"
run = "wc -l < {input} > {output}"
[targets.local]
inputs = ["near"]
output = "local.txt"
run = "cat {inputs} > {output}"
"""


def test_freshness(remote):
    """Data that is too old is warned of, then fails what reads it; also where nothing is stale."""
    remote.write("local/x.csv", "1\n")
    remote.remote(FRESH)
    built = remote.build()
    assert sorted(built.ran) == ["local", "remote"]
    assert built.notices == ""
    remote.later(3 * 3600)
    assert remote.build().notices == "warning: source `raw` was last changed 3h ago, over 1h"
    remote.later(45 * 3600)
    built = remote.build(keep_going=True)
    assert built.errors == {
        "remote": "source `raw` was last changed 2d ago, over 2d",
        "local": "source `near` was last changed 2d ago, over 1d",
    }
    assert built.exit_code == 1
    remote.write("local/y.csv", "2\n")
    remote.later(-48 * 3600)
    assert remote.build("local").ran == ["local"]


def test_no_secret_of_a_url_is_shown(project, web):
    """In no line, document, event or summary; neither when it is read, replaced, gone nor broken."""
    web.put("x.csv", b"1\n")
    written = []
    urls = [
        f"{web.url}x.csv?sig=hunter2",
        f"{web.url}x.csv?y=1&key=hunter2",
        f"zip://a::{web.url}x.csv?sig=hunter2",
        f"{web.url}none.csv?sig=hunter2",
    ]
    for url in urls:
        project.datafile(f"""
[sources.raw]
path = "{url}"
[targets.one]
inputs = ["raw"]
output = "one.txt"
run = "cat {{input}} > {{output}}"
""")
        for command in ("status -v", "why one --json", "build -v --events e --summary s.md",
                        "build --json -B", "show one --json", "graph --status", "lock", "history one"):  # fmt: skip
            done = project.command(*command.split())
            written += [done.stdout, done.stderr]
        written += [project.read("e"), project.read("s.md")]
    assert "x.csv?…" in "".join(written)
    assert "hunter2" not in "".join(written)


def test_a_server_whose_clock_is_wrong(project, web):
    """What it has just written, by its own clock, may be written again in the same second."""
    project.patch.setattr(
        Site, "date_time_string", lambda _: formatdate(1_700_000_001, usegmt=True)
    )
    web.put("a.csv", b"1\n", "time")
    project.datafile(
        f"""
        [targets.a]
        inputs = ["{web.url}a.csv"]
        output = "a.csv"
        copy = true
        """
    )
    assert project.build().ran == ["a"]
    web.pages["/a.csv"].data = b"2\n"
    assert project.build().ran == ["a"]
    project.patch.setattr(
        Site, "date_time_string", lambda _: formatdate(1_700_000_002, usegmt=True)
    )
    project.build()
    web.forget()
    assert project.build().ran == []
    assert web.bodies == []


def test_freshness_of_what_has_no_time(project, web):
    """Is said not to be known."""
    web.put("x.csv", b"1\n", validator="etag")
    project.datafile(f"""
[project]
[sources.raw]
path = "{web.url}x.csv"
freshness = {{ warn_after = "1h" }}
[targets.one]
inputs = ["raw"]
output = "one.txt"
copy = true
""")
    built = project.build()
    assert built.ran == ["one"]
    assert built.notices == "warning: source `raw`: its store does not say when it was last changed"


def test_accept_and_reproduce(remote):
    """Both work with what is remote, in and out."""
    remote.remote("""
[targets.up]
inputs = ["BUCKET/raw/a.csv"]
output = "BUCKET/out/x.txt"
run = "wc -l < {input} > {output}"
""")
    remote.build()
    project = datamake.load(str(remote.root))
    document = reproduce(project, "up")
    assert (document["same"], document["error"]) == (True, None)
    project.close()
    assert remote.files(".datamake/remote/*") == []
    remote.remote("""
[targets.up]
inputs = ["BUCKET/raw/a.csv"]
output = "BUCKET/out/x.txt"
run = "wc -l < {input} | cat > {output}"
""")
    project = datamake.load(str(remote.root))
    assert accept(project, ["up"]) == ["up"]
    project.close()
    assert remote.build().ran == []


@pytest.mark.parametrize("kept", [False, True])
def test_an_upload_that_fails(remote, kept):
    """Fails its target, with exit status 4, whether it was built or came out of the cache."""
    remote.remote("""
[targets.up]
output = "BUCKET/up.txt"
run = "echo made > {output}"
retries = 1
retry_delay = 0
""")
    if kept:
        assert remote.build().ran == ["up"]
        remote.bucket.delete("up.txt")
    remote.bucket.proxy.faults = lambda method, path, n: 403 if method == "PUT" else None
    built = remote.build()
    url = f"{remote.bucket.url}up.txt"
    assert built.statuses == {"up": "failed"}
    assert built.errors == {"up": f"`{url}`: access is denied"}
    assert built.exit_code == 4


def test_tables_that_are_wrong_are_named_by_their_url(project, web):
    """Whatever reads them; in answers by hand, files in the project by their path."""
    rows = b"id,n\n1,2\nx,y,z\n"
    for name in ("x.csv", "y.csv"):
        web.put(name, rows, validator="etag")
    project.write("near.csv", rows)
    project.write("own.py", "import pyarrow as pa\ndef f(x: pa.Table):\n    return x\n")
    project.datafile(f"""
[sources.far]
path = "{web.url}x.csv"
[sources.near]
path = "near.csv"
[sources.checked]
path = "{web.url}y.csv"
schema = {{ id = "int64", n = "int64" }}
checks = [{{ unique = ["id"] }}]
[targets.function]
inputs = {{ x = "far" }}
python = "own:f"
[targets.columns]
inputs = ["far"]
standardize = {{ columns = {{ id = "int64" }} }}
[targets.question]
sql = "select * from far"
[targets.other]
inputs = ["checked"]
output = "other.csv"
copy = true
""")
    wrong = "`{}`: row 2 has 3 values, where there are 2 columns"
    far = wrong.format(f"{web.url}x.csv")
    built = project.build(keep_going=True)
    checked = wrong.format(f"{web.url}y.csv")
    errors = {"checked": checked, "function": far, "columns": far, "question": far}
    assert built.errors == errors
    assert checked in project.cli("check", "checked").stdout
    for name, error in (("far", far), ("near", wrong.format("near.csv"))):
        for arguments in (("sql", f"from {name}"), ("show", "--data", name)):
            assert project.cli(*arguments).stderr == f"error: {error}\n  x,y,z\n"


def test_rows_in_quarantine_name_the_url(project, web):
    """So that what is in quarantine is the same at each run."""
    web.put("x.csv", b"id\n1\nx\n", validator="etag")
    project.datafile(f"""
        [targets.t]
        inputs = ["{web.url}x.csv"]
        standardize = {{ on_error = "quarantine", columns = {{ id = "int64" }} }}
    """)
    built = project.build()
    assert built.ok
    rejects = pq.read_table(project.path("build/rejects/t.parquet"))
    assert rejects["source_file"].to_pylist() == [f"{web.url}x.csv"]
    assert f"`{web.url}x.csv`: row 2, column `id`: `x`" in built.notices


def test_what_tables_there_are_needs_no_download(remote):
    """Sources and outputs at URLs are listed by their names."""
    remote.remote("""
[sources.far]
path = "BUCKET/far.csv"
[targets.made]
output = "BUCKET/made.csv"
run = "echo id > {output}"
""")
    assert remote.build("made").ok
    remote.bucket.proxy.forget()
    done = remote.command("sql", "show tables")
    assert done.stdout.split() == ["name", "far", "made", "2", "rows"]
    assert remote.bucket.proxy.bodies == []
