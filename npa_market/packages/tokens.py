"""Per-package tokens: one loan has another token in each package, so packages do not join up."""

import hashlib
import hmac
from collections.abc import Iterable
from uuid import UUID

_BLOCK = 64  # bytes that SHA-256 takes at once
TOKEN_BYTES = 16  # 128 bits: no repeats among any number of loans a package can hold
TOKEN_CHARACTERS = 2 * TOKEN_BYTES


def package_key(master_key_hex: str, package_id: UUID) -> bytes:
    """The package's own token key, derived from the venue's."""
    return hmac.digest(bytes.fromhex(master_key_hex), b"package:" + package_id.bytes, "sha256")


def tokens(key: bytes, purpose: str, identities: Iterable[bytes]) -> list[str]:
    """HMAC-SHA256 of each identity in lower-case hex, cut to `TOKEN_CHARACTERS`.

    `purpose` ("loan", "borrower") keeps the two kinds apart.
    """
    return [digest[:TOKEN_BYTES].hex() for digest in digests(key, purpose, identities)]


def digests(key: bytes, purpose: str, identities: Iterable[bytes]) -> list[bytes]:
    """The same whole and before hex: the first half is the token, the second as good as random to
    who knows the first. The key's two blocks are hashed once (RFC 2104), which a call of `hmac`
    does for each identity: a third of its time on a million of them."""
    block = key.ljust(_BLOCK, b"\x00") if len(key) <= _BLOCK else _shortened(key)
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
    inner.update(purpose.encode() + b":")
    outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))
    begin, finish = inner.copy, outer.copy

    def digest(identity: bytes) -> bytes:
        within, around = begin(), finish()
        within.update(identity)
        around.update(within.digest())
        return around.digest()

    return [digest(identity) for identity in identities]


def _shortened(key: bytes) -> bytes:
    return hashlib.sha256(key).digest().ljust(_BLOCK, b"\x00")
