"""A text file → its bytes, without the compression that its ending names, as UTF-8.

Knows nothing of what they say.
"""

from __future__ import annotations

import codecs

import pyarrow as pa

from datamake.formats import compression_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def opened(path: str, encoding: str) -> pa.NativeFile:
    """The file from its beginning. Raises LookupError for an encoding that there is not."""
    stream = pa.input_stream(path, compression=compression_of(path))
    if codecs.lookup(encoding).name == "utf-8":
        return stream
    return pa.transcoding_input_stream(stream, encoding, "utf-8")


def ended(stream: Callable[[], pa.NativeFile], size: int) -> pa.NativeFile:
    """All of it; one line of fewer than `size` bytes that has no end gets one.

    Arrow takes it for none in CSV. `stream` opens it, from its beginning.
    """
    for some in (1 << 12, size):
        start = stream().read(some)
        if b"\n" in start or b"\r" in start:
            return stream()
    alone = start and len(start) < size
    return pa.BufferReader(start + b"\n") if alone else stream()


def is_utf8(stream: Callable[[], pa.NativeFile], size: int, *, whole: bool = False) -> bool:
    """Whether the first `size` bytes are, or all; the last character may be cut off.

    What cannot be read counts as if it were: whoever reads on says what is wrong.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for piece in pieces(stream(), size):
            decoder.decode(piece)
            if not whole:
                break
    except UnicodeDecodeError:
        return False
    except (OSError, ValueError, LookupError):
        return True
    return True


def pieces(stream: pa.NativeFile, size: int) -> Iterator[bytes]:
    """What is in a stream, about `size` bytes at a time."""
    while data := stream.read(size):
        yield data
