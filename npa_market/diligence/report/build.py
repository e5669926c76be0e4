"""From inputs to the PDF: check that the file adds up, lay out the chapters, draw."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from npa_market.common.fonts import register_cjk
from npa_market.diligence.report.closing import glossary, process, verification
from npa_market.diligence.report.collection import collection
from npa_market.diligence.report.composer import Composer
from npa_market.diligence.report.document import Running, build_pdf
from npa_market.diligence.report.groups import Grouped, check_frame
from npa_market.diligence.report.inputs import REFERENCE_WORDS, ReportInputs
from npa_market.diligence.report.standing import contact, documents, legal
from npa_market.diligence.report.strata import strata, strata_of
from npa_market.diligence.report.style import Style
from npa_market.diligence.report.summary import contents_page, cover, summary
from npa_market.diligence.report.tape import tape
from npa_market.diligence.report.valuation import valuation

STEPS = 4
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class BuiltReport:
    """The PDF and how many pages it has."""

    content: bytes
    pages: int


def _silent(done: int, total: int, message: str) -> None:
    """For callers who do not watch."""


def build_report(inputs: ReportInputs, progress: Progress = _silent) -> BuiltReport:
    """The whole report; the same inputs give the same bytes.

    Raises ReportDoesNotAddUp where any table differs from the package's totals.
    """
    progress(0, STEPS, "Checking the sealed file against its totals")
    check_frame(inputs.frame, inputs.package)
    progress(1, STEPS, "Stratifying")
    tables = strata_of(inputs.frame, inputs.package)
    progress(2, STEPS, "Writing the chapters")
    regular, bold = register_cjk()
    paper = Composer(Style(regular, bold), inputs.package.currency)
    cover(paper, inputs, tables)
    contents_page(paper)
    _chapters(paper, inputs, tables)
    progress(3, STEPS, "Setting the pages")
    content, pages = build_pdf(paper.story, _running(inputs), paper.style)
    progress(STEPS, STEPS, "")
    return BuiltReport(content, pages)


def _chapters(paper: Composer, inputs: ReportInputs, tables: Mapping[str, Grouped]) -> None:
    summary(paper, inputs, tables)
    tape(paper, inputs)
    strata(paper, inputs, tables)
    legal(paper, inputs.package, tables["T22"], tables["T25"])
    contact(paper, inputs, tables["T27"])
    documents(paper, inputs.package)
    collection(paper, inputs, tables["T33"])
    valuation(paper, inputs)
    process(paper)
    glossary(paper)
    verification(paper, inputs)


def _running(inputs: ReportInputs) -> Running:
    package, value = inputs.package, inputs.valuation
    label = (
        f"Values on this page: {REFERENCE_WORDS} ({value.calibration.split(' (')[0]})"
        if value.is_reference
        else f"Values on this page: calibration {value.calibration}"
    )
    return Running(
        package=package.name,
        title=package.title,
        content_sha256=package.content_sha256,
        cut_off_date=package.cut_off_date,
        reported_at=inputs.reported_at,
        value_label=label,
    )
