"""Sensitivities and the bridge, all on the same random factors."""

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
LOWEST_RATE = -0.99


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
        self.own = [factor_block(plan.factors, z) for z in self.normals]

    def flow(self, variant: Variant = AS_IT_STANDS, risk: FactorRisk | None = None) -> Flow:
        """Expected flow under a "what if" on the odds or on the risk."""
        chain = self.plan.chain_for(variant)
        factors = self.own
        if risk is not None:
            model = replace(self.plan.factors, risk=risk)
            factors = [factor_block(model, z) for z in self.normals]
        return mean_flow([expected_flow(chain, block) for block in factors])


def sensitivities(plan: Plan, flow: Flow, price: float) -> tuple[Sensitivity, ...]:
    """Price under one changed input each: rate, fee, level, age, channel uplifts, pool risk."""
    common, rate = _CommonFactors(plan), plan.terms.buyer_irr
    base = present_value(net_cash(plan, common.flow()), rate)

    def moved(variant: Variant = AS_IT_STANDS, risk: FactorRisk | None = None) -> float:
        changed = net_cash(plan, common.flow(variant, risk))
        return price + present_value(changed, rate) - base

    older = f"+{AGE_STEP} months"
    risk = plan.factors.risk
    calm = replace(risk, pool=max(risk.pool - RISK_STEP, 0.0))
    wild = replace(risk, pool=risk.pool + RISK_STEP)
    less, more = Variant(level=1 - LEVEL_STEP), Variant(level=1 + LEVEL_STEP)
    return (
        *_of_terms(plan, flow),
        Sensitivity("level", moved(less), moved(more), "-10 %", "+10 %"),
        Sensitivity("age", price, moved(Variant(older_months=AGE_STEP)), "as it stands", older),
        *(
            Sensitivity(
                f"uplift {channel.name}",
                moved(_uplifted(plan, code, -UPLIFT_STEP)),
                moved(_uplifted(plan, code, UPLIFT_STEP)),
                f"{-UPLIFT_STEP:+.2f}",
                f"{UPLIFT_STEP:+.2f}",
            )
            for code, channel in enumerate(plan.portfolio.channels)
        ),
        Sensitivity(
            "pool_risk", moved(risk=calm), moved(risk=wild), f"{calm.pool:.2f}", f"{wild.pool:.2f}"
        ),
    )


def _of_terms(plan: Plan, flow: Flow) -> tuple[Sensitivity, Sensitivity]:
    """Rate and fee: the expected cash is known, no path is needed again."""
    rate, cash = plan.terms.buyer_irr, net_cash(plan, flow)
    low, high = max(rate - RATE_STEP, LOWEST_RATE), rate + RATE_STEP
    cheap, dear = (net_cash(plan, flow, step) for step in (-FEE_STEP, FEE_STEP))
    return (
        Sensitivity(
            "buyer_irr",
            present_value(cash, low),
            present_value(cash, high),
            f"{low:.1%}",
            f"{high:.1%}",
        ),
        Sensitivity(
            "fee_share",
            present_value(cheap, rate),
            present_value(dear, rate),
            "-5 points",
            "+5 points",
        ),
    )


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
