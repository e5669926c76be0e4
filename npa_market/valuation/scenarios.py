"""Scenarios beside a run: assumptions tried on the screen, saved by name, deleted and brought back.

They belong to the institution of the run like the run itself. A seller's leave entries in the log,
a buyer's none, for the reason given in `services`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import IntegrityError, transaction

from npa_market.common.clock import database_now
from npa_market.common.errors import InvalidInput, Refused
from npa_market.evidence.services import record
from npa_market.parties.models import User
from npa_market.parties.permissions import require
from npa_market.valuation import door
from npa_market.valuation.live import reprice
from npa_market.valuation.models import Scenario, Valuation, ValuationState
from npa_market.valuation.queries import calibration_of
from npa_market.valuation.services import openable

if TYPE_CHECKING:
    from pricing.live import LiveFigures

MOST_SCENARIOS = 30
LONGEST_NAME = 60


@dataclass(frozen=True)
class Repriced:
    """Live figures of a run's package under other terms."""

    inputs: door.Inputs
    figures: "LiveFigures"


def reprice_run(*, user: User, valuation: Valuation, terms: Mapping[str, Any]) -> Repriced:
    """What the run's package is worth under these terms now, by engine A; nothing is stored.

    The tape is read anew, so a buyer must still be admitted. Raises InvalidInput naming the
    field, NotPermitted, Refused.
    """
    commission = openable(user, valuation.organisation, valuation.package_id)
    inputs = door.inputs_of(
        fitted=calibration_of(valuation), currency=valuation.currency, terms=terms
    )
    return Repriced(inputs, reprice(commission.package, valuation.tape, inputs))


def save_scenario(
    *,
    user: User,
    valuation_id: UUID,
    name: str,
    terms: Mapping[str, Any],
    scenario_id: UUID | None = None,
) -> Scenario:
    """Keep terms under a name; with `scenario_id` that scenario takes the new name and terms.

    Raises InvalidInput (name empty, too long or taken; terms), NotPermitted, Refused.
    """
    valuation = _own_run(user, valuation_id)
    words = " ".join(name.split())
    if not words or len(words) > LONGEST_NAME:
        raise InvalidInput(
            "name_missing", f"Write a name of at most {LONGEST_NAME} characters.", field="name"
        )
    repriced = reprice_run(user=user, valuation=valuation, terms=terms)  # Holds no lock.
    with transaction.atomic():
        if scenario_id is None:
            _refuse_too_many(valuation)
            scenario = Scenario(valuation=valuation, created_by=user, created_at=database_now())
        else:
            scenario = _own_scenario(user, scenario_id)
            if scenario.valuation_id != valuation.pk:
                raise InvalidInput("scenario_unknown", "There is no such scenario on this run.")
        scenario.name, scenario.changed_at = words, database_now()
        scenario.terms = repriced.inputs.as_document()
        for column, amount in _figures(repriced).items():
            setattr(scenario, column, amount)
        return _kept(scenario, user, "scenario.saved")


@transaction.atomic
def duplicate_scenario(*, user: User, scenario_id: UUID) -> Scenario:
    """A copy under the next free name, `Name (2)`."""
    scenario = _own_scenario(user, scenario_id)
    _refuse_too_many(scenario.valuation)
    taken = set(_live(scenario.valuation).values_list("name", flat=True))
    stem = scenario.name[: LONGEST_NAME - 5]
    name = next(
        f"{stem} ({n})" for n in range(2, MOST_SCENARIOS + 3) if f"{stem} ({n})" not in taken
    )
    now = database_now()
    copy = Scenario(
        valuation=scenario.valuation,
        name=name,
        terms=scenario.terms,
        price_minor=scenario.price_minor,
        q05_minor=scenario.q05_minor,
        q95_minor=scenario.q95_minor,
        created_by=user,
        created_at=now,
        changed_at=now,
    )
    return _kept(copy, user, "scenario.saved")


@transaction.atomic
def delete_scenario(*, user: User, scenario_id: UUID) -> Scenario:
    """Take a scenario off the run's tabs; `restore_scenario` brings it back. Again: no change."""
    scenario = _own_scenario(user, scenario_id)
    if scenario.deleted_at is None:
        scenario.deleted_at = database_now()
        return _kept(scenario, user, "scenario.deleted")
    return scenario


@transaction.atomic
def restore_scenario(*, user: User, scenario_id: UUID) -> Scenario:
    """Undo a deletion. Raises InvalidInput where the name was given to another meanwhile."""
    scenario = _own_scenario(user, scenario_id)
    if scenario.deleted_at is not None:
        _refuse_too_many(scenario.valuation)
        scenario.deleted_at = None
        return _kept(scenario, user, "scenario.restored")
    return scenario


def scenarios_of(valuation: Valuation) -> list[Scenario]:
    """Saved scenarios in the order in which they were made."""
    return list(_live(valuation))


def _live(valuation: Valuation) -> Any:
    return Scenario.objects.filter(valuation=valuation, deleted_at=None)


def _own_run(user: User, valuation_id: UUID) -> Valuation:
    runs = Valuation.objects.visible_to(user).select_related("package", "organisation", "fit")
    valuation = runs.get(pk=valuation_id)
    require(user, "valuation.manage_run", valuation)
    if valuation.state != ValuationState.DONE:
        raise Refused("valuation_not_done", "Scenarios stand beside a finished run.")
    return valuation


def _own_scenario(user: User, scenario_id: UUID) -> Scenario:
    rows = Scenario.objects.visible_to(user).select_for_update(of=("self",))
    scenario = rows.select_related("valuation__package", "valuation__organisation").get(
        pk=scenario_id
    )
    require(user, "valuation.manage_run", scenario.valuation)
    return scenario


def _refuse_too_many(valuation: Valuation) -> None:
    if _live(valuation).count() >= MOST_SCENARIOS:
        raise Refused(
            "too_many_scenarios", f"A run has at most {MOST_SCENARIOS} scenarios; delete one first."
        )


def _figures(repriced: Repriced) -> dict[str, int]:
    figures, currency = repriced.figures, repriced.figures.currency
    return {
        "price_minor": door.to_minor(figures.price, currency),
        "q05_minor": door.to_minor(figures.quantiles[0.05], currency),
        "q95_minor": door.to_minor(figures.quantiles[0.95], currency),
    }


def _kept(scenario: Scenario, user: User, act: str) -> Scenario:
    try:
        with transaction.atomic():
            scenario.save()
    except IntegrityError as reason:
        raise InvalidInput(
            "name_taken",
            f"This run has a scenario named {scenario.name!r} already; choose another name.",
            field="name",
        ) from reason
    if scenario.valuation.is_sellers_own:
        record(
            type=act,
            subject=scenario,
            actor=user,
            payload={"valuation": str(scenario.valuation_id)},
        )
    return scenario
