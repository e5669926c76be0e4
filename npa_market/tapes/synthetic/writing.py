"""A table of texts as a file: CSV, packed CSV, or a workbook of text cells."""

import csv
import gzip
import io
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write `path` by its ending (.csv, .csv.gz, .xlsx); the same rows give the same CSV bytes."""
    if path.suffix == ".xlsx":
        _write_workbook(path, header, rows)
        return
    with path.open("wb") as target:
        # Without a time stamp and name the packed file is the same too.
        packed = gzip.GzipFile("", "wb", fileobj=target, mtime=0) if path.suffix == ".gz" else None
        text = io.TextIOWrapper(packed or target, encoding="utf-8", newline="")
        writer = csv.writer(text)
        writer.writerow(header)
        writer.writerows(rows)
        text.flush()
        text.detach()
        if packed:
            packed.close()


def _write_workbook(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    import xlsxwriter

    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(path, options) as book:
        sheet = book.add_worksheet()
        for number, cells in enumerate(chain([header], rows)):
            for column, text in enumerate(cells):
                sheet.write_string(number, column, text)
