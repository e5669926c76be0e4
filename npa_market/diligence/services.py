"""Changes of state of reports and data rooms, each with its entry in the evidence log."""

from collections.abc import Callable
from uuid import UUID

from django.db import IntegrityError, transaction
from django.template.loader import render_to_string
from django.urls import reverse

from npa_market.common.clock import database_now
from npa_market.common.errors import InvalidInput, NotPermitted, Refused
from npa_market.common.files import store_bytes
from npa_market.common.jobs import queue_job
from npa_market.common.models import Job, JobState
from npa_market.diligence.closing import close_room
from npa_market.diligence.models import (
    DOWNLOADS,
    AccessRecord,
    Admission,
    DataRoom,
    Report,
    RoomDocument,
    qualified_buyers_of,
)
from npa_market.diligence.queries import readers_in_force
from npa_market.evidence.services import record
from npa_market.packages.models import Package, PackageState
from npa_market.packages.services import grant_reader, revoke_reader
from npa_market.parties.models import Organisation, User
from npa_market.parties.permissions import require
from npa_market.valuation.models import Valuation, ValuationState

__all__ = [
    "close_room",
    "make_report",
    "open_room",
    "open_tape_for_valuation",
    "record_access",
    "request_report",
    "revoke_admission",
    "sign_nda",
]

Progress = Callable[[int, int, str], None]
Timetable = tuple[tuple[str, str], ...]
REPORT_JOB = "report"


def make_report(
    *,
    user: User,
    package_id: UUID,
    valuation_id: UUID,
    timetable: Timetable | None = None,
    progress: Progress | None = None,
) -> Report:
    """The report on a sealed package with one of the seller's own valuations, as PDF.

    The same package and valuation again give the report that stands. Raises Refused where the
    package is not sealed, the valuation is not done or not on this package, or the file does not
    add up to the package's totals. The work is done before the transaction that stores it.
    """
    package = Package.objects.select_related("seller").get(pk=package_id)
    require(user, "diligence.make_report", package)
    valuation = _own_valuation(package, valuation_id)
    standing = Report.objects.filter(package=package, valuation=valuation).first()
    if standing is not None:
        return standing
    from npa_market.diligence.report.build import build_report
    from npa_market.diligence.sources import report_inputs

    inputs = report_inputs(package, valuation, reported_at=database_now(), timetable=timetable)
    built = build_report(inputs, progress) if progress else build_report(inputs)
    return _keep_report(
        user=user, package=package, valuation=valuation, content=built.content, pages=built.pages
    )


def _own_valuation(package: Package, valuation_id: UUID) -> Valuation:
    """The seller's finished run on this sealed package; nobody else's exists here."""
    _refuse_unless_sealed(package)
    valuation = Valuation.objects.filter(
        pk=valuation_id, package=package, organisation=package.seller
    ).first()
    if valuation is None:
        raise InvalidInput(
            "valuation_not_on_package",
            f"Choose one of your own valuations of {package.reference}.",
            field="valuation",
        )
    if valuation.state != ValuationState.DONE:
        raise Refused("valuation_not_done", "The valuation is not finished yet.", field="valuation")
    return valuation


def _refuse_unless_sealed(package: Package) -> None:
    if package.state != PackageState.SEALED:
        raise Refused("package_not_sealed", f"{package.reference} is not sealed.")


@transaction.atomic
def _keep_report(
    *, user: User, package: Package, valuation: Valuation, content: bytes, pages: int
) -> Report:
    """Store the PDF; who comes second gets the first one's report."""
    try:
        with transaction.atomic():
            report = Report.objects.create(
                package=package,
                valuation=valuation,
                file=store_bytes(content),
                pages=pages,
                created_by=user,
                created_at=database_now(),
            )
    except IntegrityError:
        return Report.objects.get(package=package, valuation=valuation)
    record(
        type="report.made",
        subject=report,
        actor=user,
        payload={
            "package": package.reference,
            "content_sha256": package.content_sha256,
            "report_sha256": report.file_id,
            "pages": pages,
        },
    )
    return report


