"""Figures while somebody changes assumptions: engine A on what the process keeps."""

from typing import TYPE_CHECKING

from npa_market.common.errors import InvalidInput
from npa_market.packages.models import Package
from npa_market.valuation import door, pools

if TYPE_CHECKING:
    from pricing.live import LiveFigures

MOST_FIGURES = 64
_figures: pools.Shelf["LiveFigures"] = pools.Shelf(MOST_FIGURES)
_prices: pools.Shelf[float] = pools.Shelf(4 * MOST_FIGURES)


def reprice(package: Package, form: str, inputs: door.Inputs) -> "LiveFigures":
    """Price, quantiles and fan of a package under these inputs, money in major units.

    Whether the caller may read the tape is decided before. Raises InvalidInput where the package
    cannot be priced so.
    """
    from pricing import PricingError
    from pricing.live import live_figures

    key = door.inputs_sha256(package.content_sha256, form, inputs)
    try:
        figures = _figures.get(key, lambda: live_figures(pools.plan_for(package, form, inputs)))
    except (PricingError, OSError) as reason:
        raise InvalidInput(
            "not_priced", f"These assumptions cannot be priced: {reason}"
        ) from reason
    _refuse_beyond_money(_largest(figures), package.currency)
    return figures


def price_of(package: Package, form: str, inputs: door.Inputs) -> float:
    """The price alone, major units; equal to that of a full run. Raises InvalidInput."""
    from pricing import PricingError
    from pricing.live import live_price

    key = door.inputs_sha256(package.content_sha256, form, inputs)
    try:
        price = _prices.get(key, lambda: live_price(pools.plan_for(package, form, inputs)))
    except (PricingError, OSError) as reason:
        raise InvalidInput(
            "not_priced", f"These assumptions cannot be priced: {reason}"
        ) from reason
    _refuse_beyond_money(abs(price), package.currency)
    return price


def _largest(figures: "LiveFigures") -> float:
    """The largest amount of all that a page or an answer shows; the reserve is one of them."""
    single = (figures.price, figures.sd, figures.seller_reserve, *figures.quantiles.values())
    gross = sum(abs(amount) for amount in figures.gross_mean.tolist())
    fans = (figures.cumulative_mean, figures.cumulative_quantiles)
    largest: float = max(
        gross,
        *(abs(amount) for amount in (*single, *figures.npv_histogram.edges)),
        *(float(abs(fan).max()) for fan in fans),
    )
    return largest


def _refuse_beyond_money(amount: float, currency: str) -> None:
    try:
        door.to_minor(amount, currency)
    except (OverflowError, ValueError) as reason:
        raise InvalidInput(
            "not_priced",
            "These assumptions give amounts too large for money; check rates, costs and horizon.",
        ) from reason
