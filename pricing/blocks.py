"""One block of paths through both engines, and all blocks of a run on the cores at hand."""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

import numpy as np

from pricing.canonical import FloatArray
from pricing.chain import cash_paths
from pricing.factors import FactorBlock, count_stream, factor_block, normals
from pricing.moments import Flow, expected_flow, open_months, pool_cumulants, unit_moments
from pricing.plan import Plan

Progress = Callable[[int, int], None]
MOST_THREADS = 4


@dataclass(frozen=True)
class Part:
    """Result of one block: a pure function of (plan, block), so parts can be made anywhere.

    cumulants: (BLOCK, 3) of the value at the buyer's rate, net of all cost. net, gross:
    (BLOCK, T) simulated cash, major units. flow: expected cash per unit balance and segment.
    """

    block: int
    cumulants: FloatArray
    net: FloatArray
    gross: FloatArray
    flow: Flow


def simulate_block(plan: Plan, block: int) -> Part:
    """Both engines on one block; the factors are shared, so A and B see the same futures."""
    factors = factor_block(plan.factors, normals(plan.factors, plan.terms.seed, block))
    cumulants = value_cumulants(plan, factors)
    rng = count_stream(plan.terms.seed, block)
    net, gross = cash_paths(plan.chain, plan.cells, plan.costs, factors, rng=rng)
    return Part(block, cumulants, net, gross, expected_flow(plan.chain, factors))


def value_cumulants(plan: Plan, factors: FactorBlock) -> FloatArray:
    """Engine A: cumulants of the value at the buyer's rate, net of all cost, (paths, 3)."""
    rate = plan.terms.buyer_irr
    moments = unit_moments(plan.chain, factors, plan.net_share, rate)
    cumulants = pool_cumulants(moments, plan.portfolio.power)
    cumulants[:, 0] -= plan.costs.case.sum() * (1 + rate) ** (-1 / 12)
    if plan.costs.work.any():
        months = open_months(plan.chain, factors, rate)
        cumulants[:, 0] -= months @ (plan.costs.work * plan.portfolio.power[:, 0])
    return cumulants


def thread_count(blocks: int) -> int:
    """Threads worth starting for so many blocks on this machine."""
    return max(1, min(MOST_THREADS, os.cpu_count() or 1, blocks))


def simulate(plan: Plan, blocks: Iterable[int], progress: Progress | None = None) -> list[Part]:
    """Parts in block order. Threads help because numpy draws without holding the interpreter."""
    wanted = list(blocks)
    parts: list[Part] = []
    with ThreadPoolExecutor(thread_count(len(wanted))) as pool:
        for done in as_completed([pool.submit(simulate_block, plan, block) for block in wanted]):
            parts.append(done.result())
            if progress is not None:
                progress(len(parts), len(wanted))
    return sorted(parts, key=lambda part: part.block)


def mean_flow(flows: Sequence[Flow]) -> Flow:
    """Mean of the blocks' flows, added in block order so that shards agree to the bit."""
    cash = np.zeros_like(flows[0].cash)
    live = np.zeros_like(cash)
    for flow in flows:
        cash += flow.cash
        live += flow.live
    return Flow(cash / len(flows), live / len(flows))
