"""Scorecards: monotone weight-of-evidence bins, a ridge logistic, whole points, reason codes."""

from pricing.scorecard.card import Bin, Characteristic, Scorecard
from pricing.scorecard.fit import Design, fit_scorecard
from pricing.scorecard.score import Scored, score_frame

__all__ = [
    "Bin",
    "Characteristic",
    "Design",
    "Scorecard",
    "Scored",
    "fit_scorecard",
    "score_frame",
]
