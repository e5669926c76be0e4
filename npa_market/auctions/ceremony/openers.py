"""What opens the envelopes of one lot: two holders' shares, or the bidders' own keys."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from django.db.models import Q

from npa_market.auctions.ceremony.documents import labels_of, sheet_of
from npa_market.auctions.ceremony.models import KeyShare, LotKeyRecord, Reveal
from npa_market.auctions.lot_keys import THRESHOLD, BadShare, joined
from npa_market.auctions.models import (
    ENDED,
    EventKind,
    Lot,
    LotEvent,
    LotReceipt,
    LotState,
)
from npa_market.auctions.offline import seal
from npa_market.auctions.rows import state_of
from npa_market.auctions.sealed import Sealed
from npa_market.common.errors import InvalidInput, Refused
from npa_market.evidence.services import record
from npa_market.parties.models import User
from npa_market.tapes.vault import Place, current_vault

REVEAL_AFTER = timedelta(hours=24)
REVEAL_FOR = timedelta(hours=24)
# Raises seal.Unopenable for an envelope that is void.
BidIn = Callable[[LotReceipt, dict[str, Any]], seal.Bid]
Finder = Callable[[LotReceipt], seal.Bid | None]


@dataclass(frozen=True, slots=True)
class Way:
    """How envelopes are opened; `private_key` in hex where the lot's key was joined."""

    bid_in: BidIn
    private_key: str = ""


def by_shares(key: LotKeyRecord) -> Way:
    """By the key that two kept shares make. Raises InvalidInput where they do not fit."""
    shares = list(key.shares.all())[:THRESHOLD]
    words = [current_vault().open(share.words_sealed, place_of(share)) for share in shares]
    try:
        private = joined(words, key.public_key)
    except BadShare as reason:
        raise InvalidInput("shares_do_not_fit", str(reason), field="words") from reason
    return Way(lambda row, sheet: seal.opened_bid(bytes_of(row), sheet, private), private.hex())


def by_reveals(key: LotKeyRecord) -> Way:
    """By the keys that bidders handed in; an envelope that nobody revealed does not open."""
    revealed = revealed_keys(key)

    def bid_in(row: LotReceipt, sheet: dict[str, Any]) -> seal.Bid:
        if row.pk not in revealed:
            raise seal.Unopenable("nobody revealed this envelope")
        return seal.revealed_bid(bytes_of(row), sheet, revealed[row.pk])

    return Way(bid_in)


def revealed_keys(key: LotKeyRecord) -> dict[int, bytes]:
    """The keys that bidders handed in, by the receipt that each opens; erased ones left out."""
    return {
        reveal.receipt_id: bytes.fromhex(
            current_vault().open(reveal.ephemeral_sealed, place_of(reveal))
        )
        for reveal in key.reveals.exclude(ephemeral_sealed="")
    }


def lots_waited_for(lot: Lot) -> list[Lot]:
    """Other lots of its event that are not at their opening yet: nothing is given before (S7)."""
    if lot.sale_event_id is None:
        return []
    others = Lot.objects.filter(sale_event=lot.sale_event_id).exclude(pk=lot.pk)
    early = others.exclude(state__in=[*ENDED, LotState.OPENING])
    return list(early.order_by("event_place"))


def reveals_begin(lot: Lot) -> datetime:
    """When bidders may reveal: a day after the lot, or the last lot of its event, could be opened.

    A lot cancelled before its deadline kept its event waiting until then; one cancelled after it
    did not, and moves nothing.
    """
    if lot.sale_event_id is None:
        return lot.ends_at + REVEAL_AFTER
    lots = Lot.objects.filter(sale_event=lot.sale_event_id)
    events = LotEvent.objects.filter(lot__in=lots)
    fixed = events.filter(kind=EventKind.ENVELOPES_FIXED).values("lot")
    ends = lots.filter(~Q(state=LotState.CANCELLED) | Q(pk__in=fixed)).values_list(
        "ends_at", flat=True
    )
    cancelled = events.filter(kind=EventKind.CANCELLED).exclude(lot__in=fixed)
    return max([lot.ends_at, *ends, *cancelled.values_list("decided_at", flat=True)]) + REVEAL_AFTER


def way_of(lot: Lot, now: datetime) -> Way | None:
    """What can open a lot of an event at `now`; None while shares and reveals are missing.

    A lot without envelopes waits for its shares like the others, so that its waiting tells nothing
    (S7); after a day it keeps nobody waiting.
    """
    key = LotKeyRecord.objects.filter(lot=lot).first()
    if key is None:
        return None
    if key.shares.count() >= THRESHOLD:
        return by_shares(key)
    envelopes, revealed = len(cast("Sealed", state_of(lot)).envelopes), key.reveals.count()
    begins = reveals_begin(lot)
    is_time, is_over = now >= begins, now >= begins + REVEAL_FOR
    is_ready = is_time and (revealed == envelopes or (is_over and revealed > 0))
    return by_reveals(key) if is_ready else None


def finder(lot: Lot, way: Way) -> Finder:
    """What finds the bid in a stored envelope, or None where it does not open (S8).

    Raises Refused `envelope_changed` for bytes that are not those handed in.
    """
    labels = labels_of(lot)

    def find(row: LotReceipt) -> seal.Bid | None:
        label = labels[str(row.bidder_id)]
        if hashlib.sha256(bytes_of(row)).hexdigest() != row.sha256:
            words = f"The envelope of {label} is not the one handed in."
            raise Refused("envelope_changed", words)
        try:
            return way.bid_in(row, sheet_of(lot, label))
        except seal.Unopenable:
            return None

    return find


def note_opened(lot: Lot, way: Way, user: User | None) -> None:
    """Publish the key of an opened lot; its end has erased the kept shares."""
    key = lot.key
    key.opened_at = lot.last_decided_at
    key.private_key = way.private_key
    key.save(update_fields=["opened_at", "private_key"])
    if way.private_key:
        record(
            type="lot.key_published",
            subject=lot,
            actor=user,
            payload={"lot": lot.reference, "private_key": key.private_key},
        )


def bytes_of(row: LotReceipt) -> bytes:
    """The envelope of a receipt."""
    return bytes(row.envelope or b"")


def place_of(row: KeyShare | Reveal) -> Place:
    """Where in the vault a share or a reveal is kept."""
    return Place(f"{row._meta.label}/sealed", row.pk)
