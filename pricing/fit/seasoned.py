"""A pool's own payments: credibility of what it has paid against what was expected of it."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy.linalg import block_diag
from scipy.special import expit

from pricing.calendar import MacroStart
from pricing.calibration import DEFAULT_PRODUCT, Calibration, FactorRisk, ProductCurve
from pricing.canonical import FloatArray, IntArray
from pricing.errors import MixedBasis, MixedCurrency
from pricing.fit.calendar import Past, less_level, past_of, past_without_calendar, start_of
from pricing.fit.levels import log_sd, ratio_variance
from pricing.fit.posterior import Counts, Normal, poisson_posterior
from pricing.fit.tickets import Ticket, fit_ticket
from pricing.history.counts import INSTALMENT, History, has_calendar, merged_products
from pricing.scoring import base_log_odds

CLIP = 5.0
ONE_PRODUCT = 1e-9


@dataclass(frozen=True)
class Level:
    """Posterior of a multiplier of mean 1: mean, variance relative to mean squared."""

    mean: float
    variance: float


def seasoned(calibration: Calibration, own: History) -> Calibration:
    """The calibration as it stands for one pool after its own payments `own`.

    First payments tell of the sum of the pool's level, each product's departure from it, and the
    calendar of the months they fell in; all are learned together, since none is seen alone. What
    is learned moves curves, tickets and the start of the macro factor; what is left unknown
    replaces the pool factor, the ticket factor and the products' parameter error. The group factor
    is learned with the products and set to 0. The cut-off is the end of the last month of `own`,
    or of the calibration's calendar where that ends later. Months without dates are taken as
    months of a calendar that nothing else is known of.

    Raises MixedCurrency, MixedBasis.
    """
    if own.currency != calibration.currency:
        raise MixedCurrency(own.currency, calibration.currency)
    if own.basis not in calibration.scales:
        raise MixedBasis(own.basis, sorted(calibration.scales))
    own = merged_products(own, calibration.aliases)
    past, month = _past(calibration, own)
    found = _learned(calibration, own, past, month)
    products = tuple(_moved(calibration, one, found, past) for one in _with_all(calibration, own))
    return replace(
        calibration,
        name=f"{calibration.name} with own payments",
        products=products,
        factors=replace(
            calibration.factors,
            pool=float(np.sqrt(found.shared_variance)),
            group=0.0,
            amount=log_sd(found.ticket.variance),
            start=found.start(calibration.factors),
        ),
        calendar=None,
        sources=(
            *calibration.sources,
            f"Level from the pool's own payments: {own.starts:,} first payments where "
            f"{found.expected:,.1f} were expected.",
        ),
        diagnostics={**calibration.diagnostics, "seasoned": found.as_document(own)},
    )


@dataclass(frozen=True)
class _Learned:
    """Posterior of the logs of all levels and of the last month's calendar.

    common: of the level of a product the pool does not have, departure left out. levels: (P,) of
    the pool's products, departures included. now: of the calendar. covariance: of (common, levels,
    now). weight: (P,) share of each product. ticket: posterior of the ticket factor. starts,
    expected: first payments.
    """

    names: tuple[str, ...]
    mean: FloatArray
    covariance: FloatArray
    weight: FloatArray
    ticket: Level
    expected: float

    @property
    def log_levels(self) -> FloatArray:
        """Logs of the expected multipliers: common, then by product, (1 + P,)."""
        return np.asarray(self.mean[:-1] + np.diag(self.covariance)[:-1] / 2, np.float64)

    @cached_property
    def shared_variance(self) -> float:
        """What all products share of what is left unknown: as much as leaves the variance of the
        pool's mean level as it is, with the products' own parts independent."""
        levels, w = self.covariance[1:-1, 1:-1], self.weight
        apart = 1 - float(w @ w)
        own = float(w**2 @ np.diag(levels))
        if apart < ONE_PRODUCT:
            return float(levels.max())
        return max(float(w @ levels @ w) - own, 0.0) / apart

    def start(self, risk: FactorRisk) -> MacroStart | None:
        """Where the calendar stands; its error goes with that of the pool's mean level."""
        if risk.macro == 0:
            return None
        pool = float(np.sqrt(self.shared_variance))
        together = float(self.weight @ self.covariance[1:-1, -1])
        with_pool = together / pool if pool > 0 else 0.0
        return start_of(self.mean[-1], float(self.covariance[-1, -1]), risk, with_pool)

    def own_sd(self, name: str, unseen_variance: float) -> float:
        """Deviation of a product's own part. unseen_variance: of its departure, if not in own."""
        if name in self.names:
            place = 1 + self.names.index(name)
            variance = float(self.covariance[place, place])
        else:
            variance = float(self.covariance[0, 0]) + unseen_variance
        return float(np.sqrt(max(variance - self.shared_variance, 0.0)))

    def as_document(self, own: History) -> dict[str, Any]:
        """For the diagnostics."""
        common, *products = self.log_levels.tolist()
        calendar = float(np.exp(self.mean[-1] + self.covariance[-1, -1] / 2))
        return {
            "starts": own.starts,
            "expected_starts": round(self.expected, 1),
            "months": own.ages,
            "level": round(float(np.exp(common)), 6),
            "product_levels": {
                name: round(float(np.exp(one - common)), 6)
                for name, one in zip(self.names, products, strict=True)
            },
            "calendar_now": round(calendar, 6),
            "ticket_factor": round(self.ticket.mean, 6),
            "content_hash": own.content_hash,
        }


