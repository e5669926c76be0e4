"""Reads of the books: journal, balances, deposits, and the checks that they add up.

Sums are sums of integers in the database, recomputed from the postings each time: no balance is
stored, so none can differ (L12).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from npa_market.ledger.chart import CLIENT_MONEY
from npa_market.ledger.models import Account, AccountKind, Hold, HoldState, JournalEntry, Posting
from npa_market.parties.models import User

JOURNAL_HEADER = (
    "date", "entry", "kind", "account", "party", "debit", "credit", "currency", "lot", "loan",
    "text",
)  # fmt: skip


@dataclass(frozen=True)
class Balance:
    """Sums of one account, minor units; `balance_minor` = debit - credit."""

    account: Account
    debit_minor: int
    credit_minor: int

    @property
    def balance_minor(self) -> int:
        return self.debit_minor - self.credit_minor


@dataclass(frozen=True)
class JournalRow:
    """One posting as the journal prints it; debit or credit is 0."""

    seq: int
    booked_at: datetime
    entry: str
    kind: str
    account: str
    party: str
    debit_minor: int
    credit_minor: int
    currency: str
    lot_id: UUID | None
    text: str


@dataclass(frozen=True)
class DepositLine:
    """A deposit and what the books say of it: held = paid in - refunded - applied - forfeited."""

    hold: Hold
    paid_in_minor: int
    refunded_minor: int
    applied_minor: int
    forfeited_minor: int

    @property
    def held_minor(self) -> int:
        return self.paid_in_minor - self.refunded_minor - self.applied_minor - self.forfeited_minor

    @property
    def is_consistent(self) -> bool:
        """L3: the hold's state and the books say the same."""
        expected = self.hold.amount_minor if self.hold.state == HoldState.HELD else 0
        return self.held_minor == expected and self.paid_in_minor == self.hold.amount_minor


def last_entry() -> JournalEntry | None:
    """The newest entry of the books."""
    return JournalEntry.objects.order_by("-seq").first()


def postings_of(
    *, lot_id: UUID | None = None, up_to_seq: int | None = None, parties: Iterable[UUID] = ()
) -> QuerySet[Posting]:
    """Postings in the order of the books; of one lot, up to an entry, of some parties' entries.

    `parties` keeps the entries that touch an account of one of them, with all their lines: what
    a party of a deal may see of the lot's books (the deposits of other bidders are not in it).
    """
    rows = Posting.objects.all()
    if lot_id is not None:
        rows = rows.filter(entry__lot_id=lot_id)
    if up_to_seq is not None:
        rows = rows.filter(entry__seq__lte=up_to_seq)
    if keys := list(parties):
        own = Posting.objects.filter(account__organisation__in=keys)
        rows = rows.filter(entry__in=own.values("entry"))
    return rows.order_by("entry__seq", "id")


def journal_rows(
    *, lot_id: UUID | None = None, up_to_seq: int | None = None, parties: Iterable[UUID] = ()
) -> Iterator[JournalRow]:
    """The journal line by line; the same cut-off gives the same rows for ever (L10)."""
    rows = postings_of(lot_id=lot_id, up_to_seq=up_to_seq, parties=parties)
    for posting in rows.select_related("entry", "account__organisation").iterator():
        party = posting.account.organisation
        yield JournalRow(
            seq=posting.entry.seq,
            booked_at=posting.entry.booked_at,
            entry=posting.entry.reference,
            kind=posting.entry.kind,
            account=posting.account.get_kind_display(),
            party=party.name if party else "Venue",
            debit_minor=max(posting.amount_minor, 0),
            credit_minor=max(-posting.amount_minor, 0),
            currency=posting.account.currency,
            lot_id=posting.entry.lot_id,
            text=posting.entry.text,
        )


def trial_balance(
    *, lot_id: UUID | None = None, up_to_seq: int | None = None, parties: Iterable[UUID] = ()
) -> list[Balance]:
    """Debit and credit sums per account, by currency, kind and party; the whole sums to zero."""
    rows = postings_of(lot_id=lot_id, up_to_seq=up_to_seq, parties=parties).order_by()
    sums = {
        row["account"]: (row["debit"], row["credit"])
        for row in rows.values("account").annotate(
            debit=Coalesce(Sum("amount_minor", filter=Q(amount_minor__gt=0)), 0),
            credit=-Coalesce(Sum("amount_minor", filter=Q(amount_minor__lt=0)), 0),
        )
    }
    order = list(AccountKind)
    accounts = Account.objects.filter(pk__in=sums).select_related("organisation")
    return [
        Balance(account, *sums[account.pk])
        for account in sorted(
            accounts,
            key=lambda each: (each.currency, order.index(AccountKind(each.kind)), str(each)),
        )
    ]


def balance_minor(of: Account, lot_id: UUID | None = None) -> int:
    """Debit less credit of one account, of one lot where it is named."""
    rows = postings_of(lot_id=lot_id).filter(account=of)
    total: int = rows.aggregate(total=Coalesce(Sum("amount_minor"), 0))["total"]
    return total


def open_client_money(lot_id: UUID) -> list[Balance]:
    """Client-money accounts of a lot that are not at zero; none once the lot is settled."""
    return [
        row
        for row in trial_balance(lot_id=lot_id)
        if row.account.kind in CLIENT_MONEY and row.balance_minor
    ]


def unbalanced_entries() -> QuerySet[JournalEntry]:
    """Entries that break L1; empty unless somebody wrote past the services."""
    broken = (
        Posting.objects.order_by()
        .values("entry", currency=F("account__currency"))
        .annotate(total=Sum("amount_minor"))
        .exclude(total=0)
    )
    booked = Posting.objects.values("entry")
    return JournalEntry.objects.filter(Q(pk__in=broken.values("entry")) | ~Q(pk__in=booked))


def deposit_lines(holds: Iterable[Hold]) -> list[DepositLine]:
    """Each deposit with what the books say of it (L3); a match taken back was no deposit."""
    rows = [hold for hold in holds if hold.state != HoldState.UNMATCHED]
    booked = (
        Posting.objects.filter(
            account__kind=AccountKind.DEPOSITS, entry__lot_id__in={hold.lot_id for hold in rows}
        )
        .order_by()
        .values("entry__lot_id", "account__organisation", "entry__kind")
        .annotate(total=Sum("amount_minor"))
    )
    sums = {
        (row["entry__lot_id"], row["account__organisation"], row["entry__kind"]): row["total"]
        for row in booked
    }

    def total(hold: Hold, kind: str) -> int:
        booked_minor: int = sums.get((hold.lot_id, hold.buyer_id, kind), 0)
        return abs(booked_minor)

    return [
        DepositLine(
            hold,
            paid_in_minor=total(hold, "deposit_taken") - total(hold, "deposit_unmatched"),
            refunded_minor=total(hold, "deposit_refunded"),
            applied_minor=total(hold, "deposit_applied"),
            forfeited_minor=total(hold, "deposit_forfeited"),
        )
        for hold in rows
    ]


def balances_seen_by(user: User) -> list[Balance]:
    """The trial balance of all books for the venue, of one's own entries for a party."""
    if user.works_for_venue:
        return trial_balance()
    own = user.organisation_ids()
    return [row for row in trial_balance(parties=own) if row.account.organisation_id in own]
