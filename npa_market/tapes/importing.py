"""The import of one tape: chunk after chunk through mapping and rules into the tables.

Each chunk is a transaction of its own, so nobody waits long for the database; nothing of it is
visible before the tape is imported (`LoanQuerySet.imported`). The tape's `attempt` is a fencing
token: a run that was taken over stops at its next chunk.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import IO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from django.db import transaction

from npa_market.common.errors import InvalidInput, Refused
from npa_market.common.keys import new_keys
from npa_market.parties.models import Organisation
from npa_market.tapes.batches import Batch
from npa_market.tapes.building import (
    borrower_columns,
    borrower_indexes,
    debts_by_any_index,
    debts_of_rows,
    loan_columns,
)
from npa_market.tapes.chunks import chunks_of, one_ahead
from npa_market.tapes.comparing import DRIFT_RULES, Written, compared
from npa_market.tapes.debt_hits import Beside, shown_beside, twin_hits
from npa_market.tapes.findings import Finding, Tally, Verdict, apply_rules, note_layout
from npa_market.tapes.found_rows import (
    ChunkCells,
    Found,
    FoundWriter,
    Hits,
    found_writer,
    shown_value,
)
from npa_market.tapes.frames import read_chunk
from npa_market.tapes.keys import tape_vault
from npa_market.tapes.loading import insert_columns
from npa_market.tapes.mapping import Mapping, Setting
from npa_market.tapes.mapping_store import mapping_of
from npa_market.tapes.models import Borrower, Loan, Receipt, Tape
from npa_market.tapes.reading import Layout, TapeFile, open_tape
from npa_market.tapes.rejects import RejectsWriter, rejects_writer
from npa_market.tapes.same_debt import RENUMBERED, TWIN, DebtRule, Twins
from npa_market.tapes.several_names import SeveralNames
from npa_market.tapes.sold_again import Sold, loans_sold, sold_again
from npa_market.tapes.validation import (
    LOAN_NUMBER_TWICE,
    NOT_CHARGED_OFF,
    ROW_SHAPE,
    Checked,
    Severity,
)
from npa_market.tapes.vault import Vault, current_vault, index_key

CHUNK_ROWS = 25_000
_KEYS_PER_QUERY = 5_000
_NUMBER = "loan_number"
Report = Callable[[int, int, str], None]
Rows = npt.NDArray[np.int64]


@dataclass
class ImportRun:
    """State of one run: what was seen so far, and where rows go.

    resume_after: rows up to this number stand in the tables since an earlier run; they are read
    and counted again, not written.
    """

    tape: Tape
    mapping: Mapping
    source: TapeFile
    tally: Tally
    rejects: RejectsWriter
    found: FoundWriter
    resume_after: int = 0
    rows_read: int = 0
    rows_imported: int = 0
    seen_numbers: set[str] = field(default_factory=set)
    borrowers: dict[str, str] = field(default_factory=dict)  # blind index -> key
    sold: Sold | None = None
    beside: Beside | None = None
    vault: Vault = field(default_factory=current_vault)
    names: SeveralNames = field(default_factory=SeveralNames)
    twins: Twins = field(default_factory=Twins)
    drift: Tally | None = None  # Filled while the database is at hand; None: nothing to compare.

    @property
    def setting(self) -> Setting:
        """What the upload declared."""
        return Setting(self.tape.currency, self.tape.cut_off_date)


@dataclass(frozen=True)
class Judged:
    """A chunk after mapping and rules: its sound rows, (rows,) positions, with their borrowers."""

    chunk: Checked
    row_numbers: Rows
    sound: Rows
    indexes: npt.NDArray[np.object_]
    rows_read: int
    found: list[Found]


def run_import(
    tape: Tape, handle: IO[bytes], finish: Callable[[ImportRun], None], report: Report | None = None
) -> None:
    """Read the tape's file to its end, then call `finish` with the result.

    The files of rejects and of findings live as long as `finish` runs. Raises Refused where the
    file as a whole is wrong or another run took over.
    """
    mapping, layout = mapping_of(tape), Layout(**tape.stated_layout)
    with (
        open_tape(handle, mapping, layout) as source,
        rejects_writer(source.header) as rejects,
        found_writer() as found,
    ):
        tally = Tally(mapping, _column_names(mapping, source))
        run = ImportRun(tape, mapping, source, tally, rejects, found, tape.committed_row)
        run.sold, run.vault = loans_sold(tape.seller), tape_vault(tape)
        run.beside = Beside.of(tape)
        if run.beside.tapes:
            run.drift = Tally(mapping, tally.column_names)
        size = tape.file.size
        for judged in one_ahead(_judged(run)):
            _write(run, judged)
            if report:
                read = judged.rows_read
                total = max(read, round(read * size / max(1, min(handle.tell(), size))))
                report(read, total, f"About {total:,} rows; rows so far")
        if not run.rows_read:
            raise InvalidInput(
                "no_rows", "The file has a header and no row under it.", field="file"
            )
        _check_complete(run)
        if run.drift is not None:
            for finding in run.drift.findings.values():
                tally.note(replace(finding, count=0, examples=[]), finding.examples, finding.count)
        note_layout(tally, source.header)
        finish(run)


def _column_names(mapping: Mapping, source: TapeFile) -> dict[str, str]:
    """Header text of the column that a field comes from, where the tape has it."""
    names = {}
    for entry in mapping.sources:
        position = source.positions.get(entry.options.get("from", ""))
        if position is not None:
            names[entry.field.name] = source.header[position].strip()
    return names


def _judged(run: ImportRun) -> Iterator[Judged]:
    """Chunks of rows through mapping and rules; rejected rows go to the rejects file."""
    key = index_key()
    for batch in chunks_of(run.source.batches, CHUNK_ROWS):
        yield _judge(run, batch, key)


def _judge(run: ImportRun, batch: Batch, key: bytes) -> Judged:
    for number, record in batch.ragged:
        _reject_shape(run, number, record)
    run.rows_read += batch.rows
    numbers = batch.row_numbers
    chunk = Checked(read_chunk(run.mapping, batch.columns, run.setting), run.setting)
    by_field = {
        entry.field.name: batch.columns[entry.options["from"]]
        for entry in run.mapping.sources
        if entry.options.get("from") in batch.columns
    }
    cells = ChunkCells(numbers, by_field)
    verdict = apply_rules(chunk, run.tally, cells)
    _reject_filtered(run, chunk, verdict, cells)
    _reject_repeated(run, chunk, verdict, cells)
    _reject_sold(run, chunk, verdict, cells)
    is_sound = np.ones(batch.rows, dtype=np.bool_)
    is_sound[list(verdict.reasons)] = False
    _note_names(run, chunk, np.flatnonzero(is_sound), cells)
    run.tally.add_chunk(chunk, verdict.invalid, is_sound)
    for row in sorted(verdict.reasons):
        run.rejects.write(int(numbers[row]), verdict.reasons[row], batch.record(row)[1])
    sound = np.flatnonzero(is_sound)
    indexes = borrower_indexes(chunk, sound, run.tape.seller_id, key)
    debts = debts_of_rows(chunk, sound, indexes)
    _note_debts(run.tally, TWIN, twin_hits(run.twins, debts, numbers[sound]))
    return Judged(chunk, numbers, sound, indexes, run.rows_read, run.tally.take_found())


def _reject_shape(run: ImportRun, number: int, cells: list[str]) -> None:
    """A row with another number of cells than the header."""
    run.rows_read += 1
    run.rejects.write(number, [f"row_shape: {ROW_SHAPE}"], cells)
    found = f"{len(cells)} cells, header {len(run.source.header)}"
    run.tally.find(Finding("row_shape", Severity.REJECT, ROW_SHAPE), Hits.of([number], [found]))


def _reject_filtered(run: ImportRun, chunk: Checked, verdict: Verdict, cells: ChunkCells) -> None:
    """Rows that the mapping's row filter does not take."""
    filtered = np.flatnonzero(~chunk.frame.is_kept)
    if not len(filtered) or not run.mapping.keep_rows:
        return
    keep = run.mapping.keep_rows
    for row in filtered.tolist():
        verdict.add(row, keep.rule, NOT_CHARGED_OFF)
    hits = replace(cells.hits(filtered, "loan_number"), values=pa.repeat("", len(filtered)))
    run.tally.find(Finding(keep.rule, Severity.REJECT, NOT_CHARGED_OFF, keep.column), hits)


