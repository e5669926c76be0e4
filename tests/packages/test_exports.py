"""Exports: every form holds the sealed rows, no cell runs, each reader gets what it may have."""

import csv
import io
import json
import zipfile
from datetime import date
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.urls import reverse

from npa_market.common import workbooks
from npa_market.common.errors import InvalidInput, NotPermitted, Refused
from npa_market.common.exports import neutralised
from npa_market.common.files import open_stored, read_stored
from npa_market.common.models import Job, JobState
from npa_market.evidence.models import Entry
from npa_market.packages.eba import TEMPLATES
from npa_market.packages.exporting import Content, write_export
from npa_market.packages.exports import ask_for_export, forms_for
from npa_market.packages.models import PackageExport
from npa_market.packages.saved import ExportForm
from npa_market.packages.schema import COLUMNS, SEALED_SCHEMA
from npa_market.packages.sealed import read_table
from npa_market.packages.services import grant_reader
from npa_market.tapes.reading import open_source
from tests.builders import screened_package, sealed_package

NAUGHTY = Path(__file__).parents[3] / "shared" / "vectors" / "naughty-strings"
RISKY = ("=1+1", "+1", "-1+1", "@SUM(A1)", "\tx", "\rx")


@pytest.fixture
def sealed(seller_user, second_seller_user):
    return sealed_package(seller_user, second_seller_user, count=25)


def ask(user, package, form, run):
    with run(execute=True):
        export = ask_for_export(user=user, package_id=package.pk, form=form)
    export.refresh_from_db()
    return export


def test_every_form_holds_the_sealed_rows(
    sealed, seller_user, django_capture_on_commit_callbacks, tmp_path
):
    run = django_capture_on_commit_callbacks
    made = {form: ask(seller_user, sealed, form.value, run) for form in ExportForm}
    table = read_table(sealed)
    tokens = table.column("loan_token").to_pylist()
    assert made[ExportForm.PARQUET].file_id == sealed.content_sha256
    lines = io.StringIO(read_stored(made[ExportForm.CSV].file_id).decode(), newline="")
    rows = list(csv.DictReader(lines))
    assert [row["loan_token"] for row in rows] == tokens
    assert sum(int(row["claim_minor"]) for row in rows) == sealed.claim_minor
    book = openpyxl.load_workbook(open_stored(made[ExportForm.XLSX].file_id))
    header, *cells = book["Loans 1"].values
    assert header == COLUMNS
    assert [row[0] for row in cells] == tokens
    with zipfile.ZipFile(open_stored(made[ExportForm.EBA].file_id)) as archive:
        assert set(archive.namelist()) == {*(f"{name}.csv" for name in TEMPLATES), "fields.csv"}
        loans = list(csv.DictReader(io.StringIO(archive.read("3 Loan.csv").decode())))
        people = list(csv.DictReader(io.StringIO(archive.read("1 Counterparty.csv").decode())))
        paid = list(
            csv.DictReader(
                io.StringIO(archive.read("5 Historical collection of repayments.csv").decode())
            )
        )
    assert [row["3.01 Loan Identifier"] for row in loans] == tokens
    total = sum(round(float(row["3.12 Legal balance"]) * 100) for row in loans)
    assert total == sealed.claim_minor
    assert len({row["1.02 Counterparty Identifier"] for row in people}) == sealed.borrowers
    assert len(people) == sealed.borrowers
    received = sum(table.column("received_minor").to_pylist())
    assert sum(round(float(list(row.values())[2]) * 100) for row in paid) == received
    assert {entry.type for entry in Entry.objects.about(sealed.pk)} >= {"package.export_asked"}


def test_an_export_is_made_once_and_a_failed_one_again(
    sealed, seller_user, django_capture_on_commit_callbacks
):
    run = django_capture_on_commit_callbacks
    first = ask(seller_user, sealed, "csv", run)
    again = ask(seller_user, sealed, "csv", run)
    assert (first, PackageExport.objects.count(), Job.objects.count()) == (again, 1, 1)
    waiting = ask_for_export(user=seller_user, package_id=sealed.pk, form="eba")
    Job.objects.filter(pk=waiting.job_id).update(state=JobState.FAILED)
    tried = ask(seller_user, sealed, "eba", run)
    assert tried.pk == waiting.pk
    assert tried.file_id


