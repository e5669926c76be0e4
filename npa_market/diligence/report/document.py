"""Page frame of the report: running head and foot, table of contents, outline, page n of N."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from io import BytesIO
from typing import Any
from xml.sax.saxutils import escape

from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    PageTemplate,
    Paragraph,
    TableStyle,
)
from reportlab.platypus.tableofcontents import TableOfContents

from npa_market.diligence.report import style as look
from npa_market.diligence.report.style import Style

COVER, PLAIN, VALUED = "cover", "plain", "valued"
HEAD_BASELINE = look.PAGE_HEIGHT - 36
FOOT_LINE = 50.0
READER_BASELINE = 24.0


@dataclass(frozen=True)
class Running:
    """What every page says of itself. `value_label` is printed on each page that shows a value."""

    package: str
    title: str
    content_sha256: str
    cut_off_date: date
    reported_at: datetime
    value_label: str


class Heading(Paragraph):  # type: ignore[misc]
    """A paragraph that enters contents and outline where it has a key. level 0 = chapter."""

    def __init__(self, text: str, style: Any, *, level: int, key: str, entry: str) -> None:
        super().__init__(text, style)
        self.level, self.key, self.entry = level, key, entry


class ReportTemplate(BaseDocTemplate):  # type: ignore[misc]
    """A4 pages with running head and foot; `pages` holds the count of the last pass."""

    def __init__(self, target: BytesIO, running: Running, style: Style) -> None:
        super().__init__(
            target,
            pagesize=(look.PAGE_WIDTH, look.PAGE_HEIGHT),
            title=f"Due diligence report {running.package}",
            subject=f"{running.title}, cut-off date {running.cut_off_date:%Y-%m-%d}",
            author="NPA Market",
            creator="NPA Market",
            keywords=f"sha256:{running.content_sha256}",
            invariant=1,
            initialFontName=style.regular,
        )
        self.running, self.style = running, style
        self.pages = self.pages_before = 0
        body = Frame(
            look.MARGIN,
            look.BOTTOM,
            look.WIDTH,
            look.PAGE_HEIGHT - look.TOP - look.BOTTOM,
            leftPadding=0,
            rightPadding=0,
            topPadding=0,
            bottomPadding=0,
            id="body",
        )
        lower = Frame(
            look.MARGIN,
            look.BOTTOM,
            look.WIDTH,
            look.PAGE_HEIGHT - look.TOP - look.BOTTOM - 14,
            leftPadding=0,
            rightPadding=0,
            topPadding=0,
            bottomPadding=0,
            id="below-label",
        )
        self.addPageTemplates(
            [
                PageTemplate(COVER, [body], onPage=self._cover_page),
                PageTemplate(PLAIN, [body], onPage=self._plain_page),
                PageTemplate(VALUED, [lower], onPage=self._valued_page),
            ]
        )

    def afterFlowable(self, flowable: Flowable) -> None:  # noqa: N802 - name given by reportlab
        """Enter headings in the contents and the outline."""
        if isinstance(flowable, Heading) and flowable.key:
            self.canv.bookmarkPage(flowable.key)
            self.canv.addOutlineEntry(flowable.entry, flowable.key, flowable.level, closed=1)
            self.notify(
                "TOCEntry", (flowable.level, escape(flowable.entry), self.page, flowable.key)
            )

    def _endBuild(self) -> None:  # noqa: N802 - name given by reportlab
        self.pages_before, self.pages = self.pages, self.page
        super()._endBuild()

    def _allSatisfied(self) -> bool:  # noqa: N802 - name given by reportlab
        """Another pass until contents and the count of pages stand still."""
        return bool(super()._allSatisfied()) and self.pages == self.pages_before

    def _cover_page(self, canvas: Canvas, document: BaseDocTemplate) -> None:
        canvas.setFillColor(look.BRAND)
        canvas.rect(0, look.PAGE_HEIGHT - 10, look.PAGE_WIDTH, 10, stroke=0, fill=1)
        self._foot(canvas)

    def _plain_page(self, canvas: Canvas, document: BaseDocTemplate) -> None:
        self._head(canvas)
        self._foot(canvas)

    def _valued_page(self, canvas: Canvas, document: BaseDocTemplate) -> None:
        self._head(canvas)
        base = HEAD_BASELINE - 25
        canvas.setFillColor(look.WARN_2)
        canvas.rect(look.MARGIN, base, look.WIDTH, 13, stroke=0, fill=1)
        canvas.setFillColor(look.WARN)
        canvas.setFont(self.style.bold, 7.6)
        canvas.drawString(look.MARGIN + 6, base + 3.6, self.running.value_label)
        self._foot(canvas)

    def _head(self, canvas: Canvas) -> None:
        running = self.running
        canvas.setFont(self.style.bold, 8)
        canvas.setFillColor(look.BRAND)
        canvas.drawString(look.MARGIN, HEAD_BASELINE, running.package)
        offset = canvas.stringWidth(running.package, self.style.bold, 8) + 8
        canvas.setFont(self.style.regular, 8)
        canvas.setFillColor(look.INK_2)
        right = f"Cut-off date {running.cut_off_date:%d %b %Y}"
        room = look.WIDTH - offset - canvas.stringWidth(right, self.style.regular, 8) - 16
        title = fitted(canvas, running.title, (self.style.regular, 8), room)
        canvas.drawString(look.MARGIN + offset, HEAD_BASELINE, title)
        canvas.drawRightString(look.PAGE_WIDTH - look.MARGIN, HEAD_BASELINE, right)
        _rule(canvas, HEAD_BASELINE - 7)

    def _foot(self, canvas: Canvas) -> None:
        running = self.running
        _rule(canvas, FOOT_LINE)
        canvas.setFont(self.style.regular, 7)
        canvas.setFillColor(look.INK_2)
        words = (
            f"Due diligence report {running.package}  ·  content {running.content_sha256[:16]}  ·  "
            f"report date {running.reported_at:%d %b %Y %H:%M} UTC"
        )
        canvas.drawString(look.MARGIN, FOOT_LINE - 11, words)
        count = f"Page {self.page} of {self.pages or self.page}"
        canvas.drawRightString(look.PAGE_WIDTH - look.MARGIN, FOOT_LINE - 11, count)


def _rule(canvas: Canvas, height: float) -> None:
    canvas.setStrokeColor(look.LINE)
    canvas.setLineWidth(0.6)
    canvas.line(look.MARGIN, height, look.PAGE_WIDTH - look.MARGIN, height)


def fitted(canvas: Canvas, text: str, font: tuple[str, float], room: float) -> str:
    """The text, cut with an ellipsis where it is wider than `room` points."""
    if canvas.stringWidth(text, *font) <= room:
        return text
    while text and canvas.stringWidth(text + "…", *font) > room:
        text = text[:-1]
    return text.rstrip() + "…"


def contents(style: Style) -> TableOfContents:
    """The table of contents: chapters in bold, tables and charts below them."""
    table = TableOfContents()
    table.dotsMinLevel = 1
    table.tableStyle = TableStyle(
        [
            ("TOPPADDING", (0, 0), (-1, -1), 0.6),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 0.6),
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("RIGHTPADDING", (0, 0), (-1, -1), 0),
        ]
    )
    table.levelStyles = [
        style._style("toc-0", fontName=style.bold, fontSize=8.6, leading=11, spaceBefore=4),
        style._style("toc-1", fontSize=7.6, leading=9.6, leftIndent=14, textColor=look.INK_2),
    ]
    return table


def build_pdf(story: Sequence[Flowable], running: Running, style: Style) -> tuple[bytes, int]:
    """The PDF and its number of pages; the same story gives the same bytes."""
    target = BytesIO()
    template = ReportTemplate(target, running, style)
    template.multiBuild(list(story), maxPasses=6)
    return target.getvalue(), template.pages
