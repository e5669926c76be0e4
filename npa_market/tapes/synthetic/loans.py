"""Invented charged-off loans: balances, dates in order, collection so far."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Days = npt.NDArray[np.datetime64]

# Borrowers with 1, 2, … 9 loans: 2.4 loans each on average.
LOANS_PER_BORROWER = (0.40, 0.25, 0.14, 0.08, 0.05, 0.035, 0.02, 0.015, 0.01)
MAX_MONTHS = 36


@dataclass(frozen=True)
class Product:
    """Median amount paid out in major units, its spread, yearly rate, terms in months."""

    zh: str
    en: str
    weight: float
    median: float
    sigma: float
    annual_rate: float
    terms: tuple[int, ...]


PRODUCTS = (
    Product("现金贷", "Cash loan", 0.42, 9_000, 0.75, 0.21, (6, 12, 18, 24)),
    Product("消费分期", "Instalment purchase", 0.26, 5_200, 0.60, 0.17, (6, 12, 24)),
    Product("循环额度贷", "Revolving credit", 0.18, 14_000, 0.80, 0.20, (12,)),
    Product("信用卡", "Credit card", 0.09, 24_000, 0.85, 0.1825, (12,)),
    Product("教育分期", "Education instalments", 0.05, 16_000, 0.45, 0.14, (12, 24, 36)),
)
_GRADES = ((4, 0.80), (3, 0.15), (2, 0.05))  # index into the five classes, share
_LITIGATION = (0.78, 0.06, 0.04, 0.05, 0.03, 0.035, 0.005)
# live, deceased, bankrupt, time-barred, disputed, fraud, settled
_STATUS = (0.982, 0.003, 0.001, 0.006, 0.005, 0.002, 0.001)


@dataclass(frozen=True)
class Loans:
    """Arrays (loans,); money in minor units, codes as positions in the dictionary's lists.

    last_payment and last_contact: NaT where there was none.
    """

    borrower: Integers
    product: Integers
    principal: Integers
    interest: Integers
    fees: Integers
    original: Integers
    credit_line: Integers
    rate_bp: Integers
    term: Integers
    instalments_paid: Integers
    origination: Days
    default: Days
    charge_off: Days
    last_payment: Days
    grade: Integers
    litigation: Integers
    is_reachable: Flags
    last_contact: Days
    placements: Integers
    status: Integers

    @property
    def claim(self) -> Integers:
        """Principal + interest + fees."""
        return self.principal + self.interest + self.fees


def borrowers_of(loans: int, rng: np.random.Generator) -> Integers:
    """Borrower of each loan, (loans,), in mixed order; borrowers count from 0 without gaps."""
    sizes = rng.choice(len(LOANS_PER_BORROWER), size=loans, p=LOANS_PER_BORROWER) + 1
    borrower = np.repeat(np.arange(loans), sizes)[:loans]
    return rng.permutation(borrower)


@dataclass(frozen=True)
class _Course:
    """How far each loan came: term, instalments paid, and the days of its life, (loans,)."""

    term: Integers
    paid: Integers
    origination: Days
    default: Days
    charge_off: Days


def _course(product: Integers, cut_off: np.datetime64, rng: np.random.Generator) -> _Course:
    n = len(product)
    picks = zip(product, rng.random(n), strict=True)
    term = np.array([PRODUCTS[p].terms[int(at * len(PRODUCTS[p].terms))] for p, at in picks])
    paid = np.minimum((term * rng.beta(1.1, 2.6, size=n)).astype(np.int64), term - 1)
    charge_off = cut_off - (20 + 1_060 * rng.beta(1.3, 1.9, size=n)).astype(np.int64)
    default = charge_off - rng.integers(120, 240, size=n)
    origination = default - (paid + 1) * 30 - rng.integers(0, 12, size=n)
    return _Course(term, paid, origination, default, charge_off)


def _contact(
    borrower: Integers, people: int, cut_off: np.datetime64, rng: np.random.Generator
) -> tuple[Flags, Days]:
    """Is the borrower reachable, and when was the last contact, (loans,)."""
    n = len(borrower)
    is_reachable = (rng.random(people) < 0.58)[borrower] & (rng.random(n) < 0.93)
    contact_age = np.where(is_reachable, 45, 320) * rng.exponential(1, size=n)
    return is_reachable, cut_off - contact_age.astype(np.int64)


def make_loans(
    borrower: Integers, births: Days, cut_off_date: date, rng: np.random.Generator
) -> Loans:
    """Loans of these borrowers. births: per borrower; nobody borrows under 18."""
    n, people, cut_off = len(borrower), len(births), np.datetime64(cut_off_date, "D")
    product = rng.choice(len(PRODUCTS), size=n, p=[each.weight for each in PRODUCTS])
    original, course = _payouts(product, rng), _course(product, cut_off, rng)
    repaid = course.paid / course.term * rng.uniform(0.8, 1, size=n)
    principal = np.maximum(original * (1 - repaid), 100)
    rate_bp = np.array([int(each.annual_rate * 10_000) for each in PRODUCTS])[product]
    years = (cut_off - course.default).astype(np.int64) / 365
    interest = principal * rate_bp / 10_000 * years * rng.uniform(0.35, 0.75, size=n)
    fees = np.where(rng.random(n) < 0.45, 0, principal * rng.lognormal(-4.0, 0.8, size=n))
    line = original * rng.choice([1.0, 1.2, 1.5, 2.0], size=n)
    is_reachable, last_contact = _contact(borrower, people, cut_off, rng)
    last_payment = np.maximum(course.default - rng.integers(28, 36, size=n), course.origination)
    months = (cut_off - course.charge_off).astype(np.int64) // 30
    return Loans(
        borrower=borrower,
        product=product,
        principal=_minor(principal),
        interest=_minor(interest),
        fees=_minor(fees),
        original=_minor(original),
        credit_line=_minor(np.rint(line)),
        rate_bp=rate_bp,
        term=course.term,
        instalments_paid=course.paid,
        origination=course.origination,
        default=course.default,
        charge_off=course.charge_off,
        last_payment=np.where(course.paid > 0, last_payment, np.datetime64("NaT")),
        grade=rng.choice([g for g, _ in _GRADES], size=n, p=[share for _, share in _GRADES]),
        litigation=rng.choice(len(_LITIGATION), size=n, p=_LITIGATION),
        is_reachable=is_reachable,
        last_contact=np.maximum(last_contact, course.default),
        placements=np.minimum(1 + rng.poisson(months / 9), 9),
        status=_statuses(borrower, people, rng),
    )


def _minor(major: npt.NDArray[np.float64]) -> Integers:
    """Minor units of invented amounts."""
    return np.rint(major * 100).astype(np.int64)


def _payouts(product: Integers, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Amounts paid out, whole hundreds of major units, log-normal by product."""
    medians = np.array([each.median for each in PRODUCTS])[product]
    sigmas = np.array([each.sigma for each in PRODUCTS])[product]
    drawn = medians * np.exp(sigmas * rng.standard_normal(len(product)))
    return np.clip(np.round(drawn, -2), 500, 200_000)


def _statuses(borrower: Integers, people: int, rng: np.random.Generator) -> Integers:
    """Status of each loan; death and bankruptcy (1, 2) hold for all loans of a borrower."""
    of_person = rng.choice(len(_STATUS), size=people, p=_STATUS)[borrower]
    of_loan = rng.choice(len(_STATUS), size=len(borrower), p=_STATUS)
    own = np.where(np.isin(of_loan, (1, 2)), 0, of_loan)
    return np.where(np.isin(of_person, (1, 2)), of_person, own)