def test_readers_are_sent_to_the_data_room_which_logs_and_closes(
    sealed, seller_user, buyer, buyer_user, stranger, operator, as_user
):
    grant_reader(package=sealed, reader=buyer)
    for user in (buyer_user, stranger, operator):
        assert forms_for(user, sealed) == ()
    client = as_user(buyer_user)
    for form in ("csv", "xlsx", "parquet", "eba"):
        address = reverse("packages:export", args=[sealed.pk, form])
        with pytest.raises(NotPermitted, match="from the data room"):
            ask_for_export(user=buyer_user, package_id=sealed.pk, form=form)
        assert client.post(address).status_code == client.get(address).status_code == 403
        assert as_user(stranger).get(address).status_code == 404
        assert as_user(seller_user).get(address).status_code == 404, "it was not made"
    assert not PackageExport.objects.exists()
    page = client.get(sealed.get_absolute_url()).content.decode()
    assert "/export/" not in page
    assert reverse("diligence:list") in page


def test_the_seller_has_the_bidders_form_as_bidders_see_it(
    sealed, seller_user, as_user, django_capture_on_commit_callbacks
):
    client = as_user(seller_user)
    address = reverse("packages:export", args=[sealed.pk, "parquet"])
    with django_capture_on_commit_callbacks(execute=True):
        client.post(f"{address}?as=bidder")
    content = b"".join(client.get(f"{address}?as=bidder").streaming_content)
    table = pq.read_table(io.BytesIO(content))
    assert all(day is None or day.day == 1 for day in table["default_date"].to_pylist())
    assert sealed.seller.name in table.schema.metadata[b"notice"].decode()
    assert client.get(address).status_code == 404  # The full form was not asked for.
    assert (
        "Parquet in the bidder&#x27;s form"
        in client.get(sealed.get_absolute_url()).content.decode()
    )
    with pytest.raises(InvalidInput, match="Excel or Parquet"):
        ask_for_export(user=seller_user, package_id=sealed.pk, form="csv", as_bidders_see=True)


def test_a_changed_file_is_not_given_out(sealed, seller_user, as_user, monkeypatch):
    def changed(sha256):
        raise OSError("does not match its hash")

    for module in ("drilling", "downloads", "exports", "sealed"):
        monkeypatch.setattr(f"npa_market.packages.{module}.read_stored", changed)
    client = as_user(seller_user)
    for name in ("loans", "parquet", "csv"):
        with pytest.raises(OSError, match="match"):
            client.get(reverse(f"packages:{name}", args=[sealed.pk]))


def test_nothing_is_exported_before_the_seal_or_in_an_unknown_form(seller_user, as_user):
    package = screened_package(seller_user, 4)
    with pytest.raises(Refused, match="not sealed"):
        ask_for_export(user=seller_user, package_id=package.pk, form="csv")
    with pytest.raises(InvalidInput):
        ask_for_export(user=seller_user, package_id=package.pk, form="pdf")
    answer = as_user(seller_user).post(
        reverse("packages:export", args=[package.pk, "pdf"]), follow=True
    )
    assert "One of csv" in answer.content.decode()


def naughty_texts():
    files = sorted(NAUGHTY.glob("*.json")) if NAUGHTY.exists() else []
    found = [text for file in files for text in json.loads(file.read_text()) if text]
    return [*RISKY, *(text for text in found if isinstance(text, str))]


