"""Settle due lots, deliver the outbox, resume lost valuations, discard abandoned uploads.

Every second, until stopped; pulse and ends of lots apart from all that may take long.

The bid path refuses late bids by itself and every page closes a lot lazily, so a late or dead
sweeper changes no result (A13); it only makes the result visible sooner.
"""

import signal
from collections.abc import Callable
from threading import Event, Thread
from types import FrameType
from typing import Any
from urllib.request import urlopen

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import close_old_connections

from npa_market.auctions.ceremony.services import settle_overdue_reveals
from npa_market.auctions.sale_events.opening import open_ready_events
from npa_market.auctions.services import advance_due_lots, note_pulse
from npa_market.common.outbox import deliver_pending
from npa_market.tapes.uploads import discard_abandoned
from npa_market.valuation.services import resume_lost_runs

log = structlog.get_logger(__name__)
PROBE_SECONDS = 2.0
LAST_SECONDS = 5.0


def keep_time() -> int:
    """Renew the pulse and settle what is due; how many lots moved.

    The pulse comes first: an outage is judged before a lot is settled whose end fell into it.
    """
    if web_answers():
        note_pulse()
    return advance_due_lots() + settle_overdue_reveals() + open_ready_events()


def follow_up() -> int:
    """What recorded acts lead to; how many messages went out, runs were resumed, uploads ended."""
    return deliver_pending() + resume_lost_runs() + discard_abandoned()


def sweep_once() -> int:
    """One round of both."""
    return keep_time() + follow_up()


def repeat(work: Callable[[], int], *, every: float, stopped: Event) -> None:
    """Rounds of work until stopped; a round that fails is logged, and the next starts afresh."""
    while not stopped.is_set():
        try:
            work()
        except Exception:
            log.exception("sweep_round_failed", work=work.__name__)
        close_old_connections()
        stopped.wait(every)


def web_answers() -> bool:
    """Can a bid reach the venue? True where no address to ask is set."""
    if not settings.VENUE_PROBE_URL:
        return True
    try:
        with urlopen(settings.VENUE_PROBE_URL, timeout=PROBE_SECONDS) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except OSError:
        return False


class Command(BaseCommand):
    help = "Settle due lots and deliver the outbox every second, until stopped."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--every", type=float, default=1.0, help="seconds between rounds")
        parser.add_argument("--once", action="store_true", help="one round, then end")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["once"]:
            sweep_once()
            return
        stopped = Event()

        def stop(number: int, frame: FrameType | None) -> None:
            stopped.set()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        timing = {"every": options["every"], "stopped": stopped}
        # An effect that takes long, or hangs, keeps neither the pulse nor a lot's end waiting.
        follower = Thread(target=repeat, args=(follow_up,), kwargs=timing, daemon=True)
        follower.start()
        repeat(keep_time, **timing)
        follower.join(LAST_SECONDS)
