"""A run in parts: the same bytes in any order, each part once, nothing lost with a worker."""

import hashlib
from datetime import timedelta
from itertools import permutations

import pytest

from npa_market.common.clock import database_now
from npa_market.common.errors import NotPermitted, Refused
from npa_market.common.models import Job, JobState
from npa_market.evidence.models import Entry
from npa_market.parties.roles import Role
from npa_market.valuation import door, shards
from npa_market.valuation.models import ShardState, Valuation, ValuationShard, ValuationState
from npa_market.valuation.services import (
    begin_run,
    cancel_valuation,
    compute_shard,
    request_valuation,
    resume_lost_runs,
    run_valuation,
)
from npa_market.valuation.tape import read_tape
from tests.valuation.conftest import QUICK
from tests.valuation.priced import price_rows

THREE = {**QUICK, "paths": 256 * 16, "horizon_months": 6}  # cut at 6 blocks below


@pytest.fixture(autouse=True)
def _three_shards(monkeypatch):
    monkeypatch.setattr(shards, "SHARD_BLOCKS", 6)


@pytest.fixture
def asked(seller_user, seller, package):
    """A run whose task was not sent."""
    return request_valuation(
        user=seller_user, organisation=seller, package_id=package.pk, terms=THREE
    )


def sha256_of_one_go(valuation):
    """Hash of the result file as one run without shards would write it."""
    package, inputs = valuation.package, shards.inputs_of(valuation)
    priced = price_rows(read_tape(package, valuation.tape), inputs, valuation.currency)
    run = door.inputs_document(package.content_sha256, valuation.tape, inputs)
    return hashlib.sha256(door.result_bytes(priced, run, inputs)).hexdigest()


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_shards_in_any_order_give_the_bytes_of_one_run(order, asked):
    waiting = begin_run(valuation_id=asked.pk)
    assert [list(s.blocks) for s in asked.shards.all()] == [
        list(range(6)),
        list(range(6, 12)),
        list(range(12, 16)),
    ]
    for place in order:
        compute_shard(shard_id=waiting[place])
    asked.refresh_from_db()
    assert asked.state == ValuationState.DONE
    assert asked.result_file_id == sha256_of_one_go(asked)


def test_progress_goes_by_shard_and_ends_with_the_run(asked):
    job = Job.objects.get(pk=asked.job_id)
    seen = []
    for shard in begin_run(valuation_id=asked.pk):
        compute_shard(shard_id=shard)
        job.refresh_from_db()
        seen.append((job.done, job.total, job.state))
    assert seen == [(6, 16, "running"), (12, 16, "running"), (16, 16, "done")]
    assert not ValuationShard.objects.exclude(content=None).exists()  # joined: nothing is kept


def test_a_shard_sent_twice_is_computed_once(asked, monkeypatch):
    computed = []
    compute = shards.compute
    monkeypatch.setattr(shards, "compute", lambda s: (computed.append(s.pk), compute(s)))
    first, *_ = begin_run(valuation_id=asked.pk)
    again = begin_run(valuation_id=asked.pk)  # the task was delivered twice
    assert again[0] == first
    for shard in [first, first, *again]:
        compute_shard(shard_id=shard)
    assert sorted(computed) == sorted(again)


def faulty(monkeypatch, times):
    """Let the first shard fail so many times."""
    compute, faults = shards.compute, []

    def sometimes(shard):
        if shard.first_block == 0 and len(faults) < times:
            faults.append(shard.attempts)
            raise OSError("the store is away")
        compute(shard)

    monkeypatch.setattr(shards, "compute", sometimes)
    return faults


def test_a_shard_that_failed_is_tried_again(monkeypatch, ask, seller_user, seller, package):
    faults = faulty(monkeypatch, times=shards.MOST_ATTEMPTS - 1)
    run = ask(seller_user, seller, package, **THREE)
    assert faults == [1, 2]
    assert run.state == ValuationState.DONE
    assert run.job.state == JobState.DONE


def test_a_run_that_kept_failing_says_why_and_goes_on_with_the_parts_that_stand(
    monkeypatch, ask, seller_user, seller, package
):
    compute = shards.compute
    faulty(monkeypatch, times=shards.MOST_ATTEMPTS)
    waiting = request_valuation(
        user=seller_user, organisation=seller, package_id=package.pk, terms=THREE
    )
    first, second, _ = begin_run(valuation_id=waiting.pk)
    compute_shard(shard_id=second)
    while compute_shard(shard_id=first):
        pass
    waiting.refresh_from_db()
    assert waiting.state == ValuationState.FAILED
    assert "the store is away" in waiting.failure
    assert waiting.job.state == JobState.FAILED

    computed = []
    monkeypatch.setattr(shards, "compute", lambda s: (computed.append(s.first_block), compute(s)))
    run = ask(seller_user, seller, package, **THREE)
    assert (run.pk, run.state) == (waiting.pk, ValuationState.DONE)
    assert sorted(computed) == [0, 12]  # 6 to 11 stood already
    assert run.result_file_id == sha256_of_one_go(run)


