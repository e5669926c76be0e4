"""Long work ends once and says how; effects after commit happen at least once."""

import pytest
from django.db import transaction

from npa_market.common import outbox
from npa_market.common.clock import database_now
from npa_market.common.errors import Refused
from npa_market.common.ids import next_reference
from npa_market.common.jobs import running
from npa_market.common.models import Job, JobState, OutboxMessage


@pytest.fixture
def job(seller):
    return Job.objects.create(
        kind="test", title="Count", organisation_id=seller.pk, created_at=database_now()
    )


@pytest.mark.django_db
def test_a_job_reports_and_ends_done(job):
    with running(str(job.pk)) as progress:
        progress.report(30, 120, "rows")
        job.refresh_from_db()
        assert (job.state, job.percent, job.message) == (JobState.RUNNING, 25, "rows")
    job.refresh_from_db()
    assert job.state == JobState.DONE
    assert job.ended_at >= job.started_at


@pytest.mark.django_db
def test_a_second_worker_gets_nothing_to_do(job):
    with running(str(job.pk)) as first, running(str(job.pk)) as second:
        assert first is not None
        assert second is None


@pytest.mark.django_db
def test_a_refusal_ends_the_job_with_its_words(job):
    with running(str(job.pk)):
        raise Refused("empty", "The file has no rows.")
    job.refresh_from_db()
    assert (job.state, job.message) == (JobState.FAILED, "The file has no rows.")


@pytest.mark.django_db
def test_a_fault_ends_the_job_and_rises(job):
    with pytest.raises(ZeroDivisionError), running(str(job.pk)):
        1 / 0  # noqa: B018
    job.refresh_from_db()
    assert job.state == JobState.FAILED


@pytest.fixture
def topic(monkeypatch):
    monkeypatch.setattr(outbox, "_handlers", {})
    seen: list[int] = []

    @outbox.handles("number")
    def see(body):
        if body["n"] < 0:
            raise ValueError("negative")
        seen.append(body["n"])

    return seen


@pytest.mark.django_db(transaction=True)
def test_messages_arrive_once_in_order_and_a_failing_one_stays_open(topic):
    for n in (1, -2, 3):
        outbox.publish("number", {"n": n})
    assert outbox.deliver_pending() == 2
    assert outbox.deliver_pending() == 0
    assert topic == [1, 3]
    left = OutboxMessage.objects.get(delivered_at=None)
    assert (left.attempts, left.last_error) == (2, "ValueError")


@pytest.mark.django_db(transaction=True)
def test_a_message_of_a_rolled_back_cause_never_leaves(topic):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        outbox.publish("number", {"n": 1})
        1 / 0  # noqa: B018
    assert outbox.deliver_pending() == 0
    assert topic == []


@pytest.mark.django_db
def test_references_count_up_per_prefix():
    year = database_now().year
    assert [next_reference("AAA"), next_reference("BBB"), next_reference("AAA")] == [
        f"AAA-{year}-0001",
        f"BBB-{year}-0001",
        f"AAA-{year}-0002",
    ]
