"""How long the work on a large package takes: counted, tabled, sealed, proved, picked."""

import hashlib
import resource
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import pandas as pd
from django.db import connection
from django.test.utils import override_settings

from npa_market.packages.bidder_tables import table_for_bidders
from npa_market.packages.choosing import chosen_for_display
from npa_market.packages.criteria import read_criteria
from npa_market.packages.frames import as_frame
from npa_market.packages.models import Package
from npa_market.packages.picking import Order, Source, try_order
from npa_market.packages.pictures import pictures
from npa_market.packages.scratch import CUT_OFF, Scratch, scratch_tape
from npa_market.packages.sealed import loan_proof, read_table
from npa_market.packages.services import draft_package, screen_package, seal_package
from npa_market.packages.stratify import STRATIFY_COLUMNS, Stratification, stratify_all

T = TypeVar("T")
CRITERIA: dict[str, Any] = {
    "where": {
        "all": [
            {"field": "claim", "op": "between", "value": [100_000, 5_000_000]},
            {
                "any": [
                    {"field": "province", "op": "in", "value": ["Jiangsu", "Henan", "Hubei"]},
                    {"field": "months_since_charge_off", "op": "at_most", "value": 18},
                ]
            },
            {"not": {"field": "is_reachable", "op": "is", "value": False}},
        ]
    }
}
# Ten limits: three single classes each of province and product, each balance band at 40 %.
LIMITS = (
    ("province", "Guangdong", 0.12),
    ("province", "Jiangsu", 0.12),
    ("province", "Zhejiang", 0.11),
    ("province", "Henan", 0.10),
    ("product", "Cash loan", 0.35),
    ("product", "Revolving credit", 0.30),
    ("product", "Credit card", 0.20),
    ("age_months", "12 to under 18 months", 0.20),
    ("age_months", "18 to under 24 months", 0.18),
    ("balance", "20,000 to under 50,000", 0.30),
)
PICKED_FROM = 200_000
PROOFS = 20


def measure(loans: int) -> dict[str, Any]:
    """Seconds of each kind of work on a scratch seller; database and files are as before."""
    with TemporaryDirectory() as folder:
        own = override_settings(VAR_DIR=Path(folder), MEDIA_ROOT=Path(folder) / "files")
        with own:
            figures = {"loans": loans}
            with scratch_tape(loans) as scratch:
                connection.check_constraints()  # Of the scratch rows: not what is measured.
                figures |= _measured(scratch)
            with scratch_tape(min(loans, PICKED_FROM)) as scratch:
                figures |= _picked(scratch)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return figures | {"peak_rss_mb": round(peak), "database": connection.vendor}


def _measured(scratch: Scratch) -> dict[str, Any]:
    criteria, tapes = read_criteria(CRITERIA), [scratch.tape]

    def count() -> Any:
        return chosen_for_display(scratch.seller, criteria, tapes, CUT_OFF).totals()

    first, _ = _timed(count)
    warm, _ = _timed(count)
    package = draft_package(
        user=scratch.maker,
        seller=scratch.seller,
        title="Benchmark",
        currency=scratch.tape.currency,
        cut_off_date=CUT_OFF,
        criteria={},
        transfer_basis="Benchmark",
    )
    screening, _ = _timed(lambda: screen_package(user=scratch.maker, package_id=package.pk))
    phases = Phases()
    sealing, sealed = _timed(lambda: _sealed(scratch, package, phases))
    table = read_table(sealed)
    stratifying, tables = _timed(lambda: stratify_all(as_frame(table.select(STRATIFY_COLUMNS))))
    frame = as_frame(table.select(STRATIFY_COLUMNS))
    merging, _ = _timed(lambda: _as_bidders_see(frame, tables))
    tokens = table.column("loan_token")
    places = [n * (sealed.loans - 1) // PROOFS for n in range(PROOFS)]
    proving, _ = _timed(lambda: [loan_proof(sealed, tokens[place].as_py()) for place in places])
    bare = _bare_write(table)
    return {
        "first_count_seconds": round(first, 3),
        "totals_seconds": round(warm, 3),
        "screen_seconds": round(screening, 2),
        "seal_seconds": round(sealing, 2),
        "seal_phases": phases.seconds(),
        "stratify_seconds": round(stratifying, 2),
        "bidder_tables_seconds": round(merging, 2),
        "proof_ms": round(proving * 1000 / PROOFS, 2),
        "sealed_loans": sealed.loans,
        "bare_parquet_and_hash_seconds": round(bare, 2),
        "seal_ratio_to_bare": round(sealing / bare, 1),
    }


def _as_bidders_see(frame: pd.DataFrame, tables: dict[str, Stratification]) -> None:
    """Tables and charts with their small groups merged."""
    pictures(frame)
    for table in tables.values():
        table_for_bidders(asdict(table))


class Phases:
    """Seconds by what the sealing says it is doing."""

    def __init__(self) -> None:
        self._begun: list[tuple[str, float]] = []
        self._end = 0.0

    def report(self, done: int, total: int, message: str = "") -> None:
        """As `freezing.Progress`."""
        if message:
            self._begun.append((message, time.perf_counter()))

    def seconds(self) -> dict[str, float]:
        """Up to the next message; the last one up to `end`."""
        ends = [*(at for _, at in self._begun[1:]), self._end]
        return {name: round(end - at, 2) for (name, at), end in zip(self._begun, ends, strict=True)}

    def end(self) -> None:
        """The last one is over."""
        self._end = time.perf_counter()


def _sealed(scratch: Scratch, package: Package, phases: Phases) -> Package:
    """Sealed; its foreign keys are checked within."""
    sealed = seal_package(user=scratch.checker, package_id=package.pk, progress=phases.report)
    phases.end()
    return sealed


def _bare_write(table: Any) -> float:
    """Nothing but the same rows as a Parquet file, and its hash."""
    import pyarrow.parquet as pq

    with TemporaryDirectory() as folder:
        target = Path(folder) / "bare.parquet"

        def write() -> str:
            pq.write_table(table, target, compression="zstd")
            with target.open("rb") as handle:
                return hashlib.file_digest(handle, "sha256").hexdigest()

        return _timed(write)[0]


def _picked(scratch: Scratch) -> dict[str, Any]:
    source = Source(scratch.tape.currency, CUT_OFF, {})
    whole = chosen_for_display(scratch.seller, read_criteria({}), [scratch.tape], CUT_OFF).totals()
    order = Order("claim", whole.claim_minor * 3 // 10, "price", LIMITS)
    seconds, found = _timed(
        lambda: try_order(user=scratch.maker, seller=scratch.seller, source=source, order=order)
    )
    return {
        "optimise_seconds": round(seconds, 2),
        "gap_to_bound_percent": found.outcome.get("gap_percent"),
        "picked_from": whole.loans,
        "picked_loans": found.outcome.get("loans"),
    }


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result
