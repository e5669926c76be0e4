"""What a process keeps between two valuations: pools read from sealed files, plans made for them.

Keyed by hashes alone, so an entry can be old but never wrong; who may use one is decided before,
by the services. Pools hold tokens and amounts, no personal data.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar

from npa_market.packages.models import Package
from npa_market.valuation import door
from npa_market.valuation.tape import read_tape

if TYPE_CHECKING:
    from pricing import Loans
    from pricing.plan import Plan

Pool = tuple["Loans", tuple[door.StandIn, ...]]
Kept = TypeVar("Kept")
MOST_LOANS = 2_000_000  # about 400 MB of arrays
MOST_PLANS = 6


class Shelf(Generic[Kept]):
    """The least recently used things leave first, once their weights exceed `most`.

    What two threads ask for at once is made once: the second waits for the first.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._kept: OrderedDict[Hashable, tuple[Kept, int]] = OrderedDict()
        self._making: dict[Hashable, Lock] = {}
        self._lock = Lock()

    def get(
        self, key: Hashable, make: Callable[[], Kept], weight: Callable[[Kept], int] = lambda _: 1
    ) -> Kept:
        """The kept thing of this key, or a new one; a `make` that raises leaves nothing."""
        with self._lock:
            making = self._making.setdefault(key, Lock())
        with making:
            with self._lock:
                if key in self._kept:
                    self._kept.move_to_end(key)
                    return self._kept[key][0]
            try:
                made = make()
            finally:
                with self._lock:
                    self._making.pop(key, None)
            with self._lock:
                self._kept[key] = made, weight(made)
                while len(self._kept) > 1 and self._weight() > self.most:
                    self._kept.popitem(last=False)
        return made

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()

    def _weight(self) -> int:
        return sum(weight for _, weight in self._kept.values())


_pools: Shelf[Pool] = Shelf(MOST_LOANS)
_plans: Shelf["Plan"] = Shelf(MOST_PLANS)


def pool_of(package: Package, form: str, channel: str) -> Pool:
    """Loans and stand-ins of a package in one form. Raises pricing.PricingError, OSError."""
    loans, stand_ins = _pools.get(
        (package.content_sha256, form, package.currency),
        lambda: door.loans_of(read_tape(package, form), "", package.currency),
        lambda pool: len(pool[0]),
    )
    return replace(loans, channels=(channel,)), stand_ins  # One channel for all: code 0.


def plan_for(package: Package, form: str, inputs: door.Inputs) -> "Plan":
    """Pool, calibration and terms cut into segments. Raises pricing.PricingError, OSError."""
    from pricing.plan import plan_of

    loans, _ = pool_of(package, form, inputs.channel)
    key = door.inputs_sha256(package.content_sha256, form, inputs)
    return _plans.get(key, lambda: plan_of(loans, inputs.calibration, inputs.terms))


def forget() -> None:
    """Empty the shelves; for measurements."""
    _pools.clear()
    _plans.clear()
