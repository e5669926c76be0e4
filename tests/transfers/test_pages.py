"""The doors of a deal: pages and API show it to its parties and do what the services do."""

import pytest
from django.urls import reverse

from npa_market.common.models import Job
from npa_market.evidence.models import Entry
from npa_market.parties.roles import Role
from npa_market.transfers import views
from npa_market.transfers.models import (
    Deal,
    DealState,
    Delivery,
    PackageKey,
    Payment,
    Signature,
)
from npa_market.transfers.services import release_delivery
from tests.transfers.deals import (
    ID_NUMBER,
    MOBILE,
    NAME,
    awarded,
    contracted,
    delivered,
    opened_file,
    paid,
    released,
)


def url(name: str, deal: Deal) -> str:
    return reverse(f"transfers:{name}", args=[deal.pk])


def text_of(answer) -> str:
    if answer.streaming:
        return b"".join(answer.streaming_content).decode(errors="replace")
    return answer.content.decode()


READS = ["detail", "allocation", "contract"]
WRITES = ["sign", "exclude", "payment", "release", "release_again", "take", "receipt", "cancel"]


def test_a_stranger_finds_nothing(cast, as_user, stranger, other_buyer_user):
    deal = awarded(cast)
    for user in (stranger, other_buyer_user):
        client = as_user(user)
        statuses = {name: client.get(url(name, deal)).status_code for name in READS}
        assert statuses == dict.fromkeys(READS, 404)
        assert client.get(f"/api/v1/deals/{deal.pk}/").status_code == 404
        assert deal.reference not in text_of(client.get(reverse("transfers:list")))


def test_a_stranger_does_nothing(cast, as_user, stranger, other_buyer_user):
    deal = awarded(cast)
    for user in (stranger, other_buyer_user):
        for name in WRITES:
            assert as_user(user).post(url(name, deal)).status_code in {403, 404}
    assert Deal.objects.get().state == DealState.AWARDED
    assert not Signature.objects.exists()


def test_a_get_changes_nothing(cast, as_user):
    deal = awarded(cast)
    for user in (cast.approver, cast.buyer_user, cast.finance):
        for name in WRITES:
            assert as_user(user).get(url(name, deal)).status_code in {403, 405}


@pytest.mark.parametrize("stage", [awarded, contracted, paid, released, delivered])
def test_parties_and_venue_read_each_stage_without_reserve_or_person(cast, as_user, stage):
    deal = stage(cast)
    for user in (cast.approver, cast.buyer_user, cast.finance):
        for name in READS:
            answer = as_user(user).get(url(name, deal))
            assert answer.status_code == 200
            text = text_of(answer)
            for secret in ("1,234,567.89", NAME, ID_NUMBER, MOBILE):
                assert secret not in text
    told = as_user(cast.buyer_user).get(f"/api/v1/deals/{deal.pk}/").json()
    assert told["state"] == deal.state
    assert "reserve" not in str(told)


def test_the_hash_that_receipts_the_file_is_told_to_nobody(cast, as_user):
    deal = released(cast)
    for user in (cast.buyer_user, cast.approver, cast.finance):
        for address in (url("detail", deal), f"/api/v1/deals/{deal.pk}/"):
            assert deal.delivery.plain_sha256 not in text_of(as_user(user).get(address))


def test_both_sides_sign_on_the_page(cast, as_user):
    deal = awarded(cast)
    seen = {"document_sha256": deal.contract_file_id}
    for user, side in ((cast.approver, cast.seller), (cast.buyer_user, cast.buyer)):
        assert f"Sign for {side}" in text_of(as_user(user).get(url("detail", deal)))
        assert as_user(user).post(url("sign", deal), seen).status_code == 302
    assert Deal.objects.get().state == DealState.CONTRACTED


@pytest.mark.parametrize("sent", [{}, {"document_sha256": "0" * 64}])
def test_a_signature_under_another_text_is_refused_on_the_page(cast, as_user, sent):
    deal = awarded(cast)
    answer = as_user(cast.approver).post(url("sign", deal), sent)
    assert answer.status_code == 409
    assert "contract text has changed" in text_of(answer)
    assert not Signature.objects.exists()


