"""What went wrong with a store → a message that says which, why, and what to do.

Knows no library: errors are told apart by the names of their types, statuses and codes, those of
their causes too. A message never holds a password, key or signature.
"""

from __future__ import annotations

import re
from errno import ENAMETOOLONG

from datamake.clone import FULL
from datamake.datafile.shapes import did_you_mean
from datamake.errors import DatamakeError, EnvironmentFailed, UsageError
from datamake.urls import shown
from datamake.values import NOTHING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    Said = tuple[str, tuple[str, ...], str]
    """Headline, facts and hint."""

LATER = "try again later"
NO_BUCKET = "NoSuchBucket"
EXPIRED = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
)
REJECTED = frozenset(
    {
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "InvalidToken",
        "InvalidClientTokenId",
        "AuthFailure",
        "AuthenticationFailed",
        "InvalidAuthenticationInfo",
    }
)
UNCREDENTIALED = frozenset(
    {
        "NoCredentialsError",
        "PartialCredentialsError",
        "CredentialRetrievalError",
        "ProfileNotFound",
        "TokenRetrievalError",
        "SSOTokenLoadError",
        "UnauthorizedSSOTokenError",
        "DefaultCredentialsError",
        "CredentialUnavailableError",
    }
)
DENIED = frozenset(
    {"ClientAuthenticationError", "AuthenticationException", "RefreshError", "BadHostKeyException"}
)
SLOW = frozenset(
    {
        "ConnectTimeoutError",
        "ReadTimeoutError",
        "FSTimeoutError",
        "TimeoutError",
        "ServerTimeoutError",
        "ConnectionTimeoutError",
        "SocketTimeoutError",
        "ServiceResponseTimeoutError",
    }
)
CUT = frozenset(
    {
        "ClientPayloadError",
        "IncompleteRead",
        "IncompleteReadError",
        "ServerDisconnectedError",
        "ConnectionResetError",
        "BrokenPipeError",
        "ResponseStreamingError",
        "ProtocolError",
        "ClientOSError",
        "Cut",
    }
)
NAMELESS = frozenset({"gaierror", "ClientConnectorDNSError"})
REFUSED = frozenset({"ConnectionRefusedError", "NoValidConnectionsError"})
UNREACHED = frozenset(
    {
        "EndpointConnectionError",
        "ClientConnectorError",
        "ServiceRequestError",
        "ConnectionClosedError",
        "HTTPClientError",
        "ProxyConnectionError",
    }
)
UNTRUSTED = frozenset(
    {"SSLError", "ClientConnectorCertificateError", "SSLCertVerificationError", "ClientSSLError"}
)
REDIRECTED = frozenset({"TooManyRedirects", "RecursionError"})
"""`RecursionError` is what botocore makes of an S3 that says another region all the time."""
WITH_STATUS = frozenset(
    {"ClientResponseError", "HttpError", "HttpResponseError", "HTTPError", "ResourceExistsError"}
)
"""Types of errors, of all but S3, that have the status of an answer."""
BUSY = frozenset(
    {
        "SlowDown",
        "TooManyRequests",
        "Throttling",
        "ThrottlingException",
        "ConditionalRequestConflict",
    }
)
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses after which the same request may succeed."""

KEYS = {
    "s3": "set `AWS_PROFILE`, or `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`",
    "gs": "run `gcloud auth application-default login`, or set `GOOGLE_APPLICATION_CREDENTIALS`",
    "az": 'set `AZURE_STORAGE_CONNECTION_STRING`, or `account_name` in `[storage."{prefix}"]`',
    "http": 'put `headers = {{ Authorization = "{{env.TOKEN}}" }}` into `[storage."{prefix}"]`',
    "sftp": 'put `username` and `key_filename` into `[storage."{prefix}"]`',
}
PUBLIC = {
    "s3": '`anon = true` in `[storage."{prefix}"]`',
    "gs": '`token = "anon"` in `[storage."{prefix}"]`',
    "az": '`anon = true` in `[storage."{prefix}"]`',
}
FAMILIES = {
    "s3a": "s3",
    "gcs": "gs",
    "abfs": "az",
    "abfss": "az",
    "https": "http",
    "ssh": "sftp",
}


class StoreFailed(EnvironmentFailed, OSError):
    """A store cannot be used, or what came from it cannot be written: then `errno` says why."""


SECRET = re.compile(r"(?i)key|secret|token|passw|cred|sas|auth|header|connection_string|user")
UNKNOWN_OPTION = re.compile(r"unexpected keyword argument '(\w+)'")
ANY_URL = re.compile(r"\w+://[^\s'\"`<>]+")


def failure(
    url: str,
    error: BaseException,
    options: Mapping[str, Any] = NOTHING,
    known: Iterable[str] = (),
) -> DatamakeError:
    """What to raise for an error of the store that a URL leads to, opened with some options.

    `known` are those that there are.
    """
    if isinstance(error, DatamakeError):
        return error
    wrong = _misused(error, known)
    headline, facts, hint = wrong or _explained(url, error)
    facts = tuple(_plain(each, options) for each in facts)
    return (UsageError if wrong else StoreFailed)(f"`{shown(url)}`: {headline}", facts, hint)


def unwritten(path: str, url: str, error: OSError) -> DatamakeError:
    """What to raise where the file that is being downloaded to cannot be written."""
    if error.errno in FULL:
        failed = StoreFailed(
            f"`{shown(url)}`: the disk is full",
            [f"it was being downloaded to `{path}`, which is removed again"],
            "make room; `datamake cache gc` takes what was not used for long",
        )
    else:
        failed = StoreFailed(
            f"`{shown(url)}`: cannot write what is downloaded", [f"`{path}`: {error.strerror}"]
        )
    failed.errno = error.errno
    return failed


def transient(error: BaseException) -> bool:
    """Whether the same request may succeed a moment later."""
    status, code = status_of(error), code_of(error)
    if status:
        return status in AGAIN or code in BUSY
    names = _names(error)
    return not names.isdisjoint(SLOW | CUT) and names.isdisjoint(NAMELESS | REFUSED | UNTRUSTED)


def cut_off(error: BaseException) -> bool:
    """Whether a connection has ended before its time."""
    return not status_of(error) and not _names(error).isdisjoint(CUT)


def status_of(error: BaseException) -> int:
    """The HTTP status that an error comes from, 0 if there is none."""
    for each in _chain(error):
        found = getattr(each, "response", None)
        if isinstance(found, dict):
            return int(found.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if type(each).__name__ in WITH_STATUS:
            for name in ("status", "status_code", "code"):
                number = getattr(each, name, None)
                if str(number).isdigit():
                    return int(str(number))
    return 0


def retry_after(error: BaseException) -> float:
    """How many seconds a store asks to wait before the next request, at most 10; 0 if it doesn't."""
    for each in _chain(error):
        headers = getattr(each, "headers", None) or {}
        try:
            return min(10.0, float(headers["Retry-After"]))
        except (KeyError, ValueError, TypeError):
            continue
    return 0.0


