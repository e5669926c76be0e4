"""The protocol on paper: the same facts as the JSON, for people and files."""

from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from typing import Any
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import LongTable, Paragraph, SimpleDocTemplate, Spacer, TableStyle

from npa_market.auctions.models import EventKind, LotFormat, ReceiptKind
from npa_market.common.fonts import register_cjk
from npa_market.common.money import format_minor

MARGIN = 40
BRAND, INK_2 = colors.HexColor("#1f4e8c"), colors.HexColor("#5b6676")
RULE, PALE = colors.HexColor("#d5dbe3"), colors.HexColor("#f3f6fa")
_AMOUNTS = {"Amount", "Start price"}
_TERMS = {
    "start_price_minor": "Start price",
    "deposit_minor": "Deposit",
    "lowest_price_minor": "Lowest price",
    "opens_at": "Opens",
    "ends_at": "End as announced",
    "time_zone": "Time zone",
}
_OF_FORMAT = {
    "ascending": {
        "step_minor": "Smallest step",
        "hard_end_at": "Hard end",
        "window_seconds": "Extension window, seconds",
        "extension_seconds": "Extension, seconds",
        "max_extensions": "Extensions at most",
        "allows_proxy": "Every bid is a maximum",
    },
    "sealed": {"ends_at": "Deadline", "allows_withdrawal": "Withdrawal allowed"},
    "dutch": {
        "step_minor": "Fall per tick",
        "hard_end_at": "Hard end",
        "tick_seconds": "Tick, seconds",
        "round_seconds": "Sealed round, seconds",
        "best_bid_seconds": "Best bid, seconds",
    },
    "negotiated": {"start_price_minor": "Asked"},
}


def protocol_pdf(document: dict[str, Any]) -> bytes:
    """A4 landscape, the same bytes for the same document."""
    paper = _Paper(document)
    parts = [
        ("", paper.table(paper.terms(), (150, 230, 150, 230), has_head=False)),
        (
            f"Events: {len(document['events'])}",
            paper.table(paper.events(), (28, 158, 132, 90, 100, 140, 112)),
        ),
    ]
    if document["receipts"]:
        table = paper.table(paper.receipts(), (40, 140, 132, 90, 358))
        parts.append((f"Handed in: {len(document['receipts'])}", table))
    if document["refusals"]:
        table = paper.table(paper.refusals(), (150, 150, 150, 310))
        parts.append((f"Refused: {len(document['refusals'])}", table))
    return paper_pdf(
        name=document["lot"],
        lead=f"{document['title']} · {paper.outcome()}",
        parts=parts,
        how=_HOW.format(chain=document["chain_sha256"]),
        chain=document["chain_sha256"],
    )


def paper_pdf(
    *, name: str, lead: str, parts: Sequence[tuple[str, LongTable]], how: str, chain: str
) -> bytes:
    """A protocol's frame: its name, one line, tables under their titles, how to check it."""
    regular, text, head = _styles()
    title = ParagraphStyle("title", parent=head, fontSize=16, leading=20, textColor=BRAND)
    part = ParagraphStyle("part", parent=head, fontSize=10.5, leading=14, spaceBefore=8)
    story = [
        Paragraph(f"Protocol of {escape(name)}", title),
        Paragraph(escape(lead), text),
        Spacer(1, 6),
    ]
    for words, table in parts:
        story += [Paragraph(escape(words), part)] if words else []
        story.append(table)
    story += [Paragraph("How to check", part), Paragraph(escape(how), text)]
    target = BytesIO()
    template = SimpleDocTemplate(
        target,
        pagesize=landscape(A4),
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN + 8,
        title=f"Protocol of {name}",
        author="NPA Market",
        invariant=1,
    )
    foot = _foot(f"{name} · chain {chain}", regular)
    template.build(story, onFirstPage=foot, onLaterPages=foot)
    return target.getvalue()


def _styles() -> tuple[str, ParagraphStyle, ParagraphStyle]:
    """The font of the text, and the styles of text and heads."""
    regular, bold = register_cjk()
    text = ParagraphStyle("text", fontName=regular, fontSize=8, leading=10.5, wordWrap="CJK")
    return regular, text, ParagraphStyle("head", parent=text, fontName=bold)


_HOW = (
    "Download protocol.json and check_protocol.py from the lot's page and run: python "
    "check_protocol.py protocol.json --chain {chain}. It needs Python alone, no connection, and "
    "recomputes hashes, winner and price from the events. Bidders appear by their label on this "
    "lot; the reserve stands in no protocol."
)


def _foot(words: str, font: str) -> Any:
    def draw(canvas: Canvas, template: SimpleDocTemplate) -> None:
        canvas.setFont(font, 7)
        canvas.setFillColor(INK_2)
        canvas.drawString(MARGIN, 24, words)
        canvas.drawRightString(landscape(A4)[0] - MARGIN, 24, f"Page {template.page}")

    return draw


