"""Terms of a lot: what is fixed before it opens, and what makes proposed terms unsound."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

# Amounts cross JSON, where every reader keeps integers exact up to here.
MAX_BID_MINOR = 2**53 - 1
MAX_SOFT_CLOSE_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class TermProblem:
    """One thing wrong with proposed terms: which field, a stable code, words for people."""

    field: str
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LotTerms:
    """Terms of a lot, fixed when it is announced. Money in minor units, times with a zone.

    `ends_at` is the end as announced; a bid accepted less than `window_seconds` before the end in
    force moves it to `extension_seconds` after the bid, never beyond `hard_end_at`. Without
    `reserve_minor` the best bid wins at any price from the start price.
    """

    start_price_minor: int
    step_minor: int
    deposit_minor: int
    registration_ends_at: datetime
    opens_at: datetime
    ends_at: datetime
    hard_end_at: datetime
    reserve_minor: int | None = None
    window_seconds: int = 300
    extension_seconds: int = 300
    time_zone: str = "Asia/Shanghai"

    def problems(self, now: datetime) -> list[TermProblem]:
        """Everything wrong with these terms at `now`, in the order of the form; empty = sound."""
        return [*self._money_problems(), *self._time_problems(now)]

    def _money_problems(self) -> list[TermProblem]:
        found = []
        amounts = {
            "start_price": self.start_price_minor,
            "step": self.step_minor,
            "deposit": self.deposit_minor,
        }
        if self.reserve_minor is not None:
            amounts["reserve"] = self.reserve_minor
        for field, amount_minor in amounts.items():
            if amount_minor <= 0:
                found.append(TermProblem(field, "not_positive", "The amount must be above zero."))
            elif amount_minor > MAX_BID_MINOR:
                found.append(TermProblem(field, "amount_too_large", "The amount is too large."))
        if self.reserve_minor is not None and 0 < self.reserve_minor < self.start_price_minor:
            words = "A reserve below the start price has no effect; raise it or leave it empty."
            found.append(TermProblem("reserve", "reserve_below_start", words))
        if self.deposit_minor > self.start_price_minor:
            words = "The deposit is part of the price, so it cannot exceed the start price."
            found.append(TermProblem("deposit", "deposit_above_start", words))
        return found

    def _time_problems(self, now: datetime) -> list[TermProblem]:
        found = []
        for field, seconds in (
            ("window", self.window_seconds),
            ("extension", self.extension_seconds),
        ):
            if not 0 <= seconds <= MAX_SOFT_CLOSE_SECONDS:
                words = "Between 0 seconds and one day."
                found.append(TermProblem(field, "out_of_range", words))
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError):
            words = "Name a zone of the IANA list, for example Asia/Shanghai."
            found.append(TermProblem("time_zone", "unknown_zone", words))
        times = {
            "registration_ends_at": self.registration_ends_at,
            "opens_at": self.opens_at,
            "ends_at": self.ends_at,
            "hard_end_at": self.hard_end_at,
        }
        naive = [field for field, moment in times.items() if moment.utcoffset() is None]
        if naive:
            return found + [
                TermProblem(field, "no_zone", "The time needs a time zone.") for field in naive
            ]
        return found + self._order_problems(now)

    def _order_problems(self, now: datetime) -> list[TermProblem]:
        orders = (
            (self.registration_ends_at > now, "registration_ends_at", "Must lie in the future."),
            (
                self.registration_ends_at <= self.opens_at,
                "opens_at",
                "Bidding opens when registration has ended, not before.",
            ),
            (self.opens_at < self.ends_at, "ends_at", "The end must come after the opening."),
            (
                self.ends_at <= self.hard_end_at,
                "hard_end_at",
                "The hard end cannot come before the end.",
            ),
        )
        return [
            TermProblem(field, "wrong_order", words) for holds, field, words in orders if not holds
        ]
