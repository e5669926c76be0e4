"""The import of one history: chunk after chunk through its layout and rules into its table."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from django.db import transaction

from npa_market.common.clock import database_now
from npa_market.common.errors import InvalidInput
from npa_market.tapes.batches import Batch
from npa_market.tapes.chunks import chunks_of
from npa_market.tapes.columns import Column, days, empty_column, integers, texts
from npa_market.tapes.dictionary import Kind
from npa_market.tapes.findings import EXAMPLES, Finding
from npa_market.tapes.frames import flags, trimmed
from npa_market.tapes.histories import check_still_ours
from npa_market.tapes.history_layouts import LAYOUTS, Rows, rules_of
from npa_market.tapes.history_mapping import checked_reading, history_mapping, open_history
from npa_market.tapes.history_models import ROWS_OF_KIND, HistoryFile
from npa_market.tapes.history_repeats import Repeats, rest_hashes
from npa_market.tapes.loading import Columns, insert_columns
from npa_market.tapes.mapping import Mapping, Setting
from npa_market.tapes.masking import masked_cell
from npa_market.tapes.models import Loan
from npa_market.tapes.rejects import RejectsWriter, is_rejects_header, rejects_writer
from npa_market.tapes.transforms import TRANSFORMS, Cells
from npa_market.tapes.validation import ROW_SHAPE, Severity

CHUNK_ROWS = 25_000
_NUMBERS_PER_QUERY = 5_000
AFTER_CUT_OFF = "The day is after the tape's cut-off date: its balances do not know of it."
LOAN_UNKNOWN = "No loan of the tape has this number."
_MAKE = {Kind.DATE: days, Kind.MONEY: integers, Kind.INTEGER: integers, Kind.RATE: integers}
_ZERO = {"cost_minor"}
Indexes = npt.NDArray[np.int64]


@dataclass
class HistoryRun:
    """State of one run."""

    history: HistoryFile
    mapping: Mapping
    header: list[str]
    rejects: RejectsWriter
    today: date
    rows_read: int = 0
    rows_imported: int = 0
    totals: dict[str, int] = field(default_factory=dict)
    loans: set[str] = field(default_factory=set)
    known: dict[str, str] = field(default_factory=dict)  # loan number -> key, "" = no such loan
    findings: dict[tuple[str, str], Finding] = field(default_factory=dict)
    repeats: Repeats = field(init=False)

    def __post_init__(self) -> None:
        self.repeats = Repeats(self.history)

    @property
    def columns_taken(self) -> set[int]:
        """Positions of the columns that say something of a row to us, or nothing to the seller."""
        positions = set(self.mapping.column_positions(self.header).values())
        return positions | ({0, 1} if is_rejects_header(self.header) else set())

    def find(self, finding: Finding, examples: list[dict[str, Any]], count: int) -> None:
        """Add hits of one rule."""
        known = self.findings.setdefault((finding.id, finding.words), finding)
        known.count += count
        known.examples.extend(examples[: EXAMPLES - len(known.examples)])

    def findings_json(self) -> list[dict[str, Any]]:
        """Most frequent first; columns by the file's own headers."""
        own = {
            source: self.header[position]
            for source, position in self.mapping.column_positions(self.header).items()
        }
        found = sorted(self.findings.values(), key=lambda each: -each.count)
        return [_with_headers(each.as_json(), own) for each in found]


def _with_headers(finding: dict[str, Any], own: dict[str, str]) -> dict[str, Any]:
    named = [finding, *finding["examples"]]
    finding, *examples = (
        {**each, "column": own.get(each["column"], each["column"])} for each in named
    )
    return finding | {"examples": examples}


def run_history(
    history: HistoryFile,
    handle: IO[bytes],
    finish: Callable[[HistoryRun], None],
    report: Callable[[int, int, str], None] | None = None,
) -> None:
    """Read the file to its end, then call `finish` with the result. Raises Refused."""
    mapping = history_mapping(history.kind, history.columns)
    reading = checked_reading(history.kind, history.columns, history.layout)
    with (
        open_history(handle, history.kind, reading) as source,
        rejects_writer(source.header) as rejects,
    ):
        run = HistoryRun(history, mapping, source.header, rejects, database_now().date())
        run.repeats.start()
        for batch in chunks_of(source.batches, CHUNK_ROWS):
            _take_in(run, batch)
            if report:
                share = max(1, min(handle.tell(), history.file.size)) / history.file.size
                report(run.rows_read, max(run.rows_read, round(run.rows_read / share)), "Rows")
        if not run.rows_read:
            raise InvalidInput(
                "no_rows", "The file has a header and no row under it.", field="file"
            )
        finish(run)


