"""The checker of the trials finds what it must find."""

from copy import deepcopy

import pytest

from npa_market.portal.trials import checker

LOT = {
    "id": "lot",
    "start_price_minor": 100,
    "step_minor": 10,
    "first_end_at": "2026-11-11T03:00:00+00:00",
    "hard_end_at": "2026-11-11T03:30:00+00:00",
    "labels": {"one": "Bidder A", "two": "Bidder B"},
}


def event(seq, kind, minute, **facts):
    common = {"bidder": "", "amount_minor": None, "ends_at": None, "reason": ""}
    at = f"2026-11-11T02:{minute:02d}:00+00:00"
    return {"seq": seq, "kind": kind, "decided_at": at, **common, **facts}


EVENTS = [
    event(1, "opened", 0),
    event(2, "bid_accepted", 1, bidder="Bidder A", amount_minor=100),
    event(3, "bid_accepted", 58, bidder="Bidder B", amount_minor=120),
    event(4, "end_extended", 58, ends_at="2026-11-11T03:03:00+00:00"),
]


def answer(request_id, buyer, amount, seq=None, refusal="", minute=1):
    outcome = {
        "result": "refused" if refusal else "accepted",
        "request_id": request_id,
        "amount_minor": amount,
        "seq": seq,
        "refusal": refusal,
        "decided_at": f"2026-11-11T02:{minute:02d}:00Z",
    }
    return {
        "lot": "lot",
        "request_id": request_id,
        "buyer": buyer,
        "amount_minor": amount,
        "outcome": outcome,
    }


def feed(*numbers):
    return [
        {
            "feed": "lot",
            "seq": number,
            "event": {
                "kind": EVENTS[number - 1]["kind"],
                "amount_minor": EVENTS[number - 1]["amount_minor"],
                "label": EVENTS[number - 1]["bidder"],
            },
        }
        for number in numbers
    ]


LINES = [
    answer("a", "one", 100, seq=2),
    answer("a", "one", 100, seq=2),
    answer("b", "two", 120, seq=3, minute=58),
    answer("c", "one", 105, refusal="below_step", minute=2),
    *feed(1, 2, 3, 4),
]


def test_a_clean_record_has_no_findings():
    assert checker.check_lot(LOT, EVENTS, LINES).words == []
    assert checker.unclaimed(EVENTS, LINES, "lot") == 0


def _without_bid(events, lines):
    events[1] = event(2, "bid_accepted", 1, bidder="Bidder B", amount_minor=100)


def _gap(events, lines):
    del events[2]


def _back_in_time(events, lines):
    events[2]["decided_at"] = "2026-11-11T02:00:30+00:00"
    lines[2]["outcome"]["decided_at"] = "2026-11-11T02:00:30Z"


def _below_step(events, lines):
    events[2]["amount_minor"] = lines[2]["amount_minor"] = 109
    lines[6]["event"]["amount_minor"] = 109


def _late(events, lines):
    events[2]["decided_at"] = lines[2]["outcome"]["decided_at"] = "2026-11-11T03:00:00+00:00"
    events[3]["decided_at"] = "2026-11-11T03:00:00+00:00"


def _early(events, lines):
    lines.append(answer("d", "one", 130, refusal="late", minute=59))


def _closed_early(events, lines):
    lines.append(answer("d", "one", 130, refusal="closed", minute=59))


def _two_outcomes(events, lines):
    lines.append(answer("a", "one", 100, refusal="below_step"))


def _one_event_twice(events, lines):
    lines.append(answer("e", "one", 100, seq=2))


def _anothers_answer(events, lines):
    lines[0]["outcome"]["request_id"] = "z"
    lines[1]["outcome"]["request_id"] = "z"


def _two_ends(events, lines):
    events += [event(5, "cancelled", 59), event(6, "cancelled", 59)]


def _feed_gap(events, lines):
    del lines[5]


@pytest.mark.parametrize(
    ("damage", "kind"),
    [
        (_without_bid, "lost"),
        (_gap, "gaps"),
        (_back_in_time, "out_of_order"),
        (_below_step, "out_of_order"),
        (_late, "late"),
        (_early, "early"),
        (_closed_early, "early"),
        (_two_outcomes, "doubled"),
        (_one_event_twice, "doubled"),
        (_anothers_answer, "foreign"),
        (_two_ends, "terminal"),
        (_feed_gap, "gaps"),
    ],
)
def test_A1_to_A12_the_checker_finds_each_kind_of_damage(damage, kind):
    events, lines = deepcopy(EVENTS), deepcopy(LINES)
    damage(events, lines)
    assert getattr(checker.check_lot(LOT, events, lines), kind) > 0


def test_A1_an_event_that_nobody_was_told_of_is_counted():
    lines = [line for line in LINES if line.get("request_id") != "b"]
    assert checker.unclaimed(EVENTS, lines, "lot") == 1
