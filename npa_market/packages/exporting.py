"""Files of a sealed package for other programs: CSV, Excel, Parquet, EBA templates.

Rows are written some thousand at a time, so the memory needed is that of the sealed table. No cell
is ever a formula: CSV quotes what a spreadsheet would run, Excel gets texts as texts.
"""

import csv
import io
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from npa_market.common.exports import csv_lines
from npa_market.common.money import to_decimal
from npa_market.common.workbooks import write_sheets
from npa_market.packages.eba import CUT_OFF, REPAYMENTS, TEMPLATES, EbaField
from npa_market.packages.saved import ExportForm

ROWS_AT_ONCE = 5_000
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Content:
    """What is written: rows in the sealed form, and what every file says about itself.

    notice: who it was made for and when; "" where the seller made it for itself.
    """

    table: pa.Table
    reference: str
    currency: str
    cut_off_date: date
    notice: str = ""


def write_export(content: Content, form: ExportForm, target: Path, progress: Progress) -> None:
    """Write one file to `target`; `progress(done, total)` counts rows."""
    writer = {
        ExportForm.CSV: _write_csv,
        ExportForm.XLSX: _write_xlsx,
        ExportForm.PARQUET: _write_parquet,
        ExportForm.EBA: _write_eba,
    }[form]
    writer(content, target, progress)


def _write_csv(content: Content, target: Path, progress: Progress) -> None:
    with target.open("w", encoding="utf-8", newline="") as out:
        rows = table_rows(content.table, progress)
        out.writelines(csv_lines(content.table.column_names, rows))


def table_rows(table: pa.Table, progress: Progress | None = None) -> Iterator[list[Any]]:
    """Rows as cells: dates ISO 8601, receipts `month:gross:cost` joined by blanks."""
    done = 0
    for batch in table.to_batches(max_chunksize=ROWS_AT_ONCE):
        columns = [column.to_pylist() for column in batch.columns]
        for values in zip(*columns, strict=True):
            yield [_cell(value) for value in values]
        done += batch.num_rows
        if progress:
            progress(done, table.num_rows)


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return " ".join(
            f"{_cell(each['month']) or 'undated'}:{each['gross_minor']}:{each['cost_minor']}"
            for each in value
        )
    return value.isoformat() if isinstance(value, date) else value


def _write_xlsx(content: Content, target: Path, progress: Progress) -> None:
    write_sheets(
        target,
        content.table.column_names,
        table_rows(content.table, progress),
        title="Loans",
        reference=content.reference,
        notice=content.notice,
    )


def _write_parquet(content: Content, target: Path, progress: Progress) -> None:
    about = {"package": content.reference, "notice": content.notice}
    table = content.table.replace_schema_metadata(about)
    with pq.ParquetWriter(target, table.schema, compression="zstd") as writer:
        for done in range(0, max(1, table.num_rows), 64_000):
            writer.write_table(table.slice(done, 64_000))
            progress(min(done + 64_000, table.num_rows), table.num_rows)


def _write_eba(content: Content, target: Path, progress: Progress) -> None:
    """A zip of one CSV per template, and a list of the fields with their sources."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as book:
        for name, fields in TEMPLATES.items():
            rows = _eba_rows(content, name, fields)
            lines = csv_lines([field.head for field in fields], rows)
            with book.open(f"{name}.csv", "w") as out:
                for line in lines:
                    out.write(line.encode())
            progress(content.table.num_rows, content.table.num_rows)
        book.writestr("fields.csv", _eba_legend())


def _eba_rows(content: Content, name: str, fields: Sequence[EbaField]) -> Iterator[list[Any]]:
    table = _counterparties(content.table) if name.startswith("1") else content.table
    for batch in table.to_batches(max_chunksize=ROWS_AT_ONCE):
        for row in batch.to_pylist():
            if fields is REPAYMENTS:
                for paid in row["receipts"]:
                    yield [_eba_cell(field, row | paid, content) for field in fields]
            else:
                yield [_eba_cell(field, row, content) for field in fields]


def _counterparties(table: pa.Table) -> pa.Table:
    """One row per borrower: reachable where any loan says so, the latest contact of all loans.

    Empty where no loan says anything.
    """
    grouped = table.group_by("borrower_token", use_threads=False)  # In the order of the file.
    merged = grouped.aggregate([("is_reachable", "any"), ("last_contact_month", "max")])
    return merged.select(
        ["borrower_token", "is_reachable_any", "last_contact_month_max"]
    ).rename_columns(["borrower_token", "is_reachable", "last_contact_month"])


def _eba_cell(field: EbaField, row: dict[str, Any], content: Content) -> Any:
    if field.how == "constant":
        return field.source
    if field.source == CUT_OFF:
        return content.cut_off_date.isoformat()
    value = row[field.source]
    if value is None:
        return ""
    if field.how == "money":
        return to_decimal(value, content.currency)
    if field.how == "rate":
        return Decimal(value) / 100
    if field.how == "flag":
        return "Yes" if value else "No"
    return _cell(value)


def _eba_legend() -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["template", "number", "name", "from", "compared with the regulation"])
    for name, fields in TEMPLATES.items():
        for field in fields:
            checked = "yes" if field.is_confirmed else "number read second-hand"
            writer.writerow([name, field.number, field.name, field.source, checked])
    return out.getvalue()
