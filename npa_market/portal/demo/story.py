"""The main job, step by step; each step finds its earlier result, so a second run adds nothing."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from npa_market.auctions.core import LotTerms
from npa_market.auctions.models import Lot, LotState, RegistrationState
from npa_market.auctions.services import (
    admit_registration,
    announce_lot,
    confirm_deposit,
    register_for_lot,
)
from npa_market.common.clock import database_now
from npa_market.common.files import CHUNK
from npa_market.diligence.models import Admission, DataRoom, Report
from npa_market.diligence.services import make_report, open_room, sign_nda
from npa_market.packages.models import Package, PackageState
from npa_market.packages.services import draft_package, screen_package, seal_package
from npa_market.portal.demo.bidding import Bidder, bid_out
from npa_market.portal.demo.cast import Cast
from npa_market.portal.demo.worker import wait_for
from npa_market.settlement.models import Statement
from npa_market.settlement.services import agree_statement, make_statement
from npa_market.tapes.models import Tape, TapeState
from npa_market.tapes.services import upload_tape
from npa_market.transfers.models import Deal, DealState
from npa_market.transfers.services import (
    award_deal,
    confirm_receipt,
    record_payment,
    release_delivery,
    sign_contract,
)
from npa_market.valuation.models import Valuation, ValuationState
from npa_market.valuation.services import request_valuation

Say = Callable[[str], None]


@dataclass(frozen=True)
class Stage:
    """Where the story plays: the cast, the running worker, and how to speak."""

    cast: Cast
    worker: subprocess.Popen[bytes]
    say: Say


@dataclass(frozen=True)
class TapeOrder:
    """Which file to take in, and how to read it."""

    path: Path
    mapping: str
    currency: str
    cut_off_date: date


def take_in_tape(stage: Stage, order: TapeOrder) -> Tape:
    """Upload by the seller's analyst; the worker imports."""
    with order.path.open("rb") as handle:
        tape = upload_tape(
            user=stage.cast.user("analyst@seller.example"),
            seller=stage.cast.seller,
            chunks=iter(lambda: handle.read(CHUNK), b""),
            file_name=order.path.name,
            mapping=order.mapping,
            currency=order.currency,
            cut_off_date=order.cut_off_date,
        )
    if tape.job is not None and tape.state != TapeState.IMPORTED:
        wait_for(tape.job, stage.worker, stage.say)
    tape.refresh_from_db()
    return tape
