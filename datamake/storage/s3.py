"""Requests to S3, each by itself, through the client that s3fs has opened.

s3fs's own ways to list, read and write ask for more than is needed, keep whole parts in memory, or
cannot go on where a body was cut off. An object is a path, `bucket/key`.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from datamake.storage.failures import code_of, status_of
from datamake.storage.trying import BLOCK, BUDGET, Changed, patiently

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from datamake.storage.opening import Store

    Progress = Callable[[int, int | None], None]

CHUNK = 1 << 18
"""Bytes of a body that are taken at once: what has come is written while it is in the processor."""
PARTS = 4
"""Parts of an upload that are under way at once."""
MOST_PARTS = 9_000


def info(store: Store, path: str) -> Mapping[str, Any]:
    """What is said of an object, as fsspec would; one request. Raises FileNotFoundError."""
    place = _place(store, path)
    try:
        answer = patiently(lambda: _call(store, "head_object", **place))
        return {**answer, "size": answer["ContentLength"], "type": "file"}
    except OSError as error:
        if status_of(error) not in (400, 403):
            raise
    # that answer had no body; were this one refused too, it would say why
    answer = patiently(lambda: _call(store, "get_object", Range="bytes=0-0", **place))
    answer["Body"].close()
    size = answer.get("ContentRange", "").rpartition("/")[2] or answer["ContentLength"]
    return {**answer, "size": int(size), "type": "file"}


def pages(
    store: Store, folder: str, stem: str = "", *, deep: bool = True, after: str = ""
) -> Iterator[tuple[list[tuple[str, Mapping[str, Any]]], bool]]:
    """Path and information of each object below a folder, in the order of their names.

    A request for each page; with each, whether more follow. Only what `stem` begins, and `after`
    comes before, both without the folder; not `deep`, only what is in the folder itself.
    """
    bucket, key, _ = store.system.split_path(folder.rstrip("/") + "/")
    prefix = key.lstrip("/")
    asked: dict[str, Any] = {"Bucket": bucket, "Prefix": prefix + stem}
    if not deep:
        asked["Delimiter"] = "/"
    if after:
        asked["StartAfter"] = prefix + after
    while True:
        answer = patiently(lambda: _call(store, "list_objects_v2", **asked))
        found: list[tuple[str, Mapping[str, Any]]] = [
            (f"{bucket}/{each['Key']}", {**each, "size": each["Size"], "type": "file"})
            for each in answer.get("Contents", ())
            if not each["Key"].endswith("/")
        ]
        more = bool(answer.get("IsTruncated"))
        yield found, more
        if not more:
            return
        asked.pop("StartAfter", None)
        asked["ContinuationToken"] = answer["NextContinuationToken"]


def read(
    store: Store,
    path: str,
    start: int,
    end: int | None,
    token: str,
    take: Callable[[bytes], None],
) -> None:
    """Give the bytes of an object from `start` to `end` to `take`, as they come.

    One request, which is not repeated; nothing comes where the object has none there. `take` is
    called in the thread in which all bodies come: it must not wait. Raises Changed where its tag
    is not that of the token, and what `take` raises.
    """
    from fsspec.asyn import sync

    asked = _place(store, path)
    if start or end is not None:
        asked["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
    if token:
        asked["IfMatch"] = '"' + token.partition(":")[2].rpartition(":")[0] + '"'
    try:
        answer = _call(store, "get_object", **asked)
    except OSError as error:
        if status_of(error) == 412:
            raise Changed from None
        if status_of(error) == 416:
            return
        raise
    body = answer["Body"]

    async def stream() -> None:
        while data := await body.read(CHUNK):
            take(data)

    try:
        sync(store.system.loop, stream)
    finally:
        body.close()


def whole(store: Store, path: str, start: int, end: int | None) -> bytes:
    """The bytes of an object from `start` to `end`."""
    parts: list[bytes] = []
    read(store, path, start, end, "", parts.append)
    return b"".join(parts)


def put(store: Store, path: str, data: bytes, *, replace: bool) -> bool:
    """Put bytes at a path; whether they are there then: without `replace`, what is there stays."""
    place = _place(store, path)
    condition = {} if replace else {"IfNoneMatch": "*"}
    try:
        patiently(lambda: _call(store, "put_object", Body=data, **place, **condition))
    except FileExistsError:  # perhaps these, by a request whose answer was lost
        return patiently(lambda: whole(store, path, 0, None)) == data
    except OSError as error:
        if replace or status_of(error) != 501:
            raise
        return _put_if_absent(store, path, data)
    return True


def upload(store: Store, path: str, source: str, progress: Progress) -> str:
    """Put the content of a local file at a path: in parts, where it is large.

    The tag that it has there, `""` where the store does not say.
    """
    size = os.stat(source).st_size
    progress(0, size)
    if size > 2 * BLOCK:
        return _upload_parts(store, path, source, progress)
    with open(source, "rb") as file:
        place = _place(store, path)

        def call() -> Mapping[str, Any]:
            file.seek(0)
            answer: Mapping[str, Any] = _call(store, "put_object", Body=file.read(), **place)
            return answer

        answer = BUDGET.within(size, lambda: patiently(call))
    progress(size, size)
    return str(answer.get("ETag", ""))


def _upload_parts(store: Store, path: str, source: str, progress: Progress) -> str:
    size = os.stat(source).st_size
    length = max(BLOCK, -(-size // MOST_PARTS))
    place = _place(store, path)
    done = 0
    begun = patiently(lambda: _call(store, "create_multipart_upload", **place))
    named = {**place, "UploadId": begun["UploadId"]}
    file = os.open(source, os.O_RDONLY)

    def send(start: int) -> dict[str, Any]:
        nonlocal done
        data = os.pread(file, length, start)
        number = start // length + 1
        answer = patiently(
            lambda: _call(store, "upload_part", Body=data, PartNumber=number, **named)
        )
        done += len(data)
        progress(min(done, size), size)
        return {"PartNumber": number, "ETag": answer["ETag"]}

    try:
        with ThreadPoolExecutor(PARTS) as pool:
            try:
                parts = list(
                    pool.map(
                        lambda start: BUDGET.within(length, lambda: send(start)),
                        range(0, size, length),
                    )
                )
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        return _complete(store, path, size, {**named, "MultipartUpload": {"Parts": parts}})
    except BaseException:
        _give_up(store, named)
        raise
    finally:
        os.close(file)


def _complete(store: Store, path: str, size: int, named: Mapping[str, Any]) -> str:
    try:
        answer = patiently(lambda: _call(store, "complete_multipart_upload", **named))
    except OSError as error:
        # it may be the second request for what the first has done, and could not say
        if code_of(error) != "NoSuchUpload" or info(store, path)["size"] != size:
            raise
        return ""
    return str(answer.get("ETag", ""))


def _give_up(store: Store, named: Mapping[str, Any]) -> None:
    """Have the parts of an upload removed that will not be completed, if the store answers."""
    from contextlib import suppress

    with suppress(Exception):  # what it is given up for is what counts
        _call(store, "abort_multipart_upload", **named)


def _put_if_absent(store: Store, path: str, data: bytes) -> bool:
    """What a server is asked for that knows no conditions; another machine may come between."""
    try:
        info(store, path)
    except FileNotFoundError:
        return put(store, path, data, replace=True)
    return False


def _place(store: Store, path: str) -> dict[str, Any]:
    bucket, key, _ = store.system.split_path(path)
    return {"Bucket": bucket, "Key": key}


def _call(store: Store, operation: str, **named: Any) -> Any:
    return store.system.call_s3(operation, **named)
