"""The log for the venue, entry by entry, and for everybody else the proof of their own acts."""

import json

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from npa_market.common.pages import list_page
from npa_market.evidence.filters import EntryFilter
from npa_market.evidence.models import Entry, Payload
from npa_market.evidence.queries import (
    act_in_words,
    canonical_for,
    names_on,
    own_acts,
    subject_in_words,
)
from npa_market.evidence.tables import EntryTable
from npa_market.parties.access import MEMBERS, access, access_for
from npa_market.parties.requests import MemberRequest
from npa_market.parties.roles import VENUE_ROLES


@access(access_for(*VENUE_ROLES))
@require_safe
def entries(request: MemberRequest) -> HttpResponseBase:
    return list_page(
        request,
        Entry.objects.visible_to(request.user),
        table=EntryTable,
        filters=EntryFilter,
        context={
            "title": "Evidence",
            "lead": "Every change of state of the venue, in order. Rows are added and never"
            " changed; the database itself refuses.",
            "empty": "No change of state is on record yet.",
        },
    )


@access(access_for(*VENUE_ROLES))
@require_safe
def entry_detail(request: MemberRequest, payload_sha256: str) -> HttpResponse:
    """One entry, by a hash: numbers would count the entries that are withheld (S7)."""
    visible = Entry.objects.visible_to(request.user)
    entry = get_object_or_404(visible, payload_sha256=payload_sha256)
    payload = Payload.objects.filter(entry=entry).first()
    canonical, is_whole = canonical_for(entry, request.user)
    context = {
        "entry": entry,
        "canonical": canonical,
        "is_whole": is_whole,
        "is_sealed": entry.actor.startswith("sealed:"),
        "what": act_in_words(entry.type),
        "subject": subject_in_words(entry),
        "who": names_on([entry], request.user)[entry.seq],
        "payload": sorted(payload.body.items()) if payload else None,
        "leaf": entry.leaf_sha256 if is_whole else "",
        "salt": bytes(payload.salt).hex() if payload else "",
        "others": Entry.objects.visible_to(request.user).about(entry.object_id),
    }
    return render(request, "evidence/detail.html", context)


@access(MEMBERS)
@require_safe
def own_acts_file(request: MemberRequest) -> StreamingHttpResponse:
    """One JSON object a line: what the institution needs to prove its own bids and envelopes."""
    lines = (json.dumps(act, ensure_ascii=False) + "\n" for act in own_acts(request.user))
    answer = StreamingHttpResponse(lines, content_type="application/x-ndjson")
    answer["Content-Disposition"] = 'attachment; filename="own-acts.jsonl"'
    return answer
