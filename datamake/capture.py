"""Writes what a command puts out to its log: secrets masked, the middle of very long ones cut out.

Knows nothing of commands, nor of datamake: it is a part of the keeper, and imports as little.
"""

from __future__ import annotations

import os
from errno import EIO

LOG_LIMIT, LOG_HEAD, LOG_TAIL = 50_000_000, 20_000_000, 15_000_000
"""A log that reaches its limit keeps so many bytes from its start and from its end."""
CUT = b"\n[datamake: %15d bytes were cut out here]\n"
MASK = b"***"
PIECE = 1 << 16


def write(fd: int, data: bytes) -> None:
    """Write all of `data`."""
    while data:
        data = data[os.write(fd, data) :]


class Masking:
    """Replaces secrets in a stream of bytes, also such as come in two pieces."""

    def __init__(self, secrets: tuple[bytes, ...]) -> None:
        self.secrets = sorted(secrets, key=len, reverse=True)
        self.held = b""

    def masked(self, data: bytes) -> bytes:
        """What can be said of all so far; the rest, perhaps a secret's start, is held back."""
        data = self.held + data
        out, position = [], 0
        open_end = self.open_end(data)
        hits = {secret: data.find(secret) for secret in self.secrets}
        while True:
            for secret, hit in hits.items():
                if 0 <= hit < position:
                    hits[secret] = data.find(secret, position)
            found = [(hit, -len(secret)) for secret, hit in hits.items() if hit >= 0]
            start, size = min(found, default=(len(data), 0))
            if start >= open_end:
                break
            out += [data[position:start], MASK]
            position = start - size
        open_end = max(open_end, position)
        self.held = data[open_end:]
        return b"".join(out) + data[position:open_end]

    def open_end(self, data: bytes) -> int:
        """Where the longest end of `data` begins that a secret could begin with."""
        end = len(data)
        for secret in self.secrets:
            start = data.find(secret[:1], max(0, len(data) - len(secret) + 1))
            while 0 <= start < end:
                if secret.startswith(data[start:]):
                    end = start
                start = data.find(secret[:1], start + 1)
        return end

    def rest(self) -> bytes:
        """What was held back, once no more comes."""
        secrets, self.secrets = self.secrets, []
        for secret in secrets:
            self.held = self.held.replace(secret, MASK)
        return self.held


class Log:
    """A file that takes the output of a command, masked, its middle cut out if it grows too long."""

    def __init__(self, path: str, secrets: tuple[bytes, ...]) -> None:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self.file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        self.masking = Masking(secrets) if secrets else None
        self.size = self.cut = 0
        self.error = 0

    def take(self, source: int) -> bool:
        """Take what a pipe holds now, at most PIECE bytes; False if there is nothing."""
        try:
            data = os.read(source, PIECE)
        except BlockingIOError:
            return False
        self.add(self.masking.masked(data) if self.masking else data)
        return bool(data)

    def add(self, data: bytes) -> None:
        """Append; a disk that is full makes the rest get lost, and is remembered."""
        if self.error or not data:
            return
        try:
            if self.size + len(data) > LOG_LIMIT:
                self.shorten()
            write(self.file, data)
            self.size += len(data)
        except OSError as error:
            self.error = error.errno or EIO

    def shorten(self) -> None:
        """Cut out all between the head and the tail, and say so there."""
        tail = LOG_HEAD + len(CUT % 0)
        start = self.size - LOG_TAIL
        self.cut += start - (tail if self.cut else LOG_HEAD)
        os.lseek(self.file, LOG_HEAD, os.SEEK_SET)
        write(self.file, CUT % self.cut)
        while start < self.size:
            piece = os.pread(self.file, 1 << 20, start)
            write(self.file, piece)
            start += len(piece)
        self.size = tail + LOG_TAIL
        os.ftruncate(self.file, self.size)

    def close(self) -> None:
        """Write what was held back."""
        if self.masking:
            self.add(self.masking.rest())
        os.close(self.file)
