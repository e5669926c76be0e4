"""A valuation's tables as Parquet: money as whole minor units, the same figures as on the page."""

import io
from typing import TYPE_CHECKING, Any

from npa_market.common.exports import neutralised
from npa_market.valuation import door
from npa_market.valuation.figures import bridge_chart, segment_lines, tornado_chart
from npa_market.valuation.models import Valuation
from npa_market.valuation.queries import allocation_of, priced_of

if TYPE_CHECKING:
    from pricing import Result

TABLES = ("months", "quantiles", "sensitivities", "bridge", "segments", "loans")
Columns = dict[str, list[Any]]


def table_bytes(valuation: Valuation, table: str) -> bytes:
    """One of TABLES of a finished run, its provenance in the file's metadata. Raises Refused."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    result = priced_of(valuation).result
    if table == "loans":
        columns = _loans(valuation)
    else:
        columns = {
            "months": _months,
            "quantiles": _quantiles,
            "sensitivities": _sensitivities,
            "bridge": _bridge,
            "segments": _segments,
        }[table](result)
    buffer = io.BytesIO()
    made = pa.table(columns).replace_schema_metadata(_provenance(valuation, result))
    pq.write_table(made, buffer, compression="zstd")
    return buffer.getvalue()


def _provenance(valuation: Valuation, result: "Result") -> dict[str, str]:
    return {
        "package": valuation.package.reference,
        "package_sha256": valuation.package.content_sha256,
        "calibration": result.calibration,
        "calibration_sha256": valuation.calibration_sha256,
        "fit_sha256": valuation.fit_sha256,
        "cut_off_date": valuation.package.cut_off_date.isoformat(),
        "level_of_payments": f"{valuation.level:g}",
        "inputs_sha256": valuation.inputs_sha256,
        "result_sha256": str(valuation.result_file_id),
        "currency": valuation.currency,
        "basis": valuation.basis,
        "engine_version": valuation.engine_version,
    }


def _minor(values: Any, currency: str) -> list[int]:
    return [door.to_minor(value, currency) for value in values]


def _months(result: "Result") -> Columns:
    currency = result.currency
    columns: Columns = {
        "month": list(range(1, len(result.monthly_cash) + 1)),
        "gross_minor": list(door.parts_minor(result.gross_mean, currency)),
        "net_minor": list(door.parts_minor(result.monthly_cash, currency)),
    }
    for row, level in enumerate(result.quantiles):
        name = f"q{round(level * 100):02d}_minor"
        columns[f"net_{name}"] = _minor(result.cash_quantiles[row], currency)
        columns[f"cumulative_{name}"] = _minor(result.cumulative_quantiles[row], currency)
    return columns


def _quantiles(result: "Result") -> Columns:
    rates = result.irr_quantiles or {}
    return {
        "level": list(result.quantiles),
        "value_minor": _minor(result.quantiles.values(), result.currency),
        "irr": [rates.get(level) for level in result.quantiles],
    }


def _sensitivities(result: "Result") -> Columns:
    swings = tornado_chart(result).swings
    return {
        "assumption": [swing.label for swing in swings],
        "low_setting": [neutralised(swing.low_label) for swing in swings],
        "low_minor": [int(swing.low) for swing in swings],
        "high_setting": [neutralised(swing.high_label) for swing in swings],
        "high_minor": [int(swing.high) for swing in swings],
    }


def _bridge(result: "Result") -> Columns:
    steps = bridge_chart(result).steps
    return {
        "step": [step.label for step in steps],
        "amount_minor": [int(step.amount) for step in steps],
    }


def _segments(result: "Result") -> Columns:
    rows = segment_lines(result)
    return {
        "segment": [neutralised(row.name) for row in rows],
        "loans": [row.loans for row in rows],
        "claim_minor": [row.balance_minor for row in rows],
        "net_minor": [row.cash_minor for row in rows],
        "value_minor": [row.value_minor for row in rows],
    }


def _loans(valuation: Valuation) -> Columns:
    """Tokens and values: unrounded model amounts, and minor units that add up to the price."""
    values = allocation_of(valuation)
    return {
        "loan_token": list(values),
        "value": list(values.values()),
        "value_minor": list(door.allocation_minor(values.values(), valuation.price_minor or 0)),
    }
