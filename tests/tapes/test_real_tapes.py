"""The public Lending Club files through their mappings, against sums taken apart from the code."""

import csv
import gzip
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

import pytest
from django.db.models import Sum

from npa_market.common.errors import InvalidInput
from npa_market.tapes.models import Borrower, Loan, Receipt, TapeState
from tests.tapes.conftest import DATA

CENT = Decimal("0.01")
CASES = {
    "lending_club": ("lendingclub_native/sample_2000.csv.gz", date(2019, 3, 31), 2000, 243),
    "lending_club_iso": (
        "lendingclub_2007_2010/charged_off_2019-01.csv.gz",
        date(2019, 1, 31),
        3134,
        3134,
    ),
}


def cents(text: str) -> int:
    return int(Decimal(text).quantize(CENT, ROUND_HALF_UP) * 100)


@pytest.fixture(params=CASES)
def case(request, imported):
    name, cut_off, rows, charged_off = request.param, *CASES[request.param][1:]
    path = DATA / CASES[name][0]
    if not path.exists():
        pytest.skip(f"{path.name} is not beside the project")
    content = path.read_bytes()
    with gzip.open(path, "rt", encoding="utf-8", newline="") as text:
        taken = [row for row in csv.DictReader(text) if "Charged Off" in row["loan_status"]]
    assert len(taken) == charged_off
    tape = imported(content, mapping=name, currency="USD", cut_off_date=cut_off)
    return tape, taken, rows


def test_rows_reconcile_and_only_charged_off_loans_are_taken(case):
    tape, taken, rows = case
    assert tape.state == TapeState.IMPORTED
    assert (tape.rows_read, tape.rows_imported) == (rows, len(taken))
    assert tape.rows_read == tape.rows_imported + tape.rows_rejected
    others = {found["id"]: found["count"] for found in tape.findings}.get("not_charged_off", 0)
    assert others == tape.rows_rejected
    numbers = set(Loan.objects.filter(tape=tape).values_list("loan_number", flat=True))
    assert numbers == {row["id"] for row in taken}
    assert Borrower.objects.count() == len(taken)


def test_principal_recoveries_and_fees_reconcile_to_the_cent(case):
    tape, taken, _ = case
    principal = {
        row["id"]: cents(row["funded_amnt"]) - cents(row["total_rec_prncp"]) for row in taken
    }
    loans = Loan.objects.filter(tape=tape)
    assert dict(loans.values_list("loan_number", "principal_minor")) == principal
    assert tape.control_totals["principal_minor"]["imported"] == sum(principal.values())
    received = sum(cents(row["recoveries"]) for row in taken)
    cost = sum(cents(row["collection_recovery_fee"]) for row in taken)
    sums = loans.aggregate(Sum("received_minor"), Sum("collection_cost_minor"), Sum("claim_minor"))
    assert sums["received_minor__sum"] == received
    assert sums["collection_cost_minor__sum"] == cost
    assert sums["claim_minor__sum"] == sum(principal.values())
    history = Receipt.objects.filter(loan__tape=tape).aggregate(
        Sum("gross_minor"), Sum("cost_minor")
    )
    assert (history["gross_minor__sum"], history["cost_minor__sum"]) == (received, cost)
    assert not Receipt.objects.filter(loan__tape=tape).exclude(month=None).exists()


def test_the_stated_proxy_of_the_charge_off_date_is_marked(case):
    tape, _, _ = case
    derived = {row["field"]: row["derived"] for row in tape.completeness if row["derived"]}
    assert set(derived) == {"charge_off_date", "days_overdue"}
    assert any(found["id"] == "field_derived" for found in tape.findings)
    for loan in Loan.objects.filter(tape=tape):
        assert loan.charge_off_date <= tape.cut_off_date
        start, days = (
            (loan.last_payment_date, 150)
            if loan.last_payment_date
            else (loan.origination_date, 180)
        )
        assert loan.charge_off_date == min(start + timedelta(days=days), tape.cut_off_date)


