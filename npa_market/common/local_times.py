"""Times as people type them: on the clock of a zone, which skips an hour and repeats another."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from npa_market.common.errors import InvalidInput


def local_moment(typed: datetime, zone: ZoneInfo, *, field: str | None = None) -> datetime:
    """The moment at which the clocks of a zone show a (naive) time.

    Refused where they never show it, and where they show it twice: which of the two is meant
    decides over who is late, so nobody guesses it.
    """
    first, second = (typed.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    words = f"{typed:%Y-%m-%d %H:%M}"
    # PEP 495: the two readings differ at a change alone; in a gap the first has less offset.
    before, after = (moment.utcoffset() or timedelta(0) for moment in (first, second))
    if before < after:
        raise InvalidInput(
            "time_does_not_exist",
            f"{words} does not exist in {zone.key}: the clocks are put forward over it. Write a"
            " time before or after the gap.",
            field=field,
        )
    if before > after:
        raise InvalidInput(
            "time_is_twice",
            f"{words} comes twice in {zone.key}, at {first:%z} and at {second:%z} to UTC: the"
            " clocks are put back over it. Write a time outside the repeated hour.",
            field=field,
        )
    return first