def _take_in(run: HistoryRun, batch: Batch) -> None:
    for number, cells in batch.ragged:
        run.rejects.write(number, [f"row_shape: {ROW_SHAPE}"], cells)
        example = {"row": number, "column": "", "value": f"{len(cells)} cells"}
        run.find(Finding("row_shape", Severity.REJECT, ROW_SHAPE), [example], 1)
    run.rows_read += batch.rows + len(batch.ragged)
    rows = Rows(_read(run, batch), run.today)
    reasons = _reasons(run, batch, rows)
    _reject_unknown(run, batch, rows, reasons)
    sound, columns = _reject_repeated(run, batch, rows, reasons)
    for row in sorted(reasons):
        run.rejects.write(int(batch.row_numbers[row]), reasons[row], batch.record(row)[1])
    _note_after_cut_off(run, batch, sound, columns)
    _count(run, columns)
    with transaction.atomic():
        check_still_ours(run.history)
        insert_columns(ROWS_OF_KIND[run.history.kind], columns)
    run.rows_imported += len(sound)


def _read(run: HistoryRun, batch: Batch) -> dict[str, Column]:
    words = pa.array(sorted(run.mapping.missing_words), type=pa.string())
    found = {name: trimmed(cells) for name, cells in batch.columns.items()}
    cells = Cells(
        {name: array.to_numpy(zero_copy_only=False) for name, array in found.items()},
        {name: flags(pc.is_in(array, value_set=words)) for name, array in found.items()},
        batch.rows,
    )
    setting = Setting(run.history.tape.currency, run.history.tape.cut_off_date)
    columns = {}
    for source in run.mapping.sources:
        if source.options["from"] in found:
            transform = TRANSFORMS[source.transform]
            column = transform(cells, source.field, source.options, setting)
        else:
            column = empty_column(batch.rows, _MAKE.get(source.field.kind, texts))
        columns[source.field.name] = column
    return columns


def _reasons(run: HistoryRun, batch: Batch, rows: Rows) -> dict[int, list[str]]:
    """Reasons to reject by row; examples are masked where a stray identity stands in a cell."""
    reasons: dict[int, list[str]] = {}
    headers = {source.field.name: source.options["from"] for source in run.mapping.sources}
    for rule in rules_of(run.history.kind):
        hits = np.flatnonzero(rule.test(rows)).tolist()
        if not hits:
            continue
        column = headers[rule.field]
        cells = batch.columns.get(column)
        examples = [
            {
                "row": int(batch.row_numbers[row]),
                "column": column,
                "value": "" if cells is None else masked_cell(cells[row].as_py()),
            }
            for row in hits[:EXAMPLES]
        ]
        run.find(Finding(rule.id, Severity.REJECT, rule.words, column), examples, len(hits))
        for row in hits:
            reasons.setdefault(row, []).append(f"{rule.id}: {rule.words}")
    return reasons


def _reject_unknown(
    run: HistoryRun, batch: Batch, rows: Rows, reasons: dict[int, list[str]]
) -> None:
    """Rows whose loan number no loan of the tape has."""
    numbers = rows["loan_number"].values.tolist()
    _look_up(run, {number for number in numbers if number and number not in run.known})
    unknown = [
        row
        for row, number in enumerate(numbers)
        if row not in reasons and not run.known.get(number)
    ]
    if not unknown:
        return
    column = run.mapping.sources[0].options["from"]
    examples = [
        {
            "row": int(batch.row_numbers[row]),
            "column": column,
            "value": masked_cell(numbers[row]),
        }
        for row in unknown[:EXAMPLES]
    ]
    run.find(Finding("loan_unknown", Severity.REJECT, LOAN_UNKNOWN, column), examples, len(unknown))
    for row in unknown:
        reasons[row] = [f"loan_unknown: {LOAN_UNKNOWN}"]


