"""A frozen card on a table of loans: points, chance to pay, and why not more."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from pricing.canonical import FloatArray, IntArray
from pricing.errors import EmptyPool
from pricing.scorecard.card import NUMBER, Characteristic, Scorecard
from pricing.scorecard.columns import (
    column_of,
    level_places,
    levels_of,
    number_places,
    numbers_of,
)

REASONS = 3


@dataclass(frozen=True)
class Scored:
    """Per loan, (loans,): log_odds and chance unrounded, points whole. lost: (loans,
    characteristics) points below the best bin of each. reasons: (loans, 3) characteristics that
    lost most, the largest first, -1 = none."""

    log_odds: FloatArray
    chance: FloatArray
    points: IntArray
    lost: IntArray
    reasons: IntArray


def score_frame(card: Scorecard, frame: pd.DataFrame) -> Scored:
    """Score every row. Raises EmptyPool, MissingColumn, BadColumn (row counted from 1)."""
    if len(frame) == 0:
        raise EmptyPool("the table has no row")
    lines = card.characteristics
    log_odds = np.full(len(frame), card.intercept)
    points = np.zeros((len(frame), len(lines)), np.int64)
    lost = np.zeros_like(points)
    for number, line in enumerate(lines):
        place = _places(line, frame)
        log_odds += line.slope * np.array([one.evidence for one in line.bins])[place]
        scale = np.array([one.points for one in line.bins])
        points[:, number] = scale[place]
        lost[:, number] = scale.max() - scale[place]
    return Scored(
        log_odds=log_odds,
        chance=np.asarray(special.expit(log_odds), dtype=np.float64),
        points=points.sum(axis=1),
        lost=lost,
        reasons=_reasons(lost),
    )


def _places(line: Characteristic, frame: pd.DataFrame) -> IntArray:
    column = column_of(frame, line.name)
    if line.kind == NUMBER:
        return number_places(numbers_of(column, line.name), line.edges, line.specials)
    return level_places(levels_of(column), line.levels)


def _reasons(lost: IntArray) -> IntArray:
    order = np.argsort(-lost, axis=1, kind="stable")[:, :REASONS]
    reasons = np.where(np.take_along_axis(lost, order, axis=1) > 0, order, -1)
    missing = REASONS - reasons.shape[1]
    return np.pad(reasons, ((0, 0), (0, max(missing, 0))), constant_values=-1).astype(np.int64)


def scored_table(card: Scorecard, frame: pd.DataFrame) -> pd.DataFrame:
    """loan_id where the table has one, score, chance, and the reasons with the points they cost."""
    scored = score_frame(card, frame)
    names = np.array([line.name for line in card.characteristics] + [""])
    table = pd.DataFrame({"score": scored.points, "chance": scored.chance})
    if "loan_id" in frame.columns:
        table.insert(0, "loan_id", column_of(frame, "loan_id").to_numpy())
    for rank in range(REASONS):
        reason = scored.reasons[:, rank]
        cost = np.take_along_axis(scored.lost, np.maximum(reason, 0)[:, None], axis=1)[:, 0]
        table[f"reason_{rank + 1}"] = names[reason]
        table[f"points_lost_{rank + 1}"] = np.where(reason >= 0, cost, 0)
    return table
