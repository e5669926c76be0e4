"""Reports and data rooms as changes of state: who may, once, refused by name, on record."""

import pytest
from django.db import DatabaseError, transaction
from django.urls import reverse

from npa_market.common.errors import InvalidInput, NotPermitted, Refused
from npa_market.common.files import read_stored
from npa_market.common.models import JobState
from npa_market.diligence.models import (
    DOWNLOADS,
    AccessRecord,
    Admission,
    DataRoom,
    Report,
    RoomDocument,
)
from npa_market.diligence.services import (
    close_room,
    make_report,
    open_room,
    open_tape_for_valuation,
    record_access,
    request_report,
    revoke_admission,
    sign_nda,
)
from npa_market.evidence.models import Entry, Payload
from npa_market.packages.models import Package
from npa_market.packages.services import (
    new_version,
    screen_package,
    seal_package,
    withdraw_package,
)
from npa_market.parties.models import QualificationState
from npa_market.parties.roles import Role
from npa_market.valuation.services import request_valuation, run_valuation
from tests.diligence.conftest import TERMS


def entries(subject) -> list[str]:
    return [entry.type for entry in Entry.objects.about(subject.pk)]


def test_a_report_is_made_once_per_package_and_valuation(report, package, valuation, seller_user):
    again = make_report(user=seller_user, package_id=package.pk, valuation_id=valuation.pk)
    assert again == report
    assert Report.objects.count() == 1
    assert report.pages >= 8
    assert read_stored(report.file_id).startswith(b"%PDF-")
    assert entries(report) == ["report.made"]


def test_a_report_needs_a_finished_valuation_of_the_sellers_own(
    package, buyer, buyer_user, room, seller, seller_user
):
    sign_nda(user=buyer_user, room_id=room.pk, buyer=buyer)
    with transaction.atomic():
        theirs = request_valuation(
            user=buyer_user, organisation=buyer, package_id=package.pk, terms=TERMS
        )
        unfinished = request_valuation(
            user=seller_user, organisation=seller, package_id=package.pk, terms=TERMS
        )
    run_valuation(valuation_id=theirs.pk)
    with pytest.raises(InvalidInput, match="your own valuations"):
        make_report(user=seller_user, package_id=package.pk, valuation_id=theirs.pk)
    with pytest.raises(Refused, match="not finished"):
        make_report(user=seller_user, package_id=package.pk, valuation_id=unfinished.pk)


@pytest.mark.parametrize("role", [Role.SELLER_FINANCE])
def test_people_without_the_role_make_no_report_and_open_no_room(
    role, package, valuation, seller, make_user
):
    user = make_user("finance@example.com", seller, role)
    with pytest.raises(NotPermitted):
        make_report(user=user, package_id=package.pk, valuation_id=valuation.pk)
    with pytest.raises(NotPermitted):
        open_room(user=user, package_id=package.pk)


def test_nobody_else_makes_a_report(package, valuation, stranger, buyer_user, operator):
    for user in (stranger, buyer_user, operator):
        with pytest.raises(NotPermitted):
            make_report(user=user, package_id=package.pk, valuation_id=valuation.pk)


