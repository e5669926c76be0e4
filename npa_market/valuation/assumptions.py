"""What a run assumed, row by row, each with where it comes from."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from npa_market.common.money import minor_digits
from npa_market.common.templatetags.market import percent
from npa_market.valuation.figures import channel_words

if TYPE_CHECKING:
    from npa_market.valuation.door import StandIn
    from pricing import Calibration

ASKED, CALIBRATED = "asked for in this run", "calibration"
FIELD_WORDS = {
    "age_months": "months since charge-off not on the tape",
    "is_reachable": "reachability not on the tape",
}


@dataclass(frozen=True)
class Assumption:
    """One row: what, its value in words, and its source."""

    name: str
    value: str
    source: str


def assumption_rows(
    terms: dict[str, Any],
    calibration: "Calibration",
    stand_ins: tuple["StandIn", ...],
    *,
    with_reserve: bool,
) -> list[Assumption]:
    """Terms, channel, costs, risk, and what stands in for missing fields.

    The seller's own rate is a row only `with_reserve`.
    """
    rows = [
        Assumption("Buyer's IRR", f"{percent(terms['buyer_irr'])} a year, effective", ASKED),
        Assumption("Horizon", f"{terms['horizon_months']} months", ASKED),
    ]
    if with_reserve:
        rows.append(
            Assumption("Seller's own rate", f"{percent(terms['seller_rate'])} a year", ASKED)
        )
    if (level := terms.get("level", 1.0)) != 1:
        words = f"{percent(level, 0)} of the calibration's odds"
        rows.append(Assumption("Level of payments", words, ASKED))
    rows += _channel_rows(terms, calibration)
    rows += _risk_rows(calibration)
    rows += [
        Assumption(
            FIELD_WORDS.get(stand_in.field, stand_in.field),
            f"{stand_in.loans:,} loans taken as {stand_in.assumption}",
            "assumed: not on the tape",
        )
        for stand_in in stand_ins
    ]
    return rows


def _risk_rows(calibration: "Calibration") -> list[Assumption]:
    risk = calibration.factors
    words = f"{risk.pool:.2f} (standard deviation of the log-odds)"
    if risk.start is not None:
        words += ", with what the calendar leaves unknown of the level"
    rows = [Assumption("Risk of the pool's level", words, CALIBRATED)]
    if started := calibration.diagnostics.get("started"):
        words = f"begin at {started['first_month']:.2f} of the fitted curve, "
        if started["is_near"]:
            words += f"where the history's calendar stands in {started['month']}, the cut-off month"
        else:
            words += f"for {started['month']} lies too far from the history's calendar"
        rows.append(Assumption("Payments in general", words, CALIBRATED))
    return rows


def _channel_rows(terms: dict[str, Any], calibration: "Calibration") -> list[Assumption]:
    name = terms["channel"]
    own = next((each for each in terms["costs"] if each["name"] == name), None)
    shipped = next(each for each in calibration.channels if each.name == name)
    cost = own or shipped.as_document()
    source = ASKED if own else CALIBRATED
    places = minor_digits(calibration.currency)
    currency = calibration.currency
    rows = [
        Assumption("Channel of collection", f"{channel_words(name)}, for all loans", ASKED),
        Assumption("Fee", f"{percent(cost['fee_share'])} of receipts", source),
        Assumption(
            "Work", f"{cost['work_cost']:,.{places}f} {currency} per open loan and month", source
        ),
        Assumption("Case", f"{cost['case_cost']:,.{places}f} {currency} per loan, once", source),
    ]
    if cost["court_fee"]:
        share = cost["court_fee_share"]
        rows.append(
            Assumption("Court fee", f"by amount, {percent(share, 0)} of the tariff", source)
        )
    if cost["delay_months"]:
        rows.append(Assumption("Delay", f"{cost['delay_months']} months", source))
    if cost["uplift"]:
        text = f"{cost['uplift']:+.2f} on the log-odds of a payment (a scenario, not an estimate)"
        rows.append(Assumption("Uplift", text, source))
    return rows
