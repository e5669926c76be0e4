"""A pool's own payments: credibility of what it has paid against what was expected of it."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import expit

from pricing.calibration import DEFAULT_PRODUCT, Calibration, ProductCurve
from pricing.canonical import FloatArray
from pricing.errors import MixedBasis, MixedCurrency
from pricing.fit.levels import log_sd, ratio_variance
from pricing.fit.tickets import Ticket, fit_ticket
from pricing.history.counts import INSTALMENT, History, has_calendar, merged_products
from pricing.scoring import base_log_odds

CLIP = 5.0


@dataclass(frozen=True)
class Level:
    """Posterior of a multiplier of mean 1: mean, variance relative to mean squared."""

    mean: float
    variance: float


def gamma_poisson(observed: float, expected: float, variance: float) -> Level:
    """A multiplier with prior Gamma(1/variance, 1/variance) after `observed` events where
    `expected` were expected: mean (1/v + O) / (1/v + X), squared coefficient of variation
    1 / (1/v + O) (Buehlmann & Gisler 2005, ch. 2.4)."""
    seen = 1 + variance * observed
    return Level(seen / (1 + variance * expected), variance / seen)


def seasoned(calibration: Calibration, own: History) -> Calibration:
    """The calibration as it stands for one pool after its own payments `own`.

    What the pool's loans shared first, its level and the calendar of its past, then each product's
    departure from it, both by Gamma-Poisson credibility on first payments; the ticket factor by
    its own credibility. The part of the shared that was calendar will not come back. What is
    learned moves the curves and tickets; what is left unknown replaces the pool factor, the ticket
    factor and the products' parameter error. The group factor is learned with the products and
    set to 0.

    Raises MixedCurrency, MixedBasis.
    """
    if own.currency != calibration.currency:
        raise MixedCurrency(own.currency, calibration.currency)
    if own.basis not in calibration.scales:
        raise MixedBasis(own.basis, sorted(calibration.scales))
    own = merged_products(own, calibration.aliases)
    found = _learned(calibration, own)
    products = tuple(_moved(calibration, one, found) for one in _with_all(calibration, own))
    return replace(
        calibration,
        name=f"{calibration.name} with own payments",
        products=products,
        factors=replace(
            calibration.factors,
            pool=log_sd(found.common_variance),
            group=0.0,
            amount=log_sd(found.ticket.variance),
        ),
        sources=(
            *calibration.sources,
            f"Level from the pool's own payments: {own.starts:,} first payments where "
            f"{found.expected:,.1f} were expected.",
        ),
        diagnostics={**calibration.diagnostics, "seasoned": found.as_document(own)},
    )


@dataclass(frozen=True)
class _Departure:
    """Posterior of a product's departure from its pool, given what the pool shared; held: share
    of an error in the shared that the product's own payments take back."""

    level: Level
    held: float


@dataclass(frozen=True)
class _Learned:
    """Posteriors of what the pool shared, of each product's departure from it, of the ticket
    factor. stays: share of the shared's prior variance that is level and not calendar. past:
    variance of the calendar. weight: of each product in the pool. expected: first payments."""

    shared: Level
    stays: float
    past: float
    products: dict[str, _Departure]
    weight: dict[str, float]
    ticket: Level
    expected: float

    @property
    def level(self) -> float:
        """Posterior mean of the pool's level."""
        return float(self.shared.mean**self.stays)

    @property
    def loading(self) -> float:
        """How much of an error in the shared is left in the pool's total: where the level was
        taken too high, the departures were taken too low."""
        held = sum(self.weight[name] * one.held for name, one in self.products.items())
        return self.stays - held

    @property
    def common_variance(self) -> float:
        """What is left unknown in all products alike: error of the shared, and how it divides
        into level and calendar."""
        return self.loading**2 * self.shared.variance + self.stays * self.past

    def own_variance(self, departure: _Departure) -> float:
        """What is left unknown of one product beyond that, its own loading included."""
        loading = self.stays - departure.held
        more = (loading**2 - self.loading**2) * self.shared.variance
        return max(departure.level.variance + more, 0.0)

    def as_document(self, own: History) -> dict[str, Any]:
        """For the diagnostics."""
        return {
            "starts": own.starts,
            "expected_starts": round(self.expected, 1),
            "months": own.ages,
            "level": round(self.level, 6),
            "product_levels": {
                name: round(one.level.mean, 6) for name, one in self.products.items()
            },
            "ticket_factor": round(self.ticket.mean, 6),
            "content_hash": own.content_hash,
        }


def _learned(calibration: Calibration, own: History) -> _Learned:
    known = {one.name: one for one in calibration.products}
    plain = known[DEFAULT_PRODUCT]
    expected = _expected(calibration, own)
    observed = np.bincount(own.product, own.new.sum(axis=1), len(own.products))
    total = np.bincount(own.product, expected.sum(axis=1), len(own.products))
    variance = np.array(
        [_own_variance(calibration, known.get(name, plain)) for name in own.products]
    )
    past = _calendar_variance(calibration, own, expected)
    prior = ratio_variance(calibration.factors.pool)
    weight = total / total.sum() if total.sum() > 0 else np.full(len(total), 1 / len(total))
    doubt = float(weight**2 @ variance)
    shared = _discounted(observed.sum(), total.sum(), prior + past, doubt)
    return _Learned(
        shared=shared,
        stays=prior / (prior + past) if prior > 0 else 0.0,
        past=past,
        products={
            name: _departure(observed[code], total[code] * shared.mean, variance[code])
            for code, name in enumerate(own.products)
        },
        weight=dict(zip(own.products, weight.tolist(), strict=True)),
        ticket=_ticket_factor(calibration, own),
        expected=float(total.sum()),
    )