def test_a_job_makes_the_report_and_shows_its_progress(
    package, valuation, seller_user, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        job = request_report(user=seller_user, package_id=package.pk, valuation_id=valuation.pk)
    job.refresh_from_db()
    assert (job.state, job.done, job.total) == (JobState.DONE, 4, 4)
    assert Report.objects.get().valuation == valuation


def test_a_second_request_finds_the_waiting_job(package, valuation, seller_user):
    first, second = (
        request_report(user=seller_user, package_id=package.pk, valuation_id=valuation.pk)
        for _ in range(2)
    )
    assert first == second


def test_a_room_opens_once_with_a_frozen_agreement(room, package, second_seller_user):
    assert open_room(user=second_seller_user, package_id=package.pk) == room
    text = read_stored(room.nda_id).decode()
    assert package.reference in text
    assert package.content_sha256 in text
    assert package.seller.name in text
    assert entries(room) == ["data_room.opened"]


def test_an_unsealed_package_has_no_room(seller_user):
    from tests.builders import screened_package

    draft = screened_package(seller_user, count=5, seed=9)
    with pytest.raises(Refused, match="not sealed"):
        open_room(user=seller_user, package_id=draft.pk)


def test_a_qualified_buyer_enters_by_signing_and_reads_the_package(room, buyer, buyer_user):
    assert list(DataRoom.objects.joinable_by(buyer_user)) == [room]
    assert not DataRoom.objects.visible_to(buyer_user).exists()
    admission = sign_nda(
        user=buyer_user, room_id=room.pk, buyer=buyer, signed_name="  Ana   Harbour "
    )
    assert sign_nda(user=buyer_user, room_id=room.pk, buyer=buyer) == admission
    assert (admission.signed_name, admission.nda_sha256) == ("Ana Harbour", room.nda_id)
    assert list(DataRoom.objects.visible_to(buyer_user)) == [room]
    assert not DataRoom.objects.joinable_by(buyer_user).exists()
    assert list(Package.objects.visible_to(buyer_user)) == [room.package]
    assert entries(admission) == ["data_room.agreement_signed"]


@pytest.mark.parametrize(
    "state",
    [QualificationState.APPLIED, QualificationState.REFUSED, QualificationState.SUSPENDED],
)
def test_a_buyer_that_is_not_qualified_does_not_enter(state, room, buyer, buyer_user):
    buyer.qualification = state
    buyer.save()
    assert not DataRoom.objects.joinable_by(buyer_user).exists()
    with pytest.raises(Refused, match="qualification is in force"):
        sign_nda(user=buyer_user, room_id=room.pk, buyer=buyer)


def test_papers_that_ended_yesterday_do_not_open_a_room(room, buyer, buyer_user):
    today = room.opened_at.date()
    buyer.qualified_until = today
    buyer.save()
    assert DataRoom.objects.joinable_by(buyer_user).exists()
    buyer.qualified_until = today.replace(year=today.year - 1)
    buyer.save()
    assert not DataRoom.objects.joinable_by(buyer_user).exists()
    with pytest.raises(Refused):
        sign_nda(user=buyer_user, room_id=room.pk, buyer=buyer)


def test_only_the_buyers_own_signatory_signs(room, buyer, other_buyer_user, seller_user, make_user):
    analyst = make_user("analyst@example.com", buyer, Role.BUYER_ANALYST)
    for user in (analyst, other_buyer_user, seller_user):
        with pytest.raises(NotPermitted):
            sign_nda(user=user, room_id=room.pk, buyer=buyer)
    assert not Admission.objects.exists()


@pytest.mark.parametrize("name", ["", "   ", "x" * 121])
def test_a_signature_needs_a_name(name, room, buyer, buyer_user):
    with pytest.raises(InvalidInput, match="full name"):
        sign_nda(user=buyer_user, room_id=room.pk, buyer=buyer, signed_name=name)


def test_a_revoked_buyer_is_out_at_once_and_for_good(
    shown, buyer, buyer_user, other_buyer, other_buyer_user, seller_user
):
    room = shown.room
    admission = sign_nda(user=buyer_user, room_id=room.pk, buyer=buyer)
    sign_nda(user=other_buyer_user, room_id=room.pk, buyer=other_buyer)
    revoke_admission(user=seller_user, admission_id=admission.pk, reason="Breach of clause 4")
    again = revoke_admission(user=seller_user, admission_id=admission.pk, reason="Other words")
    assert again.revoke_reason == "Breach of clause 4"
    for rows in (DataRoom.objects, Report.objects, Package.objects):
        assert not rows.visible_to(buyer_user).exists()
        assert rows.visible_to(other_buyer_user).exists()
    assert not DataRoom.objects.joinable_by(buyer_user).exists()
    with pytest.raises(Refused, match="revoked"):
        sign_nda(user=buyer_user, room_id=room.pk, buyer=buyer)
    with pytest.raises(NotPermitted):
        record_access(user=buyer_user, room_id=room.pk, document=RoomDocument.MANIFEST)
    assert entries(admission) == ["data_room.agreement_signed", "data_room.admission_revoked"]


def test_a_revocation_has_a_reason_and_an_entitled_person(
    room, buyer, buyer_user, seller_user, stranger, other_buyer_user
):
    admission = sign_nda(user=buyer_user, room_id=room.pk, buyer=buyer)
    with pytest.raises(InvalidInput, match="reason"):
        revoke_admission(user=seller_user, admission_id=admission.pk, reason=" ")
    for user in (stranger, buyer_user, other_buyer_user):
        with pytest.raises(NotPermitted):
            revoke_admission(user=user, admission_id=admission.pk, reason="Because")


def test_a_download_is_a_line_of_the_log_and_an_entry(shown, buyer, buyer_user):
    sign_nda(user=buyer_user, room_id=shown.room.pk, buyer=buyer)
    sources = {
        RoomDocument.REPORT: shown.report.file_id,
        RoomDocument.MANIFEST: shown.package.manifest_file_id,
    }
    for document in DOWNLOADS:
        line = record_access(user=buyer_user, room_id=shown.room.pk, document=document)
        assert (line.organisation, line.user, line.document) == (buyer, buyer_user, document)
        assert line.source_sha256 == sources.get(document, shown.package.content_sha256)
        assert entries(line) == ["data_room.document_taken"]


def test_seller_and_venue_take_documents_as_themselves(shown, seller, seller_user, venue, operator):
    for user, institution in ((seller_user, seller), (operator, venue)):
        line = record_access(user=user, room_id=shown.room.pk, document=RoomDocument.REPORT)
        assert line.organisation == institution


def test_a_document_that_is_not_there_is_refused_and_not_logged(room, seller_user):
    with pytest.raises(InvalidInput, match="documents"):
        record_access(user=seller_user, room_id=room.pk, document="passwords")
    with pytest.raises(Refused, match="no report"):
        record_access(user=seller_user, room_id=room.pk, document=RoomDocument.REPORT)
    assert not AccessRecord.objects.exists()


@pytest.mark.parametrize("act", ["update", "delete"])
def test_the_access_log_refuses_change(act, room, seller_user):
    record_access(user=seller_user, room_id=room.pk, document=RoomDocument.MANIFEST)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        if act == "update":
            AccessRecord.objects.update(document=RoomDocument.REPORT)
        else:
            AccessRecord.objects.all().delete()
    assert AccessRecord.objects.get().document == RoomDocument.MANIFEST


def test_a_closed_room_takes_nobody_and_gives_bidders_nothing(
    shown, buyer, buyer_user, other_buyer, other_buyer_user, seller_user
):
    room = shown.room
    sign_nda(user=buyer_user, room_id=room.pk, buyer=buyer)
    closed = close_room(user=seller_user, room_id=room.pk)
    assert close_room(user=seller_user, room_id=room.pk).closed_at == closed.closed_at
    assert not DataRoom.objects.joinable_by(other_buyer_user).exists()
    with pytest.raises(Refused, match="closed"):
        sign_nda(user=other_buyer_user, room_id=room.pk, buyer=other_buyer)
    with pytest.raises(NotPermitted):
        record_access(user=buyer_user, room_id=room.pk, document=RoomDocument.REPORT)
    record_access(user=seller_user, room_id=room.pk, document=RoomDocument.REPORT)
    with pytest.raises(NotPermitted):
        close_room(user=buyer_user, room_id=room.pk)


def pages_of(client, package) -> list[int]:
    """Statuses of what an admitted buyer reads of a package."""
    return [
        client.get(package.get_absolute_url()).status_code,
        client.get(reverse("packages:strata", args=[package.pk])).status_code,
        client.get(f"/api/v1/packages/{package.pk}/stratifications/").status_code,
    ]


def test_a_closed_room_shows_bidders_nothing_of_the_package(
    shown, buyer, buyer_user, seller_user, as_user
):
    sign_nda(user=buyer_user, room_id=shown.room.pk, buyer=buyer)
    assert as_user(buyer_user).get(shown.package.get_absolute_url()).status_code == 200
    close_room(user=seller_user, room_id=shown.room.pk)
    assert pages_of(as_user(buyer_user), shown.package) == [404] * 3
    assert as_user(seller_user).get(shown.package.get_absolute_url()).status_code == 200


def test_withdrawing_a_package_closes_its_room_with_it(
    shown, buyer, buyer_user, other_buyer, other_buyer_user, second_seller_user, as_user
):
    sign_nda(user=buyer_user, room_id=shown.room.pk, buyer=buyer)
    withdraw_package(
        user=second_seller_user, package_id=shown.package.pk, reason="Sold to somebody else"
    )
    shown.room.refresh_from_db()
    assert shown.room.closed_at is not None
    assert entries(shown.room) == ["data_room.opened", "data_room.closed"]
    for document in DOWNLOADS:
        with pytest.raises(NotPermitted):
            record_access(user=buyer_user, room_id=shown.room.pk, document=document)
    assert pages_of(as_user(buyer_user), shown.package) == [404] * 3
    with pytest.raises(Refused, match="closed"):
        open_tape_for_valuation(user=buyer_user, buyer=buyer, package=shown.package)
    with pytest.raises(Refused, match="closed"):
        sign_nda(user=other_buyer_user, room_id=shown.room.pk, buyer=other_buyer)
    record_access(user=second_seller_user, room_id=shown.room.pk, document=RoomDocument.MANIFEST)


def test_a_new_version_ends_what_bidders_read_of_the_one_before(
    shown, buyer, buyer_user, seller_user, second_seller_user, as_user
):
    sign_nda(user=buyer_user, room_id=shown.room.pk, buyer=buyer)
    draft = new_version(user=seller_user, package_id=shown.package.pk)
    assert as_user(buyer_user).get(shown.package.get_absolute_url()).status_code == 200
    screen_package(user=seller_user, package_id=draft.pk)
    seal_package(user=second_seller_user, package_id=draft.pk)
    with pytest.raises(NotPermitted):
        record_access(user=buyer_user, room_id=shown.room.pk, document=RoomDocument.TAPE_CSV)
    assert pages_of(as_user(buyer_user), shown.package) == [404] * 3
    page = as_user(buyer_user).get(reverse("diligence:room", args=[shown.room.pk]))
    assert "This room was closed on" in page.content.decode()
    assert "Download</button>" not in page.content.decode()


def test_entries_hold_no_reserve(shown):
    shown.valuation.refresh_from_db()
    reserve = str(shown.valuation.reserve_minor)
    assert len(reserve) > 3
    bodies = Payload.objects.filter(entry__type__in=["report.made", "data_room.opened"])
    assert bodies.count() == 2
    assert not any(reserve in str(body.body) for body in bodies)
