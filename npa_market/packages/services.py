"""Every change of a package's state, each with its evidence entry in the same transaction."""

from dataclasses import asdict
from datetime import date
from typing import Any
from uuid import UUID

from babel.numbers import is_currency
from django.db import transaction

from npa_market.common.clock import database_now
from npa_market.common.errors import InvalidInput, Refused
from npa_market.common.ids import next_reference
from npa_market.common.texts import can_be_kept
from npa_market.evidence.services import record
from npa_market.packages.bidder_screen import findings_for_others
from npa_market.packages.criteria import Criteria, read_criteria
from npa_market.packages.freezing import seal_package, start_sealing
from npa_market.packages.keeping import forget_criteria, prepare_columns, save_criteria
from npa_market.packages.models import (
    Package,
    PackageLoan,
    PackageReader,
    PackageState,
)
from npa_market.packages.outside import bond_of, tell_of_end
from npa_market.packages.queries import tapes_for
from npa_market.packages.statements import content_of_entry
from npa_market.packages.versions import new_version
from npa_market.parties.models import Organisation, User
from npa_market.parties.permissions import require

__all__ = [
    "draft_package",
    "forget_criteria",
    "grant_reader",
    "new_version",
    "prepare_columns",
    "return_package",
    "revise_package",
    "revoke_reader",
    "save_criteria",
    "screen_package",
    "seal_package",
    "start_sealing",
    "withdraw_package",
]


@transaction.atomic
def draft_package(
    *,
    user: User,
    seller: Organisation,
    title: str,
    currency: str,
    cut_off_date: date,
    criteria: dict[str, Any],
    transfer_basis: str,
) -> Package:
    """A new draft; the same draft by the same person again is the first one.

    criteria: the document of `criteria.read_criteria`. Raises InvalidInput where a part is wrong
    or a tape has another currency or cut-off date, NotPermitted for anybody but the seller's
    analysts.
    """
    require(user, "packages.draft_package", seller)
    wanted = {
        "seller": seller,
        "title": _checked_text(title, "title", 200),
        "currency": _checked_currency(currency),
        "cut_off_date": cut_off_date,
        "criteria": criteria,
        "transfer_basis": _checked_text(transfer_basis, "transfer_basis", 300, may_be_empty=True),
        "created_by": user,
    }
    counted = _counted(seller, criteria, currency, cut_off_date)
    Organisation.objects.select_for_update().get(pk=seller.pk)  # Two clicks make one draft.
    same = Package.objects.filter(**wanted, state=PackageState.DRAFT, previous=None).first()
    if same is not None:
        return same
    package = Package.objects.create(
        **wanted, **counted, reference=next_reference("PKG"), created_at=database_now()
    )
    record(type="package.drafted", subject=package, actor=user, payload=content_of_entry(package))
    return package


def _checked_text(text: str, field: str, longest: int, may_be_empty: bool = False) -> str:
    cleaned = " ".join(text.split())
    if not cleaned and not may_be_empty:
        raise InvalidInput("text_missing", f"Write a {field.replace('_', ' ')}.", field=field)
    if len(cleaned) > longest or not can_be_kept(cleaned):
        raise InvalidInput("text_too_long", f"At most {longest} characters.", field=field)
    return cleaned


def _checked_currency(currency: str) -> str:
    if not is_currency(currency):
        raise InvalidInput("currency_unknown", "Write an ISO 4217 code.", field="currency")
    return currency


def _counted(
    seller: Organisation, document: dict[str, Any], currency: str, cut_off_date: date
) -> dict[str, int]:
    """Totals of the selection; refuses criteria that are wrong or name unfit tapes."""
    from npa_market.packages.choosing import chosen

    criteria = read_criteria(document)
    _refuse_unfit(seller, criteria, currency, cut_off_date)
    return asdict(chosen(seller, criteria, currency, cut_off_date).totals_to_keep())


def _refuse_unfit(
    seller: Organisation, criteria: Criteria, currency: str, cut_off_date: date
) -> None:
    fit = tapes_for(seller, currency, cut_off_date)
    if criteria.tapes:
        if fit.filter(pk__in=criteria.tapes).count() != len(criteria.tapes):
            raise InvalidInput(
                "tape_unfit",
                f"A chosen tape is not an imported tape of yours in {currency} "
                f"as of {cut_off_date}: one currency and one cut-off date per package.",
                field="criteria",
            )
    elif not fit.exists():
        raise InvalidInput(
            "no_tape",
            f"There is no imported tape in {currency} as of {cut_off_date}.",
            field="cut_off_date",
        )


@transaction.atomic
def revise_package(
    *,
    user: User,
    package_id: UUID,
    title: str,
    cut_off_date: date,
    criteria: dict[str, Any],
    transfer_basis: str,
) -> Package:
    """Change a package that is not sealed yet; it is a draft again and the screen starts over.

    The currency stays. Nothing is written where nothing changed. Raises as `draft_package`.
    """
    package = Package.objects.select_for_update().get(pk=package_id)
    require(user, "packages.revise_package", package)
    _refuse_unless(package, PackageState.DRAFT, PackageState.SCREENED)
    wanted: dict[str, Any] = {
        "title": _checked_text(title, "title", 200),
        "cut_off_date": cut_off_date,
        "criteria": criteria,
        "transfer_basis": _checked_text(transfer_basis, "transfer_basis", 300, may_be_empty=True),
    }
    counted = _counted(package.seller, criteria, package.currency, cut_off_date)
    if all(getattr(package, name) == value for name, value in wanted.items()):
        return package
    previous_state = package.state
    for name, value in {**wanted, **counted}.items():
        setattr(package, name, value)
    package.edited_by = user
    _back_to_draft(package)
    record(
        type="package.revised",
        subject=package,
        actor=user,
        prev_state=previous_state,
        payload=content_of_entry(package),
    )
    return package