def _reject_repeated(run: ImportRun, chunk: Checked, verdict: Verdict, cells: ChunkCells) -> None:
    """Loan numbers that stand on an earlier row: the first sound row of a number counts."""
    sound = np.array([row for row in range(chunk.frame.rows) if row not in verdict.reasons], int)
    numbers = chunk["loan_number"].values.to_numpy()[sound].tolist()
    fresh = set(numbers)
    if len(fresh) == len(numbers) and run.seen_numbers.isdisjoint(fresh):
        run.seen_numbers |= fresh
        return
    repeated = []
    for row, number in zip(sound.tolist(), numbers, strict=True):
        if number in run.seen_numbers:
            verdict.add(row, "loan_number_twice", LOAN_NUMBER_TWICE)
            repeated.append(row)
        run.seen_numbers.add(number)
    _reject_by_number(run, "loan_number_twice", LOAN_NUMBER_TWICE, cells.hits(repeated, _NUMBER))


def _reject_by_number(run: ImportRun, rule: str, words: str, hits: Hits) -> None:
    if len(hits.rows):
        column = run.tally.column_names.get(_NUMBER, "")
        run.tally.find(Finding(rule, Severity.REJECT, words, column), hits)


def _reject_sold(run: ImportRun, chunk: Checked, verdict: Verdict, cells: ChunkCells) -> None:
    """Loans that others own since an earlier sale, under this number or another one."""
    if run.sold is None:
        return
    sound = np.array([row for row in range(chunk.frame.rows) if row not in verdict.reasons], int)
    numbers = chunk[_NUMBER].values.to_numpy()
    for again in sold_again(run.sold, chunk, sound, run.tape.seller_id):
        shown = []
        for row, sold_as in zip(again.rows, again.sold_as, strict=True):
            verdict.add(row, again.rule, again.words)
            if numbers[row] != sold_as:
                verdict.reasons[row].append(f"sold as {sold_as}")
            shown.append(shown_beside(numbers[row], sold_as))
        hits = replace(cells.hits(again.rows, _NUMBER), values=pa.array(shown, pa.string()))
        _reject_by_number(run, again.rule, again.words, hits)


