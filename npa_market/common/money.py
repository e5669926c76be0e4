"""Money as integer minor units: parse what people type, format, allocate to the cent."""

import re
from collections.abc import Sequence
from decimal import Decimal, localcontext

from babel.numbers import format_currency, format_decimal, get_currency_precision

from npa_market.common.errors import InvalidInput

MAX_MINOR = 2**62  # Fits a signed 64-bit column with room for sums of two.
# Of an East Asian keyboard alone: a general folding would read 10² as 102.
_FULL_WIDTH = str.maketrans("０１２３４５６７８９，．－\u3000", "0123456789,.- ")
_AMOUNT = re.compile(r"-?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?", re.ASCII)


def minor_digits(currency: str) -> int:
    """Decimal places of a currency by CLDR: 2 for CNY and USD, 0 for JPY."""
    return get_currency_precision(currency)


def parse_minor(text: str, currency: str, *, field: str = "amount") -> int:
    """Minor units of an amount as typed: `3,172,415.07` or full-width digits; exact or refused.

    Raises InvalidInput for anything that is not a plain decimal number, has more decimals than
    the currency, wrong separators, or does not fit 62 bits.
    """
    cleaned = text.translate(_FULL_WIDTH).strip()
    digits = minor_digits(currency)
    if not _AMOUNT.fullmatch(cleaned):
        raise InvalidInput(
            "amount_unreadable",
            "Write the amount as a plain number, for example 1,250,000.00.",
            field=field,
        )
    value = Decimal(cleaned.replace(",", ""))
    with localcontext(prec=60):
        minor = value.scaleb(digits)
        if minor != minor.to_integral_value():
            raise InvalidInput(
                "amount_too_fine", f"{currency} has {digits} decimal places at most.", field=field
            )
    if abs(minor) > MAX_MINOR:
        raise InvalidInput("amount_too_large", "The amount is too large.", field=field)
    return int(minor)


def to_decimal(amount_minor: int, currency: str) -> Decimal:
    """Major units as an exact decimal, for spreadsheets and bank files."""
    return Decimal(amount_minor).scaleb(-minor_digits(currency))


def format_minor(amount_minor: int, currency: str, *, symbol: bool = False) -> str:
    """`3,172,415.07`, or `¥3,172,415.07` with the symbol.

    A bare ¥ is the yuan, the venue's own; the yen is JP¥.
    """
    amount = to_decimal(amount_minor, currency)
    if symbol:
        text: str = format_currency(amount, currency, locale="en_US")
        return text.replace("¥", "JP¥") if currency == "JPY" else text.replace("CN¥", "¥")
    places = minor_digits(currency)
    pattern = "#,##0" + ("." + "0" * places if places else "")
    formatted: str = format_decimal(amount, format=pattern, locale="en_US")
    return formatted


def allocate(total_minor: int, weights: Sequence[int | float], keys: Sequence[str]) -> list[int]:
    """Split a total by non-negative weights so that the parts add up to the cent.

    Largest remainder; ties go to the smaller key, so the result does not depend on the order of
    the rows. Raises ValueError for negative or all-zero weights or a negative total.
    """
    if total_minor < 0 or len(weights) != len(keys):
        raise ValueError("need a total >= 0 and one key per weight")
    exact = [Decimal(weight) for weight in weights]
    if any(weight < 0 for weight in exact):
        raise ValueError("weights must not be negative")
    with localcontext(prec=60):
        whole = sum(exact, Decimal(0))
        if whole <= 0:
            raise ValueError("weights are all zero")
        shares = [total_minor * weight / whole for weight in exact]
        parts = [int(share) for share in shares]
        remainders = [share - part for share, part in zip(shares, parts, strict=True)]
    missing = total_minor - sum(parts)
    order = sorted(range(len(parts)), key=lambda i: (-remainders[i], keys[i]))
    for index in order[:missing]:
        parts[index] += 1
    return parts


def share_of(amount_minor: int, per_100k: int) -> int:
    """A rate in hundred-thousandths of an amount, rounded half up to the minor unit."""
    product = abs(amount_minor) * per_100k
    rounded = (product * 2 + 100_000) // 200_000
    return rounded if amount_minor >= 0 else -rounded
