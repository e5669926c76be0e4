"""What the page of one package shows, gathered from stored facts; nothing is computed from rows."""

from typing import Any

from npa_market.evidence.models import Entry
from npa_market.packages.bidder_screen import (
    REACH_WORDS,
    excluded_by_all,
    findings_for_others,
)
from npa_market.packages.bidder_tables import table_for_bidders
from npa_market.packages.criteria import read_criteria
from npa_market.packages.exports import MARKED_FORMS, forms_for
from npa_market.packages.freezing import has_built
from npa_market.packages.models import Package, PackageExport, PackageState
from npa_market.packages.next_step import Standing, next_step
from npa_market.packages.outside import bond_of
from npa_market.packages.queries import versions_of
from npa_market.packages.screen_items import ITEMS, NOT_SCREENED
from npa_market.packages.statements import seen_sha256
from npa_market.packages.wording import sentence
from npa_market.parties.models import User
from npa_market.parties.permissions import may

FIRST_TABLE = "age_months"
NATURALLY_ABSENT = {"last_payment_date", "credit_line_minor"}  # A gap says nothing of the tape.
WELL_FILLED, HALF_FILLED = 0.95, 0.80


def page_of(package: Package, user: User, table_key: str) -> dict[str, Any]:
    """Context of the page; buttons by the person's permissions."""
    is_own = package.seller_id in user.organisation_ids()
    return {
        "package": package,
        "sentence": sentence(read_criteria(package.criteria), package.currency),
        "is_own": is_own,
        "seen_sha256": seen_sha256(package) if is_own else "",
        "mean_loans": package.loans / package.borrowers if package.borrowers else None,
        "weighted": package.overview.get("weighted", {}),
        "step": next_step(_standing(package, user)),
        "job": package.job if is_own and package.job and not _is_settled(package) else None,
        **_completeness(package),
        "steps": _steps(package),
        "items": ITEMS,
        "history": Entry.objects.about(package.pk),
        "exports": _exports(package, user),
        **_findings(package, is_own),
        "renumbered": _renumbered(package) if is_own else [],
        **_permissions(package, user),
        **_versions(package, is_own),
        **table_of(table_key, shown_tables(package, user)),
        "bidder_note": is_own,
    }


def _exports(package: Package, user: User) -> list[dict[str, Any]]:
    """Each form the person may have, with the export that is there or under way."""
    made = {
        (export.form, export.is_bidder_form): export
        for export in PackageExport.objects.visible_to(user)
        .filter(package=package)
        .select_related("job", "file")
    }
    forms = forms_for(user, package)
    offered = [(form, False, form.label) for form in forms]
    if forms:
        offered += [(form, True, f"{form.label} in the bidder's form") for form in MARKED_FORMS]
    return [
        {
            "form": form.value,
            "label": label,
            "query": "?as=bidder" if is_bidder_form else "",
            "made": made.get((form.value, is_bidder_form)),
        }
        for form, is_bidder_form, label in offered
    ]


def _steps(package: Package) -> list[tuple[str, str]]:
    """(word, done | now | "") of the way to a sealed package."""
    way = [PackageState.DRAFT, PackageState.SCREENED, PackageState.SEALED]
    if package.state not in way:
        return []
    reached = way.index(PackageState(package.state))
    tones = ["done" if number < reached else "" for number in range(len(way))]
    tones[reached] = "done" if package.state == PackageState.SEALED else "now"
    return list(zip(["Draft", "Screened", "Sealed"], tones, strict=True))


def _is_settled(package: Package) -> bool:
    return package.state != PackageState.SCREENED


def _standing(package: Package, user: User) -> Standing:
    return Standing(
        state=PackageState(package.state),
        has_transfer_basis=bool(package.transfer_basis),
        loans=package.loans,
        is_sealing=bool(package.job and not package.job.is_over),
        may_screen=may(user, "packages.screen_package", package),
        may_seal=may(user, "packages.seal_package", package),
        has_built=has_built(package, user),
    )


