"""Systematic factors of a block of paths: a pure function of (seed, block)."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import special
from scipy.stats import qmc

from pricing.calendar import future_covariance
from pricing.calibration import FactorRisk
from pricing.canonical import FloatArray, IntArray, frozen
from pricing.terms import BLOCK

FACTOR_STREAM, COUNT_STREAM = 0, 1


@dataclass(frozen=True)
class FactorModel:
    """Which factor moves which segment.

    group, product: (segments,) index of the frailty group and of the product. parameter_sd:
    (products,) standard error of each product's log-odds.
    """

    risk: FactorRisk
    group: IntArray
    product: IntArray
    parameter_sd: FloatArray
    months: int

    @property
    def groups(self) -> int:
        """Number of frailty groups."""
        return int(self.group.max()) + 1

    @property
    def dimension(self) -> int:
        """Number of normal variates per path."""
        return 2 + self.groups + self.months + len(self.parameter_sd)


@dataclass(frozen=True)
class FactorBlock:
    """One block of factors: odds multipliers (paths, segments) and (paths, months), ticket
    multiplier (paths,); every one has mean 1 up to the joint log-normal of level and macro."""

    level: FloatArray
    macro: FloatArray
    ticket: FloatArray

    def rows(self, first: int, end: int) -> "FactorBlock":
        """Some of the paths."""
        part = slice(first, end)
        return FactorBlock(self.level[part], self.macro[part], self.ticket[part])


def normals(model: FactorModel, seed: int, block: int) -> FloatArray:
    """Scrambled Sobol points of one block as normal variates, (BLOCK, dimension)."""
    scramble = np.random.default_rng(np.random.SeedSequence((seed, FACTOR_STREAM)))
    sobol = qmc.Sobol(model.dimension, scramble=True, rng=scramble)
    if block:
        sobol.fast_forward(block * BLOCK)
    uniform = np.clip(sobol.random(BLOCK), 1e-12, 1 - 1e-12)
    return np.asarray(special.ndtri(uniform), dtype=np.float64)


def count_stream(seed: int, block: int) -> np.random.Generator:
    """The private generator of one block's counts and tickets."""
    sequence = np.random.SeedSequence((seed, COUNT_STREAM), spawn_key=(block,))
    return np.random.Generator(np.random.Philox(sequence))


def factor_block(model: FactorModel, z: FloatArray) -> FactorBlock:
    """Multipliers from normal variates z (paths, dimension); large directions come first."""
    risk, groups = model.risk, model.groups
    amount, pool = z[:, 1], z[:, :1]
    group = z[:, 2 : 2 + groups]
    macro = z[:, 2 + groups : 2 + groups + model.months]
    parameter = z[:, 2 + groups + model.months :] * model.parameter_sd
    shift = risk.pool * pool + risk.group * group[:, model.group] + parameter[:, model.product]
    variance = risk.pool**2 + risk.group**2 + model.parameter_sd[model.product] ** 2
    return FactorBlock(
        level=np.exp(shift - variance / 2),
        macro=np.exp(
            macro @ macro_root(risk, model.months)
            + _drift(risk, pool, model.months)
            - risk.macro**2 / 2
        ),
        ticket=np.exp(risk.amount * amount - risk.amount**2 / 2),
    )


def macro_root(risk: FactorRisk, months: int) -> FloatArray:
    """Principal directions of the AR(1) factor, (months, months): z @ root has its covariance,
    less what moves with the pool factor."""
    known = 0.0
    if risk.start is not None and risk.macro > 0:
        own_share = 1 - risk.start.pool_correlation**2
        known = 1 - own_share * (risk.start.sd / risk.macro) ** 2
    return risk.macro * _correlation_root(risk.phi, months, known)


def _drift(risk: FactorRisk, pool: FloatArray, months: int) -> FloatArray | float:
    """What the start adds to the state of months 1..T, (paths, T): its mean, and its error as far
    as it goes with the pool factor (paths, 1). Both fade."""
    if risk.start is None:
        return 0.0
    start = risk.start.mean + risk.start.sd * risk.start.pool_correlation * pool
    return np.asarray(start * risk.phi ** np.arange(1, months + 1), np.float64)


@lru_cache(maxsize=16)
def _correlation_root(phi: float, months: int, known: float) -> FloatArray:
    values, vectors = np.linalg.eigh(future_covariance(phi, months, known))
    root = (vectors * np.sqrt(np.maximum(values, 0)))[:, ::-1].T
    return frozen(root)
