"""Charts: the same data as picture in the page, picture in the PDF, and table."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reportlab.graphics.shapes import Group, Line, Polygon, PolyLine, Rect, String
from reportlab.pdfbase.pdfmetrics import stringWidth

from npa_market.common.charts import (
    Band,
    BarChart,
    BridgeStep,
    CurveChart,
    FanChart,
    HistogramChart,
    Mark,
    StepChart,
    Swing,
    TornadoChart,
    WaterfallChart,
)
from npa_market.common.charts import Line as Values
from npa_market.common.charts_pdf import drawing, height_for
from npa_market.common.charts_web import height_of, vega_spec

WORDS = {"title": "It rises", "alt": "A line that rises"}
LABELS = {"x_label": "Months after the cut-off date", "y_label": "Net receipts"}
AMOUNT = st.integers(-(10**17), 10**17)
NUMBER = st.one_of(AMOUNT, st.floats(-1e15, 1e15, allow_nan=False))
UNIT = st.sampled_from(["CNY", "JPY", "%", "", "months", "loans"])
NAME = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), min_size=1, max_size=60)
NAMES = st.lists(NAME, min_size=0, max_size=12, unique=True)


def columns(count, width):
    return st.lists(
        st.lists(NUMBER, min_size=width, max_size=width), min_size=count, max_size=count
    )


@st.composite
def fans(draw):
    width = draw(st.integers(0, 30))
    low, middle, high = draw(columns(3, width))
    bands = (Band(draw(NAME), tuple(low), tuple(high)),)
    return FanChart(
        **WORDS, **LABELS, unit=draw(UNIT), x_unit="months", x=tuple(range(width)), bands=bands,
        middle=Values(draw(NAME), tuple(middle)),
    )  # fmt: skip


@st.composite
def curves(draw):
    x = tuple(sorted(draw(st.sets(NUMBER, max_size=20))))
    names = draw(NAMES)
    value = st.one_of(st.none(), NUMBER)
    lines = tuple(
        Values(name, tuple(draw(st.lists(value, min_size=len(x), max_size=len(x)))))
        for name in names
    )
    zero = draw(st.booleans())
    return CurveChart(
        **WORDS, **LABELS, unit=draw(UNIT), x_unit=draw(UNIT), x=x, lines=lines, from_zero=zero
    )


@st.composite
def bars(draw):
    categories, names = tuple(draw(NAMES)), draw(NAMES)
    value = st.one_of(st.none(), NUMBER)
    series = tuple(Values(name, tuple(draw(value) for _ in categories)) for name in names[:3])
    return BarChart(
        **WORDS, **LABELS, unit=draw(UNIT), categories=categories, series=series,
        is_horizontal=draw(st.booleans()),
    )  # fmt: skip


@st.composite
def steps(draw):
    start = draw(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)))
    zone = timezone(timedelta(hours=draw(st.integers(-12, 14))))
    gaps = draw(st.lists(st.integers(0, 10**8), max_size=20))
    moments, now = [], start.replace(tzinfo=zone)
    for gap in gaps:
        now += timedelta(seconds=gap / 20)
        moments.append(now)
    x = tuple(moments) if draw(st.booleans()) else tuple(range(len(gaps)))
    marks = (Mark(draw(NAME), x[-1]),) if x else ()
    values = tuple(draw(NUMBER) for _ in x)
    return StepChart(**WORDS, **LABELS, unit=draw(UNIT), x=x, values=values, marks=marks)


@st.composite
def histograms(draw):
    edges = sorted(draw(st.sets(AMOUNT, max_size=30)))
    edges = edges if len(edges) > 1 else []
    counts = tuple(draw(NUMBER) for _ in edges[1:])
    marks = (Mark(draw(NAME), draw(AMOUNT)),) if edges else ()
    return HistogramChart(
        **WORDS, **LABELS, unit=draw(UNIT), x_unit="CNY", edges=tuple(edges), counts=counts,
        marks=marks,
    )  # fmt: skip


@st.composite
def tornados(draw):
    swings = tuple(
        Swing(name, draw(NUMBER), draw(NUMBER), "-10 %", "+10 %") for name in draw(NAMES)
    )
    return TornadoChart(**WORDS, **LABELS, unit=draw(UNIT), start=draw(NUMBER), swings=swings)


@st.composite
def waterfalls(draw):
    parts = tuple(BridgeStep(name, draw(AMOUNT), draw(st.booleans())) for name in draw(NAMES))
    return WaterfallChart(**WORDS, **LABELS, unit=draw(UNIT), steps=parts)


ANY = st.one_of(fans(), curves(), bars(), steps(), histograms(), tornados(), waterfalls())


def shapes(group):
    for shape in group.contents:
        if isinstance(shape, Group):
            yield from shapes(shape)
        else:
            yield shape


def corners(shape):
    """Every point of a shape, labels by their measured box."""
    if isinstance(shape, String):
        width = stringWidth(shape.text, shape.fontName, shape.fontSize)
        assert shape.textAnchor == "start"
        return [(shape.x, shape.y), (shape.x + width, shape.y + shape.fontSize * 0.7)]
    if isinstance(shape, Line):
        return [(shape.x1, shape.y1), (shape.x2, shape.y2)]
    if isinstance(shape, Rect):
        return [(shape.x, shape.y), (shape.x + shape.width, shape.y + shape.height)]
    if isinstance(shape, Polygon | PolyLine):
        return list(zip(shape.points[::2], shape.points[1::2], strict=True))
    return [(shape.cx, shape.cy)]


@settings(max_examples=150, deadline=None)
@given(chart=ANY, width=st.floats(120, 600), height=st.floats(80, 400))
def test_nothing_in_the_pdf_drawing_lies_outside_its_box(chart, width, height):
    drawn = drawing(chart, width, height)
    for shape in shapes(drawn):
        for x, y in corners(shape):
            assert -0.01 <= x <= width + 0.01, shape
            assert -0.01 <= y <= height + 0.01, shape


@settings(max_examples=150, deadline=None)
@given(chart=ANY)
def test_the_page_specification_is_plain_json_of_fixed_height(chart):
    spec = vega_spec(chart)
    json.dumps(spec, allow_nan=False)
    assert spec["height"] == height_of(chart) >= 280
    assert spec["width"] == "container"
    assert spec["description"] == chart.alt
    assert spec["data"]["values"] if "data" in spec else spec["layer"]


@settings(max_examples=100, deadline=None)
@given(chart=ANY)
def test_the_table_has_one_cell_per_head_and_a_row_per_place(chart):
    for row in chart.rows():
        assert len(row) == len(chart.header())
        assert all(isinstance(cell, str) for cell in row)


def fan(**changes):
    fields = {
        **WORDS,
        **LABELS,
        "unit": "CNY",
        "x_unit": "months",
        "x": (0, 1, 2),
        "bands": (Band("5 to 95 %", (0, 100, 200), (0, 300, 700)),),
        "middle": Values("Median", (0, 200, 400)),
    }
    return FanChart(**{**fields, **changes})


def texts(drawn):
    return [shape.text for shape in shapes(drawn) if isinstance(shape, String)]


def test_bands_keep_real_opacity_in_the_pdf():
    (band,) = [s for s in shapes(drawing(fan(), 300, 150)) if isinstance(s, Polygon)]
    assert 0 < band.fillOpacity < 1
    assert band.strokeColor is None


def test_axis_labels_have_thousands_separators_and_the_currency():
    chart = fan(
        bands=(), middle=Values("Median", (0, 12_000_000, 50_000_000)), y_label="Net receipts"
    )
    labels = texts(drawing(chart, 300, 150))
    assert "100,000" in labels
    assert "Net receipts, CNY" in labels
    large = replace(chart, middle=Values("Median", (0, 1, 317_241_507)))
    assert "Net receipts, CNY million" in texts(drawing(large, 300, 150))


def test_page_and_pdf_show_the_same_ticks():
    spec = vega_spec(fan())
    axis = spec["layer"][0]["encoding"]["y"]["axis"]
    labels = texts(drawing(fan(), 300, 150))
    for value in axis["values"]:
        assert f"{value:,.0f}" in labels


def test_an_empty_chart_says_so_in_both_forms():
    empty = CurveChart(**WORDS, x=(), lines=())
    assert texts(drawing(empty, 200, 100)) == ["No data"]
    assert vega_spec(empty)["encoding"]["text"] == {"value": "No data"}


def test_a_single_point_is_drawn_as_a_dot():
    chart = fan(x=(1,), bands=(), middle=Values("Median", (5,)))
    assert [type(s).__name__ for s in shapes(drawing(chart, 200, 100))].count("Circle") == 1
    assert vega_spec(chart)["layer"][-2]["mark"]["point"] is True


def test_a_missing_value_breaks_the_line():
    chart = CurveChart(**WORDS, x=(1, 2, 3, 4, 5), lines=(Values("a", (1, 2, None, 4, 5)),))
    assert len([s for s in shapes(drawing(chart, 200, 100)) if isinstance(s, PolyLine)]) == 2


def test_a_step_chart_shows_the_lots_own_clock():
    shanghai = timezone(timedelta(hours=8))
    start = datetime(2026, 11, 11, 10, 0, tzinfo=shanghai)
    x = tuple(start + timedelta(minutes=10 * step) for step in range(7))
    chart = StepChart(**WORDS, **LABELS, unit="CNY", x=x, values=tuple(range(7)))
    labels = texts(drawing(chart, 400, 150))
    assert {"10:00", "10:10", "10:20", "10:30", "10:40", "10:50", "11:00"} <= set(labels)
    assert chart.rows()[0][0] == "2026-11-11 10:00:00"
    axis = vega_spec(chart)["layer"][0]["encoding"]["x"]
    ten = datetime(2026, 11, 11, 10, 0, tzinfo=UTC).timestamp()
    assert axis["axis"]["values"][0] == ten
    assert "%H:%M" in axis["axis"]["labelExpr"]


def test_months_are_ticked_by_years():
    chart = fan(x=tuple(range(61)), bands=(), middle=Values("Median", tuple(range(61))))
    labels = texts(drawing(chart, 400, 150))
    assert {"12", "24", "36", "48", "60"} <= set(labels)


def test_a_waterfall_adds_its_steps_up():
    chart = WaterfallChart(
        **WORDS,
        unit="CNY",
        steps=(
            BridgeStep("Base", 700, True),
            BridgeStep("Costs", -250),
            BridgeStep("Price", 450, True),
        ),
    )
    assert [row[2] for row in chart.rows()] == ["7.00", "4.50", "4.50"]
    assert [row[1] for row in chart.rows()] == ["", "-2.50", ""]


def test_a_tornado_begins_with_the_widest_swing():
    chart = TornadoChart(
        **WORDS,
        start=10,
        swings=(Swing("narrow", 9, 11), Swing("wide", 2, 12), Swing("none", 10, 10)),
    )
    assert [row[0] for row in chart.rows()] == ["wide", "narrow", "none"]
    rows = vega_spec(chart)["layer"][0]["data"]["values"]
    assert [row["side"] for row in rows[:2]] == ["Lower", "Higher"]


def test_a_horizontal_chart_asks_for_room_for_every_row():
    names = tuple(f"Province {number}" for number in range(31))
    chart = BarChart(
        **WORDS, categories=names, series=(Values("Claim", tuple(range(31))),), is_horizontal=True
    )
    labels = texts(drawing(chart, 400, height_for(chart)))
    assert set(names) <= set(labels)
    assert height_of(chart) > 31 * 20


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: fan(middle=Values("Median", (1, 2))),
        lambda: fan(middle=Values("Median", (1, 2, float("nan")))),
        lambda: fan(x=(0, 1, float("inf"))),
        lambda: BarChart(**WORDS, categories=("a", "a"), series=()),
        lambda: HistogramChart(**WORDS, edges=(1, 1, 2), counts=(1, 2)),
        lambda: HistogramChart(**WORDS, edges=(1, 2), counts=(1, 2)),
        lambda: StepChart(**WORDS, x=(1, 2), values=(1,)),
        lambda: StepChart(
            **WORDS, x=(1,), values=(1,), marks=(Mark("end", datetime(2026, 1, 1, tzinfo=UTC)),)
        ),
        lambda: drawing(fan(), 100, 100),
    ],
)
def test_data_that_do_not_fit_are_refused(wrong):
    with pytest.raises(ValueError):
        wrong()
