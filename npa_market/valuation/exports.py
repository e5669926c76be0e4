"""A valuation as a workbook."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from npa_market.common.exports import neutralised
from npa_market.common.money import minor_digits, to_decimal
from npa_market.valuation.assumptions import Assumption
from npa_market.valuation.door import allocation_minor, parts_minor, to_minor
from npa_market.valuation.figures import bridge_chart, segment_lines, tornado_chart
from npa_market.valuation.models import Scenario, Valuation

if TYPE_CHECKING:
    from pricing import Result

OPTIONS = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
COLUMN_WIDTH = 22
MOST_LOAN_ROWS = 100_000


@dataclass(frozen=True)
class Parts:
    """What goes into the workbook beside the run itself."""

    result: "Result"
    assumptions: Sequence[Assumption]
    scenarios: Sequence[Scenario]
    allocation: Mapping[str, float]
    with_reserve: bool


def workbook(valuation: Valuation, parts: Parts) -> bytes:
    """XLSX with sheets Summary, Months, Segments, Sensitivities, Bridge, Scenarios, Assumptions
    and Loans (up to MOST_LOAN_ROWS; larger pools take the Parquet file)."""
    import xlsxwriter

    buffer, result = io.BytesIO(), parts.result
    with xlsxwriter.Workbook(buffer, OPTIONS) as book:
        sheets = _Sheets(book, valuation.currency)
        summary = _summary(valuation, result, parts.with_reserve)
        sheets.add("Summary", ("Figure", "Value"), summary)
        sheets.add("Months", _MONTH_HEADS, _months(result))
        sheets.add("Segments", _SEGMENT_HEADS, _segments(result, sheets))
        sheets.add("Sensitivities", _SWING_HEADS, _swings(result, sheets))
        steps = bridge_chart(result).steps
        rows = [(step.label, sheets.money(step.amount)) for step in steps]
        sheets.add("Bridge", ("Step", "Amount"), rows)
        sheets.add("Scenarios", _SCENARIO_HEADS, _scenarios(valuation, parts, sheets))
        told = [(each.name, each.value, each.source) for each in parts.assumptions]
        sheets.add("Assumptions", ("Assumption", "Value", "Source"), told)
        sheets.add("Loans", ("Loan token", "Value"), _loans(valuation, parts, sheets))
    return buffer.getvalue()


_SEGMENT_HEADS = ("Segment", "Loans", "Claim", "Expected net receipts", "Value")
_SWING_HEADS = ("Assumption", "Moved", "Price", "Moved", "Price")
_SCENARIO_HEADS = ("Scenario", "Price", "Value, 5 %", "Value, 95 %")


def _segments(result: "Result", sheets: "_Sheets") -> list[tuple[Any, ...]]:
    return [
        (row.name, row.loans, *map(sheets.money, _amounts(row))) for row in segment_lines(result)
    ]


def _swings(result: "Result", sheets: "_Sheets") -> list[tuple[Any, ...]]:
    return [
        (s.label, s.low_label, sheets.money(s.low), s.high_label, sheets.money(s.high))
        for s in tornado_chart(result).ordered()
    ]


def _scenarios(valuation: Valuation, parts: Parts, sheets: "_Sheets") -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = [("As run", valuation), *((s.name, s) for s in parts.scenarios)]
    return [
        (name, *(sheets.money(getattr(row, f"{column}_minor")) for column in _SCENARIO_FIGURES))
        for name, row in rows
    ]


_SCENARIO_FIGURES = ("price", "q05", "q95")


def _loans(valuation: Valuation, parts: Parts, sheets: "_Sheets") -> list[tuple[Any, ...]]:
    """Tokens alone name the loans; the values add up to the price to the minor unit."""
    if len(parts.allocation) > MOST_LOAN_ROWS:
        return [(f"{len(parts.allocation):,} loans: take the Parquet file", "")]
    values = allocation_minor(parts.allocation.values(), valuation.price_minor or 0)
    return [
        (token, sheets.money(value)) for token, value in zip(parts.allocation, values, strict=True)
    ]


_MONTH_HEADS = (
    "Month",
    "Gross receipts, mean",
    "Net receipts, mean",
    "Net receipts, cumulative",
    "Cumulative, 5 %",
    "Cumulative, 25 %",
    "Cumulative, 50 %",
    "Cumulative, 75 %",
    "Cumulative, 95 %",
)


def _amounts(row: Any) -> tuple[int, int, int]:
    return row.balance_minor, row.cash_minor, row.value_minor


def _summary(valuation: Valuation, result: "Result", with_reserve: bool) -> list[tuple[Any, ...]]:
    currency = valuation.currency

    def amount(minor: int | None) -> Any:
        return "" if minor is None else to_decimal(minor, currency)

    rates = result.irr_quantiles or {}
    rows: list[tuple[Any, ...]] = [
        ("Package", valuation.package.reference),
        ("Calibration", result.calibration),
        ("Currency", currency),
        ("Balances are", result.basis),
        ("Loans", result.loans),
        ("Claim", amount(to_minor(result.face, currency))),
        ("Price", amount(valuation.price_minor)),
        ("Standard error of the price", amount(to_minor(result.std_error, currency))),
        ("Standard deviation of the value", amount(valuation.sd_minor)),
        *((f"Value, {p} %", amount(getattr(valuation, f"q{p}_minor"))) for p in _LEVELS),
        *((f"IRR, {level:.0%} of paths", rate) for level, rate in sorted(rates.items())),
        ("Loss probability", result.loss_probability),
        ("Multiple", result.multiple if result.multiple is not None else ""),
        ("Payback, months", result.payback_months if result.payback_months is not None else ""),
        ("Expected shortfall", amount(to_minor(result.expected_shortfall, currency))),
    ]
    if with_reserve:
        rows.append(("Reserve at the seller's own rate", amount(valuation.reserve_minor)))
    return [
        *rows,
        ("Package file, SHA-256", valuation.package.content_sha256),
        *_calibration_hashes(valuation),
        ("Inputs, SHA-256", valuation.inputs_sha256),
        ("Result file, SHA-256", valuation.result_file_id),
        ("Engine", valuation.engine_version),
        ("Paths", valuation.terms["paths"]),
        ("Seed", valuation.terms["seed"]),
    ]


def _calibration_hashes(valuation: Valuation) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = [("Calibration, SHA-256", valuation.calibration_sha256)]
    if valuation.fit_sha256 not in ("", valuation.calibration_sha256):
        started = f"started at {valuation.package.cut_off_date:%Y-%m} from the file of SHA-256"
        rows.append((f"Calibration, {started}", valuation.fit_sha256))
    return rows


_LEVELS = ("05", "25", "50", "75", "95")


def _months(result: "Result") -> list[tuple[Any, ...]]:
    """Rows per month; net and cumulative columns agree to the minor unit."""
    currency = result.currency
    gross = parts_minor(result.gross_mean, currency)
    net = parts_minor(result.monthly_cash, currency)
    rows, running = [], 0
    for month, (gross_minor, net_minor) in enumerate(zip(gross, net, strict=True)):
        running += net_minor
        bands = (to_minor(row[month], currency) for row in result.cumulative_quantiles)
        amounts = (gross_minor, net_minor, running, *bands)
        rows.append((month + 1, *(to_decimal(amount, currency) for amount in amounts)))
    return rows


class _Sheets:
    """Adds sheets of one look to a workbook."""

    def __init__(self, book: Any, currency: str) -> None:
        self.book = book
        self.currency = currency
        self.head = book.add_format({"bold": True, "bottom": 1})
        places = minor_digits(currency)
        self.number = book.add_format(
            {"num_format": "#,##0" + ("." + "0" * places if places else "")}
        )

    def money(self, amount_minor: int | float) -> Any:
        """Major units as an exact decimal."""
        return to_decimal(int(amount_minor), self.currency)

    def add(self, name: str, heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """One sheet; decimals are money, texts cannot run as formulas even after a CSV export."""
        sheet = self.book.add_worksheet(name)
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, len(heads) - 1, COLUMN_WIDTH)
        sheet.write_row(0, 0, heads, self.head)
        for number, row in enumerate(rows, start=1):
            for column, value in enumerate(row):
                style = self.number if isinstance(value, Decimal) else None
                sheet.write(number, column, neutralised(value), style)
