"""The seller's loans that are taken or complained of, as the screen's rules compare them."""

from collections.abc import Collection
from uuid import UUID

import pyarrow as pa

from npa_market.common.columnar import read_columns
from npa_market.packages.eligibility import Identities
from npa_market.packages.frames import as_frame
from npa_market.packages.loading import KEY, STEP
from npa_market.packages.models import Package, PackageLoan, PackageState
from npa_market.packages.outside import sold_loans
from npa_market.parties.models import Organisation
from npa_market.tapes.history_models import Complaint
from npa_market.tapes.models import Loan
from npa_market.tapes.same_debt import Debts, joined_debts

_LOANS = pa.schema(
    [
        pa.field("loan_number", pa.string(), nullable=False),
        pa.field("borrower_id", KEY, nullable=False),
    ]
)
_MEMBERS = pa.schema([field.with_name(f"loan__{field.name}") for field in _LOANS])
# In the order of the columns of `Debts`.
_DEBTS = pa.schema(
    [
        *_LOANS,
        pa.field("origination_date", pa.date32()),
        pa.field("original_amount_minor", pa.int64()),
        pa.field("product", pa.string(), nullable=False),
    ]
)
_MEMBER_DEBTS = pa.schema([field.with_name(f"loan__{field.name}") for field in _DEBTS])
_COMPLAINTS = pa.schema(
    [
        *_MEMBERS,
        pa.field("on", pa.date32(), nullable=False),
        pa.field("subject", pa.string(), nullable=False),
        pa.field("closed_on", pa.date32()),
    ]
)


def live_debts(seller: Organisation, not_counting: Collection[UUID]) -> Debts:
    """The seller's loans in live packages other than these."""
    members = PackageLoan.objects.filter(is_live=True, package__seller=seller)
    others = members.exclude(package__in=not_counting)
    return Debts(*read_columns(others, _MEMBER_DEBTS).columns)


def live_packages(seller: Organisation, not_counting: Collection[UUID]) -> frozenset[UUID]:
    """Keys of the seller's sealed packages other than these: with them the above changes."""
    sealed = Package.objects.filter(seller=seller, state=PackageState.SEALED)
    return frozenset(sealed.exclude(pk__in=not_counting).values_list("pk", flat=True))


def sold_debts(seller: Organisation) -> Debts:
    """The seller's loans whose title has moved."""
    keys = sorted(sold_loans(seller))
    steps = (keys[start : start + STEP] for start in range(0, len(keys), STEP))
    read = (read_columns(Loan.objects.filter(pk__in=step), _DEBTS) for step in steps)
    return joined_debts([Debts(*batch.columns) for batch in read], KEY)


def complained_identities(seller: Organisation) -> Identities:
    """The seller's loans with a complaint that is open by the last statement taken in.

    A complaint is the same on another tape or in another history where loan number, borrower, day
    and subject are.
    """
    stated = Complaint.objects.imported().filter(loan__tape__seller=seller).order_by("pk")
    complaints = as_frame(pa.Table.from_batches([read_columns(stated, _COMPLAINTS)]))
    last = complaints.drop_duplicates([*_MEMBERS.names, "on", "subject"], keep="last")
    still_open = last[last["closed_on"].isna()]
    return Identities(
        *pa.RecordBatch.from_pandas(still_open, _MEMBERS, preserve_index=False).columns
    )
