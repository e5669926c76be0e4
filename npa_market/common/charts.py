"""A chart described once, drawn twice: by Vega in the page, as vectors in the PDF.

`title` is a sentence that says what the data shows; it is the heading of the card or of the page
section and is not drawn inside the picture. `alt` says the same in a little more words to people
who do not see it. x is what the values are read by, y the values, whichever way they are drawn;
`unit` belongs to the values, `x_unit` to x (see charts_scale for the units). Money is integer minor
units here too. `header` and `rows` are the same data as a table.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from npa_market.common.charts_scale import Span, value_text

Number = int | float


@dataclass(frozen=True, kw_only=True)
class Chart:
    """What every chart says about itself."""

    title: str
    alt: str
    x_label: str = ""
    y_label: str = ""
    x_unit: str = ""
    unit: str = ""

    def header(self) -> tuple[str, ...]:
        """Column heads of the data table."""
        raise NotImplementedError

    def rows(self) -> tuple[tuple[str, ...], ...]:
        """The data as rows of text."""
        raise NotImplementedError

    @property
    def is_empty(self) -> bool:
        """Nothing to draw: the picture says so."""
        return not self.rows() or len(self.header()) < 2

    def text(self, value: Number | None) -> str:
        """A value in full, with its unit's form."""
        return value_text(value, self.unit)

    def x_text(self, value: Number) -> str:
        """A place on the x axis in full."""
        return value_text(value, self.x_unit)


@dataclass(frozen=True)
class Line:
    """One named row of values, one per x; None where there is none."""

    label: str
    values: tuple[Number | None, ...]


@dataclass(frozen=True)
class Band:
    """One named band of a fan, one pair per x."""

    label: str
    low: tuple[Number, ...]
    high: tuple[Number, ...]


@dataclass(frozen=True)
class Mark:
    """A named place on the x axis, drawn as a dashed line."""

    label: str
    x: Number | datetime


@dataclass(frozen=True, kw_only=True)
class FanChart(Chart):
    """Bands around a middle line, outermost band first."""

    x: tuple[Number, ...]
    bands: tuple[Band, ...]
    middle: Line

    def __post_init__(self) -> None:
        columns = [self.middle.values, *(band.low for band in self.bands)]
        _check_columns(self.x, [*columns, *(band.high for band in self.bands)])

    def header(self) -> tuple[str, ...]:
        sides = [f"{band.label}, {side}" for band in self.bands for side in ("low", "high")]
        return (self.x_label, *sides, self.middle.label)

    def rows(self) -> tuple[tuple[str, ...], ...]:
        columns = [side for band in self.bands for side in (band.low, band.high)]
        return _rows(self, map(self.x_text, self.x), [*columns, self.middle.values])

    def x_span(self) -> Span:
        return _span(self.x)

    def y_span(self) -> Span:
        sides = [side for band in self.bands for side in (band.low, band.high)]
        return _span([0, *_flat([*sides, self.middle.values])])


@dataclass(frozen=True, kw_only=True)
class CurveChart(Chart):
    """Lines over a common x; an axis that need not start at zero unless `from_zero`."""

    x: tuple[Number, ...]
    lines: tuple[Line, ...]
    from_zero: bool = True

    def __post_init__(self) -> None:
        _check_columns(self.x, [line.values for line in self.lines])

    def header(self) -> tuple[str, ...]:
        return (self.x_label, *(line.label for line in self.lines))

    def rows(self) -> tuple[tuple[str, ...], ...]:
        return _rows(self, map(self.x_text, self.x), [line.values for line in self.lines])

    def x_span(self) -> Span:
        return _span(self.x)

    def y_span(self) -> Span:
        values = _flat([line.values for line in self.lines])
        return _span([0, *values] if self.from_zero else values)


@dataclass(frozen=True, kw_only=True)
class BarChart(Chart):
    """Values by category, several series stand side by side; long names want `is_horizontal`."""

    categories: tuple[str, ...]
    series: tuple[Line, ...]
    is_horizontal: bool = False

    def __post_init__(self) -> None:
        _check_columns(self.categories, [line.values for line in self.series])
        _check_distinct(self.categories)
        _check_distinct([line.label for line in self.series])

    def header(self) -> tuple[str, ...]:
        return (self.x_label, *(line.label for line in self.series))

    def rows(self) -> tuple[tuple[str, ...], ...]:
        return _rows(self, self.categories, [line.values for line in self.series])

    def y_span(self) -> Span:
        return _span([0, *_flat([line.values for line in self.series])])


@dataclass(frozen=True, kw_only=True)
class StepChart(Chart):
    """A value that holds until the next point: a price over time, an inventory.

    x: numbers, or aware datetimes shown by their own wall clock (convert them to the lot's zone).
    """

    x: tuple[Number, ...] | tuple[datetime, ...]
    values: tuple[Number, ...]
    marks: tuple[Mark, ...] = ()
    from_zero: bool = False

    def __post_init__(self) -> None:
        _check_columns(self.places(), [self.values])
        if len({isinstance(x, datetime) for x in [*self.x, *(m.x for m in self.marks)]}) > 1:
            raise ValueError("x mixes times and numbers")

    @property
    def is_time(self) -> bool:
        """Does x run over time?"""
        return bool(self.x) and isinstance(self.x[0], datetime)

    def places(self) -> tuple[float, ...]:
        """x as numbers: wall-clock seconds where x is a time."""
        return tuple(place_of(x) for x in self.x)

    def header(self) -> tuple[str, ...]:
        return (self.x_label, self.y_label)

    def rows(self) -> tuple[tuple[str, ...], ...]:
        names = [
            f"{x:%Y-%m-%d %H:%M:%S}" if isinstance(x, datetime) else self.x_text(x) for x in self.x
        ]
        return _rows(self, names, [self.values])

    def x_span(self) -> Span:
        return _span([*self.places(), *(place_of(mark.x) for mark in self.marks)])

    def y_span(self) -> Span:
        return _span([0, *self.values] if self.from_zero else self.values)


