"""Every answer of a web process is a sign that bidding is possible (A18)."""

import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.db import DatabaseError
from django.http import HttpRequest

from npa_market.auctions.pulse import PROLONG_AFTER
from npa_market.auctions.services import keep_pulse
from npa_market.common.errors import Busy

log = structlog.get_logger(__name__)
# Asked from the machine itself: no sign that a bid could reach the venue.
PROBES = frozenset({"/healthz", "/readyz"})


class PulseMiddleware:
    """Keeps the venue's pulse by the requests that are answered, with or without a sweeper.

    A process asks the database at most once in `PROLONG_AFTER`. After an outage the first answer
    has it judged for every lot, so that no later request judges it again. The live feed keeps the
    pulse by itself.
    """

    async_capable = True
    sync_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._turn = threading.Lock()
        self._next = 0.0
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        response = self.get_response(request)
        if iscoroutinefunction(self) or request.path in PROBES:
            return response
        if response.status_code < 500 and self._is_due():
            _keep()
        return response

    def _is_due(self) -> bool:
        """True for one request at a time, and not again for a while."""
        with self._turn:
            if time.monotonic() < self._next:
                return False
            self._next = time.monotonic() + PROLONG_AFTER.total_seconds()
            return True


def _keep() -> None:
    try:
        keep_pulse()
    except (Busy, DatabaseError):
        # The answer stands; another request or the sweeper keeps the pulse.
        log.warning("pulse_not_kept", exc_info=True)
