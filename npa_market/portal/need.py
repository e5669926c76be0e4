"""One thing that waits for a person, and the desk it waits at."""

from dataclasses import dataclass
from datetime import datetime, time
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings

from npa_market.parties.models import User
from npa_market.transfers.models import Deal
from npa_market.transfers.queries import timeline

PER_KIND = 6  # A home page names a few of each kind; the lists have them all.


@dataclass(frozen=True)
class Desk:
    """A person in one role: `institutions` are those in which they have it."""

    user: User
    institutions: frozenset[UUID]
    now: datetime


@dataclass(frozen=True)
class Need:
    """`what` to do at `url`, why in `detail`; `due` where time runs, `act` names the button."""

    what: str
    url: str
    detail: str
    act: str = "Open"
    due: datetime | None = None
    tone: str = ""


def step_due(deal: Deal) -> datetime | None:
    """The end of the day, in the venue's zone, by which the deal's open step is due."""
    step = next((step for step in timeline(deal) if step.is_now), None)
    if step is None or step.due is None:
        return None
    return datetime.combine(step.due.day, time.max, ZoneInfo(settings.VENUE_TIME_ZONE))
