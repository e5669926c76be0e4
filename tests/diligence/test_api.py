"""The API takes the same ways as the pages: rooms, agreement, documents, log, reports."""

from npa_market.common.files import read_stored
from npa_market.diligence.models import AccessRecord, Admission, Report
from npa_market.diligence.services import sign_nda

ROOT = "/api/v1"


def test_a_buyer_finds_reads_signs_and_takes(shown, buyer, buyer_user, api):
    client, room = api(buyer_user), shown.room
    assert client.get(f"{ROOT}/data-rooms/").json()["results"] == []
    (offered,) = client.get(f"{ROOT}/data-rooms/joinable/").json()["results"]
    assert (offered["id"], offered["claim_minor"]) == (str(room.pk), shown.package.claim_minor)
    agreement = client.get(f"{ROOT}/data-rooms/{room.pk}/nda/").json()
    assert agreement["text"] == read_stored(agreement["sha256"]).decode()
    wrong = client.post(
        f"{ROOT}/data-rooms/{room.pk}/sign/", {"signed_name": "Ana", "nda_sha256": "0" * 64}
    )
    assert (wrong.status_code, wrong.json()["code"]) == (422, "nda_differs")
    signature = {"signed_name": "Ana", "nda_sha256": agreement["sha256"]}
    assert client.post(f"{ROOT}/data-rooms/{room.pk}/sign/", signature).status_code == 201
    assert Admission.objects.get().buyer == buyer
    copy = client.post(f"{ROOT}/data-rooms/{room.pk}/documents/", {"document": "report"})
    assert b"".join(copy.streaming_content).startswith(b"%PDF-")
    assert AccessRecord.objects.get().organisation == buyer
    unknown = client.post(f"{ROOT}/data-rooms/{room.pk}/documents/", {"document": "names"})
    assert unknown.status_code == 422


def test_the_seller_opens_reads_the_log_and_revokes(package, buyer, buyer_user, seller_user, api):
    client = api(seller_user)
    opened = client.post(f"{ROOT}/data-rooms/", {"package": str(package.pk)})
    room = opened.json()["id"]
    admission = sign_nda(user=buyer_user, room_id=room, buyer=buyer)
    api(buyer_user).post(f"{ROOT}/data-rooms/{room}/documents/", {"document": "manifest"})
    (line,) = client.get(f"{ROOT}/data-rooms/{room}/access-log/").json()["results"]
    assert (line["institution"], line["document"]) == (buyer.name, "manifest")
    revoked = client.post(f"{ROOT}/admissions/{admission.pk}/revoke/", {"reason": "Clause 4"})
    assert revoked.json()["revoke_reason"] == "Clause 4"
    assert api(buyer_user).get(f"{ROOT}/data-rooms/{room}/").status_code == 404
    assert client.post(f"{ROOT}/data-rooms/{room}/close/").json()["closed_at"]


def test_a_report_is_asked_for_once(
    package, valuation, seller_user, api, django_capture_on_commit_callbacks
):
    client = api(seller_user)
    asked = {"package": str(package.pk), "valuation": str(valuation.pk)}
    with django_capture_on_commit_callbacks(execute=True):
        first = client.post(f"{ROOT}/reports/", asked)
    assert (first.status_code, first.json()["kind"]) == (202, "report")
    again = client.post(f"{ROOT}/reports/", asked)
    assert again.status_code == 200
    report = Report.objects.get()
    assert again.json()["report_sha256"] == report.file_id
    assert again.json()["is_reference_calibration"] is True


def test_others_get_404_or_403(shown, buyer, buyer_user, stranger, other_buyer_user, api):
    admission = sign_nda(user=buyer_user, room_id=shown.room.pk, buyer=buyer)
    room = f"{ROOT}/data-rooms/{shown.room.pk}"
    for user in (stranger, other_buyer_user):
        client = api(user)
        assert client.get(f"{room}/").status_code == 404
        assert client.post(f"{room}/documents/", {"document": "report"}).status_code == 404
        assert client.get(f"{ROOT}/reports/{shown.report.pk}/").status_code == 404
        assert client.get(f"{ROOT}/admissions/{admission.pk}/").status_code == 404
    assert api(stranger).get(f"{room}/nda/").status_code == 404
    assert api(buyer_user).get(f"{room}/access-log/").status_code == 403
    assert api(buyer_user).post(f"{room}/close/").status_code == 403
    revoke = f"{ROOT}/admissions/{admission.pk}/revoke/"
    assert api(buyer_user).post(revoke, {"reason": "mine"}).status_code == 403
