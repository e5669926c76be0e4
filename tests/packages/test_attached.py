"""Histories of the chosen loans are counted when a package is sealed, and frozen with it."""

import json
from datetime import timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npa_market.packages.attached import reached_by
from npa_market.packages.history_classes import tables_of
from npa_market.packages.history_rows import Members
from npa_market.packages.sealed import manifest_of
from npa_market.packages.services import draft_package, screen_package, seal_package
from npa_market.tapes.histories import remove_history
from npa_market.tapes.models import Loan
from tests.builders import CUT_OFF, attach_history, loans_on_tape

ROW = {
    "payments": {"gross_minor": 500},
    "contacts": {"channel": "call"},
    "legal": {"stage": "in_suit"},
    "placements": {"agency": "甲公司"},
    "complaints": {"subject": "Calls at night", "outcome": "rejected", "closed_on": CUT_OFF},
    "documents": {"document": "contract", "availability": "copy"},
}


@pytest.fixture
def tape(seller, seller_user):
    """40 loans of about 27 borrowers."""
    return loans_on_tape(seller, seller_user, 40)


@pytest.fixture
def sealed(tape, seller, seller_user, second_seller_user):
    """Seal everything that is on the tape."""

    def run():
        package = draft_package(
            user=seller_user,
            seller=seller,
            title="With histories",
            currency="CNY",
            cut_off_date=CUT_OFF,
            criteria={"tapes": [str(tape.pk)]},
            transfer_basis="Clause 9",
        )
        screen_package(user=seller_user, package_id=package.pk)
        return seal_package(user=second_seller_user, package_id=package.pk)

    return run


def all_of(kind, loans):
    return [(loan, ROW[kind]) for loan in loans]


@pytest.mark.parametrize("kind", ROW)
def test_a_history_on_all_loans_is_counted_in_the_manifest(kind, tape, sealed):
    attach_history(
        tape, kind, [*all_of(kind, Loan.objects.all()), (Loan.objects.first(), ROW[kind])]
    )
    package = sealed()
    found = manifest_of(package)["histories"][kind]
    assert (found["reach"], found["rows"]) == ("all", 41)
    assert (found["loans"], found["borrowers"]) == (package.loans, package.borrowers)


def test_without_histories_the_manifest_says_so(sealed):
    assert manifest_of(sealed())["histories"] == {}


def test_other_loans_and_removed_histories_do_not_count(
    tape, sealed, seller, seller_user, second_seller_user
):
    other = loans_on_tape(seller, seller_user, 5, seed=2)
    attach_history(other, "payments", all_of("payments", Loan.objects.filter(tape=other)))
    removed = attach_history(tape, "contacts", all_of("contacts", Loan.objects.filter(tape=tape)))
    remove_history(user=seller_user, history_id=removed.pk)
    assert manifest_of(sealed())["histories"] == {}


@pytest.mark.parametrize(
    ("borrowers", "reach"), [(4, {"reach": "few"}), (5, None), (-5, None), (-4, {"reach": "most"})]
)
def test_neither_side_is_counted_where_it_is_of_fewer_than_five_borrowers(
    borrowers, reach, tape, sealed
):
    people = sorted(set(Loan.objects.values_list("borrower", flat=True)))
    loans = Loan.objects.filter(borrower__in=people[:borrowers])
    attach_history(tape, "documents", all_of("documents", loans))
    found = manifest_of(sealed())["histories"]["documents"]
    if reach:
        assert {"reach": found["reach"]} == reach
        assert "loans" not in found
    else:
        assert found["reach"] == "some"
        assert (found["loans"], found["borrowers"]) == (loans.count(), len(people[:borrowers]))


def test_what_is_frozen_does_not_follow_the_histories(tape, sealed, seller_user):
    history = attach_history(tape, "legal", all_of("legal", Loan.objects.all()))
    package = sealed()
    remove_history(user=seller_user, history_id=history.pk)
    assert manifest_of(package)["histories"]["legal"]["rows"] == 40


def tables(package, kind):
    return {table["key"]: table for table in manifest_of(package)["histories"][kind]["tables"]}


def test_a_contact_log_is_told_by_channel_result_and_last_day(tape, sealed):
    reached, tried = {"is_answered": True, "is_right_party": True}, {"is_answered": False}
    loans = list(Loan.objects.order_by("borrower"))
    rows = [(loan, {"channel": "call", **tried}) for loan in loans]
    rows += [(loan, {"channel": "letter", **reached}) for loan in loans[:20]]
    attach_history(tape, "contacts", rows)
    found = tables(sealed(), "contacts")
    (call, letter) = found["channels"]["rows"]
    assert (call["label"], call["rows"], call["answered"], call["right_party"]) == (
        "Call",
        40,
        0,
        0,
    )
    assert (letter["label"], letter["rows"], letter["right_party"]) == ("Letter", 20, 20)
    assert found["channels"]["total"]["rows"] == 60
    assert [(row["label"], row["loans"]) for row in found["contact_result"]["rows"]] == [
        ("Right party reached", 20),
        ("No answer on record", 20),
    ]
    assert [row["label"] for row in found["last_contact"]["rows"]] == ["Under 3 months before"]


