"""The figures of a notice add up, and no cell shows fewer than ten borrowers."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npa_market.auctions.notices.facts import Mismatch, facts_of, mismatches
from tests.diligence.frames import sealed_frame


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 300), st.sampled_from(["CNY", "USD"]), st.integers(0, 99))
def test_every_table_adds_up_to_the_totals(loans, currency, seed):
    frame = sealed_frame(loans, currency, seed)
    facts = facts_of(frame)
    assert mismatches(facts) == []
    assert facts["loans"] == loans
    assert facts["total_minor"] == facts["principal_minor"] + facts["interest_minor"]
    for rows in facts["tables"].values():
        assert len(rows) == 1 or all(row["borrowers"] >= 10 for row in rows)
        assert sum(row["loans"] for row in rows) == loans


def test_mean_and_most_per_borrower_are_of_principal_and_interest():
    frame = sealed_frame(5)
    frame["borrower_token"] = ["a", "a", "b", "b", "b"]
    frame["principal_minor"], frame["interest_minor"] = [10, 1, 5, 5, 0], [0, 0, 0, 0, 3]
    facts = facts_of(frame)
    assert (facts["borrowers"], facts["most_per_borrower_minor"]) == (2, 13)
    assert facts["mean_per_borrower_minor"] == 12, "24 / 2"
    frame["principal_minor"] = [11, 1, 5, 5, 0]
    assert facts_of(frame)["mean_per_borrower_minor"] == 13, "12.5 is rounded half up"


def rows(*counts, money=(0, 0)):
    """Rows of a table; the money stands in the first."""
    return [
        {"loans": loans, "principal_minor": money[0] * (not i), "total_minor": money[1] * (not i)}
        for i, loans in enumerate(counts)
    ]


PUBLISHED = {
    "loans": 756,
    "principal_minor": 6_636_978_305,
    "interest_minor": 1_100_619_424,
    "total_minor": 7_737_597_729,
    "tables": {
        "grade": rows(411, 340, 5, money=(6_636_978_305, 7_737_597_729)),
        "litigation_status": rows(313, 291, 92, 22, 20, 18, money=(6_636_978_305, 7_737_597_729)),
    },
}


def test_a_published_announcement_adds_up():
    """66,369,783.05 + 11,006,194.24 = 77,375,977.29; 411 + 340 + 5 = 313 + 291 + ... = 756."""
    assert mismatches(PUBLISHED) == []


@pytest.mark.parametrize(
    ("changed", "figure"),
    [
        ({"interest_minor": 1_100_619_425}, "total"),
        ({"loans": 755}, "grade.loans"),
        ({"principal_minor": 1, "interest_minor": 7_737_597_728}, "grade.principal_minor"),
    ],
)
def test_a_part_that_is_not_its_whole_is_named(changed, figure):
    found = mismatches(PUBLISHED | changed)
    assert figure in [each.figure for each in found]
    assert all(isinstance(each, Mismatch) and each.parts != each.stated for each in found)
