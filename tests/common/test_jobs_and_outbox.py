"""Long work ends once and says how; effects after commit happen at least once."""

from datetime import timedelta

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
    assert (left.attempts, left.last_error) == (1, "ValueError")


@pytest.fixture
def clock(monkeypatch):
    """The database clock as the outbox sees it; a test moves it on."""

    class Clock:
        now = database_now()

        def forward(self, wait):
            self.now += wait

    clock = Clock()
    monkeypatch.setattr(outbox, "database_now", lambda: clock.now)
    return clock


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(1, 1), (2, 2), (3, 4), (10, 512), (11, 600), (100_000, 600)]
)
def test_the_wait_doubles_up_to_ten_minutes(attempts, seconds):
    assert outbox.wait_after(attempts) == timedelta(seconds=seconds)


@pytest.mark.django_db
def test_a_message_is_never_given_up(topic, clock, monkeypatch):
    message = outbox.publish("number", {"n": -1})
    for attempt in range(1, 31):
        assert outbox.deliver_pending() == 0
        message.refresh_from_db()
        assert message.attempts == attempt
        assert outbox.stuck_messages().exists() == (attempt >= outbox.STUCK_ATTEMPTS)
        clock.forward(outbox.wait_after(attempt) - timedelta(milliseconds=1))
        assert outbox.deliver_pending() == 0
        message.refresh_from_db()
        assert message.attempts == attempt, "not tried before its time"
        clock.forward(timedelta(milliseconds=1))
    monkeypatch.setitem(outbox._handlers, "number", [lambda body: topic.append(body["n"])])
    assert outbox.deliver_pending() == 1
    assert topic == [-1]
    assert not outbox.stuck_messages().exists()


@pytest.mark.django_db
def test_failing_messages_do_not_hold_up_the_others(topic, clock):
    for n in (-1, -2, 1):
        outbox.publish("number", {"n": n})
    assert outbox.deliver_pending(limit=2) == 0
    assert outbox.deliver_pending(limit=2) == 1
    assert topic == [1]


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
