"""The contract as a PDF; the same facts give the same bytes, so its hash can be signed."""

import io
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import KeepTogether, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from npa_market.common.fonts import register_cjk
from npa_market.transfers.contract_text import ContractFacts, Pairs

MARGIN = 22 * mm
WIDTH = A4[0] - 2 * MARGIN
INK, MUTED, LINE = (
    colors.HexColor("#1b2733"),
    colors.HexColor("#5a6b7b"),
    colors.HexColor("#d5dde5"),
)


class _Styles:
    """Paragraph styles in the venue's font."""

    def __init__(self) -> None:
        regular, bold = register_cjk()
        self.body = ParagraphStyle(
            "body", fontName=regular, fontSize=9, leading=13.5, textColor=INK, spaceAfter=4
        )
        self.cell = ParagraphStyle("cell", parent=self.body, spaceAfter=0, splitLongWords=True)
        self.number = ParagraphStyle("number", parent=self.cell, alignment=2)
        self.muted = ParagraphStyle("muted", parent=self.cell, textColor=MUTED)
        self.title = ParagraphStyle(
            "title", parent=self.body, fontName=bold, fontSize=17, leading=22
        )
        self.heading = ParagraphStyle(
            "heading",
            parent=self.body,
            fontName=bold,
            fontSize=11,
            leading=15,
            spaceBefore=9,
            keepWithNext=1,
        )
        self.font = regular


def draw_contract(facts: ContractFacts) -> bytes:
    """A4 pages with numbered clauses, the loan list by hash, the putback annex."""
    styles, target = _Styles(), io.BytesIO()
    document = SimpleDocTemplate(
        target,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=20 * mm,
        bottomMargin=20 * mm,
        title=f"Transfer agreement {facts.reference}",
        author="NPA Market",
        invariant=1,
    )

    def frame(canvas: Any, page: Any) -> None:
        canvas.setFont(styles.font, 7.5)
        canvas.setFillColor(MUTED)
        canvas.drawString(MARGIN, 11 * mm, f"Transfer agreement {facts.reference}")
        canvas.drawRightString(A4[0] - MARGIN, 11 * mm, f"Page {page.page}")

    document.build(_story(facts, styles), onFirstPage=frame, onLaterPages=frame)
    return target.getvalue()


def _story(facts: ContractFacts, styles: _Styles) -> list[Any]:
    story: list[Any] = [
        Paragraph("Transfer agreement", styles.title),
        Paragraph(
            escape(f"{facts.reference} · lot {facts.lot_reference} · awarded {facts.awarded_on}"),
            styles.muted,
        ),
        Paragraph(escape(facts.title), styles.body),
    ]
    for heading, pairs in (
        ("Seller", facts.seller),
        ("Buyer", facts.buyer),
        ("The loans", facts.package),
    ):
        story.append(KeepTogether([Paragraph(heading, styles.heading), _pairs(pairs, styles)]))
    story.append(
        KeepTogether(
            [
                Paragraph(f"The money, {facts.currency}", styles.heading),
                _pairs(facts.money, styles, styles.number),
            ]
        )
    )
    for number, (heading, paragraphs) in enumerate(facts.clauses, start=1):
        body = [Paragraph(escape(text), styles.body) for text in paragraphs]
        story.append(Paragraph(f"{number}. {escape(heading)}", styles.heading))
        story.extend(body)
    story.extend(_annex(facts, styles))
    return story


def _annex(facts: ContractFacts, styles: _Styles) -> list[Any]:
    rows = [("Code", "Defect", "Proof"), *facts.putback_reasons]
    parts: list[Any] = [
        Paragraph("Annex A. Reasons of a putback", styles.heading),
        _grid(rows, styles, (44 * mm, WIDTH - 90 * mm, 46 * mm)),
    ]
    if facts.excluded:
        parts += [
            Paragraph("Annex B. Loans excluded before this contract", styles.heading),
            Paragraph(f"{len(facts.excluded):,} loans stay with the seller.", styles.body),
            _grid(
                [("Loan token", "Reason", f"Price, {facts.currency}"), *facts.excluded],
                styles,
                (WIDTH - 90 * mm, 50 * mm, 40 * mm),
            ),
        ]
    parts += [
        Spacer(1, 8 * mm),
        Paragraph("Signed on the venue by the hash of this document.", styles.muted),
    ]
    return parts


def _pairs(pairs: Pairs, styles: _Styles, value_style: ParagraphStyle | None = None) -> Table:
    rows = [
        [
            Paragraph(escape(label), styles.muted),
            Paragraph(escape(value), value_style or styles.cell),
        ]
        for label, value in pairs
    ]
    return _ruled(Table(rows, colWidths=(WIDTH * 0.42, WIDTH * 0.58)))


def _grid(
    rows: list[tuple[str, str, str]], styles: _Styles, widths: tuple[float, float, float]
) -> Table:
    head, *body = rows
    cells = [[Paragraph(escape(each), styles.muted) for each in head]]
    cells += [[Paragraph(escape(each), styles.cell) for each in row] for row in body]
    return _ruled(Table(cells, colWidths=widths, repeatRows=1))


def _ruled(table: Table) -> Table:
    table.hAlign = "LEFT"
    table.setStyle(
        TableStyle(
            [
                ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LEFTPADDING", (0, 0), (-1, -1), 0),
                ("TOPPADDING", (0, 0), (-1, -1), 2.5),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
            ]
        )
    )
    return table
