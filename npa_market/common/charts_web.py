"""Charts in the page: Vega-Lite specifications in the colours of the design tokens.

Width follows the container and the height is fixed, so nothing moves when the picture arrives.
No expressions in labels: the page's security policy forbids code made from text.
"""

from npa_market.common.charts import (
    AnyChart,
    BarChart,
    CurveChart,
    FanChart,
    HistogramChart,
    StepChart,
    TornadoChart,
    WaterfallChart,
)
from npa_market.common.charts_colours import GRID, INK_2, INK_3, LINE
from npa_market.common.charts_vega import Spec
from npa_market.common.charts_web_bars import bars_spec, tornado_spec, waterfall_spec
from npa_market.common.charts_web_lines import curve_spec, fan_spec, histogram_spec, steps_spec

HEIGHT = 280
ROW_HEIGHT = 34
CATEGORY_LIMIT = 150  # pixels for a category's name: leaves a phone room for the bars
SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
CONFIG: Spec = {
    "font": 'system-ui, -apple-system, "Segoe UI", "Noto Sans SC", sans-serif',
    "view": {"stroke": None},
    "axis": {
        "labelColor": INK_2,
        "titleColor": INK_2,
        "titleFontWeight": 400,
        "labelFontSize": 11,
        "titleFontSize": 11,
        "domainColor": LINE,
        "tickColor": LINE,
        "gridColor": GRID,
        "labelLimit": CATEGORY_LIMIT,
    },
    "legend": {
        "orient": "top",
        "title": None,
        "labelColor": INK_2,
        "labelFontSize": 11,
        "labelLimit": 220,
        "symbolStrokeWidth": 3,
    },
}


def vega_spec(chart: AnyChart) -> Spec:
    """The Vega-Lite v5 specification of a chart, plain JSON values."""
    if chart.is_empty:
        drawn: Spec = _nothing()
    elif isinstance(chart, FanChart):
        drawn = fan_spec(chart)
    elif isinstance(chart, CurveChart):
        drawn = curve_spec(chart)
    elif isinstance(chart, BarChart):
        drawn = bars_spec(chart)
    elif isinstance(chart, StepChart):
        drawn = steps_spec(chart)
    elif isinstance(chart, HistogramChart):
        drawn = histogram_spec(chart)
    elif isinstance(chart, TornadoChart):
        drawn = tornado_spec(chart)
    else:
        drawn = waterfall_spec(chart)
    return {
        "$schema": SCHEMA,
        "description": chart.alt,
        "width": "container",
        "height": height_of(chart),
        "autosize": {"type": "fit", "contains": "padding", "resize": True},
        "padding": 4,
        "background": "transparent",
        "config": CONFIG,
        **drawn,
    }


def height_of(chart: AnyChart) -> int:
    """Pixels the picture takes, legend and axis included; known before it is drawn."""
    if isinstance(chart, TornadoChart | WaterfallChart):
        return max(HEIGHT, len(chart.rows()) * ROW_HEIGHT + 70)
    if isinstance(chart, BarChart) and chart.is_horizontal:
        row = ROW_HEIGHT if len(chart.series) < 3 else 14 * len(chart.series)
        return max(HEIGHT, len(chart.categories) * row + 70)
    return HEIGHT


def _nothing() -> Spec:
    return {
        "data": {"values": [{}]},
        "mark": {"type": "text", "color": INK_3, "fontSize": 13},
        "encoding": {"text": {"value": "No data"}},
    }
