"""Charts in the PDF: reportlab vectors, the same data, ticks and colours as in the page."""

from itertools import pairwise

from reportlab.graphics.shapes import Circle, Drawing, Polygon, PolyLine
from reportlab.lib.colors import HexColor

from npa_market.common.charts import (
    AnyChart,
    BarChart,
    CurveChart,
    FanChart,
    HistogramChart,
    Mark,
    StepChart,
    TornadoChart,
    WaterfallChart,
    place_of,
)
from npa_market.common.charts_colours import (
    BAD,
    GOOD,
    INK_2,
    SERIES,
    band_opacity,
    series_colour,
)
from npa_market.common.charts_frame import (
    GAP,
    Canvas,
    LegendEntry,
    Plot,
    Tick,
    bottom_axis,
    colour_of,
    numeric_frame,
    row_frame,
    row_height,
    row_middle,
)
from npa_market.common.charts_scale import Span, Ticks, ticks_over, time_ticks

Axis = tuple[Span, list[Tick], str]
Point = tuple[float, float]


def drawing(chart: AnyChart, width: float, height: float, font: str = "Helvetica") -> Drawing:
    """The chart as a flowable vector drawing of width x height points, labels in `font`.

    The title is not inside: it is the heading above. Raises ValueError below 120 x 80 points.
    """
    if width < 120 or height < 80:
        raise ValueError(f"a chart needs 120 x 80 points, got {width} x {height}")
    canvas = Canvas(Drawing(width, height), font)
    if chart.is_empty:
        canvas.text(width / 2, height / 2, "No data", anchor="middle")
    elif isinstance(chart, FanChart):
        _fan(canvas, chart)
    elif isinstance(chart, CurveChart):
        _curve(canvas, chart)
    elif isinstance(chart, BarChart):
        _rows(canvas, chart) if chart.is_horizontal else _columns(canvas, chart)
    elif isinstance(chart, StepChart):
        _steps(canvas, chart)
    elif isinstance(chart, HistogramChart):
        _histogram(canvas, chart)
    elif isinstance(chart, TornadoChart):
        _tornado(canvas, chart)
    else:
        _waterfall(canvas, chart)
    return canvas.drawing


def height_for(chart: AnyChart, least: float = 150.0) -> float:
    """A height in points at which every row of a horizontal chart has its label."""
    if isinstance(chart, TornadoChart | WaterfallChart):
        return max(least, 45 + 16 * len(chart.rows()))
    if isinstance(chart, BarChart) and chart.is_horizontal:
        return max(least, 45 + max(13, 7 * len(chart.series)) * len(chart.categories))
    return least


def _axis(ticks: Ticks, label: str) -> Axis:
    title = ", ".join(part for part in (label, ticks.scale.label) if part)
    return ticks.span, list(zip(ticks.values, ticks.texts(), strict=True)), title


def _x_axis(chart: FanChart | CurveChart | HistogramChart) -> Axis:
    ticks = ticks_over(chart.x_span(), chart.x_unit, wanted=6, is_tight=True)
    return _axis(ticks, chart.x_label)


def _y_axis(chart: AnyChart) -> Axis:
    return _axis(ticks_over(chart.y_span(), chart.unit), chart.y_label)


def _stroke(canvas: Canvas, points: list[Point], colour: str, width: float = 1.4) -> None:
    """A line through the points; a single point becomes a dot."""
    if len(points) == 1:
        canvas.drawing.add(Circle(*points[0], 2, fillColor=HexColor(colour), strokeColor=None))
        return
    flat = [number for point in points for number in point]
    canvas.drawing.add(
        PolyLine(flat, strokeColor=HexColor(colour), strokeWidth=width, strokeLineJoin=1)
    )