def test_the_last_statement_of_a_document_a_suit_and_a_complaint_counts(tape, sealed):
    loans = list(Loan.objects.all())
    earlier, later = CUT_OFF - timedelta(days=90), CUT_OFF - timedelta(days=9)

    def twice(old, new, **same):
        return [
            (loan, {**same, "on": on, **values})
            for loan in loans
            for on, values in ((later, new), (earlier, old))
        ]

    attach_history(
        tape,
        "documents",
        twice({"availability": "missing"}, {"availability": "original"}, document="contract"),
    )
    attach_history(
        tape, "legal", twice({"stage": "in_suit"}, {"stage": "judged", "court_level": "基层"})
    )
    package = sealed()
    (contract,) = tables(package, "documents")["contract"]["rows"]
    assert (contract["label"], contract["loans"]) == ("Original", 40)
    (stage,) = tables(package, "legal")["legal_stage"]["rows"]
    assert (stage["label"], stage["total_minor"]) == (
        "Judged, not enforced",
        package.principal_minor + package.interest_minor,
    )
    (court,) = tables(package, "legal")["court_level"]["rows"]
    assert court["label"] == "基层"


def test_agencies_and_months_have_sums_and_no_stray_identity(tape, sealed):
    loans = list(Loan.objects.all())
    agency = {"agency": "甲公司 13812345678", "received_minor": 100, "commission_bp": 2_500}
    attach_history(tape, "placements", [(loan, agency) for loan in loans])
    days = [CUT_OFF, CUT_OFF + timedelta(days=1), CUT_OFF - timedelta(days=900)]
    attach_history(
        tape,
        "payments",
        [(loan, {"gross_minor": 500, "cost_minor": 50, "on": on}) for loan in loans for on in days],
    )
    package = sealed()
    (row,) = tables(package, "placements")["agencies"]["rows"]
    assert (row["label"], row["rows"]) == ("甲公司 138****5678", 40)
    assert (row["received_minor"], row["received_stated"]) == (4_000, 40)
    assert (row["lowest_commission_bp"], row["first"]) == (2_500, "2026-04")
    months = tables(package, "payments")["payments_by_month"]["rows"]
    assert [row["label"] for row in months] == [
        "Before Jul 2024",
        "Jun 2026",
        "After the cut-off date",
    ]
    assert {(row["gross_minor"], row["cost_minor"]) for row in months} == {(20_000, 2_000)}


def invented(kind, rng, loans):
    """Rows of a kind as `history_rows` gives them, on loans at random; a stage may be rare."""
    size = int(rng.integers(1, 3 * loans))
    days = pd.Series(pd.Timestamp(CUT_OFF) - pd.to_timedelta(rng.integers(-60, 999, size), "D"))
    columns = {
        "payments": {"on": days, "gross_minor": rng.integers(-9, 99, size), "cost_minor": 1},
        "contacts": {"channel": rng.choice(["call", "visit", "mail"], size, p=[0.9, 0.05, 0.05]),
                     "rows": 1, "answered": rng.integers(0, 2, size),
                     "right_party": rng.integers(0, 2, size), "last": days},
        "legal": {"stage": rng.choice(["in_suit", "judged"], size, p=[0.9, 0.1]),
                  "court_level": rng.choice([f"court {n}" for n in range(40)], size)},
        "placements": {"on": days, "agency": rng.choice([f"agency {n}" for n in range(40)], size),
                       "commission_bp": pd.array([None] * size, dtype="Int32"),
                       "received_minor": pd.array([None] * size, dtype="Int64")},
        "complaints": {"on": days, "subject": "s", "closed_on": days.where(rng.random(size) < 0.9),
                       "outcome": rng.choice(["substantiated", "rejected", ""], size)},
        "documents": {"document": rng.choice(["contract", "notice"], size),
                      "availability": rng.choice(["copy", "missing"], size, p=[0.95, 0.05])},
    }  # fmt: skip
    return pd.DataFrame(
        {"loan": rng.integers(0, max(1, loans - int(rng.integers(9))), size)} | columns[kind]
    )


@settings(deadline=None, max_examples=60)
@given(kind=st.sampled_from(sorted(ROW)), seed=st.integers(0, 999_999))
def test_no_row_is_of_fewer_than_five_borrowers_and_classes_add_up(kind, seed):
    rng = np.random.default_rng(seed)
    loans = int(rng.integers(1, 90))
    members = Members(
        keys=pa.array([f"{number:016d}".encode() for number in range(loans)]),
        borrowers=rng.integers(0, max(1, loans * 2 // 3), loans),
        principal=rng.integers(1, 999, loans),
        total=rng.integers(1, 999, loans),
    )
    rows = invented(kind, rng, loans)
    reached = reached_by(rows, members)
    found = tables_of(kind, rows, reached, CUT_OFF)
    assert json.loads(json.dumps(found)) == found
    whole = len(set(members.borrowers.tolist()))
    for table in found:
        if whole >= 5:
            assert min(row["borrowers"] for row in table["rows"]) >= 5
        if "total" not in table:
            assert sum(row["loans"] for row in table["rows"]) == loans
            assert sum(row["total_minor"] for row in table["rows"]) == members.total.sum()
    if reached.reach == "some" and "total" not in found[-1]:
        classes = [table for table in found if "total" not in table]
        assert len({json.dumps(table["rows"][-1]) for table in classes}) == 1