def test_no_cell_runs_and_every_text_comes_back(tmp_path, monkeypatch):
    monkeypatch.setattr(workbooks, "ROWS_OF_A_SHEET", 100)
    texts = naughty_texts()
    table = pa.table({"product": texts, "claim_minor": range(len(texts))})
    content = Content(table, "PKG", "CNY", date(2026, 6, 30))
    for form in (ExportForm.CSV, ExportForm.XLSX, ExportForm.PARQUET):
        write_export(content, form, tmp_path / form.value, lambda done, total: None)
    with (tmp_path / "csv").open(encoding="utf-8", newline="") as file:
        back = [row[0] for row in csv.reader(file)][1:]
    for text, cell in zip(texts, back, strict=True):
        assert cell in {text, f"'{text}"}
        assert not cell.startswith(RISKY[0][0])
    assert back[0] == "'=1+1"
    assert pq.read_table(tmp_path / "parquet")["product"].to_pylist() == texts
    with zipfile.ZipFile(tmp_path / "xlsx") as book:
        sheets = [name for name in book.namelist() if "worksheets/sheet" in name]
        assert len(sheets) == -(-len(texts) // 99)
        assert not any(b"<f>" in book.read(name) for name in sheets)


TEXT_COLUMNS = [
    field.name
    for field in SEALED_SCHEMA
    if pa.types.is_string(field.type) and not field.name.endswith("_token")
]


def test_naughty_strings_in_every_text_column_leave_every_export_equal_or_neutralised(
    sealed, tmp_path
):
    if not NAUGHTY.exists():
        pytest.skip("the naughty strings are not beside the project")
    texts = [text for text in naughty_texts() if "\ufffe" not in text]  # XML holds none.
    rows = read_table(sealed)
    table = rows.take([number % rows.num_rows for number in range(len(texts))])
    for name in TEXT_COLUMNS:
        place = table.column_names.index(name)
        table = table.set_column(place, SEALED_SCHEMA.field(name), [texts])
    content = Content(table, "PKG", "CNY", date(2026, 6, 30))
    for form in ExportForm:
        write_export(content, form, tmp_path / form.value, lambda done, total: None)
    with (tmp_path / "csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    with zipfile.ZipFile(tmp_path / "eba") as archive:
        lines = io.StringIO(archive.read("3 Loan.csv").decode(), newline="")
        loans = list(csv.DictReader(lines))
    with open_source((tmp_path / "xlsx").open("rb")) as source:
        header, *cells = source.first_rows(len(texts) + 1)
    for name in TEXT_COLUMNS:
        assert [row[name] for row in found] == [neutralised(text) for text in texts], name
        assert [row[header.index(name)] for row in cells] == texts, name
        assert pq.read_table(tmp_path / "parquet")[name].to_pylist() == texts, name
    for head in (
        "3.06 Product type",
        "3.08 Loan currency",
        "3.26 Stage reached in legal proceedings",
    ):
        assert [row[head] for row in loans] == [neutralised(text) for text in texts], head
    with zipfile.ZipFile(tmp_path / "xlsx") as book:
        sheets = [book.read(name) for name in book.namelist() if "worksheets/" in name]
    assert sheets
    assert not any(b"<f>" in sheet or b"<f " in sheet for sheet in sheets)


def test_a_package_without_rows_has_a_header_everywhere(sealed, tmp_path):
    empty = read_table(sealed).slice(0, 0)
    content = Content(empty, "PKG", "CNY", date(2026, 6, 30))
    for form in ExportForm:
        target = tmp_path / form.value
        write_export(content, form, target, lambda done, total: None)
        assert target.stat().st_size


@pytest.mark.parametrize(
    ("reachable", "months", "expected"),
    [
        ([False, True, None], [date(2026, 4, 1), None, date(2026, 6, 1)], ("Yes", "2026-06-01")),
        ([None, False, None], [date(2026, 5, 1), date(2026, 4, 1), None], ("No", "2026-05-01")),
        ([None, None, None], [None, None, None], ("", "")),
    ],
)
def test_a_counterparty_has_the_latest_contact_and_the_telephone_of_any_loan(
    reachable, months, expected, tmp_path
):
    rows = [
        {"borrower_token": "b1", "loan_token": f"l{number}", "receipts": []} for number in range(3)
    ]
    for row, flag, month in zip(rows, reachable, months, strict=True):
        row |= {"is_reachable": flag, "last_contact_month": month}
    other = {"borrower_token": "b0", "loan_token": "l9", "receipts": [], "is_reachable": True}
    table = pa.Table.from_pylist([rows[0], other, *rows[1:]], schema=SEALED_SCHEMA)
    content = Content(table, "PKG", "CNY", date(2026, 6, 30))
    write_export(content, ExportForm.EBA, tmp_path / "eba", lambda done, total: None)
    with zipfile.ZipFile(tmp_path / "eba") as archive:
        people = list(csv.DictReader(io.StringIO(archive.read("1 Counterparty.csv").decode())))
    assert [row["1.02 Counterparty Identifier"] for row in people] == ["b1", "b0"]
    found = people[0]
    assert (
        found["1.19 Availability of telephone number"],
        found["1.20 Date of Last Contact"],
    ) == expected
    assert people[1]["1.19 Availability of telephone number"] == "Yes"
