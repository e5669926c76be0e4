"""One thing that waits for a person, and the desk it waits at."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from npa_market.parties.models import User

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