def _learned(calibration: Calibration, own: History, past: Past, month: IntArray) -> _Learned:
    """Pool level, error of the curves' level, departures of the products and calendar together:
    each first payment tells of their sum."""
    expected, months, products = _expected(calibration, own), len(past.mean) - 1, len(own.products)
    cell, size = own.product[:, None] * months + month, products * months
    observed = np.bincount(cell.ravel(), own.new.ravel(), size).astype(np.float64)
    total = np.bincount(cell.ravel(), expected.ravel(), size).astype(np.float64)
    seen = np.flatnonzero(total > 0)
    product, when = np.divmod(seen, months)
    pool, level = np.zeros_like(seen), np.ones_like(seen)
    loads = np.stack([pool, level, 2 + when, 2 + months + product], axis=1)
    counts = Counts(observed[seen], total[seen], loads)
    after = poisson_posterior(_prior(calibration, own, past), counts)
    view = np.zeros((2 + products, len(after.mean)))
    view[:-1, :2] = 1.0
    view[1:-1, 2 + months :] = np.eye(products)
    view[-1, 1 + months] = 1.0
    by_product = total.reshape(products, months).sum(axis=1)
    expects = by_product.sum() > 0
    return _Learned(
        names=own.products,
        mean=view @ after.mean,
        covariance=view @ after.covariance @ view.T,
        weight=by_product / by_product.sum() if expects else np.full(products, 1 / products),
        ticket=_ticket_factor(calibration, own),
        expected=float(total.sum()),
    )


def _prior(calibration: Calibration, own: History, past: Past) -> Normal:
    """Logs of the pool's level, of what is known of level and calendar, of each product's
    departure."""
    known = {one.name: one for one in calibration.products}
    products = [known.get(name, known[DEFAULT_PRODUCT]) for name in own.products]
    pool = np.array([calibration.factors.pool**2])
    apart = np.array([_departure_variance(calibration, one, past) for one in products])
    return Normal(
        np.concatenate([-pool / 2, past.mean, -apart / 2]),
        block_diag(np.diag(pool), past.covariance, np.diag(apart)),
    )


def _departure_variance(calibration: Calibration, product: ProductCurve, past: Past) -> float:
    """Prior variance, on the log, of a product's departure from its pool: group factor and what
    its parameter error holds beside the error of the level."""
    own = less_level(product.parameter_sd, past.level_variance)
    return calibration.factors.group**2 + own**2


def _past(calibration: Calibration, own: History) -> tuple[Past, IntArray]:
    """The calendar's past, and the month of each profile and age in it, (profiles, ages)."""
    risk, age = (
        calibration.factors,
        np.arange(own.ages)[None, :] + np.zeros_like(own.product[:, None]),
    )
    if not has_calendar(own):
        return past_without_calendar(risk, own.ages), age
    month = age + own.cohort_month[own.cohort][:, None] + 1
    watched = own.balance.sum(axis=0) > 0  # (cohorts, ages)
    ages = np.where(watched.any(axis=1), own.ages - np.argmax(watched[:, ::-1], axis=1), 0)
    first, last = int(month.min()), int((own.cohort_month + ages).max())
    if calibration.calendar is None:
        past = replace(past_without_calendar(risk, last - first + 1), first_month=first)
    else:
        past = past_of(calibration.calendar, risk, first, last)
    return past, np.clip(month - past.first_month, 0, len(past.mean) - 2)


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


def _moved(
    calibration: Calibration, product: ProductCurve, found: _Learned, past: Past
) -> ProductCurve:
    place = 1 + found.names.index(product.name) if product.name in found.names else 0
    shift = float(found.log_levels[place])
    apart = _departure_variance(calibration, product, past)
    return replace(
        product,
        log_odds=tuple(value + shift for value in product.log_odds),
        instalment_mean=product.instalment_mean * found.ticket.mean,
        lump_mean=product.lump_mean * found.ticket.mean,
        parameter_sd=found.own_sd(product.name, apart),
    )
