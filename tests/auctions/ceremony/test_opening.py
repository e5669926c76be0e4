"""The opening: after the deadline, by two people, all at once, checkable by everybody."""

import hashlib
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from npa_market.auctions.ceremony import openers
from npa_market.auctions.ceremony.documents import signed_receipt
from npa_market.auctions.ceremony.models import LotKeyRecord
from npa_market.auctions.ceremony.services import hand_in_share, set_lot_key
from npa_market.auctions.lot_keys import Holder, make_lot_key
from npa_market.auctions.models import LotReceipt, LotState
from npa_market.auctions.offline import seal
from npa_market.auctions.services import withdraw_envelope
from npa_market.common.errors import InvalidInput, NotPermitted, Refused
from npa_market.common.signing import is_signed, venue_public_key
from npa_market.evidence.models import Entry, Payload
from tests.auctions.conftest import END, START, STEP

HIGH, LOW = START + 3 * STEP, START + STEP
LATE = END + timedelta(minutes=1)


def opened(market, clock, *, first=Holder.SELLER, second=Holder.NOTARY):
    clock.now = LATE
    market.share(first)
    return market.share(second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Holder.SELLER, Holder.COMPLIANCE),
        (Holder.NOTARY, Holder.SELLER),
        (Holder.COMPLIANCE, Holder.NOTARY),
    ],
)
def test_S1_S2_any_two_holders_open_all_envelopes_and_the_best_wins(sealed, clock, first, second):
    sealed.bid(0, LOW)
    sealed.bid(1, HIGH)
    lot = opened(sealed, clock, first=first, second=second)
    assert (lot.state, lot.hammer_minor) == (LotState.SOLD, HIGH)
    assert lot.winner == sealed.bidders[1][0]
    amounts = lot.events.filter(kind="envelope_opened").values_list("amount_minor", flat=True)
    assert list(amounts) == [LOW, HIGH], "in order of receipt"


def test_S1_one_share_opens_nothing(sealed, clock):
    sealed.bid(0, LOW)
    clock.now = LATE
    lot = sealed.share(Holder.SELLER)
    assert lot.state == LotState.OPENING
    assert lot.key.private_key == ""
    again = sealed.share(Holder.SELLER)
    assert again.state == LotState.OPENING, "the same holder twice is one share"


def test_S1_no_share_is_taken_before_the_deadline(sealed, clock):
    sealed.bid(0, LOW)
    with pytest.raises(Refused, match="deadline has not passed"):
        sealed.share(Holder.SELLER)
    assert not sealed.lot.key.shares.exists()


def test_S1_one_person_hands_in_one_share(sealed, clock, venue):
    sealed.bid(0, LOW)
    clock.now = LATE
    notary = sealed.holders[Holder.NOTARY]
    notary.memberships.create(organisation=venue, role="compliance")
    sealed.share(Holder.NOTARY)
    with pytest.raises(Refused, match="another holder's share"):
        hand_in_share(
            user=type(notary).objects.get(pk=notary.pk),
            lot_id=sealed.lot.pk,
            holder=Holder.COMPLIANCE,
            words=sealed.key.shares[Holder.COMPLIANCE],
        )


@pytest.mark.parametrize("holder", Holder)
def test_S1_only_the_holder_hands_in_a_share(sealed, clock, buyer_user, stranger, holder):
    sealed.bid(0, LOW)
    clock.now = LATE
    others = [user for other, user in sealed.holders.items() if other != holder]
    for person in (
        *others,
        buyer_user,
        stranger,
        sealed.operator if holder == "seller" else stranger,
    ):
        with pytest.raises(NotPermitted):
            hand_in_share(
                user=person,
                lot_id=sealed.lot.pk,
                holder=holder,
                words=sealed.key.shares[holder],
            )


def test_S3_the_last_envelope_before_the_deadline_counts(sealed, clock):
    sealed.bid(0, HIGH + STEP)
    sealed.bid(1, HIGH)
    sealed.bid(0, LOW)
    lot = opened(sealed, clock)
    assert lot.hammer_minor == HIGH
    assert lot.events.filter(kind="envelope_opened").count() == 2, "the first is never opened"


def test_S3_an_envelope_taken_back_does_not_count(sealed, clock):
    sealed.bid(0, HIGH)
    sealed.bid(1, LOW)
    buyer, user = sealed.bidders[0]
    done = withdraw_envelope(user=user, lot_id=sealed.lot.pk, buyer=buyer, request_id=uuid4())
    assert done.refusal == ""
    assert opened(sealed, clock).hammer_minor == LOW


def test_S4_the_set_is_signed_before_any_share_is_kept(sealed, clock):
    sealed.bid(0, LOW)
    clock.now = LATE
    sealed.share(Holder.SELLER)
    note = LotKeyRecord.objects.get(lot=sealed.lot).checkpoint
    assert is_signed(note, venue_public_key())
    fixed = sealed.lot.events.get(kind="envelopes_fixed")
    assert note["document"]["set_sha256"] == fixed.set_sha256
    lines = "".join(f"{e['receipt']} {e['sha256']}\n" for e in note["document"]["envelopes"])
    assert hashlib.sha256(lines.encode()).hexdigest() == fixed.set_sha256
    kinds = list(Entry.objects.order_by("seq").values_list("type", flat=True))
    assert kinds.index("lot.envelopes_signed") < kinds.index("lot.share_handed_in")
    note["document"]["envelopes"][0]["sha256"] = "00" * 32
    assert not is_signed(note, venue_public_key())


