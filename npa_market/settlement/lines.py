"""The settlement statement line by line, pure: the order and the sums of the settlement rules."""

from dataclasses import dataclass
from enum import StrEnum

from npa_market.transfers.price import MoneyTerms, Price, price_of


class Sign(StrEnum):
    """How a line enters the sum above it."""

    PLUS = "+"
    MINUS = "-"
    TOTAL = "="
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Line:
    """One printed line; `amount_minor` is as printed (not negative unless it is a balance)."""

    key: str
    label: str
    amount_minor: int
    sign: Sign


@dataclass(frozen=True, slots=True)
class StatementLines:
    """All lines in order, and the figures by key."""

    lines: tuple[Line, ...]

    def __getitem__(self, key: str) -> int:
        """Amount of a line, minor units. KeyError where there is none."""
        for line in self.lines:
            if line.key == key:
                return line.amount_minor
        raise KeyError(key)


def statement_lines(terms: MoneyTerms, excluded_loans: int = 0) -> StatementLines:
    """The lines of a deal. Amounts in minor units.

    Deposit + balance = seller net + fee + tax, always (L9). Raises ValueError as `price_of`.
    """
    price = price_of(terms)
    return StatementLines(
        (*_buyer_lines(terms, price, excluded_loans), *_seller_lines(terms, price))
    )


def _buyer_lines(terms: MoneyTerms, price: Price, excluded_loans: int) -> tuple[Line, ...]:
    excluded = f"Less {excluded_loans:,} loans excluded before the contract"
    cost = f"Agreed cost of these receipts, {rate(terms.receipts_cost_per_100k)}"
    direct = "Receipts above the price, paid by the seller to the buyer directly"
    return (
        Line("hammer", "Hammer price", terms.hammer_minor, Sign.PLUS),
        Line("excluded", excluded, terms.excluded_minor, Sign.MINUS),
        Line("adjusted", "Adjusted price", price.adjusted_minor, Sign.TOTAL),
        Line("receipts", "Receipts since the cut-off date", terms.receipts_minor, Sign.NOTE),
        Line("receipts_cost", cost, price.receipts_cost_minor, Sign.NOTE),
        Line("receipts_direct", direct, price.receipts_direct_minor, Sign.NOTE),
        Line(
            "receipts_to_buyer",
            "Less receipts to the buyer",
            price.receipts_credited_minor,
            Sign.MINUS,
        ),
        Line("deposit", "Less deposit", terms.deposit_minor, Sign.MINUS),
        Line("balance", "Balance due from the buyer", price.balance_minor, Sign.TOTAL),
    )


def _seller_lines(terms: MoneyTerms, price: Price) -> tuple[Line, ...]:
    fee = f"Less platform fee, {rate(terms.fee_per_100k)} of the adjusted price"
    tax = f"Less tax on the fee, {rate(terms.tax_per_100k)}"
    return (
        Line("deposit_again", "Plus deposit", terms.deposit_minor, Sign.PLUS),
        Line("gross", "Deposit and balance", price.gross_minor, Sign.TOTAL),
        Line("fee", fee, price.fee_minor, Sign.MINUS),
        Line("tax", tax, price.tax_minor, Sign.MINUS),
        Line("seller_net", "Net to the seller", price.seller_net_minor, Sign.TOTAL),
    )


def rate(per_100k: int) -> str:
    """`0.1 %` of a rate per 100,000."""
    return f"{per_100k / 1000:g} %"


def check_totals(lines: StatementLines) -> None:
    """Raise ValueError unless every total is the sum of what stands above it.

    Lines that explain another one (`NOTE`) are no part of the sums.
    """
    running = 0
    for line in lines.lines:
        if line.sign == Sign.PLUS:
            running += line.amount_minor
        elif line.sign == Sign.MINUS:
            running -= line.amount_minor
        elif line.sign == Sign.TOTAL and running != line.amount_minor:
            raise ValueError(f"line {line.key} does not add up")
