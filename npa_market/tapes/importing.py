"""The import of one tape: chunk after chunk through mapping and rules into the tables.

Each chunk is a transaction of its own, so nobody waits long for the database; nothing of it is
visible before the tape is imported (`LoanQuerySet.imported`). The tape's `attempt` is a fencing
token: a run that was taken over stops at its next chunk.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO, Any
from uuid import UUID

import numpy as np
from django.db import transaction

from npa_market.common.errors import InvalidInput, Refused
from npa_market.parties.models import Organisation
from npa_market.tapes.building import (
    TABLES,
    Rows,
    borrower_indexes,
    borrower_row,
    loan_rows,
)
from npa_market.tapes.findings import Finding, Tally, apply_rules, shown_value
from npa_market.tapes.frames import read_chunk
from npa_market.tapes.loading import insert_rows
from npa_market.tapes.mapping import Mapping, Setting, folded_header, mapping_named
from npa_market.tapes.models import Borrower, Loan, Receipt, Tape, TapeState
from npa_market.tapes.reading import Record, TapeFile, open_tape
from npa_market.tapes.rejects import RejectsWriter, rejects_writer
from npa_market.tapes.validation import (
    LOAN_NUMBER_TWICE,
    NOT_CHARGED_OFF,
    ROW_SHAPE,
    Checked,
    Severity,
)
from npa_market.tapes.vault import current_vault, index_key

CHUNK_ROWS = 10_000
_KEYS_PER_QUERY = 5_000
Report = Callable[[int, int, str], None]


@dataclass
class ImportRun:
    """State of one run: what was seen so far, and where rows go."""

    tape: Tape
    mapping: Mapping
    source: TapeFile
    tally: Tally
    rejects: RejectsWriter
    rows_read: int = 0
    rows_imported: int = 0
    seen_numbers: set[str] = field(default_factory=set)
    borrowers: dict[str, UUID] = field(default_factory=dict)

    @property
    def setting(self) -> Setting:
        """What the upload declared."""
        return Setting(self.tape.currency, self.tape.cut_off_date)


def run_import(
    tape: Tape, handle: IO[bytes], finish: Callable[[ImportRun], None], report: Report | None = None
) -> None:
    """Read the tape's file to its end, then call `finish` with the result.

    The rejects file lives as long as `finish` runs. Raises Refused where the file as a whole is
    wrong or another run took over.
    """
    mapping = mapping_named(tape.mapping)
    with open_tape(handle, mapping) as source, rejects_writer(source.header) as rejects:
        tally = Tally(mapping, _column_names(mapping, source))
        run = ImportRun(tape, mapping, source, tally, rejects)
        size = tape.file.size
        for chunk in _chunks(source.records, mapping):
            _import_chunk(run, chunk)
            if report:
                report(min(handle.tell(), size), size, f"{run.rows_read:,} rows read")
        if not run.rows_read:
            raise InvalidInput(
                "no_rows", "The file has a header and no row under it.", field="file"
            )
        _note_layout(run)
        finish(run)


def _chunks(records: Iterator[Record], mapping: Mapping) -> Iterator[list[Record]]:
    """Records that are loans, some thousand at a time; footers and blank lines drop out."""
    chunk: list[Record] = []
    for record in records:
        if mapping.is_footer(record[1]):
            continue
        chunk.append(record)
        if len(chunk) == CHUNK_ROWS:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _column_names(mapping: Mapping, source: TapeFile) -> dict[str, str]:
    """Header text of the column that a field comes from, where the tape has it."""
    names = {}
    for entry in mapping.sources:
        position = source.positions.get(entry.options.get("from", ""))
        if position is not None:
            names[entry.field.name] = source.header[position].strip()
    return names


def _import_chunk(run: ImportRun, records: list[Record]) -> None:
    run.rows_read += len(records)
    records = _well_shaped(run, records)
    if not records:
        return
    row_numbers = [number for number, _ in records]
    raw = {
        source: [cells[position] for _, cells in records]
        for source, position in run.source.positions.items()
    }
    chunk = Checked(read_chunk(run.mapping, raw, run.setting), run.setting)
    by_field = {
        entry.field.name: raw[entry.options["from"]]
        for entry in run.mapping.sources
        if entry.options.get("from") in raw
    }
    reasons, invalid = apply_rules(chunk, run.tally, row_numbers, by_field)
    _reject_others(run, chunk, reasons, row_numbers)
    is_valid = np.fromiter((not each for each in reasons), bool, len(reasons))
    run.tally.add_chunk(chunk, invalid, is_valid)
    for index in np.flatnonzero(~is_valid):
        run.rejects.write(row_numbers[index], reasons[index], records[index][1])
    _write(run, chunk, np.flatnonzero(is_valid).tolist(), row_numbers)


def _well_shaped(run: ImportRun, records: list[Record]) -> list[Record]:
    """Records as wide as the header; a wider one passes if its surplus is blank."""
    width = len(run.source.header)
    fitting, examples = [], []
    for number, cells in records:
        if len(cells) == width or (len(cells) > width and not any(cells[width:])):
            fitting.append((number, cells[:width]))
            continue
        run.rejects.write(number, [f"row_shape: {ROW_SHAPE}"], cells)
        found = f"{len(cells)} cells, header {width}"
        examples.append({"row": number, "column": "", "value": found})
    if examples:
        run.tally.find(Finding("row_shape", Severity.REJECT, ROW_SHAPE), examples)
    return fitting


def _reject_others(
    run: ImportRun, chunk: Checked, reasons: list[list[str]], row_numbers: Sequence[int]
) -> None:
    """Rules over the whole tape: the row filter, and loan numbers that stand on an earlier row.

    The first valid row of a loan number is the one that counts.
    """
    numbers = chunk["loan_number"].values.tolist()
    filtered, repeated = [], []
    for row in range(chunk.frame.rows):
        if not chunk.frame.is_kept[row]:
            reasons[row].append(f"{_filter_rule(run)}: {NOT_CHARGED_OFF}")
            filtered.append({"row": row_numbers[row], "column": "", "value": ""})
        elif not reasons[row]:
            if numbers[row] in run.seen_numbers:
                reasons[row].append(f"loan_number_twice: {LOAN_NUMBER_TWICE}")
                value = shown_value("loan_number", numbers[row])
                column = run.tally.column_names["loan_number"]
                repeated.append({"row": row_numbers[row], "column": column, "value": value})
            run.seen_numbers.add(numbers[row])
    if filtered:
        column = run.mapping.keep_rows.column if run.mapping.keep_rows else ""
        finding = Finding(_filter_rule(run), Severity.REJECT, NOT_CHARGED_OFF, column)
        run.tally.find(finding, filtered)
    if repeated:
        column = run.tally.column_names["loan_number"]
        finding = Finding("loan_number_twice", Severity.REJECT, LOAN_NUMBER_TWICE, column)
        run.tally.find(finding, repeated)


def _filter_rule(run: ImportRun) -> str:
    return run.mapping.keep_rows.rule if run.mapping.keep_rows else ""


def _write(run: ImportRun, chunk: Checked, rows: list[int], row_numbers: Sequence[int]) -> None:
    """Insert the valid rows of a chunk in one transaction, unless another run took over."""
    with transaction.atomic():
        check_still_ours(run.tape)
        ready = Rows()
        keys = _borrower_keys(run, chunk, rows, ready)
        for loan, receipts in loan_rows(chunk, rows, row_numbers, keys, run.tape):
            ready.loans.append(loan)
            ready.receipts.extend(receipts)
        for (model, names), table in zip(
            TABLES, (ready.borrowers, ready.loans, ready.receipts), strict=True
        ):
            insert_rows(model, names, table)
    run.rows_imported += len(rows)


def check_still_ours(tape: Tape) -> None:
    """Lock the tape and its seller's borrowers; refuse to go on after a take-over."""
    Organisation.objects.select_for_update().get(pk=tape.seller_id)
    current = Tape.objects.select_for_update().get(pk=tape.pk)
    if (current.attempt, current.state) != (tape.attempt, TapeState.IMPORTING):
        raise Refused("import_superseded", "Another run of this import took over.")


