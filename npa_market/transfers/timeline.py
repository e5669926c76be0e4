"""The steps of a deal: what is done, whose turn it is, until when; pure."""

from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from npa_market.common.working_days import DueDay, due_after
from npa_market.transfers.terms import DealTerms


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
    rows = _rows(progress, terms)
    now = None
    if not progress.is_cancelled:
        now = next((row.key for row in rows if row.done_at is None), None)
    return [
        Step(
            row.key,
            row.name,
            row.owner,
            row.done_at,
            None if row.done_at or row.since is None else _due(row, zone),
            row.key == now,
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class _Row:
    """A step before its deadline is counted: `working_days` after `since`."""

    key: str
    name: str
    owner: str
    done_at: datetime | None
    since: datetime | None
    working_days: int


def _due(row: _Row, zone: tzinfo) -> DueDay:
    assert row.since is not None
    return due_after(row.since.astimezone(zone).date(), row.working_days)


def _rows(progress: Progress, terms: DealTerms) -> list[_Row]:
    awarded, contracted, paid = progress.awarded_at, progress.contracted_at, progress.paid_at
    delivered, days = progress.delivered_at, terms.delivery_working_days
    payer = "Buyer pays, venue finance records"
    releaser = "Seller, second person" if progress.first_released else "Seller, two people"
    finance = "Finance of both sides" if progress.has_statement else "Finance makes the statement"
    return [
        _Row("award", "Award", "System", awarded, None, 0),
        _Row(
            "contract",
            "Contract",
            _signers(progress),
            contracted,
            awarded,
            terms.contract_working_days,
        ),
        _Row("payment", "Payment and title", payer, paid, contracted, terms.payment_working_days),
        _Row("release", "Release of the file", releaser, progress.released_at, paid, days),
        _Row("receipt", "Receipt of the file", "Buyer", delivered, paid, days),
        _Row(
            "settlement",
            "Settlement",
            finance,
            progress.closed_at,
            delivered,
            terms.settlement_working_days,
        ),
    ]


def _signers(progress: Progress) -> str:
    if progress.seller_signed != progress.buyer_signed:
        return "Buyer signs" if progress.seller_signed else "Seller signs"
    return "Both sides sign"
