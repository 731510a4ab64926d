"""The same over every kind of store: S3, HTTP, files and memory; tokens that tell much, little, nothing."""

from __future__ import annotations

import uuid

import pytest

import datamake
from datamake.transforms import transfer

pytest.importorskip("fsspec")


class Store:
    """A folder in a store: its `url`, its table of a Datafile, and how others read and write it."""

    def __init__(self, url, put, read, delete, storage=""):
        self.url, self.storage = url, storage
        self.put, self.read, self.delete = put, read, delete


def in_s3(request):
    bucket = request.getfixturevalue("bucket")
    return Store(bucket.url, bucket.put, bucket.read, bucket.delete, bucket.storage)


def in_web(request):
    web = request.getfixturevalue("web")
    return Store(web.url, web.put, web.read, lambda key: web.pages.pop("/" + key))


def in_files(request):
    folder = request.getfixturevalue("tmp_path") / "store"

    def put(key, data):
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(data)

    return Store(
        f"file://{folder}/",
        put,
        lambda key: (folder / key).read_bytes(),
        lambda key: (folder / key).unlink(),
    )


def in_memory(request):
    import fsspec

    system, root = fsspec.filesystem("memory"), f"/{uuid.uuid4().hex}/"
    request.addfinalizer(lambda: system.exists(root) and system.rm(root, recursive=True))
    return Store(
        f"memory:/{root}",
        lambda key, data: system.pipe_file(root + key, data),
        lambda key: system.cat_file(root + key),
        lambda key: system.rm_file(root + key),
    )


STORES = {"s3": in_s3, "http": in_web, "file": in_files, "memory": in_memory}


@pytest.fixture(params=STORES)
def store(request):
    return STORES[request.param](request)


@pytest.fixture(params=sorted(STORES.keys() - {"http"}))
def writable(request, monkeypatch):
    """A store that lists and takes what it has. No time passes while uploads rest."""
    monkeypatch.setattr(transfer, "FRESH", 0.0)
    return STORES[request.param](request)


class Reader:
    """A project that reads and writes a store, its URL as `STORE/` in Datafiles."""

    def __init__(self, project, store):
        self.project, self.store = project, store

    def datafile(self, text):
        text = text.replace("STORE/", self.store.url)
        self.project.datafile("[project]\n" + self.store.storage + text)

    def build(self, *select, **options):
        """What was built; `fetched` has the sources of which bytes came."""
        self.fetched = []
        return self.project.build(*select, on_event=self.note, **options)

    def note(self, event):
        if event.kind == "fetch-ended" and "size" in event.data:
            self.fetched.append(event.target.removeprefix(self.store.url))


SUM = """
[targets.sum]
inputs = ["STORE/a.csv"]
output = "sum.txt"
run = "awk '{s += $1} END {print s}' {input} > {output}"
"""


def test_an_input(project, store):
    """Fetched once, known as long as its token is the same, and fetched anew where that is new."""
    reader = Reader(project, store)
    store.put("a.csv", b"1\n2\n")
    project.later(3)
    reader.datafile(SUM)
    assert reader.build().ran == ["sum"]
    assert (project.read("sum.txt"), reader.fetched) == ("3\n", ["a.csv"])
    assert reader.build().ran == []
    assert reader.fetched == []
    assert project.plan() == {"sum": "up-to-date"}
    store.put("a.csv", b"10\n2\n")
    assert project.plan() == {"sum": "maybe"}
    assert reader.build().ran == ["sum"]
    assert (project.read("sum.txt"), reader.fetched) == ("12\n", ["a.csv"])


def test_the_same_bytes_again(project, store):
    """Are no reason to run anything."""
    reader = Reader(project, store)
    store.put("a.csv", b"1\n2\n")
    reader.datafile(SUM)
    reader.build()
    store.put("a.csv", b"1\n2\n")
    assert reader.build().ran == []


def test_an_input_that_is_not_there(project, store):
    reader = Reader(project, store)
    reader.datafile(SUM)
    with pytest.raises(datamake.DatafileError) as caught:
        reader.build()
    assert f"there is nothing at `{store.url}a.csv`\n  needed by `sum`" in str(caught.value)


def test_not_fetched(project, store):
    """The token alone counts."""
    reader = Reader(project, store)
    store.put("a.csv", b"1\n")
    reader.datafile("""
    [targets.name]
    inputs = [{ from = "STORE/a.csv", fetch = false }]
    output = "name.txt"
    run = "echo {input} > {output}"
    """)
    assert reader.build().ran == ["name"]
    assert project.read("name.txt") == f"{store.url}a.csv\n"
    assert reader.build().ran == []
    store.put("a.csv", b"10\n")
    assert reader.build().ran == ["name"]
    assert reader.fetched == []


def test_an_output(project, writable):
    """Put there once; made anew where somebody changed or removed it, from the cache if it can be."""
    reader = Reader(project, writable)
    reader.datafile("""
    [targets.put]
    output = "STORE/out/x.txt"
    run = "echo made > {output}"
    [targets.take]
    inputs = ["STORE/out/x.txt"]
    output = "x.txt"
    copy = true
    """)
    assert reader.build().ran == ["put", "take"]
    assert (writable.read("out/x.txt"), project.read("x.txt")) == (b"made\n", "made\n")
    project.later(3)
    assert reader.build().statuses == {"put": "up-to-date", "take": "up-to-date"}
    writable.put("out/x.txt", b"other")
    assert reader.build().restored == ["put"]
    assert writable.read("out/x.txt") == b"made\n"
    project.later(3)
    writable.delete("out/x.txt")
    assert reader.build().restored == ["put"]
    assert reader.build().restored == []
    assert writable.read("out/x.txt") == b"made\n"
    assert reader.fetched == []


