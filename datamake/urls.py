"""URLs: what they name, how they are shown, and the options of the store that they lead to.

Knows nothing of what is there. A URL names an object, all that a glob matches, a folder (it ends
in `/`), or what is in an archive: `zip://a/*.csv::s3://bucket/x.zip`.
"""

from __future__ import annotations

import re

from datamake.datafile.layers import merged
from datamake.datafile.placeholders import PlaceholderError, filled, looked_up, names, only
from datamake.errors import UsageError
from datamake.patterns import is_glob as has_magic
from datamake.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

ENDINGS = {"zip": "zip", "tar": "tar", "gzip": "csv.gz"}
ARCHIVES = tuple(ENDINGS)
BUCKETS = frozenset(["s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oss"])
"""Schemes whose URLs begin with a bucket, or container, and end nowhere without more."""
HOSTS = frozenset(["http", "https", "sftp", "ssh", "ftp"])
LOCAL = frozenset(["file", "local"])
WEB = frozenset(["http", "https"])
"""Schemes in which `?` begins a query, and is no sign of a glob."""
DATABASES = {"sqlite": "sqlite", "postgresql": "postgresql", "postgres": "postgresql"}
"""Schemes of databases."""
READ_ONLY = frozenset(["http", "https", "github"])
"""Schemes of stores that nothing can be written to."""

SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
CREDENTIALS = re.compile(r"(?!arn:)[^/@:]*:[^@]*@")
"""What some tools take before a bucket: `key:secret@`."""
SECRET = re.compile(r"(?i)[?&][^=&]*(sig|token|key|secret|passw|cred|auth)[^=&]*=")


class UrlError(ValueError):
    """A text is no URL that names data. `hint` says what to write instead, if that is known."""

    def __init__(self, reason: str, hint: str = "") -> None:
        self.hint = hint
        super().__init__(reason)


@value
class Url:
    """What a URL names."""

    text: str
    """The URL itself, its scheme in lower case."""
    scheme: str
    """Of the store, `s3`; of something in an archive that of the archive's store."""
    place: str
    """What stands behind `scheme://`, of the object that the store is asked for."""
    archive: str = ""
    """`zip`, `tar` or `gzip` for what is in one."""
    member: str = ""
    """The path, or glob, in the archive; for `gzip` the name that its content goes by."""
    outer: str = ""
    """The URL of the archive."""

    @property
    def kind(self) -> str:
        """`path`, `glob` or `folder`, as of an `Input` that is not remote."""
        if self.archive:
            return "glob" if has_magic(self.member) else "path"
        path = self.place.partition("?")[0] if self.scheme in WEB else self.place
        if has_magic(path):
            return "glob"
        return "folder" if path.endswith("/") else "path"


def is_url(text: str) -> bool:
    """Whether a text is a URL, and no path."""
    return "://" in text


def database(uri: str) -> str:
    """The kind of database that a URI leads to. Raises ValueError, which says nothing of the URI."""
    scheme = uri.partition(":")[0].lower()
    if ":" not in uri or scheme not in DATABASES:
        raise ValueError("leads to no database: it begins with `sqlite:` or `postgresql://`")
    if DATABASES[scheme] == "postgresql" and not uri.lower().startswith(f"{scheme}://"):
        raise ValueError(f"does not begin with `{scheme}://`")
    return DATABASES[scheme]


def meant(path: str) -> str:
    """The URL that a path may have been meant to be, `s3:/b/x` say; else `""`."""
    scheme, colon, place = path.partition(":")
    known = BUCKETS | HOSTS
    return f"{scheme}://{place.lstrip('/')}" if colon and scheme.lower() in known else ""


