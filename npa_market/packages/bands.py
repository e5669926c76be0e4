"""Edges of bands, as data: each band is from (included) to (excluded), in whole units."""

from dataclasses import dataclass

NOT_GIVEN = "not given"
AGE_EDGES = (18, 25, 35, 45, 55, 65)
AGE_BANDS = ("18-24", "25-34", "35-44", "45-54", "55-64", "65+")

# Balances in major units per currency; another currency takes the default.
BALANCE_EDGES: dict[str, tuple[int, ...]] = {
    "CNY": (1_000, 3_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000),
    "USD": (500, 1_000, 2_500, 5_000, 10_000, 15_000, 20_000, 30_000),
    "INR": (5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000),
    "JPY": (50_000, 100_000, 250_000, 500_000, 1_000_000, 2_000_000),
}
DEFAULT_BALANCE_EDGES = (500, 1_000, 2_500, 5_000, 10_000, 20_000, 50_000, 100_000)
DAYS_OVERDUE_EDGES = (91, 181, 361, 541, 721, 1_081, 1_441, 1_801)
AGE_MONTH_EDGES = (6, 12, 18, 24, 36, 48, 60, 84)
RATE_EDGES_BP = (600, 1_000, 1_500, 1_800, 2_400, 3_000, 3_600)
INSTALMENT_EDGES = (1, 4, 7, 13, 25)
PLACEMENT_EDGES = (1, 2, 3, 4, 6)
LOANS_PER_BORROWER_EDGES = (2, 3, 4, 6, 11)
LAST_PAYMENT_EDGES = (3, 6, 12, 24)


@dataclass(frozen=True)
class Bands:
    """Ordered bands: `edges` between them, one label more than edges."""

    edges: tuple[int, ...]
    labels: tuple[str, ...]


def numbered(edges: tuple[int, ...], unit: str = "", scale: int = 1) -> Bands:
    """Bands of whole numbers: `under 1,000`, `1,000 to 2,999`, …, `200,000 and more`.

    `scale` divides the labels only (basis points to percent, minor to major units are shown as
    `1,000 to under 3,000`).
    """
    tail = f" {unit}" if unit else ""

    def word(value: int) -> str:
        return f"{value / scale:,.10g}"

    labels = [f"under {word(edges[0])}{tail}"]
    for low, high in zip(edges, edges[1:], strict=False):
        if scale == 1:
            span = word(low) if high == low + 1 else f"{word(low)} to {word(high - 1)}"
        else:
            span = f"{word(low)} to under {word(high)}"
        labels.append(f"{span}{tail}")
    labels.append(f"{word(edges[-1])}{tail} and more")
    return Bands(edges, tuple(labels))
