"""The frame of a chart in the PDF: room for labels measured first, then axes, grid and legend.

Everything is placed by measured text widths, so no label leaves the drawing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from reportlab.graphics.shapes import Drawing, Line, Rect, String
from reportlab.lib.colors import Color, HexColor
from reportlab.pdfbase.pdfmetrics import stringWidth

from npa_market.common.charts_colours import GRID, INK_2, LINE
from npa_market.common.charts_scale import Span

SIZE = 7.5  # points; labels, axis titles, legend
GAP = 4.0
LEAD = 10.0
ELLIPSIS = "..."
LEAST_PLOT = 20.0  # points; a legend of many long names stops short of the plot
Tick = tuple[float, str]


@dataclass(frozen=True)
class LegendEntry:
    """A colour (with its opacity) and what it stands for; `is_line` draws a stroke, not a box."""

    label: str
    colour: str
    opacity: float = 1.0
    is_line: bool = False
    is_dashed: bool = False


@dataclass
class Canvas:
    """A drawing and the one font its labels are set in."""

    drawing: Drawing
    font: str

    def width_of(self, text: str) -> float:
        """Points this text takes."""
        return float(stringWidth(text, self.font, SIZE))

    def fit(self, text: str, room: float) -> str:
        """The text, shortened with an ellipsis where the room is too small."""
        if self.width_of(text) <= room + 1e-6:
            return text
        while text and self.width_of(text + ELLIPSIS) > room:
            text = text[:-1]
        return text.rstrip() + ELLIPSIS if text else ""

    def text(self, x: float, y: float, text: str, *, anchor: str = "start") -> None:
        """Write text, moved sideways where it would leave the drawing."""
        text = self.fit(text, self.drawing.width)
        before = {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor] * self.width_of(text)
        left = min(max(x - before, 0.0), self.drawing.width - self.width_of(text))
        if text and 0 <= y <= self.drawing.height - SIZE * 0.75:
            self.drawing.add(
                String(left, y, text, fontName=self.font, fontSize=SIZE, fillColor=HexColor(INK_2))
            )

    def line(self, ends: tuple[float, float, float, float], colour: str, **style: object) -> None:
        """A straight stroke."""
        style = {"strokeWidth": 0.6, **style}
        self.drawing.add(Line(*ends, strokeColor=HexColor(colour), **style))

    def box(self, left: float, bottom: float, size: tuple[float, float], colour: Color) -> None:
        """A filled rectangle; sizes may be negative."""
        width, height = size
        self.drawing.add(
            Rect(
                min(left, left + width),
                min(bottom, bottom + height),
                abs(width),
                abs(height),
                fillColor=colour,
                fillOpacity=colour.alpha,
                strokeColor=None,
                strokeWidth=0,
            )
        )


@dataclass(frozen=True)
class Plot:
    """The plotting rectangle and what its sides stand for."""

    left: float
    bottom: float
    right: float
    top: float
    x_span: Span
    y_span: Span

    def x(self, value: float) -> float:
        """Points from the left for a value."""
        return _between(value, self.x_span, self.left, self.right)

    def y(self, value: float) -> float:
        """Points from the bottom for a value."""
        return _between(value, self.y_span, self.bottom, self.top)


def _between(value: float, span: Span, low: float, high: float) -> float:
    length = span[1] - span[0]
    share = (value - span[0]) / length if length else 0.5
    return low + min(max(share, 0.0), 1.0) * (high - low)


def colour_of(code: str, opacity: float = 1.0) -> Color:
    """A token colour with real opacity."""
    solid = HexColor(code)
    return Color(solid.red, solid.green, solid.blue, alpha=opacity)


def numeric_frame(
    canvas: Canvas,
    *,
    x: tuple[Span, Sequence[Tick], str],
    y: tuple[Span, Sequence[Tick], str],
    legend: Sequence[LegendEntry] = (),
) -> Plot:
    """Draw axes over numbers; x and y are (span, ticks, title)."""
    top = _head(canvas, y[2], legend)
    left = max([canvas.width_of(text) for _, text in y[1]], default=0.0) + GAP
    right = canvas.drawing.width - GAP
    plot = Plot(min(left, right - 10), _foot(x[2]), right, top, x[0], y[0])
    for value, text in y[1]:
        canvas.line((plot.left, plot.y(value), plot.right, plot.y(value)), GRID)
        canvas.text(plot.left - GAP, plot.y(value) - SIZE * 0.35, text, anchor="end")
    bottom_axis(canvas, plot, x[1], x[2])
    return plot


def bottom_axis(canvas: Canvas, plot: Plot, ticks: Sequence[Tick], title: str) -> None:
    """The line below, as many tick labels as have room, and the title."""
    canvas.line((plot.left, plot.bottom, plot.right, plot.bottom), LINE)
    free_from = -1e9
    for value, text in ticks:
        half = canvas.width_of(text) / 2
        place = plot.x(value)
        start = min(max(place - half, 0.0), canvas.drawing.width - 2 * half)
        if start >= free_from:
            canvas.line((place, plot.bottom, place, plot.bottom - 2.5), LINE)
            canvas.text(start, plot.bottom - LEAD - 1, text)
            free_from = start + 2 * half + GAP
    if title:
        canvas.text((plot.left + plot.right) / 2, 1.5, title, anchor="middle")


def row_frame(
    canvas: Canvas,
    *,
    names: Sequence[str],
    x: tuple[Span, Sequence[Tick], str],
    values: Sequence[str] = (),
    legend: Sequence[LegendEntry] = (),
) -> Plot:
    """Draw axes for horizontal bars: a name per row on the left, its value on the right edge."""
    top = _head(canvas, "", legend)
    widest = max([canvas.width_of(name) for name in names], default=0.0)
    left = min(widest, canvas.drawing.width * 0.38) + GAP
    margin = max([canvas.width_of(text) for text in values], default=0.0)
    right = canvas.drawing.width - min(margin, canvas.drawing.width * 0.3) - 2 * GAP
    plot = Plot(left, _foot(x[2]), right, top, x[0], (0.0, float(len(names))))
    for value, _ in x[1]:
        canvas.line((plot.x(value), plot.bottom, plot.x(value), plot.top), GRID)
    bottom_axis(canvas, plot, x[1], x[2])
    every = _every(plot, len(names))
    for place, name in enumerate(names):
        if place % every == 0:
            y = row_middle(plot, place) - SIZE * 0.35
            canvas.text(left - GAP, y, canvas.fit(name, left - GAP), anchor="end")
            if values:
                room = canvas.drawing.width - right - GAP
                canvas.text(canvas.drawing.width, y, canvas.fit(values[place], room), anchor="end")
    return plot


def row_middle(plot: Plot, place: int) -> float:
    """The middle of a row, rows counted from the top."""
    return plot.top - (place + 0.5) * row_height(plot)


def row_height(plot: Plot) -> float:
    """Points per row."""
    return (plot.top - plot.bottom) / max(plot.y_span[1], 1.0)


def _every(plot: Plot, rows: int) -> int:
    """Label each row, or each second, third, where rows are lower than the text."""
    return max(1, -(-int((SIZE + 1) * 100) // max(int(row_height(plot) * 100), 1))) if rows else 1


def _foot(title: str) -> float:
    return LEAD + GAP + (LEAD if title else 0.0) + 2.0


def _head(canvas: Canvas, title: str, legend: Sequence[LegendEntry]) -> float:
    """Write the value axis' title and the legend above the plot; where the plot may begin."""
    top = canvas.drawing.height - LEAD + 1.5
    if title:
        canvas.text(0, top, title)
        top -= LEAD + 1
    x = 0.0
    for place, entry in enumerate(legend):
        label = canvas.fit(entry.label, canvas.drawing.width - 20)
        needed = 14 + canvas.width_of(label) + 10
        if x and x + needed - 10 > canvas.drawing.width:
            x, top = 0.0, top - LEAD - 1
            if top - LEAD < _foot("x") + LEAST_PLOT:
                canvas.text(0, top, f"and {len(legend) - place} more")
                break
        _sample(canvas, x, top, entry)
        canvas.text(x + 14, top, label)
        x += needed
    if legend:
        top -= LEAD + 1
    return float(max(top + LEAD - 2 * GAP, _foot("x") + 10))


def _sample(canvas: Canvas, x: float, y: float, entry: LegendEntry) -> None:
    if entry.is_line:
        dashes = [3, 2] if entry.is_dashed else None
        ends = (x, y + 2.5, x + 10, y + 2.5)
        canvas.line(ends, entry.colour, strokeWidth=1.5, strokeDashArray=dashes)
    else:
        canvas.box(x, y - 0.5, (10, 6.5), colour_of(entry.colour, entry.opacity))
