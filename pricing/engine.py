"""The front door: a pool, a calibration and terms in, a result out."""

from pricing.blocks import Progress, simulate
from pricing.calibration import Calibration
from pricing.loans import Loans
from pricing.plan import plan_of
from pricing.result import Result
from pricing.summary import summarise
from pricing.terms import Terms


def value(
    loans: Loans, calibration: Calibration, terms: Terms, progress: Progress | None = None
) -> Result:
    """Value a pool by Monte Carlo.

    progress(done, total) is called in the calling thread after each block of 256 paths. Raises a
    PricingError where the three do not fit together; a result never holds a number that is not
    finite.
    """
    plan = plan_of(loans, calibration, terms)
    return summarise(plan, simulate(plan, range(terms.blocks), progress))
