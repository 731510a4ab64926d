"""What is said when a store fails: which URL, why, what to do; and nothing is left half-written."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest
from remote_servers import ENVIRONMENT

from datamake import clone
from datamake.errors import EnvironmentFailed, UsageError
from datamake.objects import Objects
from datamake.remote import Seen
from datamake.storage import trying
from datamake.storage.failures import failure
from datamake.storage.remote import RemoteStorage

pytest.importorskip("fsspec")
HURRIED = {"config_kwargs": {"connect_timeout": 0.5, "read_timeout": 0.1}}
KEYS = "set `AWS_PROFILE`, or `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`"


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    """Nobody waits long between tries."""
    monkeypatch.setattr(trying, "LONGEST", 0.01)


class Scene:
    """An object `a` of ten bytes in a store that fails by `faults`."""

    def __init__(self, server, url, options, folder):
        self.server, self.url, self.options = server, url, options
        self.path = f"{folder}/copy"
        self.opened = {}
        self.seen = self.objects().look([url])[url][0]
        server.forget()

    def objects(self, **options):
        name = repr(options)
        if name not in self.opened:
            self.opened[name] = Objects(lambda _: {**self.options, **options})
        return self.opened[name]

    def fetch(self, seen=None, **options):
        return self.objects(**options).fetch(seen or self.seen, self.path, lambda *_: None)

    def said(self, call):
        """The message of a call that fails, the URL of the place as `URL`."""
        with pytest.raises(EnvironmentFailed) as raised:
            call()
        assert not os.path.exists(self.path)
        assert "hunter2" not in repr(raised.value)
        return str(raised.value).replace(self.url.rpartition("/")[0], "URL")

    def looked(self, name="", **options):
        return self.said(lambda: self.objects(**options).look([name or self.url]))

    def fetched(self, **options):
        return self.said(lambda: self.fetch(**options))


@pytest.fixture
def s3_scene(bucket, tmp_path):
    bucket.put("a", b"0123456789")
    return Scene(bucket.proxy, bucket.url + "a", bucket.options, tmp_path)


@pytest.fixture
def web_scene(web, tmp_path):
    web.put("a", b"0123456789")
    return Scene(web, web.url + "a", {}, tmp_path)


@pytest.fixture(params=["s3", "http"])
def scene(request):
    return request.getfixturevalue({"s3": "s3_scene", "http": "web_scene"}[request.param])


def failing(fault, times=10**9, method=""):
    """Faults: so often the same, for one method or all."""
    left = [times]

    def faults(asked, path, number):
        if (method and asked != method) or not left[0]:
            return None
        left[0] -= 1
        return fault

    return faults


# Who asks


S3_REFUSALS = {
    403: (
        "access is denied\n"
        "  S3 says the same of what is not there, to who may not list it\n"
        f"  hint: ask its owner, or {KEYS}"
    ),
    400: "the credentials have expired\n  the store says ExpiredToken\n  hint: log in again",
    (403, "InvalidAccessKeyId"): (
        f"the credentials are wrong\n  the store says InvalidAccessKeyId\n  hint: {KEYS}"
    ),
    (403, "RequestTimeTooSkewed"): (
        "the clock of this machine is wrong\n  hint: set it; requests are signed with the time"
    ),
    (403, "InvalidObjectState"): (
        "it is in an archive of its store\n  hint: restore it there first"
    ),
}


@pytest.mark.parametrize("fault", S3_REFUSALS)
def test_s3_refuses(s3_scene, fault):
    """Asked for an object, for a listing and for the bytes."""
    s3_scene.server.faults = failing(fault)
    message = S3_REFUSALS[fault]
    assert s3_scene.looked() == f"`URL/a`: {message}"
    assert s3_scene.looked(s3_scene.url[:-1] + "*.csv") == f"`URL/*.csv`: {message}"
    assert s3_scene.fetched() == f"`URL/a`: {message}"


HEADERS = 'put `headers = { Authorization = "{env.TOKEN}" }` into `[storage."URL/"]`'


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, f"the credentials are wrong\n  the store says HTTP 401\n  hint: {HEADERS}"),
        (403, f"access is denied\n  hint: ask its owner, or {HEADERS}"),
        (418, "the store refuses, with HTTP 418"),
    ],
)
def test_a_web_server_refuses(web_scene, status, message):
    """An outage, or a refusal, is never taken for a file that is not there."""
    web_scene.server.faults = failing(status)
    assert web_scene.looked() == f"`URL/a`: {message}"
    assert web_scene.fetched() == f"`URL/a`: {message}"


def test_no_credentials(s3_scene, monkeypatch):
    """None in the environment, the files and the machine."""
    public = f'for public data `anon = true` in `[storage."{s3_scene.url[:-1]}"]`'.replace(
        s3_scene.url[:-2], "URL"
    )
    for name in ENVIRONMENT:
        if "KEY" in name:
            monkeypatch.delenv(name)
    s3_scene.opened.clear()
    message = f"`URL/a`: there are no credentials\n  hint: {KEYS}; {public}"
    assert s3_scene.looked() == s3_scene.fetched() == message
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    s3_scene.opened.clear()
    assert s3_scene.looked() == (
        "`URL/a`: there are no credentials\n"
        "  The config profile (nobody) could not be found\n"
        f"  hint: {KEYS}; {public}"
    )


def test_who_may_not_list_may_read(s3_scene, bucket):
    """A listing that is refused is no reason to end: each object is asked for."""
    names = [f"{bucket.url}b{number}" for number in range(10)]
    for number in range(10):
        bucket.put(f"b{number}", b"x")
    bucket.proxy.faults = lambda method, path, n: 403 if "list-type" in path else None
    found = s3_scene.objects().look(names)
    assert [len(found[name]) for name in names] == [1] * 10


def test_secrets_are_never_said(web_scene):
    """Not those in the URL, nor those among the options."""
    web_scene.server.faults = failing(500)
    host = web_scene.url.partition("//")[2]
    for url in (f"http://user:hunter2@{host}", f"{web_scene.url}?X-Amz-Signature=hunter2"):
        web_scene.looked(url)
    error = ValueError("cannot sign with hunter2hunter2 at http://me:hunter2@h/?sig=hunter2")
    options = {"client_kwargs": {"aws_secret_access_key": "hunter2hunter2"}}
    assert str(failure("s3://b/a", error, options)) == (
        "`s3://b/a`: its store cannot be used\n  ValueError: cannot sign with … at http://h/?…"
    )


# The way


def test_a_host_that_nobody_knows(s3_scene):
    """The same for S3 and HTTP, and at once."""
    message = "`{}`: the name of the host is not known\n  hint: check the network and {}"
    options = {"endpoint_url": "http://nowhere.invalid"}
    assert s3_scene.looked(**options) == message.format("URL/a", "`endpoint_url` in `[storage]`")
    with pytest.raises(EnvironmentFailed) as raised:
        Objects(lambda _: {}).look(["http://nowhere.invalid/a"])
    assert str(raised.value) == message.format("http://nowhere.invalid/a", "the URL")


def test_a_port_that_nobody_listens_on(s3_scene):
    """The same for S3 and HTTP, and at once."""
    message = "`{}`: the host refuses connections\n  hint: check that it runs, and {}"
    options = {"endpoint_url": "http://127.0.0.1:1"}
    assert s3_scene.looked(**options) == message.format("URL/a", "`endpoint_url` in `[storage]`")


def test_no_certificate(web_scene):
    """What speaks HTTP speaks no TLS."""
    url = web_scene.url.replace("http:", "https:")
    assert web_scene.looked(url) == (
        f"`{url}`: the certificate of the host is not trusted\n  hint: check the clock and the URL"
    )


def test_no_answer(s3_scene, web_scene):
    """It is waited for, and not forever."""
    for scene, options, what in (
        (s3_scene, HURRIED, "`endpoint_url` in `[storage]`"),
        (web_scene, {"timeout": 0.1}, "the URL"),
    ):
        scene.server.faults = failing("hang")
        message = f"`URL/a`: the host does not answer in time\n  hint: check the network and {what}"
        assert scene.looked(**options) == message
        assert scene.fetched(**options) == message
        assert 1 < scene.server.count <= 2 * trying.TRIES  # a busy host may not hear of one


@pytest.mark.parametrize("fault", [500, 502, 503, 429])
def test_a_store_that_keeps_failing(scene, fault):
    """It is asked again, so often and no more."""
    scene.server.faults = failing(fault)
    message = f"`URL/a`: the store fails, with HTTP {fault}\n  hint: try again later"
    assert scene.looked() == message
    assert scene.fetched().startswith(message.partition("\n")[0])
    assert scene.server.count == 2 * trying.TRIES


@pytest.mark.parametrize("fault", [500, 503, 429, "cut", "drop", (503, {"Retry-After": "0.01"})])
def test_a_store_that_fails_now_and_then(scene, fault):
    """Nobody hears of it."""
    scene.server.faults = failing(fault, times=3)
    assert scene.objects().look([scene.url])[scene.url] == [scene.seen]
    scene.server.faults = failing(fault, times=3)
    scene.fetch()
    with open(scene.path, "rb") as file:
        assert file.read() == b"0123456789"


# What is there


def test_what_is_not_there(scene):
    """Nothing, and no error; what was there and is gone is one."""
    scene.server.faults = failing(404)
    assert scene.objects().look([scene.url]) == {scene.url: []}
    assert scene.fetched() == (
        "`URL/a` is gone\n"
        "  it was there when the build asked for it\n"
        "  hint: build again when whatever writes there is done"
    )


def test_a_body_that_is_too_short(scene):
    """However often it is asked for."""
    scene.server.faults = failing("cut")
    message = scene.fetched()
    assert message == (
        "`URL/a`: the connection is cut, again and again\n"
        f"  {message.split()[-9]} of 10 bytes came\n"
        "  hint: try again later"
    )


def test_what_was_cut_off_goes_on_where_it_was(bucket, web, tmp_path):
    """Nothing comes twice, but for what was on its way when the connection was cut."""
    for server, url, options, put in (
        (bucket.proxy, bucket.url, bucket.options, bucket.put),
        (web, web.url, {}, web.put),
    ):
        content = os.urandom(8_000_000)
        put("big", content)
        scene = Scene(server, url + "big", options, tmp_path)
        server.faults = failing("cut", times=2)
        scene.fetch()
        with open(scene.path, "rb") as file:
            assert file.read() == content
        assert len(server.bodies) == 3
        assert server.served < 2 * len(content)
        os.unlink(scene.path)


@pytest.mark.parametrize("size", [3, 20])
def test_a_listing_that_lies(scene, size):
    """Of the size: what the store says of the object itself is what counts."""
    lie = Seen(scene.url, scene.seen.token, size)
    assert scene.fetch(lie) == scene.seen
    with open(scene.path, "rb") as file:
        assert file.read() == b"0123456789"


def test_a_listing_that_has_what_is_gone(bucket, s3_scene):
    """It is found out when it is read."""
    bucket.delete("a")
    assert s3_scene.fetched().startswith("`URL/a` is gone\n")


def test_a_listing_that_leaves_out_what_is_there(bucket, s3_scene):
    """What it leaves out is asked for by itself."""
    names = [f"{bucket.url}a{number}" for number in range(6)]
    for number in range(6):
        bucket.put(f"a{number}", b"x")
    bucket.proxy.faults = lambda method, path, n: 404 if "list-type" in path else None
    found = s3_scene.objects().look([*names, f"{bucket.url}gone"])
    assert [len(found[name]) for name in names] == [1] * 6
    assert found[f"{bucket.url}gone"] == []


def test_what_never_rests(bucket, s3_scene):
    """It is read three times, and then whoever writes has to be asked."""

    def faults(method, path, number):
        if method == "GET":
            bucket.put("a", b"%d" % number * 10)

    bucket.proxy.faults = faults
    assert s3_scene.fetched() == (
        "`URL/a` changed while it was read\n"
        "  tried 3 times\n"
        "  hint: wait until whatever writes to it is done"
    )


# The disk


def test_a_body_that_drips_is_seen_to_come(monkeypatch):
    """What has come after a while is taken; a piece that is there is one piece."""

    async def drop(_):
        return b"x"

    assert asyncio.run(trying.piece(drop, 100)) == b"x" * 100
    monkeypatch.setattr(trying, "SLOW", 0.0)
    assert asyncio.run(trying.piece(drop, 100)) == b"x"


def test_a_full_disk(scene, monkeypatch):
    """What was written of it is removed again."""

    def full(*_):
        raise OSError(next(iter(clone.FULL)), "no room")

    monkeypatch.setattr(os, "pwrite", full)
    assert scene.fetched() == (
        "`URL/a`: the disk is full\n"
        f"  it was being downloaded to `{scene.path}`, which is removed again\n"
        "  hint: make room; `datamake cache gc` takes what was not used for long"
    )


def test_a_folder_that_is_not_there(scene):
    """The path has to be one that can be written."""
    scene.path += "/deeper"
    assert scene.fetched() == (
        f"`URL/a`: cannot write what is downloaded\n  `{scene.path}`: No such file or directory"
    )


# The store itself


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (
            "s4://b/a",
            (
                "no package of fsspec knows `s4://`\n  hint: there are `s3://`, `gs://`, `az://`, "
                "`https://`, `sftp://` and more: see docs/storage.md"
            ),
        ),
        ("sftpp://h/a", "no package of fsspec knows `sftpp://`\n  hint: did you mean `sftp://`?"),
        (
            "simplecache://x/a",
            "`simplecache://` keeps no data of its own\n  hint: give the URL of the data itself",
        ),
        ("s3://b/a", "its store has no option `endpoint_ur`\n  hint: did you mean `endpoint_url`?"),
    ],
)
def test_what_cannot_be_opened(url, message):
    """Schemes and options that there are not."""
    with pytest.raises(UsageError) as raised:
        Objects(lambda _: {"endpoint_ur": "x"}).look([url])
    assert str(raised.value) == f"`{url}`: {message}"


def test_an_endpoint_that_is_no_url(s3):
    """Whoever forgets `http://` is told."""
    with pytest.raises(UsageError) as raised:
        Objects(lambda _: {"endpoint_url": "127.0.0.1:9"}).look(["s3://b/a"])
    assert str(raised.value) == (
        "`s3://b/a`: its `endpoint_url` is no URL\n"
        "  Invalid endpoint: 127.0.0.1:9\n"
        "  hint: it begins with `https://` or `http://`"
    )


@pytest.mark.parametrize("name", ["TooManyRedirects", "RecursionError"])
def test_a_host_that_leads_elsewhere(name):
    """As a web server may, and an S3 of another region."""
    error = type(name, (Exception,), {})("deep")
    assert str(failure("https://h/a", error)) == (
        "`https://h/a`: the host leads elsewhere, again and again\n  hint: check the URL"
    )


def test_a_package_that_is_not_installed(monkeypatch):
    """The extra that brings it is said; of others what fsspec says."""
    for package in ("gcsfs", "adlfs", "smbprotocol"):
        monkeypatch.setitem(sys.modules, package, None)
    messages = {
        "az://b/a": "  hint: pip install 'datamake[azure]'",
        "gs://b/a": "  hint: pip install 'datamake[gcs]'",
        "smb://h/a": '  SMB requires "smbprotocol" or "smbprotocol[kerberos]" installed',
    }
    for url, more in messages.items():
        with pytest.raises(EnvironmentFailed) as raised:
            Objects(lambda _: {}).look([url])
        scheme = url.partition("/")[0] + "//"
        assert str(raised.value) == f"`{url}`: the package for `{scheme}` is not installed\n{more}"


def test_a_bucket_that_is_not_there(s3_scene, tmp_path):
    """Nothing is in it, and nothing can be put there."""
    url = "s3://b-no-such-bucket/a"
    (tmp_path / "made").write_bytes(b"x")
    assert s3_scene.objects().look([url]) == {url: []}
    assert s3_scene.said(
        lambda: s3_scene.objects().upload(str(tmp_path / "made"), url, lambda *_: None)
    ) == (
        f"`{url}`: there is no such bucket\n"
        "  hint: check its name, and `endpoint_url` in `[storage]`"
    )


# Many requests, and those that write


FAULTS = (500, 503, "cut", "drop", "lost")


def test_a_tenth_of_all_requests_fails(bucket, tmp_path):
    """All comes through, nothing is left half-written, and no request is made without need."""
    for number in range(40):
        bucket.put(f"a{number}", b"%d" % number * 10_000)
    objects = Objects(lambda _: bucket.options)
    names = [f"{bucket.url}a{number}" for number in range(40)]
    bucket.proxy.forget()
    bucket.proxy.faults = lambda method, path, n: FAULTS[n // 10 % 5] if n % 10 == 5 else None
    found = objects.look([*names, bucket.url])
    assert len(found[bucket.url]) == 40
    for number, name in enumerate(names):
        path = str(tmp_path / f"{number}")
        objects.fetch(found[name][0], path, lambda *_: None)
        seen = objects.upload(path, f"{bucket.url}out/{number}", lambda *_: None)
        assert seen.size == len(b"%d" % number * 10_000)
        assert bucket.read(f"out/{number}") == b"%d" % number * 10_000
    assert bucket.proxy.count < 1.3 * 122


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_written_once_is_written_once(bucket, fault):
    """A request whose answer is lost has done its work: who repeats it is no other."""
    storage = RemoteStorage(bucket.url + "cache", **bucket.options)
    bucket.proxy.faults = failing(fault, times=1, method="PUT")
    assert storage.write("a", b"one")
    assert not storage.write("a", b"two")
    assert storage.read("a") == b"one"


@pytest.mark.parametrize("fault", [500, "drop", "lost"])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_uploads_in_parts(bucket, tmp_path, method, fault):
    """Each part is repeated by itself, and the end too."""
    content = os.urandom(20 << 20)
    (tmp_path / "made").write_bytes(content)
    bucket.proxy.faults = failing(fault, times=2, method=method)
    Objects(lambda _: bucket.options).upload(
        str(tmp_path / "made"), bucket.url + "a", lambda *_: None
    )
    assert bucket.read("a") == content


def test_an_end_whose_answer_is_lost(bucket, tmp_path):
    """The upload is there, although it cannot be ended twice."""
    (tmp_path / "made").write_bytes(bytes(20 << 20))
    ends = []

    def faults(method, path, number):
        if method == "POST" and "uploadId" in path:
            ends.append(number)
            return "lost" if len(ends) == 1 else None
        return None

    bucket.proxy.faults = faults
    objects = Objects(lambda _: bucket.options)
    seen = objects.upload(str(tmp_path / "made"), bucket.url + "a", lambda *_: None)
    assert seen.size == 20 << 20
    assert len(ends) == 2
    assert bucket.uploads() == 0


@pytest.mark.parametrize("size", [10, 20 << 20])
def test_what_another_writes_meanwhile_is_not_taken_for_ones_own(bucket, tmp_path, size):
    """Else its tag would stand for what was uploaded, for all who share a cache."""
    (tmp_path / "made").write_bytes(bytes(size))

    def faults(method, path, number):
        if method == "HEAD":
            bucket.put("a", b"x" * size)

    bucket.proxy.faults = faults
    with pytest.raises(EnvironmentFailed) as raised:
        Objects(lambda _: bucket.options).upload(
            str(tmp_path / "made"), bucket.url + "a", lambda *_: None
        )
    assert str(raised.value) == (
        f"`{bucket.url}a` was changed while it was written\n  hint: does anything else write it?"
    )


def test_an_upload_that_fails_leaves_nothing(bucket, tmp_path):
    """No object, and no parts that cost money."""
    (tmp_path / "made").write_bytes(bytes(20 << 20))
    bucket.proxy.faults = failing(403, method="PUT")
    with pytest.raises(EnvironmentFailed, match="access is denied"):
        Objects(lambda _: bucket.options).upload(
            str(tmp_path / "made"), bucket.url + "a", lambda *_: None
        )
    assert bucket.keys() == []
    assert bucket.uploads() == 0


def test_a_server_without_conditions(bucket):
    """Some that speak like S3 refuse them: then it is asked first whether something is there."""
    storage = RemoteStorage(bucket.url + "cache", **bucket.options)

    def faults(method, path, number):
        request = bucket.proxy.requests[number]
        return 501 if any(name.lower() == "if-none-match" for name in request.headers) else None

    bucket.proxy.faults = faults
    assert storage.write("a", b"one")
    assert not storage.write("a", b"two")
    assert storage.read("a") == b"one"
