"""What a new version changes adds up: before - out + in + changed = after."""

import numpy as np
import pandas as pd

from npa_market.packages.differences import COMPARED, compare


def frame(numbers, claims, **columns):
    rows = len(numbers)
    values = {name: [0] * rows for name in COMPARED}
    values |= {"loan_number": numbers, "borrower": [b"b"] * rows, "claim_minor": claims}
    values |= {"principal_minor": claims, "status": ["live"] * rows, **columns}
    return pd.DataFrame(values)


def test_out_in_and_changed_lead_from_before_to_after():
    rng = np.random.default_rng(4)
    before = frame([f"L{n}" for n in range(40)], rng.integers(1, 99, 40))
    after = frame([f"L{n}" for n in range(10, 45)], rng.integers(1, 99, 35))
    found = compare(before, after)
    assert (found["out"]["loans"], found["taken_in"]["loans"]) == (10, 5)
    for name in ("claim_minor", "principal_minor"):
        moved = found["taken_in"][name] - found["out"][name] + found["changed"][name]
        assert found["before"][name] + moved == found["after"][name]
    same = (before["claim_minor"][10:40].to_numpy() == after["claim_minor"][:30].to_numpy()).sum()
    assert found["changed"]["loans"] == 30 - same


def test_missing_on_both_sides_is_no_change_and_missing_on_one_is():
    before = frame(["a", "b", "c"], [1, 1, 1], is_reachable=[None, None, True])
    after = frame(["a", "b", "c"], [1, 1, 1], is_reachable=[None, False, None])
    found = compare(before, after)
    assert found["changed"]["loans"] == 2
    assert found["fields"] == [{"title": "Reachable", "loans": 2}]
    assert compare(after, after)["fields"] == []


def test_the_same_number_of_another_borrower_is_another_loan():
    before = frame(["a"], [5])
    after = frame(["a"], [5], borrower=[b"c"])
    found = compare(before, after)
    assert (found["out"]["loans"], found["taken_in"]["loans"]) == (1, 1)
    assert found["changed"] == {"loans": 0, "claim_minor": 0, "principal_minor": 0}