@transaction.atomic
def request_report(*, user: User, package_id: UUID, valuation_id: UUID) -> Job:
    """Queue `make_report`; while one waits or runs for this package, that job is the answer."""
    from npa_market.diligence.tasks import make_report_task

    package = Package.objects.select_for_update().get(pk=package_id)
    require(user, "diligence.make_report", package)
    valuation = _own_valuation(package, valuation_id)
    address = reverse("diligence:package", args=[package.pk])
    waiting = Job.objects.filter(
        kind=REPORT_JOB, subject_url=address, state__in=[JobState.QUEUED, JobState.RUNNING]
    ).first()
    return waiting or queue_job(
        task=make_report_task,
        kind=REPORT_JOB,
        title=f"Due-diligence report on {package.reference}",
        organisation_id=package.seller_id,
        started_by=user,
        subject_url=address,
        arguments={
            "user_id": str(user.pk),
            "package_id": str(package.pk),
            "valuation_id": str(valuation.pk),
        },
    )


@transaction.atomic
def open_room(*, user: User, package_id: UUID) -> DataRoom:
    """Open the data room of a sealed package and freeze its NDA; opened again, it is the same."""
    package = Package.objects.select_for_update().select_related("seller").get(pk=package_id)
    require(user, "diligence.open_room", package)
    _refuse_unless_sealed(package)
    standing = DataRoom.objects.filter(package=package).first()
    if standing is not None:
        return standing
    text = render_to_string("diligence/nda.txt", {"package": package})
    room = DataRoom.objects.create(
        package=package,
        nda=store_bytes(text.encode()),
        opened_by=user,
        opened_at=database_now(),
    )
    record(
        type="data_room.opened",
        subject=room,
        actor=user,
        payload={
            "package": package.reference,
            "content_sha256": package.content_sha256,
            "nda_sha256": room.nda_id,
        },
    )
    return room


@transaction.atomic
def sign_nda(
    *, user: User, room_id: UUID, buyer: Organisation, signed_name: str | None = None
) -> Admission:
    """Sign the room's NDA for a qualified buyer and admit it; signed again, it is the same.

    signed_name: the name as typed; None = the account's own. Raises NotPermitted for anybody but
    the buyer's signatories, Refused where the buyer is not qualified, the room is closed, or an
    admission was revoked.
    """
    # The package first, as who withdraws it does: a buyer enters before the end or not at all.
    Package.objects.select_for_update(no_key=True).get(data_room=room_id)
    rooms = DataRoom.objects.select_for_update(of=("self",)).select_related("package")
    room = rooms.get(pk=room_id)
    require(user, "diligence.sign_nda", buyer)
    name = " ".join((str(user) if signed_name is None else signed_name).split())
    if not name or len(name) > 120:
        raise InvalidInput("name_missing", "Write your full name.", field="signed_name")
    standing = Admission.objects.filter(room=room, buyer=buyer).first()
    if standing is not None and standing.revoked_at is None:
        return standing
    _refuse_entry(user, room, buyer, standing)
    admission = Admission.objects.create(
        room=room,
        buyer=buyer,
        nda_sha256=room.nda_id,
        signed_by=user,
        signed_name=name,
        signed_at=database_now(),
    )
    grant_reader(package=room.package, reader=buyer)
    record(
        type="data_room.agreement_signed",
        subject=admission,
        actor=user,
        payload={
            "package": room.package.reference,
            "room": str(room.pk),
            "buyer": str(buyer.pk),
            "nda_sha256": room.nda_id,
        },
    )
    return admission


def _refuse_entry(
    user: User, room: DataRoom, buyer: Organisation, standing: Admission | None
) -> None:
    if standing is not None:
        raise Refused(
            "admission_revoked", "The admission of your institution to this room was revoked."
        )
    if room.closed_at is not None:
        raise Refused("room_closed", "This data room is closed.")
    _refuse_unless_sealed(room.package)
    if not qualified_buyers_of(user).filter(pk=buyer.pk).exists():
        raise Refused(
            "buyer_not_qualified",
            "Only institutions whose qualification is in force may enter a data room.",
        )


