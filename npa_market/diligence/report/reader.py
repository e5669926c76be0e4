"""The reader's mark on each page of a copy: company, person, time, line of the access log."""

from dataclasses import dataclass
from datetime import datetime
from io import BytesIO

from reportlab.lib.colors import Color
from reportlab.pdfgen.canvas import Canvas

from npa_market.common.fonts import register_cjk
from npa_market.diligence.report import style as look
from npa_market.diligence.report.document import READER_BASELINE, fitted

DIAGONAL, LARGEST, SMALLEST = 800.0, 34.0, 15.0
PALE = Color(0.06, 0.3, 0.5, alpha=0.07)


@dataclass(frozen=True)
class Reader:
    """Who takes the copy and when. `mark`: two lines of words, the key of the log's line in one."""

    company: str
    person: str
    at: datetime
    mark: tuple[str, str]


def stamped(content: bytes, reader: Reader) -> bytes:
    """The report with the reader's mark on every page; text and figures stay as they are."""
    from pypdf import PdfReader, PdfWriter

    mark = PdfReader(BytesIO(_mark(reader))).pages[0]
    writer = PdfWriter(clone_from=PdfReader(BytesIO(content)))
    for page in writer.pages:
        page.merge_page(mark)
        page.compress_content_streams()
    target = BytesIO()
    writer.write(target)
    return target.getvalue()


def _mark(reader: Reader) -> bytes:
    regular, bold = register_cjk()
    target = BytesIO()
    canvas = Canvas(target, pagesize=(look.PAGE_WIDTH, look.PAGE_HEIGHT), invariant=1)
    canvas.setFillColor(look.INK_2)
    small = (regular, 7)
    canvas.setFont(*small)
    company = fitted(canvas, f"Copy for {reader.company}", small, look.WIDTH * 0.72)
    canvas.drawString(look.MARGIN, READER_BASELINE, company)
    person = fitted(canvas, reader.person, small, look.WIDTH * 0.5)
    taken = f"{person}  ·  {reader.at:%Y-%m-%d %H:%M:%S} UTC"
    canvas.drawString(look.MARGIN, READER_BASELINE - 10, taken)
    right = look.PAGE_WIDTH - look.MARGIN
    for line, words in enumerate(reader.mark):
        canvas.drawRightString(right, READER_BASELINE - 10 * line, words)
    _across(canvas, reader, bold)
    canvas.showPage()
    canvas.save()
    return target.getvalue()


def _across(canvas: Canvas, reader: Reader, font: str) -> None:
    """Company and person in pale letters along the diagonal, as large as they fit."""
    canvas.setFillColor(PALE)
    canvas.translate(look.PAGE_WIDTH / 2, look.PAGE_HEIGHT / 2)
    canvas.rotate(53)
    wide = canvas.stringWidth(reader.company, font, 1) or 1
    size = max(SMALLEST, min(LARGEST, 0.98 * DIAGONAL / wide))
    canvas.setFont(font, size)
    canvas.drawCentredString(0, 0, fitted(canvas, reader.company, (font, size), DIAGONAL))
    canvas.setFont(font, SMALLEST)
    taken = f"{reader.person}  {reader.at:%Y-%m-%d %H:%M} UTC"
    canvas.drawCentredString(0, -24, fitted(canvas, taken, (font, SMALLEST), DIAGONAL))
