"""Fitting: from grouped counts of a payment history to a frozen calibration."""

from pricing.fit.calibrate import calibrate
from pricing.fit.seasoned import seasoned

__all__ = ["calibrate", "seasoned"]
