"""Pages of intake: the workbench on an uploaded file, saved mappings, the field dictionary."""

import json
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from npa_market.common.errors import InvalidInput, Refused
from npa_market.evidence.models import Entry
from npa_market.parties.access import access, access_for
from npa_market.parties.requests import MemberRequest
from npa_market.parties.roles import SELLER_ROLES, Role
from npa_market.tapes import uploads
from npa_market.tapes.dictionary import FIELDS
from npa_market.tapes.forms import LayoutForm
from npa_market.tapes.kept_files import open_upload
from npa_market.tapes.mapping import Setting, shipped_documents, shipped_mappings
from npa_market.tapes.mapping_store import (
    checked_document,
    document_changes,
    fitting_mapping,
    header_changes,
    parsed_mapping,
    save_mapping,
)
from npa_market.tapes.models import SellerMapping, Upload, UploadState
from npa_market.tapes.reading import Layout
from npa_market.tapes.readings import choices_by_group
from npa_market.tapes.workbench import (
    Bench,
    Sample,
    bench_of_document,
    bench_of_form,
    preview_of,
    proposed_bench,
    sample_of,
)

IDLE_SHOWN = 40  # columns without a proposal; more of them are shown when asked for


@access(access_for(Role.SELLER_ANALYST))
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def workbench(request: MemberRequest, upload_id: UUID) -> HttpResponse:
    """Columns beside the fields they fill, with a preview; save as a version, start the import."""
    upload = _upload(request, upload_id)
    if upload.state == UploadState.USED and upload.tape:
        return redirect(upload.tape)
    if upload.state != UploadState.RECEIVED or upload.file is None:
        return render(request, "tapes/upload_open.html", {"upload": upload})
    context: dict[str, Any] = {
        "upload": upload,
        "fields": FIELDS.values(),
        # A wide file has hundreds of lines: the page carries each list of choices once, and its
        # script puts it into the lines.
        "all_choices": request.GET.get("choices") == "all",
        "choices": choices_by_group(),
    }
    try:
        with open_upload(upload) as handle:
            sample = sample_of(handle, Layout(**upload.layout))
    except Refused as refusal:
        context["refusal"] = refusal
        if isinstance(refusal, InvalidInput):  # Read otherwise, the file may make sense.
            context["layout_form"] = LayoutForm(initial=upload.layout, members=(), sheets=())
        return render(request, "tapes/workbench.html", context, status=422)
    context |= {
        "sample": sample,
        "layout_form": LayoutForm(
            initial=upload.layout, members=sample.source.members, sheets=sample.source.sheets
        ),
        "saved": SellerMapping.objects.visible_to(request.user)
        .filter(seller=upload.seller)
        .newest(),
        "shipped": shipped_mappings().values(),
    }
    return _bench_page(request, upload, sample, context)


def _bench_page(
    request: MemberRequest, upload: Upload, sample: Sample, context: dict[str, Any]
) -> HttpResponse:
    setting = Setting(upload.currency, upload.cut_off_date)
    saved = fitting_mapping(upload.seller, sample.header)
    title = request.POST.get("title", saved.title if saved else upload.file_name.split(".")[0])
    context |= {
        "fitting": saved,
        "title": title,
        "changes": saved and header_changes(saved, sample.header),
    }
    try:
        if request.method == "POST":
            bench = bench_of_form(request.POST.dict(), sample, setting)
        else:
            bench = _first_bench(request, upload, sample, setting)
    except InvalidInput as refusal:
        bench = proposed_bench(sample, setting)
        context |= {"fault": refusal, "bench": bench, "show_idle": bench.idle <= IDLE_SHOWN}
        return render(request, "tapes/workbench.html", context, status=422)
    further = json.dumps(bench.further, ensure_ascii=False, indent=1) if bench.further else ""
    context |= {
        "bench": bench,
        "further": request.POST.get("further", further),
        "show_idle": context["all_choices"]
        or bench.idle <= IDLE_SHOWN
        or request.POST.get("shown") == "all"
        or request.POST.get("do") == "show",
    }
    try:
        document = bench.document(upload.currency)
        if request.method == "POST" and request.POST.get("do") in {"save", "import"}:
            return _saved(request, upload, sample, document, title)
        mapping = checked_document(document)
        with open_upload(upload) as handle:
            context["preview"] = preview_of(handle, mapping, Layout(**upload.layout), setting)
    except Refused as refusal:
        context["fault"] = refusal
    is_fault = (
        "fault" in context and request.method == "POST" and not request.headers.get("HX-Request")
    )
    return render(request, "tapes/workbench.html", context, status=422 if is_fault else 200)


