"""Valuations in the worker: a run is cut into shards, any worker takes any shard."""

from uuid import UUID

from celery import group, shared_task

from npa_market.common.jobs import running
from npa_market.valuation.fits import run_fit
from npa_market.valuation.services import begin_run, compute_shard


@shared_task
def run_valuation_task(job_id: str, valuation_id: str) -> None:
    """Send out the shards of a run as a group; sent twice, each shard is still computed once."""
    waiting = begin_run(valuation_id=UUID(valuation_id))
    if waiting:
        group(value_shard_task.si(str(shard)) for shard in waiting).apply_async()


@shared_task
def value_shard_task(shard_id: str) -> None:
    """Compute one shard; a fault sends it out once more, up to the limit of the service."""
    if compute_shard(shard_id=UUID(shard_id)):
        value_shard_task.delay(shard_id)


@shared_task
def calibrate_task(job_id: str, fit_id: str) -> None:
    """Fit a calibration to a history."""
    with running(job_id) as progress:
        if progress:
            run_fit(fit_id=UUID(fit_id), progress=progress.report)
