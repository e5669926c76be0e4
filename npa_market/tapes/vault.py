"""Personal values at rest: sealed with AES-256-GCM, found again by a blind index.

A sealed value is `<key id>:<base64url of nonce, ciphertext and tag>`. The place of the value
(model, field, key of the row) is authenticated with it, so a value copied into another row or
column does not open.
"""

import base64
import hmac
import os
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

_NONCE_BYTES = 12
# sealed values of a borrower -> label of their place
BORROWER_PLACES = {
    name: f"tapes.Borrower/{name}_sealed" for name in ("name", "id_number", "mobile")
}


class VaultError(Exception):
    """A sealed value does not open: unknown key, wrong place, or changed. Names no value."""


class KeyGone(VaultError):
    """The key of a sealed value is not here: of another venue, or erased."""


@dataclass(frozen=True)
class Place:
    """Where a value lives; `label` is `app.Model/field`."""

    label: str
    pk: UUID

    def __bytes__(self) -> bytes:
        return f"{self.label}/{self.pk}".encode()


@dataclass(frozen=True)
class Vault:
    """Keys by id, 32 bytes each; new values are sealed with `current`, old ones stay readable."""

    keys: Mapping[str, bytes] = field(repr=False)
    current: str
    # Key by id from elsewhere; None for a key that is not there any more.
    lookup: Callable[[str], bytes | None] = field(default=lambda key_id: None, repr=False)

    def __post_init__(self) -> None:
        if self.current not in self.keys:
            raise ValueError("the current key id has no key")
        if any(len(key) != 32 or ":" in key_id for key_id, key in self.keys.items()):
            raise ValueError("vault keys are 32 bytes, key ids have no colon")
        ciphers = {key_id: AESGCM(key) for key_id, key in self.keys.items()}
        object.__setattr__(self, "_ciphers", ciphers)

    def seal(self, value: str, place: Place) -> str:
        """Encrypt a text for its place; the empty text stays empty (nothing to protect)."""
        if not value:
            return ""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + self._cipher(self.current).encrypt(nonce, value.encode(), bytes(place))
        return f"{self.current}:{base64.urlsafe_b64encode(sealed).decode()}"

    def seal_column(self, values: Sequence[str], label: str, pks: Sequence[str]) -> list[str]:
        """`seal` of many values of one field. pks: keys of their rows, 32 hex characters each."""
        encrypt, prefix = self._cipher(self.current).encrypt, f"{self.current}:"
        nonces, start, sealed = os.urandom(_NONCE_BYTES * len(values)), 0, []
        for value, pk in zip(values, pks, strict=True):
            if not value:
                sealed.append("")
                continue
            nonce = nonces[start : start + _NONCE_BYTES]
            start += _NONCE_BYTES
            place = f"{label}/{pk[:8]}-{pk[8:12]}-{pk[12:16]}-{pk[16:20]}-{pk[20:]}".encode()
            body = nonce + encrypt(nonce, value.encode(), place)
            sealed.append(prefix + base64.urlsafe_b64encode(body).decode())
        return sealed

    def open(self, sealed: str, place: Place) -> str:
        """Decrypt. Raises VaultError where the key is unknown, or place or bytes differ."""
        if not sealed:
            return ""
        key_id, _, body = sealed.partition(":")
        try:
            content = base64.urlsafe_b64decode(body.encode())
            opened = self._cipher(key_id).decrypt(
                content[:_NONCE_BYTES], content[_NONCE_BYTES:], bytes(place)
            )
        except (InvalidTag, ValueError) as error:
            raise VaultError(f"a sealed value of {place.label} does not open") from error
        return opened.decode()

    def _cipher(self, key_id: str) -> AESGCM:
        ciphers: dict[str, AESGCM] = self._ciphers  # type: ignore[attr-defined]
        if key_id not in ciphers:
            key = self.lookup(key_id)
            if key is None:
                raise KeyGone("sealed with a key that is not here")
            ciphers[key_id] = AESGCM(key)
        return ciphers[key_id]


def normalised(value: str) -> str:
    """One spelling of an identifier: full-width forms folded, no blanks, capitals."""
    return "".join(unicodedata.normalize("NFKC", value).split()).upper()


def blind_index(value: str, *, scope: str, key: bytes) -> str:
    """HMAC-SHA256 in hex of an identifier within a scope: equal values meet, nothing is read.

    Scopes keep kinds of identifiers apart: an ID number is one person everywhere, a seller's
    customer number means something with that seller alone.
    """
    message = f"{scope}\0{normalised(value)}".encode()
    return hmac.digest(key, message, "sha256").hex()


def blind_indexes(values: Sequence[str], *, scope: str, key: bytes) -> list[str]:
    """`blind_index` of many identifiers; one that repeats is computed once."""
    digest, prefix, known = hmac.digest, f"{scope}\0".encode(), dict[str, str]()
    for value in values:
        if value not in known:
            plain = value if value.isascii() and value.isalnum() else normalised(value)
            known[value] = digest(key, prefix + plain.upper().encode(), "sha256").hex()
    return [known[value] for value in values]


@cache
def _vault(key_id: str, key: str) -> Vault:
    return Vault({key_id: bytes.fromhex(key)}, key_id)


def current_vault() -> Vault:
    """The vault of the settings (NPA_VAULT_KEY, NPA_VAULT_KEY_ID)."""
    return _vault(settings.VAULT_KEY_ID, settings.VAULT_KEY)


def index_key() -> bytes:
    """The blind index's own key (NPA_BLIND_INDEX_KEY)."""
    return bytes.fromhex(settings.BLIND_INDEX_KEY)
