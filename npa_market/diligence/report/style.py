"""The look of the report: one ink, one blue, colour only for meaning; all measures in points."""

from dataclasses import dataclass
from functools import cached_property

from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_CENTER, TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle

PAGE_WIDTH, PAGE_HEIGHT = A4
MARGIN = 51.0
TOP, BOTTOM = 62.0, 62.0
WIDTH = PAGE_WIDTH - 2 * MARGIN

INK, INK_2, INK_3 = HexColor("#16202c"), HexColor("#52606d"), HexColor("#7b8794")
LINE, LINE_2, GROUND = HexColor("#dde3ea"), HexColor("#eef1f5"), HexColor("#f5f7fa")
BRAND, BRAND_2 = HexColor("#0f4c81"), HexColor("#e8f0f8")
WARN, WARN_2 = HexColor("#9a6700"), HexColor("#fff4d6")
WHITE = HexColor("#ffffff")
BODY_SIZE, TABLE_SIZE, SMALL_SIZE = 9.0, 8.0, 7.2


@dataclass(frozen=True)
class Style:
    """Paragraph styles over one pair of registered fonts."""

    regular: str
    bold: str

    def _style(self, name: str, **changes: object) -> ParagraphStyle:
        base = {
            "fontName": self.regular,
            "fontSize": BODY_SIZE,
            "leading": 13.0,
            "textColor": INK,
        }
        return ParagraphStyle(name, **{**base, **changes})

    @cached_property
    def body(self) -> ParagraphStyle:
        return self._style("body", spaceAfter=6)

    @cached_property
    def chapter(self) -> ParagraphStyle:
        return self._style(
            "chapter",
            fontName=self.bold,
            fontSize=17,
            leading=22,
            textColor=BRAND,
            spaceBefore=16,
            spaceAfter=4,
        )

    @cached_property
    def lead(self) -> ParagraphStyle:
        return self._style("lead", textColor=INK_2, spaceAfter=12)

    @cached_property
    def heading(self) -> ParagraphStyle:
        return self._style(
            "heading", fontName=self.bold, fontSize=10.5, leading=14, spaceBefore=10, spaceAfter=1
        )

    @cached_property
    def finding(self) -> ParagraphStyle:
        return self._style("finding", fontSize=8.2, leading=11.5, textColor=INK_2, spaceAfter=5)

    @cached_property
    def small(self) -> ParagraphStyle:
        return self._style("small", fontSize=SMALL_SIZE, leading=9.8, textColor=INK_2, spaceAfter=6)

    @cached_property
    def cell(self) -> ParagraphStyle:
        return self._style("cell", fontSize=TABLE_SIZE, leading=10.4)

    @cached_property
    def cell_bold(self) -> ParagraphStyle:
        return self._style("cell-bold", fontName=self.bold, fontSize=TABLE_SIZE, leading=10.4)

    @cached_property
    def code(self) -> ParagraphStyle:
        """A hash or a command; breaks anywhere."""
        return self._style("code", fontSize=7.6, leading=10, wordWrap="CJK")

    @cached_property
    def label(self) -> ParagraphStyle:
        return self._style("label", fontSize=7.4, leading=9.6, textColor=INK_2)

    @cached_property
    def figure(self) -> ParagraphStyle:
        return self._style("figure", fontName=self.bold, fontSize=13, leading=17)

    @cached_property
    def note(self) -> ParagraphStyle:
        return self._style("note", fontSize=8.2, leading=11.6, textColor=INK)

    @cached_property
    def right(self) -> ParagraphStyle:
        return self._style("right", fontSize=TABLE_SIZE, alignment=TA_RIGHT)

    @cached_property
    def centre(self) -> ParagraphStyle:
        return self._style("centre", fontSize=SMALL_SIZE, alignment=TA_CENTER, textColor=INK_2)

    @cached_property
    def cover_title(self) -> ParagraphStyle:
        return self._style(
            "cover-title", fontName=self.bold, fontSize=25, leading=32, textColor=BRAND
        )

    @cached_property
    def cover_line(self) -> ParagraphStyle:
        return self._style("cover-line", fontSize=11, leading=16, textColor=INK_2)

    @cached_property
    def cover_kicker(self) -> ParagraphStyle:
        return self._style(
            "cover-kicker",
            fontName=self.bold,
            fontSize=9.5,
            leading=13,
            textColor=INK_2,
            spaceAfter=10,
        )
