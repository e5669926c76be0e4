"""Reads on packages that pages, API and services share."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Count, QuerySet, Sum

from npa_market.packages.criteria import Criteria, compile_where
from npa_market.packages.models import Package, PackageLoan, PackageState
from npa_market.packages.tokens import package_key
from npa_market.parties.models import Organisation
from npa_market.tapes.models import Loan, Tape, TapeState


@dataclass(frozen=True)
class Pool:
    """Tapes that may share a package."""

    currency: str
    cut_off_date: date
    tapes: tuple[Tape, ...]

    @property
    def key(self) -> str:
        """`CNY 2026-06-30`."""
        return f"{self.currency} {self.cut_off_date.isoformat()}"

    @property
    def title(self) -> str:
        """In words, with the loans on its tapes."""
        return f"{self.currency} as of {self.cut_off_date:%d %b %Y}: {self.loans:,} loans"

    @property
    def loans(self) -> int:
        """Loans on its tapes."""
        return sum(tape.rows_imported for tape in self.tapes)


def pools_of(seller: Organisation) -> list[Pool]:
    """The seller's imported tapes by currency and cut-off date, the latest date first."""
    tapes = Tape.objects.filter(seller=seller, state=TapeState.IMPORTED)
    ordered = tapes.order_by("-cut_off_date", "currency", "pk")
    return [
        Pool(currency, cut_off_date, tuple(group))
        for (cut_off_date, currency), group in groupby(
            ordered, key=lambda tape: (tape.cut_off_date, tape.currency)
        )
    ]


def tapes_for(seller: Organisation, currency: str, cut_off_date: date) -> QuerySet[Tape]:
    """Imported tapes of the seller that may share a package: one currency, one cut-off date."""
    return Tape.objects.filter(
        seller=seller, state=TapeState.IMPORTED, currency=currency, cut_off_date=cut_off_date
    )


def selection(
    seller: Organisation, criteria: Criteria, currency: str, cut_off_date: date
) -> QuerySet[Loan]:
    """The seller's loans that the criteria choose, before the screen, a picked list left aside.

    For lists of some rows; whole selections are counted on columns (`choosing`).
    """
    tapes = tapes_for(seller, currency, cut_off_date)
    if criteria.tapes:
        tapes = tapes.filter(pk__in=criteria.tapes)
    return Loan.objects.filter(compile_where(criteria, cut_off_date), tape__in=tapes.values("pk"))


def selection_hash(loan_keys: Iterable[bytes]) -> str:
    """SHA-256 over the sorted keys: has the set of loans changed since the screen?"""
    return hashlib.sha256(b"".join(sorted(loan_keys))).hexdigest()


def token_key(package: Package) -> bytes:
    """The package's own key for loan and borrower tokens."""
    return package_key(settings.TOKEN_KEY, package.pk)


def list_totals(packages: QuerySet[Package]) -> dict[str, Any]:
    """Packages, their loans, and claims by currency: of those that hold loans now, not of versions
    that were replaced or withdrawn, nor of a version begun while the one before stands beside it,
    whose loans would count twice."""
    sealed = packages.filter(state=PackageState.SEALED).order_by()
    held = (
        packages.exclude(state__in=[PackageState.REPLACED, PackageState.WITHDRAWN])
        .exclude(
            state__in=[PackageState.DRAFT, PackageState.SCREENED], previous__in=sealed.values("pk")
        )
        .order_by()
    )
    by_currency = held.values("currency").annotate(
        packages=Count("pk"), loans=Sum("loans"), claim_minor=Sum("claim_minor")
    )
    claims = list(by_currency.order_by("currency"))
    return {
        "listed": packages.count(),
        "packages": sum(row["packages"] for row in claims),
        "loans": sum(row["loans"] for row in claims),
        "claims": claims,
    }


def versions_of(package: Package) -> list[Package]:
    """Every version of the package, withdrawn ones too, newest first."""
    first = package
    while first.previous is not None:
        first = first.previous
    found = latest = [first]
    while latest := list(Package.objects.filter(previous__in=latest)):
        found = found + latest
    return sorted(found, key=lambda each: each.version, reverse=True)


def loan_keys_of(package: Package) -> dict[str, UUID]:
    """Key of the live loan row per loan token; for deliveries and title, never for display."""
    members = PackageLoan.objects.filter(package=package).order_by("position")
    return dict(members.values_list("token", "loan_id"))
