"""Valuation of pools of charged-off consumer loans: numpy and scipy, no framework.

One model (a three-state monthly chain per loan under common factors), two engines: conditional
cumulants for price and quantiles, a count chain for joint cash paths. See docs/pricing.md.
"""

from pricing.calibration import REFERENCES, Calibration, reference_calibration
from pricing.channels import ChannelCost, CourtFee
from pricing.engine import value
from pricing.errors import PricingError
from pricing.fit import calibrate, seasoned
from pricing.history import History, read_history
from pricing.loans import Loans, read_loans
from pricing.result import Result
from pricing.terms import Terms
from pricing.version import ENGINE_VERSION

__all__ = [
    "ENGINE_VERSION",
    "REFERENCES",
    "Calibration",
    "ChannelCost",
    "CourtFee",
    "History",
    "Loans",
    "PricingError",
    "Result",
    "Terms",
    "calibrate",
    "read_history",
    "read_loans",
    "reference_calibration",
    "seasoned",
    "value",
]
