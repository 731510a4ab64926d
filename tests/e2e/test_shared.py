"""The shared cache: what one clone has built, no other builds again."""

from __future__ import annotations

import shutil

import pytest
from conftest import Project


@pytest.fixture
def clones(bucket, tmp_path, project):
    """Makes clones of a project; all share a bucket."""
    project.bucket = bucket

    def clone(name, text=None):
        root = tmp_path / name
        root.mkdir()
        other = Project(root, project.environment, project.patch)
        other.bucket = bucket
        if text is not None:
            other.datafile(
                f'[project]\ncache = "{bucket.url}cache"\n{bucket.storage}'
                + text.replace("BUCKET/", bucket.url)
            )
        return other

    clone.bucket = bucket
    return clone


def copied(clone, first, name):
    """A fresh clone: everything but what datamake keeps and made."""
    other = clone(name)
    shutil.rmtree(other.root)
    shutil.copytree(
        first.root, other.root, ignore=shutil.ignore_patterns(".datamake", "*.txt", "out")
    )
    return other


CHAIN = """
[targets.one]
inputs = ["in.csv"]
output = "one.txt"
run = "cat {input} {input} > {output}"
[targets.two]
inputs = ["one"]
output = "two.txt"
run = "cat {input} {input} > {output}"
[targets.three]
inputs = ["two"]
outputs = { folder = "out/", file = "three.txt" }
run = "cp {input} {outputs.folder}/x; cp {input} {outputs.file}"
"""


def test_a_fresh_clone_builds_nothing(clones):
    """All that was asked for is restored, and nothing else is downloaded."""
    first = clones("first", CHAIN)
    first.write("in.csv", "1\n")
    assert first.build().ran == ["one", "two", "three"]
    second = copied(clones, first, "second")
    built = second.build("three")
    assert built.ran == []
    assert built.statuses == {"one": "up-to-date", "two": "up-to-date", "three": "restored"}
    assert second.read("three.txt") == "1\n" * 4
    assert second.read("out/x") == "1\n" * 4
    assert not second.exists("one.txt")
    assert second.build("three").ran == []
    assert second.build().statuses == {"one": "restored", "two": "restored", "three": "up-to-date"}


def test_a_verdict_needs_no_bytes(clones):
    """`status` in a fresh clone lists, reads packs, and no blob; so does the early cutoff."""
    first = clones("first", CHAIN)
    first.write("in.csv", "1\n")
    first.build()
    second = copied(clones, first, "second")
    second.bucket.proxy.forget()
    assert second.plan() == {"one": "restore", "two": "restore", "three": "restore"}
    bodies = [request for request in second.bucket.proxy.bodies if "/blobs/" in request.path]
    assert bodies == []
    assert second.bucket.proxy.count <= 4


def test_an_input_seen_by_others_is_not_downloaded(clones):
    """What has a version token that another clone saw is known by its digest."""
    clones.bucket.put("raw.csv", b"1\n")
    first = clones(
        "first",
        '[targets.one]\ninputs = ["BUCKET/raw.csv"]\noutput = "one.txt"\n'
        'run = "cat {input} > {output}"\n',
    )
    first.build()
    second = copied(clones, first, "second")
    second.bucket.proxy.forget()
    built = second.build()
    assert built.restored == ["one"]
    assert not any(request.path.endswith("raw.csv") for request in second.bucket.proxy.bodies)


def test_reading_only(clones):
    """`read` shares nothing."""
    first = clones("first", CHAIN)
    first.write("in.csv", "1\n")
    first.build(cache="read")
    assert not clones.bucket.keys("cache/")


def test_off(clones):
    """`off` makes no request."""
    first = clones("first", CHAIN)
    first.write("in.csv", "1\n")
    clones.bucket.proxy.forget()
    first.build(cache="off")
    assert clones.bucket.proxy.count == 0


def test_a_blob_that_is_gone(clones):
    """Is a miss: its target runs in the same build, and what was judged by it stands."""
    first = clones("first", CHAIN)
    first.write("in.csv", "1\n")
    first.build()
    for key in clones.bucket.keys("cache/v1/blobs/"):
        clones.bucket.delete(key)
    second = copied(clones, first, "second")
    assert second.build("three").ran == ["one", "two", "three"]
    assert second.read("three.txt") == "1\n" * 4


