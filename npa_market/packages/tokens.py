"""Per-package tokens: one loan has another token in each package, so packages do not join up."""

import hmac
from collections.abc import Iterable
from uuid import UUID

TOKEN_CHARACTERS = 32  # 128 bits: no repeats among any number of loans a package can hold


def package_key(master_key_hex: str, package_id: UUID) -> bytes:
    """The package's own token key, derived from the venue's."""
    return hmac.digest(bytes.fromhex(master_key_hex), b"package:" + package_id.bytes, "sha256")


def tokens(key: bytes, purpose: str, identities: Iterable[bytes]) -> list[str]:
    """HMAC-SHA256 of each identity in lower-case hex, cut to `TOKEN_CHARACTERS`.

    `purpose` ("loan", "borrower") keeps the two kinds apart.
    """
    prefix = purpose.encode() + b":"
    digest = hmac.digest
    return [
        digest(key, prefix + identity, "sha256").hex()[:TOKEN_CHARACTERS] for identity in identities
    ]