def _look_up(run: HistoryRun, numbers: set[str]) -> None:
    wanted = sorted(numbers)
    run.known.update(dict.fromkeys(wanted, ""))
    for start in range(0, len(wanted), _NUMBERS_PER_QUERY):
        loans = Loan.objects.filter(
            tape=run.history.tape_id, loan_number__in=wanted[start : start + _NUMBERS_PER_QUERY]
        )
        for number, key in loans.values_list("loan_number", "pk"):
            run.known[number] = key.hex


def _reject_repeated(
    run: HistoryRun, batch: Batch, rows: Rows, reasons: dict[int, list[str]]
) -> tuple[Indexes, Columns]:
    """The rows to be taken in and their columns, without those whose money would count twice."""
    sound = np.array([row for row in range(batch.rows) if row not in reasons], np.int64)
    columns = _columns(run, rows, sound)
    rest = rest_hashes(batch, sound, run.columns_taken)
    is_kept = np.ones(len(sound), dtype=np.bool_)
    for seen in run.repeats.seen(columns, rest, batch.row_numbers[sound]):
        rule, places = seen.rule, sound[seen.places]
        if not len(places):
            continue
        numbers = rows["loan_number"].values.to_numpy()[places[:EXAMPLES]]
        likes = (f"as row {row}" if row else "as in a file before" for row in seen.like.tolist())
        examples = [
            {
                "row": int(batch.row_numbers[row]),
                "column": "",
                "value": f"{masked_cell(loan)}, {like}",
            }
            for row, loan, like in zip(places.tolist(), numbers, likes, strict=False)
        ]
        run.find(Finding(rule.id, rule.severity, rule.words), examples, len(places))
        if rule.severity is Severity.REJECT:
            is_kept[seen.places] = False
            for row in places.tolist():
                reasons[row] = [f"{rule.id}: {rule.words}"]
    kept = pa.array(is_kept)
    return sound[is_kept], {name: array.filter(kept) for name, array in columns.items()}


def _note_after_cut_off(run: HistoryRun, batch: Batch, sound: Indexes, columns: Columns) -> None:
    """Rows taken in whose day the balances of the tape do not know."""
    cut_off = pa.scalar(run.history.tape.cut_off_date, pa.date32())
    late = np.flatnonzero(pc.greater(columns["on"], cut_off).to_numpy(zero_copy_only=False))
    if not len(late):
        return
    header = next(
        source.options["from"] for source in run.mapping.sources if source.field.name == "on"
    )
    examples = [
        {
            "row": int(batch.row_numbers[sound[at]]),
            "column": header,
            "value": columns["on"][at].as_py().isoformat(),
        }
        for at in late[:EXAMPLES].tolist()
    ]
    finding = Finding("after_cut_off", Severity.NOTE, AFTER_CUT_OFF, header)
    run.find(finding, examples, len(late))


def _columns(run: HistoryRun, rows: Rows, sound: Indexes) -> Columns:
    """Sound rows as columns of the table."""
    numbers = rows["loan_number"].values.to_numpy()[sound].tolist()
    columns = {
        "source": pa.repeat(pa.scalar(run.history.pk.hex), len(sound)),
        "loan": pa.array([run.known[number] for number in numbers], type=pa.string()),
    }
    for column in LAYOUTS[run.history.kind][1:]:
        name, values = column.field.name, rows[column.field.name].values
        columns[name] = _array(column.field.kind, name, values, sound)
    return columns


def _count(run: HistoryRun, columns: Columns) -> None:
    """Add loans and sums of money of the rows taken in."""
    run.loans.update(columns["loan"].unique().to_pylist())
    for column in LAYOUTS[run.history.kind][1:]:
        if column.field.kind == Kind.MONEY:
            name = column.field.name
            total = pc.sum(columns[name]).as_py() or 0
            run.totals[name] = run.totals.get(name, 0) + total


def _array(kind: Kind, name: str, values: Any, sound: Indexes) -> pa.Array:
    if kind == Kind.DATE:
        return pa.array(values.to_numpy()[sound].astype("datetime64[D]"), type=pa.date32())
    if kind in {Kind.MONEY, Kind.INTEGER, Kind.RATE}:
        numbers = pa.Array.from_pandas(values.iloc[sound]).cast(pa.int64())
        return pc.fill_null(numbers, 0) if name in _ZERO else numbers
    cells = pa.array(values.to_numpy()[sound], type=pa.string())
    if kind == Kind.FLAG:
        return pc.if_else(pc.equal(cells, ""), None, pc.equal(cells, "yes"))
    return cells