def _permissions(package: Package, user: User) -> dict[str, bool]:
    is_sealed = package.state == PackageState.SEALED
    end = "packages.withdraw_package" if is_sealed else "packages.withdraw_draft"
    revises = may(user, "packages.revise_package", package)
    is_free = not bond_of(package)
    return {
        "may_edit": package.is_open and revises,
        "may_screen_again": package.state == PackageState.SCREENED
        and may(user, "packages.screen_package", package),
        "may_return": package.state == PackageState.SCREENED
        and may(user, "packages.return_package", package),
        "may_withdraw": (package.is_open or is_sealed) and is_free and may(user, end, package),
        "may_begin_version": is_sealed and is_free and revises,
        "may_download": bool(package.content_sha256)
        and may(user, "packages.download_package", package),
    }


def _findings(package: Package, is_own: bool) -> dict[str, Any]:
    """Rules that hit, items that no field answers, and how many rules found nothing."""
    results = package.screen_results
    if not is_own:
        results = findings_for_others(results, package.borrowers)
    hits = [result for result in results if result["hits"] or result.get("reach")]
    return {
        "hits": [hit | {"few": REACH_WORDS.get(hit.get("reach", ""), "")} for hit in hits],
        "effects": [effect for result in results if (effect := _effect(result))],
        "open_items": [
            result["title"] for result in results if result["treatment"] == NOT_SCREENED
        ],
        "clean_rules": sum(result["hits"] == 0 for result in results),
        "excluded_loans": excluded_by_all(results),
    }


def _renumbered(package: Package) -> list[dict[str, str]]:
    """Loans taken out as those of another number, with the title of the rule."""
    titles = {item.code: item.title for item in ITEMS}
    named = package.overview.get("renumbered", [])
    return [loan | {"title": titles[loan["rule"]]} for loan in named]


def _effect(result: dict[str, Any]) -> dict[str, Any] | None:
    """What a rule did: loans kept and disclosed, or taken out that no earlier rule took."""
    is_disclosed = result["treatment"] == "disclose"
    loans = result["hits"] if is_disclosed else result["excluded"]
    if not loans:
        return None
    effect = "disclosed" if is_disclosed else "excluded"
    return {"title": result["title"], "loans": loans, "effect": effect}


def _versions(package: Package, is_own: bool) -> dict[str, Any]:
    """All versions for the seller; a reader of one version sees that one alone."""
    versions = versions_of(package) if is_own else [package]
    compared = package.overview.get("difference") if is_own else None
    return {"versions": versions, "difference": compared}


def _completeness(package: Package) -> dict[str, Any]:
    fields = [_filled(field) for field in package.overview.get("completeness", [])]
    return {"completeness": fields, "gaps": [field for field in fields if field["missing"]]}


def _filled(field: dict[str, Any]) -> dict[str, Any]:
    loans = field["filled"] + field["missing"]
    share = field["filled"] / loans if loans else 1.0
    if field["field"] in NATURALLY_ABSENT:
        return field | {"share": share, "tone": ""}
    tone = "good" if share >= WELL_FILLED else "warn" if share >= HALF_FILLED else "bad"
    return field | {"share": share, "tone": tone}


def shown_tables(
    package: Package, user: User, *, as_bidder: bool = False
) -> dict[str, dict[str, Any]]:
    """The stratifications: exact for the seller, small cells merged for everybody else."""
    tables: dict[str, dict[str, Any]] = package.overview.get("stratifications", {})
    if package.seller_id in user.organisation_ids() and not as_bidder:
        return tables
    return {key: table_for_bidders(table) for key, table in tables.items()}


def table_of(key: str, tables: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The stratification `key` (else the first one) and the names of all that there are."""
    if not tables:
        return {"table": None, "table_key": "", "table_names": []}
    if key not in tables:
        key = FIRST_TABLE
    table = tables[key]
    widest = max((row["share"] for row in table["rows"]), default=0)
    rows = [
        row | {"bar_percent": round(row["share"] / widest * 100) if widest else 0}
        for row in table["rows"]
    ]
    return {
        "table": table | {"rows": rows},
        "table_key": key,
        "table_names": [(name, each["title"]) for name, each in tables.items()],
        "headline": headline(table),
    }


def headline(table: dict[str, Any]) -> str:
    """A sentence that says what the table shows: its largest row."""
    if not table["rows"]:
        return str(table["title"])
    largest = max(table["rows"], key=lambda row: row["share"])
    return (
        f"{table['title']}: “{largest['label']}” makes {largest['share'] * 100:.1f} % of the claim"
    )
