"""The steps of a deal: what is done, whose turn it is, until when; pure."""

from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from npa_market.transfers.terms import DealTerms
from npa_market.transfers.working_days import DueDay, due_after


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """When each step of a deal was done (None = not yet), and who has signed or agreed."""

    awarded_at: datetime
    contracted_at: datetime | None
    paid_at: datetime | None
    released_at: datetime | None
    delivered_at: datetime | None
    closed_at: datetime | None
    is_cancelled: bool
    seller_signed: bool
    buyer_signed: bool
    first_released: bool
    has_statement: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One step; `due` is the deadline of a step that is open or to come, where it can be known."""

    key: str
    name: str
    owner: str
    done_at: datetime | None
    due: DueDay | None
    is_now: bool

    def is_late(self, today: date) -> bool:
        """Open and past its deadline."""
        return self.is_now and self.due is not None and today > self.due.day


def steps_of(progress: Progress, terms: DealTerms, zone: tzinfo) -> list[Step]:
    """All steps in order; deadlines are days in the venue's zone."""

    def due(start: datetime | None, working_days: int) -> DueDay | None:
        return due_after(start.astimezone(zone).date(), working_days) if start else None

    rows = [
        ("award", "Award", "System", progress.awarded_at, None),
        (
            "contract",
            "Contract",
            _signers(progress),
            progress.contracted_at,
            due(progress.awarded_at, terms.contract_working_days),
        ),
        (
            "payment",
            "Payment and title",
            "Buyer pays, venue finance records",
            progress.paid_at,
            due(progress.contracted_at, terms.payment_working_days),
        ),
        (
            "release",
            "Release of the file",
            "Seller, second person" if progress.first_released else "Seller, two people",
            progress.released_at,
            due(progress.paid_at, terms.delivery_working_days),
        ),
        (
            "receipt",
            "Receipt of the file",
            "Buyer",
            progress.delivered_at,
            due(progress.paid_at, terms.delivery_working_days),
        ),
        (
            "settlement",
            "Settlement",
            "Finance of both sides" if progress.has_statement else "Finance makes the statement",
            progress.closed_at,
            due(progress.delivered_at, terms.settlement_working_days),
        ),
    ]
    now = None
    if not progress.is_cancelled:
        now = next((key for key, _, _, done_at, _ in rows if done_at is None), None)
    return [
        Step(key, name, owner, done_at, None if done_at else by, key == now)
        for key, name, owner, done_at, by in rows
    ]


def _signers(progress: Progress) -> str:
    if progress.seller_signed != progress.buyer_signed:
        return "Buyer signs" if progress.seller_signed else "Seller signs"
    return "Both sides sign"
