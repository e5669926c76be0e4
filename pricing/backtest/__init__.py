"""Forecasts against outcomes: rolling origins on a known truth, baselines in the same run."""
