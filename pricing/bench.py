"""Speed of both engines beside the brute force, measured in one run."""

import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from pricing.blocks import thread_count
from pricing.calibration import reference_calibration
from pricing.canonical import FloatArray, IntArray
from pricing.chain import Cells, Costs, cash_paths
from pricing.factors import FactorBlock, FactorModel, count_stream, factor_block, normals
from pricing.mixture import mixture_quantile
from pricing.moments import Chain, Claim, pool_cumulants, unit_moments
from pricing.nodes import integer_nodes
from pricing.plan import plan_of
from pricing.reference import brute_force, loan_months
from pricing.returns import discount_factors
from pricing.synthetic import balances, synthetic_loans
from pricing.terms import BLOCK, Terms

SEED, RATE, FEE = 1, 0.20, 0.25
BRUTE_LOANS, BRUTE_PATHS = 50_000, 3
NODES = 2
QUANTILES = (0.05, 0.5, 0.95)
SCALING_POOLS = (10_000, 100_000, 1_000_000)
REPEATS = 3
GROWTH_LIMIT = 1.3


@dataclass(frozen=True)
class Size:
    """What to measure; paths in whole blocks of 256."""

    loans: int
    paths: int
    months: int
    segments: int


@dataclass(frozen=True)
class _Bench:
    chain: Chain
    model: FactorModel
    segment: IntArray
    balance: FloatArray

    def factors(self, block: int) -> FactorBlock:
        return factor_block(self.model, normals(self.model, SEED, block))


