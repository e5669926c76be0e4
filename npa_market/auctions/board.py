"""What the page of a lot shows: bids, way to the bid, timetable; no names, no reserve."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Q
from django.urls import reverse

from npa_market.auctions.core import BidRefused, PlaceBid, Refusal, decide
from npa_market.auctions.models import EventKind, Lot, LotState, Registration, RegistrationState
from npa_market.auctions.queries import ShownEvent, shown_events, standing_of
from npa_market.auctions.rows import state_of
from npa_market.common.clock import database_now
from npa_market.common.money import format_minor
from npa_market.diligence.models import Admission, DataRoom
from npa_market.parties.models import Organisation

# Both raise the price; the second leaves the leader where it is, by its maximum.
_BIDS = frozenset({EventKind.BID_ACCEPTED, EventKind.BID_OUTBID})


@dataclass(frozen=True, slots=True)
class BidRow:
    """One accepted bid: by which label, how far above the last, and the end it led to."""

    seq: int
    label: str
    amount_minor: int
    over_minor: int | None
    decided_at: datetime
    new_end: datetime | None = None


def bid_rows(events: Sequence[ShownEvent]) -> list[BidRow]:
    """Accepted bids, newest first, each with the extension that it caused."""
    rows: list[BidRow] = []
    for event in events:
        if event.kind in _BIDS and event.amount_minor is not None:
            over_minor = event.amount_minor - rows[-1].amount_minor if rows else None
            rows.append(
                BidRow(event.seq, event.label, event.amount_minor, over_minor, event.decided_at)
            )
        elif event.kind == EventKind.END_EXTENDED and rows:
            rows[-1] = replace(rows[-1], new_end=event.ends_at)
    return rows[::-1]


@dataclass(frozen=True, slots=True)
class Gate:
    """One condition on the way to a bid: met or not, and what to do about it."""

    title: str
    is_met: bool
    words: str = ""
    url: str = ""
    action: str = ""
    is_post: bool = False


def gates(*, lot: Lot, buyer: Organisation, now: datetime) -> list[Gate]:
    """What stands between a buyer and a bid on this lot, in the order in which it is done."""
    standing, _ = standing_of(lot=lot, buyer=buyer, now=now)
    registration = lot.registrations.filter(buyer=buyer).first()
    signed = Admission.objects.filter(
        room__package=lot.package_id, buyer=buyer, revoked_at=None
    ).exists()
    return [
        _qualification(buyer, standing.is_qualified and not standing.is_suspended),
        _nda(lot, signed),
        _registration(lot, registration, signed, now),
        _deposit(lot, registration, standing.has_deposit),
    ]


def _qualification(buyer: Organisation, is_met: bool) -> Gate:
    return Gate(
        "Qualified to buy",
        is_met,
        "" if is_met else "The venue decides on your institution's papers.",
        "" if is_met else reverse("parties:detail", args=[buyer.pk]),
        "Your papers",
    )


def _nda(lot: Lot, is_met: bool) -> Gate:
    if is_met:
        return Gate("NDA signed", is_met=True)
    room = DataRoom.objects.filter(package=lot.package_id, closed_at=None).first()
    if room is None:
        return Gate("NDA signed", is_met=False, words="The data room is not open yet.")
    return Gate(
        "NDA signed",
        is_met=False,
        words="The data room shows the loans to those who sign.",
        url=reverse("diligence:nda", args=[room.pk]),
        action="Read and sign",
    )


def _registration(
    lot: Lot,
    registration: Registration | None,
    has_signed: bool,
    now: datetime,
) -> Gate:
    if registration is None:
        is_open = lot.state == LotState.ANNOUNCED and now < lot.registration_ends_at
        if not is_open:
            return Gate("Admitted to this lot", is_met=False, words="Registration has ended.")
        return Gate(
            "Admitted to this lot",
            is_met=False,
            words="Apply; the operator decides." if has_signed else "Apply once the NDA is signed.",
            url=reverse("auctions:register", args=[lot.pk]) if has_signed else "",
            action="Register for this lot",
            is_post=True,
        )
    if registration.state == RegistrationState.ADMITTED:
        return Gate("Admitted to this lot", is_met=True, words=f"You bid as {registration.label}.")
    words = "The operator has not decided yet."
    if registration.state == RegistrationState.REFUSED:
        words = f"Refused: {registration.reason}"
    if registration.state == RegistrationState.WITHDRAWN:
        words = "You withdrew the application."
    return Gate("Admitted to this lot", is_met=False, words=words)


def _deposit(lot: Lot, registration: Registration | None, is_met: bool) -> Gate:
    amount = format_minor(lot.deposit_minor, lot.currency, symbol=True)
    if is_met:
        return Gate("Deposit held", is_met=True, words=f"{amount}, part of the price if you win.")
    if registration is not None and registration.is_closed:
        return Gate("Deposit held", is_met=False, words="What you had paid goes back to you.")
    if registration is None:
        return Gate("Deposit held", is_met=False, words=f"{amount} before the first bid.")
    return Gate(
        "Deposit held",
        is_met=False,
        words=f"Pay {amount} to the venue's account, reference {lot.reference}; venue finance "
        "confirms it here.",
    )


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the timetable."""

    title: str
    at: datetime | None
    tone: str


def timetable(lot: Lot, now: datetime) -> list[Stage]:
    """From announcement to delivery; what comes after the end has no date yet."""
    is_sold = lot.state == LotState.SOLD
    bidding = "done" if lot.is_over else "now" if now >= lot.opens_at else ""
    registration = "done" if now >= lot.registration_ends_at or lot.is_over else "now"
    award = Stage("Award", None, "done" if is_sold else "")
    if lot.state in {LotState.UNSOLD, LotState.CANCELLED}:
        award = Stage(lot.get_state_display(), None, "now")
    return [
        Stage("Announced", lot.announced_at, "done"),
        Stage("Registration ends", lot.registration_ends_at, registration),
        Stage("Bidding" if bidding else "Bidding opens", lot.opens_at, bidding),
        award,
        Stage(
            "Deal cancelled" if lot.released_at else "Contract",
            lot.released_at,
            "now" if is_sold else "",
        ),
        Stage("Paid = title", None, ""),
        Stage("Delivery", None, ""),
    ]


def events_of(lot: Lot, after: int = 0) -> list[ShownEvent]:
    """Events of one lot after a number."""
    return shown_events(Q(lot=lot.pk, seq__gt=after))


def refusal_ahead(*, lot: Lot, buyer: Organisation, amount_minor: int) -> Refusal | None:
    """What the rules would say to this bid now, before it is placed; it decides nothing."""
    now = database_now()
    standing, _ = standing_of(lot=lot, buyer=buyer, now=now)
    events = decide(state_of(lot), PlaceBid(str(buyer.pk), amount_minor, standing), now)
    return next((event.refusal for event in events if isinstance(event, BidRefused)), None)
