"""What a report is made of. Nothing here can hold a reserve or a seller's own rate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pandas as pd

from npa_market.common.errors import Refused

REFERENCE_WORDS = "reference calibration, not fitted"


class ReportDoesNotAddUp(Refused):
    """A table's parts differ from the package's totals: no report is made."""

    def __init__(self, table: str, figure: str, found: int, expected: int) -> None:
        super().__init__(
            "report_does_not_add_up",
            f"{table}: {figure} adds up to {found:,}, the package has {expected:,}. "
            "No report was made.",
        )


@dataclass(frozen=True)
class PackageFacts:
    """The sealed package as its manifest states it; money in minor units of `currency`.

    histories: of `packages.attached`, by kind; None where the manifest is older than they are.
    """

    reference: str
    version: int
    title: str
    seller: str
    currency: str
    cut_off_date: date
    sealed_at: datetime
    loans: int
    borrowers: int
    principal_minor: int
    interest_minor: int
    fees_minor: int
    claim_minor: int
    content_sha256: str
    manifest_sha256: str
    merkle_root: str
    schema_version: str
    transfer_basis: str = ""
    selection: str = ""
    screen_results: Sequence[Mapping[str, Any]] = ()
    histories: Mapping[str, Mapping[str, Any]] | None = None

    @property
    def total_minor(self) -> int:
        """Principal + interest, the market's `total`."""
        return self.principal_minor + self.interest_minor

    @property
    def name(self) -> str:
        """Reference and version as printed on each page."""
        return f"{self.reference} v{self.version}"


@dataclass(frozen=True)
class EarlierVersion:
    """Totals of the version before this one (T5)."""

    name: str
    loans: int
    borrowers: int
    principal_minor: int
    interest_minor: int
    claim_minor: int


@dataclass(frozen=True)
class Quarter:
    """Expected cash of three months after the cut-off date, minor units; net = gross - cost."""

    number: int
    gross_minor: int
    cost_minor: int
    net_minor: int


@dataclass(frozen=True)
class ChannelLine:
    """Cost terms of one collection channel (T36); money in minor units."""

    name: str
    fee_share: float
    work_cost_minor: int
    case_cost_minor: int
    delay_months: int
    uplift: float


@dataclass(frozen=True)
class SensitivityLine:
    """Price with one input lowered and raised (T39), minor units."""

    name: str
    low_setting: str
    high_setting: str
    low_minor: int
    high_minor: int


@dataclass(frozen=True)
class SegmentLine:
    """Live loans of one product and age bucket with their value (minor units)."""

    name: str
    loans: int
    balance_minor: int
    expected_minor: int
    value_minor: int


@dataclass(frozen=True)
class ValuationFigures:
    """What a report may show of a valuation: the buyer's side alone.

    `inputs_json` and its hash leave out the seller's own rate: even a hash over the rate could be
    searched, and with T37 the rate is the reserve. quantiles: (level, minor units).
    cumulative: per level of the quantiles one value per month, minor units. histogram: bin edges
    in minor units and paths per bin. assumed: (field, loans, assumption) where the tape is silent.
    level: factor on the calibration's odds of a payment.
    """

    calibration: str
    is_reference: bool
    calibration_sha256: str
    engine_version: str
    inputs_sha256: str
    inputs_json: str
    basis: str
    face_minor: int
    horizon_months: int
    buyer_irr: float
    paths: int
    seed: int
    price_minor: int
    mean_minor: int
    sd_minor: int
    std_error_minor: int
    quantiles: tuple[tuple[float, int], ...]
    irr: float | None
    irr_quantiles: tuple[tuple[float, float], ...]
    multiple: float | None
    payback_months: int | None
    loss_probability: float
    expected_shortfall_minor: int
    quarters: tuple[Quarter, ...]
    cumulative_mean: tuple[int, ...]
    cumulative: tuple[tuple[float, tuple[int, ...]], ...]
    histogram_edges: tuple[float, ...]
    histogram_counts: tuple[int, ...]
    sensitivities: tuple[SensitivityLine, ...]
    bridge: tuple[tuple[str, int], ...]
    segments: tuple[SegmentLine, ...]
    excluded: tuple[tuple[str, int, int], ...]
    notes: tuple[str, ...]
    channels: tuple[ChannelLine, ...] = ()
    sources: tuple[str, ...] = ()
    assumed: tuple[tuple[str, int, str], ...] = ()
    level: float = 1.0


@dataclass(frozen=True)
class ReportInputs:
    """Everything of one report. `frame` is the sealed file; `reported_at` the database clock.

    `receipts`: rows of `packages.sealed.receipts_of`.
    `timetable`: (event, moment in words) of the lot where one is announced, else None.
    """

    package: PackageFacts
    frame: pd.DataFrame
    receipts: pd.DataFrame
    valuation: ValuationFigures
    reported_at: datetime
    timetable: tuple[tuple[str, str], ...] | None = None
    earlier: EarlierVersion | None = None
