"""The manifest: what a sealed file claims to be, so that anybody can check it."""

import json
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from npa_market.packages.bidder_screen import findings_for_others
from npa_market.packages.content import SealedContent
from npa_market.packages.criteria import read_criteria
from npa_market.packages.models import Package
from npa_market.packages.schema import FILE_SCHEMA, SALT, SCHEMA_VERSION
from npa_market.packages.wording import sentence

LEAF_FORMAT = {
    "tree": "RFC 9162 section 2.1: leaf = SHA-256(0x00 || line), node = SHA-256(0x01 || l || r)",
    "line": "canonical JSON (RFC 8785) of the row: every column, dates YYYY-MM-DD, missing null",
    "salt": f"{SALT}: 128 secret bits a row, so that a leaf tells nothing about its row",
    "order": "rows of the file, which is sorted by loan_token",
}


def manifest(package: Package, content: SealedContent, histories: dict[str, Any]) -> bytes:
    """Readable JSON, the same bytes for the same package content: it holds no time of sealing.

    histories: of `attached.attached_histories`.
    """
    counted = asdict(content.totals)
    document: dict[str, Any] = {
        "schema": SCHEMA_VERSION,
        "reference": package.reference,
        "version": package.version,
        "title": package.title,
        "seller": package.seller.name,
        "currency": package.currency,
        "cut_off_date": package.cut_off_date.isoformat(),
        "transfer_basis": package.transfer_basis,
        "counts": {name: counted.pop(name) for name in ("loans", "borrowers")},
        "totals": counted,
        "criteria": {name: part for name, part in package.criteria.items() if name != "tapes"},
        "criteria_in_words": sentence(read_criteria(package.criteria), package.currency),
        "screen": findings_for_others(package.screen_results, content.totals.borrowers),
        "histories": histories,
        "content_sha256": content.sha256,
        "merkle_root": content.tree.root,
        "leaf_format": LEAF_FORMAT,
        "columns": [
            {"name": field.name, "type": str(field.type), "may_be_missing": field.nullable}
            for field in FILE_SCHEMA
        ],
        "written_by": f"Apache Arrow {pa.__version__}",
    }
    return (json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode()
