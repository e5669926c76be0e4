"""The opening of a sealed lot: two holders' shares, all envelopes at once, the key published.

Where the holders stay away, bidders reveal their own envelopes from their receipts.
"""

from collections.abc import Mapping
from typing import Any, cast
from uuid import UUID

from django.db import transaction

from npa_market.auctions.ceremony.documents import checkpoint_of, labels_of, sheet_of
from npa_market.auctions.ceremony.models import KeyShare, LotKeyRecord, Reveal
from npa_market.auctions.ceremony.openers import REVEAL_AFTER as REVEAL_AFTER
from npa_market.auctions.ceremony.openers import (
    REVEAL_FOR,
    Way,
    by_reveals,
    by_shares,
    bytes_of,
    finder,
    lots_waited_for,
    note_opened,
    place_of,
    reveals_begin,
)
from npa_market.auctions.core import Advance, Sealed, decide
from npa_market.auctions.locking import busy_when_locked, lock_lot, lock_lots_of_event
from npa_market.auctions.lot_keys import THRESHOLD, BadShare, Holder, checked_share
from npa_market.auctions.models import (
    EventKind,
    Lot,
    LotFormat,
    LotReceipt,
    LotState,
)
from npa_market.auctions.offline import seal
from npa_market.auctions.rows import state_of
from npa_market.auctions.sale_events.opening import open_event_when_ready
from npa_market.auctions.sealed import set_sha256
from npa_market.auctions.services.recording import record_events
from npa_market.auctions.services.venue import open_envelopes
from npa_market.common.clock import database_now
from npa_market.common.errors import InvalidInput, Refused
from npa_market.evidence.services import record
from npa_market.parties.models import Organisation, User
from npa_market.parties.permissions import require
from npa_market.tapes.vault import current_vault


@transaction.atomic
def set_lot_key(*, user: User, lot_id: UUID, public_key: str, set_id: int) -> LotKeyRecord:
    """Give a sealed lot its public key before bidding opens; the venue's operator, by `lot_key`.

    Once per lot: the same key again changes nothing, another is Refused `key_set`. Raises Refused
    `wrong_format`, `bidding_open`, InvalidInput for a text that is no key.
    """
    lot = lock_lot(lot_id)
    require(user, "auctions.set_lot_key", lot)
    if lot.format != LotFormat.SEALED:
        raise Refused("wrong_format", "Only a lot with sealed bids has a key.")
    if len(public_key) != 64 or set(public_key) - set("0123456789abcdef"):
        raise InvalidInput("no_key", "A public key is 64 hex digits.", field="public_key")
    known = LotKeyRecord.objects.filter(lot=lot).first()
    if known is not None:
        if known.public_key == public_key:
            return known
        raise Refused("key_set", f"{lot.reference} has its key; it never changes.")
    now = database_now()
    if lot.state != LotState.ANNOUNCED or now >= lot.opens_at:
        raise Refused("bidding_open", "The key is made before bidding opens.")
    key = LotKeyRecord.objects.create(
        lot=lot, public_key=public_key, set_id=set_id, made_by=user, made_at=now
    )
    record(
        type="lot.key_made",
        subject=lot,
        actor=user,
        payload={"lot": lot.reference, "public_key": public_key},
    )
    return key


def hand_in_share(*, user: User, lot_id: UUID, holder: Holder, words: str) -> Lot:
    """Accept a holder's share after the deadline; the second one opens the lot.

    The set of envelopes is fixed by a signed checkpoint first (S4). Two different people hand in
    two different shares. A share that was handed in again is taken in its newest form until the
    lot is opened. Raises InvalidInput for words that are no share of this lot, Refused
    `not_at_opening`, `event_not_at_opening`, `two_people_needed`, `envelope_changed`,
    NotPermitted, Busy.
    """
    with busy_when_locked(), transaction.atomic():
        lot = _lot_at_opening(lot_id)
        require(user, f"auctions.hand_in_{holder.value}_share", lot)
        key = lot.key
        if key.shares.filter(handed_by=user).exclude(holder=holder).exists():
            raise Refused("two_people_needed", "You handed in another holder's share already.")
        plain = _checked(words, key)
        _fix_envelopes(lot, key)
        share, _ = KeyShare.objects.update_or_create(
            key=key, holder=holder, defaults={"handed_by": user, "handed_at": database_now()}
        )
        share.words_sealed = current_vault().seal(plain, place_of(share))
        share.save(update_fields=["words_sealed"])
        record(
            type="lot.share_handed_in",
            subject=lot,
            actor=user,
            payload={"lot": lot.reference, "holder": holder.value},
        )
        if key.shares.count() >= THRESHOLD:
            _open_or_wait(lot, by_shares(key), user)
        return lot


def _open_or_wait(lot: Lot, way: Way, user: User | None) -> None:
    """Open a lot, or where it stands in an event, all of its lots once each can be opened."""
    if lot.sale_event_id is None:
        _open(lot, way, user)
    elif open_event_when_ready(event_id=lot.sale_event_id, actor=user):
        lot.refresh_from_db()


