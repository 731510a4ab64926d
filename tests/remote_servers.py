"""Servers that remote tests run against: S3 by moto, behind a proxy that counts and fails; HTTP.

Fixtures (imported by conftest.py): `s3_server` (session), `s3` (a proxy before it), `bucket` (a new
one in it) and `web`. A test that takes `project` too names `bucket` before it, so that its
processes have the credentials. No request leaves 127.0.0.1.
"""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from email.utils import formatdate
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, unquote, urlsplit
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

import pytest

PIECE = 1 << 18
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "hunter2hunter2",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
"""What an S3 client needs to know, and that it need look nowhere else."""

S3_CODES = {
    400: "ExpiredToken",
    403: "AccessDenied",
    404: "NoSuchKey",
    429: "TooManyRequests",
    500: "InternalError",
    501: "NotImplemented",
    503: "ServiceUnavailable",
}


class Quiet(ThreadingHTTPServer):
    """A server on a free port, each request in a thread; a client that goes away is no event."""

    request_queue_size = 128

    def __init__(self, handler, owner):
        super().__init__(("127.0.0.1", 0), handler)
        self.owner = owner
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.connections = set()
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def process_request(self, request, client_address):
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        self.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request, client_address):
        error = sys.exc_info()[1]
        if not isinstance(error, (OSError, http.client.HTTPException, ValueError)):
            super().handle_error(request, client_address)

    def end(self):
        self.shutdown()
        for request in list(self.connections):
            try:
                request.shutdown(2)
            except OSError:
                continue
        self.server_close()


class Request:
    """One request that was seen: `served` are the bytes of the body of its answer."""

    def __init__(self, method, path, headers):
        self.method, self.path, self.headers = method, path, headers
        self.status = self.served = 0

    @property
    def listing(self):
        return "list-type=" in self.path

    def __repr__(self):
        return f"{self.method} {self.path} {self.status} {self.served}"


class Counted:
    """What a server counts, and how it fails.

    `requests` are those since `forget()`; `bodies` those that served an object; `most` how many
    were in flight at once. `faults(method, path, n)` is asked before the n-th (from 0): None, a
    status, `(status, code of S3 or {header: value})`, `"cut"` (half of the body), `"lost"` (done, and
    no answer; S3 only), `"drop"` (no answer), `"hang"` (none until the end) or a delay in seconds.
    """

    def __init__(self):
        self.lock = threading.Lock()
        self.ended = threading.Event()
        self.faults = lambda method, path, n: None
        self.forget()

    def forget(self):
        self.requests = []
        self.flying = self.most = 0

    def gather(self, count, word):
        """Holds requests whose path has `word` back until so many are in flight, for a while."""
        end = time.monotonic() + 30

        def held(method, path, n):
            while word in path and self.most < count and time.monotonic() < end:
                time.sleep(0.005)

        self.faults = held

    @property
    def count(self):
        return len(self.requests)

    @property
    def bodies(self):
        return [
            each for each in self.requests if each.method == "GET" and not is_question(each.path)
        ]

    @property
    def methods(self):
        return Counter(each.method for each in self.requests)

    @property
    def served(self):
        return sum(each.served for each in self.bodies)

    def begin(self, handler):
        with self.lock:
            request = Request(handler.command, handler.path, dict(handler.headers))
            number = len(self.requests)
            self.requests.append(request)
            self.flying += 1
            self.most = max(self.most, self.flying)
        fault = self.faults(request.method, request.path, number)
        if isinstance(fault, float):
            time.sleep(fault)
            fault = None
        if fault == "hang":
            self.ended.wait(60)
        if fault in ("hang", "drop"):
            handler.close_connection = True
            raise ConnectionAbortedError
        return request, fault

    def end(self):
        with self.lock:
            self.flying -= 1


def is_question(path):
    """Whether the path of a GET asks about a bucket, not for an object of it."""
    return any(f"{word}" in path for word in ("list-type=", "?location", "?uploads", "?versioning"))


