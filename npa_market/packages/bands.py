"""Edges of bands as data: each band runs from its edge (included) to the next (excluded)."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from npa_market.common.money import minor_digits

NOT_GIVEN = "Not given"
NEVER = "Never"
AGE_EDGES = (18, 25, 35, 45, 55, 65)
AGE_BANDS = ("18-24", "25-34", "35-44", "45-54", "55-64", "65+")

# Balances in major units by currency; a currency without its own takes the default.
BALANCE_EDGES: dict[str, tuple[int, ...]] = {
    "CNY": (1_000, 3_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000),
    "USD": (500, 1_000, 2_500, 5_000, 10_000, 15_000, 20_000, 30_000),
    "INR": (5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000),
    "JPY": (50_000, 100_000, 250_000, 500_000, 1_000_000, 2_000_000),
}
DEFAULT_BALANCE_EDGES = (500, 1_000, 2_500, 5_000, 10_000, 20_000, 50_000, 100_000)


@dataclass(frozen=True)
class Bands:
    """Ordered bands: `edges` between them, so one label more than edges."""

    edges: tuple[int, ...]
    labels: tuple[str, ...]


def _counting(edges: tuple[int, ...], unit: str, lowest: int = 0) -> Bands:
    """Bands of whole numbers, the last number of a band spelt out: `91 to 180 days`."""
    spans = [
        f"{low:,}" if high == low + 1 else f"{low:,} to {high - 1:,}"
        for low, high in pairwise((lowest, *edges))
    ]
    labels = [f"{span} {unit}".strip() for span in (*spans, f"{edges[-1]:,}")]
    return Bands(edges, (*labels[:-1], f"{labels[-1]} and more"))


def _measuring(edges: tuple[int, ...], word: Callable[[int], str], unit: str = "") -> Bands:
    """Bands of a measure, limits as words: `1,000 to under 3,000`."""
    spans = [f"{word(low)} to under {word(high)}" for low, high in pairwise(edges)]
    labels = (f"Under {word(edges[0])}", *spans, f"{word(edges[-1])} and more")
    return Bands(edges, tuple(f"{label} {unit}".strip() for label in labels))


def balance_bands(currency: str) -> Bands:
    """Bands of a balance in minor units, labels in major units."""
    scale = 10 ** minor_digits(currency)
    major = BALANCE_EDGES.get(currency, DEFAULT_BALANCE_EDGES)
    bands = _measuring(major, lambda edge: f"{edge:,}")
    return Bands(tuple(edge * scale for edge in major), bands.labels)


DAYS_OVERDUE = _counting((91, 181, 361, 541, 721, 1_081, 1_441, 1_801), "days")
AGE_MONTHS = _measuring((6, 12, 18, 24, 36, 48, 60, 84), str, "months")
RATE_BP = _measuring(
    (600, 1_000, 1_500, 1_800, 2_400, 3_000, 3_600), lambda edge: f"{edge / 100:g}", "%"
)
INSTALMENTS = _counting((1, 4, 7, 13, 25), "paid")
PLACEMENTS = _counting((1, 2, 3, 4, 6), "")
LOANS_PER_BORROWER = _counting((2, 3, 4, 6, 11), "", lowest=1)
LAST_PAYMENT = _measuring((3, 6, 12, 24), str, "months ago")
