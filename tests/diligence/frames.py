"""Inputs of reports without a database: sealed-like rows, priced by the real engine."""

from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache

import numpy as np
import pandas as pd

from npa_market.diligence.report.figures import valuation_figures
from npa_market.diligence.report.inputs import PackageFacts, ReportInputs
from npa_market.valuation import door
from tests.valuation.priced import price_rows

CUT_OFF = date(2026, 6, 30)
REPORTED_AT = datetime(2026, 11, 24, 3, 31, tzinfo=UTC)
PLACES = {
    "CNY": ("江苏", "浙江", "河南", "广东", "四川", "内蒙古", "黑龙江", "新疆"),
    "USD": ("CA", "TX", "NY", "FL", "OH"),
}
PRODUCTS = {"CNY": ("消费贷款", "现金分期", "信用卡"), "USD": ("debt_consolidation", "credit_card")}
TITLES = {"CNY": "个人消费不良贷款 2026年第1期", "USD": "Unsecured consumer loans 2026-1"}
SCREEN = [
    {
        "rule": "deceased",
        "title": "Borrower deceased",
        "treatment": "exclude",
        "hits": 3,
        "borrowers": 2,
        "excluded": 3,
        "principal_minor": 300_000,
        "claim_minor": 400_000,
    },
    {
        "rule": "secured",
        "title": "Secured",
        "treatment": "not on the tape",
        **dict.fromkeys(["hits", "borrowers", "excluded", "principal_minor", "claim_minor"]),
    },
]


def _months_back(months: np.ndarray) -> pd.Series:
    start = pd.Timestamp(CUT_OFF).to_period("M")
    return pd.Series([(start - int(back)).to_timestamp() for back in months])


