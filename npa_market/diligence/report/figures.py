"""Publishable figures out of a valuation's result, rounded once to minor units.

The seller's reserve and the seller's own rate are never read here, so no page can show them.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import rfc8785

from npa_market.diligence.report.inputs import (
    ChannelLine,
    Quarter,
    SegmentLine,
    SensitivityLine,
    ValuationFigures,
)
from npa_market.valuation.door import parts_minor, to_minor

MONTHS_PER_QUARTER = 3
SELLERS_OWN = "seller_rate"


def quarters_of(gross: Sequence[float], net: Sequence[float], currency: str) -> tuple[Quarter, ...]:
    """Quarters (the last may be short) whose net is gross - cost to the minor unit."""
    starts = range(0, len(net), MONTHS_PER_QUARTER)

    def sums(cash: Sequence[float]) -> tuple[int, ...]:
        parts = (float(np.sum(cash[start : start + MONTHS_PER_QUARTER])) for start in starts)
        return parts_minor(parts, currency)

    return tuple(
        Quarter(number, gross_minor, gross_minor - net_minor, net_minor)
        for number, (gross_minor, net_minor) in enumerate(
            zip(sums(gross), sums(net), strict=True), start=1
        )
    )


def public_inputs(
    *, content_sha256: str, calibration_sha256: str, terms: Mapping[str, Any], engine_version: str
) -> str:
    """The valuation's inputs as a reader of the report may know them, as RFC 8785 JSON."""
    document: dict[str, Any] = {
        "calibration_sha256": calibration_sha256,
        "content_sha256": content_sha256,
        "engine_version": engine_version,
        "terms": {key: value for key, value in terms.items() if key != SELLERS_OWN},
    }
    return rfc8785.dumps(document).decode()


def channel_lines(channels: Iterable[Mapping[str, Any]], currency: str) -> tuple[ChannelLine, ...]:
    """Cost terms of channels from their JSON objects."""
    return tuple(
        ChannelLine(
            name=str(channel["name"]),
            fee_share=float(channel["fee_share"]),
            work_cost_minor=to_minor(channel.get("work_cost", 0), currency),
            case_cost_minor=to_minor(channel.get("case_cost", 0), currency),
            delay_months=int(channel.get("delay_months", 0)),
            uplift=float(channel.get("uplift", 0)),
        )
        for channel in channels
    )


def _segments(rows: Sequence[Any], currency: str) -> tuple[SegmentLine, ...]:
    """Lines whose money adds up to the minor units of the whole."""
    columns = [
        parts_minor((getattr(row, name) for row in rows), currency)
        for name in ("balance", "expected_cash", "value")
    ]
    return tuple(
        SegmentLine(
            row.name.replace("default,", "Default curve,").replace("_", " "), row.loans, *amounts
        )
        for row, *amounts in zip(rows, *columns, strict=True)
    )


def valuation_figures(
    result: Any,
    *,
    terms: Mapping[str, Any],
    content_sha256: str,
    calibration_sha256: str,
    channels: Iterable[Mapping[str, Any]] = (),
    sources: Iterable[str] = (),
    assumed: Iterable[tuple[str, int, str]] = (),
) -> ValuationFigures:
    """Figures of a `pricing.Result` for the report; money becomes minor units here."""
    currency, source = result.currency, result.provenance

    def minor(amount: float) -> int:
        return to_minor(amount, currency)

    levels = sorted(result.quantiles)
    inputs_json = public_inputs(
        content_sha256=content_sha256,
        calibration_sha256=calibration_sha256,
        terms=terms,
        engine_version=source.engine_version,
    )
    return ValuationFigures(
        calibration=result.calibration,
        is_reference=not result.is_fitted,
        level=float(terms.get("level", 1.0)),
        calibration_sha256=calibration_sha256,
        engine_version=source.engine_version,
        inputs_sha256=hashlib.sha256(inputs_json.encode()).hexdigest(),
        inputs_json=inputs_json,
        basis=result.basis,
        face_minor=minor(result.face),
        horizon_months=len(result.monthly_cash),
        buyer_irr=float(terms["buyer_irr"]),
        paths=source.paths,
        seed=source.seed,
        price_minor=minor(result.price),
        mean_minor=minor(result.mean),
        sd_minor=minor(result.sd),
        std_error_minor=minor(result.std_error),
        quantiles=tuple((level, minor(result.quantiles[level])) for level in levels),
        irr=result.irr,
        irr_quantiles=tuple(sorted((result.irr_quantiles or {}).items())),
        multiple=result.multiple,
        payback_months=result.payback_months,
        loss_probability=result.loss_probability,
        expected_shortfall_minor=minor(result.expected_shortfall),
        quarters=quarters_of(result.gross_mean, result.monthly_cash, currency),
        cumulative_mean=tuple(map(minor, result.cumulative_mean)),
        cumulative=tuple(
            (level, tuple(map(minor, row)))
            for level, row in zip(levels, result.cumulative_quantiles, strict=True)
        ),
        histogram_edges=tuple(map(minor, result.npv_histogram.edges)),
        histogram_counts=tuple(result.npv_histogram.counts),
        sensitivities=tuple(
            SensitivityLine(
                row.name, row.low_setting, row.high_setting, minor(row.low), minor(row.high)
            )
            for row in result.sensitivities
        ),
        bridge=tuple((name, minor(amount)) for name, amount in result.bridge),
        segments=_segments(result.segments, currency),
        excluded=tuple((row.status, row.loans, minor(row.balance)) for row in result.excluded),
        notes=tuple(result.notes),
        channels=channel_lines(channels, currency),
        sources=tuple(sources),
        assumed=tuple(assumed),
    )
