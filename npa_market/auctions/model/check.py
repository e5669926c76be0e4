"""Hold the core against the reference and the laws, history by history, on all processors."""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from npa_market.auctions.model.histories import Step, history
from npa_market.auctions.model.laws import broken_laws, told
from npa_market.auctions.model.plain import micro, plain_command, plain_event, plain_terms
from npa_market.auctions.model.reference import Reference
from npa_market.auctions.terms import Format, LotTerms

CHUNK = 500
SHOWN = 5


@dataclass
class Findings:
    """What a run found; the first few in full, with what replays them."""

    histories: int = 0
    commands: int = 0
    differences: int = 0
    violations: int = 0
    shown: list[dict[str, Any]] = field(default_factory=list)

    def add(self, other: "Findings") -> None:
        self.histories += other.histories
        self.commands += other.commands
        self.differences += other.differences
        self.violations += other.violations
        self.shown = (self.shown + other.shown)[:SHOWN]


def difference(terms: LotTerms, steps: Iterable[Step]) -> dict[str, Any] | None:
    """The first step at which core and reference disagree; None = they never do."""
    reference = Reference(plain_terms(terms))
    for number, step in enumerate(steps):
        said = reference.say(plain_command(step.command), micro(step.now))
        decided = [plain_event(event) for event in step.events]
        if said != decided:
            return {
                "step": number,
                "command": repr(step.command),
                "now": step.now.isoformat(),
                "core": decided,
                "reference": said,
            }
    return None


def check_one(seed: int, number: int, only: Format | None = None) -> Findings:
    """Check one history; a finding carries the whole of it."""
    terms, steps = history(seed, number, only)
    found = difference(terms, steps)
    broken = broken_laws(told(terms, steps))
    findings = Findings(1, len(steps), found is not None, len(broken))
    if found or broken:
        findings.shown.append(
            {
                "seed": seed,
                "history": number,
                "format": only.value if only else None,
                "difference": found,
                "broken": broken,
                "terms": repr(terms),
                "steps": [(repr(each.command), each.now.isoformat()) for each in steps],
            }
        )
    return findings


Work = tuple[int, range, Format | None]


def _check_chunk(work: Work) -> Findings:
    seed, numbers, only = work
    findings = Findings()
    for number in numbers:
        findings.add(check_one(seed, number, only))
    return findings


def model_check(
    numbers: range, *, seed: int, only: Format | None = None, processes: int | None = None
) -> dict[str, Any]:
    """Check these histories of a seed; a document for the command to print."""
    return checked(_check_chunk, chunks(numbers, seed, only), processes)


def chunks(numbers: range, seed: int, only: Format | None) -> list[Work]:
    """The work in pieces that a process takes at once."""
    return [(seed, numbers[first : first + CHUNK], only) for first in range(0, len(numbers), CHUNK)]


def checked(
    check: Callable[[Work], Findings], work: Sequence[Work], processes: int | None
) -> dict[str, Any]:
    """The figures of the work, done by as many processes as there are processors."""
    began = time.perf_counter()
    findings = Findings()
    workers = min(processes or os.cpu_count() or 1, max(1, len(work)))
    if workers == 1:
        for chunk in map(check, work):
            findings.add(chunk)
    else:
        with ProcessPoolExecutor(workers) as pool:
            for chunk in pool.map(check, work):
                findings.add(chunk)
    seconds = time.perf_counter() - began
    return {
        "histories": findings.histories,
        "commands": findings.commands,
        "differences": findings.differences,
        "violations": findings.violations,
        "seconds": round(seconds, 2),
        "histories_per_second": round(findings.histories / seconds, 1),
        "processes": workers,
        "findings": findings.shown,
    }
