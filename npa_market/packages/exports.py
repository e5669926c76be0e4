"""Services of exports: asked for by the seller of a sealed package, made once by a worker, kept."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction

from npa_market.common.clock import database_now
from npa_market.common.errors import InvalidInput, NotPermitted, Refused
from npa_market.common.files import read_stored, store_path
from npa_market.common.jobs import queue_job
from npa_market.common.models import JobState
from npa_market.common.money import format_minor
from npa_market.evidence.services import record
from npa_market.packages.models import Package, PackageExport
from npa_market.packages.saved import ExportForm
from npa_market.parties.models import User
from npa_market.parties.permissions import may

if TYPE_CHECKING:
    from npa_market.packages.exporting import Content, Progress

# A copy in the bidder's form says whose it is; a plain CSV has no place for that.
MARKED_FORMS = (ExportForm.XLSX, ExportForm.PARQUET)
FULL_FORMS = tuple(ExportForm)
SELLERS_ALONE = "Exports are the seller's; bidders take the tape from the data room."


def forms_for(user: User, package: Package) -> tuple[ExportForm, ...]:
    """Forms the person may have of a sealed package: the seller all, others none.

    An admitted reader takes the bidder's tape from the data room, which logs and marks each copy
    and hands out none after it was closed.
    """
    is_sellers = bool(package.content_sha256) and may(user, "packages.download_package", package)
    return FULL_FORMS if is_sellers else ()


@transaction.atomic
def ask_for_export(
    *, user: User, package_id: UUID, form: str, as_bidders_see: bool = False
) -> PackageExport:
    """Have a worker write an export; asked again, the one there is (a failed one is tried anew).

    as_bidders_see: the seller's own copy of the bidder's form. Raises
    Refused where the package is not sealed, NotPermitted where the form is not for the person,
    InvalidInput for an unknown form.
    """
    from npa_market.packages.tasks import export_package_task

    package = (
        Package.objects.select_for_update(of=("self",)).select_related("seller").get(pk=package_id)
    )
    if form not in ExportForm.values:
        raise InvalidInput("form_unknown", f"One of {', '.join(ExportForm.values)}.", field="form")
    if not package.content_sha256:
        raise Refused("package_not_sealed", f"{package.reference} is not sealed yet.")
    if ExportForm(form) not in forms_for(user, package):
        raise NotPermitted(SELLERS_ALONE)
    if as_bidders_see and form not in MARKED_FORMS:
        raise InvalidInput("form_unmarked", "The bidder's form is Excel or Parquet.", field="form")
    export, is_new = PackageExport.objects.get_or_create(
        package=package,
        organisation=package.seller,
        form=form,
        is_bidder_form=as_bidders_see,
        defaults={"asked_by": user, "asked_at": database_now()},
    )
    is_under_way = export.job is not None and export.job.state != JobState.FAILED
    if export.file_id or (not is_new and is_under_way):
        return export
    export.job = queue_job(
        task=export_package_task,
        kind="export_package",
        title=f"Exporting {package.reference} as {ExportForm(form).label}",
        organisation_id=package.seller_id,
        started_by=user,
        subject_url=package.get_absolute_url(),
        arguments={"export_id": str(export.pk)},
    )
    export.save(update_fields=["job"])
    record(
        type="package.export_asked",
        subject=package,
        actor=user,
        payload={"form": form, "bidder_form": as_bidders_see, "for": str(package.seller_id)},
    )
    return export


def make_export(*, export_id: UUID, progress: "Progress") -> PackageExport:
    """Write the file and keep it; one that is there stays."""
    from npa_market.packages.exporting import write_export

    export = PackageExport.objects.select_related("package", "organisation", "asked_by").get(
        pk=export_id
    )
    if export.file_id:
        return export
    if not export.is_bidder_form and export.form == ExportForm.PARQUET:
        read_stored(export.package.content_sha256)  # Refuses a file that was changed.
        PackageExport.objects.filter(pk=export.pk).update(file=export.package.file)
    else:
        with TemporaryDirectory() as folder:
            target = Path(folder) / "export"
            write_export(_content(export), ExportForm(export.form), target, progress)
            PackageExport.objects.filter(pk=export.pk).update(file=store_path(target))
    export.refresh_from_db()
    return export


def _content(export: PackageExport) -> "Content":
    import pyarrow as pa

    from npa_market.packages.exporting import Content
    from npa_market.packages.schema import SEALED_SCHEMA
    from npa_market.packages.sealed import bidder_copy, read_table

    package: Any = export.package
    notice = ""
    if export.is_bidder_form:
        form = bidder_copy(package)
        table = pa.Table.from_pandas(form.frame, schema=SEALED_SCHEMA, preserve_index=False)
        notice = (
            f"{package.reference}, for {export.organisation.name} alone, asked by "
            f"{export.asked_by} on {export.asked_at:%Y-%m-%d %H:%M} UTC. Not to be passed on."
        )
        if form.suppressed:
            principal = format_minor(form.suppressed_principal_minor, package.currency)
            claim = format_minor(form.suppressed_claim_minor, package.currency)
            notice += (
                f" Left out, so that no borrower stands out: {form.suppressed:,} loans with"
                f" principal {principal}, claim {claim}."
            )
    else:
        table = read_table(package)
    return Content(table, package.reference, package.currency, package.cut_off_date, notice)