def _fan(canvas: Canvas, chart: FanChart) -> None:
    legend = [
        LegendEntry(band.label, SERIES[0], band_opacity(index))
        for index, band in enumerate(chart.bands)
    ]
    legend.append(LegendEntry(chart.middle.label, SERIES[0], is_line=True))
    plot = numeric_frame(canvas, x=_x_axis(chart), y=_y_axis(chart), legend=legend)
    for index, band in enumerate(chart.bands):
        there = [(plot.x(x), plot.y(low)) for x, low in zip(chart.x, band.low, strict=True)]
        back = [(plot.x(x), plot.y(high)) for x, high in zip(chart.x, band.high, strict=True)]
        outline = [number for point in [*there, *reversed(back)] for number in point]
        shade = colour_of(SERIES[0], band_opacity(index))
        canvas.drawing.add(
            Polygon(outline, fillColor=shade, fillOpacity=shade.alpha, strokeColor=None)
        )
    middle = zip(chart.x, chart.middle.values, strict=True)
    _stroke(canvas, [(plot.x(x), plot.y(y)) for x, y in middle if y is not None], SERIES[0])


def _curve(canvas: Canvas, chart: CurveChart) -> None:
    legend = [
        LegendEntry(line.label, series_colour(index), is_line=True)
        for index, line in enumerate(chart.lines)
    ]
    plot = numeric_frame(
        canvas, x=_x_axis(chart), y=_y_axis(chart), legend=legend if len(legend) > 1 else []
    )
    for index, line in enumerate(chart.lines):
        run: list[Point] = []
        for x, y in [*zip(chart.x, line.values, strict=True), (0, None)]:
            if y is not None:
                run.append((plot.x(x), plot.y(y)))
            elif run:  # a missing value ends the stroke
                _stroke(canvas, run, series_colour(index))
                run = []


def _steps(canvas: Canvas, chart: StepChart) -> None:
    if chart.is_time:
        low, high = chart.x_span()
        x: Axis = ((low, max(high, low + 1)), list(time_ticks((low, high))), chart.x_label)
    else:
        ticks = ticks_over(chart.x_span(), chart.x_unit, wanted=6, is_tight=True)
        x = _axis(ticks, chart.x_label)
    legend = _mark_legend(chart.marks)
    plot = numeric_frame(canvas, x=x, y=_y_axis(chart), legend=legend)
    _marks(canvas, plot, chart.marks)
    corners = [(plot.x(x), plot.y(y)) for x, y in zip(chart.places(), chart.values, strict=True)]
    path = corners[:1]
    for before, after in pairwise(corners):
        path += [(after[0], before[1]), after]
    _stroke(canvas, path, SERIES[0])


def _histogram(canvas: Canvas, chart: HistogramChart) -> None:
    legend = _mark_legend(chart.marks)
    plot = numeric_frame(canvas, x=_x_axis(chart), y=_y_axis(chart), legend=legend)
    ground = plot.y(0)
    for (low, high), count in zip(pairwise(chart.edges), chart.counts, strict=True):
        left, width = plot.x(low), plot.x(high) - plot.x(low)
        gap = min(0.6, width * 0.1)
        size = (width - gap, plot.y(count) - ground)
        canvas.box(left, ground, size, colour_of(SERIES[0], 0.75))
    _marks(canvas, plot, chart.marks)


def _mark_legend(marks: tuple[Mark, ...]) -> list[LegendEntry]:
    names = list(dict.fromkeys(mark.label for mark in marks))
    return [
        LegendEntry(name, series_colour(index + 1), is_line=True, is_dashed=True)
        for index, name in enumerate(names)
    ]


def _marks(canvas: Canvas, plot: Plot, marks: tuple[Mark, ...]) -> None:
    names = list(dict.fromkeys(mark.label for mark in marks))
    for mark in marks:
        place = plot.x(place_of(mark.x))
        colour = series_colour(names.index(mark.label) + 1)
        ends = (place, plot.bottom, place, plot.top)
        canvas.line(ends, colour, strokeWidth=1.2, strokeDashArray=[3, 2])


