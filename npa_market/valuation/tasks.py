"""Valuations in the worker."""

from uuid import UUID

from celery import shared_task

from npa_market.common.jobs import running
from npa_market.valuation.services import run_valuation


@shared_task
def run_valuation_task(job_id: str, valuation_id: str) -> None:
    """Compute one run; its progress counts blocks of 256 paths."""
    with running(job_id) as progress:
        if progress:
            run_valuation(valuation_id=UUID(valuation_id), progress=progress.report)
