"""Charts over a numeric or time axis as Vega-Lite: fan, curve, step, histogram."""

from collections.abc import Callable

from npa_market.common.charts import CurveChart, FanChart, HistogramChart, StepChart
from npa_market.common.charts_colours import SERIES, band_opacity
from npa_market.common.charts_scale import Ticks, ticks_over, time_pattern, time_ticks
from npa_market.common.charts_vega import (
    Spec,
    colours,
    crosshair,
    legend_of,
    mark_layers,
    numbers,
    tips,
)

FEW_POINTS = 24


def fan_spec(chart: FanChart) -> Spec:
    x = ticks_over(chart.x_span(), chart.x_unit, wanted=6, is_tight=True)
    y = ticks_over(chart.y_span(), chart.unit)
    values = _fan_rows(chart, x, y)
    labels = [*(band.label for band in chart.bands), chart.middle.label]
    shades = [_shade(index) for index in range(len(chart.bands))]
    colour = {"scale": colours(labels, [*shades, SERIES[0]]), "legend": legend_of(labels)}
    across = numbers("x", x, chart.x_label, grid=False)
    layers: list[Spec] = [
        {
            "mark": {"type": "area", "opacity": 1},
            "encoding": {
                "x": across,
                "y": numbers(f"low{index}", y, chart.y_label),
                "y2": {"field": f"high{index}"},
                "color": {"datum": band.label, **colour},
            },
        }
        for index, band in enumerate(chart.bands)
    ]
    layers.append(
        {
            "mark": {"type": "line", "strokeWidth": 2, "point": len(chart.x) == 1},
            "encoding": {
                "x": across,
                "y": numbers("middle", y, chart.y_label),
                "color": {"datum": chart.middle.label, **colour},
            },
        }
    )
    shown_bands = [(f"band{index}", band.label) for index, band in enumerate(chart.bands)]
    names = [("x_text", chart.x_label), *shown_bands, ("middle_text", chart.middle.label)]
    return {
        "data": {"values": values},
        "layer": [*layers, crosshair(across, tips(*names))],
    }


def _fan_rows(chart: FanChart, x: Ticks, y: Ticks) -> list[Spec]:
    """One row per x: ends of each band, middle, and all of them as texts."""
    values = []
    for place, x_value in enumerate(chart.x):
        row: Spec = {"x": x.scale.shown(x_value), "x_text": chart.x_text(x_value)}
        for index, band in enumerate(chart.bands):
            low, high = band.low[place], band.high[place]
            row |= {f"low{index}": y.scale.shown(low), f"high{index}": y.scale.shown(high)}
            row[f"band{index}"] = f"{chart.text(low)} to {chart.text(high)}"
        middle = chart.middle.values[place]
        row["middle"] = None if middle is None else y.scale.shown(middle)
        row["middle_text"] = chart.text(middle)
        values.append(row)
    return values


def _shade(index: int) -> str:
    """The brand blue at a band's opacity over what lies below it, on white, as an opaque colour."""
    opacity = band_opacity(index)
    channels = (int(SERIES[0][place : place + 2], 16) for place in (1, 3, 5))
    return "#" + "".join(f"{round(255 + (channel - 255) * opacity):02x}" for channel in channels)


def curve_spec(chart: CurveChart) -> Spec:
    x = ticks_over(chart.x_span(), chart.x_unit, wanted=6, is_tight=True)
    y = ticks_over(chart.y_span(), chart.unit)
    values = [
        {
            "x": x.scale.shown(x_value),
            "y": None if value is None else y.scale.shown(value),
            "line": line.label,
            "x_text": chart.x_text(x_value),
            "text": chart.text(value),
        }
        for line in chart.lines
        for x_value, value in zip(chart.x, line.values, strict=True)
    ]
    labels = [line.label for line in chart.lines]
    # Dots carry the tooltips; where they would touch they stay unseen.
    points = {"size": 30, "filled": True, "opacity": 1 if len(chart.x) <= FEW_POINTS else 0}
    told = (("line", "Line"), ("x_text", chart.x_label), ("text", chart.y_label))
    return {
        "data": {"values": values},
        "mark": {"type": "line", "strokeWidth": 2, "point": points},
        "encoding": {
            "x": numbers("x", x, chart.x_label, grid=False),
            "y": numbers("y", y, chart.y_label),
            "color": {
                "field": "line",
                "type": "nominal",
                "scale": colours(labels, SERIES),
                "legend": legend_of(labels) if len(labels) > 1 else None,
            },
            "tooltip": tips(*told),
        },
    }


def steps_spec(chart: StepChart) -> Spec:
    y = ticks_over(chart.y_span(), chart.unit)
    x, shown = _step_axis(chart)
    values = [
        {"x": shown(place), "y": y.scale.shown(value), "x_text": row[0], "text": row[1]}
        for place, value, row in zip(chart.places(), chart.values, chart.rows(), strict=True)
    ]
    told = tips(("x_text", chart.x_label), ("text", chart.y_label))
    encoding = {"x": x, "y": numbers("y", y, chart.y_label)}
    line = {"type": "line", "interpolate": "step-after", "color": SERIES[0], "strokeWidth": 2}
    points = {"type": "point", "filled": True, "color": SERIES[0], "size": 24}
    return {
        "layer": [
            {"data": {"values": values}, "mark": line, "encoding": encoding},
            {
                "data": {"values": values},
                "mark": points,
                "encoding": {**encoding, "tooltip": told},
            },
            *mark_layers(chart.marks, x, shown),
        ]
    }


def _step_axis(chart: StepChart) -> tuple[Spec, Callable[[float], float]]:
    if not chart.is_time:
        ticks = ticks_over(chart.x_span(), chart.x_unit, wanted=6, is_tight=True)
        return numbers("x", ticks, chart.x_label, grid=False), ticks.scale.shown
    low, high = chart.x_span()
    ticks_at = time_ticks((low, high))
    # Wall-clock seconds as plain numbers: no browser's own zone moves them.
    axis = {
        "field": "x",
        "type": "quantitative",
        "scale": {"domain": [low, max(high, low + 1)], "nice": False, "zero": False},
        "axis": {
            "title": chart.x_label or None,
            "grid": False,
            "values": [place for place, _ in ticks_at],
            "labelExpr": f"utcFormat(datum.value * 1000, '{time_pattern((low, high))}')",
            "labelFlush": False,
            "labelOverlap": True,
        },
    }
    return axis, float


def histogram_spec(chart: HistogramChart) -> Spec:
    x = ticks_over(chart.x_span(), chart.x_unit, wanted=6, is_tight=True)
    y = ticks_over(chart.y_span(), chart.unit)
    values = [
        {
            "x": x.scale.shown(low),
            "x2": x.scale.shown(high),
            "y": y.scale.shown(count),
            "range": f"{chart.x_text(low)} to {chart.x_text(high)}",
            "text": chart.text(count),
        }
        for low, high, count in zip(chart.edges, chart.edges[1:], chart.counts, strict=False)
    ]
    across = numbers("x", x, chart.x_label, grid=False)
    bars = {
        "data": {"values": values},
        "mark": {"type": "bar", "color": SERIES[0], "opacity": 0.75, "binSpacing": 1},
        "encoding": {
            "x": across,
            "x2": {"field": "x2"},
            "y": numbers("y", y, chart.y_label),
            "y2": {"datum": 0},
            "tooltip": tips(("range", chart.x_label), ("text", chart.y_label)),
        },
    }
    return {"layer": [bars, *mark_layers(chart.marks, across, x.scale.shown)]}