def _series_legend(chart: BarChart) -> list[LegendEntry]:
    entries = [
        LegendEntry(line.label, series_colour(index)) for index, line in enumerate(chart.series)
    ]
    return entries if len(entries) > 1 else []


def _columns(canvas: Canvas, chart: BarChart) -> None:
    count = len(chart.categories)
    y = _y_axis(chart)
    legend = _series_legend(chart)
    plot = numeric_frame(canvas, x=((0.0, float(count)), [], chart.x_label), y=y, legend=legend)
    band = (plot.right - plot.left) / count
    width = band * 0.7 / max(len(chart.series), 1)
    for index, line in enumerate(chart.series):
        for place, value in enumerate(line.values):
            if value is not None:
                left = plot.left + band * (place + 0.15) + width * index
                size = (width, plot.y(value) - plot.y(0))
                canvas.box(left, plot.y(0), size, colour_of(series_colour(index)))
    room = max(band - GAP, 24.0)  # narrower bands label every second, third column
    names = [canvas.fit(name, room) for name in chart.categories]
    bottom_axis(canvas, plot, [(place + 0.5, name) for place, name in enumerate(names)], "")


def _rows(canvas: Canvas, chart: BarChart) -> None:
    is_single = len(chart.series) == 1
    plot = row_frame(
        canvas,
        names=chart.categories,
        x=_y_axis(chart),
        values=[chart.text(value) for value in chart.series[0].values] if is_single else [],
        legend=_series_legend(chart),
    )
    height = row_height(plot) * 0.7 / max(len(chart.series), 1)
    for index, line in enumerate(chart.series):
        for place, value in enumerate(line.values):
            if value is not None:
                top = row_middle(plot, place) + row_height(plot) * 0.35 - height * index
                size = (plot.x(value) - plot.x(0), -height)
                canvas.box(plot.x(0), top, size, colour_of(series_colour(index)))


def _bar(canvas: Canvas, plot: Plot, place: int, ends: Point, colour: str) -> None:
    height = row_height(plot) * 0.62
    left, right = plot.x(ends[0]), plot.x(ends[1])
    bottom = row_middle(plot, place) - height / 2
    canvas.box(left, bottom, (right - left, height), colour_of(colour))


def _tornado(canvas: Canvas, chart: TornadoChart) -> None:
    swings = chart.ordered()
    names = [
        f"{swing.label} ({swing.low_label}, {swing.high_label})" if swing.low_label else swing.label
        for swing in swings
    ]
    legend = [LegendEntry("Lower", SERIES[1]), LegendEntry("Higher", SERIES[0])]
    plot = row_frame(canvas, names=names, x=_y_axis(chart), legend=legend)
    for place, swing in enumerate(swings):
        for end in (swing.low, swing.high):
            colour = SERIES[0] if end >= chart.start else SERIES[1]
            _bar(canvas, plot, place, (chart.start, end), colour)
    middle = plot.x(chart.start)
    canvas.line((middle, plot.bottom, middle, plot.top), INK_2, strokeWidth=0.8)


def _waterfall(canvas: Canvas, chart: WaterfallChart) -> None:
    pieces = chart.pieces()
    values = [chart.text(end if step.is_level else step.amount) for step, _, end in pieces]
    plot = row_frame(
        canvas, names=[step.label for step, _, _ in pieces], x=_y_axis(chart), values=values
    )
    for place, (step, begin, end) in enumerate(pieces):
        colour = SERIES[0] if step.is_level else GOOD if step.amount >= 0 else BAD
        _bar(canvas, plot, place, (begin, end), colour)
        if place + 1 < len(pieces) and not pieces[place + 1][0].is_level:
            reach = plot.x(end)
            ends = (reach, row_middle(plot, place), reach, row_middle(plot, place + 1))
            canvas.line(ends, INK_2, strokeWidth=0.4)
