"""Take one safeguard out of a copy of the source at a time: does a fast test notice?

A text that stands nowhere any more is an error, so the list follows the source. JSON of caught and
survived; exit 1 where one survives.
"""

# ruff: noqa: E501, T201 - texts as they stand in the source; a program that prints

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
AUCTIONS = "npa_market/auctions/"
CORE = (
    "tests/auctions/test_core.py",
    "tests/auctions/test_core_formats.py",
    "tests/auctions/test_model_check.py",
    "-k",
    "not services",
)
SERVICES = (
    "tests/auctions/test_standing.py",
    "tests/auctions/test_bidding.py",
    "tests/auctions/test_formats.py",
)
BUNDLE = ("tests/auctions/test_bundle.py", "-k", "not random")
EVENTS = ("tests/auctions/sale_events/test_opening.py",)
DEPOSITS = ("tests/auctions/test_deposits_back.py",)
DISCRETION = ("tests/auctions/test_discretion.py",)
PROTOCOL = ("tests/auctions/test_protocol.py",)
CONCURRENCY = ("tests/auctions/test_concurrency.py",)
MONEY = ("tests/common/test_money.py",)
COPIED = ("npa_market", "pricing", "tests", "templates", "manage.py", "pyproject.toml")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One safeguard, the text that is it, what stands there without it, and who should notice."""

    name: str
    file: str
    text: str
    without: str
    tests: tuple[str, ...]


def _rule(name: str, module: str, text: str, without: str) -> Mutant:
    return Mutant(name, f"{AUCTIONS}{module}.py", text, without, CORE)


def _service(name: str, module: str, text: str, without: str) -> Mutant:
    return Mutant(name, f"{AUCTIONS}{module}.py", text, without, SERVICES)


MUTANTS: tuple[Mutant, ...] = (
    # comparisons and rules of the core
    _rule("A4 end counted in", "ascending", "if at < auction.ends_at:", "if at <= auction.ends_at:"),
    _rule("opening a moment late", "state", "at >= auction.terms.opens_at", "at > auction.terms.opens_at"),
    _rule("A6 window counted in", "ascending", "auction.ends_at - at >= timedelta", "auction.ends_at - at > timedelta"),
    _rule("A6 hard end ignored", "ascending", "min(auction.hard_end_at, max(auction.ends_at, extended))", "max(auction.ends_at, extended)"),
    _rule("A6 end may move back", "ascending", "max(auction.ends_at, extended)", "extended"),
    _rule("A6 cap of extensions one more", "ascending", "auction.extensions >= terms.max_extensions", "auction.extensions > terms.max_extensions"),
    _rule("A7 a raise of the maximum extends", "ascending", "if isinstance(bid, MaximumRaised):", "if isinstance(bid, int):"),
    _rule("A8 a unit below the step", "ascending", "elif amount_minor < auction.floor_minor:", "elif amount_minor < auction.floor_minor - 1:"),
    _rule("A8 a unit below the start", "ascending", "if amount_minor < auction.terms.start_price_minor:", "if amount_minor < auction.terms.start_price_minor - 1:"),
    _rule("step table from above its price", "terms", "if price_minor >= from_minor:", "if price_minor > from_minor:"),
    _rule("A9 the later of equal maxima leads", "ascending", "standing_minor >= amount_minor:", "standing_minor > amount_minor:"),
    _rule("A9 the later of equal envelopes wins", "sealed", "amount_minor > best[1]:", "amount_minor >= best[1]:"),
    _rule("A9 the later of equal round bids wins", "dutch", "(-bid.amount_minor, bid.receipt)", "(-bid.amount_minor, -bid.receipt)"),
    _rule("A10 the price is the maximum", "ascending", "price_minor = min(amount_minor, standing_minor + terms.step_at(standing_minor))", "price_minor = amount_minor"),
    _rule("A10 own maximum may be repeated", "ascending", "amount_minor <= (auction.leader_max_minor or 0)", "amount_minor < (auction.leader_max_minor or 0)"),
    _rule("A12 something after the end", "state", "    if stored.phase in TERMINAL:\n        return Refusal.CLOSED\n", ""),
    _rule("A13 cancelled after the end", "core", "if ready.phase in TERMINAL or is_too_late:", "if is_too_late:"),
    _rule("withdrawn by the seller after the opening", "core", "if ready.phase in TERMINAL or is_too_late:", "if ready.phase in TERMINAL:"),
    _rule("A14 reserve not asked", "state", "hammer_minor < reserve_minor:", "hammer_minor < 0:"),
    _rule("A14 reserve must be exceeded", "state", "hammer_minor < reserve_minor:", "hammer_minor <= reserve_minor:"),
    _rule("A15 standing not asked", "state", "    return standing_refusal(command.standing)", "    return None"),
    _rule("A17 a clock set back counts", "core", "at = max(now, auction.last_decided_at or now)\n    match", "at = now\n    match"),
    _rule("A18 an outage of exactly a minute", "core", "time_lost(running, since, at) <= OUTAGE_LIMIT", "time_lost(running, since, at) < OUTAGE_LIMIT"),
    _rule("A18 an outage over the round alone", "dutch", "        if self.stage != Stage.ROUND:\n            return self.ends_at\n", "        if True:\n            return self.ends_at\n"),
    _rule("A18 five minutes after a resumption", "state", "timedelta(minutes=10)", "timedelta(minutes=5)"),
    _rule("A18 time passes while suspended", "state", "auction.ends_at + (at - auction.suspended_since)", "auction.ends_at"),
    _rule("dutch ticks pass in a suspension", "dutch", "falls_from=auction.falls_from + pause_until(auction, event)", "falls_from=auction.falls_from"),
    _rule("dutch below the lowest price", "dutch", "max(terms.lowest_price_minor or 1, fallen)", "fallen"),
    _rule("dutch equal to the price", "dutch", "return self.accepted_minor + 1", "return self.accepted_minor"),
    _rule("dutch acceptor bids in the round", "dutch", "elif auction.stage == Stage.ROUND and is_acceptor:", "elif False:"),
    _rule("S2 a part of the envelopes", "sealed", "return found if [e.receipt for e in found] == [e.receipt for e in auction.envelopes] else None", "return found"),
    _rule("S3 the earlier envelope stays", "sealed", "return replace(auction, envelopes=(*others, new))", "return replace(auction, envelopes=(*auction.envelopes, new))"),
    _rule("A16 withdrawal without terms", "sealed", "if not auction.terms.allows_withdrawal:", "if False:"),
    _rule("negotiated: another offer than was read", "negotiated", "if command.offer != auction.offer:", "if False:"),
    _rule("negotiated: an offer at its end", "negotiated", "if at >= auction.offer_ends_at:", "if at > auction.offer_ends_at:"),
    _rule("negotiated: own offer accepted", "negotiated", "return Refusal.OWN_OFFER if is_own else None", "return None"),
    # database path: idempotency, locks, clock, constraints
    _service("A3 resend decided again", "services/bidding", "known = outcomes_of(_numbers(requests))\n    now", "known: dict[tuple[UUID, UUID], BidOutcome] = {}\n    now"),
    _service("A3 another payload under the number", "services/bidding", "if stored.request_sha256 != request.sha256:", "if False:"),
    _service("S5 any length of envelope", "services/formats", "if len(envelope) != ENVELOPE_BYTES:", "if False:"),
    _service("permission to bid", "services/bidding", 'require(user, "auctions.place_bid", buyer)\n', "pass\n"),
    _service("A15 deposit of any size", "queries", "deposit_minor=lot.deposit_minor,", "deposit_minor=0,"),
    _service("A15 deposit a unit short", "queries", "deposit_minor=lot.deposit_minor,", "deposit_minor=lot.deposit_minor - 1,"),
    _service("A15 deposit in any currency", "queries", "        currency=currency,\n", "        currency__in=[currency, 'CNY', 'EUR', 'USD'],\n"),
    _service("A3 one number twice in a transaction", "services/bidding", "            known[number] = _decide(minutes, request, bidder, now)\n        answers.append(known[number])", "            answers.append(_decide(minutes, request, bidder, now))\n            continue\n        answers.append(known[number])"),
    _service("A15 revoked NDA", "queries", "buyer=own, revoked_at=None)", "buyer=own)"),
    _service("A14 row of a sale without winner", "rows", "lot.winner_id, lot.hammer_minor = UUID(event.winner), event.hammer_minor", "pass"),
    _service("negotiated lot seen by all buyers", "models", "(~Q(format=LotFormat.NEGOTIATED) & Q(by_invitation=False))", "Q(pk__isnull=False)"),
    Mutant("notice of a negotiated lot for all", f"{AUCTIONS}notices/models.py", "public = Q(lot=None) | ~Q(lot__format=LotFormat.NEGOTIATED)", "public = Q(pk__isnull=False)", ("tests/auctions/notices/test_pages.py",)),
    Mutant("row lock", f"{AUCTIONS}locking.py", 'Lot.objects.select_for_update(skip_locked=skip_locked)', "Lot.objects.all()", CONCURRENCY),
    Mutant("clock before the lock", f"{AUCTIONS}services/bidding.py", "            lot = lock_lot(lot_id)\n            return _decide_in_turn", "            early = database_now()\n            lot = lock_lot(lot_id)\n            globals()['database_now'] = lambda: early\n            return _decide_in_turn", CONCURRENCY),
    # protocol
    Mutant("reserve in the protocol", f"{AUCTIONS}protocol.py", '"start_price_minor", "step_minor", "deposit_minor"', '"start_price_minor", "reserve_minor", "step_minor", "deposit_minor"', PROTOCOL),
    Mutant("chain not checked", f"{AUCTIONS}offline/check_protocol.py", "    check_chain(document, chain)\n", "", PROTOCOL),
    Mutant("winner not recomputed", f"{AUCTIONS}offline/check_protocol.py", 'need((event["bidder"], event["amount_minor"]) == best', "need(True", PROTOCOL),
    # several lots in one event
    Mutant("A14 a tie goes to the whole", f"{AUCTIONS}bundle.py", "whole.amount_minor <= decision.separate_minor", "whole.amount_minor < decision.separate_minor", BUNDLE),
    Mutant("A14 the whole below its reserve", f"{AUCTIONS}bundle.py", "if whole.amount_minor < sum(", "if 0 > sum(", BUNDLE),
    Mutant("A14 a separate bid below its reserve counts", f"{AUCTIONS}bundle.py", "best[1] < (package.state.terms.reserve_minor or 0)", "best[1] < 0", BUNDLE),
    Mutant("A9 the later of equal bids for the whole wins", f"{AUCTIONS}bundle.py", "amount_minor > best.amount_minor:", "amount_minor >= best.amount_minor:", BUNDLE),
    Mutant("S2 a lot of an event opened alone", f"{AUCTIONS}sealed.py", "or is_together != auction.terms.in_event:", "or False:", BUNDLE),
    Mutant("S2 an event opened without a lot that is not ready", f"{AUCTIONS}sale_events/opening.py", "if not ready or len(ready) < sum(not lot.is_over for lot in lots):", "if not ready:", EVENTS),
    Mutant("A15 a deposit after the deadline buys the whole", f"{AUCTIONS}sale_events/opening.py", "held.filter(taken_at__lt=deadline).exists()", "held.exists()", EVENTS),
    Mutant("A15 the whole without standing on every lot", f"{AUCTIONS}sale_events/opening.py", "fault = _fault(bidder.standing)", 'fault = ""', EVENTS),
    Mutant("S8 a bid for the whole in any lot", f"{AUCTIONS}offline/seal.py", 'if bid.whole_minor is not None and not sheet.get("whole"):', "if False:", EVENTS),
    # deposits that go back before the end, and what is secret or erased around an opening
    Mutant("A15 an application withdrawn after a bid", f"{AUCTIONS}services/registrations.py", "\n    if _has_bid(registration):", "\n    if False:", DEPOSITS),
    Mutant("A15 a deposit unmatched after a bid", f"{AUCTIONS}services/registrations.py", "elif _has_bid(registration):", "elif False:", DEPOSITS),
    Mutant("S7 a deposit unmatched where bids are secret", f"{AUCTIONS}services/registrations.py", "if lot.format in SECRET_FORMATS:", "if False:", DEPOSITS),
    Mutant("deposit of a refused application kept", f"{AUCTIONS}services/registrations.py", "RegistrationState.REFUSED, user)\n    _return_deposit(registration, user)", "RegistrationState.REFUSED, user)", DEPOSITS),
    Mutant("L11 a bank line booked twice", "npa_market/ledger/services.py", "if draft.line_freed_by is None:", "if False:", ("tests/ledger/test_services.py",)),
    Mutant("S7 hash of the envelopes before the end", f"{AUCTIONS}discretion.py", '("lot.bid_refused", FIXING)', '("lot.bid_refused",)', ("tests/auctions/sale_events/test_fixed_set.py",)),
    Mutant("A11 a refused maximum before the end", f"{AUCTIONS}models.py", "Q(format__in=SECRET_FORMATS) | Q(allows_proxy=True)", "Q(format__in=SECRET_FORMATS)", DISCRETION),
    Mutant("A11 a refused maximum in the log", f"{AUCTIONS}models.py", "in SECRET_FORMATS or self.allows_proxy", "in SECRET_FORMATS", DISCRETION),
    Mutant("S7 numbers in the evidence log", "npa_market/evidence/tables.py", 'fields = ("time", ', 'fields = ("seq", "time", ', ("tests/auctions/ceremony/test_log.py",)),
    Mutant("a stopped bid told before the end", f"{AUCTIONS}discretion.py", "register_for_actors(entries_for_bidders)", "pass", ("tests/auctions/guard/test_limits.py",)),
    Mutant("a stopped bid told with its name", f"{AUCTIONS}discretion.py", "[*ACTS_OF_BIDDERS, STOPPED, ", "[*ACTS_OF_BIDDERS, ", ("tests/auctions/guard/test_limits.py",)),
    Mutant("S7 bids of a cancelled round told", f"{AUCTIONS}discretion.py", "register_for_actors(bids_never_revealed)", "pass", DISCRETION),
    Mutant("S1 reveals of a cancelled lot kept", f"{AUCTIONS}services/recording.py", "if self.state.phase == Phase.CANCELLED:", "if False:", ("tests/auctions/ceremony/test_erasure.py",)),
    # rounding and reading of money
    Mutant("rounding down", "npa_market/common/money.py", "(product * 2 + 100_000) // 200_000", "product * 2 // 200_000", MONEY),
    Mutant("remainder to the larger key", "npa_market/common/money.py", "(-remainders[i], keys[i])", "(remainders[i], keys[i])", MONEY),
    Mutant("too many decimals cut off", "npa_market/common/money.py", "if minor != minor.to_integral_value():", "if False:", MONEY),
    Mutant("any size of amount", "npa_market/common/money.py", "if abs(minor) > MAX_MINOR:", "if False:", MONEY),
)  # fmt: skip
# For the short form in the suite.
SHORT = ("A8 a unit below the step", "A9 the later of equal envelopes wins", "rounding down")


class CannotTell(Exception):
    """A mutant that cannot be judged."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge mutants and print JSON; 1 where one survives."""
    parser = ArgumentParser(prog="python -m tests.hostile.mutants", description=__doc__)
    parser.add_argument("--only", nargs="*", default=None, metavar="NAME")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--list", action="store_true", help="check the texts, run nothing")
    options = parser.parse_args(arguments)
    mutants = [each for each in MUTANTS if options.only is None or each.name in options.only]
    check_texts(mutants)
    if options.list:
        print(json.dumps([each.name for each in mutants], indent=1))
        return 0
    began = time.perf_counter()
    with ThreadPoolExecutor(options.processes) as pool:
        verdicts = list(pool.map(is_caught, mutants))
    survived = [each.name for each, caught in zip(mutants, verdicts, strict=True) if not caught]
    figures = {
        "mutants": len(mutants),
        "caught": len(mutants) - len(survived),
        "survived": survived,
        "seconds": round(time.perf_counter() - began, 1),
    }
    print(json.dumps(figures, indent=1))
    return 1 if survived else 0