def _back_to_draft(package: Package) -> None:
    package.state = PackageState.DRAFT
    package.screen_results, package.screened_at, package.selection_sha256 = [], None, ""
    package.overview = {}
    package.save()


@transaction.atomic
def return_package(*, user: User, package_id: UUID, reason: str) -> Package:
    """The approver sends a screened package back to its maker, with a reason."""
    package = Package.objects.select_for_update().get(pk=package_id)
    require(user, "packages.return_package", package)
    _refuse_unless(package, PackageState.SCREENED)
    why = _checked_text(reason, "reason", 500)
    _back_to_draft(package)
    record(
        type="package.returned",
        subject=package,
        actor=user,
        prev_state=PackageState.SCREENED,
        payload={"reference": package.reference, "reason": why},
    )
    return package


def screen_package(*, user: User, package_id: UUID) -> Package:
    """Run the pre-sale screen; may be repeated until the package is sealed.

    Stores per rule what was hit and excluded, the totals of what is left and how it differs from
    the version before, so that who seals decides on what is shown. The rules run before
    the lock is taken, as they take seconds on large packages. Raises Refused where nothing is left
    or the package was changed meanwhile, InvalidInput where the transfer basis is not recorded.
    """
    from npa_market.packages.screening import figures_of, screen_loans

    package = Package.objects.select_related("seller", "previous").get(pk=package_id)
    require(user, "packages.screen_package", package)
    _refuse_unless(package, PackageState.DRAFT, PackageState.SCREENED)
    if not package.transfer_basis:
        raise InvalidInput(
            "no_transfer_basis",
            "Record the legal basis of the transfer before the screen.",
            field="transfer_basis",
        )
    screened = screen_loans(package)
    if not screened.kept.num_rows:
        raise Refused("nothing_eligible", "No loan passes the screen with these criteria.")
    outcome = {
        "screen_results": screened.documents(),
        "selection_sha256": screened.selection_sha256(),
        "overview": figures_of(package, screened),
        **screened.sums(),
    }
    return _store_screen(package, user, outcome)


@transaction.atomic
def _store_screen(read: Package, user: User, outcome: dict[str, Any]) -> Package:
    package = Package.objects.select_for_update().get(pk=read.pk)
    _refuse_unless(package, PackageState.DRAFT, PackageState.SCREENED)
    if content_of_entry(package) != content_of_entry(read):
        raise Refused("package_changed", "The package was changed meanwhile. Screen it again.")
    previous_state = package.state
    for name, value in outcome.items():
        setattr(package, name, value)
    package.state = PackageState.SCREENED
    package.screened_at = database_now()
    package.save()
    record(
        type="package.screened",
        subject=package,
        actor=user,
        prev_state=previous_state,
        payload=content_of_entry(package)
        | {"screen": findings_for_others(package.screen_results, package.borrowers)},
    )
    return package


def _refuse_unless(package: Package, *states: PackageState) -> None:
    if package.state not in states:
        raise Refused(
            "wrong_state", f"{package.reference} is {package.get_state_display().lower()}."
        )


@transaction.atomic
def withdraw_package(*, user: User, package_id: UUID, reason: str) -> Package:
    """Take a package off; its loans are free for another. Withdrawn again, it stays as it is.

    The data room of a sealed one is closed with it. Raises Refused while something further along
    the corridor binds it (a lot, a deal).
    """
    package = Package.objects.select_for_update().get(pk=package_id)
    is_sealed = package.state == PackageState.SEALED
    require(user, "packages.withdraw_package" if is_sealed else "packages.withdraw_draft", package)
    if package.state == PackageState.WITHDRAWN:
        return package
    _refuse_unless(package, PackageState.DRAFT, PackageState.SCREENED, PackageState.SEALED)
    if bond := bond_of(package):
        raise Refused("package_bound", f"{package.reference} cannot be withdrawn: {bond}.")
    previous_state = package.state
    package.state = PackageState.WITHDRAWN
    package.end_reason = _checked_text(reason, "reason", 500)
    package.save(update_fields=["state", "end_reason"])
    PackageLoan.objects.filter(package=package, is_live=True).update(is_live=False)
    if is_sealed:
        tell_of_end(package, user)
    record(
        type="package.withdrawn",
        subject=package,
        actor=user,
        prev_state=previous_state,
        payload={"reference": package.reference, "reason": package.end_reason},
    )
    return package


@transaction.atomic
def grant_reader(*, package: Package, reader: Organisation) -> PackageReader:
    """Let an institution read a sealed package. The admission that causes it writes the entry."""
    _refuse_unless(package, PackageState.SEALED)
    grant, created = PackageReader.objects.get_or_create(
        package=package, reader=reader, defaults={"granted_at": database_now()}
    )
    if not created and grant.revoked_at is not None:
        grant.revoked_at = None
        grant.granted_at = database_now()
        grant.save(update_fields=["revoked_at", "granted_at"])
    return grant


@transaction.atomic
def revoke_reader(*, package: Package, reader: Organisation) -> None:
    """End an institution's right to read; nothing happens where there is none."""
    PackageReader.objects.filter(package=package, reader=reader, revoked_at=None).update(
        revoked_at=database_now()
    )
