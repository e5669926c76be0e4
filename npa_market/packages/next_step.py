"""What a person can do next with a package, and what stands in the way: pure."""

from dataclasses import dataclass
from enum import StrEnum

from npa_market.packages.models import PackageState


class Act(StrEnum):
    """The one primary act of a page."""

    COMPLETE = "complete"
    SCREEN = "screen"
    SEAL = "seal"
    VALUE = "value"
    NONE = "none"


@dataclass(frozen=True)
class Standing:
    """Facts that decide on the next step."""

    state: PackageState
    has_transfer_basis: bool
    loans: int
    is_sealing: bool
    may_screen: bool
    may_seal: bool
    has_built: bool


@dataclass(frozen=True)
class NextStep:
    """The act, and a sentence for everybody who looks."""

    act: Act
    words: str


def next_step(standing: Standing) -> NextStep:
    """The step that leads on from here, offered to whoever may take it."""
    if standing.is_sealing:
        return NextStep(Act.NONE, "The package is being sealed.")
    if standing.state == PackageState.DRAFT:
        return _from_draft(standing)
    if standing.state == PackageState.SCREENED:
        return _from_screened(standing)
    if standing.state == PackageState.SEALED:
        return NextStep(Act.VALUE, "Final: every later step reads the sealed file.")
    return NextStep(Act.NONE, "Nothing follows: this version is no longer offered.")


def _from_draft(standing: Standing) -> NextStep:
    if not standing.loans:
        words = "No loan meets the criteria. Change them first."
        return NextStep(Act.COMPLETE if standing.may_screen else Act.NONE, words)
    if not standing.has_transfer_basis:
        words = "Record the legal basis of the transfer, then run the screen."
        return NextStep(Act.COMPLETE if standing.may_screen else Act.NONE, words)
    if not standing.may_screen:
        return NextStep(Act.NONE, "A seller's analyst runs the pre-sale screen.")
    return NextStep(Act.SCREEN, "Run the pre-sale screen: each hit is excluded or disclosed.")


def _from_screened(standing: Standing) -> NextStep:
    if standing.has_built:
        return NextStep(Act.NONE, "Hand over for release: a second person seals what you built.")
    if not standing.may_seal:
        return NextStep(Act.NONE, "A seller's approver releases and seals the package.")
    return NextStep(Act.SEAL, "Check criteria, screen and tables, then seal or return.")
