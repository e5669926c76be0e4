"""Services that pick loans: the optimiser's draft, and the split of a pool into comparable drafts.

Prices are the analyst's assumption (share of the claim at charge-off, yearly decline); a valuation
comes later. What was asked, the bound and the gap stay with the list that the draft names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc
from django.db import transaction

from npa_market.common.errors import InvalidInput, Refused
from npa_market.evidence.services import record
from npa_market.packages.bands import AGE_MONTHS, balance_bands
from npa_market.packages.choosing import Chosen
from npa_market.packages.criteria import read_criteria
from npa_market.packages.keeping import keep_loan_list
from npa_market.packages.models import Package
from npa_market.packages.optimise import Conflict, Limit, Pick, Pool, Target, pick
from npa_market.packages.shortfall import (
    amount_words,
    conflict_words,
    empty_words,
    screen_words,
)
from npa_market.packages.splitting import MAX_PARTS, balance_of, split
from npa_market.parties.models import Organisation, User
from npa_market.parties.permissions import require

Codes = npt.NDArray[np.int64]
DIMENSIONS = {
    "province": "Province",
    "product": "Product",
    "city": "City",
    "grade": "Grade",
    "litigation_status": "Litigation status",
    "balance": "Balance band",
    "age_months": "Months since charge-off",
}
MEASURES = {
    "claim": "Claim",
    "principal": "Principal",
    "loans": "Number of loans",
    "price": "Price",
}
MAX_LIMITS = 12


@dataclass(frozen=True)
class Source:
    """What to pick from: a pool, criteria, and what a loan is assumed to fetch.

    price_share: of the claim, for a loan just charged off; yearly_decline: 0..1.
    """

    currency: str
    cut_off_date: date
    criteria: dict[str, Any]
    price_share: float = 0.05
    yearly_decline: float = 0.25


@dataclass(frozen=True)
class Order:
    """What to pick: the sum of `measure` (a key of MEASURES) up to `amount`, as much of
    `maximise` as possible. limits: (dimension, class or "" for each class, share 0..1)."""

    measure: str
    amount: int
    maximise: str
    limits: tuple[tuple[str, str, float], ...] = ()
    keeps_borrowers_whole: bool = True


@dataclass(frozen=True)
class Found:
    """A pick in whole numbers, ready for a page or a draft; or why there is none: `shortfall`."""

    choice: Chosen
    result: Pick | Conflict
    outcome: dict[str, Any]
    shortfall: str = ""


def try_order(*, user: User, seller: Organisation, source: Source, order: Order) -> Found:
    """What the order would pick; nothing is kept.

    Raises InvalidInput where a part of the order is wrong, Refused where there is no loan,
    NotPermitted for anybody but the seller's analysts.
    """
    require(user, "packages.draft_package", seller)
    if order.measure not in MEASURES or order.maximise not in MEASURES:
        raise InvalidInput("measure_unknown", "Choose what to reach.", field="measure")
    if order.amount <= 0:
        raise InvalidInput("target_wrong", "The target must be above 0.", field="amount")
    pool, screened_out = _eligible(seller, source)
    numbers, limits = _numbers(pool, source), _limits(pool, source, order)
    item = _whole(pool) if order.keeps_borrowers_whole else np.arange(len(numbers["claim"]))
    target = Target(MEASURES[order.measure], numbers[order.measure], float(order.amount))
    picked_from = Pool(item, numbers["claim"], numbers[order.maximise])
    result = pick(picked_from, target, limits)
    shortfall = ""
    if isinstance(result, Conflict):
        shortfall = conflict_words(result, order.measure, source.currency)
    elif result.chosen.any():
        _check_exactly(pool, result, limits)
    else:
        amount = partial(amount_words, order.measure, currency=source.currency)
        shortfall = empty_words(picked_from, target, limits, amount)
    outcome = _outcome(source, order, result) | {"screened_out": screened_out}
    return Found(pool, result, outcome, shortfall)


def _eligible(seller: Organisation, source: Source) -> tuple[Chosen, int]:
    """The loans that the criteria choose and the screen leaves in, and how many it takes out.

    A target reached with loans that the screen excludes afterwards is not reached.
    """
    from npa_market.packages.screening import screened_pool

    criteria = read_criteria(source.criteria)
    pool, screening = screened_pool(seller, criteria, source.currency, source.cut_off_date)
    if not screening.keeps.any():
        raise Refused("nothing_chosen", screen_words(screening), field="criteria")
    return pool.narrowed(screening.keeps), int((~screening.keeps).sum())


def _numbers(pool: Chosen, source: Source) -> dict[str, npt.NDArray[np.float64]]:
    """Measures of the chosen loans, amounts in minor units."""
    claim = pool.columns.money["claim_minor"][pool.mask].astype(np.float64)
    years = np.maximum(_age_months(pool, source), 0) / 12
    return {
        "claim": claim,
        "principal": pool.columns.money["principal_minor"][pool.mask].astype(np.float64),
        "loans": np.ones(len(claim)),
        "price": claim * source.price_share * (1 - source.yearly_decline) ** years,
    }


def _age_months(pool: Chosen, source: Source) -> Codes:
    """Whole months since charge-off; 24 where the tape does not say."""
    days = pool.columns.table.column("charge_off_date").filter(pool.mask)
    year, month, day = (
        np.asarray(pc.fill_null(part(days), 0).to_numpy()) for part in (pc.year, pc.month, pc.day)
    )
    end = source.cut_off_date
    months = (end.year - year) * 12 + end.month - month - (end.day < day)
    return np.where(year == 0, 24, months).astype(np.int64)


def _whole(pool: Chosen) -> Codes:
    """Borrowers of the chosen loans, numbered without gaps."""
    codes = pool.columns.borrowers[pool.mask]
    return np.unique(codes, return_inverse=True)[1].astype(np.int64)


def classes_of(pool: Chosen, dimension: str, source: Source) -> tuple[Codes, list[str]]:
    """Class of each chosen loan and the classes' names, for a key of DIMENSIONS."""
    if dimension == "balance":
        bands = balance_bands(source.currency)
        amounts = pool.columns.money["claim_minor"][pool.mask]
        return np.searchsorted(bands.edges, amounts, side="right"), list(bands.labels)
    if dimension == "age_months":
        ages = _age_months(pool, source)
        return np.searchsorted(AGE_MONTHS.edges, ages, side="right"), list(AGE_MONTHS.labels)
    if dimension not in DIMENSIONS:
        raise InvalidInput("dimension_unknown", "Limits are by province, product …", field="limits")
    codes, texts = pool.columns.texts(dimension)
    return codes[pool.mask].astype(np.int64), [text or "Not given" for text in texts]


