"""What the venue signs: canonical JSON under one Ed25519 key that anybody can check.

The key comes from the environment (NPA_SIGNING_KEY) and never touches the database.
"""

from functools import cache
from typing import Any

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings


@cache
def _key(seed: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))


def venue_public_key() -> str:
    """The public half in hex: printed on what the venue signs."""
    return _key(settings.SIGNING_KEY).public_key().public_bytes_raw().hex()


def signed(document: dict[str, Any]) -> dict[str, Any]:
    """{document, signature, public_key}: the signature is over the document's canonical JSON."""
    signature = _key(settings.SIGNING_KEY).sign(rfc8785.dumps(document))
    return {
        "document": document,
        "signature": signature.hex(),
        "public_key": venue_public_key(),
    }


def is_signed(note: dict[str, Any], public_key: str) -> bool:
    """Whether a signed note is intact and signed by this key."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(
            bytes.fromhex(note["signature"]), rfc8785.dumps(note["document"])
        )
    except (InvalidSignature, KeyError, TypeError, ValueError):
        return False
    return True