def check_cache(text: str) -> None:
    """Raises UrlError where no shared cache can be at a URL, or it is a path that is hardly one."""
    if not is_url(text):
        if meant(text):
            raise UrlError(f"`{text}` is no URL", f"did you mean `{shown(meant(text))}`?")
        return
    hint = "a bucket will do, or a folder that is shared"
    if text.partition("://")[0].lower() in READ_ONLY:
        raise UrlError(f"`{shown(text)}` is only for reading", hint)
    if "::" in text or parsed(text.rstrip("/") + "/").kind != "folder":
        raise UrlError(f"`{shown(text)}` names no folder", hint)


def parsed(text: str) -> Url:
    """What a URL names. Raises UrlError."""
    first, chain, outer = text.partition("::")
    if not chain:
        return _plain(*_split(text, text))
    scheme, _, place = first.partition("://")
    scheme = scheme.lower()
    if scheme not in ARCHIVES:
        shown_chain = ", ".join(f"`{each}://`" for each in ARCHIVES[:-1])
        raise UrlError(
            f"`{shown(text)}`: only {shown_chain} and `{ARCHIVES[-1]}://` may stand before `::`",
            "datamake keeps copies of what it downloads by itself" if "cache" in scheme else "",
        )
    if "::" in outer:
        raise UrlError(f"`{shown(text)}` leads into an archive within an archive")
    if not is_url(outer):
        raise UrlError(
            f"`{shown(text)}`: what stands behind `::` is no URL",
            "a target can unpack an archive of the project; `file:///...` is a URL, too",
        )
    store = _plain(*_split(outer, text))
    if store.kind != "path":
        raise UrlError(f"`{shown(text)}` leads into a {store.kind}, and not into one archive")
    _check_member(scheme, place, text)
    return Url(
        f"{scheme}://{place}::{store.text}", store.scheme, store.place, scheme, place, store.text
    )


def _split(text: str, whole: str) -> tuple[str, str]:
    """The scheme, in lower case, and what stands behind it."""
    match = SCHEME.match(text)
    if match is None:
        raise UrlError(f"`{shown(whole)}` does not begin like a URL, with `scheme://`")
    return match[1].lower(), text[match.end() :]


def _plain(scheme: str, place: str) -> Url:
    """A URL without `::`."""
    text = f"{scheme}://{place}"
    if scheme in ARCHIVES:
        raise UrlError(
            f"`{shown(text)}` does not say which archive",
            f"write its URL behind `::`, like `{scheme}://data.csv::s3://bucket/data.{ENDINGS[scheme]}`",
        )
    if scheme in LOCAL and not place.startswith("/"):
        raise UrlError(
            f"`{shown(text)}` is relative",
            f"write `{scheme}:///...`, or a path without `{scheme}://`",
        )
    if not place or (place.startswith("/") and scheme in BUCKETS | HOSTS):
        what = "bucket" if scheme in BUCKETS else "host" if scheme in HOSTS else "place"
        raise UrlError(f"`{shown(text)}` names no {what}")
    if scheme in BUCKETS and "/" not in place:
        raise UrlError(
            f"`{shown(text)}` names a bucket and nothing in it", f"`{text}/` is all that is in it"
        )
    if scheme in BUCKETS and CREDENTIALS.match(place):
        raise UrlError(
            f"`{shown(text)}`: credentials cannot stand in the URL of a bucket",
            "put them where the tools of the store look for them, in the environment say",
        )
    path = place.partition("?")[0] if scheme in WEB else place
    if scheme in BUCKETS | HOSTS and has_magic(path.partition("/")[0]):
        what = "bucket" if scheme in BUCKETS else "host"
        raise UrlError(f"`{shown(text)}` is a glob of {what}s", f"name the {what}")
    if ".." in path.split("/"):
        raise UrlError(f"`{shown(text)}` holds `..`, which means nothing in a URL")
    return Url(text, scheme, place)


