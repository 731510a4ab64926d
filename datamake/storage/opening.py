"""The store that a URL leads to, as a file system of fsspec that threads may share.

Knows nothing of what is kept there. No file system here remembers a listing, and none is shared
with other users of fsspec in this process.
"""

from __future__ import annotations

import threading
from copy import deepcopy

from datamake.datafile.layers import merged
from datamake.errors import DatamakeError, EnvironmentFailed, UsageError
from datamake.storage.failures import failure
from datamake.storage.trying import TRIES
from datamake.urls import ARCHIVES, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

EXTRAS = {
    "s3": "s3",
    "s3a": "s3",
    "gs": "gcs",
    "gcs": "gcs",
    "az": "azure",
    "abfs": "azure",
    "abfss": "azure",
    "http": "http",
    "https": "http",
    "sftp": "sftp",
    "ssh": "sftp",
}
"""Scheme → the extra of datamake that installs its package."""

LACKING = frozenset(
    {
        *ARCHIVES,
        *("simplecache", "filecache", "blockcache", "cached", "reference", "generic", "data"),
        *("dir", "git", "libarchive", "asynclocal", "async_wrapper", "asyncwrapper", "pyscript"),
        *("dask", "dvc", "jupyter", "jlab", "lakefs"),
    }
)
"""What fsspec has and is no store of objects, keeps copies of its own, or lets a URL lead anywhere."""

KNOWN = "there are `s3://`, `gs://`, `az://`, `https://`, `sftp://` and more: see docs/storage.md"
SECONDS = 15
"""How long to wait for an answer."""
CONNECTIONS = 64
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "s3": {
        "config_kwargs": {
            "connect_timeout": 5,
            "read_timeout": SECONDS,
            "max_pool_connections": CONNECTIONS,
            "retries": {"max_attempts": 0},  # they are made here
        }
    },
    "az": {"connection_timeout": 5, "read_timeout": SECONDS},
    "sftp": {"timeout": SECONDS, "banner_timeout": SECONDS, "auth_timeout": SECONDS},
    "ftp": {"timeout": SECONDS},
}
"""Options that hold where nobody says otherwise: no build waits for minutes."""
SAME = {"s3a": "s3", "abfs": "az", "abfss": "az", "ssh": "sftp", "gcs": "gs", "https": "http"}


class Store:
    """An opened file system.

    `guard` is held while one without threads of its own is used, for two threads would disturb each
    other on its connection.
    """

    def __init__(self, scheme: str, system: Any, options: Mapping[str, Any]) -> None:
        self.scheme = SAME.get(scheme, scheme)
        self.system = system
        self.options = options
        self.guard = threading.RLock()
        self.threaded = bool(system.async_impl)

    @property
    def tries(self) -> int:
        """How often a request to it is made: once where its package tries again by itself."""
        return 1 if self.scheme in ("gs", "az") else TRIES

    @property
    def tells_changes(self) -> bool:
        """Whether reading a version that is no longer there fails."""
        return self.scheme in ("s3", "http")

    def path(self, url: str) -> str:
        """What the file system calls a URL."""
        return str(self.system._strip_protocol(url))  # noqa: SLF001 - what fsspec itself calls it

    def call(self, method: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """What a method of the file system gives, which only one thread is in where need be."""
        if self.threaded:
            return method(*arguments, **named)
        with self.guard:
            return method(*arguments, **named)

    def failure(self, url: str, error: BaseException) -> DatamakeError:
        """What to raise for an error of this store."""
        return failure(url, error, self.options, _options_of(type(self.system)))


class Stores:
    """The stores that were opened, each once. `options` gives those of a URL."""

    def __init__(self, options: Callable[[str], Mapping[str, Any]]) -> None:
        self._options = options
        self._opened: dict[str, Store] = {}
        self._lock = threading.Lock()

    def at(self, url: str) -> tuple[Store, str]:
        """The store of a URL that is in no archive, and what it calls it.

        Raises UsageError, EnvironmentFailed where it cannot be opened.
        """
        scheme = url.partition("://")[0]
        options = self._options(url)
        name = f"{scheme} {_authority(url, scheme)} {options!r}"
        with self._lock:
            store = self._opened.get(name)
            if store is None:
                system, _ = filesystem(url, options)
                store = self._opened[name] = Store(scheme, system, options)
        return store, store.path(url)


def filesystem(url: str, options: Mapping[str, Any]) -> tuple[Any, str]:
    """A new file system of fsspec for a URL, and what it calls the URL.

    Raises UsageError for a scheme or options that there are not; EnvironmentFailed: package missing,
    a host that has to be connected to and cannot.
    """
    scheme = url.partition("://")[0]
    kind = _kind(url, scheme)
    try:
        from_url = kind._get_kwargs_from_urls(url)  # noqa: SLF001 - as fsspec.url_to_fs does
        default = DEFAULTS.get(SAME.get(scheme, scheme), {})
        system = kind(
            skip_instance_cache=True, **{**deepcopy(merged(default, options)), **from_url}
        )
        system.dircache.use_listings_cache = False
        if scheme in ("s3", "s3a"):
            system.retries = 1
        return system, str(kind._strip_protocol(url))  # noqa: SLF001 - as fsspec.url_to_fs does
    except Exception as error:  # noqa: BLE001 - whatever a library raises
        raise failure(url, error, options, _options_of(kind)) from None


def _options_of(kind: Any) -> tuple[str, ...]:
    """The names of what a class of file systems takes."""
    from inspect import signature

    return tuple(signature(kind.__init__).parameters)


def _kind(url: str, scheme: str) -> Any:
    """The class of file systems that a scheme stands for."""
    if scheme in LACKING:
        raise UsageError(
            f"`{shown(url)}`: `{scheme}://` keeps no data of its own",
            hint="give the URL of the data itself",
        )
    from fsspec import available_protocols, get_filesystem_class

    if scheme not in available_protocols():
        from difflib import get_close_matches

        usable = sorted(set(available_protocols()) - LACKING)
        close = get_close_matches(scheme, usable, 1)
        raise UsageError(
            f"`{shown(url)}`: no package of fsspec knows `{scheme}://`",
            hint=f"did you mean `{close[0]}://`?" if close else KNOWN,
        )
    try:
        return get_filesystem_class(scheme)
    except ImportError as error:
        raise EnvironmentFailed(
            f"`{shown(url)}`: the package for `{scheme}://` is not installed",
            () if scheme in EXTRAS else [" ".join(str(error).split())],
            f"pip install 'datamake[{EXTRAS[scheme]}]'" if scheme in EXTRAS else "",
        ) from None


def _authority(url: str, scheme: str) -> str:
    """What of a URL a file system is opened for, besides the options: the user and host."""
    if scheme in ("s3", "s3a", "gs", "gcs", "http", "https", "memory", "file", "local"):
        return ""
    return url.partition("://")[2].partition("/")[0]