def _first_bench(request: MemberRequest, upload: Upload, sample: Sample, setting: Setting) -> Bench:
    """What the page begins with: the mapping asked for, a saved, a known one, or proposals."""
    wanted = request.GET.get("from", "")
    if wanted == "proposals":
        return proposed_bench(sample, setting)
    if wanted in shipped_documents():
        document = shipped_documents()[wanted]
        return bench_of_document(document, sample, setting, f"as “{document['title']}” reads it")
    saved: SellerMapping | None
    if wanted.count("@") == 1 and wanted.partition("@")[2].isdecimal():
        name, _, version = wanted.partition("@")
        saved = SellerMapping.objects.filter(
            seller=upload.seller, name=name, version=int(version[:5])
        ).first()
    else:
        saved = fitting_mapping(upload.seller, sample.header)
    if saved:
        return bench_of_document(
            saved.document, sample, setting, f"your mapping {saved.title}, version {saved.version}"
        )
    for name, mapping in shipped_mappings().items():
        if not mapping.missing_columns(sample.header):
            document = shipped_documents()[name]
            return bench_of_document(document, sample, setting, f"as “{mapping.title}” reads it")
    return proposed_bench(sample, setting)


def _saved(
    request: MemberRequest, upload: Upload, sample: Sample, document: dict[str, Any], title: str
) -> HttpResponse:
    """Save the bench as a version; start the import where that was asked for."""
    saved = save_mapping(
        user=request.user,
        seller=upload.seller,
        title=title,
        document=document,
        header=sample.header,
        layout=upload.layout,
    )
    if request.POST["do"] == "import":
        tape = uploads.import_upload(
            user=request.user, upload_id=upload.pk, mapping=saved.reference
        )
        return redirect(tape)
    messages.success(request, f"Saved: {saved.title}, version {saved.version}.")
    return redirect(f"{upload.get_absolute_url()}?from={saved.reference}")


@access(access_for(Role.SELLER_ANALYST))
@require_POST
def layout(request: MemberRequest, upload_id: UUID) -> HttpResponse:
    """Overrule how the file is read; the workbench starts afresh."""
    upload = _upload(request, upload_id)
    form = LayoutForm(request.POST, members=(), sheets=())
    if form.is_valid():
        uploads.state_layout(user=request.user, upload_id=upload.pk, layout=form.layout())
    else:
        messages.error(request, "The header row is a number from 1 to 200.")
    return redirect(upload)


@access(access_for(Role.SELLER_ANALYST))
@require_POST
def discard_upload(request: MemberRequest, upload_id: UUID) -> HttpResponse:
    """Throw a file away that is no tape yet."""
    upload = _upload(request, upload_id)
    uploads.discard_upload(user=request.user, upload_id=upload.pk)
    messages.success(request, f"{upload.file_name} was discarded.")
    return redirect(reverse("tapes:upload"))


@access(access_for(*SELLER_ROLES))
@require_safe
def mapping(request: MemberRequest, mapping_id: UUID) -> HttpResponse:
    """One version of a saved mapping: what fills each field, what changed, its tapes."""
    rows = SellerMapping.objects.visible_to(request.user).select_related("seller", "created_by")
    saved = get_object_or_404(rows, pk=mapping_id)
    versions = rows.filter(seller=saved.seller, name=saved.name).order_by("-version")
    before = versions.filter(version__lt=saved.version).first()
    context = {
        "saved": saved,
        "sources": parsed_mapping(saved).sources,
        "versions": versions,
        "changed": document_changes(before.document, saved.document) if before else [],
        "before": before,
        "columns": header_changes(before, saved.header) if before else None,
        "document": json.dumps(saved.document, ensure_ascii=False, indent=1),
        "history": Entry.objects.about(saved.pk),
    }
    return render(request, "tapes/mapping.html", context)


@access(access_for(*SELLER_ROLES))
@require_safe
def fields(request: MemberRequest) -> HttpResponse:
    """The field dictionary."""
    return render(request, "tapes/fields.html", {"fields": FIELDS.values()})


def _upload(request: MemberRequest, upload_id: UUID) -> Upload:
    rows = Upload.objects.visible_to(request.user).select_related("seller", "file", "tape")
    return get_object_or_404(rows, pk=upload_id)
