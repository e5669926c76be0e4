"""Tape in, settlement statement out: the figures of every room agree with each other."""

import csv
import io
import json
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pypdf import PdfReader

from tests.end_to_end.main_job import MainJob, own_environment, run_main_job

pytestmark = [pytest.mark.end_to_end, pytest.mark.xdist_group("main_job")]
FILES = {
    "tape.csv",
    "report.pdf",
    "settlement.xlsx",
    "journal.csv",
    "evidence.json",
    "package.parquet",
    "manifest.json",
}
LENDING_CLUB = Path("../shared/data/lendingclub_native/sample_2000.csv.gz")
LENDING_CLUB_ISO = Path("../shared/data/lendingclub_2007_2010/charged_off_2019-01.csv.gz")


@pytest.fixture(scope="module")
def venue(tmp_path_factory):
    folder = tmp_path_factory.mktemp("venue")
    with own_environment(folder) as environment:
        yield environment, folder


@pytest.fixture(scope="module")
def job(venue) -> MainJob:
    environment, folder = venue
    return run_main_job(environment, folder / "demo", "--loans", "1500")


def assert_reconciles(job: MainJob) -> None:
    """What any summary must satisfy, whatever the tape."""
    summary = job.summary
    assert summary["rows_read"] == summary["loans_imported"] + summary["rows_rejected"]
    package, settlement = summary["package"], summary["settlement"]
    sealed = pq.read_table(job.out / "package.parquet")
    assert package["loans"] == sealed.num_rows <= summary["loans_imported"]
    assert package["face_minor"] == sum(sealed["claim_minor"].to_pylist())
    assert summary["files"]["package.parquet"]["sha256"] == package["content_sha256"]
    assert settlement["hammer_minor"] == summary["lot"]["hammer_minor"]
    assert settlement["deposit_minor"] + settlement["balance_minor"] == (
        settlement["seller_net_minor"] + settlement["fee_minor"] + settlement["tax_minor"]
    )
    assert set(summary["files"]) >= FILES
    quantiles = [summary["valuation"][f"{q}_minor"] for q in ("q05", "q50", "q95")]
    assert quantiles == sorted(quantiles)
    for value in (*quantiles, *(v for k, v in settlement.items() if k.endswith("_minor"))):
        assert isinstance(value, int)


def test_the_summary_reconciles(job):
    assert_reconciles(job)
    assert job.summary["package"]["loans"] > 500
    assert job.summary["rows_rejected"] > 0
    assert "reference" in job.summary["valuation"]["calibration"]


def test_the_lot_was_sold_by_bids_to_the_best_buyer(job):
    lot = job.summary["lot"]
    assert lot["format"] == "ascending"
    assert lot["bids"] >= 3
    assert lot["winner"] == "Demo Asset Management Two"


def test_the_journal_balances(job):
    rows = list(csv.DictReader(io.StringIO((job.out / "journal.csv").read_text("utf-8-sig"))))
    debit, credit = (sum(Decimal(row[side] or 0) for row in rows) for side in ("debit", "credit"))
    assert debit == credit > Decimal(job.summary["lot"]["hammer_minor"]) / 100


def test_the_report_is_a_report(job):
    reader = PdfReader(job.out / "report.pdf")
    text = "\n".join(page.extract_text() for page in reader.pages)
    assert len(reader.pages) >= 8
    assert job.summary["package"]["reference"] in text
    assert "not fitted" in text


def test_every_step_left_its_entry(job):
    entries = json.loads((job.out / "evidence.json").read_text("utf-8"))
    kinds = {entry["entry"]["type"] for entry in entries}
    for step in (
        "tape.",
        "package.sealed",
        "valuation.",
        "lot.",
        "deal.",
        "statement.",
        "deposit.",
        "ledger.",
    ):
        assert any(kind.startswith(step) for kind in kinds), (step, kinds)
    assert [entry["seq"] for entry in entries] == sorted(entry["seq"] for entry in entries)


def test_no_borrower_leaves_the_seller(job):
    with (job.out / "tape.csv").open(encoding="utf-8-sig") as handle:
        rows = list(csv.DictReader(handle))
    personal = {
        value
        for row in rows[:400]
        for column, value in row.items()
        if any(word in column for word in ("姓名", "身份证", "手机", "name", "id_number", "mobile"))
        and len(value) > 4
    }
    assert personal
    report = "".join(page.extract_text() for page in PdfReader(job.out / "report.pdf").pages)
    public = report + job.printed
    for name in FILES - {"tape.csv", "report.pdf"}:
        public += (job.out / name).read_bytes().decode("utf-8", errors="ignore")
    assert not [value for value in personal if value in public]


def test_a_second_run_changes_nothing(job, venue):
    first = job.summary
    again = run_main_job(venue[0], job.out, "--loans", "1500")
    assert again.summary == first


@pytest.mark.parametrize(
    ("tape", "mapping"), [(LENDING_CLUB, "lending_club"), (LENDING_CLUB_ISO, "lending_club_iso")]
)
def test_real_us_tapes_run_through(venue, tape, mapping):
    if not tape.exists():
        pytest.skip("the real tape is not beside the project")
    environment, folder = venue
    job = run_main_job(environment, folder / mapping, "--tape", str(tape), "--mapping", mapping)
    assert_reconciles(job)
    assert job.summary["currency"] == "USD"


def test_a_wrong_mapping_is_an_error_in_words(venue):
    environment, folder = venue
    tape = folder / "shopping.csv"
    tape.write_text("what,how many\napples,3\n", encoding="utf-8")
    with pytest.raises(AssertionError) as failure:
        run_main_job(environment, folder / "no", "--tape", str(tape), "--mapping", "lending_club")
    assert "lacks 8 column(s)" in str(failure.value)
    assert "Traceback" not in str(failure.value)
