"""A run in parts: shards claimed by workers, computed anywhere, joined once, resumed when lost."""

import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, Sum

from npa_market.common.clock import database_now
from npa_market.common.files import store_bytes
from npa_market.common.jobs import end_job
from npa_market.common.models import Job, JobState
from npa_market.valuation import door, pools
from npa_market.valuation.models import ShardState, Valuation, ValuationShard, ValuationState
from npa_market.valuation.queries import calibration_at

SHARD_BLOCKS = 4  # of 256 paths: a second or two of work, so that progress moves
LEASE = timedelta(minutes=5)  # a worker without a sign of life for so long is taken for dead
MOST_ATTEMPTS = 3
Progress = Callable[[int, int], None]


class NoLongerWanted(Exception):
    """The run was cancelled or finished while a shard of it was being computed."""


def cut(valuation: Valuation) -> None:
    """Make the shards of a run; those that stand are kept."""
    blocks = valuation.terms["paths"] // door.BLOCK_PATHS
    ValuationShard.objects.bulk_create(
        [
            ValuationShard(
                valuation=valuation,
                first_block=first,
                end_block=min(first + SHARD_BLOCKS, blocks),
            )
            for first in range(0, blocks, SHARD_BLOCKS)
        ],
        ignore_conflicts=True,
    )


def open_shards(valuation_id: UUID) -> list[ValuationShard]:
    """Shards that a worker may take now, lost ones included."""
    return list(_free(database_now()).filter(valuation=valuation_id))


def _free(now: datetime) -> Any:
    lost = Q(state=ShardState.CLAIMED) & (Q(claimed_at=None) | Q(claimed_at__lt=now - LEASE))
    return ValuationShard.objects.filter(Q(state=ShardState.OPEN) | lost)


def claim(shard_id: UUID) -> ValuationShard | None:
    """Take a shard for this worker; None where another has it, it is done, or nobody wants it."""
    now = database_now()
    taken = (
        _free(now)
        .filter(pk=shard_id, valuation__state=ValuationState.QUEUED)
        .update(state=ShardState.CLAIMED, claimed_at=now, attempts=F("attempts") + 1)
    )
    if not taken:
        return None
    return ValuationShard.objects.select_related("valuation__package", "valuation__fit").get(
        pk=shard_id
    )


def compute(shard: ValuationShard) -> None:
    """Simulate the blocks of a claimed shard and keep them.

    Raises pricing.PricingError, OSError, OverflowError, NoLongerWanted; InvalidInput or Refused
    where the run can no longer be computed as it was asked for.
    """
    from pricing.shards import write_shard

    valuation = shard.valuation
    plan = pools.plan_for(valuation.package, valuation.tape, inputs_of(valuation))

    def alive(done: int, total: int) -> None:
        still = ValuationShard.objects.filter(
            pk=shard.pk, state=ShardState.CLAIMED, valuation__state=ValuationState.QUEUED
        )
        if not still.update(claimed_at=database_now()):
            raise NoLongerWanted

    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder) / "part.npz"
        write_shard(plan, shard.blocks, part, alive)
        content = part.read_bytes()
    ValuationShard.objects.filter(pk=shard.pk, state=ShardState.CLAIMED).update(
        state=ShardState.DONE, content=content, claimed_at=database_now()
    )


def release(shard: ValuationShard) -> bool:
    """Give a shard back after a fault; False where it has been tried often enough."""
    ValuationShard.objects.filter(pk=shard.pk, state=ShardState.CLAIMED).update(
        state=ShardState.OPEN, claimed_at=None
    )
    return shard.attempts < MOST_ATTEMPTS


def report_progress(valuation: Valuation) -> bool:
    """Write the blocks done into the job's row; whether all of them are."""
    rows = ValuationShard.objects.filter(valuation=valuation)
    total = rows.aggregate(n=Sum(F("end_block") - F("first_block")))["n"] or 0
    done = (
        rows.filter(state=ShardState.DONE).aggregate(n=Sum(F("end_block") - F("first_block")))["n"]
        or 0
    )
    parts, all_parts = rows.filter(state=ShardState.DONE).count(), rows.count()
    if valuation.job_id:
        Job.objects.filter(pk=valuation.job_id, state=JobState.RUNNING).update(
            done=done, total=total, message=f"{parts} of {all_parts} parts computed"
        )
    return bool(total) and done == total


def join(valuation: Valuation) -> dict[str, Any]:
    """Files and figures of a run whose shards are all done, by column of the run.

    Raises pricing.PricingError, OSError, OverflowError.
    """
    from pricing.shards import merge

    inputs, package = inputs_of(valuation), valuation.package
    plan = pools.plan_for(package, valuation.tape, inputs)
    loans, stand_ins = pools.pool_of(package, valuation.tape, inputs.channel)
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for shard in ValuationShard.objects.filter(valuation=valuation, state=ShardState.DONE):
            paths.append(Path(folder) / f"{shard.first_block}.npz")
            paths[-1].write_bytes(bytes(shard.content or b""))
        result = merge(plan, paths)
    priced = door.Priced(result, inputs.calibration, stand_ins)
    run = door.inputs_document(package.content_sha256, valuation.tape, inputs)
    outcome: dict[str, Any] = {
        **door.headline_minor(result),
        "result_file": store_bytes(door.result_bytes(priced, run, inputs)),
        "allocation_file": store_bytes(door.allocation_bytes(loans.loan_id, result)),
    }
    if valuation.is_sellers_own:
        outcome["reserve_minor"] = door.to_minor(result.seller_reserve, valuation.currency)
    return outcome


def inputs_of(valuation: Valuation) -> door.Inputs:
    """The run's inputs as they were asked for. Raises InvalidInput, Refused."""
    return door.inputs_of(
        calibration_name=valuation.calibration_name,
        fitted=calibration_at(valuation.fit, valuation.package),
        currency=valuation.currency,
        terms=valuation.terms,
    )


@transaction.atomic
def tidy(valuation: Valuation) -> None:
    """Drop the contents of the parts of a joined run and end its job."""
    ValuationShard.objects.filter(valuation=valuation).update(content=None)
    if valuation.job_id:
        end_job(valuation.job_id, JobState.DONE)


def lost_runs() -> list[Valuation]:
    """Runs under way without a sign of life for longer than a lease, each taken once per lease."""
    before = database_now() - LEASE
    waiting = Valuation.objects.filter(
        state=ValuationState.QUEUED,
        job__state__in=[JobState.QUEUED, JobState.RUNNING],
        dispatched_at__lt=before,
    ).exclude(shards__claimed_at__gte=before)
    taken = []
    for valuation in waiting.distinct()[:20]:
        claimed = Valuation.objects.filter(
            pk=valuation.pk, dispatched_at=valuation.dispatched_at
        ).update(dispatched_at=database_now())
        if claimed:
            taken.append(valuation)
    return taken