def _limits(pool: Chosen, source: Source, order: Order) -> list[Limit]:
    if len(order.limits) > MAX_LIMITS:
        raise InvalidInput("too_many_limits", f"At most {MAX_LIMITS} limits.", field="limits")
    limits = []
    for dimension, name, share in order.limits:
        codes, names = classes_of(pool, dimension, source)
        if not 0 < share < 1:
            raise InvalidInput("share_wrong", "A limit is above 0 and below 100 %.", field="limits")
        if name and name not in names:
            raise InvalidInput(
                "class_unknown", f"{DIMENSIONS[dimension]}: no loan is of {name}.", field="limits"
            )
        for code in np.unique(codes).tolist():
            if not name or names[code] == name:
                words = f"{DIMENSIONS[dimension]} {names[code]} at most {share * 100:g} %"
                limits.append(Limit(words, codes == code, share))
    return limits


def _check_exactly(pool: Chosen, result: Pick, limits: Sequence[Limit]) -> None:
    """In whole minor units: a limit kept by the solver's numbers alone is not kept."""
    claim = pool.columns.money["claim_minor"][pool.mask]
    whole = int(claim[result.chosen].sum())
    for limit in limits:
        of_class = int(claim[result.chosen & limit.member].sum())
        if of_class > Fraction(limit.share) * whole:
            raise RuntimeError(f"the pick breaks a limit: {limit.words}")


def _outcome(source: Source, order: Order, result: Pick | Conflict) -> dict[str, Any]:
    asked = {
        "measure": order.measure,
        "amount": order.amount,
        "maximise": order.maximise,
        "limits": [list(limit) for limit in order.limits],
        "price_share": source.price_share,
        "yearly_decline": source.yearly_decline,
        "borrowers_whole": order.keeps_borrowers_whole,
    }
    if isinstance(result, Conflict):
        return asked | {
            "reach": int(result.reach),
            "alone": list(result.alone),
            "together": list(result.together),
        }
    return asked | {
        "loans": int(result.chosen.sum()),
        "reached": round(result.reached),
        "value": round(result.value),
        "bound": round(result.bound),
        "gap_percent": round(result.gap * 100, 4),
    }


@transaction.atomic
def draft_pick(
    *,
    user: User,
    seller: Organisation,
    source: Source,
    order: Order,
    title: str,
    transfer_basis: str = "",
) -> Package:
    """A draft of the loans that the order picks.

    Raises as `try_order`; Refused in a conflict, or where no loan fits below the target.
    """
    found = try_order(user=user, seller=seller, source=source, order=order)
    if isinstance(found.result, Conflict):
        raise Refused("target_out_of_reach", found.shortfall)
    if found.shortfall:
        raise Refused("nothing_picked", found.shortfall, field="amount")
    words = _words(order, found.outcome, source.currency)
    return _draft_of(
        user,
        seller,
        source,
        found.choice,
        {
            "chosen": found.result.chosen,
            "title": title,
            "transfer_basis": transfer_basis,
            "words": words,
            "outcome": found.outcome,
        },
    )