def test_S4_an_envelope_changed_in_the_store_stops_the_opening(sealed, clock, monkeypatch):
    """The table refuses changes; somebody with the database's files would still be found out."""
    sealed.bid(0, LOW)
    sealed.bid(1, HIGH)
    clock.now = LATE
    sealed.share(Holder.SELLER)
    kept = openers.bytes_of
    monkeypatch.setattr(openers, "bytes_of", lambda row: kept(row)[:-1] + b"\0")
    with pytest.raises(Refused, match="is not the one handed in"):
        sealed.share(Holder.NOTARY)
    sealed.lot.refresh_from_db()
    assert sealed.lot.state == LotState.OPENING
    assert not sealed.lot.key.private_key


def test_S6_S8_a_copied_envelope_is_void_and_stops_nobody(sealed, clock):
    copied = sealed.seal(0, HIGH)
    sealed.hand_in(0, copied)
    sealed.hand_in(1, copied)
    lot = opened(sealed, clock)
    assert (lot.state, lot.winner) == (LotState.SOLD, sealed.bidders[0][0])
    assert lot.events.get(kind="envelope_void").reason == "undecryptable"


def test_the_published_key_lets_anybody_repeat_the_opening(sealed, clock):
    sealed.bid(0, LOW)
    sealed.bid(1, HIGH)
    lot = opened(sealed, clock)
    private = bytes.fromhex(LotKeyRecord.objects.get(lot=lot).private_key)
    for who, amount in ((0, LOW), (1, HIGH)):
        row = LotReceipt.objects.get(lot=lot, bidder=sealed.bidders[who][0])
        assert seal.opened(bytes(row.envelope), sealed.sheet(who), private) == amount
    assert set(lot.key.shares.values_list("words_sealed", flat=True)) == {""}, "erased"


def test_a_share_mistyped_or_of_another_lot_is_named(sealed, clock):
    sealed.bid(0, LOW)
    clock.now = LATE
    with pytest.raises(InvalidInput, match="no share"):
        sealed.share(Holder.SELLER, "academic acid acne")
    other = make_lot_key()
    while other.set_id == sealed.key.set_id:
        other = make_lot_key()
    with pytest.raises(InvalidInput, match="another lot"):
        sealed.share(Holder.SELLER, other.shares[Holder.SELLER])


def test_no_word_of_a_share_is_in_the_log_or_in_clear(sealed, clock):
    sealed.bid(0, LOW)
    clock.now = LATE
    sealed.share(Holder.SELLER)
    words = sealed.key.shares[Holder.SELLER]
    stored = str(list(Payload.objects.values_list("body", flat=True)))
    assert words not in stored
    assert words not in sealed.lot.key.shares.get().words_sealed


def test_opening_twice_changes_nothing(sealed, clock):
    sealed.bid(0, LOW)
    lot = opened(sealed, clock)
    with pytest.raises(Refused, match="It was opened"):
        sealed.share(Holder.COMPLIANCE)
    assert lot.events.filter(kind="sold").count() == 1


def test_a_lot_without_envelopes_ends_unsold_at_its_deadline(sealed, clock):
    clock.now = LATE
    assert sealed.advance().state == LotState.UNSOLD


def test_the_key_is_set_once_by_the_operator_before_the_opening(sealed, operator, buyer_user):
    lot = sealed.lot.pk
    same = {"lot_id": lot, "public_key": sealed.key.public_key, "set_id": sealed.key.set_id}
    assert set_lot_key(user=operator, **same).public_key == sealed.key.public_key
    with pytest.raises(NotPermitted):
        set_lot_key(user=buyer_user, **same)
    other = make_lot_key()
    with pytest.raises(Refused, match="never changes"):
        set_lot_key(user=operator, lot_id=lot, public_key=other.public_key, set_id=other.set_id)
    LotKeyRecord.objects.filter(lot=lot).delete()
    with pytest.raises(Refused, match="before bidding opens"):
        set_lot_key(user=operator, **same)


def test_S4_the_private_key_stands_with_a_checkpoint_or_not_at_all(sealed):
    with pytest.raises(IntegrityError), transaction.atomic():
        LotKeyRecord.objects.filter(lot=sealed.lot).update(private_key="ab" * 32)


def test_a_signed_receipt_names_the_envelope_and_no_number(sealed):
    outcome = sealed.bid(0, LOW)
    note = signed_receipt(outcome.receipt, "Bidder K")
    assert is_signed(note, venue_public_key())
    assert note["document"]["envelope_sha256"] == outcome.receipt.sha256
    assert set(note["document"]) == {
        "v", "use", "lot", "reference", "bidder", "kind", "envelope_sha256", "received_at",
    }, "S7: a number would tell how many came before"  # fmt: skip