def sealed_frame(loans: int, currency: str = "CNY", seed: int = 3) -> pd.DataFrame:
    """Rows with the columns and types of `packages.sealed.read_sealed`, without receipts."""
    rng = np.random.default_rng(seed)
    borrower = rng.integers(0, max(1, loans // 2), loans)
    principal = np.maximum(rng.lognormal(13.5, 1.1, loans).astype(np.int64), 100)
    interest = principal * rng.integers(2, 60, loans) // 100
    fees = rng.integers(0, 50_000, loans)
    age = rng.integers(3, 60, loans)
    paid = rng.random(loans) < 0.3
    received = np.where(paid, rng.integers(1_000, 90_000, loans), 0)
    frame = pd.DataFrame(
        {
            "loan_token": [f"{number:032x}" for number in rng.integers(1, 2**62, loans)],
            "borrower_token": [f"b{number:031x}" for number in borrower],
            "product": rng.choice(PRODUCTS[currency], loans),
            "currency": currency,
            "principal_minor": principal,
            "interest_minor": interest,
            "fees_minor": fees,
            "claim_minor": principal + interest + fees,
            "original_amount_minor": pd.array(principal * 2, dtype="Int64"),
            "credit_line_minor": pd.array(
                [None if each < 0.5 else 5_000_000 for each in rng.random(loans)], dtype="Int64"
            ),
            "annual_rate_bp": pd.array(rng.integers(500, 3_700, loans), dtype="Int32"),
            "term_months": pd.array(rng.choice([6, 12, 24], loans), dtype="Int16"),
            "instalments_paid": pd.array(rng.integers(0, 30, loans), dtype="Int16"),
            "origination_date": _months_back(age + 20),
            "default_date": _months_back(age + 4),
            "charge_off_date": _months_back(age),
            "last_payment_date": _months_back(age).where(paid),
            "days_overdue": pd.array((age + 4) * 30, dtype="Int32"),
            "age_months": pd.array(age, dtype="Int32"),
            "months_since_payment": pd.array(np.where(paid, age, 0), dtype="Int32"),
            "grade": rng.choice(["substandard", "doubtful", "loss"], loans),
            "province": rng.choice(PLACES[currency], loans),
            "city_tier": rng.choice(["tier_1", "other", ""], loans),
            "sex": rng.choice(["f", "m", ""], loans),
            "age_band": rng.choice(["25-34", "35-44", "65+", ""], loans),
            "litigation_status": rng.choice(["not_sued", "in_suit"], loans, p=[0.9, 0.1]),
            "is_reachable": pd.array(rng.choice([True, False], loans), dtype="boolean"),
            "last_contact_month": _months_back(rng.integers(0, 40, loans)),
            "prior_placements": rng.integers(0, 4, loans).astype(np.int16),
            "status": np.where(rng.random(loans) < 0.02, "disputed", "live"),
            "received_minor": received,
            "collection_cost_minor": received // 5,
        }
    )
    frame.loc[~paid, "months_since_payment"] = pd.NA
    if loans == 1:
        frame["status"] = "live"
    return frame.sort_values("loan_token", ignore_index=True)


def receipts_for(frame: pd.DataFrame, *, dated: bool = True) -> pd.DataFrame:
    """What each loan received, in two months before the cut-off date or without a month."""
    paying = frame[frame["received_minor"] > 0]
    half = paying["received_minor"] // 2
    cost = paying["collection_cost_minor"] // 2
    last = pd.Timestamp(CUT_OFF).to_period("M")
    parts = [
        (half, cost, last - 2),
        (paying["received_minor"] - half, paying["collection_cost_minor"] - cost, last - 1),
    ]
    return pd.concat(
        pd.DataFrame(
            {
                "loan_token": paying["loan_token"],
                "month": month.to_timestamp() if dated else pd.NaT,
                "gross_minor": gross,
                "cost_minor": part,
            }
        )
        for gross, part, month in parts
    )


def facts_of(frame: pd.DataFrame, currency: str) -> PackageFacts:
    return PackageFacts(
        reference="PKG-2026-0042",
        version=1,
        title=TITLES[currency],
        seller="华东消费金融有限公司",
        currency=currency,
        cut_off_date=CUT_OFF,
        sealed_at=REPORTED_AT,
        loans=len(frame),
        borrowers=frame["borrower_token"].nunique(),
        principal_minor=int(frame["principal_minor"].sum()),
        interest_minor=int(frame["interest_minor"].sum()),
        fees_minor=int(frame["fees_minor"].sum()),
        claim_minor=int(frame["claim_minor"].sum()),
        content_sha256="3f" * 32,
        manifest_sha256="4a" * 32,
        merkle_root="5b" * 32,
        schema_version="npa-sealed-package/1",
        transfer_basis="Assignment clause of the loan contract, section 9",
        selection="All loans of the chosen tapes.",
        screen_results=SCREEN,
    )


SELLERS_RATE = 0.0731  # found nowhere in a report


@cache
def priced(loans: int, currency: str, sellers_rate: float = SELLERS_RATE) -> tuple[object, dict]:
    """A real valuation of the rows: pricing.Result and its terms."""
    inputs = door.inputs_of(
        calibration_name="",
        currency=currency,
        terms={"paths": 256, "horizon_months": 24, "seed": 7, "seller_rate": sellers_rate},
    )
    frame = sealed_frame(loans, currency)
    return price_rows(frame, inputs, currency).result, inputs.as_document()


def report_inputs(
    loans: int, currency: str = "CNY", *, dated: bool = True, sellers_rate: float = SELLERS_RATE
) -> ReportInputs:
    """Inputs of a report on `loans` rows."""
    frame = sealed_frame(loans, currency)
    result, terms = priced(loans, currency, sellers_rate)
    return ReportInputs(
        package=facts_of(frame, currency),
        frame=frame,
        receipts=receipts_for(frame, dated=dated),
        valuation=valuation_figures(
            result,
            terms=terms,
            content_sha256="3f" * 32,
            calibration_sha256="6c" * 32,
            sources=("A published source.",),
        ),
        reported_at=REPORTED_AT,
    )


def with_fitted(inputs: ReportInputs) -> ReportInputs:
    """The same with a calibration that was fitted."""
    fitted = replace(inputs.valuation, is_reference=False, calibration="east-2026")
    return replace(inputs, valuation=fitted)
