"""The venue's pulse: until when bidding was possible, so that an outage can be told (A18).

The sweeper renews it every second while a web process answers, each web process by the requests
it answers (`middleware`) and by its open live pages. A pulse that is too old is never renewed
before its outage was judged for every lot.
"""

from datetime import datetime, timedelta

from django.db import models

from npa_market.auctions.state import OUTAGE_LIMIT
from npa_market.common.clock import database_now
from npa_market.common.statements import Statement

# A page's process need not write as often as the sweeper.
PROLONG_AFTER = timedelta(seconds=10)


class Pulse(models.Model):
    """One row: the last moment at which bidding was known to be possible."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="A18_one_pulse_of_the_venue")
        ]

    def __str__(self) -> str:
        return self.at.isoformat()


def last_pulse() -> datetime | None:
    """The last pulse; None where no sweeper has run yet."""
    row = _LAST.first()
    return row[0] if row else None


_LAST = Statement(lambda: Pulse.objects.values_list("at"))


def outage_since(now: datetime) -> datetime | None:
    """The last pulse, where it is so old that bidding was impossible since; else None."""
    at = last_pulse()
    return at if at is not None and now - at > OUTAGE_LIMIT else None


def renew_pulse() -> None:
    """Bidding is possible now. After an outage: only once it was judged for every open lot."""
    Pulse.objects.update_or_create(id=1, defaults={"at": database_now()})


def prolong_pulse(now: datetime) -> None:
    """The same from a web process: never over a gap, so that it hides no outage."""
    Pulse.objects.filter(at__lte=now - PROLONG_AFTER, at__gte=now - OUTAGE_LIMIT).update(at=now)
