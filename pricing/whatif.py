"""Sensitivities and the bridge, all on the same random factors."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from pricing.blocks import mean_flow
from pricing.calibration import FactorRisk
from pricing.canonical import FloatArray
from pricing.factors import factor_block, normals
from pricing.moments import Flow, expected_flow
from pricing.plan import Plan
from pricing.portfolio import AGE_STEP, AS_IT_STANDS, Variant
from pricing.returns import discount_factors

FEW_BLOCKS = 4  # differences on common factors need fewer paths than the price itself
RATE_STEP, FEE_STEP, LEVEL_STEP, UPLIFT_STEP, RISK_STEP = 0.01, 0.05, 0.10, 0.10, 0.05


@dataclass(frozen=True)
class Sensitivity:
    """Price with one input lowered and raised, major units, and the two settings in words."""

    name: str
    low: float
    high: float
    low_setting: str
    high_setting: str


def net_cash(plan: Plan, flow: Flow, fee_shift: float = 0.0) -> FloatArray:
    """Expected pool cash net of cost, (T,), major units."""
    power, costs = plan.portfolio.power, plan.costs
    fee = np.clip(costs.fee_share + fee_shift, 0, 1)
    cash = (power[:, 1] * (1 - fee)) @ flow.cash - (power[:, 0] * costs.work) @ flow.live
    cash[0] -= costs.case.sum()
    return np.asarray(cash, dtype=np.float64)


def gross_cash(plan: Plan, flow: Flow) -> FloatArray:
    """Expected receipts of the pool before cost, (T,), major units."""
    return np.asarray(plan.portfolio.power[:, 1] @ flow.cash, dtype=np.float64)


def present_value(cash: FloatArray, annual_rate: float) -> float:
    """Value at the cut-off date of cash (T,) paid at month ends."""
    return float(cash @ discount_factors(annual_rate, len(cash)))


class _CommonFactors:
    """Flows under changed inputs on the first blocks of the run's own factors."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        blocks = range(min(FEW_BLOCKS, plan.terms.blocks))
        self.normals = [normals(plan.factors, plan.terms.seed, block) for block in blocks]

    def flow(self, variant: Variant = AS_IT_STANDS, risk: FactorRisk | None = None) -> Flow:
        chain = self.plan.chain_for(variant)
        model = replace(self.plan.factors, risk=risk or self.plan.factors.risk)
        flows = [expected_flow(chain, factor_block(model, z)) for z in self.normals]
        return mean_flow(flows)


def sensitivities(plan: Plan, flow: Flow, price: float) -> tuple[Sensitivity, ...]:
    """Price under one changed input each: rate, fee, level, age, channel uplifts, pool risk."""
    common, rate = _CommonFactors(plan), plan.terms.buyer_irr
    base = present_value(net_cash(plan, common.flow()), rate)

    def moved(changed: Flow) -> float:
        return price + present_value(net_cash(plan, changed), rate) - base

    risk = plan.factors.risk
    cash = net_cash(plan, flow)
    lowest_rate = max(rate - RATE_STEP, -0.99)
    rows = [
        Sensitivity(
            "buyer_irr",
            present_value(cash, lowest_rate),
            present_value(cash, rate + RATE_STEP),
            f"{lowest_rate:.1%}",
            f"{rate + RATE_STEP:.1%}",
        ),
        Sensitivity(
            "fee_share",
            present_value(net_cash(plan, flow, -FEE_STEP), rate),
            present_value(net_cash(plan, flow, FEE_STEP), rate),
            "-5 points",
            "+5 points",
        ),
        _pair("level", moved, common, (Variant(level=0.9), Variant(level=1.1)), ("-10 %", "+10 %")),
        Sensitivity(
            "age",
            price,
            moved(common.flow(Variant(older_months=AGE_STEP))),
            "as it stands",
            f"+{AGE_STEP} months",
        ),
    ]
    for code, channel in enumerate(plan.portfolio.channels):
        variants = _uplifted(plan, code, -UPLIFT_STEP), _uplifted(plan, code, UPLIFT_STEP)
        settings = f"{channel.uplift - UPLIFT_STEP:+.2f}", f"{channel.uplift + UPLIFT_STEP:+.2f}"
        rows.append(_pair(f"uplift {channel.name}", moved, common, variants, settings))
    low, high = max(risk.pool - RISK_STEP, 0.0), risk.pool + RISK_STEP
    rows.append(
        Sensitivity(
            "pool_risk",
            moved(common.flow(risk=replace(risk, pool=low))),
            moved(common.flow(risk=replace(risk, pool=high))),
            f"{low:.2f}",
            f"{high:.2f}",
        )
    )
    return tuple(rows)


def _pair(
    name: str,
    moved: Callable[[Flow], float],
    common: _CommonFactors,
    variants: tuple[Variant, Variant],
    settings: tuple[str, str],
) -> Sensitivity:
    low, high = (moved(common.flow(variant)) for variant in variants)
    return Sensitivity(name, low, high, *settings)


def _uplifted(plan: Plan, code: int, step: float) -> Variant:
    uplift = [channel.uplift for channel in plan.portfolio.channels]
    uplift[code] += step
    return Variant(uplift=tuple(uplift))


def bridge(plan: Plan, flow: Flow, price: float) -> tuple[tuple[str, float], ...]:
    """Steps from the base curve to the price; the amounts add up to the price.

    base curve: undiscounted receipts were every loan fresh and average. age, score, balance: what
    each adds. costs: fees, work and cases. discount: the buyer's rate.
    """
    common = _CommonFactors(plan)
    receipts = float(gross_cash(plan, flow).sum())
    sampled = float(gross_cash(plan, common.flow()).sum())
    scale = receipts / sampled if sampled > 0 else 1.0
    base, aged, scored = (
        scale * float(gross_cash(plan, common.flow(variant)).sum())
        for variant in (
            Variant(fresh=True, plain=True, even=True),
            Variant(plain=True, even=True),
            Variant(even=True),
        )
    )
    net = float(net_cash(plan, flow).sum())
    return (
        ("base curve", base),
        ("age", aged - base),
        ("score", scored - aged),
        ("balance", receipts - scored),
        ("costs", net - receipts),
        ("discount", price - net),
    )