def bench(size: Size) -> dict[str, float | int]:
    """Seconds, memory and figures as one flat JSON object. Engine A first, then its peak memory."""
    case = _case(size)
    blocks = range(size.paths // BLOCK)
    start = time.perf_counter()
    cumulants = _engine_a(case, blocks, size.segments)
    quantiles = [mixture_quantile(level, cumulants) for level in QUANTILES]
    seconds_a, peak_a = time.perf_counter() - start, peak_mb()
    start = time.perf_counter()
    values = _engine_b(case, blocks)
    seconds_b, peak_b = time.perf_counter() - start, peak_mb()
    rate = _brute_rate(min(size.loans, BRUTE_LOANS), size.months)
    work = size.loans * size.months * len(blocks) * BLOCK
    means = cumulants[:, 0].reshape(len(blocks), BLOCK).mean(axis=1)
    price = float(means.mean())
    error = means.std(ddof=1) / np.sqrt(len(means)) if len(means) > 1 else np.nan
    return {
        "loans": size.loans,
        "paths": len(blocks) * BLOCK,
        "months": size.months,
        "segments": size.segments,
        "threads": thread_count(len(blocks)),
        "seconds_a": round(seconds_a, 3),
        "seconds_b": round(seconds_b, 3),
        "peak_rss_mb_a": round(peak_a, 1),
        "peak_rss_mb": round(peak_b, 1),
        "brute_loan_months_per_second": round(rate),
        "speedup_a": round(work / seconds_a / rate, 1),
        "speedup_b": round(work / seconds_b / rate, 1),
        "price": price,
        "price_b": float(values.mean()),
        "q05": quantiles[0],
        "q50": quantiles[1],
        "q95": quantiles[2],
        "se_price_percent": float(100 * error / price) if len(means) > 1 else -1.0,
    }


def scaling(size: Size, pools: tuple[int, ...] = SCALING_POOLS) -> dict[str, Any]:
    """Engine A's seconds by pool size at fixed segments, least of REPEATS, and the largest pool's
    over the smallest's. Beyond reading the file: from balances and segments in memory to
    quantiles; power sums, which read each loan once, are in `seconds` and shown apart."""
    rows = [_scaled(Size(loans, size.paths, size.months, size.segments)) for loans in pools]
    return {
        "paths": size.paths // BLOCK * BLOCK,
        "months": size.months,
        "segments": size.segments,
        "threads": thread_count(size.paths // BLOCK),
        "pools": rows,
        "growth": round(rows[-1]["seconds"] / rows[0]["seconds"], 3),
        "limit": GROWTH_LIMIT,
    }


def _scaled(size: Size) -> dict[str, float | int]:
    case, blocks = _case(size), range(size.paths // BLOCK)
    seconds, sums = [], []
    for _ in range(REPEATS):
        start = time.perf_counter()
        power = _power(case, size.segments)
        sums.append(time.perf_counter() - start)
        cumulants = _cumulants(case, blocks, power)
        for level in QUANTILES:
            mixture_quantile(level, cumulants)
        seconds.append(time.perf_counter() - start)
    return {
        "loans": size.loans,
        "seconds": round(min(seconds), 6),
        "seconds_power_sums": round(min(sums), 6),
    }


def _case(size: Size) -> _Bench:
    """Segments of the Chinese reference's shape at spread levels, loans dealt out evenly."""
    rng = np.random.default_rng(SEED)
    calibration = reference_calibration("cn-consumer-reference")
    product = calibration.products[0]
    S, T = size.segments, size.months
    fade = np.exp(-0.012 * np.arange(T))
    level = np.exp(rng.normal(-4.7, 0.4, S))
    chain = Chain(
        odds=level[:, None] * fade,
        keep=np.full(S, product.keep),
        settle=np.full(S, product.settle),
        payers=np.zeros(S),
        instalment=np.tile((product.instalment_mean, product.instalment_shape), (S, T, 1)),
        lump=np.tile((product.lump_mean, product.lump_shape), (S, T, 1)),
        claim=Claim.loose(S),
        higher=np.ones((2, S)),
    )
    model = FactorModel(
        risk=calibration.factors,
        group=np.arange(S) % 20,
        product=np.arange(S) % 4,
        parameter_sd=np.full(4, 0.1),
        months=T,
    )
    segment = np.arange(size.loans) * S // size.loans
    return _Bench(chain, model, segment, balances(size.loans, rng, 20_000.0))


def _engine_a(case: _Bench, blocks: range, segments: int) -> FloatArray:
    return _cumulants(case, blocks, _power(case, segments))


def _power(case: _Bench, segments: int) -> FloatArray:
    """Sums of balance**r by segment, (segments, 4): the only pass over the loans."""
    balance, segment = case.balance, case.segment
    sums, term = [np.bincount(segment, minlength=segments)], np.ones_like(balance)
    for _ in range(3):
        term = term * balance
        sums.append(np.bincount(segment, term, segments))
    return np.stack(sums, axis=1).astype(np.float64)


def _cumulants(case: _Bench, blocks: range, power: FloatArray) -> FloatArray:
    net_share = np.full(len(power), 1 - FEE)

    def one(block: int) -> FloatArray:
        moments = unit_moments(case.chain, case.factors(block), net_share, RATE)
        return pool_cumulants(moments, power)

    with ThreadPoolExecutor(thread_count(len(blocks))) as pool:
        return np.concatenate(list(pool.map(one, blocks)))


def _engine_b(case: _Bench, blocks: range) -> FloatArray:
    starts = np.flatnonzero(np.diff(case.segment)) + 1
    nodes = [integer_nodes(part, NODES) for part in np.split(case.balance, starts)]
    cells = Cells(
        segment=np.repeat(np.arange(len(nodes)), [len(node) for node, _ in nodes]),
        balance=np.concatenate([node for node, _ in nodes]),
        count=np.concatenate([count for _, count in nodes]),
        accounts=np.ones(len(nodes)),
    )
    nothing = np.zeros(len(nodes))
    costs = Costs(fee_share=np.full(len(nodes), FEE), work=nothing, case=nothing)
    discount = discount_factors(RATE, case.chain.odds.shape[1])

    def one(block: int) -> FloatArray:
        rng = count_stream(SEED, block)
        net, _ = cash_paths(case.chain, cells, costs, case.factors(block), rng=rng)
        return np.asarray(net @ discount, dtype=np.float64)

    with ThreadPoolExecutor(thread_count(len(blocks))) as pool:
        return np.concatenate(list(pool.map(one, blocks)))


def _brute_rate(count: int, months: int) -> float:
    """Loan-months per second of vectorised loan-level simulation, one thread."""
    terms = Terms(paths=BLOCK, horizon_months=months)
    loans = synthetic_loans(count, np.random.default_rng(SEED))
    plan = plan_of(loans, reference_calibration("cn-consumer-reference"), terms)
    block = factor_block(plan.factors, normals(plan.factors, SEED, 0))
    few = FactorBlock(
        block.level[:BRUTE_PATHS], block.macro[:BRUTE_PATHS], block.ticket[:BRUTE_PATHS]
    )
    start = time.perf_counter()
    brute_force(plan, few, np.random.default_rng(SEED))
    return loan_months(plan, BRUTE_PATHS) / (time.perf_counter() - start)


def peak_mb() -> float:
    """Peak resident memory of this process; Linux counts KiB, macOS bytes."""
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