def _borrower_keys(run: ImportRun, chunk: Checked, rows: list[int], ready: Rows) -> list[UUID]:
    """Key of each valid row's borrower; new ones are added to `ready`."""
    indexes = borrower_indexes(chunk, run.tape.seller_id, index_key())
    wanted = list({indexes[row] for row in rows} - run.borrowers.keys())
    for start in range(0, len(wanted), _KEYS_PER_QUERY):
        known = Borrower.objects.filter(
            seller=run.tape.seller_id, blind_index__in=wanted[start : start + _KEYS_PER_QUERY]
        )
        run.borrowers.update(known.values_list("blind_index", "pk"))
    vault, keys = current_vault(), []
    for row in rows:
        index = indexes[row]
        if index not in run.borrowers:
            borrower = borrower_row(chunk, row, index, run.tape.seller_id, vault)
            ready.borrowers.append(borrower)
            run.borrowers[index] = borrower[0]
        keys.append(run.borrowers[index])
    return keys


def _note_layout(run: ImportRun) -> None:
    """Disclose derived fields and columns that the mapping leaves aside."""
    for source in run.mapping.sources:
        if source.derived:
            filled = run.tally.completeness[source.field.name].filled
            finding = Finding("field_derived", Severity.NOTE, source.derived, source.field.title)
            run.tally.find(finding, [], filled)
    unused = [
        name.strip()[:80]
        for name in run.source.header
        if name.strip() and folded_header(name) not in run.mapping.aliases
    ]
    if unused:
        words = "Columns of the file that the mapping does not take in."
        examples: list[dict[str, Any]] = [
            {"row": 0, "column": name, "value": ""} for name in unused
        ]
        run.tally.find(Finding("columns_unused", Severity.NOTE, words), examples)


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