def _departure(observed: float, expected: float, variance: float) -> _Departure:
    worth = variance * expected
    return _Departure(gamma_poisson(observed, expected, variance), worth / (1 + worth))


def _expected(calibration: Calibration, own: History) -> FloatArray:
    """First payments expected by profile and age, (profiles, ages)."""
    known = {one.name: one for one in calibration.products}
    curves = [known.get(name, known[DEFAULT_PRODUCT]).log_odds for name in own.products]
    base = base_log_odds(curves, calibration.knots, own.ages)[:, 1:]
    size = own.log_balance - np.log(calibration.balance_reference)
    score = calibration.balance_slope * np.clip(size, -CLIP, CLIP)
    for attribute, codes in own.levels.items():
        effect = calibration.effects.get(attribute, {})
        names = own.level_names[attribute]
        score = score + np.array([effect.get(name, 0.0) for name in names])[codes]
    return np.asarray(own.dormant * expit(base[own.product] + score[:, None]), np.float64)


def _own_variance(calibration: Calibration, product: ProductCurve) -> float:
    """Prior variance of a product's departure from its pool: group factor and parameter error."""
    return ratio_variance(float(np.hypot(calibration.factors.group, product.parameter_sd)))


def _calendar_variance(calibration: Calibration, own: History, expected: FloatArray) -> float:
    """Variance of the mean calendar effect over the months in which first payments were
    expected."""
    risk = calibration.factors
    month = np.arange(own.ages)[None, :] + np.zeros_like(own.product)[:, None]
    if has_calendar(own):
        month = month + (own.cohort_month - own.cohort_month.min())[own.cohort][:, None]
    weight = np.bincount(month.ravel(), expected.ravel()).astype(np.float64)
    if weight.sum() <= 0:
        return 0.0
    weight /= weight.sum()
    lag = np.abs(np.subtract.outer(np.arange(len(weight)), np.arange(len(weight))))
    return float(weight @ np.expm1(risk.macro**2 * risk.phi**lag) @ weight)


def _discounted(observed: float, expected: float, variance: float, doubt: float) -> Level:
    """Gamma-Poisson where the ratio is also moved by something of variance `doubt`: counts are
    worth fewer, as many as leave the same noise."""
    worth = 1 / (1 + expected * doubt)
    return gamma_poisson(worth * observed, worth * expected, variance)


def _ticket_factor(calibration: Calibration, own: History) -> Level:
    """The pool's ticket factor from its instalments; lump sums move along. Prior weight in
    tickets: 1 / shape / variance of the factor."""
    variance = ratio_variance(calibration.factors.amount)
    scale = calibration.scales[own.basis]
    known = {one.name: one for one in calibration.products}
    weighted = np.zeros(2)
    for code, name in enumerate(own.products):
        product = known.get(name, known[DEFAULT_PRODUCT])
        sums, cut = own.tickets[INSTALMENT, code].sum(axis=0), own.cut[INSTALMENT, code]
        count = sums[0] + cut[:, 0].sum()
        prior = Ticket(product.instalment_mean * scale, product.instalment_shape, 0.0, 0)
        if count:
            found = fit_ticket(sums, cut, prior, weight=1e-6)
            weighted += count * np.array([found.mean / prior.mean, found.error**2 * count])
    count = float(own.tickets[INSTALMENT, :, :, 0].sum() + own.cut[INSTALMENT, :, :, 0].sum())
    if variance <= 0 or count == 0:
        return Level(1.0, variance)
    ratio, noise = weighted[0] / count, weighted[1] / count / count
    trust = variance / (variance + noise)
    return Level(float(1 + trust * (ratio - 1)), float(variance * (1 - trust)))


def _with_all(calibration: Calibration, own: History) -> list[ProductCurve]:
    """The calibration's products, and the default's curve under the name of each product of the
    pool that it does not know, so that such a product can have a level of its own."""
    known = {one.name: one for one in calibration.products}
    new = [replace(known[DEFAULT_PRODUCT], name=name) for name in own.products if name not in known]
    return [*calibration.products, *new]


def _moved(calibration: Calibration, product: ProductCurve, found: _Learned) -> ProductCurve:
    unseen = _Departure(Level(1.0, _own_variance(calibration, product)), held=0.0)
    departure = found.products.get(product.name, unseen)
    shift = float(np.log(found.level * departure.level.mean))
    return replace(
        product,
        log_odds=tuple(value + shift for value in product.log_odds),
        instalment_mean=product.instalment_mean * found.ticket.mean,
        lump_mean=product.lump_mean * found.ticket.mean,
        parameter_sd=log_sd(found.own_variance(departure)),
    )
