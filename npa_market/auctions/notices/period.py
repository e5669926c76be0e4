"""How long before its bidding day a lot must be announced: working days, a rule of the venue."""

from dataclasses import dataclass
from datetime import date

from npa_market.common.working_days import DueDay, due_after


@dataclass(frozen=True, slots=True)
class NoticeRule:
    """Working days that must lie between a notice and the bidding day.

    `short` replaces `announcement` where the same loan list was pre-marketed `premarketing` working
    days before. Zero asks nothing.
    """

    premarketing: int
    announcement: int
    short: int


@dataclass(frozen=True, slots=True)
class Earliest:
    """The first bidding day that a notice allows, and the rule that it follows from."""

    due: DueDay
    working_days: int
    is_shortened: bool


def earliest_bidding_day(
    rule: NoticeRule, announced_on: date, *, premarketed_on: date | None, bidding_day: date
) -> Earliest:
    """First day on which bidding may open after an announcement.

    `premarketed_on`: day of a pre-marketing notice with the identical loan list, if there was one.
    Days are those of the lot's zone; the day of the notice itself does not count.
    """
    in_time = (
        premarketed_on is not None
        and due_after(premarketed_on, rule.premarketing).day <= bidding_day
    )
    days = min(rule.short, rule.announcement) if in_time else rule.announcement
    return Earliest(due_after(announced_on, days), days, in_time)
