"""The loans that criteria choose, on columns: what pages count, services store and screens read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from npa_market.common.errors import InvalidInput, Refused
from npa_market.common.files import read_stored
from npa_market.packages.columns import Columns, checked_columns, columns_of
from npa_market.packages.criteria import Criteria
from npa_market.packages.eligibility import later_copies
from npa_market.packages.loading import KEY
from npa_market.packages.masks import Mask, SelectionTotals, mask_of, totals_of_mask
from npa_market.packages.models import Package
from npa_market.packages.queries import tapes_for
from npa_market.packages.saved import LoanList
from npa_market.packages.schema import MAX_EXACT, MONEY_COLUMNS
from npa_market.parties.models import Organisation
from npa_market.tapes.models import Tape
from npa_market.tapes.services import check_cut_off


@dataclass(frozen=True)
class Chosen:
    """Loans of a pool, and which of them the criteria choose."""

    columns: Columns
    mask: Mask

    def totals(self) -> SelectionTotals:
        """Counts and sums of the chosen loans."""
        return totals_of_mask(self.columns, self.mask)

    def totals_to_keep(self) -> SelectionTotals:
        """The same for a package. Raises Refused where a sum is too large to be stated exactly."""
        found = self.totals()
        for name in MONEY_COLUMNS:
            if abs(getattr(found, name)) > MAX_EXACT:
                raise Refused(
                    "sum_not_exact",
                    f"The {name.removesuffix('_minor')} of these {found.loans:,} loans adds up to "
                    f"{getattr(found, name):,} minor units, and a package states sums up to "
                    f"{MAX_EXACT:,}. Check the amounts of the tape (a wrong column or unit?), or "
                    "choose fewer loans.",
                    field="criteria",
                )
        return found

    def narrowed(self, keeps: Mask) -> "Chosen":
        """Only these of the chosen loans; keeps: (chosen loans,)."""
        mask = self.mask.copy()
        mask[np.flatnonzero(mask)[~keeps]] = False
        return Chosen(self.columns, mask)

    def later_copies(self) -> npt.NDArray[np.int8]:
        """Of the chosen loans: does a later loan of the pool have the number (see `eligibility`)?

        The later one counts whether or not it is chosen: it says how the loan stands now.
        """
        return later_copies(self.columns.codes("loan_number"), self.columns.borrowers)[self.mask]

    def table(self) -> pa.Table:
        """The chosen loans as `loading.loans_table` gives them, in the order of their keys."""
        return self.columns.table.filter(pa.array(self.mask))


def chosen(seller: Organisation, criteria: Criteria, currency: str, cut_off_date: date) -> Chosen:
    """What the criteria choose, from columns that were compared with the database.

    The columns are those of all tapes of currency and cut-off date. Raises InvalidInput where they
    name a list that is not the seller's, and for a cut-off date that no tape may have.
    """
    check_cut_off(cut_off_date, date.max)
    tapes = list(tapes_for(seller, currency, cut_off_date))
    return _chosen(checked_columns(tapes), seller, criteria, cut_off_date)


def chosen_for_display(
    seller: Organisation, criteria: Criteria, tapes: Sequence[Tape], cut_off_date: date
) -> Chosen:
    """The same at the speed of typing: from the columns of the tapes as they were written."""
    return _chosen(columns_of(tapes), seller, criteria, cut_off_date)


def tapes_of(criteria: Criteria, package: Package) -> list[Tape]:
    """Tapes that a package with these criteria draws on."""
    fit = tapes_for(package.seller, package.currency, package.cut_off_date)
    return list(fit.filter(pk__in=criteria.tapes) if criteria.tapes else fit)


def _chosen(
    columns: Columns, seller: Organisation, criteria: Criteria, cut_off_date: date
) -> Chosen:
    mask = mask_of(columns, criteria, cut_off_date)
    if criteria.picked:
        mask &= _picked(columns, seller, criteria.picked)
    return Chosen(columns, mask)


def _picked(columns: Columns, seller: Organisation, list_key: UUID) -> Mask:
    found = LoanList.objects.filter(pk=list_key, seller=seller).first()
    if found is None:
        raise InvalidInput(
            "list_unknown", "The list of picked loans is not one of yours.", field="criteria"
        )
    keys = pa.FixedSizeBinaryArray.from_buffers(
        KEY, found.loans, [None, pa.py_buffer(read_stored(found.file_id))]
    )
    mask = pc.is_in(columns.table.column("id"), value_set=keys)
    return np.asarray(mask.to_numpy(), dtype=bool)
