"""Two runs laid side by side, row by row."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from npa_market.common.money import format_minor
from npa_market.common.templatetags.market import percent
from npa_market.valuation.door import to_minor
from npa_market.valuation.figures import channel_words
from npa_market.valuation.models import Valuation

if TYPE_CHECKING:
    from pricing import Result

MONEY_ROWS = (
    ("Price", "price_minor"),
    ("Standard deviation", "sd_minor"),
    ("Value, 5 %", "q05_minor"),
    ("Value, 25 %", "q25_minor"),
    ("Value, 50 %", "q50_minor"),
    ("Value, 75 %", "q75_minor"),
    ("Value, 95 %", "q95_minor"),
)


@dataclass(frozen=True)
class Compared:
    """One row: a name, both values, and second less first where that has a meaning."""

    name: str
    first: str
    second: str
    difference: str = ""

    @property
    def differs(self) -> bool:
        return self.first != self.second


def comparison_rows(
    runs: tuple[Valuation, Valuation], results: tuple["Result", "Result"]
) -> list[Compared]:
    """Inputs first, then figures; no reserve, so the page is the same for every role."""
    first, second = runs
    rows = [Compared(name, read(first), read(second)) for name, read in _INPUTS]
    same_currency = first.currency == second.currency
    for name, column in MONEY_ROWS:
        amounts = getattr(first, column), getattr(second, column)
        gap = amounts[1] - amounts[0]
        rows.append(
            Compared(
                f"{name}, {first.currency if same_currency else 'own currency'}",
                format_minor(amounts[0], first.currency),
                format_minor(amounts[1], second.currency),
                _signed(format_minor(gap, first.currency), gap) if same_currency else "",
            )
        )
    rows += [Compared(name, read(results[0]), read(results[1])) for name, read in _FIGURES]
    receipts = [to_minor(r.cumulative_mean[-1], r.currency) for r in results]
    gap = receipts[1] - receipts[0]
    rows.append(
        Compared(
            "Expected net receipts",
            format_minor(receipts[0], first.currency),
            format_minor(receipts[1], second.currency),
            _signed(format_minor(gap, first.currency), gap) if same_currency else "",
        )
    )
    return rows


def _signed(text: str, amount: int) -> str:
    return f"+{text}" if amount > 0 else text


def _calibration(valuation: Valuation) -> str:
    reference = " (reference, not fitted)" if valuation.is_reference_calibration else ""
    return f"{valuation.calibration_name}{reference}, {valuation.calibration_sha256[:8]}"


def _costs(valuation: Valuation) -> str:
    own = [each for each in valuation.terms["costs"] if each["name"] == valuation.terms["channel"]]
    if not own:
        return "as the calibration"
    cost: dict[str, Any] = own[0]
    fee, work, case = cost["fee_share"], cost["work_cost"], cost["case_cost"]
    words = [f"fee {percent(fee)}", f"work {work:,.2f}", f"case {case:,.2f}"]
    if cost.get("delay_months"):
        words.append(f"delay {cost['delay_months']} months")
    if cost.get("uplift"):
        words.append(f"uplift {cost['uplift']:+.2f}")
    if cost.get("court_fee"):
        words.append(f"court fee {_tariff(cost)}")
    return ", ".join(words)


def _tariff(cost: dict[str, Any]) -> str:
    """Brackets as they were asked for: `2.5 % -200.00 up to 100,000.00`."""
    brackets = sorted(cost["court_fee"], key=lambda bracket: bracket["up_to"])
    told = "; ".join(
        f"{bracket['rate'] * 100:g} % {bracket['constant']:+,.2f} up to {bracket['up_to']:,.2f}"
        for bracket in brackets
    )
    return f"{percent(cost.get('court_fee_share', 1.0), 0)} of ({told})"


_INPUTS: tuple[tuple[str, Callable[[Valuation], str]], ...] = (
    ("Package", lambda v: f"{v.package.reference}, {v.package.loans:,} loans"),
    ("Calibration", _calibration),
    ("Rows read from", lambda v: v.get_tape_display()),
    ("Level of payments", lambda v: percent(v.terms.get("level", 1.0), 0)),
    ("Buyer's IRR", lambda v: percent(v.terms["buyer_irr"])),
    ("Horizon", lambda v: f"{v.terms['horizon_months']} months"),
    ("Channel", lambda v: channel_words(v.terms["channel"])),
    ("Costs of the channel", _costs),
    ("Paths and seed", lambda v: f"{v.terms['paths']:,}, seed {v.terms['seed']}"),
)
_FIGURES: tuple[tuple[str, Callable[["Result"], str]], ...] = (
    ("Loss probability", lambda r: percent(r.loss_probability)),
    ("IRR, 5 % of paths", lambda r: percent((r.irr_quantiles or {}).get(0.05))),
    ("IRR, median path", lambda r: percent((r.irr_quantiles or {}).get(0.5))),
    ("Multiple", lambda r: "–" if r.multiple is None else f"{r.multiple:.2f}"),
    ("Payback", lambda r: "–" if r.payback_months is None else f"{r.payback_months} months"),
)
