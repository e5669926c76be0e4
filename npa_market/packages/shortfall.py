"""Why an order gives no loans, in words that say what to change."""

from collections.abc import Callable, Sequence

import numpy as np

from npa_market.common.money import format_minor
from npa_market.packages.eligibility import Screening
from npa_market.packages.optimise import Conflict, Limit, Numbers, Pick, Pool, Target, pick

NAMED = 6  # limits in a sentence
TRIED = 2_000  # items on which limits are left out one by one


def amount_words(measure: str, amount: int, currency: str) -> str:
    """An amount of a measure (a key of `picking.MEASURES`): loans as a number, others as money."""
    if measure == "loans":
        return f"{amount:,} loan{'' if amount == 1 else 's'}"
    return f"{format_minor(amount, currency)} {currency}"


def screen_words(screening: Screening) -> str:
    """Nothing is left to pick from: the criteria or the rules of the screen that took it all."""
    if not len(screening.keeps):
        return "No loan of the pool meets the criteria. Widen them, or choose another pool."
    taken = [each for each in screening.findings if each.excluded]
    taken.sort(key=lambda each: -(each.excluded or 0))
    rules = ", ".join(f"{each.title} {each.excluded:,}" for each in taken)
    return (
        f"The pre-sale screen takes out all {len(screening.keeps):,} loans that meet the criteria:"
        f" {rules}. Choose another pool, or disclose what may be disclosed."
    )


def conflict_words(conflict: Conflict, measure: str, currency: str) -> str:
    """Why the target cannot be reached, and which limits to loosen."""
    reach = amount_words(measure, int(conflict.reach), currency)
    start = f"The target is out of reach: at most {reach} can be picked."
    if conflict.alone:
        return f"{start} Loosening one of these is enough: {'; '.join(conflict.alone)}."
    if conflict.together:
        return f"{start} These limits conflict with it together: {'; '.join(conflict.together)}."
    return f"{start} The pool itself has no more; no limit is to blame."


def empty_words(
    pool: Pool, target: Target, limits: Sequence[Limit], amount: Callable[[int], str]
) -> str:
    """Why a target that can be reached in parts of loans takes no whole one.

    amount: words for a sum of the target's measure.
    """
    asked = amount(int(target.amount))
    items = np.bincount(pool.item, weights=target.measure).astype(np.float64)
    whole = "all loans of one borrower" if len(items) < len(pool.item) else "one loan"
    least = int(np.ceil(items.min()))
    if least > target.amount or not limits:
        return (
            f"No loan fits into {asked}: {whole} come to {amount(least)} at least."
            " Raise the target."
        )

    is_empty = _emptiness(pool, target, items)
    alone = [each for each in limits if not is_empty([kept for kept in limits if kept is not each])]
    if alone:
        return (
            f"No loan fits into {asked}. Loosening one of these limits is enough: {_names(alone)}."
        )
    needed = list(limits)
    for limit in limits:
        fewer = [each for each in needed if each is not limit]
        if is_empty(fewer):
            needed = fewer
    names = _names(needed)
    return f"No loan fits into {asked} under these limits together: {names}. Loosen some of them."


def _names(limits: Sequence[Limit]) -> str:
    more = len(limits) - NAMED
    words = "; ".join(limit.words for limit in limits[:NAMED])
    return f"{words}; and {more} more" if more > 0 else words


def _emptiness(pool: Pool, target: Target, items: Numbers) -> Callable[[Sequence[Limit]], bool]:
    """Do these limits leave nothing? Tried on some of the items that fit into the target: what
    can be picked among them can be picked among all."""
    fitting = np.flatnonzero((items > 0) & (items <= target.amount))
    some = fitting[:: max(1, len(fitting) // TRIED)]
    kept = np.isin(pool.item, some)
    part = Pool(np.searchsorted(some, pool.item[kept]), pool.claim[kept], pool.value[kept])
    aim = Target(target.words, target.measure[kept], target.amount, target.slack)

    def is_empty(limits: Sequence[Limit]) -> bool:
        found = pick(part, aim, [Limit(e.words, e.member[kept], e.share) for e in limits])
        return not (isinstance(found, Pick) and found.chosen.any())

    return is_empty
