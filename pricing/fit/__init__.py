"""Fitting: from grouped counts of a payment history to a frozen calibration."""

from pricing.fit.calibrate import calibrate

__all__ = ["calibrate"]
