"""Downloads of a lot that has ended: its protocol, and the program that checks it."""

from pathlib import Path
from uuid import UUID

from django.http import Http404, HttpResponse
from django.views.decorators.http import require_safe

from npa_market.auctions.models import Lot
from npa_market.auctions.offline import check_protocol
from npa_market.auctions.protocol import protocol, protocol_bytes
from npa_market.auctions.protocol_pdf import protocol_pdf
from npa_market.auctions.views.lots import visible_lot
from npa_market.parties.access import MEMBERS, access
from npa_market.parties.requests import MemberRequest


def download(content: bytes, content_type: str, name: str) -> HttpResponse:
    """A file for its reader alone, under a name."""
    answer = HttpResponse(content, content_type=content_type)
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    answer["Cache-Control"] = "private, no-cache"
    return answer


@access(MEMBERS)
@require_safe
def lot_protocol_json(request: MemberRequest, lot_id: UUID) -> HttpResponse:
    """The protocol for programs; 404 while the lot goes on."""
    lot = _ended(request, lot_id)
    return download(protocol_bytes(lot), "application/json", f"{lot.reference}-protocol.json")


@access(MEMBERS)
@require_safe
def lot_protocol_pdf(request: MemberRequest, lot_id: UUID) -> HttpResponse:
    """The protocol on paper; 404 while the lot goes on."""
    lot = _ended(request, lot_id)
    content = protocol_pdf(protocol(lot))
    return download(content, "application/pdf", f"{lot.reference}-protocol.pdf")


def _ended(request: MemberRequest, lot_id: UUID) -> Lot:
    lot = visible_lot(request, lot_id)
    if not lot.is_over:
        raise Http404("The protocol is made when the lot has ended.")
    return lot


@access(MEMBERS)
@require_safe
def check_program(request: MemberRequest) -> HttpResponse:
    """`check_protocol.py`, as it runs here."""
    content = Path(check_protocol.__file__).read_bytes()
    return download(content, "text/x-python; charset=utf-8", "check_protocol.py")