class Sheet:
    """Tables on paper, amounts and times in words."""

    def __init__(self, currency: str, zone: str) -> None:
        self.currency, self.zone = currency, ZoneInfo(zone)
        _, self.text, self.head = _styles()
        self.right = ParagraphStyle("right", parent=self.text, alignment=2)
        self.right_head = ParagraphStyle("right head", parent=self.head, alignment=2)

    def money(self, amount_minor: int | str | None) -> str:
        if amount_minor is None:
            return ""
        return format_minor(int(amount_minor), self.currency)

    def time(self, text: str | None) -> str:
        if not text:
            return ""
        local = datetime.fromisoformat(text).astimezone(self.zone)
        return local.isoformat(sep=" ", timespec="milliseconds")[:23]

    def table(
        self, rows: list[list[str]], widths: tuple[int, ...], *, has_head: bool = True
    ) -> LongTable:
        """Rows as a table whose head comes back on each page; amounts stand to the right."""
        amounts = {place for place, words in enumerate(rows[0]) if words in _AMOUNTS}
        cells = []
        for number, row in enumerate(rows):
            is_head = has_head and number == 0
            line = []
            for place, words in enumerate(row):
                is_bold = is_head or (not has_head and place % 2 == 0)
                plain, bold = (
                    (self.right, self.right_head) if place in amounts else (self.text, self.head)
                )
                line.append(Paragraph(escape(words), bold if is_bold else plain))
            cells.append(line)
        look = [
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LINEBELOW", (0, 0), (-1, -1), 0.4, RULE),
            ("TOPPADDING", (0, 0), (-1, -1), 2),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
        ]
        if has_head:
            look.append(("BACKGROUND", (0, 0), (-1, 0), PALE))
        return LongTable(
            cells, colWidths=widths, repeatRows=int(has_head), hAlign="LEFT", style=TableStyle(look)
        )


class _Paper(Sheet):
    """Rows of a lot's tables, in words."""

    def __init__(self, document: dict[str, Any]) -> None:
        super().__init__(document["currency"], document["terms"]["time_zone"])
        self.document = document

    def outcome(self) -> str:
        result, currency = self.document["result"], self.document["currency"]
        if result["state"] == "sold":
            return f"sold to {result['winner']} at {self.money(result['hammer_minor'])} {currency}"
        reason = result["reason"].replace("_", " ")
        return f"{EventKind(result['state']).label.lower()}: {reason}"

    def terms(self) -> list[list[str]]:
        terms = self.document["terms"]
        names = _TERMS | _OF_FORMAT[self.document["format"]]
        values: list[tuple[str, Any]] = [
            ("Format", LotFormat(self.document["format"]).label),
            ("Package", f"{self.document['package']}, {self.document['package_sha256'][:16]}…"),
        ]
        for name, words in names.items():
            value = terms[name]
            if value is None:
                continue
            if name.endswith("_minor"):
                value = f"{self.money(value)} {self.document['currency']}"
            elif name.endswith("_at"):
                value = self.time(value)
            elif isinstance(value, bool):
                value = "yes" if value else "no"
            values.append((words, value))
        for price, step in terms["higher_steps"]:
            values.append((f"Step from {self.money(price)}", self.money(step)))
        cells = [[words, str(value)] for words, value in values]
        cells += [["", ""]] * (len(cells) % 2)
        return [left + right for left, right in zip(cells[::2], cells[1::2], strict=True)]

    def events(self) -> list[list[str]]:
        rows = [["#", "Decided at", "Event", "Bidder", "Amount", "New end", "Note"]]
        for event in self.document["events"]:
            note = event["reason"].replace("_", " ")
            if event["refers_to"] is not None:
                note = f"of no. {event['refers_to']} {note}"
            if event.get("whole_minor") is not None:
                note = f"share of {self.money(event['whole_minor'])} for the whole of {note}"
            if event["party"]:
                note = f"by the {event['party']} {note}"
            rows.append(
                [
                    str(event["seq"]),
                    self.time(event["at"]),
                    EventKind(event["kind"]).label,
                    event["bidder"],
                    self.money(event["amount_minor"]),
                    self.time(event["ends_at"]),
                    note,
                ]
            )
        return rows

    def receipts(self) -> list[list[str]]:
        rows = [["No.", "Received at", "What", "Bidder", "SHA-256"]]
        for each in self.document["receipts"]:
            kind = ReceiptKind(each["kind"]).label
            line = [str(each["receipt"]), self.time(each["at"]), kind, each["bidder"]]
            rows.append([*line, each["sha256"]])
        return rows

    def refusals(self) -> list[list[str]]:
        rows = [["Decided at", "Bidder", "Amount", "Reason"]]
        for each in self.document["refusals"]:
            reason = each["refusal"].replace("_", " ")
            amount = self.money(each["amount_minor"])
            rows.append([self.time(each["at"]), each["bidder"], amount, reason])
        return rows
