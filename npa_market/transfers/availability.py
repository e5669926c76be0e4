"""How a released loan file stands: may the buyer take and open it, and if not, why not; pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil

from npa_market.transfers.terms import DealTerms

_DAY = timedelta(days=1)
ERASED_WORDS = "The copies made for this package were erased and open no more."


class Fault(StrEnum):
    """Why the file is of no use to its buyer; the first three close it to everybody."""

    ERASED = "copies_erased"
    OVER = "download_over"
    LIMIT = "download_limit"
    OTHER_KEY = "other_delivery_key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """What decides: when the file was released, how often it was taken, and the keys.

    recipient: the buyer's key that the file was encrypted to, empty where it was not kept.
    buyer_key: the buyer's key now. has_key: is the key of the venue's copy still there?
    """

    released_at: datetime
    downloads: int
    has_key: bool
    recipient: str
    buyer_key: str


@dataclass(frozen=True, slots=True)
class Availability:
    """Until when (exclusive) and how often the file may be taken; `fault` None: it stands well."""

    until: datetime
    days_left: int
    downloads_left: int
    fault: Fault | None
    words: str

    @property
    def may_be_taken(self) -> bool:
        """Is it open to the buyer, who may still hold the key that it was made for?"""
        return self.fault in {None, Fault.OTHER_KEY}


def availability_of(handover: Handover, terms: DealTerms, now: datetime) -> Availability:
    """How the file stands at a moment, by the days and the number of the deal's terms."""
    until = handover.released_at + timedelta(days=terms.download_days)
    left = max(terms.download_limit - handover.downloads, 0)
    fault = _fault(handover, is_over=now >= until, left=left)
    days_left = max(ceil((until - now) / _DAY), 0)
    return Availability(until, days_left, left, fault, _words(fault, handover, terms))


def _fault(handover: Handover, *, is_over: bool, left: int) -> Fault | None:
    if not handover.has_key:
        return Fault.ERASED
    if is_over:
        return Fault.OVER
    if left == 0:
        return Fault.LIMIT
    is_other = handover.recipient not in {"", handover.buyer_key}
    return Fault.OTHER_KEY if is_other else None


def _words(fault: Fault | None, handover: Handover, terms: DealTerms) -> str:
    if fault is None:
        return ""
    return {
        Fault.ERASED: ERASED_WORDS,
        Fault.OVER: f"The file could be taken for {terms.download_days} days; that time is over.",
        Fault.LIMIT: f"The file was taken {handover.downloads} times, which is the limit of this"
        " deal.",
        Fault.OTHER_KEY: "The file was encrypted to a delivery key that the buyer has replaced"
        " since; the new key does not open it.",
    }[fault]
