"""Pieces of a Vega-Lite specification that several charts share."""

from collections.abc import Callable, Sequence
from typing import Any

from npa_market.common.charts import Mark, place_of
from npa_market.common.charts_colours import INK_3, SERIES
from npa_market.common.charts_scale import Ticks

Spec = dict[str, Any]


def axis_title(label: str, counted_in: str) -> str:
    return ", ".join(part for part in (label, counted_in) if part)


def numbers(field: str, ticks: Ticks, label: str, **axis: Any) -> Spec:
    """A quantitative channel whose ticks are ours, so page and PDF agree."""
    shown = ticks.scale.shown
    return {
        "field": field,
        "type": "quantitative",
        "scale": {"domain": [shown(end) for end in ticks.span], "nice": False, "zero": False},
        "axis": {
            "title": axis_title(label, ticks.scale.label) or None,
            "values": [shown(value) for value in ticks.values],
            "format": f",.{ticks.decimals}f",
            "labelFlush": False,
            "labelOverlap": True,
            **axis,
        },
    }


def tips(*pairs: tuple[str, str]) -> list[Spec]:
    return [{"field": field, "type": "nominal", "title": title} for field, title in pairs]


def colours(labels: Sequence[str], hues: Sequence[str]) -> Spec:
    return {"domain": list(labels), "range": [hues[i % len(hues)] for i in range(len(labels))]}


def legend_of(labels: Sequence[str]) -> Spec:
    """A legend that breaks into two columns where one line would not fit a phone."""
    is_long = sum(len(label) + 4 for label in labels) > 44
    return {"columns": 2 if is_long else len(labels), "labelLimit": 150, "symbolOpacity": 1}


def crosshair(x: Spec, told: list[Spec]) -> Spec:
    """Unseen wide rules along x that tell all values there to the pointer.

    Hidden from screen readers: the table below the chart has the same values.
    """
    return {
        "mark": {"type": "rule", "color": INK_3, "strokeWidth": 7, "opacity": 0, "aria": False},
        "encoding": {"x": x, "tooltip": told},
    }


def mark_layers(marks: Sequence[Mark], x: Spec, shown: Callable[[float], float]) -> list[Spec]:
    """Dashed lines with their names on hover and in the legend's place."""
    if not marks:
        return []
    values = [{"x": shown(place_of(mark.x)), "mark": mark.label} for mark in marks]
    names = list(dict.fromkeys(mark.label for mark in marks))
    return [
        {
            "data": {"values": values},
            "mark": {"type": "rule", "strokeDash": [4, 3], "strokeWidth": 1.5},
            "encoding": {
                "x": x,
                "color": {
                    "field": "mark",
                    "type": "nominal",
                    "sort": None,
                    "scale": colours(names, SERIES[1:]),
                    "legend": legend_of(names),
                },
                "tooltip": tips(("mark", "Mark")),
            },
        }
    ]