def test_finance_records_a_payment_as_typed(cast, as_user):
    deal = contracted(cast)
    typed = {"amount": "1,000.50", "bank_reference": "LINE-77"}
    assert as_user(cast.finance).post(url("payment", deal), typed).status_code == 302
    assert Payment.objects.get().amount_minor == 100_050


@pytest.mark.parametrize(
    ("typed", "status", "message"),
    [
        ({"amount": "twelve", "bank_reference": "L"}, 422, "plain number"),
        ({"amount": "1.005", "bank_reference": "L"}, 422, "decimal places"),
        ({"amount": "0", "bank_reference": "L"}, 422, "above zero"),
        ({"amount": "99,999,999", "bank_reference": "L"}, 409, "is still due"),
        ({"amount": "5"}, 422, "required"),
    ],
)
def test_a_payment_that_is_refused_keeps_what_was_typed(cast, as_user, typed, status, message):
    deal = contracted(cast)
    answer = as_user(cast.finance).post(url("payment", deal), typed)
    assert answer.status_code == status
    assert message in text_of(answer)
    assert f'value="{typed["amount"]}"' in answer.content.decode()
    assert not Payment.objects.exists()


def test_the_file_is_released_taken_and_receipted_on_the_pages(cast, as_user):
    deal = paid(cast)
    for user in (cast.analyst, cast.approver):
        assert as_user(user).post(url("release", deal)).status_code == 302
    answer = as_user(cast.buyer_user).post(url("take", deal))
    assert answer["Content-Disposition"] == f'attachment; filename="{deal.reference}.zip.age"'
    assert b"".join(answer.streaming_content).startswith(b"age-encryption.org/v1")
    delivery = Delivery.objects.get()
    assert delivery.downloads == 1
    wrong = as_user(cast.buyer_user).post(url("receipt", deal), {"sha256": "0" * 64})
    assert (wrong.status_code, "not the hash" in text_of(wrong)) == (409, True)
    right = {"sha256": delivery.plain_sha256}
    assert as_user(cast.buyer_user).post(url("receipt", deal), right).status_code == 302
    assert Deal.objects.get().state == DealState.DELIVERED


def test_a_large_file_is_made_by_a_worker_with_progress(
    cast, as_user, monkeypatch, django_capture_on_commit_callbacks
):
    deal = paid(cast)
    release_delivery(user=cast.analyst, deal_id=deal.pk)
    monkeypatch.setattr(views, "RELEASED_AT_ONCE", 5)
    with django_capture_on_commit_callbacks(execute=True):
        as_user(cast.approver).post(url("release", deal))
    job = Job.objects.get(kind="delivery_release")
    assert (job.state, job.done, job.total) == ("done", 12, 12)
    assert opened_file(cast, deal)


def test_the_operator_cancels_with_a_reason(cast, as_user):
    deal = awarded(cast)
    client = as_user(cast.finance)
    assert client.post(url("cancel", deal), {"deposit": "refund"}).status_code == 422
    typed = {"reason": "The seller withdrew", "deposit": "refund"}
    assert client.post(url("cancel", deal), typed).status_code == 302
    assert "The seller withdrew" in text_of(client.get(url("detail", deal)))


def test_a_loan_leaves_by_its_token(cast, as_user):
    deal = awarded(cast)
    token = deal.loan_prices.first().token
    typed = {"tokens": f"{token},\n", "reason": "PAID"}
    assert as_user(cast.approver).post(url("exclude", deal), typed).status_code == 302
    assert Deal.objects.get().excluded_minor > 0


def test_the_allocation_is_exported(cast, as_user):
    deal = awarded(cast)
    answer = as_user(cast.buyer_user).get(url("allocation", deal), {"export": "csv"})
    assert len(text_of(answer).splitlines()) == 1 + 12


