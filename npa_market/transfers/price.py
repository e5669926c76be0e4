"""What a buyer owes and what the venue takes: the money terms of a deal, pure, minor units.

Order and rounding are those of the settlement rules: receipts since the cut-off date belong to
the buyer and reduce what is due, less the agreed cost of collecting them.
"""

from dataclasses import dataclass

from npa_market.common.money import share_of


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyTerms:
    """What decides the money of a deal. Amounts in minor units, rates per 100,000."""

    hammer_minor: int
    excluded_minor: int
    receipts_minor: int
    receipts_cost_per_100k: int
    deposit_minor: int
    fee_per_100k: int
    tax_per_100k: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """The deal in money. `receipts_credited + receipts_direct = receipts - receipts_cost`.

    `receipts_direct_minor` is the part of the receipts that exceeds what the price can bear; the
    seller owes it to the buyer outside the venue. `balance_minor` below zero is the part of the
    deposit that goes back to the buyer.
    """

    adjusted_minor: int
    receipts_cost_minor: int
    receipts_credited_minor: int
    receipts_direct_minor: int
    balance_minor: int
    fee_minor: int
    tax_minor: int

    @property
    def gross_minor(self) -> int:
        """What the buyer pays through the venue, deposit included."""
        return self.adjusted_minor - self.receipts_credited_minor

    @property
    def seller_net_minor(self) -> int:
        return self.gross_minor - self.fee_minor - self.tax_minor


def price_of(terms: MoneyTerms) -> Price:
    """Adjusted price, receipts, balance due, fee and tax; each rounded half up once.

    Raises ValueError for negative amounts, an exclusion above the price, or a fee with tax above
    the adjusted price.
    """
    if min(terms.hammer_minor, terms.excluded_minor, terms.receipts_minor, terms.deposit_minor) < 0:
        raise ValueError("amounts of a deal are not negative")
    adjusted = terms.hammer_minor - terms.excluded_minor
    fee = share_of(adjusted, terms.fee_per_100k)
    tax = share_of(fee, terms.tax_per_100k)
    if adjusted < 0 or fee + tax > adjusted:
        raise ValueError("the price does not bear the exclusion, or the fee and its tax")
    cost = share_of(terms.receipts_minor, terms.receipts_cost_per_100k)
    to_buyer = terms.receipts_minor - cost
    credited = min(to_buyer, adjusted - fee - tax)
    return Price(
        adjusted_minor=adjusted,
        receipts_cost_minor=cost,
        receipts_credited_minor=credited,
        receipts_direct_minor=to_buyer - credited,
        balance_minor=adjusted - credited - terms.deposit_minor,
        fee_minor=fee,
        tax_minor=tax,
    )
