"""Asking for a valuation and computing it: the same inputs give the stored run."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.db import transaction

from npa_market.common.clock import database_now
from npa_market.common.errors import InvalidInput, Refused
from npa_market.common.files import store_bytes
from npa_market.common.jobs import queue_job
from npa_market.evidence.services import record
from npa_market.packages.models import Package, PackageState
from npa_market.packages.sealed import read_sealed
from npa_market.parties.models import Organisation, User
from npa_market.parties.permissions import require
from npa_market.valuation import door
from npa_market.valuation.models import Valuation, ValuationState
from npa_market.valuation.rules import Commission

Progress = Callable[[int, int], None]


@transaction.atomic
def request_valuation(
    *,
    user: User,
    organisation: Organisation,
    package_id: UUID,
    calibration_name: str = "",
    terms: Mapping[str, Any] | None = None,
) -> Valuation:
    """The run of these inputs for this institution: the stored one, or a new one put to work.

    A run that failed, or whose job ended without a result, is put to work again. An empty
    calibration name takes the reference of the package's currency. Raises InvalidInput naming the
    field, NotPermitted, Refused (package not sealed).
    """
    package = Package.objects.visible_to(user).filter(pk=package_id).first()
    if package is None:
        raise InvalidInput("package_unknown", "There is no such package.", field="package")
    require(user, "valuation.request_valuation", Commission(package, organisation))
    if package.state != PackageState.SEALED:
        raise Refused(
            "package_not_sealed",
            f"{package.reference} is {package.get_state_display().lower()}; "
            "a valuation needs a sealed package.",
            field="package",
        )
    inputs = door.inputs_of(
        calibration_name=calibration_name, currency=package.currency, terms=terms or {}
    )
    valuation, is_new = _kept_or_new(package, organisation, user, inputs)
    if is_new or _is_stalled(valuation):
        _put_to_work(valuation, user)
    return valuation


def _kept_or_new(
    package: Package, organisation: Organisation, user: User, inputs: door.Inputs
) -> tuple[Valuation, bool]:
    """The row of these inputs, locked."""
    from pricing import ENGINE_VERSION

    key = {
        "organisation": organisation,
        "inputs_sha256": door.inputs_sha256(package.content_sha256, inputs),
    }
    _, is_new = Valuation.objects.get_or_create(
        **key,
        defaults={
            "package": package,
            "created_by": user,
            "created_at": database_now(),
            "calibration_name": inputs.calibration.name,
            "calibration_sha256": inputs.calibration.content_hash,
            "is_reference_calibration": not inputs.calibration.is_fitted,
            "terms": inputs.as_document(),
            "basis": door.BASIS,
            "engine_version": ENGINE_VERSION,
            "currency": package.currency,
        },
    )
    return Valuation.objects.select_for_update().get(**key), is_new


def _is_stalled(valuation: Valuation) -> bool:
    """Failed, or waiting for a job that is over or was lost."""
    if valuation.state == ValuationState.QUEUED:
        return valuation.job is None or valuation.job.is_over
    return valuation.state == ValuationState.FAILED


def _put_to_work(valuation: Valuation, user: User) -> None:
    from npa_market.valuation.tasks import run_valuation_task

    before = valuation.state if valuation.job_id else ""
    valuation.job = queue_job(
        task=run_valuation_task,
        kind="valuation",
        title=f"Value {valuation.package.reference}",
        organisation_id=valuation.organisation_id,
        started_by=user,
        subject_url=valuation.get_absolute_url(),
        arguments={"valuation_id": str(valuation.pk)},
    )
    valuation.state, valuation.failure = ValuationState.QUEUED, ""
    valuation.save(update_fields=["state", "failure", "job"])
    record(
        type="valuation.requested",
        subject=valuation,
        actor=user,
        payload=_provenance(valuation),
        prev_state=before,
    )


def run_valuation(*, valuation_id: UUID, progress: Progress | None = None) -> Valuation:
    """Compute a requested run and keep its files; a finished run is returned as it is.

    A system act: the right to ask was checked with the request. The computing holds no lock, so
    two workers may both do it; they find the same bytes and one of them writes. Where the package
    cannot be priced the run ends as failed, in words, and Refused is raised.
    """
    from pricing import PricingError

    valuation = Valuation.objects.select_related("package").get(pk=valuation_id)
    if valuation.state == ValuationState.DONE:
        return valuation
    package = valuation.package
    inputs = door.inputs_of(
        calibration_name=valuation.calibration_name,
        currency=valuation.currency,
        terms=valuation.terms,
    )
    if door.inputs_sha256(package.content_sha256, inputs) != valuation.inputs_sha256:
        raise _failed(valuation_id, "The model has changed since; ask for the valuation again")
    try:
        frame = read_sealed(package, door.COLUMNS)
        priced = door.price_rows(frame, inputs, valuation.currency, progress)
        figures = door.headline_minor(priced.result)
    except (PricingError, OverflowError, OSError) as reason:
        raise _failed(valuation_id, f"The package could not be priced: {reason}") from reason
    files = {
        "result_file": store_bytes(door.result_bytes(priced, package.content_sha256, inputs)),
        "allocation_file": store_bytes(door.allocation_bytes(frame["loan_token"], priced.result)),
    }
    if valuation.is_sellers_own:
        reserve = priced.result.seller_reserve
        figures["reserve_minor"] = door.to_minor(reserve, valuation.currency)
    return _done(valuation_id, {**figures, **files})


@transaction.atomic
def _done(valuation_id: UUID, outcome: dict[str, Any]) -> Valuation:
    valuation = Valuation.objects.select_for_update().get(pk=valuation_id)
    if valuation.state == ValuationState.DONE:
        return valuation
    before = valuation.state
    for name, value in outcome.items():
        setattr(valuation, name, value)
    valuation.state, valuation.failure = ValuationState.DONE, ""
    valuation.finished_at = database_now()
    valuation.save()
    record(
        type="valuation.done",
        subject=valuation,
        actor=None,
        payload={
            **_provenance(valuation),
            "result_sha256": valuation.result_file_id,
            "allocation_sha256": valuation.allocation_file_id,
        },
        prev_state=before,
    )
    return valuation


@transaction.atomic
def _failed(valuation_id: UUID, words: str) -> Refused:
    """Keep the reason with the run; the refusal to raise."""
    valuation = Valuation.objects.select_for_update().get(pk=valuation_id)
    if valuation.state != ValuationState.DONE:
        before = valuation.state
        valuation.state, valuation.failure = ValuationState.FAILED, words[:500]
        valuation.finished_at = database_now()
        valuation.save(update_fields=["state", "failure", "finished_at"])
        record(
            type="valuation.failed",
            subject=valuation,
            actor=None,
            payload=_provenance(valuation),
            prev_state=before,
        )
    return Refused("valuation_failed", words)


def _provenance(valuation: Valuation) -> dict[str, Any]:
    """Hashes and seed: enough to repeat the run, and no amount."""
    return {
        "package": valuation.package.reference,
        "package_sha256": valuation.package.content_sha256,
        "calibration": valuation.calibration_name,
        "calibration_sha256": valuation.calibration_sha256,
        "engine_version": valuation.engine_version,
        "inputs_sha256": valuation.inputs_sha256,
        "paths": valuation.terms["paths"],
        "seed": valuation.terms["seed"],
    }
