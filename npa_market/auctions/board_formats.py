"""What the pages of sealed, falling and negotiated lots show: price, end, the reader's own act."""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from npa_market.auctions.core import (
    Auction,
    Dutch,
    Negotiated,
    Party,
    Phase,
    Sealed,
    Stage,
    ready_at,
)
from npa_market.auctions.forms_formats import (
    AnswerForm,
    OfferForm,
    RoundForm,
    price_form,
)
from npa_market.auctions.guard.outliers import yardstick_of
from npa_market.auctions.models import EventKind, Lot, LotState
from npa_market.auctions.queries import ShownEvent
from npa_market.auctions.rows import state_of
from npa_market.common.money import format_minor, minor_digits
from npa_market.parties.models import Organisation


@dataclass(frozen=True, slots=True)
class Board:
    """The one number and the one time of a lot; no time where none passes."""

    title: str
    price: str
    words: str
    end_title: str
    until: datetime | None
    falls: str = ""


@dataclass(frozen=True, slots=True)
class ShownRow:
    """An event in words."""

    seq: int
    title: str
    label: str
    party: str
    amount_minor: int | None
    decided_at: datetime
    ends_at: datetime | None
    refers_to: int | None
    reason: str


def shown_rows(events: list[ShownEvent]) -> list[ShownRow]:
    """Events in words, newest first."""
    return [
        ShownRow(
            event.seq,
            str(EventKind(event.kind).label),
            event.label,
            event.party,
            event.amount_minor,
            event.decided_at,
            event.ends_at,
            event.refers_to,
            event.reason.replace("_", " "),
        )
        for event in reversed(events)
    ]


def board_of(lot: Lot, now: datetime) -> Board:
    """Price and end by the venue's clock."""
    state = ready_at(state_of(lot), now)
    if lot.is_over:
        return Board("Result", _result(lot), "", "Ended", lot.last_decided_at or now)
    if state.phase == Phase.SUSPENDED:  # No time passes for it (A18).
        board = _running_board(lot, state, state.suspended_since or now)
        return replace(board, end_title="Suspended", until=None)
    return _running_board(lot, state, now)


def _running_board(lot: Lot, state: Auction, at: datetime) -> Board:
    if isinstance(state, Dutch):
        return _falling(lot, state, at)
    if isinstance(state, Negotiated):
        return _talks(lot, state, at)
    if isinstance(state, Sealed):
        return _envelopes(lot, state)
    raise TypeError(f"{lot} has a page of its own")


def _result(lot: Lot) -> str:
    if lot.hammer_minor is None:
        return "–"
    return format_minor(lot.hammer_minor, lot.currency, symbol=True)


def _envelopes(lot: Lot, state: Sealed) -> Board:
    price = format_minor(lot.start_price_minor, lot.currency, symbol=True)
    if state.phase == Phase.ANNOUNCED:
        return Board("Lowest bid", price, "", "Opens", lot.opens_at)
    return Board("Lowest bid", price, "", "Deadline", state.ends_at)


def _falling(lot: Lot, state: Dutch, at: datetime) -> Board:
    price = format_minor(state.price_at(at), lot.currency, symbol=True)
    if state.phase == Phase.ANNOUNCED:
        return Board("Starts at", price, "", "Opens", lot.opens_at)
    if state.stage == Stage.FALLING:
        lowest = format_minor(state.terms.lowest_price_minor or 1, lot.currency, symbol=True)
        falls = "" if state.phase != Phase.OPEN else _falls(lot, state)
        return Board("Price now", price, f"Falls to {lowest}", "Fall ends", state.ends_at, falls)
    if state.stage == Stage.ROUND:
        words = "Accepted; everybody else may exceed it."
        return Board("Price accepted", price, words, "Sealed round ends", state.ends_at)
    best = state.best_of_round
    top = price if best is None else format_minor(best.amount_minor, lot.currency, symbol=True)
    words = "The acceptor may exceed it once."
    return Board("Best of the round", top, words, "Best bid until", state.ends_at)


def _falls(lot: Lot, state: Dutch) -> str:
    """What the page's script needs to let the price fall between two events."""
    digits = minor_digits(lot.currency)
    symbol = format_minor(0, lot.currency, symbol=True).rstrip("0.,")
    return json.dumps(
        {
            "from": state.falls_from.isoformat(),
            "seconds": lot.tick_seconds,
            "start": lot.start_price_minor,
            "step": lot.step_minor,
            "lowest": lot.lowest_price_minor,
            "digits": digits,
            "symbol": symbol,
        }
    )


def _talks(lot: Lot, state: Negotiated, at: datetime) -> Board:
    if state.offered_minor is None or state.offer_ends_at is None or not state.stands_at(at):
        price = format_minor(lot.start_price_minor, lot.currency, symbol=True)
        return Board("Asked", price, "No offer stands.", "Talks end", state.ends_at)
    price = format_minor(state.offered_minor, lot.currency, symbol=True)
    words = f"Offer no. {state.offer} of the {state.offered_by}."
    return Board("Offer that stands", price, words, "Expires", state.offer_ends_at)


def acts_of(
    lot: Lot, *, buyer: Organisation | None, may_act: bool, now: datetime, typed: Any = None
) -> dict[str, Any] | None:
    """The form for what the reader can do now; None where that is nothing.

    `buyer` None is the seller's side, which acts on negotiated lots alone.
    """
    state = ready_at(state_of(lot), now)
    if not may_act or state.phase != Phase.OPEN or lot.state == LotState.SUSPENDED:
        return None
    if isinstance(state, Negotiated):
        party = Party.SELLER if buyer is None else Party.BUYER
        return _talking(lot, state, party, (now, typed))
    if buyer is None:
        return None
    if isinstance(state, Dutch):
        return _dutch_act(lot, state, buyer, (now, typed))
    return None


def _dutch_act(
    lot: Lot, state: Dutch, buyer: Organisation, at: tuple[datetime, Any]
) -> dict[str, Any] | None:
    now, typed = at
    is_acceptor = state.acceptor == str(buyer.pk)
    if state.stage == Stage.FALLING:
        words = "You take it at the price in force when your request arrives, never more."
        yardstick = yardstick_of(lot.pk, buyer)
        return {
            "kind": "accept",
            "title": "Accept the price",
            "words": words,
            "warnings": yardstick.warnings(state.price_at(now)) if yardstick else [],
            "form": price_form(state.price_at(now), lot.currency),
        }
    if (state.stage == Stage.ROUND) == is_acceptor:
        return None
    floor = format_minor(state.floor_minor, lot.currency, symbol=True)
    title = "Your best bid" if is_acceptor else "Exceed the price"
    words = f"Lowest possible {floor}. Nobody sees it before the round ends; your last bid counts."
    if is_acceptor:
        words = f"Lowest possible {floor}. One bid: it wins at once."
    form = typed if isinstance(typed, RoundForm) else RoundForm(lot=lot)
    return {"kind": "round", "title": title, "words": words, "form": form}


def _talking(lot: Lot, state: Negotiated, party: Party, at: tuple[datetime, Any]) -> dict[str, Any]:
    now, typed = at
    stands = state.stands_at(now)
    offered = state.offered_minor if stands else None
    return {
        "kind": "talk",
        "title": "Your side",
        "words": "An accepted offer sells the package at once.",
        "offer": state.offer if stands else None,
        "is_own": state.offered_by == party,
        "offered": "" if offered is None else format_minor(offered, lot.currency, symbol=True),
        "form": typed if isinstance(typed, OfferForm) else OfferForm(lot=lot),
        "answer_form": AnswerForm(),
    }
