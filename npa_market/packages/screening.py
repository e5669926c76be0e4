"""The screen on a package's chosen loans: rows and background from the database, rules pure."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
from django.db.models import QuerySet

from npa_market.packages.choosing import Chosen, chosen, tapes_of
from npa_market.packages.criteria import Criteria, read_criteria
from npa_market.packages.differences import from_previous
from npa_market.packages.eligibility import (
    DEBT_COLUMNS,
    LATER_COPY,
    SCREENED_COLUMNS,
    SCREENED_TEXTS,
    Background,
    Identities,
    Screening,
    screen,
)
from npa_market.packages.frames import as_frame
from npa_market.packages.loading import NO_RECEIPTS, receipts_table
from npa_market.packages.models import Package
from npa_market.packages.overview import overview
from npa_market.packages.queries import selection_hash, token_key
from npa_market.packages.schema import MONEY_COLUMNS
from npa_market.packages.sealing import Named, named, sealed_table
from npa_market.packages.stratify import TABLE_COLUMNS
from npa_market.packages.taken import complained_identities, live_debts, sold_debts
from npa_market.parties.models import Organisation
from npa_market.tapes.models import Loan
from npa_market.tapes.same_debt import Debts


@dataclass(frozen=True)
class Screened:
    """The loans that stay (columns of `loading.loans_table`) and what each rule found."""

    kept: pa.Table
    screening: Screening

    def documents(self) -> list[dict[str, Any]]:
        """Findings as plain JSON."""
        return [finding.as_document() for finding in self.screening.findings]

    def debts(self) -> Debts:
        """The loans that stay, as debts."""
        return Debts(*(self.kept.column(name).combine_chunks() for name in DEBT_COLUMNS))

    def selection_sha256(self) -> str:
        """Hash over the loans that stay."""
        return selection_hash(self.kept.column("id").to_pylist())

    def sums(self) -> dict[str, int]:
        """Counts and sums of the loans that stay, by the names of the package's columns."""
        counts = {
            "loans": self.kept.num_rows,
            "borrowers": pc.count_distinct(self.kept.column("borrower_id")).as_py(),
        }
        return counts | {
            name: pc.sum(self.kept.column(name)).as_py() or 0 for name in MONEY_COLUMNS
        }

    def named(self, package: Package) -> Named:
        """What the loans that stay are called in the package, and their order in its file."""
        return named(self.kept, token_key(package))

    def sealed_rows(
        self, package: Package, names: Named, receipts: pa.Table = NO_RECEIPTS
    ) -> pa.Table:
        """Rows of the sealed file. receipts: of `loading.receipts_table`."""
        return sealed_table(
            self.kept,
            receipts,
            key=token_key(package),
            cut_off_date=package.cut_off_date,
            names=names,
        )


def overview_of(rows: pa.Table) -> dict[str, Any]:
    """The tables of a package from the rows of its file."""
    return overview(as_frame(rows.select(TABLE_COLUMNS)))


def figures_of(package: Package, screened: Screened) -> dict[str, Any]:
    """The tables of what stays, the difference from the version before, as sealing finds it, and
    loans taken out as those of another number."""
    receipts = NO_RECEIPTS
    if package.previous is not None:
        receipts = receipts_table(loans_with_receipts(package))
    names = screened.named(package)
    rows = screened.sealed_rows(package, names, receipts)
    difference = from_previous(package, screened, rows, names)
    return overview_of(rows) | {
        "difference": difference,
        "renumbered": list(screened.screening.renumbered),
    }


def loans_with_receipts(package: Package) -> QuerySet[Loan]:
    """Loans whose receipts the sealed file may need: those of the tapes the package draws on."""
    return Loan.objects.filter(tape__in=tapes_of(read_criteria(package.criteria), package))


def screen_loans(package: Package) -> Screened:
    """Apply the screen to what the package's criteria choose now."""
    pool, screening = screened_pool(
        package.seller,
        read_criteria(package.criteria),
        package.currency,
        package.cut_off_date,
        not_counting=versions_beside(package),
    )
    return Screened(pool.table().filter(pa.array(screening.keeps)), screening)


def versions_beside(package: Package) -> list[UUID]:
    """Packages whose loans this one may hold: itself, and the version that it replaces."""
    return [key for key in (package.pk, package.previous_id) if key]


def screened_pool(
    seller: Organisation,
    criteria: Criteria,
    currency: str,
    cut_off_date: date,
    *,
    not_counting: Collection[UUID] = (),
) -> tuple[Chosen, Screening]:
    """What the criteria choose, and the screen of it.

    `not_counting`: live packages whose loans do not count as taken. Raises as `choosing.chosen`.
    """
    pool = chosen(seller, criteria, currency, cut_off_date)
    live, sold = live_debts(seller, not_counting), sold_debts(seller)
    background = Background(
        currency=currency,
        cut_off_date=cut_off_date,
        live=Identities(live.numbers, live.borrowers),
        sold=Identities(sold.numbers, sold.borrowers),
        complained=complained_identities(seller),
        live_debts=live,
        sold_debts=sold,
    )
    loans = _compared(pool.table()).append_column(LATER_COPY, pa.array(pool.later_copies()))
    return pool, screen(as_frame(loans), background, criteria.disclose)


def _compared(loans: pa.Table) -> pa.Table:
    """What the rules read, texts and borrowers as codes: comparing numbers is faster."""
    read = loans.select(SCREENED_COLUMNS)
    for name in (*SCREENED_TEXTS, "borrower_id"):
        place = read.column_names.index(name)
        read = read.set_column(place, name, read.column(name).dictionary_encode())
    return read
