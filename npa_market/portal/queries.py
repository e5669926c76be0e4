"""How the rooms stand for one person: counts by state, latest lots, work in progress."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, QuerySet, Sum
from django.template.defaultfilters import pluralize
from django.urls import reverse

from npa_market.auctions.models import Lot, LotState
from npa_market.common.models import Job, JobState
from npa_market.common.money import format_minor
from npa_market.ledger.models import Hold, HoldState
from npa_market.packages.models import Package, PackageState
from npa_market.parties.models import User
from npa_market.parties.roles import BUYER_ROLES, SELLER_ROLES
from npa_market.tapes.models import Tape
from npa_market.transfers.models import Deal, DealState


@dataclass(frozen=True)
class Figure:
    """One key figure; `note` stands small beside it."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class StateCount:
    """How many objects of a room are in a state, and the list that shows them."""

    label: str
    state: str
    count: int
    url: str


@dataclass(frozen=True)
class RoomCounts:
    title: str
    url: str
    states: list[StateCount]


def figures_of(user: User) -> list[Figure]:
    """The key figures of the person's side of the market."""
    roles = user.roles()
    figures: list[Figure] = []
    if roles & SELLER_ROLES:
        figures += _seller_figures(user)
    if roles & BUYER_ROLES:
        figures += _buyer_figures(user)
    if user.works_for_venue:
        figures += _venue_figures()
    return figures


def _seller_figures(user: User) -> list[Figure]:
    mine = user.organisation_ids()
    tapes = Tape.objects.filter(seller__in=mine)
    sealed = Package.objects.filter(seller__in=mine, state=PackageState.SEALED)
    sold = Deal.objects.filter(seller__in=mine).exclude(state=DealState.CANCELLED)
    return [
        Figure("Loans on tapes", f"{_sum(tapes, 'rows_imported'):,}"),
        *_by_currency("Claim in sealed packages", sealed, "claim_minor", "package"),
        Figure("Lots in bidding", f"{_lots_in_bidding(package__seller__in=mine):,}"),
        *_by_currency("Sold for", sold, "hammer_minor", "deal"),
    ]


def _buyer_figures(user: User) -> list[Figure]:
    mine = user.organisation_ids()
    held = Hold.objects.filter(buyer__in=mine, state=HoldState.HELD)
    leading = Lot.objects.filter(leader__in=mine, state=LotState.OPEN)
    bought = Deal.objects.filter(buyer__in=mine).exclude(state=DealState.CANCELLED)
    return [
        Figure("Lots in bidding", f"{_lots_in_bidding():,}"),
        Figure("Lots you lead", f"{leading.count():,}"),
        *_by_currency("Deposits held", held, "amount_minor", "lot"),
        *_by_currency("Bought for", bought, "hammer_minor", "deal"),
    ]


def _venue_figures() -> list[Figure]:
    held = Hold.objects.filter(state=HoldState.HELD)
    under_way = Deal.objects.exclude(state__in=[DealState.CLOSED, DealState.CANCELLED])
    return [
        Figure("Lots in bidding", f"{_lots_in_bidding():,}"),
        Figure("Lots announced", f"{Lot.objects.filter(state=LotState.ANNOUNCED).count():,}"),
        Figure("Deals under way", f"{under_way.count():,}"),
        *_by_currency("Deposits held", held, "amount_minor", "deposit"),
    ]


def _lots_in_bidding(**filters: Any) -> int:
    return Lot.objects.filter(state=LotState.OPEN, **filters).count()


def _sum(rows: QuerySet[Any], field: str) -> int:
    return rows.aggregate(total=Sum(field))["total"] or 0


def _by_currency(label: str, rows: QuerySet[Any], field: str, noun: str) -> Iterable[Figure]:
    """One figure per currency: amounts of two currencies are never added."""
    totals = rows.order_by().values("currency").annotate(total=Sum(field), number=Count("pk"))
    for row in totals.order_by("currency"):
        yield Figure(
            f"{label}, {row['currency']}",
            format_minor(row["total"], row["currency"]),
            f"in {row['number']:,} {noun}{pluralize(row['number'])}",
        )


def rooms_of(user: User) -> list[RoomCounts]:
    """Packages, lots and deals by state, as far as the person may see them."""
    rooms = [
        ("Packages", "packages:list", Package.objects.visible_to(user), PackageState.choices),
        ("Lots", "auctions:list", Lot.objects.visible_to(user), LotState.choices),
        ("Deals", "transfers:list", Deal.objects.visible_to(user), DealState.choices),
    ]
    counted = (
        (title, url_name, _counts(rows, choices)) for title, url_name, rows, choices in rooms
    )
    return [
        RoomCounts(title, reverse(url_name), _states(counts, reverse(url_name)))
        for title, url_name, counts in counted
        if counts
    ]


def _counts(rows: QuerySet[Any], choices: list[tuple[str, str]]) -> list[tuple[str, str, int]]:
    """(state, label, number) of the states that have rows, in the order of the work."""
    counts = dict(rows.order_by().values_list("state").annotate(number=Count("pk")))
    return [(state, label, counts[state]) for state, label in choices if counts.get(state)]


def _states(counts: list[tuple[str, str, int]], url: str) -> list[StateCount]:
    return [
        StateCount(label, state, number, f"{url}?state={state}") for state, label, number in counts
    ]


def latest_lots(user: User, limit: int = 6) -> QuerySet[Lot]:
    """The newest lots the person may see."""
    return Lot.objects.visible_to(user).select_related("package").order_by("-pk")[:limit]


def jobs_under_way(user: User, limit: int = 4) -> QuerySet[Job]:
    """Work of one's institutions that is queued or running."""
    return Job.objects.visible_to(user).filter(state__in=[JobState.QUEUED, JobState.RUNNING])[
        :limit
    ]
