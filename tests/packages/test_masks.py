"""Criteria on columns choose what they choose in the database; columns never go stale."""

import random
from datetime import date
from types import SimpleNamespace

import numpy as np
import pytest

from npa_market.common.errors import InvalidInput
from npa_market.packages import columns as columns_module
from npa_market.packages.choosing import chosen, chosen_for_display
from npa_market.packages.columns import are_ready, checked_columns, columns_of
from npa_market.packages.criteria import OPERATORS, read_criteria
from npa_market.packages.fields import FIELDS, Kind
from npa_market.packages.keeping import keep_loan_list
from npa_market.packages.lines import document_of, edited, lines_of
from npa_market.packages.masks import mask_of, totals_of_mask
from npa_market.packages.queries import selection
from npa_market.packages.schema import MONEY_COLUMNS
from npa_market.tapes.models import Loan
from tests.builders import CUT_OFF, loans_on_tape, make_tape, one_loan


@pytest.fixture
def tape(seller, seller_user):
    tape = loans_on_tape(seller, seller_user, 40)
    one_loan(
        tape,
        charge_off_date=None,
        days_overdue=None,
        is_reachable=None,
        product="",
        last_contact_date=None,
    )
    return tape


def random_value(field, loan, rng):
    stored = getattr(loan, field.column)
    if field.kind is Kind.MONTHS:
        return rng.randint(0, 30)
    if field.kind is Kind.DATE:
        return (stored or date(2025, 1, 15)).isoformat()
    return stored if stored is not None else rng.randint(0, 500)


def random_condition(loans, rng):
    field = rng.choice(list(FIELDS.values()))
    op = rng.choice(OPERATORS[field.kind])
    if op in {"missing", "given"}:
        return {"field": field.name, "op": op}
    if op == "is":
        return {"field": field.name, "op": op, "value": rng.random() < 0.5}
    some = [random_value(field, rng.choice(loans), rng) for _ in range(3)]
    if op in {"in", "not_in"}:
        return {"field": field.name, "op": op, "value": [value or "Nowhere" for value in some]}
    if op == "between":
        return {"field": field.name, "op": op, "value": sorted(some[:2])}
    return {"field": field.name, "op": op, "value": some[0]}


def random_node(loans, rng, depth=0):
    kind = rng.choice(["all", "any", "not", "leaf", "leaf"] if depth < 3 else ["leaf"])
    if kind == "leaf":
        return random_condition(loans, rng)
    if kind == "not":
        return {"not": random_node(loans, rng, depth + 1)}
    return {kind: [random_node(loans, rng, depth + 1) for _ in range(rng.randint(1, 3))]}


def test_a_mask_chooses_what_the_filter_chooses_and_the_lines_keep_its_meaning(seller, tape):
    seed = random.randrange(10**6)
    rng = random.Random(seed)
    loans, columns = list(Loan.objects.all()), columns_of([tape])
    keys = columns.table.column("id").to_pylist()
    sizes = set()
    for number in range(120):
        node = random_node(loans, rng)
        criteria = read_criteria({"where": node})
        by_filter = {loan.pk.bytes for loan in selection(seller, criteria, "CNY", CUT_OFF)}
        mask = mask_of(columns, criteria, CUT_OFF)
        by_mask = {key for key, is_in in zip(keys, mask, strict=True) if is_in}
        assert by_mask == by_filter, (seed, number, node)
        reading = document_of(lines_of(node, "CNY"), "CNY")
        assert not reading.faults, (seed, number, node)
        again = mask_of(columns, read_criteria({"where": reading.where}), CUT_OFF)
        assert (again == mask).all(), (seed, number, node, reading.where)
        assert lines_of(reading.where, "CNY") == lines_of(
            document_of(lines_of(reading.where, "CNY"), "CNY").where, "CNY"
        )
        sizes.add(len(by_mask))
    assert len(sizes) > 10, seed