def _check_member(archive: str, member: str, text: str) -> None:
    """Raises UrlError for what can't be the path of a member, or the name of a content."""
    if archive == "gzip":
        if not member or "/" in member or has_magic(member):
            raise UrlError(
                f"`{shown(text)}` does not name the content",
                "the name that it gets stands behind `gzip://`, like `gzip://data.csv::...`",
            )
    elif not member or member.endswith("/"):
        everything = f"{archive}://{member}**::{text.partition('::')[2]}"
        raise UrlError(
            f"`{shown(text)}` names no member of the archive",
            f"`{shown(everything)}` matches all in it",
        )
    if member.startswith("/") or not {"", ".", ".."}.isdisjoint(member.split("/")):
        raise UrlError(f"`{shown(text)}`: `{member}` can't be the path of a member")


def shown(url: str) -> str:
    """A URL for people, logs and state: without passwords, and without queries that hold secrets."""
    return "::".join(_told(part)[0] for part in url.split("::"))


def hidden(url: str) -> tuple[str, ...]:
    """What `shown` leaves out."""
    return tuple(secret for part in url.split("::") for secret in _told(part)[1])


def _told(part: str) -> tuple[str, list[str]]:
    """A URL without secrets, and these."""
    secrets = []
    scheme, colon, place = part.partition("://")
    given = CREDENTIALS.match(place) if scheme in BUCKETS else None
    if given:
        secrets.append(given[0][:-1])
        place = place[given.end() :]
    authority, slash, rest = place.partition("/")
    user, at, host = authority.rpartition("@")
    if at and scheme != "github" and (":" in user or scheme in WEB):
        secrets.append(user)
        place = host + slash + rest
    if SECRET.search(place):
        place, _, query = place.partition("?")
        secrets.append(query)
        place += "?…"
    return scheme + colon + place, secrets


def base(text: str) -> str:
    """The folder, ending in `/`, that all of a URL glob is in; of an object, the one it is in."""
    url = parsed(text)
    scheme, _, place = (url.outer or url.text).partition("://")
    path = place.partition("?")[0] if scheme in WEB else place
    segments = path.split("/")[:-1]
    fixed = next((index for index, each in enumerate(segments) if has_magic(each)), len(segments))
    return "/".join([f"{scheme}:/", *segments[:fixed], ""])


def filled_in(
    text: str, variables: Mapping[str, str], params: Mapping[str, Any], where: str
) -> Any:
    """A text of `[storage]` or `project.cache`, with `{env.X}` and `{params.x}` filled in.

    A text that is just a param is its value, whatever its type. `where` says where it stands:
    "`project.cache`". Raises UsageError.
    """
    for name in names(text):
        variable = name.removeprefix("env.")
        if variable != name and variable not in variables:
            raise UsageError(
                f"the environment variable `{variable}` is not set", [f"{where} needs it"]
            )
    values = {"env": variables, "params": params}
    whole = only(text) or ""
    try:
        return looked_up(whole, values) if whole.startswith("params.") else filled(text, values)
    except KeyError:
        raise UsageError(f"{where}: there is no param `{text}`") from None
    except PlaceholderError as error:
        raise UsageError(f"{where}: {error}") from None


def options(
    storage: Mapping[str, Mapping[str, Any]],
    url: str,
    variables: Mapping[str, str],
    params: Mapping[str, Any],
) -> dict[str, Any]:
    """The options of the store that a URL leads to; of a longer prefix they win over a shorter's.

    Raises UsageError for an environment variable that is not set.
    """
    place = url.rpartition("::")[2]
    found: dict[str, Any] = {}
    for prefix in sorted(storage, key=len):
        if place.startswith(prefix):
            where = f'`[storage."{prefix}"]`'
            found = merged(found, _all_filled(storage[prefix], variables, params, where))
    return found


def _all_filled(
    given: Any, variables: Mapping[str, str], params: Mapping[str, Any], where: str
) -> Any:
    if isinstance(given, str):
        return filled_in(given, variables, params, where)
    if isinstance(given, dict):
        return {key: _all_filled(each, variables, params, where) for key, each in given.items()}
    if isinstance(given, list):
        return [_all_filled(each, variables, params, where) for each in given]
    return given
