"""What the evidence log shows of a lot's secrets: nothing before its end, and no bidder's name.

What the protocol never tells, the log tells nobody but its bidder.
"""

from django.db.models import CharField, Q, QuerySet
from django.db.models.functions import Cast

from npa_market.auctions.guard.models import BidLimit
from npa_market.auctions.log import (
    ACTS_OF_BIDDERS,
    FIXING,
    STOPPED,
    EventKind,
    LotEvent,
    LotReceipt,
    ReceiptKind,
)
from npa_market.auctions.models import ENDED, HIDES_REFUSALS, Lot, LotFormat, LotState
from npa_market.evidence.discretion import (
    register_for_actors,
    register_nameless,
    register_withheld,
)


def entries_kept_secret() -> Q:
    """Entries that would tell of envelopes and bids of a sealed round before their lot ended (S7).

    What was refused tells as much there as what was handed in, and where bids are maxima it bounds
    the leader's (A11); so does the hash that fixes the set: that of an empty set is known to
    everybody, and an event's lot without envelopes waits.
    """
    lots = Lot.objects.filter(HIDES_REFUSALS).exclude(state__in=ENDED)
    return _on_receipts_of(lots) | Q(
        type__in=("lot.bid_refused", FIXING),
        object_id__in=[str(key) for key in lots.values_list("pk", flat=True)],
    )


def entries_for_bidders() -> Q:
    """Entries that tell others that somebody tried to bid before the lot ended.

    One on the limit itself, as they were written before, would lead to who proposed it.
    """
    lots = Lot.objects.exclude(state__in=ENDED).values_list("pk", flat=True)
    on_limits = Q(object_type=BidLimit._meta.label_lower)
    return Q(type=STOPPED) & (on_limits | Q(object_id__in=[str(key) for key in lots]))


def bids_never_revealed() -> Q:
    """Entries on bids of a round whose lot was cancelled before it ended: the protocol hides their
    amounts, and who may cancel must not learn them by it."""
    ended_rounds = LotEvent.objects.filter(kind=EventKind.ROUND_REVEALED).values("lot")
    lots = Lot.objects.filter(format=LotFormat.DUTCH, state=LotState.CANCELLED)
    return _on_receipts_of(lots.exclude(pk__in=ended_rounds))


def _on_receipts_of(lots: QuerySet[Lot]) -> Q:
    """Entries on what was handed in for these lots; before, each stood on its receipt's row."""
    rows = LotReceipt.objects.filter(lot__in=lots.order_by().values("pk")).order_by()
    numbers = rows.annotate(key=Cast("pk", CharField(max_length=40))).values("key")
    keys = [key.hex for key in lots.values_list("pk", flat=True)]
    is_one_of_them = Q(object_id__in=keys) | Q(object_id__in=numbers)
    return Q(object_type=LotReceipt._meta.label_lower) & is_one_of_them


register_withheld(entries_kept_secret)
register_for_actors(bids_never_revealed)
register_for_actors(entries_for_bidders)
register_nameless([*ACTS_OF_BIDDERS, STOPPED, "lot.bid_revealed"])
register_nameless(f"receipt.{kind}" for kind in ReceiptKind.values)
