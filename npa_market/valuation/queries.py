"""Reads of valuations that other rooms need."""

from typing import TYPE_CHECKING

from django.db.models import QuerySet

from npa_market.common.errors import Refused
from npa_market.common.files import read_stored
from npa_market.packages.models import Package
from npa_market.parties.models import Organisation
from npa_market.valuation import door
from npa_market.valuation.models import Fit, Valuation, ValuationState

if TYPE_CHECKING:
    from pricing import Calibration, Result


def calibrations() -> tuple["Calibration", ...]:
    """Every calibration a run may name."""
    from pricing import REFERENCES, reference_calibration

    return tuple(reference_calibration(name) for name in REFERENCES)


def fits_of(organisation: Organisation) -> QuerySet[Fit]:
    """The institution's own finished calibrations, the newest first."""
    return Fit.objects.filter(organisation=organisation, state=ValuationState.DONE)


def fitted_calibration(fit: Fit) -> "Calibration":
    """The calibration of a finished fit. Raises Refused where it is not finished."""
    from pricing import Calibration

    if fit.state != ValuationState.DONE or not fit.file_id:
        raise Refused("calibration_not_done", "The calibration is not finished.")
    return Calibration.from_json(read_stored(fit.file_id).decode())


def calibration_at(fit: Fit | None, package: Package) -> "Calibration | None":
    """The fitted calibration as a run on this package takes it: its macro factor starts where the
    calendar of the history stands at the cut-off date. None without a fit. Raises Refused."""
    return None if fit is None else door.at_cut_off(fitted_calibration(fit), package.cut_off_date)


def calibration_of(valuation: Valuation) -> "Calibration":
    """The calibration as the finished run used it, whatever is shipped today. Raises Refused."""
    return priced_of(valuation).calibration


def priced_of(valuation: Valuation) -> door.Priced:
    """Figures and assumptions of a finished run, without the allocation. Raises Refused."""
    return door.read_result(read_stored(_file(valuation, "result_file_id")))


def result_of(valuation: Valuation) -> "Result":
    """The whole result of a finished run, money in major units. Raises Refused."""
    values = allocation_of(valuation).values()
    return door.with_allocation(priced_of(valuation).result, values)


def allocation_of(valuation: Valuation) -> dict[str, float]:
    """{loan_token: value in major units}, unrounded; adds up to the price. Raises Refused."""
    return door.read_allocation(read_stored(_file(valuation, "allocation_file_id")))


def _file(valuation: Valuation, column: str) -> str:
    sha256: str | None = getattr(valuation, column)
    if valuation.state != ValuationState.DONE or not sha256:
        raise Refused("valuation_not_done", "The valuation is not finished.")
    return sha256
