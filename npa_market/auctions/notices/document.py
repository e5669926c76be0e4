"""The document of a notice: plain JSON that is published, hashed and never changed."""

import hashlib
from dataclasses import dataclass
from datetime import date
from typing import Any

import rfc8785

from npa_market.auctions.models import Lot, LotFormat
from npa_market.auctions.notices.facts import FACT_COLUMNS, Mismatch, facts_of, mismatches
from npa_market.common.errors import Refused
from npa_market.packages.models import Package
from npa_market.packages.sealed import read_sealed
from npa_market.packages.versions import Difference

TRUTH = (
    "The seller states that the figures of this notice are those of the sealed loan list named by "
    "its hash, as of the cut-off date."
)
FOOTNOTES = (
    "Averages are weighted by principal and interest, over the loans that give the value.",
    "Days overdue are counted from the first day on which an instalment was unpaid.",
    "Rows with fewer than ten borrowers are merged with others.",
    "All loans are unsecured and charged off in the seller's books.",
)
ADMITTED = "institutions that the venue has qualified and admitted to this lot"
INVITED = "qualified institutions that the seller invited"
WHO_MAY_BUY: dict[str, str] = {
    LotFormat.NEGOTIATED: "the one qualified institution that the seller invited"
}
PAPERS = (
    "licence or other permission to buy bulk transfers of personal loans",
    "decision of the institution to take part",
    "signed confidentiality agreement of the data room",
)


@dataclass(frozen=True, slots=True)
class Wording:
    """What the seller adds in own words: a remark, and whom to ask."""

    remark: str
    contact: str


def premarketing_document(package: Package, wording: Wording, bidding_day: date) -> dict[str, Any]:
    """The document before an offer. Raises Refused where the figures do not add up."""
    return _document(package, wording) | {
        "kind": "premarketing",
        "timetable": {"bidding_day": bidding_day.isoformat()},
    }


def announcement_document(
    lot: Lot, wording: Wording, difference: Difference | None, earlier: str
) -> dict[str, Any]:
    """The document of an offer: no start price, no reserve.

    `difference` is against the pre-marketing notice `earlier`, both empty where there was none.
    """
    compared = (
        {"notice": earlier, "loans_out": difference.out, "loans_in": difference.taken_in}
        if difference is not None
        else None
    )
    return _document(lot.package, wording) | {
        "kind": "announcement",
        "lot": lot.reference,
        "format": lot.format,
        "who_may_buy": INVITED if lot.by_invitation else WHO_MAY_BUY.get(lot.format, ADMITTED),
        "papers": list(PAPERS),
        "timetable": {
            "time_zone": lot.time_zone,
            "registration_ends_at": lot.registration_ends_at.isoformat(),
            "opens_at": lot.opens_at.isoformat(),
            "ends_at": lot.first_end_at.isoformat(),
            "hard_end_at": lot.hard_end_at.isoformat(),
            "extension": {
                "window_seconds": lot.window_seconds,
                "extension_seconds": lot.extension_seconds,
            },
        },
        "difference": compared,
    }


def _document(package: Package, wording: Wording) -> dict[str, Any]:
    facts = facts_of(read_sealed(package, list(dict.fromkeys(FACT_COLUMNS))))
    wrong = mismatches(facts) + _against_package(facts, package)
    if wrong:
        first = wrong[0]
        raise Refused(
            "notice_does_not_add_up",
            f"{first.figure}: the parts make {first.parts:,}, the whole is {first.stated:,}.",
        )
    return {
        "v": 1,
        "package": package.reference,
        "package_sha256": package.content_sha256,
        "merkle_root": package.merkle_root,
        "title": package.title,
        "seller": package.seller.name,
        "currency": package.currency,
        "cut_off_date": package.cut_off_date.isoformat(),
        "truth": TRUTH,
        "facts": facts,
        "remark": wording.remark,
        "contact": wording.contact,
        "footnotes": list(FOOTNOTES),
    }


def _against_package(facts: dict[str, Any], package: Package) -> list[Mismatch]:
    names = ("loans", "borrowers", "principal_minor", "interest_minor", "fees_minor")
    found = [Mismatch(name, facts[name], getattr(package, name)) for name in names]
    return [each for each in found if each.parts != each.stated]


def document_sha256(document: dict[str, Any]) -> str:
    """SHA-256 of the canonical JSON (RFC 8785), in hex."""
    return hashlib.sha256(rfc8785.dumps(document)).hexdigest()
