"""Booking and deposits: balanced entries, each key once; each hold resolved once.

These are the money steps of services that authorise a person first and pass them as `actor`;
None is the system. Nobody else writes to the books.
"""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from npa_market.common.clock import database_now
from npa_market.common.errors import InvalidInput, Refused
from npa_market.common.ids import next_reference
from npa_market.evidence.services import record
from npa_market.ledger.chart import account
from npa_market.ledger.models import Account, AccountKind, Hold, HoldState, JournalEntry, Posting
from npa_market.parties.models import Organisation, User

Line = tuple[Account, int]
UNMATCHING = "deposit_unmatched"


class Unbalanced(ValueError):
    """Lines that do not sum to zero per currency, or are no lines: a fault of the caller (L1)."""


@transaction.atomic
def book(
    *,
    kind: str,
    text: str,
    lines: Sequence[Line],
    idempotency_key: str,
    lot_id: UUID | None = None,
    bank_reference: str = "",
    actor: User | None = None,
) -> JournalEntry:
    """Book one entry of (account, amount in minor units) lines; debit > 0, credit < 0.

    The same key again gives the first entry; the same key with other lines is refused
    (`booking_conflict`), as is a bank line whose booking stands (`bank_line_used`, L11).
    Raises Unbalanced (L1).
    """
    _require_balance(lines)
    draft = JournalEntry(
        kind=kind,
        text=text[:300],
        bank_reference=bank_reference,
        lot_id=lot_id,
        idempotency_key=idempotency_key,
    )
    if (known := _booked_before(draft, lines)) is not None:
        return known
    _take_number(draft)
    # Somebody else may have booked the same key while this one waited for its number.
    if (known := _booked_before(draft, lines)) is not None:
        return known
    _take_bank_line(draft)
    return _write(draft, lines, actor)


@transaction.atomic
def reverse(*, entry_id: UUID, reason: str, actor: User | None = None) -> JournalEntry:
    """Book the mirror image of an entry (L2); the same entry again gives the first reversal.

    Refused for entries of a deposit, whose state would contradict the books
    (`deposit_not_reversible`), and for reversals themselves (`reversal_not_reversible`).
    """
    original = JournalEntry.objects.get(pk=entry_id)
    if original.kind.startswith("deposit_"):
        raise Refused("deposit_not_reversible", "A deposit is refunded, applied or forfeited.")
    if original.reverses_id is not None:
        raise Refused("reversal_not_reversible", "A reversal is corrected by a new entry.")
    return _mirror(original, "reversal", f"Reverses {original.reference}: {reason}", actor)


def _mirror(original: JournalEntry, kind: str, text: str, actor: User | None) -> JournalEntry:
    draft = JournalEntry(
        kind=kind,
        text=text[:300],
        lot_id=original.lot_id,
        idempotency_key=f"reversal:{original.pk}",
        reverses=original,
    )
    lines = [(each.account, -each.amount_minor) for each in _lines_of(original)]
    if (known := _booked_before(draft, lines)) is not None:
        return known
    _take_number(draft)
    return _booked_before(draft, lines) or _write(draft, lines, actor)


@transaction.atomic
def take_deposit(
    *,
    buyer: Organisation,
    lot_id: UUID,
    amount_minor: int,
    currency: str,
    bank_reference: str,
    actor: User | None = None,
) -> Hold:
    """Book a buyer's deposit for a lot as received, and hold it.

    The same deposit again gives the same hold; another amount or bank line for the same buyer and
    lot is refused (`booking_conflict`), unless the match before was taken back.
    """
    if amount_minor <= 0:
        raise InvalidInput("deposit_amount", "A deposit is a positive amount.", field="amount")
    entry = book(
        kind="deposit_taken",
        text=f"Deposit received, bank line {bank_reference}",
        lines=[
            (account(AccountKind.BANK, currency), amount_minor),
            (account(AccountKind.DEPOSITS, currency, buyer), -amount_minor),
        ],
        idempotency_key=_taken_key(buyer, lot_id),
        lot_id=lot_id,
        bank_reference=bank_reference,
        actor=actor,
    )
    hold, is_new = Hold.objects.standing().get_or_create(
        buyer=buyer,
        lot_id=lot_id,
        defaults={
            "amount_minor": amount_minor,
            "currency": currency,
            "taken_at": entry.booked_at,
        },
    )
    if is_new:
        _record_hold(hold, "deposit.taken", actor, prev_state="")
    return hold


