"""The vault with the keys of the tapes: made at the first import, looked up when opening."""

import secrets
from uuid import UUID

from npa_market.common.clock import database_now
from npa_market.common.errors import Refused
from npa_market.common.fields import uuid7
from npa_market.tapes.models import Tape
from npa_market.tapes.personal_models import DataKey
from npa_market.tapes.vault import Place, Vault, current_vault

_LABEL = "tapes.DataKey/wrapped"
PREFIX = "t"  # key ids of tapes; those of the settings name venue keys


def tape_vault(tape: Tape) -> Vault:
    """Seals under the tape's own key, which is made at its first use.

    Raises Refused where the key was erased: nothing may be sealed with it again.
    """
    key = DataKey.objects.filter(tape=tape).first()
    if key is None:
        pk, plain = uuid7(), secrets.token_bytes(32)
        wrapped = current_vault().seal(plain.hex(), Place(_LABEL, pk))
        key = DataKey.objects.create(pk=pk, tape=tape, wrapped=wrapped, created_at=database_now())
    key_id = f"{PREFIX}{key.pk.hex}"
    plain_key = key_of(key_id)
    if plain_key is None:
        raise Refused(
            "tape_erased", "The identities of this tape were erased; upload a new file instead."
        )
    return Vault({key_id: plain_key}, key_id)


def key_of(key_id: str) -> bytes | None:
    """A tape's key by the id in front of a sealed value; None for an unknown or erased one."""
    try:
        pk = UUID(key_id.removeprefix(PREFIX))
    except ValueError:
        return None
    key = DataKey.objects.filter(pk=pk).exclude(wrapped="").first()
    if key is None:
        return None
    return bytes.fromhex(current_vault().open(key.wrapped, Place(_LABEL, key.pk)))


def opening_vault() -> Vault:
    """Opens values of every tape whose key is there, for one request: an erased key is gone at
    the next."""
    venue = current_vault()
    return Vault(venue.keys, venue.current, key_of)
