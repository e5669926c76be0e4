"""From one run to another: what each changed input does to the price, one after the other."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from npa_market.common.errors import Refused
from npa_market.packages.models import Package
from npa_market.parties.models import User
from npa_market.valuation import door
from npa_market.valuation.live import price_of
from npa_market.valuation.models import Valuation
from npa_market.valuation.queries import calibration_of
from npa_market.valuation.services import openable

if TYPE_CHECKING:
    from pricing import Calibration

SAMPLING = ("paths", "seed")


@dataclass(frozen=True)
class Point:
    """Everything a price depends on, on the way from one run to another."""

    package: Package
    tape: str
    calibration: "Calibration"
    terms: dict[str, Any]

    def with_terms(self, other: "Point", *names: str) -> "Point":
        """These terms taken from the other run."""
        return replace(self, terms={**self.terms, **{n: other.terms[n] for n in names}})

    def price_minor(self) -> int:
        """Price by engine A, which is that of a full run. Raises InvalidInput."""
        inputs = door.inputs_of(
            fitted=self.calibration, currency=self.package.currency, terms=self.terms
        )
        return door.to_minor(price_of(self.package, self.tape, inputs), self.package.currency)


def point_of(valuation: Valuation) -> Point:
    """A finished run as the start or the end of a way."""
    terms = {"level": 1.0, **valuation.terms}
    return Point(valuation.package, valuation.tape, calibration_of(valuation), terms)


def waypoints(first: Point, second: Point) -> Iterator[tuple[str, Point]]:
    """The inputs that differ, in a fixed order, each with the point reached by changing it too.

    The calibration takes its channels and costs with it, since a channel has its name from it.
    """
    at = first
    takes: list[tuple[str, Callable[[Point], Point]]] = [
        ("Package", lambda p: replace(p, package=second.package, tape=second.tape)),
        (
            "Calibration",
            lambda p: (
                replace(p, calibration=second.calibration).with_terms(second, "channel", "costs")
                if p.calibration != second.calibration
                else p
            ),
        ),
        ("Collection", lambda p: p.with_terms(second, "channel", "costs")),
        ("Level of payments", lambda p: p.with_terms(second, "level")),
        ("Horizon", lambda p: p.with_terms(second, "horizon_months")),
        ("Buyer's IRR", lambda p: p.with_terms(second, "buyer_irr")),
        ("Paths and seed", lambda p: p.with_terms(second, *SAMPLING)),
    ]
    for name, take in takes:
        reached = take(at)
        if reached != at:
            at = reached
            yield name, at


def steps_between(*, user: User, runs: tuple[Valuation, Valuation]) -> tuple[tuple[str, int], ...]:
    """(input, change of the price in minor units); they add up to the difference of the runs.

    What the stored price of the second run has beyond its inputs is the step "Engine version".
    Raises Refused where the tape of a run may no longer be read, or the currencies differ.
    """
    first, second = runs
    if first.currency != second.currency:
        raise Refused("currencies_differ", "The runs are in two currencies.")
    for run in runs:
        openable(user, run.organisation, run.package_id)
    price, steps = first.price_minor or 0, []
    for name, point in waypoints(point_of(first), point_of(second)):
        reached = point.price_minor()
        steps.append((name, reached - price))
        price = reached
    if rest := (second.price_minor or 0) - price:
        steps.append(("Engine version", rest))
    return tuple(steps)