def _taken_key(buyer: Organisation, lot_id: UUID) -> str:
    """The key of a buyer's deposit for a lot; each match taken back makes room for another."""
    earlier = Hold.objects.filter(buyer=buyer, lot_id=lot_id, state=HoldState.UNMATCHED).count()
    return f"deposit:{lot_id}:{buyer.pk}:taken" + (f":{earlier + 1}" if earlier else "")


@transaction.atomic
def unmatch_deposit(
    *, buyer: Organisation, lot_id: UUID, reason: str, actor: User | None = None
) -> Hold:
    """Take the match of a held deposit back; again: the same hold (L2, L4).

    Its entry is reversed, and the bank line may be matched with another deposit (L11). The reason
    stands in the evidence alone: it may name others, and the buyer reads the journal.
    """
    hold = Hold.objects.select_for_update().filter(buyer=buyer, lot_id=lot_id).order_by("pk").last()
    if hold is None:
        raise _no_deposit()
    if hold.state == HoldState.UNMATCHED:
        return hold
    if hold.state != HoldState.HELD:
        raise _resolved(hold)
    taken = JournalEntry.objects.get(idempotency_key=_taken_key(buyer, lot_id))
    text = f"Match of bank line {taken.bank_reference} taken back"
    entry = _mirror(taken, UNMATCHING, text, actor)
    _end_hold(hold, HoldState.UNMATCHED, entry, actor, reason=reason)
    return hold


def refund_deposit(*, buyer: Organisation, lot_id: UUID, actor: User | None = None) -> Hold:
    """Pay a held deposit back; again: the same hold (L4, L5)."""
    return _resolve(buyer, lot_id, HoldState.REFUNDED, None, actor)


def apply_deposit(*, buyer: Organisation, lot_id: UUID, actor: User | None = None) -> Hold:
    """Turn the winner's deposit into purchase money; again: the same hold (L4)."""
    return _resolve(buyer, lot_id, HoldState.APPLIED, buyer, actor)


def forfeit_deposit(
    *, buyer: Organisation, lot_id: UUID, beneficiary: Organisation, actor: User | None = None
) -> Hold:
    """Owe a held deposit to `beneficiary` (the seller, by the lot's terms); again: same hold."""
    return _resolve(buyer, lot_id, HoldState.FORFEITED, beneficiary, actor)


_RESOLVED_BY = {
    HoldState.REFUNDED: ("deposit_refunded", "Deposit paid back", AccountKind.BANK),
    HoldState.APPLIED: ("deposit_applied", "Deposit applied to the price", AccountKind.CLEARING),
    HoldState.FORFEITED: ("deposit_forfeited", "Deposit forfeited", AccountKind.PAYABLE),
}


@transaction.atomic
def _resolve(
    buyer: Organisation,
    lot_id: UUID,
    state: HoldState,
    receiver: Organisation | None,
    actor: User | None,
) -> Hold:
    standing = Hold.objects.select_for_update().standing()
    hold = standing.filter(buyer=buyer, lot_id=lot_id).first()
    if hold is None:
        raise _no_deposit()
    if hold.state == state:
        return hold
    if hold.state != HoldState.HELD:
        raise _resolved(hold)
    kind, text, credit_kind = _RESOLVED_BY[state]
    entry = book(
        kind=kind,
        text=text,
        lines=[
            (account(AccountKind.DEPOSITS, hold.currency, buyer), hold.amount_minor),
            (account(credit_kind, hold.currency, receiver), -hold.amount_minor),
        ],
        idempotency_key=f"deposit:{lot_id}:{buyer.pk}:{state}",
        lot_id=lot_id,
        actor=actor,
    )
    _end_hold(hold, state, entry, actor)
    return hold