def test_a_blob_that_is_corrupt(clones):
    """Is reported, dropped and built again, and good for the third."""
    first = clones("first", CHAIN)
    first.write("in.csv", "1\n")
    first.build()
    for key in clones.bucket.keys("cache/v1/blobs/"):
        clones.bucket.put(key, b"x" * len(clones.bucket.read(key)))
    second = copied(clones, first, "second")
    built = second.build("two")
    assert "two" in built.ran
    assert "dropped what was corrupt" in built.notices
    assert second.read("two.txt") == "1\n" * 4
    third = copied(clones, first, "third")
    assert third.build("two").ran == []
    assert third.read("two.txt") == "1\n" * 4


def test_a_cache_that_cannot_be_reached(clones):
    """Costs one line, and the build goes on."""
    first = clones("first", CHAIN)
    first.write("in.csv", "1\n")
    clones.bucket.proxy.faults = lambda method, path, n: 403
    built = first.build()
    assert built.ran == ["one", "two", "three"]
    assert built.ok
    assert len(built.notices.splitlines()) == 1


def test_a_key(clones):
    """With another key, or none, what was signed is not believed, and what was not, neither."""
    first = clones("first", CHAIN)
    first.write("in.csv", "1\n")
    first.patch.setenv("DATAMAKE_CACHE_KEY", "secret")
    first.build()
    second = copied(clones, first, "second")
    assert second.build("three").ran == []
    third = copied(clones, first, "third")
    third.patch.setenv("DATAMAKE_CACHE_KEY", "other")
    built = third.build("three")
    assert built.ran == ["one", "two", "three"]
    assert len(built.notices.splitlines()) == 1


def test_offline_is_without_it(clones):
    """No request is made for the shared cache either."""
    first = clones("first", CHAIN)
    first.write("in.csv", "1\n")
    clones.bucket.proxy.forget()
    assert first.build(offline=True).ok
    assert clones.bucket.proxy.count == 0


def test_an_output_at_a_url_in_a_fresh_clone(clones):
    """Is up to date by its token, which others have told."""
    first = clones("first", '[targets.up]\noutput = "BUCKET/up.txt"\nrun = "echo 1 > {output}"\n')
    first.build()
    second = copied(clones, first, "second")
    assert second.build().statuses == {"up": "up-to-date"}


def layers(count, width):
    """The Datafile of a chain of layers: each target reads two of the layer before."""
    lines = []
    for layer in range(count):
        for number in range(width):
            needs = (
                ["seed.csv"]
                if not layer
                else [f"t{layer - 1}_{number}", f"t{layer - 1}_{(number + 1) % width}"]
            )
            lines.append(
                f"[targets.t{layer}_{number}]\ninputs = {needs}\n"
                f'output = "out/{layer}-{number}"\n'
                f'run = "cat {{inputs}} > {{output}}; echo {layer} {number} >> {{output}}"\n'
            )
    last = [f"t{count - 1}_{number}" for number in range(width)]
    lines.append(
        f'[targets.last]\ninputs = {last}\noutput = "last.txt"\nrun = "wc {{inputs}} > last.txt"\n'
    )
    return "".join(lines).replace("'", '"')


def test_layers_of_targets_in_a_fresh_clone(clones):
    """`status` takes at most 60 requests and no blob; `build last` downloads the bytes of `last`
    alone; everything at most one body a blob, at least 16 of them in flight."""
    first = clones("first", layers(5, 20))
    first.write("seed.csv", "1\n")
    first.build(jobs=2)
    second = copied(clones, first, "second")
    proxy = clones.bucket.proxy
    proxy.forget()
    assert set(second.plan().values()) == {"restore"}
    assert proxy.count <= 60
    assert not any("/blobs/" in request.path for request in proxy.requests)
    proxy.forget()
    assert second.build("last").restored == ["last"]
    assert len([request for request in proxy.bodies if "/blobs/" in request.path]) == 1
    proxy.forget()
    proxy.gather(16, "/blobs/")
    built = second.build(jobs=2)
    assert len(built.restored) == 100
    bodies = [request.path for request in proxy.bodies if "/blobs/" in request.path]
    assert len(bodies) == len(set(bodies)) == 100
    assert proxy.most >= 16
