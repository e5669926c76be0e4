"""The key of a lot with sealed bids: made once, split 2 of 3 (SLIP-39), kept whole by nobody.

Any two of the seller, the venue's compliance officer and the notary open the lot; one alone learns
nothing (S1).
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from shamir_mnemonic import MnemonicError, combine_mnemonics, generate_mnemonics
from shamir_mnemonic.share import Share

from npa_market.auctions.offline import seal

THRESHOLD = 2


class Holder(StrEnum):
    """Who keeps a share."""

    SELLER = "seller"
    COMPLIANCE = "compliance"
    NOTARY = "notary"


class BadShare(ValueError):
    """A share that cannot be used; the message says why and never quotes a word of it."""


@dataclass(frozen=True)
class LotKey:
    """A fresh key: the public half in hex for the lot, a share per holder as SLIP-39 words.

    `set_id` names the split; it stands in every share, is no secret and tells shares of another
    lot from shares that were mistyped.
    """

    public_key: str
    set_id: int
    shares: dict[Holder, str]


def make_lot_key() -> LotKey:
    """A new X25519 key, split; the private half exists in this call alone."""
    private = secrets.token_bytes(seal.KEY_BYTES)
    ((first, second, third),) = generate_mnemonics(1, [(THRESHOLD, len(Holder))], private)
    shares = dict(zip(Holder, (first, second, third), strict=True))
    return LotKey(
        public_key=seal.public_key_of(private).hex(),
        set_id=Share.from_mnemonic(first).identifier,
        shares=shares,
    )


def checked_share(words: str, set_id: int) -> str:
    """A share in its plain form. Raises BadShare for a mistyped one or one of another lot."""
    plain = " ".join(words.split()).casefold()
    try:
        share = Share.from_mnemonic(plain)
    except MnemonicError as reason:
        raise BadShare(
            "These words are no share: compare each with the sheet, in order; the last words check "
            "the ones before."
        ) from reason
    if share.identifier != set_id:
        raise BadShare("This share belongs to the key of another lot.")
    return plain


def joined(shares: Sequence[str], public_key: str) -> bytes:
    """The private key from two shares of different holders. Raises BadShare."""
    try:
        private = combine_mnemonics(shares)
    except MnemonicError as reason:
        raise BadShare("Two shares of different holders are needed to open the lot.") from reason
    if seal.public_key_of(private).hex() != public_key:
        raise BadShare("The two shares do not make the key of this lot.")
    return bytes(private)
