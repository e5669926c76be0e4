"""Pages and downloads: who opens what, what a copy carries, what stands nowhere."""

import io
import json

import pandas as pd
import pytest
from django.urls import reverse
from pypdf import PdfReader

from npa_market.diligence import copies
from npa_market.diligence.models import AccessRecord, Admission, DataRoom, Report
from npa_market.diligence.services import sign_nda
from npa_market.packages.disclosure import BidderForm
from npa_market.packages.sealed import bidder_copy, read_sealed
from npa_market.parties.roles import Role
from tests.diligence.conftest import CANARY


def url(name: str, subject) -> str:
    return reverse(f"diligence:{name}", args=[subject.pk])


def body(answer) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def take(client, room, document: str) -> bytes:
    answer = client.post(url("document", room), {"document": document})
    assert answer.status_code == 200
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["Cache-Control"] == "no-store"
    return body(answer)


def pdf_text(content: bytes) -> list[str]:
    return [" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(content)).pages]


@pytest.fixture
def admitted(shown, buyer, buyer_user) -> Admission:
    return sign_nda(user=buyer_user, room_id=shown.room.pk, buyer=buyer, signed_name="Ana Harbour")


def test_a_buyer_is_led_to_the_agreement_signs_and_is_in(room, buyer, buyer_user, as_user):
    client = as_user(buyer_user)
    listed = client.get(reverse("diligence:list"))
    assert "Rooms you may join" in listed.content.decode()
    assert client.get(url("room", room)).url == url("nda", room)
    page = client.get(url("nda", room)).content.decode()
    assert "Personal data. The loan file carries tokens" in page
    assert f"{buyer} is bound by this agreement" in page
    refused = client.post(url("nda", room), {"signed_name": "Ana Harbour"})
    assert refused.status_code == 422
    assert "Tick the box to sign." in refused.content.decode()
    assert 'value="Ana Harbour"' in refused.content.decode()
    signed = client.post(url("nda", room), {"signed_name": "Ana Harbour", "accepts": "on"})
    assert signed.url == url("room", room)
    assert client.get(url("room", room)).status_code == 200
    assert Admission.objects.get().signed_name == "Ana Harbour"


def test_an_analyst_reads_the_agreement_but_does_not_sign(room, buyer, make_user, as_user):
    client = as_user(make_user("analyst@example.com", buyer, Role.BUYER_ANALYST))
    page = client.get(url("nda", room))
    assert "has to sign" in page.content.decode()
    assert (
        client.post(url("nda", room), {"signed_name": "An Analyst", "accepts": "on"}).status_code
        == 403
    )
    assert not Admission.objects.exists()


def test_an_unqualified_buyer_sees_no_room(room, unqualified_user, as_user):
    client = as_user(unqualified_user)
    assert "Rooms you may join" not in client.get(reverse("diligence:list")).content.decode()
    for name in ("room", "nda"):
        assert client.get(url(name, room)).status_code == 404


def test_to_a_stranger_nothing_exists(shown, stranger, as_user):
    client = as_user(stranger)
    for name, subject in (
        ("room", shown.room),
        ("access-log", shown.room),
        ("report", shown.report),
        ("package", shown.package),
    ):
        assert client.get(url(name, subject)).status_code == 404, name
    for name, subject in (
        ("document", shown.room),
        ("revoke", shown.room),
        ("close", shown.room),
        ("open", shown.package),
        ("report-file", shown.report),
    ):
        assert client.post(url(name, subject)).status_code == 404, name
    assert not AccessRecord.objects.exists()


def test_a_revoked_buyer_finds_nothing_any_more(shown, admitted, buyer_user, seller_user, as_user):
    client = as_user(buyer_user)
    assert client.get(url("room", shown.room)).status_code == 200
    answer = as_user(seller_user).post(
        url("revoke", shown.room), {"admission": admitted.pk, "reason": "Breach of clause 4"}
    )
    assert answer.status_code == 302
    for name, subject in (
        ("room", shown.room),
        ("nda", shown.room),
        ("report", shown.report),
    ):
        assert client.get(url(name, subject)).status_code == 404
    assert client.post(url("document", shown.room), {"document": "report"}).status_code == 404


def test_a_revocation_without_a_reason_changes_nothing(shown, admitted, seller_user, as_user):
    answer = as_user(seller_user).post(url("revoke", shown.room), {"admission": admitted.pk})
    assert answer.status_code == 422
    admitted.refresh_from_db()
    assert admitted.revoked_at is None


def test_each_copy_of_the_report_names_reader_time_and_line_of_the_log(
    shown, admitted, buyer, buyer_user, as_user
):
    pages = pdf_text(take(as_user(buyer_user), shown.room, "report"))
    line = AccessRecord.objects.get()
    assert len(pages) == shown.report.pages
    for text in pages:
        assert buyer.name in text
        assert buyer_user.email in text
        assert f"{line.at:%Y-%m-%d %H:%M:%S} UTC" in text
        assert str(line.pk) in text


def test_the_loan_file_has_tokens_months_and_the_mark_in_every_row(
    shown, admitted, buyer_user, as_user
):
    rows = pd.read_csv(io.BytesIO(take(as_user(buyer_user), shown.room, "tape-csv")))
    sealed = read_sealed(shown.package)
    assert list(rows["loan_token"]) == list(sealed["loan_token"])
    assert rows["claim_minor"].sum() == shown.package.claim_minor
    assert set(rows["suppressed_loans"]) == {0}
    assert set(rows["copy_id"]) == {str(AccessRecord.objects.get().pk)}
    assert rows["charge_off_date"].dropna().str.fullmatch(r"\d{4}-\d{2}").all()
    received = [sum(gross for _, gross, _ in json.loads(text)) for text in rows["receipts"]]
    assert received == sealed["received_minor"].tolist()


def test_each_copy_says_what_it_leaves_out(shown, admitted, buyer_user, as_user, monkeypatch):
    import pyarrow.parquet as pq

    whole = bidder_copy(shown.package)
    first = whole.frame.iloc[0]
    some = BidderForm(
        whole.frame.iloc[1:], 1, 1, int(first["principal_minor"]), int(first["claim_minor"])
    )
    monkeypatch.setattr(copies, "bidder_copy", lambda package: some)
    client = as_user(buyer_user)
    rows = pd.read_csv(io.BytesIO(take(client, shown.room, "tape-csv")))
    assert len(rows) + rows["suppressed_loans"].iloc[-1] == shown.package.loans
    content = take(client, shown.room, "tape-parquet")
    metadata = pq.read_schema(io.BytesIO(content)).metadata
    for money in ("principal_minor", "claim_minor"):
        shown_and_left_out = rows[money].sum() + rows[f"suppressed_{money}"].iloc[0]
        assert shown_and_left_out == getattr(shown.package, money)
        name = f"suppressed_{money}"
        assert int(metadata[name.encode()]) == rows[name].iloc[0]


def test_the_parquet_form_has_the_same_rows_and_names_its_reader(
    shown, admitted, buyer, buyer_user, as_user
):
    import pyarrow.parquet as pq

    content = take(as_user(buyer_user), shown.room, "tape-parquet")
    table = pq.read_table(io.BytesIO(content))
    metadata = {key.decode(): text.decode() for key, text in table.schema.metadata.items()}
    assert metadata["copy_id"] == str(AccessRecord.objects.get().pk)
    assert metadata["reader"] == buyer.name
    assert table.num_rows == shown.package.loans
    assert all(day.day == 1 for day in table.column("charge_off_date").to_pylist() if day)


def test_no_personal_value_reserve_or_rate_leaves_before_the_sale(
    shown, admitted, buyer_user, operator, as_user
):
    shown.valuation.refresh_from_db()
    reserve = shown.valuation.reserve_minor
    spellings = {str(reserve), f"{reserve / 100:,.2f}", "0.0731", *CANARY.values()}
    for user in (buyer_user, operator):
        client = as_user(user)
        texts = [
            client.get(url(name, subject)).content.decode()
            for name, subject in (("room", shown.room), ("report", shown.report))
        ]
        texts += [client.get(reverse("diligence:list")).content.decode()]
        report = take(client, shown.room, "report")
        texts += [*pdf_text(report), str(PdfReader(io.BytesIO(report)).metadata)]
        texts += [take(client, shown.room, each).decode() for each in ("tape-csv", "manifest")]
        parquet = pd.read_parquet(io.BytesIO(take(client, shown.room, "tape-parquet")))
        texts += [parquet.to_csv()]
        for text in texts:
            assert not [each for each in spellings if each in text]


def test_a_get_takes_no_document(shown, admitted, buyer_user, as_user):
    client = as_user(buyer_user)
    assert client.get(url("document", shown.room)).status_code == 405
    assert client.get(url("report-file", shown.report)).status_code == 405
    assert not AccessRecord.objects.exists()


def test_the_log_is_for_seller_and_venue_and_a_buyer_sees_its_own_lines(
    shown, admitted, buyer_user, other_buyer, other_buyer_user, seller_user, operator, as_user
):
    sign_nda(user=other_buyer_user, room_id=shown.room.pk, buyer=other_buyer)
    take(as_user(buyer_user), shown.room, "manifest")
    for user in (seller_user, operator):
        page = as_user(user).get(url("access-log", shown.room)).content.decode()
        assert buyer_user.email in page
        assert str(AccessRecord.objects.get().pk) in page
    assert as_user(buyer_user).get(url("access-log", shown.room)).status_code == 403
    theirs = as_user(other_buyer_user).get(url("room", shown.room)).content.decode()
    assert buyer_user.email not in theirs
    assert str(admitted.buyer) not in theirs


def test_the_seller_makes_a_report_reads_it_and_opens_the_room(
    package, valuation, seller_user, as_user, django_capture_on_commit_callbacks
):
    client = as_user(seller_user)
    assert "without a data room" in client.get(reverse("diligence:list")).content.decode()
    wrong = client.post(url("package", package), {"valuation": package.pk})
    assert wrong.status_code == 422
    with django_capture_on_commit_callbacks(execute=True):
        asked = client.post(url("package", package), {"valuation": valuation.pk})
    assert asked.url == url("package", package)
    report = Report.objects.get()
    again = client.post(url("package", package), {"valuation": valuation.pk})
    assert again.url == url("report", report)
    copy = client.post(url("report-file", report))
    assert seller_user.email in pdf_text(body(copy))[0]
    assert not AccessRecord.objects.exists()
    opened = client.post(url("open", package))
    assert opened.url == url("room", DataRoom.objects.get())
    client.post(url("report-file", report))
    assert AccessRecord.objects.get().source_sha256 == report.file_id


def test_a_closed_room_says_so_and_offers_no_download(
    shown, admitted, buyer_user, seller_user, as_user
):
    assert as_user(seller_user).post(url("close", shown.room)).status_code == 302
    page = as_user(buyer_user).get(url("room", shown.room)).content.decode()
    assert "This room was closed" in page
    assert "Download</button>" not in page
