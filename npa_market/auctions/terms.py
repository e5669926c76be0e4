"""Terms of a lot: what is fixed before it opens, and what makes proposed terms unsound."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

# Amounts cross JSON, where every reader keeps integers exact up to here.
MAX_BID_MINOR = 2**53 - 1
MAX_SOFT_CLOSE_SECONDS = 86_400
MAX_STEP_ROWS = 20
LAST_YEAR = 2200
MIN_TICK_SECONDS, MIN_ROUND_SECONDS = 5, 60


class Format(StrEnum):
    """How a lot is sold."""

    ASCENDING = "ascending"
    SEALED = "sealed"
    DUTCH = "dutch"
    NEGOTIATED = "negotiated"


class StepTable(Protocol):
    """Where bids start and how they rise: terms, or the lot that keeps them."""

    @property
    def start_price_minor(self) -> int: ...
    @property
    def step_minor(self) -> int: ...
    @property
    def higher_steps(self) -> Sequence[Sequence[int]]: ...


def step_at(table: StepTable, price_minor: int) -> int:
    """The smallest step above a price."""
    step_minor = table.step_minor
    for from_minor, higher_minor in table.higher_steps:
        if price_minor >= from_minor:
            step_minor = higher_minor
    return step_minor


def floor_after(table: StepTable, price_minor: int | None, steps: int = 1) -> int:
    """The amount that many smallest steps above a price, each by the table (A8).

    None = nobody has bid: the first step leads to the start price.
    """
    floor_minor = table.start_price_minor
    if price_minor is not None:
        floor_minor = price_minor + step_at(table, price_minor)
    for _ in range(steps - 1):
        floor_minor += step_at(table, floor_minor)
    return floor_minor


@dataclass(frozen=True, slots=True)
class TermProblem:
    """One thing wrong with proposed terms: which field, a stable code, words for people."""

    field: str
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LotTerms:
    """Terms of a lot, fixed when it is announced. Money in minor units, times with a zone.

    Ascending: `ends_at` is the end as announced; a bid accepted less than `window_seconds` before
    the end in force moves it to `extension_seconds` after the bid, never beyond `hard_end_at` and
    `max_extensions` times at most. `higher_steps` are (price, step) pairs in rising order: from
    that price on, that step. With `allows_proxy` every bid is a maximum, and there is no reserve:
    the price never rises to what nobody may see, so a single bidder would never reach it.
    Sealed: `ends_at` is the deadline; no bid below `start_price_minor` counts.
    Dutch: the price falls from `start_price_minor` by `step_minor` every `tick_seconds` down to
    `lowest_price_minor` until `ends_at`; then `round_seconds` of sealed bids, then
    `best_bid_seconds` for the acceptor.
    Negotiated: `invited` is the key of the one buyer; `start_price_minor` is what the seller asks.
    Without `reserve_minor` the best bid wins at any price that the format takes.
    `in_event`: sealed, decided together with the other lots of an event. `whole_start_minor` stands
    on the event's first lot alone: the sum of all start prices, below which no bid for the whole
    counts.
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
    format: Format = Format.ASCENDING
    higher_steps: tuple[tuple[int, int], ...] = ()
    max_extensions: int | None = None
    allows_proxy: bool = False
    allows_withdrawal: bool = False
    tick_seconds: int = 60
    lowest_price_minor: int | None = None
    round_seconds: int = 600
    best_bid_seconds: int = 300
    invited: str = ""
    in_event: bool = False
    whole_start_minor: int | None = None

    def step_at(self, price_minor: int) -> int:
        """The smallest step above a price."""
        return step_at(self, price_minor)

    def problems(self, now: datetime) -> list[TermProblem]:
        """Everything wrong with these terms at `now`, in the order of the form; empty = sound."""
        return [
            *self._money_problems(),
            *self._format_problems(),
            *self._foreign_problems(),
            *self._range_problems(),
            *self._time_problems(now),
        ]

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
        has_low_reserve = self.format in {Format.ASCENDING, Format.SEALED} and (
            self.reserve_minor is not None and 0 < self.reserve_minor < self.start_price_minor
        )
        if has_low_reserve:
            words = "A reserve below the start price has no effect; raise it or leave it empty."
            found.append(TermProblem("reserve", "reserve_below_start", words))
        if self.deposit_minor > self.start_price_minor:
            words = "The deposit is part of the price, so it cannot exceed the start price."
            found.append(TermProblem("deposit", "deposit_above_start", words))
        return found

    def _format_problems(self) -> list[TermProblem]:
        match self.format:
            case Format.ASCENDING:
                return self._ascending_problems()
            case Format.DUTCH:
                return self._dutch_problems()
            case Format.NEGOTIATED if not self.invited:
                return [TermProblem("invited", "invited_needed", "Name the buyer you invite.")]
            case _:
                return []

    def _ascending_problems(self) -> list[TermProblem]:
        found = []
        rows = ((self.start_price_minor, self.step_minor), *self.higher_steps)
        rising = all(low[0] < high[0] for low, high in pairwise(rows))
        in_range = all(step > 0 and max(price, step) <= MAX_BID_MINOR for price, step in rows[1:])
        if not rising or not in_range or len(self.higher_steps) > MAX_STEP_ROWS:
            words = "Prices of the step table must rise from above the start price, steps be > 0."
            found.append(TermProblem("higher_steps", "step_table_unsound", words))
        if self.allows_proxy and self.reserve_minor is not None:
            words = (
                "Where every bid is a maximum the price rises only against another bid, so a single"
                " bidder could never reach a reserve. Make it the start price, or take bids at"
                " their amount."
            )
            found.append(TermProblem("reserve", "reserve_with_maxima", words))
        return found

    def _dutch_problems(self) -> list[TermProblem]:
        found = []
        lowest_minor = self.lowest_price_minor
        if lowest_minor is None or not 0 < lowest_minor <= self.start_price_minor:
            words = "Name the lowest price of the fall, above zero and not above the start price."
            found.append(TermProblem("lowest_price", "lowest_price_unsound", words))
        elif self.deposit_minor > lowest_minor:
            words = "The deposit is part of the price, so it cannot exceed the lowest price."
            found.append(TermProblem("deposit", "deposit_above_lowest", words))
        return found

    def _foreign_problems(self) -> list[TermProblem]:
        """Terms of another format: they would be announced and count for nothing."""
        foreign = (
            ("allows_proxy", self.allows_proxy, Format.ASCENDING),
            ("lowest_price", self.lowest_price_minor is not None, Format.DUTCH),
            ("invited", bool(self.invited), Format.NEGOTIATED),
        )
        return [
            TermProblem(field, "not_of_this_format", f"This counts for {kind} lots; leave it out.")
            for field, is_set, kind in foreign
            if is_set and self.format != kind
        ]

    def _range_problems(self) -> list[TermProblem]:
        """Numbers that no lot may have, whether its format reads them or not."""
        found = []
        if self.max_extensions is not None and not 0 <= self.max_extensions <= 10_000:
            words = "Between 0 and 10,000 extensions, or none named for no cap."
            found.append(TermProblem("max_extensions", "out_of_range", words))
        for field, seconds, least in (
            ("tick", self.tick_seconds, MIN_TICK_SECONDS),
            ("round", self.round_seconds, MIN_ROUND_SECONDS),
            ("best_bid", self.best_bid_seconds, MIN_ROUND_SECONDS),
        ):
            if not least <= seconds <= MAX_SOFT_CLOSE_SECONDS:
                words = f"Between {least} seconds and one day."
                found.append(TermProblem(field, "out_of_range", words))
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
        except (ZoneInfoNotFoundError, ValueError, OSError):
            words = "Name a zone of the IANA list, for example Asia/Shanghai."
            found.append(TermProblem("time_zone", "unknown_zone", words))
        times = {
            "registration_ends_at": self.registration_ends_at,
            "opens_at": self.opens_at,
            "ends_at": self.ends_at,
            "hard_end_at": self.hard_end_at,
        }
        far = [field for field, moment in times.items() if moment.year > LAST_YEAR]
        if far:
            words = f"Name a time before the end of {LAST_YEAR}."
            return found + [TermProblem(field, "out_of_range", words) for field in far]
        naive = [field for field, moment in times.items() if moment.utcoffset() is None]
        if naive:
            return found + [
                TermProblem(field, "no_zone", "The time needs a time zone.") for field in naive
            ]
        return found + self._order_problems(now)

    def _order_problems(self, now: datetime) -> list[TermProblem]:
        # Times of one zone would be compared by its clock, which is set forward and back.
        registration_ends_at, opens_at, ends_at, hard_end_at = (
            moment.astimezone(UTC)
            for moment in (self.registration_ends_at, self.opens_at, self.ends_at, self.hard_end_at)
        )
        orders = (
            (registration_ends_at > now, "registration_ends_at", "Must lie in the future."),
            (
                registration_ends_at <= opens_at,
                "opens_at",
                "Bidding opens when registration has ended, not before.",
            ),
            (opens_at < ends_at, "ends_at", "The end must come after the opening."),
            (
                ends_at <= hard_end_at,
                "hard_end_at",
                "The hard end cannot come before the end.",
            ),
        )
        found = [
            TermProblem(field, "wrong_order", words) for holds, field, words in orders if not holds
        ]
        rounds = timedelta(seconds=self.round_seconds + self.best_bid_seconds)
        if self.format == Format.DUTCH and not found and self.hard_end_at < self.ends_at + rounds:
            words = "Leave time for the sealed round and the best bid after the end of the fall."
            found.append(TermProblem("hard_end_at", "no_time_for_rounds", words))
        return found