def reveal_bid(
    *, user: User, lot_id: UUID, buyer: Organisation, receipt: Mapping[str, Any]
) -> Reveal:
    """Take a bidder's own key to its envelope, where the lot was not opened within 24 hours.

    The amount stays hidden until every envelope is revealed or the time for it is over. The same
    receipt again changes nothing. Raises InvalidInput for a receipt that does not open the
    envelope in force, Refused `not_at_opening`, `event_not_at_opening`, `too_early`,
    `no_envelope`.
    """
    with busy_when_locked(), transaction.atomic():
        lot = _lot_at_opening(lot_id)
        require(user, "auctions.place_bid", buyer)
        begins = reveals_begin(lot)
        now = database_now()
        if now < begins:
            raise Refused("too_early", f"Bidders reveal from {begins:%d %b %Y %H:%M} UTC on.")
        envelope = _sealed_state(lot).envelope_of(str(buyer.pk))
        if envelope is None:
            raise Refused("no_envelope", f"{buyer} has no envelope in this lot.")
        row = lot.receipt_rows.get(receipt=envelope.receipt)
        _fix_envelopes(lot, lot.key)
        ephemeral = _ephemeral_in(receipt, row, sheet_of(lot, labels_of(lot)[str(buyer.pk)]))
        known = Reveal.objects.filter(receipt=row).first()
        if known is not None:
            return known
        reveal = Reveal(key=lot.key, receipt=row, revealed_by=user, revealed_at=now)
        reveal.ephemeral_sealed = current_vault().seal(ephemeral.hex(), place_of(reveal))
        reveal.save(force_insert=True)
        record(
            type="lot.bid_revealed",
            subject=row,
            actor=user,
            payload={"lot": lot.reference, "envelope_sha256": row.sha256},
        )
        if lot.key.reveals.count() == len(_sealed_state(lot).envelopes):
            _open_or_wait(lot, by_reveals(lot.key), user)
        return reveal


def settle_overdue_reveals() -> int:
    """Open sealed lots whose time for reveals is over; how many. For the sweeper.

    An envelope that nobody revealed is void, with the reason; a lot without any reveal waits for
    its holders, for whom there is no deadline. Lots of an event are opened with the others: see
    `sale_events.opening`.
    """
    late = database_now() - REVEAL_AFTER - REVEAL_FOR
    overdue = Lot.objects.filter(
        state=LotState.OPENING,
        ends_at__lte=late,
        key__reveals__isnull=False,
        sale_event__isnull=True,
    )
    opened = 0
    for lot_id in set(overdue.values_list("pk", flat=True)):
        with transaction.atomic():
            lot = lock_lot(lot_id)
            if lot.state == LotState.OPENING:
                _open(lot, by_reveals(lot.key), None)
                opened += 1
    return opened


def _lot_at_opening(lot_id: UUID) -> Lot:
    """The locked lot, brought up to date by the clock. Raises Refused outside of its opening.

    Of an event all lots are locked, in one order, because the last share opens all of them; and
    all await their opening, because the signed set tells who bid (S7).
    """
    others = [each for each in lock_lots_of_event(lot_id) if each.pk != lot_id]
    lot = lock_lot(lot_id)
    now = database_now()
    for each in (lot, *others):
        record_events(each, decide(state_of(each), Advance(), now), actor=None)
    if lot.state != LotState.OPENING:
        words = "It was opened." if lot.is_over else "The deadline has not passed."
        raise Refused("not_at_opening", f"{lot.reference} does not await its opening. {words}")
    if early := lots_waited_for(lot):
        names = ", ".join(each.reference for each in early)
        words = f"{names} of the same event must reach the deadline first. Come back then."
        raise Refused("event_not_at_opening", words)
    if not LotKeyRecord.objects.filter(lot=lot).exists():
        raise Refused("no_key", f"{lot.reference} has no key.")
    return lot


def _sealed_state(lot: Lot) -> Sealed:
    return cast("Sealed", state_of(lot))


def _checked(words: str, key: LotKeyRecord) -> str:
    try:
        return checked_share(words, key.set_id)
    except BadShare as reason:
        raise InvalidInput("share_unreadable", str(reason), field="words") from reason


def _fix_envelopes(lot: Lot, key: LotKeyRecord) -> None:
    """Sign the set of envelopes, once. Raises Refused where the stored ones are not the fixed."""
    envelopes = _sealed_state(lot).envelopes
    fixed = lot.events.get(kind=EventKind.ENVELOPES_FIXED)
    if set_sha256((each.receipt, each.sha256) for each in envelopes) != fixed.set_sha256:
        raise Refused("envelope_changed", "The envelopes are not those of the deadline.")
    if key.checkpoint is not None:
        return
    key.checkpoint = checkpoint_of(lot, envelopes, fixed.set_sha256)
    key.save(update_fields=["checkpoint"])
    record(
        type="lot.envelopes_signed",
        subject=lot,
        actor=None,
        payload={"lot": lot.reference, "set_sha256": fixed.set_sha256, "note": key.checkpoint},
    )


def _open(lot: Lot, way: Way, user: User | None) -> None:
    """All envelopes in force, by the one path that opens them, in this transaction (S2, S8)."""
    find = finder(lot, way)

    def amount_in(row: LotReceipt) -> int | None:
        bid = find(row)
        return bid.amount_minor if bid else None

    open_envelopes(lot_id=lot.pk, opener=amount_in, actor=user)
    lot.refresh_from_db()
    note_opened(lot, way, user)


def _ephemeral_in(receipt: Mapping[str, Any], row: LotReceipt, sheet: dict[str, Any]) -> bytes:
    """The key of a receipt that opens this envelope. Raises InvalidInput; names no amount."""
    try:
        ephemeral = bytes.fromhex(str(receipt.get("ephemeral_private_key", "")))
        if len(ephemeral) != seal.KEY_BYTES:
            raise seal.Refused("the receipt has no key")
        seal.revealed_bid(bytes_of(row), sheet, ephemeral)
    except ValueError as reason:
        raise InvalidInput(
            "receipt_does_not_open",
            "This receipt does not open the envelope in force. Choose the file that was saved when "
            "the newest envelope was sealed.",
            field="receipt",
        ) from reason
    return ephemeral
