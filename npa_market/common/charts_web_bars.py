"""Charts by category as Vega-Lite: bars, tornado, waterfall."""

from collections.abc import Sequence

from npa_market.common.charts import BarChart, TornadoChart, WaterfallChart
from npa_market.common.charts_colours import BAD, GOOD, INK_2, SERIES
from npa_market.common.charts_scale import Ticks, ticks_over
from npa_market.common.charts_vega import Spec, colours, legend_of, numbers, tips


def bars_spec(chart: BarChart) -> Spec:
    y = ticks_over(chart.y_span(), chart.unit)
    values = [
        {
            "category": category,
            "series": line.label,
            "y": None if value is None else y.scale.shown(value),
            "text": chart.text(value),
        }
        for line in chart.series
        for category, value in zip(chart.categories, line.values, strict=True)
    ]
    labels = [line.label for line in chart.series]
    is_single = len(labels) == 1
    along, across, offset = ("x", "y", "yOffset") if chart.is_horizontal else ("y", "x", "xOffset")
    told = (("category", chart.x_label), ("series", "Series"), ("text", chart.y_label))
    encoding: Spec = {
        across: {
            "field": "category",
            "type": "nominal",
            "sort": list(chart.categories),
            "axis": {
                "title": (None if chart.is_horizontal else chart.x_label) or None,
                **({} if chart.is_horizontal else {"labelAngle": _angle(chart.categories)}),
            },
        },
        along: numbers("y", y, chart.y_label),
        "color": {
            "field": "series",
            "type": "nominal",
            "scale": colours(labels, SERIES),
            "legend": None if is_single else legend_of(labels),
        },
        "tooltip": tips(*told),
    }
    if not is_single:
        encoding[offset] = {"field": "series", "type": "nominal", "sort": labels}
    return {"data": {"values": values}, "mark": {"type": "bar"}, "encoding": encoding}


def _angle(categories: Sequence[str]) -> int:
    return -35 if sum(len(name) for name in categories) > 60 else 0


def tornado_spec(chart: TornadoChart) -> Spec:
    y = ticks_over(chart.y_span(), chart.unit)
    start = y.scale.shown(chart.start)
    values = [
        {
            "row": swing.label,
            "start": start,
            "end": y.scale.shown(end),
            "side": "Higher" if end >= chart.start else "Lower",
            "moved": moved,
            "text": chart.text(end),
        }
        for swing in chart.ordered()
        for end, moved in ((swing.low, swing.low_label), (swing.high, swing.high_label))
    ]
    bars = _ranges(chart, y, values, hues=(("Higher", SERIES[0]), ("Lower", SERIES[1])))
    rule = {
        "data": {"values": [{"end": start}]},
        "mark": {"type": "rule", "color": INK_2},
        "encoding": {"x": {"field": "end", "type": "quantitative"}},
    }
    return {"layer": [bars, rule]}


def waterfall_spec(chart: WaterfallChart) -> Spec:
    y = ticks_over(chart.y_span(), chart.unit)
    values = [
        {
            "row": step.label,
            "start": y.scale.shown(begin),
            "end": y.scale.shown(end),
            "side": "Level" if step.is_level else "Up" if step.amount >= 0 else "Down",
            "moved": "" if step.is_level else chart.text(step.amount),
            "text": chart.text(end),
        }
        for step, begin, end in chart.pieces()
    ]
    return _ranges(chart, y, values, hues=(("Level", SERIES[0]), ("Up", GOOD), ("Down", BAD)))


def _ranges(
    chart: TornadoChart | WaterfallChart,
    ticks: Ticks,
    values: list[Spec],
    hues: Sequence[tuple[str, str]],
) -> Spec:
    """Horizontal bars from `start` to `end`, one row per name, coloured by what they mean."""
    return {
        "data": {"values": values},
        "mark": {"type": "bar", "height": {"band": 0.62}},
        "encoding": {
            "y": {
                "field": "row",
                "type": "nominal",
                "sort": list(dict.fromkeys(row["row"] for row in values)),
                "axis": {"title": None},
            },
            "x": numbers("start", ticks, chart.y_label),
            "x2": {"field": "end"},
            "color": {
                "field": "side",
                "type": "nominal",
                "scale": colours([n for n, _ in hues], [c for _, c in hues]),
            },
            "tooltip": tips(("row", chart.x_label), ("moved", "Moved"), ("text", chart.y_label)),
        },
    }