class Relay(BaseHTTPRequestHandler):
    """Hands a request on to the server behind, and its answer back, a piece at a time."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def relay(self):
        proxy = self.server.owner
        request, fault = proxy.begin(self)
        try:
            if fault in (None, "cut", "lost"):
                self.pass_on(request, fault)
            else:
                self.refuse(request, fault)
        finally:
            proxy.end()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = relay  # noqa: N815

    def body(self):
        """The body of the request, in pieces."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline().split(b";")[0], 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return
        left = int(self.headers.get("Content-Length", 0))
        while left:
            data = self.rfile.read(min(PIECE, left))
            if not data:
                return
            left -= len(data)
            yield data

    def refuse(self, request, fault):
        for _ in self.body():
            pass
        status, more = fault if isinstance(fault, tuple) else (fault, S3_CODES.get(fault, "Error"))
        headers = more if isinstance(more, dict) else {}
        code = S3_CODES.get(status, "Error") if headers else more
        text = f"<Error><Code>{code}</Code><Message>{code} it is</Message></Error>".encode()
        request.status = status
        self.send_response(status)
        for name, value in {**headers, "Content-Type": "application/xml"}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def pass_on(self, request, fault):
        behind = http.client.HTTPConnection(self.server.owner.behind, timeout=60)
        try:
            behind.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in ("connection", "expect"):
                    behind.putheader(name, value)
            behind.endheaders()
            chunked = "chunked" in self.headers.get("Transfer-Encoding", "")
            for data in self.body():
                behind.send(b"%x\r\n%b\r\n" % (len(data), data) if chunked else data)
            if chunked:
                behind.send(b"0\r\n\r\n")
            response = behind.getresponse()
            if fault == "lost":
                response.read()
                self.close_connection = True
            else:
                self.answer(request, response, fault == "cut")
        finally:
            behind.close()

    def answer(self, request, response, cut):
        request.status = response.status
        self.send_response_only(response.status, response.reason)
        for name, value in response.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        bare = self.command == "HEAD" or response.status in (204, 304)
        whole = None
        if not bare and response.length is None:
            whole = response.read()
        length = response.getheader("Content-Length") if whole is None else str(len(whole))
        if length is not None:
            self.send_header("Content-Length", length)
        self.end_headers()
        if bare:
            response.read()
            return
        left = int(length) // 2 if cut else int(length)
        while left:
            data = (whole[-left:] if whole else response.read(min(PIECE, left)))[:left]
            if not data:
                break
            self.wfile.write(data)
            request.served += len(data)
            left -= len(data)
        if cut:
            self.wfile.flush()
            self.close_connection = True


class Proxy(Counted):
    """A proxy before a server of S3; `url` is its own."""

    def __init__(self, behind):
        super().__init__()
        self.behind = behind
        self.server = Quiet(Relay, self)
        self.url = self.server.url

    def close(self):
        self.ended.set()
        self.server.end()


class Bucket:
    """A new bucket. Its methods go round the proxy, so they neither count nor fail.

    `options` are for `fsspec.filesystem("s3", **options)`; `storage` is the same as a table of a
    Datafile; `environment` are the credentials, which the test has too.
    """

    def __init__(self, proxy):
        self.proxy = proxy
        self.name = f"b-{uuid.uuid4().hex[:12]}"
        self.url = f"s3://{self.name}/"
        self.options = {"endpoint_url": proxy.url}
        self.storage = f'[storage."s3://"]\nendpoint_url = "{proxy.url}"\n'
        self.environment = ENVIRONMENT
        self.request("PUT")

    def request(self, method, key="", data=None, query="", headers=None):
        connection = http.client.HTTPConnection(self.proxy.behind, timeout=60)
        try:
            path = f"/{self.name}/{quote(key)}{query}"
            signed = {"Authorization": "AWS testing:x", **(headers or {})}
            connection.request(method, path, data, signed)
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        if response.status == 404:
            raise KeyError(key)
        assert response.status < 300, (method, key, response.status, body)
        return body

    def put(self, key, data=b""):
        self.request("PUT", key, data if isinstance(data, bytes) else data.encode())

    def read(self, key):
        return self.request("GET", key)

    def delete(self, key):
        self.request("DELETE", key)

    def keys(self, prefix=""):
        """The keys below a prefix, sorted."""
        found, more = [], ""
        while True:
            query = f"?list-type=2&prefix={quote(prefix, safe='')}{more}"
            root = ET.fromstring(
                re.sub(rb' xmlns="[^"]*"', b"", self.request("GET", "", query=query))
            )
            found += [each.text for each in root.iterfind("Contents/Key")]
            follow = root.findtext("NextContinuationToken")
            if not follow:
                return sorted(found)
            more = f"&continuation-token={quote(follow, safe='')}"

    def uploads(self):
        """How many uploads in parts were begun and neither ended nor given up."""
        return self.request("GET", "", query="?uploads").count(b"<UploadId>")


MOTO = """
import os, sys, threading
from moto.server import main
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
main(["-H", "127.0.0.1", "-p", "0"])
"""
"""A server that ends when whoever started it is gone."""


