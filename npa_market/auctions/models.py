"""Lots; a lot's row is the fold of its log."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import F, Q

from npa_market.auctions.terms import floor_after
from npa_market.auctions.who_may_buy import Invitation as Invitation
from npa_market.auctions.who_may_buy import Registration as Registration
from npa_market.auctions.who_may_buy import RegistrationState as RegistrationState
from npa_market.common.fields import Currency, UUID7Key
from npa_market.diligence.models import qualified_buyers_of
from npa_market.packages.models import Package
from npa_market.parties.models import Organisation, User


class LotFormat(models.TextChoices):
    ASCENDING = "ascending", "Ascending, soft close"
    SEALED = "sealed", "Sealed bids"
    DUTCH = "dutch", "Falling price, then a sealed round"
    NEGOTIATED = "negotiated", "Negotiated with one buyer"


class LotState(models.TextChoices):
    ANNOUNCED = "announced", "Announced"
    OPEN = "open", "Bidding"
    SUSPENDED = "suspended", "Suspended"
    OPENING = "opening", "Awaits opening"
    SOLD = "sold", "Sold"
    UNSOLD = "unsold", "Unsold"
    CANCELLED = "cancelled", "Cancelled"


ENDED = frozenset({LotState.SOLD, LotState.UNSOLD, LotState.CANCELLED})
SECRET_FORMATS = (LotFormat.SEALED, LotFormat.DUTCH)
# There a refused amount would tell of a maximum or of a bid of the round (A11, S7).
HIDES_REFUSALS = Q(format__in=SECRET_FORMATS) | Q(allows_proxy=True)
# A sold package is gone while its deal stands; one of any other lot that ended may come again.
_BINDS = Q(state__in=["announced", "open", "suspended", "opening", "sold"], released_at=None)


class LotQuerySet(models.QuerySet["Lot"]):
    def visible_to(self, user: User) -> Self:
        """The seller's own, the venue, and institutions that are qualified to buy.

        A negotiated lot is its seller's and its one invited buyer's alone; a lot by invitation its
        seller's and the invited institutions'.
        """
        if user.works_for_venue:
            return self
        mine = user.organisation_ids()
        if qualified_buyers_of(user).exists():
            named = Invitation.objects.filter(lot=models.OuterRef("pk"), buyer__in=mine)
            return self.filter(
                (~Q(format=LotFormat.NEGOTIATED) & Q(by_invitation=False))
                | Q(package__seller__in=mine)
                | Q(invited__in=mine)
                | models.Exists(named)
            )
        registered = Registration.objects.filter(buyer__in=mine)
        return self.filter(Q(package__seller__in=mine) | Q(pk__in=registered.values("lot")))

    def binding(self) -> Self:
        """Lots that hold their package: live ones, and sold ones that were not released (O2)."""
        return self.filter(_BINDS)

    def due(self, now: datetime) -> Self:
        """Lots that time alone would open or settle."""
        return self.filter(
            Q(state=LotState.ANNOUNCED, opens_at__lte=now)
            | Q(state=LotState.OPEN, ends_at__lte=now)
        )

    def open_or_due(self, now: datetime) -> Self:
        """Lots in bidding, and announced ones whose opening has come: what an outage may hit."""
        return self.filter(Q(state=LotState.OPEN) | Q(state=LotState.ANNOUNCED, opens_at__lte=now))


class Lot(models.Model):
    """A package offered once under fixed terms; terms never change after the first bid."""

    id = UUID7Key()
    reference = models.CharField(max_length=20, unique=True)
    package = models.ForeignKey(Package, on_delete=models.PROTECT, related_name="lots")
    title = models.CharField(max_length=200)
    format = models.CharField(max_length=10, choices=LotFormat, default=LotFormat.ASCENDING)
    currency = Currency()
    time_zone = models.CharField(max_length=40, default="Asia/Shanghai")
    start_price_minor = models.BigIntegerField()
    step_minor = models.BigIntegerField()
    reserve_minor = models.BigIntegerField(null=True, help_text="never leaves the seller")
    deposit_minor = models.BigIntegerField()
    fee_per_100k = models.PositiveIntegerField(help_text="platform fee, borne by the seller")
    tax_per_100k = models.PositiveIntegerField(help_text="tax on the fee")
    window_seconds = models.PositiveIntegerField(default=300)
    extension_seconds = models.PositiveIntegerField(default=300)
    higher_steps = models.JSONField(default=list, help_text="(from price, step), rising")
    max_extensions = models.PositiveIntegerField(null=True, help_text="none = the hard end alone")
    allows_proxy = models.BooleanField(default=False, help_text="every bid is a maximum")
    allows_withdrawal = models.BooleanField(default=False, help_text="of sealed envelopes")
    tick_seconds = models.PositiveIntegerField(default=60)
    lowest_price_minor = models.BigIntegerField(null=True, help_text="where a falling price stops")
    round_seconds = models.PositiveIntegerField(default=600)
    best_bid_seconds = models.PositiveIntegerField(default=300)
    invited = models.ForeignKey(
        Organisation, null=True, on_delete=models.PROTECT, related_name="invitations"
    )
    by_invitation = models.BooleanField(
        default=False, help_text="only institutions with an invitation may buy"
    )
    reannounces = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="followers",
        help_text="the lot whose package stayed with its seller and is offered again",
    )  # fmt: skip
    sale_event = models.ForeignKey(
        "SaleEvent", null=True, on_delete=models.PROTECT, related_name="lots",
        help_text="the event in which the lot is sold with others, alone or as a whole",
    )  # fmt: skip
    event_place = models.PositiveSmallIntegerField(null=True, help_text="from 1 on")
    whole_start_minor = models.BigIntegerField(
        null=True, help_text="on an event's first lot: the sum of all start prices"
    )
    announced_at = models.DateTimeField()
    registration_ends_at = models.DateTimeField()
    opens_at = models.DateTimeField()
    first_end_at = models.DateTimeField(help_text="the end as announced")
    ends_at = models.DateTimeField(help_text="the end in force")
    hard_end_at = models.DateTimeField(help_text="as announced")
    last_end_at = models.DateTimeField(help_text="the hard end in force: a suspension moves it")
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=LotState, default=LotState.ANNOUNCED)
    # A read model of the events below, kept by the same transaction.
    last_seq = models.PositiveIntegerField(default=0)
    last_decided_at = models.DateTimeField(null=True)
    leading_minor = models.BigIntegerField(null=True)
    leader = models.ForeignKey(
        Organisation, null=True, on_delete=models.PROTECT, related_name="leading_lots"
    )
    leader_max_minor = models.BigIntegerField(null=True, help_text="shown to the leader alone")
    bids = models.PositiveIntegerField(default=0)
    extensions = models.PositiveIntegerField(default=0)
    receipts = models.PositiveIntegerField(default=0, help_text="never shown before the opening")
    suspended_since = models.DateTimeField(null=True)
    hammer_minor = models.BigIntegerField(null=True)
    winner = models.ForeignKey(
        Organisation, null=True, on_delete=models.PROTECT, related_name="won_lots"
    )
    # No part of the fold: what became of the sale afterwards.
    released_at = models.DateTimeField(
        null=True, help_text="when the deal of a sold lot was cancelled and set its package free"
    )

    objects = LotQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["state", "ends_at"], name="lot_due")]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=LotState.values), name="lot_state_known"),
            models.UniqueConstraint(
                fields=["package"], condition=_BINDS, name="O2_package_in_one_live_lot"
            ),
            models.CheckConstraint(
                condition=Q(released_at=None) | Q(state="sold"), name="O2_only_a_sale_is_released"
            ),
            models.CheckConstraint(
                condition=Q(by_invitation=False) | ~Q(format="negotiated"),
                name="lot_negotiated_has_its_one_invited",
            ),
            models.UniqueConstraint(fields=["reannounces"], name="lot_reannounced_once"),
            models.CheckConstraint(
                condition=Q(reannounces=None) | ~Q(reannounces=F("id")),
                name="lot_follows_another",
            ),
            models.CheckConstraint(
                condition=Q(
                    sale_event__isnull=True,
                    event_place__isnull=True,
                    whole_start_minor__isnull=True,
                )
                | Q(
                    sale_event__isnull=False,
                    event_place__isnull=False,
                    event_place__gte=1,
                    event_place__lte=12,
                    format="sealed",
                ),
                name="event_lots_are_sealed",
            ),
            models.CheckConstraint(
                condition=Q(
                    event_place__isnull=False,
                    event_place=1,
                    whole_start_minor__isnull=False,
                    whole_start_minor__gt=F("start_price_minor"),
                )
                | (
                    Q(whole_start_minor__isnull=True)
                    & (Q(event_place__isnull=True) | Q(event_place__gt=1))
                ),
                name="event_first_lot_takes_bids_for_the_whole",
            ),
            models.UniqueConstraint(fields=["sale_event", "event_place"], name="event_place_once"),
            models.CheckConstraint(
                condition=Q(registration_ends_at__lte=F("opens_at"))
                & Q(opens_at__lt=F("first_end_at")),
                name="lot_times_in_order",
            ),
            models.CheckConstraint(
                condition=Q(leader__isnull=True, leading_minor__isnull=True, bids=0)
                | Q(
                    leader__isnull=False,
                    leading_minor__isnull=False,
                    leading_minor__gte=F("start_price_minor"),
                    bids__gt=0,
                ),
                name="A8_leader_has_price_from_start",
            ),
            models.CheckConstraint(
                # A stage of a falling lot may end before the fall would have ended.
                condition=Q(ends_at__lte=F("last_end_at"))
                & Q(last_end_at__gte=F("hard_end_at"))
                & (Q(format="dutch") | Q(ends_at__gte=F("first_end_at"))),
                name="A6_end_between_first_and_hard_end",
            ),
            models.CheckConstraint(
                condition=Q(max_extensions__isnull=True) | Q(extensions__lte=F("max_extensions")),
                name="A6_extensions_within_cap",
            ),
            models.CheckConstraint(
                condition=Q(leader_max_minor__isnull=True)
                | (Q(allows_proxy=True) & Q(leader_max_minor__gte=F("leading_minor"))),
                name="A10_maximum_not_below_price",
            ),
            models.CheckConstraint(
                condition=Q(state="suspended", suspended_since__isnull=False)
                | (~Q(state="suspended") & Q(suspended_since__isnull=True)),
                name="A18_suspended_lot_has_since",
            ),
            models.CheckConstraint(
                condition=~Q(state="opening") | Q(format="sealed"),
                name="S1_only_sealed_lots_await_opening",
            ),
            models.CheckConstraint(
                condition=Q(format__in=LotFormat.values)
                & (Q(format="negotiated") | Q(invited__isnull=True))
                & (~Q(format="negotiated") | Q(invited__isnull=False))
                & (
                    Q(format="dutch", lowest_price_minor__isnull=False, lowest_price_minor__gt=0)
                    | (~Q(format="dutch") & Q(lowest_price_minor__isnull=True))
                )
                & (Q(format="ascending") | Q(leader__isnull=True, allows_proxy=False)),
                name="lot_terms_of_its_format",
            ),
            models.CheckConstraint(
                condition=Q(step_minor__gt=0) & Q(start_price_minor__gt=0) & Q(deposit_minor__gt=0),
                name="lot_money_terms_positive",
            ),
            models.CheckConstraint(
                condition=Q(
                    state="sold",
                    winner__isnull=False,
                    hammer_minor__isnull=False,
                    hammer_minor__gt=0,
                )
                | (~Q(state="sold") & Q(winner__isnull=True, hammer_minor__isnull=True)),
                name="A14_sold_lot_has_winner_and_price",
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def seller(self) -> Organisation:
        return self.package.seller

    @property
    def floor_minor(self) -> int:
        """Lowest amount that would be accepted now."""
        return floor_after(self, self.leading_minor)

    @property
    def follows(self) -> "Lot | None":
        """The lot offered again by this one, as far as readers of this one may know of it.

        A negotiated lot stays its parties' own affair.
        """
        earlier = self.reannounces
        is_hidden = earlier is not None and earlier.format == LotFormat.NEGOTIATED
        return None if is_hidden and self.format != LotFormat.NEGOTIATED else earlier

    @property
    def is_over(self) -> bool:
        return self.state in ENDED

    @property
    def shown_bids(self) -> int | None:
        """Bids made in the open; None where they are secret, as nobody counts those (S7)."""
        return None if self.format in SECRET_FORMATS else self.bids

    @property
    def hides_refusals(self) -> bool:
        """The same of one lot as `HIDES_REFUSALS`."""
        return self.format in SECRET_FORMATS or self.allows_proxy

    @property
    def is_free_again(self) -> bool:
        """Has it ended and left its package with the seller, so that it may be offered again?"""
        return self.is_over and (self.state != LotState.SOLD or self.released_at is not None)

    @property
    def is_sold_in_whole(self) -> bool:
        """Is its price a share of a bid for the whole of its event?"""
        return (
            self.sale_event_id is not None
            and self.state == LotState.SOLD
            and self.events.filter(whole_minor__isnull=False).exists()
        )


# The app's other models; Django finds them here.
from npa_market.auctions.ceremony.models import KeyShare as KeyShare  # noqa: E402
from npa_market.auctions.ceremony.models import LotKeyRecord as LotKeyRecord  # noqa: E402
from npa_market.auctions.ceremony.models import Reveal as Reveal  # noqa: E402
from npa_market.auctions.guard.models import BidLimit as BidLimit  # noqa: E402
from npa_market.auctions.log import BidOutcome as BidOutcome  # noqa: E402
from npa_market.auctions.log import EventKind as EventKind  # noqa: E402
from npa_market.auctions.log import LotEvent as LotEvent  # noqa: E402
from npa_market.auctions.log import LotReceipt as LotReceipt  # noqa: E402
from npa_market.auctions.log import ReceiptKind as ReceiptKind  # noqa: E402
from npa_market.auctions.notices.models import Notice as Notice  # noqa: E402
from npa_market.auctions.pulse import Pulse as Pulse  # noqa: E402
from npa_market.auctions.sale_events.models import SaleEvent as SaleEvent  # noqa: E402
from npa_market.auctions.templates_of_terms import TermsTemplate as TermsTemplate  # noqa: E402