def _words(order: Order, outcome: Mapping[str, Any], currency: str) -> str:
    reached = f"{outcome['reached']:,}"
    if order.measure != "loans":  # Its name says already what is counted.
        reached = amount_words(order.measure, outcome["reached"], currency)
    return (
        f"{outcome['loans']:,} loans, {MEASURES[order.measure].lower()} {reached}, "
        f"{len(order.limits)} limits, {outcome['gap_percent']:.2f} % from the bound"
    )


def _draft_of(
    user: User, seller: Organisation, source: Source, pool: Chosen, made: Mapping[str, Any]
) -> Package:
    from npa_market.packages.services import draft_package

    keys = pool.table().column("id").filter(made["chosen"]).to_pylist()
    kept = keep_loan_list(
        user=user, seller=seller, keys=keys, words=made["words"], outcome=made["outcome"]
    )
    package = draft_package(
        user=user,
        seller=seller,
        title=made["title"],
        currency=source.currency,
        cut_off_date=source.cut_off_date,
        criteria={**source.criteria, "picked": str(kept.pk)},
        transfer_basis=made["transfer_basis"],
    )
    record(
        type="package.picked",
        subject=package,
        actor=user,
        payload={"list": str(kept.pk), "sha256": kept.file_id, **made["outcome"]},
    )
    return package


@dataclass(frozen=True)
class Split:
    """Part of each chosen loan, how level the parts are, and what each part holds."""

    choice: Chosen
    part: Codes
    outcome: dict[str, Any]
    rows: list[dict[str, Any]]


def try_split(*, user: User, seller: Organisation, source: Source, parts: int) -> Split:
    """How a pool falls into `parts` comparable packages; nothing is kept.

    Raises InvalidInput where the number is wrong, Refused where there are too few borrowers.
    """
    require(user, "packages.draft_package", seller)
    if not 2 <= parts <= MAX_PARTS:
        raise InvalidInput("parts_wrong", f"2 to {MAX_PARTS} packages.", field="parts")
    pool, screened_out = _eligible(seller, source)
    borrower = _whole(pool)
    if len(np.unique(borrower)) < parts:
        raise Refused(
            "too_few_borrowers", f"Too few borrowers for {parts} packages.", field="parts"
        )
    measures = _numbers(pool, source)
    classes = {key: classes_of(pool, key, source)[0] for key in SPLIT_BY}
    stratum = np.unique(np.stack(list(classes.values())), axis=1, return_inverse=True)[1]
    part = split(borrower, stratum.ravel(), {k: measures[k] for k in LEVELLED}, parts)
    balance = balance_of(part, measures, classes, parts)
    rows = [_part_row(pool, part == number, borrower, measures) for number in range(parts)]
    outcome = {
        "parts": parts,
        "screened_out": screened_out,
        "spread_percent": {k: round(v * 100, 4) for k, v in balance.spread.items()},
        "distance_percent": {k: round(v * 100, 4) for k, v in balance.distance.items()},
    }
    return Split(pool, part, outcome, rows)


def _part_row(
    pool: Chosen, is_in: npt.NDArray[np.bool_], borrower: Codes, measures: Mapping[str, Any]
) -> dict[str, Any]:
    money = {name: int(v[pool.mask][is_in].sum()) for name, v in pool.columns.money.items()}
    return {
        "loans": int(is_in.sum()),
        "borrowers": len(np.unique(borrower[is_in])),
        "price_minor": round(float(measures["price"][is_in].sum())),
        **money,
    }


@transaction.atomic
def draft_split(
    *,
    user: User,
    seller: Organisation,
    source: Source,
    parts: int,
    title: str,
    transfer_basis: str = "",
) -> list[Package]:
    """`parts` comparable drafts of one pool, all or none; every loan is in exactly one.

    Raises as `try_split` and `services.draft_package`.
    """
    found = try_split(user=user, seller=seller, source=source, parts=parts)
    return [
        _draft_of(
            user,
            seller,
            source,
            found.choice,
            {
                "chosen": found.part == number,
                "title": f"{title} {number + 1} of {parts}",
                "transfer_basis": transfer_basis,
                "words": f"part {number + 1} of {parts} comparable parts of one pool",
                "outcome": found.outcome,
            },
        )
        for number in range(parts)
    ]


SPLIT_BY = ("province", "product", "balance")
LEVELLED = ("claim", "loans", "price")