@dataclass(frozen=True, kw_only=True)
class HistogramChart(Chart):
    """How often values fall between `edges`; one count (or share) per gap."""

    edges: tuple[Number, ...]
    counts: tuple[Number, ...]
    marks: tuple[Mark, ...] = ()

    def __post_init__(self) -> None:
        _check_columns(self.counts, [self.counts, self.edges[1:], self.edges[:-1]])
        if any(low >= high for low, high in zip(self.edges, self.edges[1:], strict=False)):
            raise ValueError("edges must rise")

    def header(self) -> tuple[str, ...]:
        return (f"{self.x_label}, from", "to", self.y_label)

    def rows(self) -> tuple[tuple[str, ...], ...]:
        return tuple(
            (self.x_text(low), self.x_text(high), self.text(count))
            for low, high, count in zip(self.edges, self.edges[1:], self.counts, strict=False)
        )

    def x_span(self) -> Span:
        return _span([*self.edges, *(place_of(mark.x) for mark in self.marks)])

    def y_span(self) -> Span:
        return _span([0, *self.counts])


@dataclass(frozen=True)
class Swing:
    """What one assumption does to the value when it is moved down and up."""

    label: str
    low: Number
    high: Number
    low_label: str = ""
    high_label: str = ""


@dataclass(frozen=True, kw_only=True)
class TornadoChart(Chart):
    """Values reached by moving one assumption at a time, around the value as it stands."""

    start: Number
    swings: tuple[Swing, ...]

    def __post_init__(self) -> None:
        _check_numbers([self.start, *self._ends()])
        _check_distinct([swing.label for swing in self.swings])

    def _ends(self) -> list[Number]:
        return [end for swing in self.swings for end in (swing.low, swing.high)]

    def ordered(self) -> tuple[Swing, ...]:
        """The widest swing first."""
        return tuple(sorted(self.swings, key=lambda s: -max(map(self._reach, (s.low, s.high)))))

    def _reach(self, end: Number) -> Number:
        return abs(end - self.start)

    def header(self) -> tuple[str, ...]:
        return (self.x_label, "Moved", self.y_label, "Moved", self.y_label)

    def rows(self) -> tuple[tuple[str, ...], ...]:
        return tuple(
            (s.label, s.low_label, self.text(s.low), s.high_label, self.text(s.high))
            for s in self.ordered()
        )

    def y_span(self) -> Span:
        return _span([self.start, *self._ends()])


@dataclass(frozen=True)
class BridgeStep:
    """One step of a waterfall: a change, or a level (`is_level`) that stands on the ground."""

    label: str
    amount: Number
    is_level: bool = False


@dataclass(frozen=True, kw_only=True)
class WaterfallChart(Chart):
    """How one level becomes another, step by step."""

    steps: tuple[BridgeStep, ...]

    def __post_init__(self) -> None:
        _check_numbers([step.amount for step in self.steps])
        _check_distinct([step.label for step in self.steps])

    def pieces(self) -> tuple[tuple[BridgeStep, Number, Number], ...]:
        """(step, from, to) in the values' own numbers."""
        level: Number = 0
        drawn = []
        for step in self.steps:
            begin: Number = 0 if step.is_level else level
            level = begin + step.amount
            drawn.append((step, begin, level))
        return tuple(drawn)

    def header(self) -> tuple[str, ...]:
        return (self.x_label, "Change", self.y_label)

    def rows(self) -> tuple[tuple[str, ...], ...]:
        return tuple(
            (step.label, "" if step.is_level else self.text(step.amount), self.text(end))
            for step, _, end in self.pieces()
        )

    def y_span(self) -> Span:
        ends = [end for _, begin, until in self.pieces() for end in (begin, until)]
        return _span([0, *ends])


AnyChart = (
    FanChart | CurveChart | BarChart | StepChart | HistogramChart | TornadoChart | WaterfallChart
)


def place_of(x: Number | datetime) -> float:
    """A place on the x axis as a number; a time by its own wall clock, in seconds."""
    return x.replace(tzinfo=UTC).timestamp() if isinstance(x, datetime) else float(x)


def _flat(columns: Iterable[Sequence[Number | None]]) -> list[Number]:
    return [value for column in columns for value in column if value is not None]


def _span(values: Sequence[Number]) -> Span:
    return (float(min(values)), float(max(values))) if values else (0.0, 0.0)


def _rows(
    chart: Chart, names: Iterable[str], columns: Sequence[Sequence[Number | None]]
) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (name, *(chart.text(column[place]) for column in columns))
        for place, name in enumerate(names)
    )


def _check_columns(x: Sequence[object], columns: Sequence[Sequence[Number | None]]) -> None:
    """One value per x, all finite; anything else is a fault of the caller."""
    if any(len(column) != len(x) for column in columns):
        raise ValueError(f"{len(x)} places on x, but {[len(column) for column in columns]} values")
    _check_numbers([*_flat(columns), *(place for place in x if isinstance(place, int | float))])


def _check_numbers(values: Sequence[Number]) -> None:
    if not all(math.isfinite(value) for value in values):
        raise ValueError("a chart shows finite numbers only")


def _check_distinct(names: Sequence[str]) -> None:
    if len(set(names)) != len(names):
        raise ValueError("names of one axis or legend must differ")