def _note_names(run: ImportRun, chunk: Checked, sound: Rows, cells: ChunkCells) -> None:
    """Customer and ID numbers that stand on sound rows with several names."""
    for rule, hits in run.names.hits(chunk, sound):
        column = run.tally.column_names.get(rule.field, "")
        finding = Finding(rule.id, Severity.NOTE, rule.words, column)
        run.tally.find(finding, cells.hits(hits, rule.field))


def _note_debts(tally: Tally, rule: DebtRule, hits: Hits) -> None:
    if len(hits.rows):
        column = tally.column_names.get(_NUMBER, "")
        tally.find(Finding(rule.id, Severity.NOTE, rule.words, column), hits)


def _note_drift(run: ImportRun, judged: Judged) -> None:
    """Compare the sound rows of a chunk with the seller's other tapes."""
    if run.drift is None or run.beside is None or not len(judged.sound):
        return
    indexes = pa.array(judged.indexes, type=pa.string())
    loans, _ = loan_columns(judged.chunk, judged.sound, judged.row_numbers, indexes, run.tape)
    written = Written(
        loans["loan_number"].to_pylist(),
        loans["borrower"].to_pylist(),
        loans["principal_minor"].to_numpy(),
        loans["received_minor"].to_numpy(),
        loans["charge_off_date"].to_numpy(zero_copy_only=False).astype("datetime64[D]"),
        loans["status"].to_pylist(),
    )
    found = compared(run.tape, written)
    # Rows whose own number another tape has are that loan.
    known = np.empty(0, np.int64) if found is None else found[0]
    new = np.delete(np.arange(len(judged.sound)), known)
    owners, debts = debts_by_any_index(
        judged.chunk, judged.sound[new], judged.indexes[new], run.tape.seller_id
    )
    _note_debts(run.drift, RENUMBERED, run.beside.hits(debts, judged.row_numbers[owners]))
    if found is None:
        return
    at, sides = found
    row_numbers = loans["row_number"].to_numpy()
    for rule in DRIFT_RULES:
        hits = at[rule.test(sides)]
        if len(hits):
            column = run.tally.column_names.get(rule.field, "")
            shown = [shown_value(_NUMBER, written.numbers[hit]) for hit in hits.tolist()]
            finding = Finding(rule.id, Severity.NOTE, rule.words, column)
            run.drift.find(finding, Hits.of(row_numbers[hits].tolist(), shown, shown))


