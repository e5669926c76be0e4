"""The core's values as the plain tuples and whole microseconds of the reference."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from npa_market.auctions import core
from npa_market.auctions.model.reference import Said
from npa_market.auctions.terms import LotTerms

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_STANDING = (
    "is_qualified",
    "is_admitted",
    "has_deposit",
    "is_related_to_seller",
    "is_suspended",
)


def micro(moment: datetime) -> int:
    """Microseconds since the beginning of 2026."""
    return (moment - EPOCH) // _MICROSECOND


def plain_terms(terms: LotTerms) -> dict[str, Any]:
    """Terms as the reference reads them."""
    return {each.name: _plain(getattr(terms, each.name)) for each in fields(terms)}


@cache
def _names(event: Any) -> tuple[str, ...]:
    return tuple(each.name for each in fields(event))


def plain_event(event: core.Event) -> Said:
    """An event as (kind, its fields in their order)."""
    kind: Any = type(event)
    return (kind.__name__, *[_plain(getattr(event, name)) for name in _names(kind)])


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return micro(value)
    return str(value) if isinstance(value, str) else value


def plain_command(command: core.Command) -> Said:
    """A command as (verb, its arguments)."""
    match command:
        case core.Advance():
            return ("advance",)
        case core.Cancel():
            return ("cancel", command.reason, str(command.party))
        case core.Suspend():
            since = None if command.since is None else micro(command.since)
            return ("suspend", command.reason, since)
        case core.Resume():
            return ("resume",)
        case core.OpenEnvelopes():
            return ("open", tuple((each.receipt, each.amount_minor) for each in command.openings))
        case core.OpenTogether():
            raise TypeError("lots of an event have a reference of their own: model/bundles.py")
        case core.WithdrawEnvelope():
            return ("unseal", command.bidder)
    standing = {name: getattr(command.standing, name) for name in _STANDING}
    match command:
        case core.PlaceBid():
            return ("bid", command.bidder, command.amount_minor, standing)
        case core.AcceptPrice():
            return ("take", command.bidder, command.amount_minor, standing)
        case core.SubmitEnvelope():
            return ("seal", command.bidder, command.sha256, standing)
        case core.MakeOffer():
            amount, seconds = command.amount_minor, command.valid_seconds
            return ("offer", str(command.party), command.bidder, amount, seconds, standing)
        case core.AcceptOffer():
            what = "accept"
        case core.DeclineOffer():
            what = "decline"
        case core.WithdrawOffer():
            what = "withdraw"
    return ("answer", str(command.party), command.bidder, what, command.offer, standing)
