"""Reads a sealed package and a valuation into the inputs of a report."""

from datetime import datetime

from npa_market.diligence.report.figures import valuation_figures
from npa_market.diligence.report.inputs import (
    EarlierVersion,
    PackageFacts,
    ReportInputs,
    ValuationFigures,
)
from npa_market.packages.criteria import read_criteria
from npa_market.packages.models import Package
from npa_market.packages.schema import COLUMNS
from npa_market.packages.sealed import manifest_of, read_sealed, receipts_of
from npa_market.packages.wording import sentence
from npa_market.valuation.models import Valuation
from npa_market.valuation.queries import calibration_of, priced_of


def report_inputs(
    package: Package,
    valuation: Valuation,
    *,
    reported_at: datetime,
    timetable: tuple[tuple[str, str], ...] | None = None,
) -> ReportInputs:
    """Everything of one report, read from stored files alone; no live loan row is touched."""
    return ReportInputs(
        package=package_facts(package),
        frame=read_sealed(package, [name for name in COLUMNS if name != "receipts"]),
        receipts=receipts_of(package),
        valuation=figures_of(valuation),
        reported_at=reported_at,
        timetable=timetable,
        earlier=earlier_version(package),
    )


def package_facts(package: Package) -> PackageFacts:
    """The package as its manifest states it."""
    manifest = manifest_of(package)
    assert package.sealed_at, "a sealed package has a time of sealing"
    return PackageFacts(
        reference=package.reference,
        version=package.version,
        title=package.title,
        seller=package.seller.name,
        currency=package.currency,
        cut_off_date=package.cut_off_date,
        sealed_at=package.sealed_at,
        loans=manifest["counts"]["loans"],
        borrowers=manifest["counts"]["borrowers"],
        principal_minor=manifest["totals"]["principal_minor"],
        interest_minor=manifest["totals"]["interest_minor"],
        fees_minor=manifest["totals"]["fees_minor"],
        claim_minor=manifest["totals"]["claim_minor"],
        content_sha256=package.content_sha256,
        manifest_sha256=package.manifest_file_id or "",
        merkle_root=package.merkle_root,
        schema_version=manifest["schema"],
        transfer_basis=package.transfer_basis,
        selection=sentence(read_criteria(package.criteria), package.currency),
        screen_results=manifest["screen"],
        histories=manifest.get("histories"),
    )


def earlier_version(package: Package) -> EarlierVersion | None:
    """Totals of the sealed version that this one replaced."""
    before = package.previous
    if before is None or not before.content_sha256:
        return None
    return EarlierVersion(
        name=f"{before.reference} v{before.version}",
        loans=before.loans,
        borrowers=before.borrowers,
        principal_minor=before.principal_minor,
        interest_minor=before.interest_minor,
        claim_minor=before.claim_minor,
    )


def figures_of(valuation: Valuation) -> ValuationFigures:
    """What the report may show of a finished run."""
    priced, calibration = priced_of(valuation), calibration_of(valuation)
    offered = {channel.name: channel.as_document() for channel in calibration.channels}
    offered |= {channel["name"]: channel for channel in valuation.terms["costs"]}
    return valuation_figures(
        priced.result,
        terms=valuation.terms,
        content_sha256=valuation.package.content_sha256,
        calibration_sha256=valuation.calibration_sha256,
        channels=[offered[valuation.terms["channel"]]],
        sources=calibration.sources,
        assumed=[(line.field, line.loans, line.assumption) for line in priced.stand_ins],
    )
