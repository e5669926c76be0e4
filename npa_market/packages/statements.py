"""What an entry states about a package, and the hash that an approver's decision names."""

import hashlib
from typing import Any

import rfc8785

from npa_market.packages.models import Package


def content_of_entry(package: Package) -> dict[str, Any]:
    """What an entry states about a package: plain JSON, no personal data."""
    return {
        "reference": package.reference,
        "version": package.version,
        "title": package.title,
        "currency": package.currency,
        "cut_off_date": package.cut_off_date.isoformat(),
        "criteria": package.criteria,
        "transfer_basis": package.transfer_basis,
        "loans": package.loans,
        "borrowers": package.borrowers,
        "principal_minor": package.principal_minor,
        "claim_minor": package.claim_minor,
    }


def seen_sha256(package: Package) -> str:
    """SHA-256 over what a screened package's page shows to the person who seals it."""
    shown = content_of_entry(package) | {
        "screen": package.screen_results,
        "selection_sha256": package.selection_sha256,
    }
    return hashlib.sha256(rfc8785.dumps(shown)).hexdigest()
