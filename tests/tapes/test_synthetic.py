"""The generator: deterministic, believable, and its dirt is what the rules find."""

import csv
import io
from collections import Counter
from datetime import date

import pytest
from django.core.management import CommandError, call_command
from stdnum.cn import ric

from npa_market.tapes.histories import import_history
from npa_market.tapes.history_intake import upload_history
from npa_market.tapes.history_models import HistoryKind, Payment
from npa_market.tapes.models import Borrower, Loan, Receipt
from npa_market.tapes.synthetic.dirt import FAULTS, TWICE, spoiled
from npa_market.tapes.synthetic.layout import CUT_OFF_DATE, make_tape
from npa_market.tapes.validation import RULES, Severity

LOANS = 1500


def texts(tape, rows) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([tape.header, *rows])
    return text.getvalue()


def column(tape, field) -> list[str]:
    return [str(cell) for cell in tape.columns[tape.fields.index(field)]]


@pytest.fixture(scope="module")
def zh():
    return make_tape(loans=LOANS, seed=11, locale="zh")


@pytest.mark.parametrize("locale", ["zh", "en"])
def test_the_same_seed_gives_the_same_bytes(locale, tmp_path):
    def run(name: str, seed: int) -> bytes:
        path = tmp_path / name
        call_command("make_tape", loans=120, seed=seed, locale=locale, out=path, verbosity=0)
        return path.read_bytes()

    assert run("a.csv", 3) == run("b.csv", 3)
    assert run("a.csv.gz", 3) == run("b.csv.gz", 3)
    assert run("a.csv", 3) != run("c.csv", 4)


def test_loans_per_borrower_and_id_numbers(zh):
    numbers = column(zh, "id_number")
    assert all(ric.is_valid(number) for number in set(numbers))
    per_borrower = Counter(numbers)
    assert 2.0 < LOANS / len(per_borrower) < 3.0
    assert max(per_borrower.values()) <= 9
    assert len(set(column(zh, "loan_number"))) == LOANS


def test_dates_are_in_order(zh):
    order = [
        [date.fromisoformat(text) for text in column(zh, field)]
        for field in ("origination_date", "default_date", "charge_off_date")
    ]
    assert all(a < b < c <= CUT_OFF_DATE for a, b, c in zip(*order, strict=True))


@pytest.mark.parametrize(("locale", "currency"), [("zh", "CNY"), ("en", "USD")])
def test_a_clean_tape_imports_whole_and_prices_plausibly(locale, currency, imported):
    tape = make_tape(loans=LOANS, seed=11, locale=locale)
    result = imported(texts(tape, tape.rows()), currency=currency)
    assert (result.rows_imported, result.rows_rejected) == (LOANS, 0)
    assert {found["id"] for found in result.findings} <= {"recovery_above_claim", "columns_unused"}
    totals = result.control_totals
    assert 0.03 < totals["received_minor"]["imported"] / totals["claim_minor"]["imported"] < 0.06
    assert Borrower.objects.count() < LOANS / 2
    assert not Loan.objects.filter(province="").exists()
    assert not Borrower.objects.filter(birth_year=None).exists()
    assert Loan.objects.exclude(status="live").exists()


def test_every_fault_is_found_by_its_rule_and_every_other_row_is_taken(zh, imported):
    dirty = spoiled(zh, share=0.1, seed=11, cut_off_date=CUT_OFF_DATE)
    tape = imported(texts(zh, dirty.rows))
    found = Counter()
    for finding in tape.findings:
        found[finding["id"]] += finding["count"]
    assert dirty.faults.keys() == {fault.rule for fault in FAULTS} | {TWICE}
    for rule, count in dirty.faults.items():
        assert found[rule] >= count, rule
    notes = {rule.id for rule in RULES if rule.severity is Severity.NOTE}
    rejected = sum(count for rule, count in dirty.faults.items() if rule not in notes)
    assert tape.rows_rejected == rejected
    assert sum(dirty.faults.values()) == LOANS // 10


@pytest.mark.parametrize("options", [{"loans": 0}, {"loans": 10, "dirty": 1.0}])
def test_impossible_wishes_are_refused_in_words(options, tmp_path):
    with pytest.raises(CommandError):
        call_command("make_tape", out=tmp_path / "t.csv", **options)
    assert not (tmp_path / "t.csv").exists()


@pytest.mark.parametrize("locale", ["zh", "en"])
def test_histories_have_the_same_bytes_by_seed_and_their_import_rejects_nothing(
    locale, tmp_path, imported, seller_user
):
    def run(name: str, seed: int) -> dict[str, bytes]:
        out, folder = tmp_path / f"{name}.csv", tmp_path / name
        options = {"loans": 150, "locale": locale, "dirty": 0.0, "verbosity": 0}
        call_command("make_tape", seed=seed, out=out, histories=folder, **options)
        return {path.stem: path.read_bytes() for path in folder.iterdir()}

    files = run("a", 7)
    assert files == run("b", 7) != run("c", 8)
    assert set(files) == set(HistoryKind.values)
    currency = "CNY" if locale == "zh" else "USD"
    tape = imported((tmp_path / "a.csv").read_bytes(), currency=currency)
    assert tape.rows_imported == 150
    for kind, content in files.items():
        history = upload_history(
            user=seller_user, tape_id=tape.pk, kind=kind, chunks=[content], file_name=f"{kind}.csv"
        )
        history = import_history(history_id=history.pk)
        assert (history.state, history.rows_rejected) == ("imported", 0)
    assert_in_step_with_the_tape(tape)


def assert_in_step_with_the_tape(tape) -> None:
    received = Counter()
    for payment in Payment.objects.imported():
        received[payment.loan_id, payment.on.replace(day=1)] += payment.gross_minor
    stated = Receipt.objects.filter(loan__tape=tape)
    assert received == {(each.loan_id, each.month): each.gross_minor for each in stated}
    for loan in tape.loans.all():
        placements = list(loan.placements.all())
        assert len(placements) == loan.prior_placements
        assert sum(each.received_minor for each in placements) == loan.received_minor
        assert max(each.on for each in loan.contacts.all()) == loan.last_contact_date
        steps = loan.legalsteps.order_by("on", "pk")
        last = steps.last()
        assert (last.stage if last else "not_sued") == loan.litigation_status