def test_a_role_without_the_act_is_shown_no_button_and_refused(cast, as_user, make_user):
    deal = awarded(cast)
    analyst = make_user("analyst@buyer.example", cast.buyer, Role.BUYER_ANALYST)
    assert "Sign for" not in text_of(as_user(analyst).get(url("detail", deal)))
    assert as_user(analyst).post(url("sign", deal)).status_code == 403


def test_the_api_does_the_whole_deal(cast, as_user):
    deal = awarded(cast)
    base = f"/api/v1/deals/{deal.pk}"
    text = {"document_sha256": deal.contract_file_id}

    def post(user, path, data=None):
        return as_user(user).post(f"{base}/{path}/", data, content_type="application/json")

    assert post(cast.approver, "sign", text).json()["state"] == "awarded"
    assert post(cast.buyer_user, "sign", text).json()["state"] == "contracted"
    balance = deal.price.balance_minor
    line = {"amount_minor": balance + 1, "bank_reference": "API-1"}
    refused = post(cast.finance, "payments", line)
    assert (refused.status_code, refused.json()["code"]) == (409, "overpayment")
    line["amount_minor"] = balance
    assert post(cast.finance, "payments", line).json()["state"] == "paid"
    assert post(cast.analyst, "release").json()["file_sha256"] == ""
    assert post(cast.approver, "release").json()["file_sha256"]
    assert post(cast.buyer_user, "file").status_code == 200
    receipt = {"sha256": Delivery.objects.get().plain_sha256}
    assert post(cast.buyer_user, "receipt", receipt).json()["state"] == "delivered"
    prices = as_user(cast.buyer_user).get(f"{base}/allocation/").json()["results"]
    assert sum(row["price_minor"] for row in prices) == deal.hammer_minor
    assert post(cast.finance, "cancel", {"reason": "x", "deposit": "refund"}).status_code == 409


WHY = "Retention of 30 days is over"


def test_the_approver_erases_the_copies_on_a_page_that_says_what_goes(
    cast, as_user, django_capture_on_commit_callbacks
):
    deal = delivered(cast)
    client, page = as_user(cast.approver), url("erase_copies", deal)
    assert page in text_of(client.get(url("detail", deal)))
    shown = text_of(client.get(page))
    assert "<dt>Loans whose identities are in it</dt><dd>12</dd>" in shown
    short = client.post(page, {"reason": "short"})
    assert (short.status_code, "at least 10 characters" in text_of(short)) == (422, True)
    assert PackageKey.objects.get().wrapped
    with django_capture_on_commit_callbacks(execute=True):
        done = client.post(page, {"reason": WHY}, follow=True)
    assert "<h2>Erased</h2>" in text_of(done)
    assert not PackageKey.objects.get().wrapped
    detail = text_of(client.get(url("detail", deal)))
    assert "copies</dt><dd>erased" in detail
    assert page not in detail
    again = client.post(page, {"reason": WHY}, follow=True)
    assert "<h2>Erased</h2>" in text_of(again)
    assert Entry.objects.filter(type="deal.copies_erased").count() == 1
    taken = as_user(cast.buyer_user).get(url("detail", deal))
    assert "were erased and open no more" in text_of(taken)


def test_copies_are_not_offered_for_erasing_too_early_or_to_others(cast, as_user, make_user):
    deal = awarded(cast)
    page = url("erase_copies", deal)
    assert "Nothing to erase" in text_of(as_user(cast.approver).get(page))
    analyst = make_user("an@seller.example", cast.seller, Role.SELLER_ANALYST)
    for user in (analyst, cast.buyer_user, cast.finance):
        assert as_user(user).get(page).status_code == 403


def test_while_the_buyer_may_take_the_file_the_page_says_until_when(cast, as_user):
    deal = released(cast)
    client, page = as_user(cast.approver), url("erase_copies", deal)
    assert "Not yet." in text_of(client.get(page))
    refused = client.post(page, {"reason": WHY})
    assert (refused.status_code, "may still take it" in text_of(refused)) == (409, True)
    assert PackageKey.objects.get().wrapped
