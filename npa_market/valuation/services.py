"""Asking for a valuation, computing it in shards, cancelling it: same inputs, the stored run."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction

from npa_market.common.clock import database_now
from npa_market.common.errors import InvalidInput, Refused
from npa_market.common.jobs import begin_job, end_job, queue_job
from npa_market.common.models import JobState
from npa_market.evidence.services import record
from npa_market.packages.models import Package, PackageState
from npa_market.parties.models import Organisation, User
from npa_market.parties.permissions import require
from npa_market.valuation import door, shards
from npa_market.valuation.models import (
    Fit,
    ShardState,
    Valuation,
    ValuationShard,
    ValuationState,
)
from npa_market.valuation.queries import calibration_at
from npa_market.valuation.rules import Commission
from npa_market.valuation.tape import open_tape

log = structlog.get_logger(__name__)
CANCELLED = "Cancelled; the parts computed so far are kept for the next time"

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
    commission = openable(user, organisation, package_id)
    fit = fit_named(user, organisation, calibration_name)
    inputs = door.inputs_of(
        calibration_name=calibration_name,
        fitted=calibration_at(fit, commission.package),
        currency=commission.package.currency,
        terms=terms or {},
    )
    valuation, is_new = _kept_or_new(commission, user, inputs, fit)
    if is_new or _is_stalled(valuation):
        _put_to_work(valuation, user)
    return valuation


@transaction.atomic
def openable(user: User, organisation: Organisation, package_id: UUID) -> Commission:
    """A sealed package that this person may have valued for this institution now.

    Raises InvalidInput, NotPermitted, Refused; a buyer's first reading is entered in the log of
    the data room.
    """
    package = Package.objects.visible_to(user).filter(pk=package_id).first()
    if package is None:
        raise InvalidInput(
            "package_unknown",
            "There is no such package that you may read: a closed data room takes its own along.",
            field="package",
        )
    commission = Commission(package, organisation)
    require(user, "valuation.request_valuation", commission)
    if package.state != PackageState.SEALED:
        raise Refused(
            "package_not_sealed",
            f"{package.reference} is {package.get_state_display().lower()}; "
            "a valuation needs a sealed package.",
            field="package",
        )
    open_tape(user=user, organisation=organisation, package=package)
    return commission


def fit_named(user: User, organisation: Organisation, name: str) -> Fit | None:
    """The institution's own finished calibration of this key; None where the name is no key."""
    try:
        key = UUID(name)
    except ValueError:
        return None
    fit = Fit.objects.visible_to(user).filter(
        pk=key, organisation=organisation, state=ValuationState.DONE
    )
    found = fit.first()
    if found is None:
        raise InvalidInput(
            "calibration_unknown", "There is no such calibration.", field="calibration_name"
        )
    return found