def test_a_cancelled_run_stops_and_goes_on_when_asked_again(
    asked, ask, seller_user, seller, package, monkeypatch
):
    first, second, _ = begin_run(valuation_id=asked.pk)
    compute_shard(shard_id=first)
    cancelled = cancel_valuation(user=seller_user, valuation_id=asked.pk)
    assert cancelled.state == ValuationState.CANCELLED
    assert Job.objects.get(pk=asked.job_id).state == JobState.CANCELLED
    assert not compute_shard(shard_id=second)
    assert ValuationShard.objects.get(pk=second).state == ShardState.OPEN
    assert cancel_valuation(user=seller_user, valuation_id=asked.pk) == cancelled
    assert [e.type for e in Entry.objects.about(asked.pk)] == [
        "valuation.requested",
        "valuation.cancelled",
    ]
    run = ask(seller_user, seller, package, **THREE)
    assert run.pk == asked.pk
    assert run.result_file_id == sha256_of_one_go(run)


def test_a_worker_notices_a_cancellation_between_two_blocks(asked, seller_user, monkeypatch):
    first, *_ = begin_run(valuation_id=asked.pk)
    plan_for = shards.pools.plan_for

    def cancelled_meanwhile(*arguments):
        cancel_valuation(user=seller_user, valuation_id=asked.pk)
        return plan_for(*arguments)

    monkeypatch.setattr(shards.pools, "plan_for", cancelled_meanwhile)
    assert not compute_shard(shard_id=first)
    assert ValuationShard.objects.get(pk=first).content is None


def test_a_finished_run_cannot_be_cancelled(sellers_run, seller_user):
    with pytest.raises(Refused, match="nothing to cancel"):
        cancel_valuation(user=seller_user, valuation_id=sellers_run.pk)


def test_only_the_institution_itself_cancels(asked, buyer_user, operator, make_user, seller):
    for person in (buyer_user, operator):
        with pytest.raises(Valuation.DoesNotExist):
            cancel_valuation(user=person, valuation_id=asked.pk)
    with pytest.raises(NotPermitted):
        cancel_valuation(
            user=make_user("finance@example.com", seller, Role.SELLER_FINANCE),
            valuation_id=asked.pk,
        )


def age(valuation, by):
    """The last sign of life lies so long ago."""
    then = database_now() - by
    Valuation.objects.filter(pk=valuation.pk).update(dispatched_at=then)
    ValuationShard.objects.exclude(claimed_at=None).update(claimed_at=then)


def test_what_a_dead_worker_left_is_computed_by_another(asked, django_capture_on_commit_callbacks):
    first, second, _ = begin_run(valuation_id=asked.pk)
    compute_shard(shard_id=first)
    shards.claim(second)  # and then its worker dies
    age(asked, shards.LEASE - timedelta(seconds=5))
    assert resume_lost_runs() == 0
    assert shards.claim(second) is None
    age(asked, shards.LEASE + timedelta(seconds=5))
    assert resume_lost_runs() == 1
    asked.refresh_from_db()
    assert asked.state == ValuationState.DONE
    assert asked.result_file_id == sha256_of_one_go(asked)
    assert resume_lost_runs() == 0


def test_a_run_whose_last_worker_died_before_joining_is_joined(asked, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("npa_market.valuation.services._finish", lambda key: None)
        for shard in begin_run(valuation_id=asked.pk):
            compute_shard(shard_id=shard)
    assert Valuation.objects.get(pk=asked.pk).state == ValuationState.QUEUED
    age(asked, 2 * shards.LEASE)
    assert resume_lost_runs() == 1
    assert Valuation.objects.get(pk=asked.pk).state == ValuationState.DONE


def test_a_part_that_kills_its_workers_ends_the_run(asked):
    begin_run(valuation_id=asked.pk)
    ValuationShard.objects.filter(valuation=asked).update(attempts=shards.MOST_ATTEMPTS)
    with pytest.raises(Refused, match="Workers ended"):
        run_valuation(valuation_id=asked.pk)
