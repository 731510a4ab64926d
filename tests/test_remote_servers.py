"""The servers of remote tests count, fail and are real."""

from __future__ import annotations

import http.client
import os
import urllib.error
import urllib.request

import pytest

fsspec = pytest.importorskip("fsspec")


def test_s3_through_the_proxy(bucket):
    """What goes in comes out; requests and bodies are counted."""
    fs = fsspec.filesystem(
        "s3", skip_instance_cache=True, use_listings_cache=False, **bucket.options
    )
    fs.pipe_file(bucket.url + "a/ü x+%2F", b"one")
    assert bucket.keys() == ["a/ü x+%2F"]
    assert fs.cat_file(bucket.url + "a/ü x+%2F") == b"one"
    bucket.put("big", os.urandom(3_000_000))
    bucket.proxy.forget()
    assert len(fs.cat_file(bucket.url + "big")) == 3_000_000
    assert len(fs.find(bucket.url)) == 2
    assert bucket.proxy.methods == {"GET": 2, "HEAD": 1}
    assert len(bucket.proxy.bodies) == 1
    assert bucket.proxy.served == 3_000_000
    with pytest.raises(KeyError):
        bucket.read("gone")
    bucket.delete("big")
    assert bucket.keys() == ["a/ü x+%2F"]


@pytest.mark.parametrize(
    ("fault", "error"),
    [(403, PermissionError), (404, FileNotFoundError), ((400, "ExpiredToken"), OSError)],
)
def test_s3_fails_when_told(bucket, fault, error):
    """The client sees the errors of S3."""
    bucket.put("a", b"one")
    bucket.proxy.faults = lambda method, path, n: fault
    fs = fsspec.filesystem("s3", skip_instance_cache=True, **bucket.options)
    with pytest.raises(error):
        fs.cat_file(bucket.url + "a")


def test_http_with_validators(web):
    """Tags, times, ranges and scripted statuses."""
    web.put("a.csv", b"0123456789")
    web.put("b.csv", b"x", "time")
    with urllib.request.urlopen(web.url + "a.csv") as answer:
        assert answer.headers["ETag"].startswith('"')
        assert answer.read() == b"0123456789"
    request = urllib.request.Request(web.url + "a.csv", headers={"Range": "bytes=2-3"})
    with urllib.request.urlopen(request) as answer:
        assert answer.read() == b"23"
    with urllib.request.urlopen(web.url + "b.csv") as answer:
        assert answer.headers["Last-Modified"] == "Tue, 14 Nov 2023 22:13:20 GMT"
    web.faults = lambda method, path, n: 503 if n == 3 else "cut"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(web.url + "a.csv")
    refused.value.close()
    with (
        urllib.request.urlopen(web.url + "a.csv") as answer,
        pytest.raises(http.client.IncompleteRead),
    ):
        answer.read()
    assert [request.status for request in web.requests] == [200, 206, 200, 503, 200]
