"""Reads of reports and data rooms that pages and API share."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from npa_market.diligence.models import Admission, DataRoom, Report, RoomDocument
from npa_market.diligence.outside import winners_of
from npa_market.evidence.models import Entry
from npa_market.packages.models import Package, PackageState
from npa_market.parties.models import User


def readers_in_force(room: DataRoom) -> QuerySet[Admission]:
    """Admissions whose buyers may read the package now: a closed room leaves the winner's alone.

    None where the package was withdrawn or replaced.
    """
    admissions = Admission.objects.filter(room=room, revoked_at=None)
    if room.package.state != PackageState.SEALED:
        return admissions.none()
    if room.closed_at is None:
        return admissions
    return admissions.filter(buyer__in=winners_of(room.package))


@dataclass(frozen=True)
class OfferedDocument:
    """A document as the room offers it: what it is, and of which file it is made."""

    key: RoomDocument
    words: str
    source_sha256: str


def documents_of(room: DataRoom) -> list[OfferedDocument]:
    """Documents a reader of the room may take now."""
    package = room.package
    report = Report.objects.filter(package=package).first()
    offered = []
    if report is not None:
        words = f"{report.pages} pages, your mark on each"
        offered.append(OfferedDocument(RoomDocument.REPORT, words, report.file_id))
    rows = f"{package.loans:,} loans by token, dates as months"
    return [
        *offered,
        OfferedDocument(RoomDocument.TAPE_CSV, rows, package.content_sha256),
        OfferedDocument(RoomDocument.TAPE_PARQUET, rows, package.content_sha256),
        OfferedDocument(
            RoomDocument.MANIFEST,
            "counts, totals, criteria, hashes",
            package.manifest_file_id or "",
        ),
    ]


def published_report(package: Package, *, before: datetime) -> Report | None:
    """The report that the package's data room offered at that moment; None where there was none."""
    reports = Report.objects.filter(
        package=package, package__data_room__opened_at__lte=before, created_at__lte=before
    )
    return reports.select_related("valuation").first()


def room_history(user: User, room: DataRoom) -> QuerySet[Entry]:
    """Entries on the room and the admissions this person may see; a buyer sees its own alone."""
    admissions = Admission.objects.visible_to(user).filter(room=room)
    keys = [str(key) for key in admissions.values_list("pk", flat=True)]
    return Entry.objects.about(str(room.pk), *keys)


def seller_packages(user: User) -> QuerySet[Package]:
    """Sealed packages of the sellers this person works for."""
    return Package.objects.filter(
        seller__in=user.organisation_ids(), state=PackageState.SEALED
    ).select_related("seller")
