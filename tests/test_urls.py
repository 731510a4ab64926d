"""What URLs name, how they are shown, and the options of their stores."""

from __future__ import annotations

import pytest

from datamake.errors import UsageError
from datamake.urls import (
    Url,
    UrlError,
    base,
    check_cache,
    filled_in,
    is_url,
    meant,
    options,
    parsed,
    shown,
)


@pytest.mark.parametrize(
    ("text", "kind", "folder"),
    [
        ("s3://b/raw/x.csv", "path", "s3://b/raw/"),
        ("s3://b/raw/*.csv", "glob", "s3://b/raw/"),
        ("s3://b/**/x[0-9].csv", "glob", "s3://b/"),
        ("s3://b/raw/", "folder", "s3://b/raw/"),
        ("s3://b/", "folder", "s3://b/"),
        ("https://h/d/x.csv?a=/*", "path", "https://h/d/"),
        ("https://h/d/*.csv", "glob", "https://h/d/"),
        ("file:///d/x.csv", "path", "file:///d/"),
        ("memory://x", "path", "memory://"),
        ("github://org:repo@sha/a/x.csv", "path", "github://org:repo@sha/a/"),
        ("zip://a/b.csv::s3://b/d/x.zip", "path", "s3://b/d/"),
        ("tar://**/*.csv::https://h/x.tar.gz?v=1", "glob", "https://h/"),
        ("gzip://x.csv::s3://b/x.csv.gz", "path", "s3://b/"),
    ],
)
def test_a_url_names_an_object_a_glob_or_a_folder(text, kind, folder):
    """And it has a folder to begin to look in."""
    assert is_url(text)
    assert (parsed(text).text, parsed(text).kind) == (text, kind)
    assert base(text) == folder


def test_the_parts_of_a_url():
    """Schemes are in lower case; of what is in an archive, scheme and place are the archive's."""
    assert parsed("S3://B/x") == Url("s3://B/x", "s3", "B/x")
    assert parsed("ZIP://a.csv::S3://b/x.zip") == Url(
        "zip://a.csv::s3://b/x.zip", "s3", "b/x.zip", "zip", "a.csv", "s3://b/x.zip"
    )


@pytest.mark.parametrize("text", ["raw/x.csv", "a::b", "c:x", "/s3:/b/x"])
def test_paths_are_no_urls(text):
    assert not is_url(text)


@pytest.mark.parametrize(
    ("text", "reason", "hint"),
    [
        (
            "simplecache::s3://b/x",
            "`simplecache::s3://b/x`: only `zip://`, `tar://` and `gzip://` may stand before `::`",
            "datamake keeps copies of what it downloads by itself",
        ),
        (
            "filecache://x::s3://b/x",
            "`filecache://x::s3://b/x`: only `zip://`, `tar://` and `gzip://` may stand before `::`",
            "datamake keeps copies of what it downloads by itself",
        ),
        (
            "reference://x::s3://b/x",
            "`reference://x::s3://b/x`: only `zip://`, `tar://` and `gzip://` may stand before `::`",
            "",
        ),
        (
            "zip://a::tar://b::s3://b/x",
            "`zip://a::tar://b::s3://b/x` leads into an archive within an archive",
            "",
        ),
        (
            "zip://a.csv::raw/x.zip",
            "`zip://a.csv::raw/x.zip`: what stands behind `::` is no URL",
            "a target can unpack an archive of the project; `file:///...` is a URL, too",
        ),
        (
            "zip://a.csv::s3://b/*.zip",
            "`zip://a.csv::s3://b/*.zip` leads into a glob, and not into one archive",
            "",
        ),
        (
            "zip://a.csv",
            "`zip://a.csv` does not say which archive",
            "write its URL behind `::`, like `zip://data.csv::s3://bucket/data.zip`",
        ),
        (
            "zip://raw/::s3://b/x.zip",
            "`zip://raw/::s3://b/x.zip` names no member of the archive",
            "`zip://raw/**::s3://b/x.zip` matches all in it",
        ),
        (
            "gzip://::s3://b/x.gz",
            "`gzip://::s3://b/x.gz` does not name the content",
            "the name that it gets stands behind `gzip://`, like `gzip://data.csv::...`",
        ),
        (
            "zip://../x::s3://b/x.zip",
            "`zip://../x::s3://b/x.zip`: `../x` can't be the path of a member",
            "",
        ),
        ("s3:///x", "`s3:///x` names no bucket", ""),
        ("https:///x", "`https:///x` names no host", ""),
        ("memory://", "`memory://` names no place", ""),
        ("s3://b", "`s3://b` names a bucket and nothing in it", "`s3://b/` is all that is in it"),
        (
            "s3://AKIA:pw/pw@b/x",
            "`s3://b/x`: credentials cannot stand in the URL of a bucket",
            "put them where the tools of the store look for them, in the environment say",
        ),
        (
            "gzip://s3://b/x.gz",
            "`gzip://s3://b/x.gz` does not say which archive",
            "write its URL behind `::`, like `gzip://data.csv::s3://bucket/data.csv.gz`",
        ),
        ("s3://b/../x", "`s3://b/../x` holds `..`, which means nothing in a URL", ""),
        (
            "file://x",
            "`file://x` is relative",
            "write `file:///...`, or a path without `file://`",
        ),
        ("*://b/x", "`*://b/x` does not begin like a URL, with `scheme://`", ""),
    ],
)
def test_what_is_no_url_of_data(text, reason, hint):
    with pytest.raises(UrlError) as caught:
        parsed(text)
    assert (str(caught.value), caught.value.hint) == (reason, hint)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://me:pw@h/x", "https://h/x"),
        ("https://ghp_1@h/x", "https://h/x"),
        ("sftp://me:pw@h/x", "sftp://h/x"),
        ("sftp://me@h/x", "sftp://me@h/x"),
        ("abfs://container@account/x", "abfs://container@account/x"),
        ("github://org:repo@sha/x", "github://org:repo@sha/x"),
        ("https://h/x?year=2013", "https://h/x?year=2013"),
        ("https://h/x?year=1&X-Amz-Signature=ab&y=2", "https://h/x?…"),
        ("zip://a.csv::https://me:pw@h/x?sig=1", "zip://a.csv::https://h/x?…"),
        ("s3://AKIA:pw/pw@b/x", "s3://b/x"),
        ("s3://arn:aws:s3:eu:1:accesspoint/x/a@b", "s3://arn:aws:s3:eu:1:accesspoint/x/a@b"),
    ],
)
def test_what_is_shown_holds_no_secret(url, expected):
    assert shown(url) == expected