def test_rates_terms_and_states_are_read_in_both_spellings(case):
    tape, taken, _ = case
    loans = {loan.loan_number: loan for loan in Loan.objects.filter(tape=tape)}
    for row in taken:
        loan = loans[row["id"]]
        rate = Decimal(row["int_rate"])
        expected = rate * (100 if tape.mapping == "lending_club" else 10_000)
        assert loan.annual_rate_bp == expected.quantize(Decimal(1), ROUND_HALF_UP)
        assert loan.term_months == int(row["term"].split()[0])
        assert loan.province == row["addr_state"]
        assert loan.status == ("settled" if row["settlement_status"] == "COMPLETE" else "live")
    assert all(
        counts["filled"] + counts["missing"] + counts["invalid"] == len(taken)
        for counts in tape.completeness
    )


def real(path: str) -> bytes:
    if not (DATA / path).exists():
        pytest.skip(f"{path} is not beside the project")
    return (DATA / path).read_bytes()


def rows_of_csv(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(content.decode("utf-8-sig").splitlines()))


def test_prosper_reconciles_with_sums_taken_apart_from_the_code(imported):
    content = real("prosper/prosper_loans_part1.csv")
    taken = [
        row for row in rows_of_csv(content) if row["LoanStatus"] in {"Chargedoff", "Defaulted"}
    ]
    tape = imported(content, mapping="prosper", currency="USD", cut_off_date=date(2014, 3, 11))
    assert (tape.rows_read, tape.rows_imported, len(taken)) == (1400, 200, 200)
    loans = {loan.loan_number: loan for loan in Loan.objects.filter(tape=tape)}
    for row in taken:
        loan = loans[row["LoanNumber"]]
        gross = cents(row["LP_GrossPrincipalLoss"])
        received = gross - cents(row["LP_NetPrincipalLoss"])
        received += cents(row["LP_NonPrincipalRecoverypayments"])
        assert loan.principal_minor == gross
        assert loan.received_minor == max(received, 0)
        assert loan.collection_cost_minor == -cents(row["LP_CollectionFees"])
        assert loan.charge_off_date.isoformat() == row["ClosedDate"][:10]


def test_prosper_cut_off_in_its_last_record_rejects_that_row_alone(imported):
    content = real("prosper/prosper_loans_part1.csv") + b'"85E4338'
    tape = imported(content, mapping="prosper", currency="USD", cut_off_date=date(2014, 3, 11))
    assert (tape.rows_read, tape.rows_imported) == (1401, 200)
    cut = next(found for found in tape.findings if found["id"] == "row_shape")
    assert [example["row"] for example in cut["examples"]] == [1402]


def test_sba_dates_are_days_since_1960(imported):
    content = real("sba_case/SBAcase.11.13.17.csv")
    taken = [row for row in rows_of_csv(content) if row["MIS_Status"] == "CHGOFF"]
    tape = imported(content, mapping="sba_7a", currency="USD", cut_off_date=date(2014, 12, 31))
    loans = {loan.loan_number: loan for loan in Loan.objects.filter(tape=tape)}
    rejected = {found["id"] for found in tape.findings if found["severity"] == "reject"}
    assert tape.rows_read == 2101
    # Lines of credit drawn again before the payout that the file states are refused, not moved.
    assert rejected <= {"not_charged_off", "dates_out_of_order"}
    assert len(loans) > 0.95 * len(taken)
    for row in taken:
        if loan := loans.get(row["LoanNr_ChkDgt"]):
            day = date(1960, 1, 1) + timedelta(days=int(row["ChgOffDate"]))
            assert loan.charge_off_date == day
            assert loan.principal_minor == int(row["ChgOffPrinGr"]) * 100


REFUSED = {
    "berka/loan.asc": "principal still owed",
    "berka/account.asc": "accounts, not loans",
    "berka/trans.asc": "no loan number",
    "bank_recovery/bank_data_even.csv": "neither the principal owed",
    "fed_rates/fed_chargeoff_rates.csv": "not loans",
    "lendingclub_2007_2010/recovery_snapshots.csv.gz": "three dates",
}


@pytest.mark.parametrize("path", REFUSED)
def test_a_public_file_that_is_no_tape_is_refused_with_the_reason(path, upload):
    with pytest.raises(InvalidInput, match=REFUSED[path]) as refusal:
        upload(real(path))
    assert refusal.value.code == "column_missing"
