"""Requests that wait for one lot are decided in one transaction; each hears of its own outcome."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from time import sleep
from uuid import uuid4

import pytest

from npa_market.auctions.services import together
from npa_market.auctions.services.together import decided_together
from npa_market.common.errors import Busy, Refused

pytestmark = pytest.mark.django_db(transaction=True)
LOT = uuid4()


class Desk:
    """Decides numbers; the first transaction waits until the others queue behind it."""

    def __init__(self, others: int) -> None:
        self.others = others
        self.first_came = Event()
        self.batches: list[list[int]] = []

    def __call__(self, lot_id, requests):
        if not self.batches:
            self.batches.append(list(requests))
            self.first_came.set()
            while len(together._queues[lot_id].waiting) < self.others:
                sleep(0.001)
            return self.answers(requests)
        self.batches.append(list(requests))
        return self.answers(requests)

    def answers(self, requests):
        return [request * 10 for request in requests]


def crowd(desk: Desk, numbers) -> list:
    """One request leads; the others come while it is being decided. Outcomes or errors."""

    def ask(number):
        if number:
            desk.first_came.wait()
        try:
            return decided_together(LOT, number, desk)
        except (Refused, ValueError) as error:
            return error

    with ThreadPoolExecutor(len(numbers)) as pool:
        return list(pool.map(ask, numbers))


def test_A1_those_who_wait_share_one_transaction_and_each_gets_its_own_answer():
    desk = Desk(others=8)
    assert crowd(desk, range(9)) == [number * 10 for number in range(9)]
    assert [len(batch) for batch in desk.batches] == [1, 8]
    assert LOT not in together._queues


def test_A1_a_transaction_takes_no_more_than_its_share(monkeypatch):
    monkeypatch.setattr(together, "MAX_TOGETHER", 3)
    desk = Desk(others=8)
    assert crowd(desk, range(9)) == [number * 10 for number in range(9)]
    assert [len(batch) for batch in desk.batches] == [1, 3, 3, 2]


class OnePoisoned(Desk):
    def answers(self, requests):
        if 3 in requests:
            raise ValueError("the third is at fault")
        return super().answers(requests)


def test_A1_one_request_at_fault_fails_alone():
    desk = OnePoisoned(others=5)
    outcomes = crowd(desk, range(6))
    assert isinstance(outcomes[3], ValueError)
    assert [each for each in outcomes if not isinstance(each, ValueError)] == [0, 10, 20, 40, 50]


class Locked(Desk):
    def answers(self, requests):
        raise Busy


def test_a_busy_lot_is_busy_for_all_who_wait():
    outcomes = crowd(Locked(others=3), range(4))
    assert all(isinstance(each, Busy) for each in outcomes)
    assert LOT not in together._queues


def test_one_more_than_the_queue_takes_is_told_at_once(monkeypatch):
    monkeypatch.setattr(together, "MAX_WAITING", 2)
    both = Barrier(3)
    held, release = Event(), Event()

    def hold(lot_id, requests):
        held.set()
        release.wait()
        return list(requests)

    def ask(number):
        both.wait()
        return decided_together(LOT, number, hold)

    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(decided_together, LOT, 0, hold)
        held.wait()
        waiting = [pool.submit(ask, number) for number in (1, 2)]
        both.wait()
        while len(together._queues[LOT].waiting) < 2:
            sleep(0.001)
        with pytest.raises(Busy):
            decided_together(LOT, 3, hold)
        release.set()
        assert [first.result(), *(each.result() for each in waiting)] == [0, 1, 2]


def test_a_turn_that_does_not_come_is_busy_and_undone(monkeypatch):
    monkeypatch.setattr(together, "PATIENCE_SECONDS", 0.05)
    held, release = Event(), Event()
    decided = []

    def hold(lot_id, requests):
        decided.extend(requests)
        held.set()
        release.wait()
        return list(requests)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(decided_together, LOT, 0, hold)
        held.wait()
        with pytest.raises(Busy):
            decided_together(LOT, 1, hold)
        release.set()
        assert first.result() == 0
    assert decided == [0]
