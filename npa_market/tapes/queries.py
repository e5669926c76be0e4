"""Reads of tapes that other rooms need."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from uuid import UUID

from npa_market.parties.models import User
from npa_market.tapes.keys import opening_vault
from npa_market.tapes.masking import masked_id_number, masked_mobile, masked_name
from npa_market.tapes.models import Borrower, Loan, Tape
from npa_market.tapes.vault import BORROWER_PLACES, KeyGone, Place, Vault

_KEYS_PER_QUERY = 2_000


@dataclass(frozen=True)
class Person:
    """Identifying values of a borrower, opened. Not shown by repr, so that no log gets them."""

    name: str = field(repr=False)
    id_number: str = field(repr=False)
    mobile: str = field(repr=False)


@dataclass(frozen=True)
class PersonalRow:
    """A loan with its borrower's identity, for delivery files alone."""

    loan_id: UUID
    loan_number: str
    borrower_id: UUID
    person: Person


ERASED = Person("", "", "")


def person_of(borrower: Borrower, vault: Vault | None = None) -> Person:
    """Open the sealed values of a borrower. Raises VaultError where one does not open.

    vault: `keys.opening_vault()`, once for many borrowers.
    """
    vault = vault or opening_vault()
    opened = {
        name: vault.open(getattr(borrower, f"{name}_sealed"), Place(label, borrower.pk))
        for name, label in BORROWER_PLACES.items()
    }
    return Person(**opened)


def masked_person(borrower: Borrower, vault: Vault | None = None) -> Person:
    """The forms that the seller's own pages show; nothing where identities were erased."""
    try:
        person = person_of(borrower, vault)
    except KeyGone:
        return ERASED
    return Person(
        masked_name(person.name), masked_id_number(person.id_number), masked_mobile(person.mobile)
    )


def personal_rows(loan_ids: Collection[UUID]) -> Iterator[PersonalRow]:
    """Identities of these loans' borrowers, in order of the keys (order of import).

    For the delivery file of a transfer only: the caller has checked that two people released it,
    and logs it. Raises VaultError where a value does not open.
    """
    keys, vault = sorted(loan_ids), opening_vault()
    for start in range(0, len(keys), _KEYS_PER_QUERY):
        loans = (
            Loan.objects.filter(pk__in=keys[start : start + _KEYS_PER_QUERY])
            .select_related("borrower")
            .order_by("pk")
        )
        for loan in loans:
            yield PersonalRow(
                loan.pk, loan.loan_number, loan.borrower_id, person_of(loan.borrower, vault)
            )


@dataclass(frozen=True)
class LoansPage:
    """Some loans of a tape with masked identities; `next_after` is None on the last page."""

    rows: list[tuple[Loan, Person]]
    next_after: int | None


def loans_page(tape: Tape, user: User, *, after: int, rows: int = 50) -> LoansPage:
    """Loans after a row number, in the order of the tape: as fast on page 1,000 as on page 1."""
    loans = list(
        Loan.objects.visible_to(user)
        .filter(tape=tape, row_number__gt=after)
        .select_related("borrower")
        .order_by("row_number")[: rows + 1]
    )
    more = loans[rows - 1].row_number if len(loans) > rows else None
    vault = opening_vault()
    shown = [(loan, masked_person(loan.borrower, vault)) for loan in loans[:rows]]
    return LoansPage(shown, more)
