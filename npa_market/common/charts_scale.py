"""Numbers of a chart for readers: which unit an axis counts in, where its ticks stand.

A unit is an ISO currency code (values are integer minor units), "%" (values are shares, 1 = 100 %),
"months" (ticks by years and quarters), or any other word, or nothing, for plain numbers.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime

from npa_market.common.money import format_minor, minor_digits

Span = tuple[float, float]
MAGNITUDES = ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"))
TIME_STEPS = (1, 5, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
MONTH_STEPS = (1, 2, 3, 6, 12, 24, 36, 60, 120)
DAY = 86_400
MOST_DECIMALS = 6
FINEST = 1e-4  # shown differences below this are one value


def is_currency(unit: str) -> bool:
    """Three capital letters are an ISO 4217 code."""
    return len(unit) == 3 and unit.isascii() and unit.isalpha() and unit.isupper()


def value_text(value: float | None, unit: str) -> str:
    """One value in full, for a data table: `3,172,415.07`, `20.8 %`, `18,420`."""
    if value is None:
        return "–"
    if is_currency(unit):
        return format_minor(round(value), unit)
    if unit == "%":
        return f"{value * 100:,.1f} %"
    if isinstance(value, float) and not value.is_integer():
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.1f}"
    return f"{int(value):,}"


@dataclass(frozen=True)
class Scale:
    """How an axis shows its values: divided by `divisor`, counted in `label`."""

    divisor: float
    label: str

    def shown(self, value: float) -> float:
        """The number that stands at the axis for a value."""
        return value / self.divisor

    def text(self, value: float, decimals: int) -> str:
        """The shown number with thousands separators; never `-0`."""
        number = round(self.shown(value), decimals)
        return f"{number or 0.0:,.{decimals}f}"


def scale_of(unit: str, span: Span, *, finest: float = math.inf) -> Scale:
    """The scale that keeps an axis over `span` readable.

    finest: the smallest difference to be told apart; an axis from 3,000,001 to 3,000,005 is not
    counted in millions.
    """
    if unit == "%":
        return Scale(0.01, "%")
    if unit == "months":
        return Scale(1.0, "")  # the label of such an axis says months already
    base = 10.0 ** minor_digits(unit) if is_currency(unit) else 1.0
    most = max(abs(span[0]), abs(span[1])) / base
    for size, word in MAGNITUDES:
        if most >= size and finest / base >= size / 1000:
            return Scale(base * size, f"{unit} {word}".strip())
    return Scale(base, unit)


@dataclass(frozen=True)
class Ticks:
    """Ticks in the data's own numbers, the span they cover, and decimals that tell them apart."""

    values: tuple[float, ...]
    span: Span
    scale: Scale
    decimals: int

    def texts(self) -> tuple[str, ...]:
        """Tick labels."""
        return tuple(self.scale.text(value, self.decimals) for value in self.values)


def ticks_over(span: Span, unit: str, *, wanted: int = 5, is_tight: bool = False) -> Ticks:
    """Round ticks over a span of finite numbers; the axis widens to them unless it is tight."""
    low, high = span
    scale = scale_of(unit, span, finest=(high - low) / wanted)
    finest = FINEST * scale.divisor
    if high - low <= max(1e-9 * max(abs(low), abs(high)), finest):
        scale = scale_of(unit, span)
        margin = max(abs(low), abs(high)) * 0.1
        margin = margin if margin > finest else scale.divisor
        low, high = low - margin if low else 0.0, high + margin
    rough = (high - low) / scale.divisor / wanted
    step = (_month_step(rough) if unit == "months" else _round_step(rough)) * scale.divisor
    first = math.ceil(low / step - 1e-9) if is_tight else math.floor(low / step + 1e-9)
    last = math.floor(high / step + 1e-9) if is_tight else math.ceil(high / step - 1e-9)
    values = tuple(step * index for index in range(first, last + 1)) or (low, high)
    covered = (low, high) if is_tight else (values[0], values[-1])
    shown_step = step / scale.divisor
    decimals = max(0, -math.floor(math.log10(shown_step) + 1e-9))
    return Ticks(values, covered, scale, min(decimals, MOST_DECIMALS))


def _round_step(rough: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is not below `rough`."""
    power = 10.0 ** math.floor(math.log10(rough))
    factor = next(factor for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    return factor * power


def _month_step(rough: float) -> float:
    return next((float(step) for step in MONTH_STEPS if step >= rough), _round_step(rough))


def time_ticks(span: Span, *, wanted: int = 6) -> tuple[tuple[float, str], ...]:
    """Ticks (wall-clock seconds, label) over a span of wall-clock seconds."""
    step, pattern = _time_step(span, wanted), time_pattern(span, wanted=wanted)
    first, last = math.ceil(span[0] / step), math.floor(span[1] / step)
    moments = [float(index * step) for index in range(first, last + 1)] or [span[0]]
    return tuple((moment, f"{datetime.fromtimestamp(moment, UTC):{pattern}}") for moment in moments)


def time_pattern(span: Span, *, wanted: int = 6) -> str:
    """How the ticks of a time axis are written, in the letters of strftime."""
    step = _time_step(span, wanted)
    return "%d %b" if step >= DAY else "%H:%M" if step >= 60 else "%H:%M:%S"


def _time_step(span: Span, wanted: int) -> int:
    length = max(span[1] - span[0], 1)
    return next(
        (step for step in TIME_STEPS if length / step <= wanted),
        DAY * math.ceil(length / DAY / wanted),
    )