def start_moto():
    """A process of moto's server, and `host:port`. It ends when its standard input does."""
    process = subprocess.Popen(
        [sys.executable, "-c", MOTO],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stderr:
        if found := re.search(r"Running on http://(127\.0\.0\.1:\d+)", line):
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return process, found[1]
    raise RuntimeError(f"moto's server ended with {process.wait()}")


@pytest.fixture(scope="session")
def s3_server():
    """`host:port` of a moto server, for all tests of this process.

    What S3 is like, which each client reads from large files, they read once.
    """
    import botocore.session

    process, place = start_moto()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", cache(botocore.session.create_loader))
        yield place
    process.stdin.close()
    process.wait()
    process.stderr.close()


@pytest.fixture
def s3(s3_server, monkeypatch):
    """A proxy before S3, and credentials in the environment."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    proxy = Proxy(s3_server)
    yield proxy
    proxy.close()


@pytest.fixture
def bucket(s3):
    """A new bucket in S3, behind the proxy."""
    return Bucket(s3)


class Page:
    """What the HTTP server has at a path. `validator`: `etag`, `weak`, `time` or None.

    `promised` is a content length that is not true; `ranges` whether stretches can be asked for;
    `length` whether the length is said at all.
    """

    def __init__(self, data, validator="etag", *, promised=None, ranges=True, length=True):
        self.data = data if isinstance(data, bytes) else data.encode()
        self.validator = validator
        self.promised = promised
        self.ranges = ranges
        self.length = length
        self.modified = 1_700_000_000

    def headers(self):
        tag = f'"{hash(self.data) & 0xFFFFFFFF:x}"'
        if self.validator == "etag":
            return {"ETag": tag}
        if self.validator == "weak":
            return {"ETag": f"W/{tag}"}
        if self.validator == "time":
            return {"Last-Modified": formatdate(self.modified, usegmt=True)}
        return {}


class Site(BaseHTTPRequestHandler):
    """Serves pages, takes uploads, and lists folders by links."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self):
        web = self.server.owner
        request, fault = web.begin(self)
        try:
            if fault is None or fault == "cut":
                self.serve(web, request, cut=fault == "cut")
            else:
                status, headers = fault if isinstance(fault, tuple) else (fault, {})
                self.say(request, status, headers, b"no")
        finally:
            web.end()

    do_GET = do_HEAD = do_PUT = do_POST = answer  # noqa: N815

    def serve(self, web, request, *, cut):
        path = unquote(urlsplit(self.path).path)
        if self.command in ("PUT", "POST"):
            web.put(path, b"".join(Relay.body(self)))
            self.say(request, 201, {}, b"")
        elif path.endswith("/"):
            names = sorted({each[len(path) :] for each in web.pages if each.startswith(path)})
            links = "".join(f'<a href="{quote(name)}">{escape(name)}</a>\n' for name in names)
            self.say(request, 200, {"Content-Type": "text/html"}, links.encode())
        elif path not in web.pages:
            self.say(request, 404, {}, b"nothing")
        else:
            self.serve_page(web.pages[path], request, cut=cut)

    def serve_page(self, page, request, *, cut):
        stretch = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        data, status, headers = page.data, 200, page.headers()
        if page.ranges:
            headers["Accept-Ranges"] = "bytes"
        if stretch and page.ranges and int(stretch[1]) < len(data):
            start, end = int(stretch[1]), min(int(stretch[2] or len(data)), len(data) - 1)
            headers["Content-Range"] = f"bytes {start}-{end}/{len(data)}"
            data, status = data[start : end + 1], 206
        size = len(data) if page.promised is None else page.promised
        self.say(request, status, headers, data[: len(data) // 2] if cut else data, size, page)

    def say(self, request, status, headers, data, size=None, page=None):
        request.status = status
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        size = len(data) if size is None else size
        if page is None or page.length:
            self.send_header("Content-Length", str(size))
        if size != len(data) or (page and not page.length):
            self.close_connection = True
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
            request.served = len(data)


class Web(Counted):
    """A server of HTTP with the `pages` that it was given."""

    def __init__(self):
        super().__init__()
        self.pages = {}
        self.server = Quiet(Site, self)
        self.url = self.server.url + "/"

    def put(self, path, data, validator="etag", **options):
        """Puts a page at `path`; what it is asked for from now on is this."""
        self.pages["/" + path.lstrip("/")] = Page(data, validator, **options)

    def read(self, path):
        return self.pages["/" + path.lstrip("/")].data

    def close(self):
        self.ended.set()
        self.server.end()


@pytest.fixture
def web():
    """A server of HTTP."""
    server = Web()
    yield server
    server.close()