def _kept_or_new(
    commission: Commission, user: User, inputs: door.Inputs, fit: Fit | None
) -> tuple[Valuation, bool]:
    """The row of these inputs, locked."""
    from pricing import ENGINE_VERSION

    package, organisation = commission.package, commission.organisation
    form = commission.tape
    key = {
        "organisation": organisation,
        "inputs_sha256": door.inputs_sha256(package.content_sha256, form, inputs),
    }
    _, is_new = Valuation.objects.get_or_create(
        **key,
        defaults={
            "package": package,
            "created_by": user,
            "created_at": database_now(),
            "fit": fit,
            "tape": form,
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
    """Failed, cancelled, or waiting for a job that is over or was lost."""
    if valuation.state == ValuationState.QUEUED:
        return valuation.job is None or valuation.job.is_over
    return valuation.state in {ValuationState.FAILED, ValuationState.CANCELLED}


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
    valuation.dispatched_at = database_now()
    valuation.save(update_fields=["state", "failure", "job", "dispatched_at"])
    ValuationShard.objects.filter(valuation=valuation).exclude(state=ShardState.DONE).update(
        state=ShardState.OPEN, claimed_at=None, attempts=0
    )
    _record("valuation.requested", valuation, user, before)


@transaction.atomic
def cancel_valuation(*, user: User, valuation_id: UUID) -> Valuation:
    """Stop a run that is under way; asked for again it goes on with the parts that stand.

    Cancelled again it is the same. Raises NotPermitted, Refused where the run is over.
    """
    valuation = (
        Valuation.objects.visible_to(user)
        .select_for_update(of=("self",))
        .select_related("package", "organisation")
        .get(pk=valuation_id)
    )
    require(user, "valuation.manage_run", valuation)
    if valuation.state == ValuationState.CANCELLED:
        return valuation
    if valuation.state != ValuationState.QUEUED:
        raise Refused("valuation_over", "The run is over; there is nothing to cancel.")
    before = valuation.state
    valuation.state, valuation.finished_at = ValuationState.CANCELLED, database_now()
    valuation.save(update_fields=["state", "finished_at"])
    if valuation.job_id:
        end_job(valuation.job_id, JobState.CANCELLED, CANCELLED)
    _record("valuation.cancelled", valuation, user, before)
    return valuation


def begin_run(*, valuation_id: UUID) -> list[UUID]:
    """Cut a requested run into shards; keys of those to compute, none where it is over.

    A run whose parts are all there is joined at once.
    """
    valuation = Valuation.objects.select_related("package").get(pk=valuation_id)
    if valuation.state != ValuationState.QUEUED or (
        valuation.job_id and not begin_job(valuation.job_id)
    ):
        return []
    shards.cut(valuation)
    free = shards.open_shards(valuation_id)
    if any(shard.attempts >= shards.MOST_ATTEMPTS for shard in free):
        _failed(valuation_id, "Workers ended while they computed it; ask for it with fewer paths")
        return []
    waiting = [shard.pk for shard in free]
    if not waiting and shards.report_progress(valuation):
        _finish(valuation_id)
    return waiting


def compute_shard(*, shard_id: UUID) -> bool:
    """Compute one shard of a run, and join the run where it was the last; whether to try again.

    A system act: the right to ask was checked with the request. The computing holds no lock. A
    pool that cannot be priced fails the run in words; any other fault gives the shard back until
    it has been tried `shards.MOST_ATTEMPTS` times.
    """
    from pricing import PricingError

    shard = shards.claim(shard_id)
    if shard is None:
        return False
    valuation = shard.valuation
    try:
        _refuse_changed_model(valuation)
        shards.compute(shard)
    except shards.NoLongerWanted:
        return False
    except (PricingError, OverflowError, Refused) as reason:
        _failed(valuation.pk, _in_words(reason))
        return False
    except Exception as fault:
        log.exception("valuation_shard_failed", shard_id=str(shard_id), attempt=shard.attempts)
        if shards.release(shard):
            return True
        _failed(valuation.pk, f"A part could not be computed {shard.attempts} times: {fault}")
        return False
    if shards.report_progress(valuation):
        _finish(valuation.pk)
    return False


def _in_words(reason: Exception) -> str:
    if isinstance(reason, Refused):
        return reason.message
    return f"The package could not be priced: {reason}"


def _refuse_changed_model(valuation: Valuation) -> None:
    sha256 = valuation.package.content_sha256
    inputs = shards.inputs_of(valuation)
    if door.inputs_sha256(sha256, valuation.tape, inputs) != valuation.inputs_sha256:
        raise Refused("model_changed", "The model has changed since; ask for the valuation again")


def _finish(valuation_id: UUID) -> None:
    """Join the parts; two workers may both do it, they find the same bytes and one writes."""
    from pricing import PricingError

    valuation = Valuation.objects.select_related("package", "fit").get(pk=valuation_id)
    if valuation.state != ValuationState.QUEUED:
        return
    try:
        outcome = shards.join(valuation)
    except (PricingError, OverflowError, OSError) as reason:
        _failed(valuation_id, _in_words(reason))
        return
    shards.tidy(_done(valuation_id, outcome))


def run_valuation(*, valuation_id: UUID, progress: Progress | None = None) -> Valuation:
    """Compute a requested run here and now, shard by shard; a finished run is returned as it is.

    progress(done, total) counts blocks of 256 paths. Raises Refused where the run failed.
    """
    waiting = begin_run(valuation_id=valuation_id)
    while waiting:
        if not compute_shard(shard_id=waiting[0]):
            waiting.pop(0)
        if progress:
            rows = ValuationShard.objects.filter(valuation=valuation_id)
            done = sum(len(s.blocks) for s in rows.filter(state=ShardState.DONE).defer("content"))
            progress(done, sum(len(s.blocks) for s in rows.defer("content")))
    valuation = Valuation.objects.select_related("package").get(pk=valuation_id)
    if valuation.state == ValuationState.FAILED:
        raise Refused("valuation_failed", valuation.failure)
    return valuation


def resume_lost_runs() -> int:
    """Send out again what dead workers left behind; how many runs. For the sweeper."""
    from npa_market.valuation.tasks import run_valuation_task

    lost = shards.lost_runs()
    for valuation in lost:
        run_valuation_task.delay(job_id=str(valuation.job_id), valuation_id=str(valuation.pk))
    return len(lost)


@transaction.atomic
def _done(valuation_id: UUID, outcome: dict[str, Any]) -> Valuation:
    valuation = Valuation.objects.select_for_update().get(pk=valuation_id)
    if valuation.state != ValuationState.QUEUED:
        return valuation
    before = valuation.state
    for name, value in outcome.items():
        setattr(valuation, name, value)
    valuation.state, valuation.failure = ValuationState.DONE, ""
    valuation.finished_at = database_now()
    valuation.save()
    _record("valuation.done", valuation, None, before)
    return valuation


@transaction.atomic
def _failed(valuation_id: UUID, words: str) -> None:
    """Keep the reason with the run and its job; a run that is over stays as it is."""
    valuation = Valuation.objects.select_for_update().get(pk=valuation_id)
    if valuation.state != ValuationState.QUEUED:
        return
    before = valuation.state
    valuation.state, valuation.failure = ValuationState.FAILED, words[:500]
    valuation.finished_at = database_now()
    valuation.save(update_fields=["state", "failure", "finished_at"])
    if valuation.job_id:
        end_job(valuation.job_id, JobState.FAILED, words)
    _record("valuation.failed", valuation, None, before)


def _record(act: str, valuation: Valuation, actor: User | None, before: str) -> None:
    """Enter the seller's runs in the log; a buyer's leave no entry there.

    The venue reads the log, and nobody but the buyer may learn that a run exists, or how many do.
    """
    if not valuation.is_sellers_own:
        return
    payload = _provenance(valuation)
    if valuation.state == ValuationState.DONE:
        payload |= {
            "result_sha256": valuation.result_file_id,
            "allocation_sha256": valuation.allocation_file_id,
        }
    record(type=act, subject=valuation, actor=actor, payload=payload, prev_state=before)


def _provenance(valuation: Valuation) -> dict[str, Any]:
    """Hashes and seed: enough to repeat the run, and no amount."""
    own = {"fit_sha256": valuation.fit_sha256} if valuation.fit else {}
    return {
        **own,
        "package": valuation.package.reference,
        "package_sha256": valuation.package.content_sha256,
        "calibration": valuation.calibration_name,
        "calibration_sha256": valuation.calibration_sha256,
        "engine_version": valuation.engine_version,
        "inputs_sha256": valuation.inputs_sha256,
        "paths": valuation.terms["paths"],
        "seed": valuation.terms["seed"],
    }
