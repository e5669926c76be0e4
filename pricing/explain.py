"""A result in words and columns, for a reader without a portal."""

from collections.abc import Iterator

from pricing.result import Result


def explain(result: Result) -> str:
    """The result as plain text: price, spread, bridge, sensitivities, segments, origin."""
    sections = (_price, _spread, _bridge, _sensitivities, _segments, _origin)
    return "\n".join(line for section in sections for line in (*section(result), ""))


def _price(result: Result) -> Iterator[str]:
    share = result.price / result.face
    yield f"Calibration   {result.calibration}"
    yield f"Pool          {result.loans:,} loans, {_money(result.face)} {result.currency} face"
    yield f"Basis         {result.basis}"
    yield f"Price         {_money(result.price)} = {share:.2%} of {result.basis}"
    yield f"              Monte Carlo error {_money(result.std_error)}"
    yield f"Seller value  {_money(result.seller_reserve)} at the seller's rate"
    if result.irr is not None and result.multiple is not None:
        payback = result.payback_months
        months = f"month {payback}" if payback else "not within the horizon"
        earned = f"{result.irr:.2%} a year, multiple {result.multiple:.2f}"
        yield f"At the price  {earned}, payback {months}"


def _spread(result: Result) -> Iterator[str]:
    yield "Value at the buyer's rate"
    for level, amount in result.quantiles.items():
        yield f"  {level:>6.1%}  {_money(amount):>20}  {amount / result.face:.2%} of {result.basis}"
    yield f"  sd      {_money(result.sd):>20}"
    yield f"  worst 5 % lose on average {_money(result.expected_shortfall)} against the price"
    yield f"  cash below the price, undiscounted: {result.loss_probability:.1%} of paths"


def _bridge(result: Result) -> Iterator[str]:
    yield "From the base curve to the price"
    for name, amount in result.bridge:
        yield f"  {name:<12}{_money(amount):>20}"
    yield f"  {'price':<12}{_money(result.price):>20}"


def _sensitivities(result: Result) -> Iterator[str]:
    yield "Price if one input moves"
    for row in result.sensitivities:
        low = f"{row.low_setting}: {_money(row.low - result.price, '+')}"
        high = f"{row.high_setting}: {_money(row.high - result.price, '+')}"
        yield f"  {row.name:<20}{low:<36}{high}"


def _segments(result: Result) -> Iterator[str]:
    yield f"  {'segment':<36}{'loans':>10}{'balance':>20}{'cash':>18}{'value':>18}"
    for row in result.segments:
        amounts = f"{_money(row.balance):>20}{_money(row.expected_cash):>18}{_money(row.value):>18}"
        yield f"  {row.name:<36}{row.loans:>10,}{amounts}"
    for out in result.excluded:
        name = f"{out.status} (valued at 0)"
        yield f"  {name:<36}{out.loans:>10,}{_money(out.balance):>20}"


def _origin(result: Result) -> Iterator[str]:
    for note in result.notes:
        yield f"Note: {note}"
    origin = result.provenance
    yield f"Engine {origin.engine_version}, seed {origin.seed}, {origin.paths} paths"
    yield f"calibration {origin.calibration_hash}"
    yield f"terms       {origin.terms_hash}"
    yield f"loans       {origin.loans_hash}"


def _money(amount: float, sign: str = "") -> str:
    return f"{amount:{sign},.2f}"