def code_of(error: BaseException) -> str:
    """The word that a store has for an error, `ExpiredToken`; empty if there is none."""
    for each in _chain(error):
        found = getattr(each, "response", None)
        if isinstance(found, dict):
            return str(found.get("Error", {}).get("Code", ""))
        if isinstance(code := getattr(each, "error_code", None), str):
            return code
    return ""


def _explained(url: str, error: BaseException) -> Said:
    """Headline, facts and hint."""
    names, status, code = _names(error), status_of(error), code_of(error)
    for explained in (_credentials, _connection):
        found = explained(url, error, names)
        if found:
            return found
    if code == NO_BUCKET:
        return "there is no such bucket", (), "check its name, and `endpoint_url` in `[storage]`"
    if isinstance(error, FileNotFoundError) or status in (404, 410):
        return "it is not there", (), ""
    said = (f"the store says {code}",) if code and not code.isdigit() else ()
    if status in AGAIN or code in BUSY:
        return f"the store fails, with HTTP {status}", said, LATER
    if status:
        return f"the store refuses, with HTTP {status}", said, ""
    if isinstance(error, OSError) and error.errno == ENAMETOOLONG:
        return "the name is too long for its store", (), ""
    return "its store cannot be used", (f"{type(error).__name__}: {error}",), ""


def _misused(error: BaseException, known: Iterable[str]) -> Said | None:
    """What is wrong with the options that somebody wrote."""
    if isinstance(error, ValueError) and str(error).startswith("Invalid endpoint"):
        return (
            "its `endpoint_url` is no URL",
            (str(error),),
            "it begins with `https://` or `http://`",
        )
    found = UNKNOWN_OPTION.search(str(error)) if isinstance(error, TypeError) else None
    if found is None:
        return None
    hint = did_you_mean(found[1], known) or "see `[storage]`"
    return f"its store has no option `{found[1]}`", (), hint