def _no_deposit() -> Refused:
    return Refused("no_deposit", "There is no deposit of this buyer for this lot.")


def _resolved(hold: Hold) -> Refused:
    words = f"This deposit was {hold.get_state_display().lower()} before; nothing is left of it."
    return Refused("deposit_resolved", words)


def _end_hold(
    hold: Hold, state: HoldState, entry: JournalEntry, actor: User | None, **more: str
) -> None:
    hold.state = state
    hold.resolved_at = entry.booked_at
    hold.save(update_fields=["state", "resolved_at"])
    _record_hold(hold, f"deposit.{state}", actor, prev_state=HoldState.HELD, **more)


def _record_hold(hold: Hold, act: str, actor: User | None, prev_state: str, **more: str) -> None:
    record(
        type=act,
        subject=hold,
        actor=actor,
        payload={
            "lot": str(hold.lot_id),
            "buyer": str(hold.buyer_id),
            "amount_minor": hold.amount_minor,
            "currency": hold.currency,
            **more,
        },
        prev_state=prev_state,
    )


def _require_balance(lines: Sequence[Line]) -> None:
    """L1: there are lines, none is zero, and each currency sums to zero."""
    sums: defaultdict[str, int] = defaultdict(int)
    for each, amount_minor in lines:
        if not isinstance(amount_minor, int) or amount_minor == 0:
            raise Unbalanced("amounts are integer minor units other than zero")
        sums[each.currency] += amount_minor
    if not lines or any(sums.values()):
        raise Unbalanced(f"an entry sums to zero per currency, not {dict(sums)}")


def _lines_of(entry: JournalEntry) -> list[Posting]:
    return list(entry.postings.select_related("account"))


def _booked_before(draft: JournalEntry, lines: Sequence[Line]) -> JournalEntry | None:
    """The entry booked under this key, where it is the same booking; another is refused."""
    known = JournalEntry.objects.filter(idempotency_key=draft.idempotency_key).first()
    if known is None:
        return None
    booked = sorted((each.account_id, each.amount_minor) for each in _lines_of(known))
    asked = sorted((each.pk, amount_minor) for each, amount_minor in lines)
    is_same = booked == asked and all(
        getattr(known, field) == getattr(draft, field)
        for field in ("kind", "lot_id", "bank_reference", "reverses_id")
    )
    if not is_same:
        raise Refused(
            "booking_conflict", "This was booked before with another amount or bank line."
        )
    return known


def _take_bank_line(draft: JournalEntry) -> None:
    """L11: a bank line is booked once, and again only after its match was taken back."""
    if not draft.bank_reference:
        return
    same_line = JournalEntry.objects.filter(bank_reference=draft.bank_reference)
    last = same_line.order_by("seq").last()
    if last is None:
        return
    draft.line_freed_by = JournalEntry.objects.filter(reverses=last, kind=UNMATCHING).first()
    if draft.line_freed_by is None:
        raise Refused(
            "bank_line_used",
            "This bank line was booked before; each line is matched once.",
            field="bank_reference",
        )


def _take_number(draft: JournalEntry) -> None:
    # The counter's row lock puts bookings in the order of commit, so `seq` can be a cut-off (L10).
    draft.reference = next_reference("JE")
    draft.seq = (JournalEntry.objects.aggregate(last=Max("seq"))["last"] or 0) + 1


def _write(entry: JournalEntry, lines: Sequence[Line], actor: User | None) -> JournalEntry:
    entry.booked_at = database_now()
    entry.save(force_insert=True)
    Posting.objects.bulk_create(
        Posting(entry=entry, account=each, amount_minor=amount_minor)
        for each, amount_minor in lines
    )
    record(
        type="ledger.entry_booked",
        subject=entry,
        actor=actor,
        payload={
            "reference": entry.reference,
            "seq": entry.seq,
            "kind": entry.kind,
            "lot": str(entry.lot_id or ""),
            "reverses": str(entry.reverses_id or ""),
            "lines": [
                {"account": str(each.pk), "kind": each.kind, "amount_minor": amount_minor}
                for each, amount_minor in lines
            ],
        },
    )
    return entry