@transaction.atomic
def revoke_admission(*, user: User, admission_id: UUID, reason: str) -> Admission:
    """End a buyer's admission, with a reason; revoked again, the first reason stands."""
    admission = (
        Admission.objects.select_for_update(of=("self",))
        .select_related("room__package__seller", "buyer")
        .get(pk=admission_id)
    )
    require(user, "diligence.revoke_admission", admission)
    words = " ".join(reason.split())
    if not words or len(words) > 300:
        raise InvalidInput(
            "reason_missing", "Write a reason of at most 300 characters.", field="reason"
        )
    if admission.revoked_at is not None:
        return admission
    admission.revoked_at = database_now()
    admission.revoked_by = user
    admission.revoke_reason = words
    admission.save(update_fields=["revoked_at", "revoked_by", "revoke_reason"])
    revoke_reader(package=admission.room.package, reader=admission.buyer)
    record(
        type="data_room.admission_revoked",
        subject=admission,
        actor=user,
        prev_state="admitted",
        payload={
            "package": admission.room.package.reference,
            "buyer": str(admission.buyer_id),
            "reason": words,
        },
    )
    return admission


@transaction.atomic
def record_access(
    *, user: User, room_id: UUID, document: str, report_id: UUID | None = None
) -> AccessRecord:
    """Enter in the room's log that this person takes a document; the copy is made from the line.

    report_id: which report, where `document` is one; None = the latest. Raises NotPermitted for
    people outside the room, Refused where the document does not exist.
    """
    room = DataRoom.objects.select_related("package__seller").get(pk=room_id)
    require(user, "diligence.take_document", room)
    return _enter_line(
        room,
        user,
        _institution_of(user, room),
        (_known_document(document), _source_of(room, document, report_id)),
    )


@transaction.atomic
def open_tape_for_valuation(*, user: User, buyer: Organisation, package: Package) -> None:
    """Let an admitted buyer value the bidder tape on the venue, and enter it in the room's log.

    One line per person and file, however often the tape is valued: the log says who may have seen
    what, and nobody learns from it how many runs a buyer makes. Raises Refused where the buyer's
    admission is not in force, or the room is closed and the buyer has not won.
    """
    room = DataRoom.objects.filter(package=package).select_related("package").first()
    admission = Admission.objects.filter(room=room, buyer=buyer, revoked_at=None)
    if room is None or not admission.exists():
        raise Refused(
            "not_admitted",
            "Your institution is not admitted to the data room of this package.",
            field="package",
        )
    if not readers_in_force(room).filter(buyer=buyer).exists():
        raise Refused("room_closed", "The data room of this package is closed.", field="package")
    source = (RoomDocument.TAPE_VALUED, package.content_sha256)
    known = AccessRecord.objects.filter(
        room=room, user=user, organisation=buyer, document=source[0], source_sha256=source[1]
    )
    if not known.exists():
        _enter_line(room, user, buyer, source)


def _enter_line(
    room: DataRoom, user: User, organisation: Organisation, taken: tuple[RoomDocument, str]
) -> AccessRecord:
    """One line of the log and its entry; taken: the document and the file it is made from."""
    document, source_sha256 = taken
    line = AccessRecord.objects.create(
        room=room,
        user=user,
        organisation=organisation,
        document=document,
        source_sha256=source_sha256,
        at=database_now(),
    )
    record(
        type="data_room.document_taken",
        subject=line,
        actor=user,
        payload={
            "package": room.package.reference,
            "document": line.document,
            "source_sha256": line.source_sha256,
            "organisation": str(line.organisation_id),
        },
    )
    return line


def _known_document(document: str) -> RoomDocument:
    if document not in DOWNLOADS:
        raise InvalidInput(
            "document_unknown",
            f"The room has these documents: {', '.join(DOWNLOADS)}.",
            field="document",
        )
    return RoomDocument(document)


def _source_of(room: DataRoom, document: str, report_id: UUID | None) -> str:
    package = room.package
    if document == RoomDocument.REPORT:
        reports = Report.objects.filter(package=package)
        report = (reports.filter(pk=report_id) if report_id else reports).first()
        if report is None:
            raise Refused("report_missing", "There is no report on this package yet.")
        return report.file_id
    if document == RoomDocument.MANIFEST:
        return package.manifest_file_id or ""
    return package.content_sha256


def _institution_of(user: User, room: DataRoom) -> Organisation:
    """For whom the person takes the document: the seller, an admitted buyer, or the venue."""
    admitted = set(readers_in_force(room).values_list("buyer", flat=True))
    own = {member.organisation_id: member.organisation for member in user.active_memberships}
    for key in (room.package.seller_id, *sorted(admitted & own.keys())):
        if key in own:
            return own[key]
    if not user.works_for_venue:
        raise NotPermitted("Your institution is not admitted to this data room.")
    return next(iter(own.values()))
