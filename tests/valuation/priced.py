"""A pool priced in one go, as a run with one shard would."""

from npa_market.valuation import door
from pricing import value


def price_rows(frame, inputs, currency):
    """Result, calibration and stand-ins of rows of a sealed file."""
    loans, stand_ins = door.loans_of(frame, inputs.channel, currency)
    return door.Priced(
        value(loans, inputs.calibration, inputs.terms), inputs.calibration, stand_ins
    )