def check_texts(mutants: Sequence[Mutant]) -> None:
    """Every text still stands in its file. Raises CannotTell."""
    for each in mutants:
        if each.text not in (ROOT / each.file).read_text(encoding="utf-8"):
            raise CannotTell(f"{each.name}: its text no longer stands in {each.file}")


def is_caught(mutant: Mutant) -> bool:
    """Do the tests fail on a copy with this mutant? They pass on the source as it is."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        copy = Path(folder) / "source"
        copy.mkdir()
        for name in COPIED:
            place = ROOT / name
            if place.is_dir():
                ignore = shutil.ignore_patterns("__pycache__")
                shutil.copytree(place, copy / name, ignore=ignore)
            else:
                shutil.copy(place, copy / name)
        file = copy / mutant.file
        source = file.read_text(encoding="utf-8")
        file.write_text(source.replace(mutant.text, mutant.without), encoding="utf-8")
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *mutant.tests],
            cwd=copy,
            capture_output=True,
            check=False,
            timeout=900,
        )
        # 1 = tests failed; anything else (no tests, cannot start) is no proof.
        if run.returncode not in {0, 1, 2}:
            raise CannotTell(f"{mutant.name}: the tests could not run\n{run.stdout.decode()}")
        return run.returncode != 0


if __name__ == "__main__":
    sys.exit(main())
