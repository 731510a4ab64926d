"""Signatures over what a shared cache says, and hashes of its blobs that nobody can forge.

Knows nothing of what is signed. XXH3 finds what broke by itself; it is no defence against somebody
who wants two contents with one hash.
"""

from __future__ import annotations

from hashlib import blake2b
from hmac import compare_digest

from datamake.content import PIECE

SIZE = 32
"""Bytes of a hash; half of what BLAKE2b can give is plenty."""


class Signer:
    """Signs with a secret. Without one (`""`) all signatures are empty, and any will do."""

    def __init__(self, secret: str) -> None:
        text = secret.encode("utf-8", "surrogateescape")
        self._key = blake2b(text, person=b"datamake cache").digest() if secret else b""

    def signature(self, *texts: str) -> str:
        """The signature of some texts in this order, as 64 hex digits."""
        if not self._key:
            return ""
        state = blake2b(key=self._key, digest_size=SIZE)
        for text in texts:
            data = text.encode("utf-8", "surrogatepass")
            state.update(b"%d:" % len(data) + data)
        return state.hexdigest()

    def accepts(self, signature: str, *texts: str) -> bool:
        """Whether this is their signature."""
        if not self._key:
            return True
        return signature.isascii() and compare_digest(signature, self.signature(*texts))

    def strong(self, path: str) -> str:
        """BLAKE2b of a file's content, 64 hex digits; `""` without a secret. Raises OSError."""
        if not self._key:
            return ""
        state = blake2b(digest_size=SIZE)
        with open(path, "rb", buffering=0) as file:
            while piece := file.read(PIECE):
                state.update(piece)
        return state.hexdigest()
