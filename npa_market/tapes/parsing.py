"""Cells to values: each parser reads one text exactly or raises Unreadable. Pure."""

import re
import unicodedata
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import cache

from npa_market.common.errors import InvalidInput
from npa_market.common.money import minor_digits, parse_minor

MAX_RATE_BP = 100_000  # 1,000 % a year
# Signs beside the currency's code; a sign of another currency makes the cell unreadable.
_SIGNS = {"CNY": ("CN¥", "¥", "RMB"), "USD": ("US$", "$"), "JPY": ("JP¥", "¥")}
_NUMBER = re.compile(r"[+-]?(\d+(\.\d+)?|\.\d+)", re.ASCII)
# Amounts by decimal sign: separators part groups of three and are of one kind, or there are none.
# A lone 0 is no group: `0,500` is half a unit in somebody's writing.
_AMOUNTS = {
    ".": re.compile(r"[+-]?(?:(?:(?!0,)\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+)", re.ASCII),
    ",": re.compile(
        r"[+-]? ?(?:(?:(?!0[. ])\d{1,3}([. ])\d{3}(?:\1\d{3})*|\d+)(?:,\d+)?|,\d+)", re.ASCII
    ),
}
_BARE_POINT = re.compile(r"^(-?)\.(?=\d)")
_BRACKETS = re.compile(r"\((.*)\)")
_FINE_SECONDS = re.compile(r"(\.\d{6})\d+$")
_UNSEPARATED = re.compile(r"(?:%[YymdHMS])+")
_QUARTERS = (
    re.compile(r"Q(?P<quarter>[1-4])[ /-]?(?P<year>\d{4})", re.ASCII | re.IGNORECASE),
    re.compile(r"(?P<year>\d{4})[ /-]?Q(?P<quarter>[1-4])", re.ASCII | re.IGNORECASE),
    re.compile(r"(?P<year>\d{4})年第?(?P<quarter>[1-4])季度?", re.ASCII),
)
# Excel counts the 29 February 1900, which never was: right from 1 March 1900 on.
_DAY_ZERO = {
    "excel": date(1899, 12, 30),
    "excel_1904": date(1904, 1, 1),
    "days_since_1960": date(1960, 1, 1),
    "days_since_1970": date(1970, 1, 1),
}
NAMED_FORMATS = frozenset({*_DAY_ZERO, "quarter"})
UNITS = {"minor": None, "thousand": Decimal(1_000), "ten_thousand": Decimal(10_000)}
_MONTH = re.compile(r"(\d{4})-(\d{2})", re.ASCII)


class Unreadable(ValueError):
    """The text is no value of this kind. Carries no text: it may be personal."""


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip()


@cache
def _sign(currency: str) -> re.Pattern[str]:
    signs = "|".join(re.escape(sign) for sign in (*_SIGNS.get(currency, ()), currency))
    return re.compile(rf"^(?:{signs})\s*", re.IGNORECASE)


def _plain_amount(text: str, currency: str) -> str:
    """`.5` as `0.5`, `(12.00)` of an accountant as `-12.00`, without the currency's own sign."""
    cleaned = _sign(currency).sub("", _folded(text))
    if bracketed := _BRACKETS.fullmatch(cleaned):
        cleaned = f"-{bracketed[1].strip()}"
    return _BARE_POINT.sub(r"\g<1>0.", cleaned)


def _digits(text: str, currency: str, decimal: str = ".") -> str:
    """The amount as digits with a decimal point: what every reading of money starts from.

    Raises Unreadable where a separator stands elsewhere than between groups of three: `12,34`
    deleted to 1234 is a hundred times the amount that was meant.
    """
    cleaned = _plain_amount(text, currency)
    if len(cleaned) > 40 or not _AMOUNTS[decimal].fullmatch(cleaned):
        raise Unreadable
    if decimal == ",":
        ungrouped = cleaned.replace(".", "").replace(" ", "").replace(",", ".")
        return _BARE_POINT.sub(r"\g<1>0.", ungrouped)
    return cleaned.replace(",", "")


def _minor(digits: str, currency: str) -> int:
    try:
        return parse_minor(digits, currency)
    except InvalidInput as error:
        raise Unreadable from error


def parse_amount(text: str, currency: str) -> int:
    """Minor units of `3,172,415.07`, `¥1,200`, `１２`, `(5.00)`; too many decimals: refused."""
    return _minor(_digits(text, currency), currency)


def amount_parser(
    *, is_rounded: bool = False, unit: str = "", decimal: str = "."
) -> Callable[[str, str], int]:
    """The parser of a money column: `unit` minor, thousand or ten_thousand (万); decimal comma."""
    parse = parse_rounded_amount if is_rounded else _minor

    def scaled(text: str, currency: str) -> int:
        digits = _digits(text, currency, decimal)
        if not unit:
            return parse(digits, currency)
        value = Decimal(digits)
        factor = UNITS[unit]
        if factor is None:
            value = value.scaleb(-minor_digits(currency))
        else:
            value *= factor
        return parse(f"{value:f}", currency)

    return scaled


def parse_rounded_amount(text: str, currency: str) -> int:
    """Like `parse_amount`, but a cell with too many decimals is rounded half up.

    For sources that keep money as binary fractions (`3955.380000000001`).
    """
    digits = _digits(text, currency)
    unit = Decimal(1).scaleb(-minor_digits(currency))
    try:
        return _minor(str(Decimal(digits).quantize(unit, ROUND_HALF_UP)), currency)
    except InvalidOperation as error:
        raise Unreadable from error


def parse_date(text: str, formats: tuple[str, ...]) -> date:
    """The first format that reads the whole text; a month or quarter alone is its first day.

    A format is strptime's, or one of NAMED_FORMATS: days counted from a day zero, `quarter`.
    """
    cleaned = _folded(text)
    for form in formats:
        try:
            if form in _DAY_ZERO:
                return _day_serial(cleaned, _DAY_ZERO[form])
            if form == "quarter":
                return _quarter(cleaned)
            if _is_cut_short(cleaned, form):
                continue
            shown = _FINE_SECONDS.sub(r"\1", cleaned) if form.endswith("%f") else cleaned
            return datetime.strptime(shown, form).date()  # noqa: DTZ007 - a day has no zone
        except (ValueError, OverflowError):
            continue
    raise Unreadable


def _is_cut_short(text: str, form: str) -> bool:
    """strptime takes one digit for a month or day: `202411` would be 1 January."""
    if not _UNSEPARATED.fullmatch(form):
        return False
    return len(text) != sum(4 if part == "Y" else 2 for part in form[1::2])


def _day_serial(text: str, zero: date) -> date:
    """Day `text` counted from `zero`; a fraction is the time of that day."""
    whole, point, fraction = text.partition(".")
    if not whole.isascii() or not whole.isdigit() or (point and not fraction.isdigit()):
        raise Unreadable
    return zero + timedelta(days=int(whole))


def _quarter(text: str) -> date:
    for pattern in _QUARTERS:
        if found := pattern.fullmatch(text):
            return date(int(found["year"]), 3 * int(found["quarter"]) - 2, 1)
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