@pytest.mark.parametrize(
    ("place", "complaint"),
    [
        ("s3:/b/x", "`s3:/b/x` is no URL"),
        ("https://h/x", "`https://h/x` is only for reading"),
        ("s3://b/*", "`s3://b/*` names no folder"),
        ("s3://b/x?versionId=1", "`s3://b/x?versionId=1` names no folder"),
        ("zip://x::s3://b/x.zip", "`zip://x::s3://b/x.zip` names no folder"),
        ("s3://k:s@b/x/", "`s3://b/x/`: credentials cannot stand in the URL of a bucket"),
        ("s3://b", ""),
        ("s3://b/x/", ""),
        ("file:///srv/x", ""),
        ("../shared", ""),
        ("c:/x", ""),
    ],
)
def test_where_a_shared_cache_can_be(place, complaint):
    """Where many objects can be written and listed: below a URL, or in a folder."""
    if not complaint:
        check_cache(place)
        return
    with pytest.raises(UrlError) as caught:
        check_cache(place)
    assert str(caught.value) == complaint


@pytest.mark.parametrize(
    ("path", "url"),
    [("s3:/b/x", "s3://b/x"), ("s3:b/x", "s3://b/x"), ("https:/h", "https://h"), ("a:b", "")],
)
def test_a_path_that_may_have_been_meant_to_be_a_url(path, url):
    assert meant(path) == url


def test_the_longest_prefix_wins():
    """What a shorter one says besides holds too; of an archive the store's prefix counts."""
    storage = {
        "s3://": {"endpoint_url": "{env.S3}", "client": {"a": 1, "b": 1}, "n": "{params.n}"},
        "s3://team/": {"client": {"b": "{params.n}-{env.S3}"}, "l": ["{env.S3}"], "anon": True},
        "gs://": {"x": 1},
    }
    found = options(storage, "zip://gs://x::s3://team/x.zip", {"S3": "http://h"}, {"n": 3})
    assert found == {
        "endpoint_url": "http://h",
        "client": {"a": 1, "b": "3-http://h"},
        "n": 3,
        "l": ["http://h"],
        "anon": True,
    }
    assert options(storage, "https://h/x", {}, {}) == {}


def test_a_variable_is_asked_for_only_by_what_needs_it():
    """The message names the prefix and the variable, and no other variable."""
    storage = {"s3://team": {"key": "{env.KEY}"}}
    with pytest.raises(UsageError) as caught:
        options(storage, "s3://team/x", {"HOME": "/"}, {})
    assert str(caught.value) == (
        'the environment variable `KEY` is not set\n  `[storage."s3://team"]` needs it'
    )


def test_params_that_do_not_fit():
    with pytest.raises(UsageError) as caught:
        filled_in("{params.x}", {}, {}, "`project.cache`")
    assert str(caught.value) == "`project.cache`: there is no param `{params.x}`"
    with pytest.raises(UsageError) as caught:
        filled_in("s3://{params.x}", {}, {"x": [1, 2]}, "`project.cache`")
    assert str(caught.value) == (
        "`project.cache`: one value fits into `s3://{params.x}`, and this is a list of 2: `1`, `2`"
    )