def test_totals_are_those_of_the_rows_over_several_tapes(seller, seller_user, tape):
    other = loans_on_tape(seller, seller_user, 9, seed=5)
    shared = tape.loans.first().borrower
    one_loan(other, borrower=shared)
    found = chosen(seller, read_criteria({}), "CNY", CUT_OFF).totals()
    loans = Loan.objects.all()
    assert found.loans == loans.count() == 51
    assert found.borrowers == len(set(loans.values_list("borrower", flat=True)))
    assert found.claim_minor == sum(loans.values_list("claim_minor", flat=True))
    keys = [loan.pk.bytes for loan in Loan.objects.order_by("pk")]
    assert columns_of([other, tape]).table.column("id").to_pylist() == keys
    one = read_criteria({"tapes": [str(other.pk)]})
    assert chosen(seller, one, "CNY", CUT_OFF).totals().loans == 10


def test_sums_are_exact_beyond_a_machine_word():
    most = np.full(9_300, 10**15 - 1)
    columns = SimpleNamespace(
        borrowers=np.zeros(9_300, int), borrower_count=1, money=dict.fromkeys(MONEY_COLUMNS, most)
    )
    totals = totals_of_mask(columns, np.ones(9_300, bool))
    assert totals.claim_minor == 9_300 * (10**15 - 1) > 2**63


@pytest.mark.parametrize(
    "change",
    [{"status": "fraud"}, {"province": "Heilongjiang"}, {"days_overdue": 9}, {"city": ""}],
)
def test_columns_that_differ_from_the_database_are_written_anew(tape, change):
    columns_of([tape])
    Loan.objects.filter(pk=tape.loans.first().pk).update(**change)
    name, value = next(iter(change.items()))
    assert value not in columns_of([tape]).table.column(name).to_pylist()[:1]
    assert value in checked_columns([tape]).table.column(name).to_pylist()


def test_another_import_has_other_columns(tape):
    columns_of([tape])
    assert are_ready([tape])
    tape.attempt += 1
    assert not are_ready([tape])


def test_old_files_make_room_for_new_ones(seller, seller_user, tape, settings):
    settings.COLUMN_FILES_BYTES = 1
    columns_of([tape])
    other = loans_on_tape(seller, seller_user, 3, seed=8)
    assert columns_of([other]).loans == 3
    assert (are_ready([tape]), are_ready([other])) == (False, True)
    assert columns_of([tape]).loans == 41


def test_a_broken_writing_leaves_no_file(tape, monkeypatch, settings):
    def broken(loans):
        yield from ()
        raise OSError("disk full")

    monkeypatch.setattr(columns_module, "loan_batches", broken)
    with pytest.raises(OSError, match="disk full"):
        columns_of([tape])
    assert not list((settings.VAR_DIR / "columns").iterdir())


def test_no_tape_and_an_empty_tape_have_no_loans(seller, seller_user):
    empty = make_tape(seller, seller_user)
    for tapes in ([], [empty]):
        found = chosen_for_display(
            seller,
            read_criteria({"where": {"field": "product", "op": "in", "value": ["A"]}}),
            tapes,
            CUT_OFF,
        )
        assert (found.totals().loans, found.totals().borrowers) == (0, 0)


def test_a_list_of_picked_loans_narrows_the_choice_and_is_the_sellers_own(
    seller, seller_user, stranger_seller, tape
):
    keys = [loan.pk.bytes for loan in tape.loans.all()[3:8]]
    made = {"user": seller_user, "words": "five", "outcome": {}}
    own = keep_loan_list(seller=seller, keys=keys, **made)
    picked = chosen(seller, read_criteria({"picked": str(own.pk)}), "CNY", CUT_OFF)
    assert sorted(picked.table().column("id").to_pylist()) == sorted(keys)
    foreign = keep_loan_list(seller=stranger_seller, keys=keys, **made)
    with pytest.raises(InvalidInput, match="not one of yours"):
        chosen(seller, read_criteria({"picked": str(foreign.pk)}), "CNY", CUT_OFF)


def test_the_editors_acts_keep_lines_in_order():
    start = lines_of({"all": [{"field": "claim", "op": "given"}]}, "CNY")
    grown = edited(edited(start, "group:0"), "condition:2")
    assert [(line.level, line.kind) for line in grown] == [
        (0, "all"),
        (1, "condition"),
        (1, "any"),
        (2, "condition"),
        (2, "condition"),
    ]
    assert edited(grown, "remove:2") == start
    assert edited(grown, "remove:0") == lines_of(None, "CNY")
    for nothing in ("remove:99", "condition:1", "fly:0", "remove:x", ""):
        assert edited(grown, nothing) == grown
