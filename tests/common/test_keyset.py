"""Pages by key: every row once and in order, whatever the page size and with equal values."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from npa_market.common.clock import database_now
from npa_market.common.fields import uuid7
from npa_market.common.keyset import Order, keyset_page
from npa_market.common.models import Job


@pytest.fixture
def make_jobs(db):
    def make(totals):
        Job.objects.all().delete()
        now = database_now()
        return Job.objects.bulk_create(
            [
                Job(kind="x", title=f"{total}", organisation_id=uuid7(), created_at=now, done=total)
                for total in totals
            ]
        )

    return make


def walk(order, size):
    seen, cursor = [], ""
    while True:
        page = keyset_page(Job.objects.all(), order, after=cursor, size=size)
        seen += page.rows
        if not page.next_cursor:
            return seen
        assert len(page.rows) == size
        cursor = page.next_cursor


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    totals=st.lists(st.integers(0, 3), max_size=12),
    size=st.integers(1, 5),
    column=st.sampled_from(["done", "title", "pk"]),
    is_descending=st.booleans(),
)
def test_every_row_comes_once_and_in_order(make_jobs, totals, size, column, is_descending):
    make_jobs(totals)
    seen = walk(Order(column, is_descending), size)
    keys = [(getattr(job, column), job.pk) for job in seen]
    assert len(seen) == len(set(seen)) == len(totals)
    assert keys == sorted(keys, reverse=is_descending)


def test_absent_numbers_stand_below_all_others(make_jobs):
    jobs = make_jobs([5, 0, 7])
    Job.objects.filter(pk=jobs[1].pk).update(started_by=None)
    order = Order("done", may_be_null=True)
    assert [job.done for job in walk(order, 1)] == [0, 5, 7]


def test_rows_that_arrive_meanwhile_shift_no_page(make_jobs):
    make_jobs([3, 2, 1])
    order = Order("done", is_descending=True)
    first = keyset_page(Job.objects.all(), order, after="", size=2)
    Job.objects.create(
        kind="x", title="9", organisation_id=uuid7(), created_at=database_now(), done=9
    )
    second = keyset_page(Job.objects.all(), order, after=first.next_cursor, size=2)
    assert [job.done for job in (*first.rows, *second.rows)] == [3, 2, 1]


@pytest.mark.parametrize("cursor", ["", "x", "!!", "bnVsbA", "W10", "WzEsIngiXQ"])
def test_what_is_no_cursor_gives_the_first_page(cursor, make_jobs):
    make_jobs([1, 2])
    page = keyset_page(Job.objects.all(), Order("pk"), after=cursor, size=5)
    assert len(page.rows) == 2
