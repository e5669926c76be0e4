"""Kill database, web server and workers in turn while clients bid; count what is lost."""

import random
import signal
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import psycopg

from npa_market.portal.trials import checker
from npa_market.portal.trials.cluster import Cluster
from npa_market.portal.trials.load import finish, start_bidders
from npa_market.portal.trials.venue import PATIENCE_SECONDS, Venue

VICTIMS = ("database", "web", "worker")
THINK_SECONDS = 0.05
# Nobody but a commit itself writes its log to disk here: with `synchronous_commit` off the same
# harness must then report losses, or it proves nothing.
SERVER = {"bgwriter_lru_maxpages": "0", "wal_buffers": "64MB", "checkpoint_timeout": "1d"}
UNSAFE = {"synchronous_commit": "off"}
# Every decided bid has its answer and its evidence, and nothing else has.
_WHOLE = {
    "events without an answer": """
        SELECT count(*) FROM auctions_lotevent e WHERE e.kind = 'bid_accepted'
        AND NOT EXISTS (SELECT 1 FROM auctions_bidoutcome o WHERE o.event_id = e.id)""",
    "events without evidence": """
        SELECT abs((SELECT count(*) FROM auctions_lotevent WHERE kind = 'bid_accepted')
        - (SELECT count(*) FROM evidence_entry WHERE type = 'lot.bid_accepted'))""",
    "entries without payload": """
        SELECT count(*) FROM evidence_entry e
        WHERE NOT EXISTS (SELECT 1 FROM evidence_payload p WHERE p.entry_id = e.seq)""",
    "lots beside their log": """
        SELECT count(*) FROM auctions_lot l WHERE l.last_seq <>
        (SELECT count(*) FROM auctions_lotevent e WHERE e.lot_id = l.id)""",
}


@dataclass
class Trial:
    """One run: the venue, its clients, and what went wrong so far."""

    cluster: Cluster
    venue: Venue
    lot: dict[str, Any]
    token: str
    log: Path
    lost: set[str] = field(default_factory=set)
    violations: set[str] = field(default_factory=set)
    recoveries: list[float] = field(default_factory=list)

    def strike(self, victim: str) -> None:
        """Kill, start again, wait for the next acknowledged bid, check."""
        begin = monotonic()
        match victim:
            case "database":
                self.cluster.kill()
                self.cluster.start()
                self.cluster.hold_log_writer()
            case "web":
                self.venue.kill("web")
                self.venue.start("web")
            case _:
                for name in ("worker", "sweeper"):
                    self.venue.kill(name)
                    self.venue.start(name)
        self.venue.wait_until_ready()
        self.wait_for_answers(1)
        self.recoveries.append(monotonic() - begin)
        self.check()

    def answers(self) -> int:
        """Outcomes that clients have heard so far."""
        lines = checker.read_logs([self.log]) if self.log.exists() else []
        return len(checker.answers_on(lines, self.lot["id"]))

    def wait_for_answers(self, more: int) -> None:
        """Until clients have heard so many more outcomes. Raises RuntimeError."""
        wanted = self.answers() + more
        deadline = monotonic() + PATIENCE_SECONDS
        while self.answers() < wanted:
            if monotonic() > deadline:
                raise RuntimeError("no bid was answered after a restart")
            sleep(0.05)

    def check(self) -> tuple[list[dict[str, Any]], checker.Findings]:
        """Logs first, then the list of events: whatever was acknowledged by then must be in it."""
        lines = checker.read_logs([self.log])
        events: list[dict[str, Any]] = self.venue.read(
            f"/api/v1/lots/{self.lot['id']}/events/", self.token
        )
        # The feed may tell an event after the list was read; it is compared at the end.
        known = [line for line in lines if line.get("seq", 0) <= len(events)]
        findings = checker.check_lot(self.lot, events, known)
        self.lost |= {words for words in findings.words if words.startswith(("lost", "doubled"))}
        self.violations |= {
            words for words in findings.words if not words.startswith(("lost", "doubled"))
        }
        with psycopg.connect(self.venue.database_url) as connection:
            # One snapshot, so that the counts belong together while bids go on.
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            for name, question in _WHOLE.items():
                row = connection.execute(question).fetchone()
                if row is None or row[0]:
                    self.violations.add(f"{name}: {row and row[0]}")
        return events, findings


def run_chaos(
    cluster: Cluster, venue: Venue, *, kills: int, bidders: int, seed: int
) -> dict[str, Any]:
    """The whole trial on a prepared venue; figures as printed by `chaos_bids`."""
    stage = venue.build_stage(bidders=bidders, lots=1)
    with psycopg.connect(venue.database_url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")  # The stage itself survives in every setting.
    cluster.hold_log_writer()
    for name in ("web", "sweeper", "worker"):
        venue.start(name)
    venue.wait_until_ready()
    phases = [{"name": "chaos", "seconds": 86_400, "think_seconds": THINK_SECONDS * bidders}]
    process, log = start_bidders(venue, "chaos", stage, seed=seed, phases=phases)
    trial = Trial(cluster, venue, stage["lots"][0], stage["bidders"][0]["token"], log)
    rng = random.Random(seed)  # noqa: S311
    try:
        trial.wait_for_answers(5)
        for number in range(kills):
            sleep(rng.uniform(0.1, 1.0))  # The moment of the blow is what is tried.
            trial.strike(VICTIMS[number % len(VICTIMS)])
    except BaseException:
        process.kill()
        raise
    process.send_signal(signal.SIGTERM)
    finish(venue, "chaos", process)
    # What was lost stays lost: the last check counts all of it.
    events, findings = trial.check()
    lines = checker.read_logs([log])
    return {
        "kills": kills,
        "acknowledged": len({line["request_id"] for line in lines if "outcome" in line}),
        "accepted": sum(event["kind"] == "bid_accepted" for event in events),
        "lost": findings.lost,
        "doubled": findings.doubled,
        "unclaimed": checker.unclaimed(events, lines, trial.lot["id"]),
        "violations": len(trial.violations),
        "resent_after_faults": sum("fault" in line for line in lines),
        "slowest_recovery_seconds": round(max(trial.recoveries), 1),
        "findings": sorted(trial.lost | trial.violations)[:20],
        "seed": seed,
    }