def test_a_glob_that_only_targets_fill(project, writable):
    """Needs nothing in the store; what is there besides joins, what targets put there counts once."""
    reader = Reader(project, writable)
    reader.datafile("""
    [targets.put]
    foreach = { n = ["1", "2"] }
    output = "STORE/out/{n}.csv"
    run = "echo {n} > {output}"
    [targets.take]
    inputs = ["STORE/out/*.csv"]
    output = "all.txt"
    run = "cat {inputs} > {output}"
    """)
    assert reader.build().ran == ["put[1]", "put[2]", "take"]
    assert project.read("all.txt") == "1\n2\n"
    project.later(3)
    assert reader.build().ran == []
    assert reader.fetched == []
    writable.put("out/0.csv", b"0\n")
    assert reader.build().codes["take"] == ["input-added"]
    assert (project.read("all.txt"), reader.fetched) == ("0\n1\n2\n", ["out/*.csv"])


def test_a_glob_that_instances_yet_unknown_fill(project, writable):
    """What they put there is no part of the glob, from the first build on."""
    reader = Reader(project, writable)
    reader.datafile("""
    [targets.find]
    inputs = ["words.txt"]
    output = "found/"
    run = "cat {input}; echo 1 > {output}/x; echo 2 > {output}/y"
    [targets.put]
    foreach = "found/{name}"
    inputs = ["found/{name}"]
    output = "STORE/out/{name}.csv"
    copy = true
    [targets.take]
    inputs = ["STORE/out/*.csv"]
    output = "all.txt"
    run = "cat {inputs} > {output}"
    """)
    project.write("words.txt", "a")
    assert reader.build().ran == ["find", "put[x]", "put[y]", "take"]
    assert project.read("all.txt") == "1\n2\n"
    project.later(3)
    assert reader.build().ran == []
    project.write("words.txt", "b")
    assert reader.build().ran == ["find"]
    assert reader.fetched == []


def test_a_folder_and_captures(project, writable):
    """A folder is listed, and so is what gives a foreach its instances."""
    reader = Reader(project, writable)
    for key in ("raw/a.csv", "raw/b.csv", "raw/deep/c.csv"):
        writable.put(key, b"1\n")
    project.later(3)
    reader.datafile("""
    [targets.count]
    inputs = ["STORE/raw/"]
    output = "count.txt"
    run = "find {input} -type f | wc -l > {output}"
    [targets.each]
    foreach = "STORE/raw/{name}.csv"
    inputs = ["STORE/raw/{name}.csv"]
    output = "each/{name}.txt"
    copy = true
    """)
    assert sorted(reader.build().ran) == ["count", "each[a]", "each[b]"]
    assert int(project.read("count.txt")) == 3
    writable.delete("raw/b.csv")
    assert reader.build().ran == ["count"]
    assert reader.fetched == []


TAKE = """
[targets.take]
inputs = ["STORE/x"]
output = "x.txt"
copy = true
"""


def test_what_changed_just_now(project, request):
    """Is read again: a token of size and time alone is not trusted within two seconds of its time."""
    reader = Reader(project, in_files(request))
    reader.datafile(TAKE)
    reader.store.put("x", b"1")
    assert reader.build().ran == ["take"]
    assert reader.build().ran == []
    assert reader.fetched == ["x"]
    project.later(3)
    assert reader.build().ran == []
    assert reader.fetched == ["x"]
    assert reader.build().ran == []
    assert reader.fetched == []


def test_an_output_in_a_folder_rests(project, request):
    """Until its time tells whether anybody has changed it since: then it need not be read."""
    reader = Reader(project, in_files(request))
    reader.datafile("""
    [targets.put]
    output = "STORE/x"
    run = "echo > {output}"
    """)
    built = reader.build()
    assert built.ran == ["put"]
    assert reader.build().statuses == {"put": "up-to-date"}


@pytest.mark.parametrize(
    ("validator", "again"), [("etag", []), ("weak", []), ("time", []), (None, ["x"])]
)
def test_what_a_server_says_of_a_version(project, web, validator, again):
    """ETag, else Last-Modified and size; of what has neither the content is read each time."""
    reader = Reader(project, Store(web.url, web.put, web.read, None))
    reader.datafile(TAKE)
    web.put("x", b"1", validator)
    assert reader.build().ran == ["take"]
    assert reader.build().statuses == {"take": "up-to-date"}
    assert reader.fetched == again
    web.put("x", b"2", validator)
    web.pages["/x"].modified += 1
    assert project.plan() == {"take": "maybe"}
    assert reader.build().ran == ["take"]
    assert project.read("x.txt") == "2"


def test_no_version_and_no_content(project, web):
    """What is not fetched, and of which nothing tells whether it has changed, fails."""
    web.put("x", b"1", None)
    project.datafile(f"""
    [targets.name]
    inputs = [{{ from = "{web.url}x", fetch = false }}]
    output = "name.txt"
    run = "echo {{input}} > {{output}}"
    """)
    built = project.build()
    url = f"{web.url}x"
    assert built.errors == {"name": f"nothing tells whether `{url}` has changed: it has no version"}
    assert built.exit_code == 1
