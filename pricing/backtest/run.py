"""The backtest: markets drawn from a known truth, forecast at rolling origins with what was known
then, and scored against what happened."""

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context

import numpy as np

from pricing.backtest.forecasts import (
    CURVE,
    FLAT,
    MACK,
    MODEL,
    ODP,
    PLAIN,
    TRUTH,
    Known,
    at_cut_off,
    chances_to_pay,
    curve_sample,
    engine_sample,
    flat_sample,
    mack_sample,
    model_plan,
    odp_sample,
    without_level,
)
from pricing.backtest.market import AS_DRAWN, TWISTS, Future, Target, target_of
from pricing.backtest.scores import crps, pinball, place_in
from pricing.calibration import Calibration, reference_calibration
from pricing.canonical import BoolArray, FloatArray
from pricing.fit import calibrate
from pricing.history.synthetic import (
    FIRST_YEAR,
    Deals,
    SyntheticHistory,
    as_truth,
    synthetic_history,
)

EVERY = 3  # months between deals
OWN_MONTHS = (0, 3, 6, 12)
UNDER_TWISTS = (MODEL, ODP)
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Setting:
    """What a run is made of. loans: per deal. horizon: months forecast. first: deals known at the
    first origin. origins: every `step` months. pool_sd, group_sd, macro_sd, amount_sd: the truth's
    systematic risk; its curves, tickets and effects are those of the Chinese reference."""

    replications: int = 100
    seed: int = 1
    loans: int = 1_000
    horizon: int = 24
    first: int = 16
    origins: int = 2
    step: int = 9
    pool_sd: float = 0.15
    group_sd: float = 0.10
    macro_sd: float = 0.08
    amount_sd: float = 0.05

    @property
    def truth(self) -> Calibration:
        """The law the markets are drawn from."""
        base = as_truth(reference_calibration("cn-consumer-reference"))
        risk = replace(
            base.factors, pool=self.pool_sd, group=self.group_sd, macro=self.macro_sd,
            amount=self.amount_sd,
        )  # fmt: skip
        return replace(
            base,
            factors=risk,
            products=tuple(replace(one, parameter_sd=0.0) for one in base.products),
        )

    @property
    def months(self) -> tuple[int, ...]:
        """Calendar months of the origins."""
        return tuple(self.first * EVERY + self.step * number for number in range(self.origins))

    @property
    def deals(self) -> Deals:
        """One deal a quarter until the last origin, played to the end of its horizon."""
        return Deals(
            deals=self.months[-1] // EVERY + 1,
            loans=self.loans,
            every_months=EVERY,
            months=self.horizon,
        )


@dataclass(frozen=True)
class Record:
    """One forecast scored. market: replication. own_months: 0 = new pool. crps, pinball: per unit
    of face. place: probability integral transform. mean, outcome: per unit of face."""

    market: int
    origin: int
    own_months: int
    case: str
    method: str
    crps: float
    pinball: float
    place: float
    mean: float
    outcome: float


@dataclass(frozen=True)
class Replication:
    """Records of one market, and the model's chance to pay and the outcome of each loan of its
    deals as drawn: (loans,) each, with own_months."""

    records: tuple[Record, ...]
    chance: FloatArray
    paid: FloatArray
    own_months: FloatArray


def run(setting: Setting, workers: int, progress: Progress) -> list[Replication]:
    """All replications in order; each is a pure function of (setting, its number)."""
    numbers = range(setting.replications)
    if workers == 1:
        return list(_counted(map(_Job(setting), numbers), setting.replications, progress))
    spawn = get_context("spawn")  # a fork would copy the library's threads half-way
    with ProcessPoolExecutor(workers, mp_context=spawn) as pool:
        done = pool.map(_Job(setting), numbers)
        return list(_counted(done, setting.replications, progress))


def _counted(done: Iterator[Replication], total: int, progress: Progress) -> Iterator[Replication]:
    for number, one in enumerate(done, start=1):
        progress(number, total)
        yield one


@dataclass(frozen=True)
class _Job:
    setting: Setting

    def __call__(self, number: int) -> Replication:
        return replicate(self.setting, number)


def replicate(setting: Setting, number: int) -> Replication:
    """Draw one market and forecast its deals at every origin."""
    market = synthetic_history(setting.truth, setting.deals, seed=_seed(setting, number))
    rng = np.random.default_rng((setting.seed, number, 1))
    records: list[Record] = []
    loans: list[tuple[FloatArray, BoolArray, int]] = []
    for origin in setting.months:
        history = market.history(origin)
        known = Known(history, calibrate(history, name="fitted at the origin"), setting.horizon)
        for own_months in OWN_MONTHS:
            deal = (origin - own_months) // EVERY
            target = target_of(market, deal, origin, setting.horizon)
            samples, chance = _forecasts(market, known, target, rng)
            records += _score(target, samples, number, rng)
            loans.append((chance, target.paid(target.future) > 0, own_months))
    return Replication(
        records=tuple(records),
        chance=np.concatenate([chance for chance, _, _ in loans]),
        paid=np.concatenate([paid for _, paid, _ in loans]).astype(np.float64),
        own_months=np.repeat(
            [own for _, _, own in loans], [len(chance) for chance, _, _ in loans]
        ).astype(np.float64),
    )


def _seed(setting: Setting, number: int) -> int:
    return int(np.random.SeedSequence((setting.seed, number)).generate_state(1)[0])


def _forecasts(
    market: SyntheticHistory, known: Known, target: Target, rng: np.random.Generator
) -> tuple[dict[str, FloatArray], FloatArray]:
    """A sample of the deal's cash by method, and the model's chance that a loan pays."""
    own = market.own_history(target.deal, target.origin) if target.own_months else None
    seed, months = target.origin, known.months
    cut_off = FIRST_YEAR * 12 + target.origin
    plan = model_plan(target, at_cut_off(known.calibration, own, cut_off), months, seed)
    law = at_cut_off(market.law_at(target.origin), own, cut_off)
    truth = model_plan(target, law, months, seed)
    plain = model_plan(target, without_level(known.calibration), months, seed)
    samples = {
        MODEL: engine_sample(plan, rng),
        ODP: odp_sample(known, target, rng),
        MACK: mack_sample(known, target, rng),
        CURVE: curve_sample(known, target, rng),
        FLAT: flat_sample(known, target, rng),
        PLAIN: engine_sample(plain, rng),
        TRUTH: engine_sample(truth, rng),
    }
    return samples, chances_to_pay(plan)


def _score(
    target: Target, samples: dict[str, FloatArray], number: int, rng: np.random.Generator
) -> Iterator[Record]:
    futures: dict[str, Future] = {AS_DRAWN: target.future}
    futures |= {case: twist(target, rng) for case, twist in TWISTS.items()}
    for case, future in futures.items():
        face = target.loans.face * target.sold_share(future)
        outcome = float(target.paid(future).sum()) / face
        for method, sample in samples.items():
            if case != AS_DRAWN and method not in UNDER_TWISTS:
                continue
            share = sample / target.loans.face
            yield Record(
                market=number,
                origin=target.origin,
                own_months=target.own_months,
                case=case,
                method=method,
                crps=crps(share, outcome),
                pinball=pinball(share, outcome),
                place=place_in(share, outcome),
                mean=float(share.mean()),
                outcome=outcome,
            )
