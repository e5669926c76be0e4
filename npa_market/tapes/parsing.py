"""Cells to values: each parser reads one text exactly or raises Unreadable. Pure."""

import re
import unicodedata
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from npa_market.common.errors import InvalidInput
from npa_market.common.money import minor_digits, parse_minor

MAX_RATE_BP = 100_000  # 1,000 % a year
_SIGN = re.compile(r"^(?:CN¥|¥|￥|\$|RMB|CNY|USD)\s*", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)
_MONTH = re.compile(r"(\d{4})-(\d{2})", re.ASCII)


class Unreadable(ValueError):
    """The text is no value of this kind. Carries no text: it may be personal."""


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip()


def parse_amount(text: str, currency: str) -> int:
    """Minor units of `3,172,415.07`, `¥1,200`, `１２`; more decimals than the currency: refused."""
    try:
        return parse_minor(_SIGN.sub("", _folded(text)), currency)
    except InvalidInput as error:
        raise Unreadable from error


def parse_rounded_amount(text: str, currency: str) -> int:
    """Like `parse_amount`, but a cell with too many decimals is rounded half up.

    For sources that keep money as binary fractions (`3955.380000000001`).
    """
    cleaned = _SIGN.sub("", _folded(text)).replace(",", "")
    if not _NUMBER.fullmatch(cleaned) or len(cleaned) > 40:
        raise Unreadable
    unit = Decimal(1).scaleb(-minor_digits(currency))
    try:
        return parse_amount(str(Decimal(cleaned).quantize(unit, ROUND_HALF_UP)), currency)
    except InvalidOperation as error:
        raise Unreadable from error


def parse_date(text: str, formats: tuple[str, ...]) -> date:
    """The first format (strptime) that reads the whole text; a month alone is its first day."""
    cleaned = _folded(text)
    for form in formats:
        try:
            return datetime.strptime(cleaned, form).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    raise Unreadable


def _rate(text: str, factor: int) -> int:
    cleaned = _folded(text)
    if not _NUMBER.fullmatch(cleaned) or len(cleaned) > 40:
        raise Unreadable
    basis_points = int((Decimal(cleaned) * factor).quantize(Decimal(1), ROUND_HALF_UP))
    if not 0 <= basis_points <= MAX_RATE_BP:
        raise Unreadable
    return basis_points


def parse_percent_text(text: str) -> int:
    """`13.56%` in hundredths of a percent (1356), rounded half up."""
    cleaned = _folded(text)
    if not cleaned.endswith("%"):
        raise Unreadable
    return _rate(cleaned[:-1], 100)


def parse_percent_points(text: str) -> int:
    """`13.56` or `13.56%` in hundredths of a percent (1356)."""
    return _rate(_folded(text).removesuffix("%"), 100)


def parse_fraction(text: str) -> int:
    """`0.1356` in hundredths of a percent (1356)."""
    return _rate(text, 10_000)


def parse_integer(text: str, suffix: str, most: int) -> int:
    """A whole number 0..most, with an optional word after it (` 36 months`); `36.0` is 36."""
    cleaned = _folded(text).removesuffix(suffix).strip() if suffix else _folded(text)
    if not _NUMBER.fullmatch(cleaned) or len(cleaned) > 20:
        raise Unreadable
    value = Decimal(cleaned.replace(",", ""))
    if value != value.to_integral_value() or not 0 <= value <= most:
        raise Unreadable
    return int(value)


Receipts = tuple[tuple[date, int, int], ...]


def parse_receipts(text: str, currency: str) -> Receipts:
    """Monthly cash `2025-03:120.00;2025-05:80.00/24.00` as (first day, gross, cost), minor units.

    Gross amount and, after a slash, what collectors kept. Months must differ; amounts may be
    negative (a payment taken back), the cost not.
    """
    months: dict[date, tuple[int, int]] = {}
    for part in _folded(text).replace(" ", "").rstrip(";").split(";"):
        when, colon, amounts = part.partition(":")
        gross, slash, cost = amounts.partition("/")
        matched = _MONTH.fullmatch(when)
        if not (matched and colon and gross) or (slash and not cost):
            raise Unreadable
        try:
            month = date(int(matched[1]), int(matched[2]), 1)
        except ValueError as error:
            raise Unreadable from error
        if month in months:
            raise Unreadable
        cost_minor = parse_amount(cost, currency) if slash else 0
        if cost_minor < 0:
            raise Unreadable
        months[month] = (parse_amount(gross, currency), cost_minor)
    return tuple((month, *amounts) for month, amounts in sorted(months.items()))