def _credentials(url: str, error: BaseException, names: frozenset[str]) -> Said | None:
    """What is wrong with who asks."""
    status, code, family = status_of(error), code_of(error), _family(url)
    keys = _filled(KEYS.get(family, 'give them in `[storage."{prefix}"]`'), url)
    public = _filled(PUBLIC.get(family, ""), url)
    if code in EXPIRED:
        return "the credentials have expired", (f"the store says {code}",), "log in again"
    if code == "RequestTimeTooSkewed":
        return "the clock of this machine is wrong", (), "set it; requests are signed with the time"
    if code == "InvalidObjectState":
        return "it is in an archive of its store", (), "restore it there first"
    if not names.isdisjoint(UNCREDENTIALED):
        facts = (str(error),) if "ProfileNotFound" in names else ()
        return (
            "there are no credentials",
            facts,
            f"{keys}; for public data {public}" if public else keys,
        )
    if code in REJECTED or status == 401 or not names.isdisjoint(DENIED):
        answer = code or (f"HTTP {status}" if status else type(error).__name__)
        return "the credentials are wrong", (f"the store says {answer}",), keys
    if status == 403 or (isinstance(error, PermissionError) and not error.filename):
        fact = "S3 says the same of what is not there, to who may not list it"
        return "access is denied", (fact,) if family == "s3" else (), f"ask its owner, or {keys}"
    return None


def _connection(url: str, error: BaseException, names: frozenset[str]) -> Said | None:
    """What is wrong on the way."""
    region = " and the region" if _family(url) == "s3" else ""
    where = "`endpoint_url` in `[storage]`" if _family(url) in ("s3", "gs") else "the URL"
    if not names.isdisjoint(REDIRECTED):
        return "the host leads elsewhere, again and again", (), f"check {where}{region}"
    if status_of(error):
        return None
    if not names.isdisjoint(UNTRUSTED):
        return "the certificate of the host is not trusted", (), f"check the clock and {where}"
    if not names.isdisjoint(NAMELESS):
        return "the name of the host is not known", (), f"check the network and {where}"
    if not names.isdisjoint(REFUSED):
        return "the host refuses connections", (), f"check that it runs, and {where}"
    if not names.isdisjoint(SLOW):
        return "the host does not answer in time", (), f"check the network and {where}"
    if not names.isdisjoint(CUT):
        facts = (str(error),) if type(error).__name__ == "Cut" else ()
        return "the connection is cut, again and again", facts, LATER
    if not names.isdisjoint(UNREACHED):
        return "the host cannot be reached", (), f"check the network and {where}"
    return None


def _family(url: str) -> str:
    scheme = url.rpartition("::")[2].partition("://")[0]
    return FAMILIES.get(scheme, scheme)


def _filled(text: str, url: str) -> str:
    scheme, _, place = shown(url.rpartition("::")[2]).partition("://")
    return text.format(prefix=f"{scheme}://{place.partition('/')[0]}/")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it came from, the outermost first."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        inner = [getattr(each, name, None) for name in ("error", "os_error", "inner_exception")]
        waiting += [one for one in inner if isinstance(one, BaseException)]
        named = getattr(each, "kwargs", None)
        if isinstance(named, dict) and isinstance(named.get("error"), BaseException):
            waiting.append(named["error"])
        waiting.append(each.__cause__ or each.__context__)


def _names(error: BaseException) -> frozenset[str]:
    """The names of the types of an error, of what it came from, and of all they inherit."""
    return frozenset(kind.__name__ for each in _chain(error) for kind in type(each).__mro__)


def _plain(text: str, options: Mapping[str, Any]) -> str:
    """A text of a library, without what must not be seen."""
    text = ANY_URL.sub(lambda match: shown(match[0]), " ".join(text.split()))
    for secret in sorted(_secrets(options), key=len, reverse=True):
        text = text.replace(secret, "…")
    return text if len(text) <= 300 else text[:299] + "…"


def _secrets(options: Any, name: str = "") -> Iterator[str]:
    """The texts among options that are to stay secret."""
    if isinstance(options, dict):
        for key, each in options.items():
            secret = SECRET.search(str(key)) is not None and key != "endpoint_url"
            yield from _secrets(each, str(key) if secret else name)
    elif isinstance(options, list):
        for each in options:
            yield from _secrets(each, name)
    elif name and isinstance(options, str) and len(options) > 3:
        yield options
