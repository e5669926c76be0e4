"""The reader's mark on each page of a copy: company, person, time, key of the access record."""

from dataclasses import dataclass
from datetime import datetime
from io import BytesIO

from reportlab.lib.colors import Color
from reportlab.pdfgen.canvas import Canvas

from npa_market.common.fonts import register_cjk
from npa_market.diligence.report import style as look
from npa_market.diligence.report.document import READER_BASELINE, fitted

PALE = Color(0.06, 0.3, 0.5, alpha=0.07)


@dataclass(frozen=True)
class Reader:
    """Who takes the copy, when, and under which line of the access log."""

    company: str
    person: str
    at: datetime
    copy_key: str

    @property
    def words(self) -> str:
        """The mark as printed at the foot of each page."""
        return f"Copy for {self.company}  ·  {self.person}  ·  {self.at:%Y-%m-%d %H:%M:%S} UTC"


def stamped(content: bytes, reader: Reader) -> bytes:
    """The report with the reader's mark on every page; text and figures stay as they are."""
    from pypdf import PdfReader, PdfWriter

    mark = PdfReader(BytesIO(_mark(reader))).pages[0]
    writer = PdfWriter(clone_from=PdfReader(BytesIO(content)))
    for page in writer.pages:
        page.merge_page(mark)
    target = BytesIO()
    writer.write(target)
    return target.getvalue()


def _mark(reader: Reader) -> bytes:
    regular, bold = register_cjk()
    target = BytesIO()
    canvas = Canvas(target, pagesize=(look.PAGE_WIDTH, look.PAGE_HEIGHT), invariant=1)
    canvas.setFont(regular, 7)
    canvas.setFillColor(look.INK_2)
    key = f"copy {reader.copy_key}"
    canvas.drawRightString(look.PAGE_WIDTH - look.MARGIN, READER_BASELINE, key)
    room = look.WIDTH - canvas.stringWidth(key, regular, 7) - 12
    canvas.drawString(
        look.MARGIN, READER_BASELINE, fitted(canvas, reader.words, (regular, 7), room)
    )
    canvas.saveState()
    canvas.setFillColor(PALE)
    canvas.setFont(bold, 34)
    canvas.translate(look.PAGE_WIDTH / 2, look.PAGE_HEIGHT / 2)
    canvas.rotate(52)
    wide = look.PAGE_HEIGHT - 160
    canvas.drawCentredString(0, 0, fitted(canvas, reader.company, (bold, 34), wide))
    canvas.setFont(bold, 16)
    canvas.drawCentredString(0, -26, f"{reader.person}  {reader.at:%Y-%m-%d %H:%M} UTC")
    canvas.restoreState()
    canvas.showPage()
    canvas.save()
    return target.getvalue()
