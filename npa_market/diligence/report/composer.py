"""Puts the report's pieces on paper: headings, figures, tables, charts, notes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

from reportlab.graphics.shapes import Drawing, Rect
from reportlab.lib.colors import Color
from reportlab.lib.styles import ParagraphStyle
from reportlab.platypus import (
    CondPageBreak,
    Flowable,
    KeepTogether,
    NextPageTemplate,
    PageBreak,
    Paragraph,
    Spacer,
    Table,
)

from npa_market.common.charts import AnyChart
from npa_market.common.charts_pdf import drawing, height_for
from npa_market.common.money import format_minor
from npa_market.diligence.report import style as look
from npa_market.diligence.report.document import PLAIN, VALUED, Heading
from npa_market.diligence.report.groups import Grouped, Row
from npa_market.diligence.report.style import Style

CJK_FROM = "\u2e80"
BAR_WIDTH, BAR_HEIGHT = 40.0, 5.0
FEWEST_ROWS_TO_SPLIT = 22
ROOM_FOR_HEAD = 150.0
ROOM_FOR_CHAPTER = 230.0
LONGEST_WORD = 64
PAD = 2.8
ROWS_KEPT_TOGETHER = 5


def percent(part: float, digits: int = 1) -> str:
    """A share as `20.8 %`; a small part is never shown as none, nor nearly all as all."""
    least = 10.0**-digits
    if 0 < part * 100 < least / 2:
        return f"< {least:g} %"
    if 100 - least / 2 <= part * 100 < 100:
        return f"> {100 - least:g} %"
    return f"{part * 100:,.{digits}f} %"


def counted(count: int, one: str) -> str:
    """`1 loan`, `18,420 loans`."""
    return f"{count:,} {one}" + ("" if count == 1 else "s")


def mixed(style: ParagraphStyle, text: str) -> ParagraphStyle:
    """The style, breaking between any two characters where the text is Chinese."""
    if any(letter >= CJK_FROM for letter in text):
        return ParagraphStyle(f"{style.name}-cjk", parent=style, wordWrap="CJK")
    return style


@dataclass
class Composer:
    """Collects the story of one report; amounts are minor units of `currency`."""

    style: Style
    currency: str
    story: list[Flowable] = field(default_factory=list)

    def money(self, amount_minor: int | None) -> str:
        """`3,172,415.07`; the currency stands in the table's head."""
        return "–" if amount_minor is None else format_minor(int(amount_minor), self.currency)

    def paragraph(self, text: str, style: ParagraphStyle) -> Paragraph:
        """Text as it is: marks of the page language are not interpreted."""
        return Paragraph(escape(text), mixed(style, text))

    def add(self, *flowables: Flowable) -> None:
        """Put pieces on the page as they are."""
        self.story.extend(flowables)

    def chapter(
        self,
        number: int,
        title: str,
        lead: str,
        *,
        valued: bool = False,
        on_new_page: bool = True,
    ) -> None:
        """Begin a chapter; `valued` pages carry the calibration's label.

        A short chapter may follow on the same page where there is room for its first table.
        """
        if on_new_page:
            self.add(NextPageTemplate(VALUED if valued else PLAIN), PageBreak())
        else:
            self.add(CondPageBreak(ROOM_FOR_CHAPTER))
        name = f"{number}  {title}"
        self.add(
            Heading(escape(name), self.style.chapter, level=0, key=f"chapter-{number}", entry=name)
        )
        self.add(self.paragraph(lead, self.style.lead))

    def text(self, words: str) -> None:
        """A paragraph of running text."""
        self.add(self.paragraph(words, self.style.body))

    def small(self, words: str) -> None:
        """A footnote below a table."""
        self.add(Spacer(0, 3), self.paragraph(words, self.style.small))

    def head(
        self, number: str, title: str, finding: str = "", *, entry: str = ""
    ) -> list[Flowable]:
        """Heading of a table or chart with the sentence that says what it shows."""
        name = f"{number}  {title}" if number else title
        pieces: list[Flowable] = [
            Heading(
                escape(name),
                mixed(self.style.heading, name),
                level=1,
                key=number,
                entry=entry or name,
            )
        ]
        if finding:
            pieces.append(self.paragraph(finding, self.style.finding))
        else:
            pieces.append(Spacer(0, 4))
        return pieces

    def block(self, pieces: Sequence[Flowable], *, may_split: bool = False) -> None:
        """Pieces that stay on one page; a long table may run over, never its head alone."""
        if may_split:  # A spacer would be pushed to the top of the next page.
            pieces[-1].spaceAfter = 18
            self.add(CondPageBreak(ROOM_FOR_HEAD), *pieces)
        else:
            self.add(KeepTogether([*pieces, Spacer(0, 8)]))

    def groups(self, table: Grouped, finding: str = "", *, note: str = "") -> None:
        """A stratification with in-row bars and a total row."""
        largest = table.largest
        words = finding or (
            f"Largest part ({table.head.lower()}): {largest.label}, {percent(largest.share)} of "
            f"the total, {largest.loans:,} of {table.total.loans:,} loans."
        )
        pieces = [*self.head(table.number, table.title, words), self._group_table(table)]
        if note:
            pieces += [Spacer(0, 3), self.paragraph(note, self.style.small)]
        self.block(pieces, may_split=len(table.rows) >= FEWEST_ROWS_TO_SPLIT)

    def _group_table(self, table: Grouped) -> Table:
        top = max((row.share for row in table.rows), default=0.0) or 1.0
        head = [
            table.head,
            "Loans",
            "Borrowers",
            f"Principal, {self.currency}",
            f"Total, {self.currency}",
            "Share",
            "",
        ]
        body = [[*self._group_cells(row), self.bar(row.share / top)] for row in table.rows]
        total = [*self._group_cells(table.total), ""]
        widths = [118, 44, 52, 94, 94, 44, look.WIDTH - 446]
        return self.table(
            [head, *body, total], widths, right=range(1, 6), total=True, first_is_text=True
        )

    def _group_cells(self, row: Row) -> list[Any]:
        return [
            row.label,
            f"{row.loans:,}",
            f"{'≤ ' if row.borrowers_at_most else ''}{row.borrowers:,}",
            self.money(row.principal_minor),
            self.money(row.total_minor),
            percent(row.share),
        ]

    def table(
        self,
        rows: Sequence[Sequence[Any]],
        widths: Sequence[float],
        *,
        right: Sequence[int] = (),
        total: bool = False,
        first_is_text: bool = True,
        shades: Sequence[tuple[int, int, Color]] = (),
    ) -> Table:
        """Rows below a head that is repeated on each page; `right` = columns of numbers."""
        cells = [list(rows[0])]
        last = len(rows) - 1
        for place, row in enumerate(rows[1:], start=1):
            is_total = total and place == last
            cells.append(
                [self._cell(value, column, right, is_total) for column, value in enumerate(row)]
            )
        look_of = [
            ("FONT", (0, 0), (-1, 0), self.style.bold, 7.2),
            ("TEXTCOLOR", (0, 0), (-1, 0), look.INK_2),
            ("FONT", (0, 1), (-1, -1), self.style.regular, look.TABLE_SIZE),
            ("TEXTCOLOR", (0, 1), (-1, -1), look.INK),
            ("LINEBELOW", (0, 0), (-1, 0), 0.9, look.BRAND),
            ("LINEBELOW", (0, 1), (-1, -1), 0.4, look.LINE),
            ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
            ("VALIGN", (0, 0), (-1, 0), "BOTTOM"),
            ("TOPPADDING", (0, 0), (-1, -1), PAD),
            ("BOTTOMPADDING", (0, 0), (-1, -1), PAD),
            ("LEFTPADDING", (0, 0), (-1, -1), 4),
            ("RIGHTPADDING", (0, 0), (-1, -1), 4),
        ]
        look_of += [("ALIGN", (column, 0), (column, -1), "RIGHT") for column in right]
        look_of += [("BACKGROUND", (c, r), (c, r), shade) for c, r, shade in shades]
        if len(cells) > ROWS_KEPT_TOGETHER:  # No page ends or begins with a lone row.
            look_of += [
                ("NOSPLIT", (0, 0), (-1, 3)),
                ("NOSPLIT", (0, -ROWS_KEPT_TOGETHER), (-1, -1)),
            ]
        if total:
            look_of += [
                ("FONT", (0, -1), (-1, -1), self.style.bold, look.TABLE_SIZE),
                ("LINEABOVE", (0, -1), (-1, -1), 0.9, look.INK_2),
                ("BACKGROUND", (0, -1), (-1, -1), look.GROUND),
            ]
        return Table(cells, colWidths=list(widths), repeatRows=1, style=look_of, hAlign="LEFT")

    def _cell(self, value: Any, column: int, right: Sequence[int], is_total: bool) -> Any:
        """Words become paragraphs that wrap; numbers and drawings stay as they are."""
        if not isinstance(value, str) or column in right:
            return value
        style = self.style.cell_bold if is_total else self.style.cell
        return self.paragraph(value, style)

    def bar(self, part: float) -> Drawing:
        """A bar of a row, `part` 0..1 of the widest."""
        picture = Drawing(BAR_WIDTH, BAR_HEIGHT)
        width = max(BAR_WIDTH * part, 0.4) if part > 0 else 0
        picture.add(Rect(0, 0, BAR_WIDTH, BAR_HEIGHT, fillColor=look.LINE_2, strokeColor=None))
        picture.add(Rect(0, 0, width, BAR_HEIGHT, fillColor=look.BRAND, strokeColor=None))
        return picture

    def facts(self, rows: Sequence[tuple[str, str]], *, first: float = 170.0) -> Table:
        """Two columns: what, and its value in words."""
        cells = [
            [
                self.paragraph(name, self.style.label),
                self.paragraph(value, self._style_of(value)),
            ]
            for name, value in rows
        ]
        return Table(
            cells,
            colWidths=[first, look.WIDTH - first],
            hAlign="LEFT",
            style=[
                ("LINEBELOW", (0, 0), (-1, -1), 0.4, look.LINE),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("TOPPADDING", (0, 0), (-1, -1), PAD),
                ("BOTTOMPADDING", (0, 0), (-1, -1), PAD),
                ("LEFTPADDING", (0, 0), (-1, -1), 4),
                ("RIGHTPADDING", (0, 0), (-1, -1), 4),
            ],
        )

    def _style_of(self, value: str) -> ParagraphStyle:
        """Machine text has no spaces to break at."""
        return (
            self.style.code if len(value) > LONGEST_WORD and " " not in value else self.style.cell
        )

    def tiles(self, figures: Sequence[tuple[str, str, str]], *, per_row: int = 3) -> Table:
        """Key figures as a grid of tiles: name, figure, small print."""
        cells = [
            [
                self.paragraph(name, self.style.label),
                self.paragraph(value, self.style.figure),
                self.paragraph(remark, self.style.label),
            ]
            for name, value, remark in figures
        ]
        cells += [[] for _ in range(-len(cells) % per_row)]
        grid = [cells[place : place + per_row] for place in range(0, len(cells), per_row)]
        return Table(
            grid,
            colWidths=[look.WIDTH / per_row] * per_row,
            hAlign="LEFT",
            style=[
                ("INNERGRID", (0, 0), (-1, -1), 0.6, look.LINE),
                ("BOX", (0, 0), (-1, -1), 0.6, look.LINE),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("TOPPADDING", (0, 0), (-1, -1), 7),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 7),
                ("LEFTPADDING", (0, 0), (-1, -1), 9),
                ("RIGHTPADDING", (0, 0), (-1, -1), 6),
            ],
        )

    def note(self, words: str, *, warn: bool = False) -> Table:
        """A boxed remark; `warn` for what a reader must not overlook."""
        line, ground = (look.WARN, look.WARN_2) if warn else (look.BRAND, look.BRAND_2)
        return Table(
            [[self.paragraph(words, self.style.note)]],
            colWidths=[look.WIDTH],
            hAlign="LEFT",
            style=[
                ("BACKGROUND", (0, 0), (-1, -1), ground),
                ("LINEBEFORE", (0, 0), (0, -1), 2.5, line),
                ("TOPPADDING", (0, 0), (-1, -1), 5),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 6),
                ("LEFTPADDING", (0, 0), (-1, -1), 9),
            ],
        )

    def chart(
        self, number: str, name: str, chart: AnyChart, *, height: float = 190, note: str = ""
    ) -> None:
        """A chart under its sentence; the contents list it by name, without its figures."""
        pieces = [
            *self.head(number, chart.title, entry=f"{number}  {name}"),
            drawing(chart, look.WIDTH, height_for(chart, height), self.style.regular),
        ]
        if note:
            pieces += [Spacer(0, 4), self.paragraph(note, self.style.small)]
        self.block(pieces)

    def missing(self, rows: Sequence[tuple[str, str, str]]) -> None:
        """What a chapter cannot show: number, subject, and why in words."""
        head = ["No.", "Not in this report", "Why, and where it can be had"]
        table = self.table([head, *rows], [38, 150, look.WIDTH - 188])
        self.block([*self.head("", "What is missing and why"), table], may_split=len(rows) > 12)
