"""Which decisions the venue may take on an institution, and what each must say."""

from dataclasses import dataclass
from datetime import date

from npa_market.common.errors import InvalidInput, Refused
from npa_market.parties.models import QualificationState as State

NEXT_STATES: dict[State, frozenset[State]] = {
    State.APPLIED: frozenset({State.QUALIFIED, State.REFUSED}),
    State.QUALIFIED: frozenset({State.QUALIFIED, State.SUSPENDED}),
    State.SUSPENDED: frozenset({State.QUALIFIED, State.REFUSED}),
    State.REFUSED: frozenset({State.QUALIFIED}),
}


@dataclass(frozen=True)
class Decision:
    """What the venue decided, why, and (for a qualification) until when."""

    state: State
    reason: str = ""
    until: date | None = None


def check_decision(before: State, decision: Decision, today: date) -> None:
    """Raise where the decision may not follow, or lacks its reason or its end date."""
    if decision.state not in NEXT_STATES[before]:
        raise Refused(
            "decision_out_of_order",
            f"An institution that is {before.label.lower()} cannot become"
            f" {decision.state.label.lower()}.",
            field="state",
        )
    if decision.state == State.QUALIFIED:
        if decision.until is None or decision.until <= today:
            raise InvalidInput(
                "until_not_in_future",
                "Say until which day the papers are valid; the day must be after today.",
                field="until",
            )
    elif not decision.reason.strip():
        raise InvalidInput(
            "reason_missing", "Say why: the institution reads this reason.", field="reason"
        )
