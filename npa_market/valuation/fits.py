"""Calibrations fitted to an institution's own history: asked for, fitted by a worker, kept.

They are the institution's own like its runs; a buyer's leave no entry in the log of the venue.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from npa_market.common.clock import database_now
from npa_market.common.errors import InvalidInput, Refused
from npa_market.common.files import store_bytes, store_path
from npa_market.common.jobs import queue_job
from npa_market.evidence.services import record
from npa_market.packages.models import Package, PackageState
from npa_market.parties.models import Organisation, User
from npa_market.parties.permissions import require
from npa_market.parties.roles import OrganisationKind
from npa_market.valuation import door, histories
from npa_market.valuation.models import Fit, FitSource, ValuationState

LONGEST_TITLE = 80
Progress = Callable[[int, int, str], None]
STEPS = 3


def fit_to_file(
    *,
    user: User,
    organisation: Organisation,
    title: str,
    chunks: Iterable[bytes],
    file_name: str,
    currency: str,
    basis: str,
) -> Fit:
    """Keep an uploaded history and queue a fit to it.

    The header is read before anything is kept: a file with columns a history does not need leaves
    nothing. Raises NotPermitted, InvalidInput naming the field.
    """
    require(user, "valuation.fit", organisation)
    name = _checked(organisation, title, currency, basis)
    suffix = histories.suffix_of(file_name)
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"history{suffix}"
        size = 0
        with path.open("wb") as copy:
            for chunk in chunks:
                size += len(chunk)
                if size > settings.MAX_TAPE_BYTES:
                    raise InvalidInput("history_too_large", "The file is too large.", field="file")
                copy.write(chunk)
        histories.check_header(path)
        stored = store_path(path)
    return _queued(
        user,
        Fit(
            organisation=organisation,
            title=name,
            source=FitSource.FILE,
            history_file=stored,
            file_name=Path(file_name).name[:200],
            currency=currency,
            basis=basis,
        ),
    )


def fit_to_package(*, user: User, organisation: Organisation, title: str, package_id: UUID) -> Fit:
    """Queue a fit to the receipts in one of the institution's own sealed packages.

    Raises NotPermitted, InvalidInput, Refused (not sealed).
    """
    require(user, "valuation.fit", organisation)
    package = Package.objects.filter(pk=package_id, seller=organisation).first()
    if package is None:
        raise InvalidInput("package_unknown", "There is no such package of yours.", field="package")
    if package.state != PackageState.SEALED:
        raise Refused("package_not_sealed", f"{package.reference} is not sealed.", field="package")
    name = _checked(organisation, title, package.currency, door.BASIS)
    return _queued(
        user,
        Fit(
            organisation=organisation,
            title=name,
            source=FitSource.PACKAGE,
            package=package,
            currency=package.currency,
            basis=door.BASIS,
        ),
    )


def _checked(organisation: Organisation, title: str, currency: str, basis: str) -> str:
    from pricing.loans import BASES

    if organisation.kind == OrganisationKind.VENUE:
        raise InvalidInput("not_a_party", "The venue calibrates nothing.")
    name = " ".join(title.split())
    if not name or len(name) > LONGEST_TITLE:
        raise InvalidInput(
            "title_missing", f"Write a name of at most {LONGEST_TITLE} characters.", field="title"
        )
    if currency not in door.REFERENCE_OF:
        known = ", ".join(door.REFERENCE_OF)
        raise InvalidInput(
            "currency_unknown", f"Histories in {known} can be fitted.", field="currency"
        )
    if basis not in BASES:
        raise InvalidInput("basis_unknown", f"One of {', '.join(BASES)}.", field="basis")
    return name


@transaction.atomic
def _queued(user: User, fit: Fit) -> Fit:
    from npa_market.valuation.tasks import calibrate_task

    fit.created_by, fit.created_at = user, database_now()
    try:
        with transaction.atomic():
            fit.save()
    except IntegrityError as reason:
        raise InvalidInput(
            "title_taken", f"You have a calibration named {fit.title!r} already.", field="title"
        ) from reason
    fit.job = queue_job(
        task=calibrate_task,
        kind="calibrate",
        title=f"Calibrate {fit.title}",
        organisation_id=fit.organisation_id,
        started_by=user,
        subject_url=fit.get_absolute_url(),
        arguments={"fit_id": str(fit.pk)},
    )
    fit.save(update_fields=["job"])
    _record("calibration.requested", fit, user)
    return fit


def run_fit(*, fit_id: UUID, progress: Progress | None = None) -> Fit:
    """Read the history, fit, keep the calibration by its hash; a finished fit is returned as it is.

    A system act. Where the history cannot be fitted the fit ends as failed, in words that name
    row and column, and Refused is raised.
    """
    from pricing import PricingError, calibrate, reference_calibration

    tell = progress or (lambda done, total, words: None)
    fit = Fit.objects.select_related("package", "organisation").get(pk=fit_id)
    if fit.state == ValuationState.DONE:
        return fit
    try:
        tell(0, STEPS, "Reading the history")
        read = _history(fit)
        tell(1, STEPS, f"Fitting to {read.history.loans:,} loans")
        base = reference_calibration(door.REFERENCE_OF[fit.currency])
        calibration = calibrate(read.history, name=fit.title, base=base)
        tell(2, STEPS, "Keeping the calibration")
        if door.BASIS not in calibration.scales:
            raise Refused("basis_unknown", "The fit does not speak of the claim.")
    except (PricingError, OSError, Refused) as reason:
        words = reason.message if isinstance(reason, Refused) else str(reason)
        _failed(fit_id, words)
        raise Refused("calibration_failed", words) from reason
    outcome = {
        "file": store_bytes(calibration.to_json().encode()),
        "content_hash": calibration.content_hash,
        "triangle": histories.triangle_of(read.history),
        "left_out": list(read.left_out),
    }
    return _done(fit_id, outcome)


def _history(fit: Fit) -> histories.ReadHistory:
    if fit.package is not None:
        return histories.package_history(fit.package)
    return histories.uploaded_history(
        str(fit.history_file_id), fit.file_name, currency=fit.currency, basis=fit.basis
    )


@transaction.atomic
def _done(fit_id: UUID, outcome: dict[str, Any]) -> Fit:
    fit = Fit.objects.select_for_update().get(pk=fit_id)
    if fit.state == ValuationState.DONE:
        return fit
    for name, value in outcome.items():
        setattr(fit, name, value)
    fit.state, fit.failure, fit.finished_at = ValuationState.DONE, "", database_now()
    fit.save()
    _record("calibration.fitted", fit, None)
    return fit


@transaction.atomic
def _failed(fit_id: UUID, words: str) -> None:
    fit = Fit.objects.select_for_update().get(pk=fit_id)
    if fit.state == ValuationState.DONE:
        return
    fit.state, fit.failure = ValuationState.FAILED, words[:500]
    fit.finished_at = database_now()
    fit.save(update_fields=["state", "failure", "finished_at"])
    _record("calibration.failed", fit, None)


def _record(act: str, fit: Fit, actor: User | None) -> None:
    if fit.organisation.kind != OrganisationKind.SELLER:
        return
    payload = {"source": fit.source, "calibration_sha256": fit.content_hash}
    record(type=act, subject=fit, actor=actor, payload=payload)
