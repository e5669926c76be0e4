"""What the announcement's form starts from: the terms of an earlier lot or of a template."""

from typing import Any

from npa_market.auctions.forms_terms import BuyersFields
from npa_market.auctions.models import Lot
from npa_market.common.money import format_minor
from npa_market.packages.models import Package

# Terms by their column on a lot; dates, package and reserve are no part of them.
PLAIN = (
    "format", "time_zone", "max_extensions", "allows_proxy", "allows_withdrawal", "tick_seconds",
    "round_seconds", "best_bid_seconds",
)  # fmt: skip
SECONDS = {"window_seconds": "window", "extension_seconds": "extension"}
MONEY = ("start_price", "step", "deposit", "lowest_price")
TERMS = (*PLAIN, *SECONDS, *(f"{name}_minor" for name in MONEY), "higher_steps", "by_invitation")


def terms_values(lot: Lot) -> dict[str, Any]:
    """The terms of a lot by their column: plain values, money in minor units."""
    return {name: getattr(lot, name) for name in TERMS}


def as_typed(values: dict[str, Any], currency: str) -> dict[str, Any]:
    """Terms by column as a person would type them into the form's fields."""
    typed = {name: values[name] for name in PLAIN if name in values}
    typed |= {field: values[name] for name, field in SECONDS.items() if name in values}
    for name in MONEY:
        amount_minor = values.get(f"{name}_minor")
        if amount_minor is not None:
            typed[name] = format_minor(amount_minor, currency)
    typed["buyers"] = BuyersFields.INVITED if values.get("by_invitation") else BuyersFields.ALL
    typed["higher_steps"] = "\n".join(
        f"{format_minor(price, currency)}: {format_minor(step, currency)}"
        for price, step in values.get("higher_steps", [])
    )
    return typed


def offered_again(lot: Lot) -> dict[str, Any]:
    """The form of a lot that is announced again: all but the dates. For its seller alone."""
    typed = as_typed(terms_values(lot), lot.currency)
    if lot.reserve_minor is not None:
        typed["reserve"] = format_minor(lot.reserve_minor, lot.currency)
    document = lot.announcement.document
    return typed | {
        "reannounces": lot.pk,
        "package": lot.package_id,
        "title": lot.title,
        "invitees": [each.buyer_id for each in lot.invitations.all()],
        "invited_name": lot.invited.name if lot.invited else "",
        "remark": document["remark"],
        "contact": document["contact"],
    }


def versions_from(package: Package) -> list[Package]:
    """A package and all later versions of it."""
    found = [package]
    for version in found:
        found.extend(Package.objects.filter(previous=version))
    return found