def _write(run: ImportRun, judged: Judged) -> None:
    """Insert the sound rows of a chunk in one transaction, unless another run took over."""
    run.rows_imported += len(judged.sound)
    _note_drift(run, judged)
    run.found.write([*judged.found, *(run.drift.take_found() if run.drift else ())])
    is_new = judged.row_numbers[judged.sound] > run.resume_after
    sound, indexes = judged.sound[is_new], judged.indexes[is_new]
    with transaction.atomic():
        check_still_ours(run.tape)
        if not len(sound):
            return
        keys, newcomers = _borrower_keys(run, judged.chunk, sound, indexes)
        loans, receipts = loan_columns(judged.chunk, sound, judged.row_numbers, keys, run.tape)
        insert_columns(Borrower, newcomers)
        insert_columns(Loan, loans)
        insert_columns(Receipt, receipts)
        last = int(judged.row_numbers[-1])
        Tape.objects.filter(pk=run.tape.pk).update(committed_row=last)


def check_still_ours(tape: Tape) -> None:
    """Lock the tape and its seller's borrowers; refuse to go on after a take-over."""
    # No key lock: rows that only point to the seller are written meanwhile.
    Organisation.objects.select_for_update(no_key=True).get(pk=tape.seller_id)
    current = Tape.objects.select_for_update(no_key=True).get(pk=tape.pk)
    if (current.attempt, current.state) != (tape.attempt, tape.state):
        raise Refused("import_superseded", "Another run of this import took over.")


def _borrower_keys(
    run: ImportRun, chunk: Checked, rows: Rows, indexes: npt.NDArray[np.object_]
) -> tuple[pa.Array, dict[str, pa.Array]]:
    """Key of each row's borrower as text, and the columns of those that are new."""
    encoded = pa.array(indexes, type=pa.string()).dictionary_encode()
    distinct, codes = encoded.dictionary.to_pylist(), encoded.indices.to_numpy()
    wanted = [index for index in distinct if index not in run.borrowers]
    for start in range(0, len(wanted), _KEYS_PER_QUERY):
        known = Borrower.objects.filter(
            seller=run.tape.seller_id, blind_index__in=wanted[start : start + _KEYS_PER_QUERY]
        )
        for index, key in known.values_list("blind_index", "pk"):
            run.borrowers[index] = key.hex
    new = [code for code, index in enumerate(distinct) if index not in run.borrowers]
    firsts = np.empty(len(distinct), dtype=np.int64)
    firsts[codes[::-1]] = rows[::-1]
    keys = new_keys(len(new))
    new_indexes = [distinct[code] for code in new]
    columns = borrower_columns(
        chunk,
        firsts[new],
        new_indexes,
        keys,
        seller_id=run.tape.seller_id,
        vault=run.vault,
    )
    run.borrowers.update(zip(new_indexes, columns["id"].to_pylist(), strict=True))
    by_code = pa.array([run.borrowers[index] for index in distinct], type=pa.string())
    return by_code.take(pa.array(codes)), dict(columns)


def _check_complete(run: ImportRun) -> None:
    """A resumed run that judged a row otherwise than the run before would leave a wrong tape."""
    written = Loan.objects.filter(tape=run.tape).count()
    if written != run.rows_imported:
        raise RuntimeError(f"{written} loans written, {run.rows_imported} found sound")


def discard_rows(tape: Tape) -> None:
    """Delete what a broken run left, in short transactions; borrowers without any loan go too."""
    while True:
        with transaction.atomic():
            check_still_ours(tape)
            loans = list(
                Loan.objects.filter(tape=tape).values_list("pk", flat=True)[:_KEYS_PER_QUERY]
            )
            borrowers = list(
                Loan.objects.filter(pk__in=loans).values_list("borrower_id", flat=True).distinct()
            )
            Receipt.objects.filter(loan__in=loans).delete()
            Loan.objects.filter(pk__in=loans).delete()
            Borrower.objects.filter(pk__in=borrowers, loans=None).delete()
        if len(loans) < _KEYS_PER_QUERY:
            return
