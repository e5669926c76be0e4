"""One run of the main job into a folder: the steps of the story and what they leave behind."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from npa_market.auctions.models import Lot
from npa_market.diligence.models import DataRoom, Report
from npa_market.ledger.models import Hold, JournalEntry
from npa_market.packages.models import Package
from npa_market.portal.demo import outputs, story
from npa_market.settlement.models import Statement
from npa_market.tapes.models import Tape
from npa_market.transfers.models import Deal
from npa_market.valuation.models import Valuation
from npa_market.valuation.queries import result_of

CALIBRATION = {"CNY": "cn-consumer-reference", "USD": "us-consumer-reference"}
FILES = (
    *("tape.csv", "package.parquet", "manifest.json", "report.pdf"),
    *("settlement.xlsx", "journal.csv", "evidence.json"),
)


@dataclass(frozen=True)
class Job:
    """Everything the main job made, from tape to statement."""

    tape: Tape
    package: Package
    valuation: Valuation
    report: Report
    room: DataRoom
    lot: Lot
    deal: Deal
    statement: Statement


def run_main_job(stage: story.Stage, order: story.TapeOrder, criteria: dict[str, Any]) -> Job:
    """Tape in, statement out. A step that was done before gives its first result."""
    stage.say("1/8 Tape: upload and import")
    tape = story.take_in_tape(stage, order)
    stage.say("2/8 Package: criteria, screen, seal by a second person")
    title = f"Charged-off consumer loans, {tape.reference}"
    package = story.build_package(stage, tape, title, criteria | {"tapes": [str(tape.pk)]})
    stage.say("3/8 Price: recovery-curve Monte Carlo")
    valuation = story.value_package(stage, package, CALIBRATION[package.currency])
    stage.say("4/8 Due diligence: report, data room, NDAs")
    report, room = story.disclose(stage, package, valuation)
    stage.say("5/8 Auction: three qualified buyers with deposits, soft close")
    lot = story.offer(
        stage, package, story.compressed_terms(valuation, seconds_to_open=8), package.title
    )
    lot = story.auction(stage, lot, valuation)
    stage.say("6/8 Transfer: contract, payment and title, delivery by two people, receipt")
    deal = story.transfer(stage, lot)
    stage.say("7/8 Settlement: statement agreed by both finance desks")
    statement = story.settle(stage, deal)
    deal.refresh_from_db()
    return Job(tape, package, valuation, report, room, lot, deal, statement)


def object_ids(job: Job) -> list[str]:
    """Keys of every object whose entries belong to the deal."""
    lot = job.lot
    groups: list[Any] = [
        [job.tape, job.package, job.valuation, job.report, job.room],
        job.room.admissions.all(),
        [lot, *lot.registrations.all(), *lot.outcomes.all()],
        Hold.objects.filter(lot_id=lot.pk),
        JournalEntry.objects.filter(lot_id=lot.pk),
        [job.deal, job.deal.delivery, *job.deal.signatures.all(), job.statement],
    ]
    return [str(each.pk) for group in groups for each in group]


def write_outputs(job: Job, source: Path, out: Path) -> dict[str, Any]:
    """The files of the folder and its summary."""
    outputs.save_tape(source, out / "tape.csv")
    stored = {
        "package.parquet": job.package.content_sha256,
        "manifest.json": job.package.manifest_file_id,
        "report.pdf": job.report.file_id,
        "settlement.xlsx": job.statement.workbook_id,
        "journal.csv": job.statement.closing_journal_id,
    }
    for name, sha256 in stored.items():
        assert sha256, f"{name} was not made"
        outputs.save_stored(sha256, out / name)
    outputs.write_json(out / "evidence.json", outputs.evidence_of(object_ids(job)))
    summary = summary_of(job) | {"files": outputs.file_facts(out, list(FILES))}
    outputs.write_json(out / "summary.json", summary)
    return summary


def summary_of(job: Job) -> dict[str, Any]:
    """The figures of the run; money in minor units of `currency`."""
    package, valuation, lot, statement = job.package, job.valuation, job.lot, job.statement
    result = result_of(valuation)
    money = (
        *("hammer", "excluded", "adjusted", "receipts", "receipts_cost", "deposit"),
        *("balance", "fee", "tax", "seller_net"),
    )
    return {
        "currency": package.currency,
        "rows_read": job.tape.rows_read,
        "loans_imported": job.tape.rows_imported,
        "rows_rejected": job.tape.rows_rejected,
        "package": {
            "reference": package.reference,
            "loans": package.loans,
            "borrowers": package.borrowers,
            "face_minor": package.claim_minor,
            "content_sha256": package.content_sha256,
            "merkle_root": package.merkle_root,
        },
        "valuation": {
            "mean_minor": valuation.mean_minor,
            "q05_minor": valuation.q05_minor,
            "q50_minor": valuation.q50_minor,
            "q95_minor": valuation.q95_minor,
            "price_minor": valuation.price_minor,
            "irr": result.irr,
            "paths": result.provenance.paths,
            "seed": result.provenance.seed,
            "calibration": f"{valuation.calibration_name} (reference, not fitted)"
            if valuation.is_reference_calibration
            else valuation.calibration_name,
        },
        "lot": {
            "reference": lot.reference,
            "format": lot.format,
            "bids": lot.bids,
            "winner": lot.winner.name if lot.winner else None,
            "hammer_minor": lot.hammer_minor,
        },
        "deal": {"reference": job.deal.reference, "state": job.deal.state},
        "settlement": {"reference": statement.reference}
        | {f"{name}_minor": getattr(statement, f"{name}_minor") for name in money},
    }


def open_showcase(stage: story.Stage, tape: Tape) -> Lot:
    """A second package of the loans left, in a lot that stays open for two days."""
    stage.say("A second lot opens for two days")
    title = f"Fresh charge-offs, {tape.reference}"
    package = story.build_package(stage, tape, title, {"tapes": [str(tape.pk)]})
    valuation = story.value_package(stage, package, CALIBRATION[package.currency])
    story.disclose(stage, package, valuation)
    return story.offer(stage, package, story.showcase_terms(valuation), title)
